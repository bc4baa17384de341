"""The n-gram language model: count what followed the last n - 1 tokens, and trust a count by how often it was seen.

Witten-Bell smoothing (Witten and Bell 1991), in the recursive form of Chen and Goodman 1998, equation 17:

    p(w | c) = (count(c w) + types(c) * p(w | shorter c)) / (count(c) + types(c))        (N.1)

count(c w) is how often token w followed context c, count(c) how often anything did, and types(c) how many
different tokens did: a context that was followed by many different tokens may well be followed by a new one.
"""

import math
from collections import Counter, defaultdict

import numpy as np


class NGram:
    """A language model of contexts up to `order` - 1 tokens; order 0 knows nothing (uniform), order 1 no context.

    Each document is read from its own start, marked by `end_id` once, and ends with `end_id`.
    """

    def __init__(self, order, vocab_size, end_id):
        if order < 0:
            raise ValueError(f"the order of an n-gram model is 0 or more, not {order}")
        self.order, self.vocab_size, self.end_id = order, vocab_size, end_id
        self.followers = defaultdict(Counter)  # context (a tuple of ids) -> how often each token followed
        self.totals = {}

    def fit(self, documents):
        """Count the documents, each a list of ids; returns self."""
        for ids in documents:
            padded = [self.end_id, *ids, self.end_id]
            for i in range(1, len(padded)):
                for n in range(min(self.order, i + 1)):
                    self.followers[tuple(padded[i - n : i])][padded[i]] += 1
        self.totals = {context: counts.total() for context, counts in self.followers.items()}
        return self

    def probability(self, token, context):
        """p(token | context) by (N.1), from the shortest context to the longest that was seen."""
        p = 1 / self.vocab_size
        for n in range(self.order):
            seen = tuple(context[len(context) - n :]) if n <= len(context) else None
            if seen not in self.totals:
                break  # a longer context was not seen either
            counts = self.followers[seen]
            p = (counts.get(token, 0) + len(counts) * p) / (self.totals[seen] + len(counts))
        return p

    def next_probabilities(self, ids):
        """p of every token after a document's beginning `ids`: (vocab_size,), sums to 1."""
        context = [self.end_id, *ids]
        p = np.full(self.vocab_size, 1 / self.vocab_size)
        for n in range(min(self.order, len(context) + 1)):
            seen = tuple(context[len(context) - n :])
            if seen not in self.totals:
                break
            counts = self.followers[seen]
            p *= len(counts)
            p[list(counts)] += list(counts.values())
            p /= self.totals[seen] + len(counts)
        return p

    def nats(self, documents):
        """-ln p of every token of the documents, end marks included, added up."""
        total = 0.0
        for ids in documents:
            padded = [self.end_id, *ids, self.end_id]
            for i in range(1, len(padded)):
                context = padded[max(0, i - self.order + 1) : i] if self.order > 1 else []
                total -= math.log(self.probability(padded[i], context))
        return total

    @property
    def n_parameters(self):
        """How many counts the model keeps."""
        return sum(len(counts) for counts in self.followers.values())
