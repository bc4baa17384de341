"""The tables of lesson 10: three models into two languages, three seeds each, and a longer training on real pairs.

Rows of data/translation.csv, translation_errors.csv and translation_agreement.csv are measured, never typed:

    python -m lmlib.translation --make zh fr                                 the village's rows
    python -m lmlib.translation --real multi30k --target de --steps 2000     a row of a real data set
"""

import time
from collections import Counter
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path

from lmlib.models.seq2seq import Seq2Seq, Seq2SeqConfig
from lmlib.models.transformer import Transformer, TransformerConfig
from lmlib.tasks.translation import load
from lmlib.text import WordTokenizer
from lmlib.training import fit
from lmlib.training.loop import validation_loss

from ..measured import read_rows, write_rows
from .batches import PairBatches, translation_loss
from .errors import AGREEMENT, errors
from .scores import scores
from .translator import Translator

DATA = Path(__file__).resolve().parents[2] / "data"
TABLE, ERRORS = DATA / "translation.csv", DATA / "translation_errors.csv"
AGREEMENTS, MOST = DATA / "translation_agreement.csv", 6  # so many sentences of each model's first seed
KINDS = ("one vector", "attention", "Transformer")
SEEDS = (0, 1, 2)
TARGETS = ("zh", "fr")  # into which languages the village is translated
STEPS, BATCH, MIN_COUNT = 350, 32, 10  # of the village's rows
CONTEXT = 256  # tokens that a Transformer can read or write


@dataclass
class Row:
    """One trained model. exact and rare are shares; rare: of all new sentences with a name that the vocabulary lacks,
    the share in which it is right, NaN where names are not known."""

    data: str
    target: str
    model: str
    seed: int
    parameters: int
    steps: int
    seconds: float
    loss: float
    bleu: float
    chrf: float
    exact: float
    rare: float
    tested: int


@dataclass
class ErrorRow:
    """The share of the tested sentences that have one kind of error."""

    target: str
    model: str
    seed: int
    kind: str
    share: float


@dataclass
class Sentence:
    """A sentence that a model translated with nothing wrong but an agreement: what it wrote, and what is right."""

    target: str
    model: str
    seed: int
    source: str
    output: str
    right: str


def tokenizer_of(pairs, min_count=MIN_COUNT):
    """One vocabulary for both languages; words seen fewer than `min_count` times are spelled."""
    texts = [text for pair in pairs for text in (pair.source, pair.target)]
    return WordTokenizer.train(texts, min_count=min_count)


def build(kind, vocab_size, seed=0, **sizes):
    """A new model of one of KINDS, as in the lesson unless sizes are given. Raises ValueError for another kind."""
    if kind == "Transformer":
        parts = {"n_layers": 2, "n_heads": 4, "d_model": 96, "hidden": 192, "norm": "pre"} | sizes
        return Transformer(TransformerConfig(vocab_size, CONTEXT, seed=seed, **parts))
    if kind not in KINDS:
        raise ValueError(f"no translator is called {kind!r}: choose one of {', '.join(KINDS)}")
    return Seq2Seq(Seq2SeqConfig(vocab_size, attention=kind == "attention", seed=seed, **sizes))


def unseen(pairs, train):
    """The pairs whose source stands in no pair of `train`: only these ask for more than memory."""
    known = {pair.source for pair in train}
    return [pair for pair in pairs if pair.source not in known]


def rare_names(pairs, tokenizer):
    """The pairs with a name that the vocabulary lacks, each with that name in the target's text."""
    found = []
    for pair in pairs:
        for link in pair.alignment or ():
            name = pair.source[slice(*link.source)]
            if link.kind == "name" and name not in tokenizer.vocabulary and f" {name}" not in tokenizer.vocabulary:
                found.append((pair, pair.target[slice(*link.target)]))
                break
    return found


@cache
def _village(target):
    """What all models of one language share: tokenizer, batches, new test pairs, and those with rare names."""
    train, test = load("village", "train", target), load("village", "test", target)
    tokenizer, new = tokenizer_of(train), unseen(test, train)
    return tokenizer, PairBatches(train, tokenizer, BATCH), new, rare_names(new, tokenizer)


