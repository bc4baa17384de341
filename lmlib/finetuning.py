"""Fine-tune the village's BERT on few labels: the table of lesson 14.

Rows of data/finetuning.csv are measured, never typed: `python -m lmlib.finetuning --make` takes 20, 200 and 2,000
labelled opinions, three times others, and teaches each method with them. Every seed has its own pre-training, its
own labels and its own start.
"""

import argparse
import copy
import random
import sys
from collections import defaultdict
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import mean

import torch
from sklearn.linear_model import LogisticRegression

from . import pretraining
from .measured import read_rows, write_rows
from .models.bert import Bert, BertClassifier
from .models.classifier import LabelledBatches, label_loss
from .models.lora import add_lora, trained
from .models.minilm import mean_vector
from .praise import by_kind
from .tasks import sentiment
from .tasks.classify import Classifier, Counted
from .text.bert import pieces
from .training import fit

TABLE = Path(__file__).resolve().parents[1] / "data" / "finetuning.csv"
SEEDS = (0, 1, 2)
LABELS = (20, 200, 2000)
STEPS = {20: 40, 200: 80, 2000: 160}  # batches of at most 32 texts, for every network alike
LR = {"from scratch": 1e-3, "word vectors": 1e-3, "full": 1e-3, "LoRA": 5e-3}
METHODS = ("counts of words", "from scratch", "word vectors", "frozen", "full")  # in the order of the table
RANK, ALPHA = 4, 8.0
KINDS = ("plain", "negation")  # of opinions: those whose words decide; twins (lesson 11) need labels by the thousand
TESTED = 600  # of their test opinions, for the time


def some_labels(n, seed):
    """n labelled opinions of KINDS from the training split, drawn by lot."""
    return random.Random(seed).sample([e for e in sentiment.load("village", "train") if e.kind in KINDS], n)


def test_opinions():
    """The first TESTED opinions of KINDS of the test split."""
    return [e for e in sentiment.load("village", "test") if e.kind in KINDS][:TESTED]


class Tuned(Classifier):
    """A `BertClassifier` with its tokenizer: `logits(texts)`, `probabilities(texts)`, as in lesson 11."""

    words = staticmethod(pieces)

    def __init__(self, model, tokenizer):
        self.model, self.tokenizer = model, tokenizer

    @torch.inference_mode()
    def logits(self, texts):
        """The logarithm of the odds of praise, a numpy array."""
        rows = [self.tokenizer.encode(text, self.model.config.context) for text in texts]
        batches = LabelledBatches(rows, [0] * len(rows), self.tokenizer.pad_id, 128)
        return torch.cat([self.model(ids) for ids, _ in batches.all_batches()]).double().numpy()


class Frozen(Classifier):
    """Logistic regression on what a frozen encoder gives: the mean of its vectors, or that of [CLS]."""

    words = staticmethod(pieces)

    def __init__(self, bert, tokenizer, C=10.0, cls=False):
        self.bert, self.tokenizer, self.cls = bert, tokenizer, cls
        self.regression = LogisticRegression(C=C, max_iter=2000)

    @torch.inference_mode()
    def vectors(self, texts):
        """(texts, d_model), a numpy array."""
        rows = [self.tokenizer.encode(text, self.bert.config.context) for text in texts]
        found = []
        for ids, _ in LabelledBatches(rows, [0] * len(rows), self.tokenizer.pad_id, 128).all_batches():
            x = self.bert(ids)
            found.append(x[:, 0] if self.cls else mean_vector(x, ids != self.tokenizer.pad_id))
        return torch.cat(found).double().numpy()

    def fit(self, examples):
        self.regression.fit(self.vectors([e.text for e in examples]), [e.label for e in examples])
        return self

    def logits(self, texts):
        """The logarithm of the odds of praise, a numpy array."""
        return self.regression.decision_function(self.vectors(texts))


