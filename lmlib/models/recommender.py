"""Recommenders: each learns from histories, lists of item numbers in time order, and scores every item for the next.

All have `scores(histories) -> (n, items)`, larger for what is likelier to come; see `lmlib.ranking` for what becomes
of scores. The first five count or solve equations; `SequenceModel` is any language model of this course, its
vocabulary the items and one mark for the beginning.

    popularity              what most people have
    item-to-item            Sarwar et al. 2001, section 3.1.1: the cosine of two items' buyers
    Markov                  what followed the last item, as a bigram model counts it
    matrix factorisation    Hu, Koren and Volinsky 2008, section 4: alternating least squares
    item2vec                Barkan and Koenigstein 2016: skip-gram with negative sampling, items for words
"""

import numpy as np
import scipy.sparse
import torch

from .embedding import train_skipgram


def incidence(histories, n_items):
    """Who has what: a sparse array (histories, items) of 0 and 1.

    Raises ValueError for an item number outside of 0 ... n_items - 1.
    """
    lengths = [len(history) for history in histories]
    items = np.concatenate([np.asarray(history, dtype=np.int64) for history in histories] or [np.zeros(0, np.int64)])
    if len(items) and not 0 <= items.min() <= items.max() < n_items:
        raise ValueError(
            f"item numbers go from {items.min()} to {items.max()}, but there are {n_items} items: number them from 0"
        )
    rows = np.repeat(np.arange(len(histories)), lengths)
    table = scipy.sparse.coo_array((np.ones(len(items)), (rows, items)), (len(histories), n_items)).tocsr()
    table.data[:] = 1.0  # an item that came twice is still one that she has
    return table


def cooccurrence(histories, n_items):
    """How many people have both items, (items, items), symmetric; an item beside itself counts nothing."""
    table = incidence(histories, n_items)
    counts = (table.T @ table).toarray()
    np.fill_diagonal(counts, 0.0)
    return counts


def recency_weights(histories, n_items, recency):
    """`recency` to the power of an item's age for each item of a history, (histories, items); the last has age 0."""
    weights = np.zeros((len(histories), n_items))
    for row, history in enumerate(histories):
        weights[row, list(history)] = recency ** np.arange(len(history) - 1, -1, -1.0)
    return weights


class Popularity:
    """How many people have the item: the same for everybody."""

    def __init__(self, histories, n_items):
        self.counts = np.asarray(incidence(histories, n_items).sum(axis=0)).ravel()

    def scores(self, histories):
        return np.tile(self.counts, (len(histories), 1))


class ItemSimilarity:
    """The sum of an item's similarities to all that she has, each weighted by `recency` ** age.

    similarity: (items, items), row: what she has, column: what is scored. recency: 1 forgets nothing, 0.8 halves a
    purchase about every three later ones.
    """

    def __init__(self, similarity, recency=1.0):
        if not 0 < recency <= 1:
            raise ValueError(f"recency is a number above 0 and up to 1, not {recency}")
        self.similarity, self.recency = np.asarray(similarity), recency

    def scores(self, histories):
        return recency_weights(histories, len(self.similarity), self.recency) @ self.similarity


class ItemKNN(ItemSimilarity):
    """Item-to-item by counts: co-occurrence over the root of the product of both items' buyers."""

    def __init__(self, histories, n_items, recency=1.0):
        buyers = np.asarray(incidence(histories, n_items).sum(axis=0)).ravel()
        counts = cooccurrence(histories, n_items)
        super().__init__(counts / np.sqrt(np.maximum(np.outer(buyers, buyers), 1)), recency)


class Item2Vec(ItemSimilarity):
    """Skip-gram with negative sampling, learned from histories as lesson 02 does from texts, asked for the next item.

    At its best v_w . u_c is log P(c near w) - log P_n(c), up to a number that is the same for all items, where P_n is
    the law of the noise, count ** 0.75 (Levy and Goldberg 2014, section 3.1). So log P(c near w) is the product with
    the noise's logarithm added; scores are its mean over what she has, weighted by recency.
    `vectors`: (items, dim), the v. Other options go to `train_skipgram`.
    """

    def __init__(self, histories, n_items, recency=1.0, **options):
        options = {"dim": 16, "window": 2, "epochs": 8, "subsample": None} | options
        self.vectors, contexts = train_skipgram([np.asarray(h) for h in histories], n_items, **options)
        noise = Popularity(histories, n_items).counts ** 0.75
        self.log_noise = np.log(np.maximum(noise / noise.sum(), 1e-9))
        super().__init__(self.vectors @ contexts.T, recency)

    def scores(self, histories):
        weights = recency_weights(histories, len(self.similarity), self.recency)
        weights /= np.maximum(weights.sum(axis=1, keepdims=True), 1e-12)
        return weights @ self.similarity + self.log_noise


