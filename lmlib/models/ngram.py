"""The n-gram language model: count what followed the last n - 1 tokens, and trust a count by how often it was seen.

How a count becomes a probability, and what a shorter context adds, is told in `smoothing`.

Counts could stand in a dictionary {context: Counter of next tokens}. Here they stand in sorted arrays, one a
level, because NumPy then counts and looks up millions of tokens at once. Level n holds every n-gram that was
seen, as one whole number, its key:

    key(c w) = number(c) * vocab_size + w

where number(c) is the place of c in level n - 1. So the n-grams that share a context stand side by side.
"""

from dataclasses import dataclass

import numpy as np

from .smoothing import SMOOTHINGS, best_lambdas, continuation_counts, discount, mix

NEVER = -1  # the number of an n-gram that was not seen


@dataclass
class Level:
    """All n-grams of one length: `keys` ascending, how often each was seen, and sums for each context."""

    keys: np.ndarray  # (n_grams,)
    counts: np.ndarray  # (n_grams,)
    totals: np.ndarray  # (n_contexts,) count(c)
    types: np.ndarray  # (n_contexts,) types(c)
    share: float = 0.0  # lam (N.2) or D (N.4)

    @classmethod
    def count(cls, keys, n_contexts, vocab_size):
        """Count a list of keys. The second result is the number of each n-gram in the list."""
        keys, numbers, counts = np.unique(keys, return_inverse=True, return_counts=True)
        contexts = keys // vocab_size
        totals = np.bincount(contexts, counts, n_contexts)
        return cls(keys, counts, totals, np.bincount(contexts, minlength=n_contexts)), numbers

    def recount(self, counts, vocab_size):
        """Put other counts in the place of those of the text."""
        self.counts = counts
        self.totals = np.bincount(self.keys // vocab_size, counts, len(self.totals))

    def find(self, keys):
        """The number of each n-gram, or NEVER."""
        places = np.searchsorted(self.keys, keys)
        known = np.append(self.keys, NEVER)  # a key above all others is looked for behind the last one
        return np.where(known[places] == keys, places, NEVER)


class NGram:
    """A language model that sees `order` - 1 tokens; order 1 sees none, order 0 knows nothing (all alike).

    Every document is read on its own: it begins after the mark `end_id` and ends with it.
    smoothing: "witten-bell", "add-one", "interpolation" or "kneser-ney", see `smoothing`.
    lam: the share of the shorter context in "interpolation", the same at all levels, unless `fit` finds better
        ones on held-out documents. At 0 nothing is smoothed.
    discount: D of "kneser-ney" at all levels; by default each level's own, from its counts.
    Raises ValueError for an order below 0, another smoothing, and for lam or discount outside of 0 to 1.
    """

    def __init__(self, order, vocab_size, end_id, smoothing="witten-bell", lam=0.5, discount=None):
        if order < 0:
            raise ValueError(f"the order of an n-gram model is 0 or more, not {order}")
        if smoothing not in SMOOTHINGS:
            raise ValueError(f"no smoothing is called {smoothing!r} here: choose one of {', '.join(SMOOTHINGS)}")
        if not (0 <= lam <= 1 and 0 <= (discount or 0) <= 1):
            raise ValueError(f"lam ({lam}) and discount ({discount}) are shares of 1: choose them between 0 and 1")
        self.order, self.vocab_size, self.end_id, self.smoothing = order, vocab_size, end_id, smoothing
        self.lam, self.discount = lam, discount
        self.levels = []

    def fit(self, documents, held_out=None):
        """Count the documents, each a list of ids; returns self. An earlier `fit` is forgotten.

        held_out: other documents, on which "interpolation" finds the best lam of each level; the other smoothings
            have no use for them.
        Raises ValueError without documents, and for an id that is not below vocab_size.
        """
        ids, age = self._row(documents)
        self.levels = []
        contexts, n_contexts = np.zeros(len(ids), int), 1  # before each token: at first only the empty context
        shorter = None  # the number of the n-gram of the level below that ends at each place
        for n in range(1, self.order + 1):
            here = np.flatnonzero((age > 0) & (contexts != NEVER))
            keys = contexts[here] * self.vocab_size + ids[here]
            level, numbers = Level.count(keys, n_contexts, self.vocab_size)
            ending = np.full(len(ids), NEVER)
            ending[here] = numbers
            if self.smoothing == "kneser-ney" and n > 1:
                suffixes = np.empty(len(level.keys), int)
                suffixes[numbers] = shorter[here]  # each n-gram without its first token
                openings = shorter[(age == n - 2) & (age > 0)]  # those of n - 1 tokens whose first is a start mark
                below = self.levels[-1]
                below.recount(continuation_counts(suffixes, openings, len(below.keys)), self.vocab_size)
            self.levels.append(level)
            contexts, shorter = _move_on(n, ids, ending), ending
            n_contexts = self.vocab_size if n == 1 else len(level.keys)
        for level in self.levels:
            level.share = self.lam if self.smoothing == "interpolation" else self.discount
            if level.share is None:
                level.share = discount(level.counts)
        if held_out is not None and self.smoothing == "interpolation":
            self._find_lambdas(held_out)
        return self

    def _find_lambdas(self, documents):
        """Every level's lam, from what the levels say about documents that were not counted."""
        ids, age = self._row(documents)
        ml, seen = np.zeros((self.order, len(ids))), np.zeros((self.order, len(ids)), bool)
        for n, (_, here, count, total, _) in enumerate(self._look_up(ids, age)):
            seen[n, here] = total > 0
            ml[n, here] = count / np.maximum(total, 1)
        for level, lam in zip(self.levels, best_lambdas(ml[:, age > 0], seen[:, age > 0], 1 / self.vocab_size)):
            level.share = lam

    def _row(self, documents):
        """All documents in one row, with marks: the ids, and how many tokens of its document precede each."""
        marked = [np.array([self.end_id, *ids, self.end_id]) for ids in documents]
        if not marked:
            raise ValueError("there are no documents to count: give at least one list of ids")
        ids = np.concatenate(marked)
        if ids.min() < 0 or ids.max() >= self.vocab_size:
            raise ValueError(
                f"the documents hold the id {ids.max() if ids.min() >= 0 else ids.min()}, but the model's ids are "
                f"0 to {self.vocab_size - 1}: build it with the vocab_size of the tokenizer"
            )
        return ids, np.concatenate([np.arange(len(m)) for m in marked])

    def _look_up(self, ids, age):
        """For each level: itself, the places whose context was seen, and what was counted there."""
        contexts = np.zeros(len(ids), int)
        for n, level in enumerate(self.levels, start=1):
            here = np.flatnonzero((age > 0) & (contexts != NEVER))
            context = contexts[here]
            numbers = level.find(context * self.vocab_size + ids[here])
            count = np.where(numbers == NEVER, 0, np.append(level.counts, 0)[numbers])
            yield level, here, count, level.totals[context], level.types[context]
            ending = np.full(len(ids), NEVER)
            ending[here] = numbers
            contexts = _move_on(n, ids, ending)

    def log_probabilities(self, documents):
        """ln p of every token given its document so far, end marks included: one array for each document."""
        ids, age = self._row(documents)
        p = np.full(len(ids), 1 / self.vocab_size)
        for level, here, count, total, types in self._look_up(ids, age):
            p[here] = self._mix(level, count, total, types, p[here])
        starts = np.flatnonzero(age == 0)
        with np.errstate(divide="ignore"):  # without smoothing p can be 0
            return [part[1:] for part in np.split(np.log(p), starts[1:])]

    def _mix(self, level, count, total, types, p):
        """One step from the prediction p of the level below to that of `level`."""
        if self.smoothing == "add-one" and level is not self.levels[-1]:
            return p  # no shorter contexts
        return mix(self.smoothing, count, total, types, p, level.share, self.vocab_size)

    def next_probabilities(self, ids):
        """p of every token after `ids`, (vocab_size,). A document begins with `end_id`, so ids should too."""
        p = np.full(self.vocab_size, 1 / self.vocab_size)
        for n, level in enumerate(self.levels, start=1):
            context = self._number(ids[len(ids) - n + 1 :]) if n <= len(ids) + 1 else NEVER
            if context == NEVER:
                break  # what was never seen was never seen with more before it
            first, last = np.searchsorted(level.keys, [context * self.vocab_size, (context + 1) * self.vocab_size])
            count = np.zeros(self.vocab_size)
            count[level.keys[first:last] - context * self.vocab_size] = level.counts[first:last]
            p = self._mix(level, count, level.totals[context], level.types[context], p)
        return p

    def _number(self, context):
        """The number of a context (a list of ids), or NEVER."""
        if len(context) < 2:
            return context[0] if context else 0
        number = context[0]
        for level, token in zip(self.levels[1:], context[1:]):
            number = level.find(np.array([number * self.vocab_size + token]))[0]
            if number == NEVER:
                break
        return number

    @property
    def n_parameters(self):
        """How many counts the model keeps."""
        return sum(len(level.keys) for level in self.levels)


def _move_on(n, ids, ending):
    """The contexts of n tokens before each place, from the numbers of the n-grams that are `ending` there.

    One token is numbered by its id, so that the mark at a document's start is a context like any other.
    """
    return np.roll(ids if n == 1 else ending, 1)