def measure(kind, target, seed, steps=STEPS, every=5):
    """Train one model on the village and test it on every fifth unseen sentence: its Row, ErrorRows and Sentences."""
    tokenizer, batches, new, rare = _village(target)
    model = build(kind, len(tokenizer), seed)
    history = fit(model, batches, steps=steps, loss=translation_loss, seed=seed, progress=False)
    pairs = new[::every]
    translator = Translator(model, tokenizer)
    outputs = translator.translate([pair.source for pair in pairs])
    named = translator.translate([pair.source for pair, _ in rare])
    row = _row("village", target, kind, seed, model, history, tokenizer, pairs, outputs)
    row.rare = round(sum(name in output for (_, name), output in zip(rare, named)) / len(rare), 4)
    found = [errors(pair, output, target) for pair, output in zip(pairs, outputs)]
    counts = Counter(kind for kinds in found for kind in kinds)
    shares = [ErrorRow(target, kind, seed, name, round(n / len(pairs), 4)) for name, n in sorted(counts.items())]
    said = [
        Sentence(target, kind, seed, pair.source, output, pair.target)
        for pair, output, kinds in zip(pairs, outputs, found)
        if kinds == [AGREEMENT]
    ]
    return row, shares, said


def _row(data, target, kind, seed, model, history, tokenizer, pairs, outputs):
    found = scores(outputs, [pair.target for pair in pairs], target)
    loss = validation_loss(model, PairBatches(pairs, tokenizer, 50), translation_loss)
    return Row(
        data,
        target,
        kind,
        seed,
        model.n_parameters,
        len(history.steps),
        round(history.seconds),
        round(loss, 4),
        round(found["BLEU"], 2),
        round(found["chrF"], 2),
        round(found["exact"], 4),
        float("nan"),
        len(pairs),
    )


def measure_real(data, target, steps, seed=0, progress=True):
    """Train a larger Transformer on a real data set and test it, greedily, on the whole test split."""
    train, valid, test = (load(data, split, target) for split in ("train", "validation", "test"))
    tokenizer = tokenizer_of(train, min_count=4)
    model = build("Transformer", len(tokenizer), seed, n_layers=3, d_model=128, hidden=256, dropout=0.1)
    batches = PairBatches(train, tokenizer, 64, seed, longest=60)
    held_out = PairBatches(valid, tokenizer, 64, longest=60)
    history = fit(model, batches, held_out, steps=steps, loss=translation_loss, lr=0.01, seed=seed, progress=progress)
    outputs = Translator(model, tokenizer).translate([pair.source for pair in test])
    return _row(data, target, "Transformer", seed, model, history, tokenizer, test, outputs)


# --- the files ---


def read(path=TABLE, kind=Row):
    """The rows of a table. Raises FileNotFoundError where it was not made yet."""
    return read_rows(kind, path, "there is no such table yet: make it with `python -m lmlib.translation --make`")


def make(targets=TARGETS, say=print):
    """Measure the village's rows of these languages and write the three tables, after each model what there is.

    All other rows stay as they are.
    """
    rows, shares, sentences = [], [], []
    for target, kind, seed in product(targets, KINDS, SEEDS):
        begun = time.perf_counter()
        row, found, said = measure(kind, target, seed)
        rows.append(row)
        shares += found
        sentences += said[:MOST] if seed == SEEDS[0] else []
        say(f"{time.perf_counter() - begun:4.0f} s  {row}")
        # Read each time: --real may have added its row meanwhile.
        others = [old for old in _old(TABLE, Row) if old.data != "village" or old.target not in targets]
        write_rows(sorted(rows + others, key=_place), TABLE)
        others = [old for old in _old(ERRORS, ErrorRow) if old.target not in targets]
        write_rows(sorted(shares + others, key=lambda row: TARGETS.index(row.target)), ERRORS)
        if kept := sentences + [old for old in _old(AGREEMENTS, Sentence) if old.target not in targets]:
            write_rows(kept, AGREEMENTS)


def _old(path, kind):
    return read(path, kind) if path.exists() else []


def _place(row):
    """Where a row stands: the village's first, in the order of its languages."""
    return row.data != "village", TARGETS.index(row.target) if row.data == "village" else 0


def make_real(data, target, steps, say=print):
    """Measure one row of a real data set and put it into the table in the place of an older one."""
    row = measure_real(data, target, steps)
    say(row)
    others = [other for other in _old(TABLE, Row) if (other.data, other.target) != (data, target)]
    write_rows([*others, row], TABLE)
