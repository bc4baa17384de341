"""Membership inference: was this document in the training text? A threshold on a score, and what it is worth.

Yeom et al. 2018: the loss is the score. Carlini et al. 2022, "Membership inference attacks from first principles":
a document can have a small loss because it is easy, so what counts is how much smaller it is than without training on
it; and an attack is judged by how many members it finds while it hardly ever accuses a stranger.
"""

import numpy as np

from ..metrics import token_nats


def losses(model, tokenizer, documents):
    """The loss of each document, in nats per character (end mark counted as one): an array."""
    return np.array([nats.mean() for nats in token_nats(model, tokenizer, documents, batch_size=64)])


def roc(members, others):
    """The ROC curve of a score that should be larger for members: false and true positive rates, two arrays.

    One point for each threshold that can be told apart, from nobody accused (0, 0) to everybody (1, 1), as (17.3).
    Raises ValueError where one side is empty.
    """
    members, others = np.asarray(members, float), np.asarray(others, float)
    if not members.size or not others.size:
        raise ValueError("an attack is judged on members and on others: give at least one of each")
    thresholds = np.unique(np.concatenate((members, others)))[::-1]
    true = [0.0, *((members >= t).mean() for t in thresholds)]
    false = [0.0, *((others >= t).mean() for t in thresholds)]
    return np.array(false), np.array(true)


def area(members, others):
    """The area under the ROC curve: how often a member scores higher than another, equal scores counting half."""
    members, others = np.asarray(members, float), np.asarray(others, float)
    difference = members[:, None] - others[None]
    return float((difference > 0).mean() + 0.5 * (difference == 0).mean())


def found_at(members, others, false_positives=0.01):
    """The largest true positive rate with at most this share of others accused, (17.4)."""
    false, true = roc(members, others)
    return float(true[false <= false_positives].max())