class Markov:
    """P(next | last item), counted from neighbours in time; `prior` picks by popularity are added to each row."""

    def __init__(self, histories, n_items, prior=20.0):
        self.popularity = Popularity(histories, n_items).counts + 1e-9
        self.popularity /= self.popularity.sum()
        counts = np.zeros((n_items, n_items))
        for history in histories:
            np.add.at(counts, (list(history[:-1]), list(history[1:])), 1)
        totals = counts.sum(axis=1, keepdims=True)
        self.transition = (counts + prior * self.popularity) / (totals + prior)  # rows add up to 1

    def scores(self, histories):
        return np.array([self.transition[history[-1]] if len(history) else self.popularity for history in histories])


class MatrixFactorization:
    """A vector for every person and every item whose products tell who has what, by alternating least squares.

    The loss is the sum over all people u and items i of c (p - x_u . y_i)^2 + reg (|x|^2 + |y|^2), where p is 1 for
    what she has, with weight c = 1 + alpha, and 0 for the rest, with weight 1. `items`: (items, dim).
    A history that is scored gets its vector by one half-step, so a new customer needs no training.
    """

    def __init__(self, histories, n_items, dim=8, alpha=1.0, reg=5.0, rounds=10, seed=0):
        table = incidence(histories, n_items)
        self.alpha, self.reg = alpha, reg
        self.items = np.random.default_rng(seed).normal(size=(n_items, dim)) / np.sqrt(dim)
        for _ in range(rounds):
            self.people = half_step(table, self.items, alpha, reg)
            self.items = half_step(table.T.tocsr(), self.people, alpha, reg)

    def scores(self, histories):
        table = incidence(histories, len(self.items))
        return half_step(table, self.items, self.alpha, self.reg) @ self.items.T


def half_step(table, fixed, alpha, reg):
    """The best vectors for the rows of `table` while the columns' vectors, `fixed`, stay: (rows, dim), exactly.

    table: sparse 0/1 array (rows, columns). Each row solves (Y'Y + alpha Y_u'Y_u + reg I) x = (1 + alpha) Y_u' 1,
    where Y_u are the vectors of what the row has (Hu et al. 2008, equation 4).
    """
    dim = fixed.shape[1]
    squares = (fixed[:, :, None] * fixed[:, None, :]).reshape(len(fixed), dim * dim)
    own = (table @ squares).reshape(-1, dim, dim)
    left = fixed.T @ fixed + alpha * own + reg * np.eye(dim)
    return np.linalg.solve(left, (1 + alpha) * (table @ fixed)[:, :, None])[:, :, 0]


class SequenceModel:
    """A language model whose tokens are items: `model(ids)`, ids (batch, time) -> logits (batch, time, items + 1).

    The last token is the mark in front of every history. context: so many last tokens are read (None: all).
    """

    def __init__(self, model, n_items, context=None):
        self.model, self.n_items, self.context = model, n_items, context

    @torch.inference_mode()
    def scores(self, histories, batch_size=256):
        training = self.model.training
        self.model.eval()  # no dropout
        device = next(self.model.parameters()).device
        out = np.zeros((len(histories), self.n_items))
        rows = [[self.n_items, *map(int, history)][-(self.context or len(history) + 1) :] for history in histories]
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
        for at in range(0, len(order), batch_size):
            chosen = order[at : at + batch_size]
            ids = torch.full((len(chosen), max(len(rows[i]) for i in chosen)), self.n_items, device=device)
            for r, i in enumerate(chosen):
                ids[r, : len(rows[i])] = torch.tensor(rows[i])
            last = torch.tensor([len(rows[i]) - 1 for i in chosen], device=device)
            # Nobody looks ahead, so what pads a row behind its last token changes nothing there.
            logits = self.model(ids)[torch.arange(len(chosen), device=device), last, : self.n_items]
            out[chosen] = logits.float().cpu().numpy()
        self.model.train(training)
        return out
