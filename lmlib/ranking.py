"""How good is a list of recommendations? Ranks among all items, hit rate, NDCG, and what the lists have in common.

An item's rank is its place, counted from 1, when all items that the user does not have yet are sorted by score. What
she has is left out. An item with the same score as the right one counts as before it: whoever gives all items one
score gets no hit for it.
"""

import numpy as np


def ranks(scores, targets, seen=None):
    """The rank of the right item in each row, counted from 1: (n,).

    scores: (n, items). targets: (n,), the right item of each row. seen: for each row the items that are left out;
    None leaves out none. Raises ValueError where shapes do not fit, a score is not a number, or a right item is left
    out.
    """
    scores, targets = np.asarray(scores, dtype=float), np.asarray(targets)
    if scores.ndim != 2 or targets.shape != (len(scores),):
        raise ValueError(f"scores {scores.shape} and targets {targets.shape} do not fit: give (n, items) and (n,)")
    if np.isnan(scores).any():
        raise ValueError("some scores are no number: look for nan in them")
    right = scores[np.arange(len(scores)), targets]
    before = scores >= right[:, None]  # the right item itself is among them: that makes ranks count from 1
    if seen is not None:
        for row, (items, target) in enumerate(zip(seen, targets)):
            if target in items:
                raise ValueError(f"row {row}: the right item {target} is among those that are left out")
            before[row, list(items)] = False
    return before.sum(axis=1)


def hit_rate(ranks, k=10):
    """The share of ranks among the first k, (13.1)."""
    return float(np.mean(np.asarray(ranks) <= k))


def ndcg(ranks, k=10):
    """Normalised discounted cumulative gain with one right item, (13.2): the mean of 1 / log2(1 + rank), 0 beyond k.

    Järvelin and Kekäläinen 2002; with one right item the ideal list has the gain 1, so nothing is left to divide by.
    """
    ranks = np.asarray(ranks)
    return float(np.mean(np.where(ranks <= k, 1 / np.log2(1 + ranks), 0.0)))


def standard_error(values):
    """Of the mean of independent values: their standard deviation over the root of their number."""
    values = np.asarray(values, dtype=float)
    return float(values.std(ddof=1) / np.sqrt(len(values)))


def top(scores, seen=None, k=10):
    """The k items with the highest scores in each row, best first: (n, k). Of equal scores the lower number is first.

    Raises ValueError where fewer than k items are left in a row.
    """
    scores = np.array(scores, dtype=float)
    if seen is not None:
        for row, items in enumerate(seen):
            if len(set(items)) > scores.shape[1] - k:
                raise ValueError(f"row {row}: fewer than {k} items are left to recommend")
            scores[row, list(items)] = -np.inf
    return np.argsort(-scores, axis=1, kind="stable")[:, :k]


def expected_hit_rate(lists, probabilities):
    """The hit rate that luck would give in the long run: the mean over rows of the probabilities of the listed items.

    lists: (n, k) items; probabilities: (n, items), the truth. No list of k items beats the k most probable ones.
    """
    return float(np.take_along_axis(np.asarray(probabilities), np.asarray(lists), axis=1).sum(axis=1).mean())


def coverage(lists, n_items):
    """The share of all items that stand in at least one list."""
    return len(np.unique(lists)) / n_items


def share_of(lists, items):
    """The share of all recommended places that go to these items."""
    return float(np.isin(lists, list(items)).mean())
