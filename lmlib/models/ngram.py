"""The n-gram language model: count what followed the last n - 1 tokens, and trust a count by how often it was seen.

Witten-Bell smoothing (Witten and Bell 1991, method C), in the recursive form of Chen and Goodman 1998,
section 2.5, mixes the counts of a context c with the prediction p' of the next shorter context:

    p(w | c) = (count(c w) + types(c) * p'(w)) / (count(c) + types(c))        (N.1)

count(c w) is how often token w followed context c, count(c) how often anything did, and types(c) how many
different tokens did: a context that was followed by many different tokens may well be followed by a new one.

Counts could stand in a dictionary {context: Counter of next tokens}. Here they stand in sorted arrays, one a
level, because NumPy then counts and looks up millions of tokens at once. Level n holds every n-gram that was
seen, as one whole number, its key:

    key(c w) = number(c) * vocab_size + w

where number(c) is the place of c in level n - 1. So the n-grams that share a context stand side by side.
"""

from dataclasses import dataclass

import numpy as np

SMOOTHINGS = ("witten-bell", "add-one")
NEVER = -1  # the number of an n-gram that was not seen


@dataclass
class Level:
    """All n-grams of one length: `keys` ascending, how often each was seen, and sums for each context."""

    keys: np.ndarray  # (n_grams,)
    counts: np.ndarray  # (n_grams,)
    totals: np.ndarray  # (n_contexts,) count(c)
    types: np.ndarray  # (n_contexts,) types(c)

    @classmethod
    def count(cls, keys, n_contexts, vocab_size):
        """Count a list of keys. The second result is the number of each n-gram in the list."""
        keys, numbers, counts = np.unique(keys, return_inverse=True, return_counts=True)
        contexts = keys // vocab_size
        totals = np.bincount(contexts, counts, n_contexts)
        return cls(keys, counts, totals, np.bincount(contexts, minlength=n_contexts)), numbers

    def find(self, keys):
        """The number of each n-gram, or NEVER."""
        places = np.searchsorted(self.keys, keys)
        known = np.append(self.keys, NEVER)  # a key above all others is looked for behind the last one
        return np.where(known[places] == keys, places, NEVER)


class NGram:
    """A language model that sees `order` - 1 tokens; order 1 sees none, order 0 knows nothing (all alike).

    Every document is read on its own: it begins after the mark `end_id` and ends with it.
    smoothing: "witten-bell" (N.1), or "add-one" (Laplace): one more of every token, and no shorter contexts.
    Raises ValueError for an order below 0 and for another smoothing.
    """

    def __init__(self, order, vocab_size, end_id, smoothing="witten-bell"):
        if order < 0:
            raise ValueError(f"the order of an n-gram model is 0 or more, not {order}")
        if smoothing not in SMOOTHINGS:
            raise ValueError(f"no smoothing is called {smoothing!r} here: choose {' or '.join(SMOOTHINGS)}")
        self.order, self.vocab_size, self.end_id, self.smoothing = order, vocab_size, end_id, smoothing
        self.levels = []

    def fit(self, documents):
        """Count the documents, each a list of ids; returns self. An earlier `fit` is forgotten.

        Raises ValueError without documents, and for an id that is not below vocab_size.
        """
        ids, age = self._row(documents)
        self.levels = []
        contexts, n_contexts = np.zeros(len(ids), int), 1  # before each token: at first only the empty context
        for n in range(1, self.order + 1):
            here = np.flatnonzero((age > 0) & (contexts != NEVER))
            keys = contexts[here] * self.vocab_size + ids[here]
            level, numbers = Level.count(keys, n_contexts, self.vocab_size)
            self.levels.append(level)
            contexts = _move_on(n, ids, here, numbers)
            n_contexts = self.vocab_size if n == 1 else len(level.keys)
        return self

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

    def log_probabilities(self, documents):
        """ln p of every token given its document so far, end marks included: one array for each document."""
        ids, age = self._row(documents)
        p = np.full(len(ids), 1 / self.vocab_size)
        contexts = np.zeros(len(ids), int)
        for n, level in enumerate(self.levels, start=1):
            here = np.flatnonzero((age > 0) & (contexts != NEVER))
            context = contexts[here]
            numbers = level.find(context * self.vocab_size + ids[here])
            count = np.where(numbers == NEVER, 0, np.append(level.counts, 0)[numbers])
            p[here] = self._mix(n, count, level.totals[context], level.types[context], p[here])
            contexts = _move_on(n, ids, here, numbers)
        starts = np.flatnonzero(age == 0)
        return [part[1:] for part in np.split(np.log(p), starts[1:])]

    def _mix(self, n, count, total, types, p):
        """One step from the prediction p of contexts of n - 2 tokens to that of n - 1 tokens."""
        if self.smoothing == "witten-bell":
            # A token may only ever have been seen as the last of its document: it has no followers, p stays.
            return np.divide(count + types * p, total + types, out=np.array(p), where=total + types > 0)
        return (count + 1) / (total + self.vocab_size) if n == self.order else p

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
            p = self._mix(n, count, level.totals[context], level.types[context], p)
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


def _move_on(n, ids, here, numbers):
    """The contexts of n tokens before each place, from the `numbers` of the n-grams that end at the places `here`.

    One token is numbered by its id, so that the mark at a document's start is a context like any other.
    """
    ending = np.full(len(ids), NEVER)
    ending[here] = numbers
    return np.roll(ids if n == 1 else ending, 1)
