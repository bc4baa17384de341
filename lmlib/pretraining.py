"""Pre-train the village's BERT and let it fill gaps.

`python -m lmlib.pretraining --ship` writes the two checkpoints of lesson 14, one that reads both sides and one that
reads the left side alone: the same network, the same texts, the same steps.
"""

import argparse
import sys
from functools import cache, partial

import numpy as np
import torch
from scipy.sparse import csr_matrix

from .fetch import cache_folder
from .models.attention import causal_mask
from .models.bert import BertConfig, MaskedBatches, MaskedLM, masked_loss, one_sided_loss
from .tasks import sentiment
from .text.bert import MASK, BertTokenizer
from .training import fit
from .training.checkpoint import SHIPPED, load_checkpoint, load_shipped, save_checkpoint
from .village import opinions

SIDES = ("left side", "both sides")
CHECKPOINTS = {"both sides": "village-bert", "left side": "village-bert-left"}
TEXTS = 30_000  # unlabelled opinions
SIZES = {"n_layers": 2, "d_model": 64, "n_heads": 4}
STEPS, BATCH, LR = 3600, 16, 0.002  # of AdamW
SHARE = 0.4  # of the words are hidden: more than BERT's 0.15, so that a short training sees enough gaps
GAP = "___"  # how people write one
GOOD, BAD = (set(words) for words in (opinions.GOOD + opinions.NEW_GOOD, opinions.BAD + opinions.NEW_BAD))


@cache
def texts(n=TEXTS):
    """What is read before anybody gives a label: opinions without verdicts, none of them in a labelled split."""
    return opinions.unlabelled(n)


@cache
def tokenizer():
    """The words of the unlabelled opinions."""
    return BertTokenizer.train(texts())


def word_vectors(rows, words, d_model):
    """Lesson 02's vectors, one for each token, (tokens, d_model): PPMI of the words of one text, and its SVD.

    Each has length 1; tokens that no text has, and special ones, get zeros. rows: texts as lists of ids.
    """
    pairs = np.array([(text, id) for text, row in enumerate(rows) for id in set(row) - set(words.special_ids)])
    shape = (len(rows), len(words))
    stands = csr_matrix((np.ones(len(pairs)), pairs.T), shape=shape)  # (texts, tokens): is it there?
    together = (stands.T @ stands).toarray()
    np.fill_diagonal(together, 0)
    seen = together.sum(1)
    expected = np.outer(seen, seen) / max(1.0, seen.sum())
    ppmi = np.log(np.maximum(together, expected) / np.where(expected > 0, expected, 1), where=expected > 0,
                  out=np.zeros_like(expected))  # fmt: skip
    u, s, _ = np.linalg.svd(ppmi)
    vectors = u[:, :d_model] * np.sqrt(s[:d_model])
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors = np.where(length > 1e-6, vectors / np.maximum(length, 1e-6), 0.0)
    vectors[seen == 0] = 0.0
    return torch.tensor(vectors, dtype=torch.float)


@cache
def _rows():
    return [tokenizer().encode(text) for text in texts()]


@torch.no_grad()
def start_from_counts(bert, rows=None):
    """Put counted word vectors into a `Bert`'s token table, as long as its random ones are; returns it.

    A large BERT finds such vectors by itself, in days. Ours has two minutes.
    """
    vectors = word_vectors(_rows() if rows is None else rows, tokenizer(), bert.config.d_model)
    table, known = bert.token.weight, vectors.any(1)
    table[known] = vectors[known] * table.norm(dim=1).mean()
    return bert


def pretrain(sides="both sides", steps=STEPS, seed=0, progress=False):
    """(a `MaskedLM`, its training's history) after so many steps on the unlabelled opinions.

    "both sides": hidden words are guessed from all the others. "left side": the next word is guessed from those
    before it, by the same network. Raises KeyError for other sides.
    """
    one_sided, loss = {"both sides": (False, masked_loss), "left side": (True, one_sided_loss)}[sides]
    words = tokenizer()
    model = MaskedLM(BertConfig(len(words), pad_id=words.pad_id, seed=seed, **SIZES))
    start_from_counts(model.bert)
    valid = [example.text for example in sentiment.load("village", "validation")[:200]]
    batches = [
        MaskedBatches(rows, words, size, seed, share=SHARE, one_sided=one_sided)
        for rows, size in ((_rows(), BATCH), ([words.encode(text) for text in valid], 64))
    ]
    how = {"optimizer": "adamw", "lr": LR, "loss": loss, "seed": seed, "progress": progress, "keep_best": False}
    history = fit(model, *batches, steps=steps, **how)
    return model, history


def load(sides="both sides"):
    """(model, tokenizer) as shipped. Raises CheckpointError where the file is missing or damaged."""
    model, words, _ = load_shipped(CHECKPOINTS[sides])
    return model, words


