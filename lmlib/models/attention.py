"""Attention: a weighted mean of values, with weights from how well a query fits each key.

    weights = softmax over positions of score(query, key)           output = sum of weights * values       (6.1)

The score is additive (Bahdanau, Cho and Bengio 2015, section A.1.2) or a dot product divided by the square root of
its length (Vaswani et al. 2017, section 3.2.1). Masks say True where a query *may* look, as in torch's
`scaled_dot_product_attention`; `nn.MultiheadAttention` says True where it may not.
"""

import math

import torch
from torch import nn


def attend(scores, value, mask=None):
    """(6.1) from scores (..., queries, keys) and value (..., keys, d_value): (output, weights).

    mask: True where a query may look, of a shape that fits the scores. A query that may look nowhere gets zeros.
    Raises TypeError for a mask that is not of True and False.
    """
    if mask is None:
        weights = scores.softmax(dim=-1)
    else:
        if mask.dtype != torch.bool:
            raise TypeError(f"a mask holds True where a query may look, not numbers of type {mask.dtype}")
        # Where all scores are -inf, softmax would divide zero by zero: such rows become zeros in the end.
        nowhere = ~mask.any(dim=-1, keepdim=True)
        weights = scores.masked_fill(~(mask | nowhere), -math.inf).softmax(dim=-1).masked_fill(nowhere, 0.0)
    return weights @ value, weights


def causal_mask(n_queries, n_keys=None, device=None):
    """True where query i may look at key j: at itself and before, the last query at all keys. (n_queries, n_keys)"""
    n_keys = n_queries if n_keys is None else n_keys
    return torch.ones(n_queries, n_keys, dtype=torch.bool, device=device).tril(n_keys - n_queries)


def dot_product_attention(query, key, value, mask=None, scale=None):
    """Scaled dot-product attention, equal to `F.scaled_dot_product_attention`: (output, weights).

    query (..., queries, d), key (..., keys, d), value (..., keys, d_value); output (..., queries, d_value), weights
    (..., queries, keys). scale: by default 1 / sqrt(d). Raises ValueError for shapes that do not fit.
    """
    if query.size(-1) != key.size(-1):
        raise ValueError(f"query and key must be of one length, but are {query.size(-1)} and {key.size(-1)} long")
    if key.size(-2) != value.size(-2):
        raise ValueError(f"each key has one value, but there are {key.size(-2)} keys and {value.size(-2)} values")
    scale = query.size(-1) ** -0.5 if scale is None else scale
    return attend(query @ key.transpose(-2, -1) * scale, value, mask)


class AdditiveAttention(nn.Module):
    """score(q, k) = v · tanh(W_q q + W_k k), Bahdanau et al. 2015, section A.1.2; no bias, as there.

    query (batch, queries, d_query), key (batch, keys, d_key), value (batch, keys, d_value): (output, weights).
    """

    def __init__(self, d_query, d_key, d_hidden):
        super().__init__()
        self.query = nn.Linear(d_query, d_hidden, bias=False)
        self.key = nn.Linear(d_key, d_hidden, bias=False)
        self.score = nn.Linear(d_hidden, 1, bias=False)

    def forward(self, query, key, value, mask=None):
        pairs = self.query(query)[:, :, None] + self.key(key)[:, None]  # (batch, queries, keys, d_hidden)
        return attend(self.score(pairs.tanh()).squeeze(-1), value, mask)


class MultiHeadAttention(nn.Module):
    """Several attentions side by side, each in its own d_model / n_heads numbers: Vaswani et al. 2017, section 3.2.2.

    query (batch, queries, d_model); key and value (batch, keys, d_model), by default the query itself
    (self-attention). mask: True where a query may look, (queries, keys) or (batch, queries, keys); padding: True
    where a key is no padding, (batch, keys). Returns (output (batch, queries, d_model), weights (batch, n_heads,
    queries, keys)). Equal to `nn.MultiheadAttention(batch_first=True)`, whose masks say the opposite.

    Raises ValueError where d_model cannot be shared out among the heads, and for shapes that do not fit.
    """

    def __init__(self, d_model, n_heads, bias=True):
        super().__init__()
        if n_heads < 1 or d_model % n_heads:
            raise ValueError(f"{d_model} numbers cannot be shared out evenly among {n_heads} heads")
        self.d_model, self.n_heads = d_model, n_heads
        self.query, self.key, self.value, self.out = (nn.Linear(d_model, d_model, bias=bias) for _ in range(4))

    def forward(self, query, key=None, value=None, mask=None, padding=None):
        key = query if key is None else key
        value = key if value is None else value
        for name, x in (("query", query), ("key", key), ("value", value)):
            if x.dim() != 3 or x.size(-1) != self.d_model:
                raise ValueError(f"the {name} has the shape {tuple(x.shape)}, not (batch, time, {self.d_model})")
        q, k, v = self._split(self.query(query)), self._split(self.key(key)), self._split(self.value(value))
        mixed, weights = dot_product_attention(q, k, v, self._join(mask, padding))
        return self.out(mixed.transpose(1, 2).flatten(2)), weights

    def _split(self, x):
        """(batch, time, d_model) -> (batch, n_heads, time, d_model / n_heads)."""
        return x.unflatten(-1, (self.n_heads, -1)).transpose(1, 2)

    @staticmethod
    def _join(mask, padding):
        """Both masks as one, ready for scores (batch, n_heads, queries, keys)."""
        if mask is not None and mask.dim() == 3:
            mask = mask[:, None]
        if padding is None:
            return mask
        padding = padding[:, None, None]  # (batch, 1, 1, keys)
        return padding if mask is None else mask & padding

    @torch.no_grad()
    def take_weights(self, module):
        """Copy the weights of an `nn.MultiheadAttention` of the same sizes; returns self."""
        parts = (self.query, self.key, self.value)
        for part, weight in zip(parts, module.in_proj_weight.chunk(3)):
            part.weight.copy_(weight)
        self.out.weight.copy_(module.out_proj.weight)
        if module.in_proj_bias is not None:
            for part, bias in zip(parts, module.in_proj_bias.chunk(3)):
                part.bias.copy_(bias)
            self.out.bias.copy_(module.out_proj.bias)
        return self
