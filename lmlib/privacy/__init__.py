"""Lesson 17: what a model remembers of the people in its training text, and what can be done about it."""

from . import canaries, dp, duplicates, membership, redaction
from .small import build, card, cards, learn, tokenizer

__all__ = [
    "build",
    "canaries",
    "card",
    "cards",
    "dp",
    "duplicates",
    "learn",
    "membership",
    "redaction",
    "tokenizer",
]
