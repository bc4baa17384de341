"""Handwritten digits as tokens: a GPT that draws a digit when it is told which, and reads one by Bayes' rule.

The 1,797 pictures of 8 x 8 pixels that come with scikit-learn, each pixel a number from 0 to 16. A document is a
label and the 64 pixels behind it, row by row; so the GPT learns p(pixels | label), and

    p(label | pixels) = p(pixels | label) p(label) / p(pixels)

tells which label fits best. Thirteen people wrote them, and neighbours often seem to be of one hand (at random
the split is much easier): the first 1,437 are for learning, the last 360 for the test.
"""

from functools import cache
from pathlib import Path

import numpy as np
import torch

from ..models.gpt import GPT, GPTConfig
from ..training import fit
from ..training.checkpoint import SHIPPED, load_checkpoint

LEVELS, LABELS, SIDE = 17, 10, 8
N_PIXELS = SIDE**2
TRAIN = 1437  # pictures, the first ones
SIZES = {"n_layers": 3, "n_heads": 4, "d_model": 64, "conv_width": 3, "dropout": 0.2}
STEPS, BATCH, HELD = 250, 32, 137  # HELD: the last of the training pictures, to choose the best step
NAME = "digits-gpt"


@cache
def load_digits():
    """The pictures and labels to learn from, and those of the test: int64 (1437, 64), (1437,), (360, 64), (360,)."""
    from sklearn import datasets

    found = datasets.load_digits()
    pixels, labels = found.data.astype(np.int64), found.target.astype(np.int64)
    return pixels[:TRAIN], labels[:TRAIN], pixels[TRAIN:], labels[TRAIN:]


def documents(pixels, labels):
    """The stream: ids (n, 65), the label (17 to 26) first, then the pixels (0 to 16)."""
    return torch.from_numpy(np.concatenate((LEVELS + np.asarray(labels)[:, None], pixels), axis=1))


class DigitBatches:
    """Batches for `fit`: what is read (batch, 64), the label and all pixels but the last; and the 64 pixels."""

    def __init__(self, pixels, labels, batch_size=BATCH, seed=0):
        self.ids, self.batch_size, self.seed = documents(pixels, labels), batch_size, seed

    @property
    def steps_per_epoch(self):
        return -(-len(self.ids) // self.batch_size)

    def batch(self, step):
        chance = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        ids = self.ids[torch.randint(len(self.ids), (self.batch_size,), generator=chance)]
        return ids[:, :-1], ids[:, 1:]

    def all_batches(self):
        for ids in self.ids.split(128):
            yield ids[:, :-1], ids[:, 1:]


def train(seed=0, steps=STEPS, progress=False, **sizes):
    """(model, history): trained on the first pictures; the last of those choose the best step."""
    pixels, labels, _, _ = load_digits()
    model = GPT(GPTConfig(LEVELS + LABELS, context=N_PIXELS + 1, seed=seed, **SIZES | sizes))
    batches = DigitBatches(pixels[:-HELD], labels[:-HELD], seed=seed)
    live = DigitBatches(pixels[-HELD:], labels[-HELD:])
    return model, fit(model, batches, live, steps=steps, seed=seed, weight_decay=0.1, progress=progress)


def load(folder=SHIPPED / NAME):
    """The model and the facts of a checkpoint; default: the one that comes with the course."""
    model, _, state = load_checkpoint(Path(folder))
    return model, state


@torch.inference_mode()
def log_likelihoods(model, pixels, batch_size=400):
    """ln p(pixels | label) of every picture (n, 64) and each of the ten labels: (n, 10)."""
    pixels, found = np.asarray(pixels), []
    for label in range(LABELS):
        ids = documents(pixels, np.full(len(pixels), label))
        parts = []
        for part in ids.split(batch_size):
            law = model(part[:, :-1])[..., :LEVELS].log_softmax(-1)  # a pixel is never a label
            parts.append(law.gather(-1, part[:, 1:, None])[..., 0].sum(1))
        found.append(torch.cat(parts))
    return torch.stack(found, dim=1).double().numpy()


def classify(log_p):
    """The label that fits best, from `log_likelihoods`; all labels are equally likely before."""
    return log_p.argmax(1)


def bits_per_pixel(log_p):
    """The mean surprise of a pixel, whatever the label: p(pixels) is the mean over the labels."""
    whole = np.logaddexp.reduce(log_p, axis=1) - np.log(LABELS)
    return float(-whole.mean() / N_PIXELS / np.log(2))


@torch.inference_mode()
def draw(model, labels, seed=0, temperature=1.0):
    """A picture for each label, pixel after pixel: int64 (n, 64)."""
    chance, cache = torch.Generator().manual_seed(seed), model.new_cache()
    new, pixels = LEVELS + torch.as_tensor(labels)[:, None], []
    for _ in range(N_PIXELS):
        law = (model(new, cache)[:, -1, :LEVELS] / temperature).softmax(-1)
        new = torch.multinomial(law, 1, generator=chance)
        pixels.append(new)
    return torch.cat(pixels, dim=1).numpy()


class Tables:
    """Two laws of pixels that were counted: each alone, or each behind its left neighbour; one table for each label.

    log p(pixels | label) as the GPT has it, so that the same rule makes classifiers of them. Each count begins at
    `start`, for what never came (Laplace).
    """

    def __init__(self, pixels, labels, neighbour=False, start=0.1):
        self.neighbour = neighbour
        self.counts = np.full((LABELS, N_PIXELS, LEVELS if neighbour else 1, LEVELS), start)
        for label, place, before, pixel in self._keys(pixels, labels):
            np.add.at(self.counts, (label, place, before, pixel), 1)
        self.law = np.log(self.counts / self.counts.sum(-1, keepdims=True))

    def _keys(self, pixels, labels):
        pixels = np.asarray(pixels)
        for place in range(N_PIXELS):
            before = pixels[:, place - 1] if self.neighbour and place else np.zeros(len(pixels), dtype=int)
            yield np.asarray(labels), place, before, pixels[:, place]

    def log_likelihoods(self, pixels):
        """ln p(pixels | label), (n, 10)."""
        whole = np.zeros((len(pixels), LABELS))
        for label in range(LABELS):
            for key in self._keys(pixels, np.full(len(pixels), label)):
                whole[:, label] += self.law[key]
        return whole