def with_seed(sides, seed):
    """The model of a seed: seed 0 is shipped; others are trained once, and kept in the cache folder."""
    if seed == 0:
        return load(sides)[0]
    folder = cache_folder() / "lesson-14" / f"{CHECKPOINTS[sides]}-{STEPS}-steps-seed-{seed}"
    if not (folder / "state.json").exists():
        save_checkpoint(folder, pretrain(sides, seed=seed)[0], tokenizer())
    return load_checkpoint(folder)[0]


# --- filling gaps --------------------------------------------------------------------------------------------


class Filler:
    """A model that fills gaps: `law(text)` gives the words and their probabilities at the gap ___ of a text."""

    def __init__(self, model, tokenizer, sides="both sides"):
        self.model, self.tokenizer, self.sides = model, tokenizer, sides

    @torch.inference_mode()
    def laws(self, rows, places):
        """The law at a place of each row of ids, whatever stands there: (rows, tokens), special tokens left out."""
        pad, places = self.tokenizer.pad_id, torch.tensor(places)
        ids = torch.nn.utils.rnn.pad_sequence(list(map(torch.tensor, rows)), batch_first=True, padding_value=pad)
        each = torch.arange(len(ids))
        if self.sides == "left side":  # the token before the place says what comes next; it sees nothing behind
            x = self.model.bert(ids, mask=causal_mask(ids.size(1)))[each, places - 1]
        else:
            ids[each, places] = self.tokenizer.mask_id
            x = self.model.bert(ids)[each, places]
        scores = self.model.scores(x)
        scores[:, self.tokenizer.special_ids] = -torch.inf
        return scores.softmax(-1)

    def law(self, text):
        """(words, their probabilities, a numpy array) at the gap.

        Raises ValueError, in a sentence for the reader, unless there is one gap, and room for the text.
        """
        if text.count(GAP) != 1:
            raise ValueError(f"this text has {text.count(GAP)} gaps: write {GAP} in the place of one word")
        ids = self.tokenizer.encode(text.replace(GAP, f" {MASK} "))
        longest = self.model.config.context
        if len(ids) > longest:
            raise ValueError(
                f"this text has {len(ids) - 2} words and marks, the model reads {longest - 2}: shorten it"
            )
        law = self.laws([ids], [ids.index(self.tokenizer.mask_id)])[0]
        return [self.tokenizer.token(i) for i in range(len(law))], law.numpy()


def adjective_gaps(examples, words):
    """(ids, place, is it praise) of each text that says what was good or bad at least twice: its first such word."""
    found = []
    for example in examples:
        ids = words.encode(example.text)
        places = [i for i, id in enumerate(ids) if words.token(id) in GOOD | BAD]
        if len(places) > 1:
            found.append((ids, places[0], words.token(ids[places[0]]) in GOOD))
    return found


def praise_in(law, words):
    """Of the probability of all words of praise and blame, the share of praise: law (..., tokens) -> (...)."""
    good, bad = (
        [words.vocabulary.id(word) for word in sorted(some) if word in words.vocabulary] for some in (GOOD, BAD)
    )
    return law[..., good].sum(-1) / (law[..., good].sum(-1) + law[..., bad].sum(-1))


def in_batches(filler, gaps, size=128):
    """The laws at (ids, place, ...) gaps, a batch at a time: (gaps, tokens)."""
    parts = [gaps[i : i + size] for i in range(0, len(gaps), size)]
    return torch.cat([filler.laws([gap[0] for gap in part], [gap[1] for gap in part]) for part in parts])


# --- the checkpoints ------------------------------------------------------------------------------------------------


def ship(sides, say=print):
    """Pre-train with the first seed and write the checkpoint; returns the model."""
    model, history = pretrain(sides)
    facts = {
        "step": history.steps[-1],
        "corpus": f"{TEXTS} unlabelled opinions of the village",
        "validation": {"nats": round(history.valid_loss[-1], 4)},
        "command": "python -m lmlib.pretraining --ship",
    }
    save_checkpoint(SHIPPED / CHECKPOINTS[sides], model, tokenizer(), **facts)
    say(f"{sides}: {model.n_parameters:,} numbers, {history.seconds:.0f} s, {history.valid_loss[-1]:.3f} nats")
    return model


def main(argv=None):
    """`python -m lmlib.pretraining --ship`: pre-train and write the checkpoints."""
    parser = argparse.ArgumentParser("python -m lmlib.pretraining", description=__doc__.splitlines()[0])
    parser.add_argument("--ship", nargs="*", metavar="SIDES", help="pre-train, write the checkpoints; default: both")
    options = parser.parse_args(argv)
    torch.set_num_threads(1)  # the tensors are small: a second thread only costs time
    for sides in () if options.ship is None else options.ship or SIDES:
        ship(sides, partial(print, file=sys.stderr, flush=True))


if __name__ == "__main__":
    main()
