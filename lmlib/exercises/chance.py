"""What the lessons' exercises share: small arguments drawn by lot, and one formula that several need on the way."""

import numpy as np


def draw(rng, *shape):
    """Normal numbers with two decimals, short enough to be read in a message."""
    return rng.normal(size=shape).round(2)


def pick(rng, items):
    """One of the items as it is: `rng.choice` would make a NumPy value of it."""
    return items[int(rng.integers(len(items)))]


def softmax(scores, axis=-1):
    """The shares of an array of scores along an axis."""
    raised = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return raised / raised.sum(axis=axis, keepdims=True)
