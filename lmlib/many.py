"""Several texts at once: one call of the model moves all of them on by a token.

A laptop computes the next token of forty texts hardly slower than that of one, because each weight is fetched from
memory once for all of them. The evaluation of lesson 09 and beam search need that.
"""

import math

import torch

from .decoding import Decoding
from .generate import _evaluating, draw


class CachedStep:
    """A language model as a function: `step(ids)`, ids (rows, time) -> scores of the next tokens (rows, vocab_size).

    What it read in the last call it does not read again: where the rows are those of the last call, in any order,
    some left out, some twice, each longer by one token, it reads that token alone. Any other ids are read anew.
    The scores are logits, or logarithms of probabilities for a counted model. Of texts longer than the model's
    context the first half of the window is forgotten, as in `generate`.
    """

    def __init__(self, model):
        self.model, self.read, self.cache = model, None, None
        self.context = getattr(getattr(model, "config", None), "context", None) or math.inf

    @torch.inference_mode()
    def __call__(self, ids):
        if not isinstance(self.model, torch.nn.Module):
            return torch.stack([torch.as_tensor(self.model.next_probabilities(row)).log() for row in ids.tolist()])
        start = 0
        while ids.size(1) - start > self.context:
            start += max(1, self.context // 2)
        window = ids[:, start:].to(next(self.model.parameters()).device)
        with _evaluating(self.model):
            if not hasattr(self.model, "new_cache"):
                return self.model(window)[:, -1].cpu()
            known = [self.read.get(tuple(row)) for row in window[:, :-1].tolist()] if self.read else [None]
            if None in known:
                self.cache, new = self.model.new_cache(), window
            else:
                if known != list(range(len(self.read))):
                    _take_rows(self.cache, known)
                new = window[:, -1:]
            self.read = {tuple(row): i for i, row in enumerate(window.tolist())}
            return self.model(new, self.cache)[:, -1].cpu()


def _take_rows(cache, rows):
    """Let the cache hold these rows of what it held."""
    for layer in cache:
        layer.k, layer.v = layer.k[rows], layer.v[rows]
        if layer.near is not None:
            layer.near = layer.near[rows]


def continue_many(model, starts, end_id, seeds, max_tokens=300, temperature=1.0, top_k=None, **settings):
    """What the model writes after each of several texts: a list of lists of ids, without the starts and end marks.

    starts: lists of ids, all of one length (the start mark `end_id` first); seeds: one for each, so that a text does
    not depend on the texts beside it. Each stops at its end mark, or after `max_tokens`. Further settings: see
    `Decoding`. Raises ValueError for starts of different lengths, and for a number of seeds that is not theirs.
    """
    starts = [list(start) for start in starts]
    if len({len(start) for start in starts}) > 1 or not all(starts):
        raise ValueError(
            "texts that grow together must begin equally long, with one token or more: cut or group them"
        )
    if len(starts) != len(seeds):
        raise ValueError(f"there are {len(starts)} texts and {len(seeds)} seeds: give one seed for each text")
    decoding, step = Decoding(temperature, top_k, **settings), CachedStep(model)
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    rows = [list(start) for start in starts]
    writing = list(range(len(rows)))  # those that have not ended
    for _ in range(max_tokens):
        if not writing:
            break
        read = [rows[i] for i in writing]
        law = decoding.distribution(step(torch.tensor(read)), read)
        tokens = [draw(p, generators[i]) for i, p in zip(writing, law)]
        writing = [i for i, token in zip(writing, tokens) if token != end_id and not rows[i].append(token)]
    return [row[len(start) :] for row, start in zip(rows, starts)]
