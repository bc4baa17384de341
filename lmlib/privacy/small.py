"""The texts and the small model of lesson 17: cards, the first two sentences of stories, and a GPT of one layer."""

import math
from functools import cache

from .. import village
from ..models.gpt import GPT, GPTConfig
from ..text import CharTokenizer
from ..training import DocumentBatches, fit
from .canaries import ALPHABET

CONTEXT = 192  # tokens: more than any card has
BATCH, LR = 16, 0.02


def card(story):
    """The first two sentences of a story: who, where, when. About 110 characters."""
    return ". ".join(story.split(". ")[:2]).removesuffix(".") + "."


@cache
def cards(split="train"):
    """The cards of the village's stories, in their order: a tuple of texts that do not depend on each other."""
    return tuple(map(card, village.load_stories(split)))


@cache
def tokenizer():
    """Characters: those of the village, and the digits and the apostrophe of the canaries."""
    return CharTokenizer.train([*village.load_stories("train"), ALPHABET])


def build(seed=0, context=CONTEXT, d_model=64):
    """A new GPT of one layer that also glances back at its last neighbours (lesson 08)."""
    sizes = {"n_layers": 1, "n_heads": 4, "d_model": d_model, "conv_width": 4}
    return GPT(GPTConfig(len(tokenizer()), context=context, seed=seed, **sizes))


def learn(documents, epochs=3, seed=0, progress=False):
    """A model that has read the documents `epochs` times."""
    ids = [tokenizer().encode(text) for text in documents]
    model = build(seed)
    batches = DocumentBatches(ids, tokenizer().end_id, batch_size=BATCH, seed=seed, context=CONTEXT)
    steps = math.ceil(epochs * batches.steps_per_epoch)
    fit(model, batches, steps=steps, lr=LR, seed=seed, progress=progress)
    return model