def learn(method, bert, tokenizer, examples, *, steps=None, lr=None, seed=0, progress=False):
    """A classifier taught by some labelled examples; `bert` itself stays as it is.

    method: one of METHODS, or "LoRA". "from scratch" starts from a network of bert's sizes that has read nothing,
    "word vectors" from one that has a table of counted vectors and nothing else; "full" and "LoRA" start from a copy
    of bert, and train all of it, or two thin matrices a layer and the head. No validation data is used to stop: with
    20 labels nobody has any. Raises KeyError for another method.
    """
    if method == "counts of words":
        return Counted(1).fit([e.text for e in examples], [e.label for e in examples])
    if method == "frozen":
        return Frozen(bert, tokenizer).fit(examples)
    lr = lr or LR[method]
    if method in ("from scratch", "word vectors"):
        start = Bert(replace(bert.config, seed=seed))
        if method == "word vectors":
            pretraining.start_from_counts(start)
    else:
        start = copy.deepcopy(bert)
    if method == "LoRA":
        add_lora(start, RANK, ALPHA, seed=seed)
    model = BertClassifier(start, seed=seed)
    rows = [tokenizer.encode(e.text, bert.config.context) for e in examples]
    batches = LabelledBatches(rows, [e.label for e in examples], tokenizer.pad_id, min(32, len(rows)), seed)
    tuned = Tuned(model, tokenizer)
    tuned.trained = trained(model)
    tuned.history = fit(
        model, batches, steps=steps or STEPS[len(rows)], optimizer="adamw", lr=lr, loss=label_loss, seed=seed,
        progress=progress,
    )  # fmt: skip
    return tuned


# --- the table -----------------------------------------------------------------------------------------------


@dataclass
class Row:
    """One method, taught once with so many labels, on one kind of test opinions."""

    method: str
    labels: int
    seed: int
    kind: str
    accuracy: float


def measure(seeds=SEEDS, labels=LABELS, say=print):
    """Teach every method with every number of labels, once for each seed: a list of rows."""
    rows, test = [], test_opinions()
    for seed in seeds:
        bert, words = pretraining.with_seed("both sides", seed).bert, pretraining.tokenizer()
        for n in labels:
            examples = some_labels(n, seed)
            for method in METHODS:
                found = by_kind(learn(method, bert, words, examples, seed=seed), test)
                found["all"] = found.pop("all")
                rows += [Row(method, n, seed, kind, round(share, 4)) for kind, share in found.items()]
                say(f"seed {seed}, {n} labels, {method}: {rows[-1].accuracy:.3f}")
    return sorted(rows, key=lambda row: METHODS.index(row.method))


def read(path=TABLE, **only):
    """The rows of the table; `only` names fields and values, as in read(method="full", kind="all").

    Raises FileNotFoundError where the table was not made yet.
    """
    return read_rows(Row, path, "there is no table yet: make it with `python -m lmlib.finetuning --make`", **only)


def accuracies(rows):
    """{(method, labels, kind): accuracies of all seeds}, in the order of the rows."""
    found = defaultdict(list)
    for row in rows:
        found[row.method, row.labels, row.kind].append(row.accuracy)
    return dict(found)


def text(rows, kind="all"):
    """One kind's rows as a table to print: a line a method, a column a number of labels, mean ± half the range."""
    found = accuracies(rows)
    lines = [f"{kind:18}" + "".join(f"{f'{n:,} labels':>18}" for n in LABELS)]
    for method in METHODS:
        cells = [found.get((method, n, kind), ()) for n in LABELS]
        shown = [f"{mean(v):.3f} ± {(max(v) - min(v)) / 2:.3f}" if v else "" for v in cells]
        lines.append((f"{method:18}" + "".join(f"{cell:>18}" for cell in shown)).rstrip())
    return "\n".join(lines)


def main(argv=None):
    """`python -m lmlib.finetuning`: print the table; with --make, measure it and write it."""
    parser = argparse.ArgumentParser("python -m lmlib.finetuning", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--make",
        nargs="*",
        type=int,
        metavar="SEED",
        help="teach every method, write the table; default: all",
    )
    parser.add_argument("--labels", nargs="*", type=int, default=LABELS, help="only with so many labels")
    options = parser.parse_args(argv)
    if options.make is not None:
        torch.set_num_threads(1)  # the tensors are small: a second thread only costs time
        seeds = options.make or SEEDS
        rows = measure(seeds, options.labels, partial(print, file=sys.stderr, flush=True))
        others = read() if TABLE.exists() else []
        others = [row for row in others if row.seed not in seeds or row.labels not in options.labels]
        write_rows(sorted([*others, *rows], key=lambda row: (METHODS.index(row.method), row.labels, row.seed)), TABLE)
    for kind in ("all", *KINDS):
        print(text(read(), kind), end="\n\n")


if __name__ == "__main__":
    main()
