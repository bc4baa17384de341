"""Induction heads: attention that finds the token at hand earlier in the text, and looks at what came after it.

The scores are those of Olsson et al. 2022, measured on random tokens that are repeated: there no habit of a language
helps, and a head that looks from a token to the one behind its first occurrence can only have found it by matching.
"""

from contextlib import contextmanager

import torch
import torch.nn.functional as F

from .models.attention import causal_mask
from .models.gpt import rotate


def heads_of(model, ids):
    """Attention weights of every head of a `GPT`: (batch, layers, heads, queries, keys), from ids (batch, time).

    The model itself computes them in one fused step and never holds them; here each step is taken by itself.
    """
    training, found = model.training, []
    model.eval()
    # The hook gets what each layer's attention gets: the normed residual stream, and the rotary angles.
    hooks = [
        block.attention.register_forward_pre_hook(lambda layer, inputs: found.append(_weights(layer, *inputs)))
        for block in model.blocks
    ]
    try:
        with torch.inference_mode():
            model(ids)
    finally:
        model.train(training)
        for hook in hooks:
            hook.remove()
    return torch.stack(found, 1)


def _weights(layer, x, turn=None, past=None, mask=None):
    """The weights (batch, heads, time, time) of one `gpt.Attention` over x (batch, time, d_model)."""
    n, n_kv = layer.n_heads, layer.n_kv_heads
    qkv = layer.qkv(x)
    if layer.config.conv_width > 1:
        qkv = layer.near(qkv)
    qk = qkv.unflatten(-1, (n + 2 * n_kv, -1)).transpose(1, 2)[:, : n + n_kv]
    if layer.config.qk_norm:
        qk = F.rms_norm(qk, qk.shape[-1:])
    if turn is not None:
        qk = rotate(qk, *turn)
    q, k = qk.split((n, n_kv), dim=1)
    scores = q @ k.repeat_interleave(n // n_kv, dim=1).mT / q.size(-1) ** 0.5
    return scores.masked_fill(~causal_mask(x.size(1)), -torch.inf).softmax(-1)


def repeated(n, length, n_tokens, generator):
    """`n` rows of `length` different tokens drawn by lot, each row twice over: (n, 2 * length)."""
    if length > n_tokens:
        raise ValueError(f"{length} different tokens cannot be drawn from {n_tokens}")
    half = torch.rand(n, n_tokens, generator=generator).argsort(1)[:, :length]
    return torch.cat((half, half), 1)


def behind_the_same(ids):
    """True where the key stands behind an earlier occurrence of the query's token: (batch, queries, keys).

    That is where an induction head looks: key k with ids[k - 1] == ids[query] and k <= query.
    """
    same = torch.zeros(*ids.shape, ids.size(1), dtype=torch.bool)
    same[:, :, 1:] = ids[:, :, None] == ids[:, None, :-1]
    return same & causal_mask(ids.size(1))


def induction_scores(weights, ids, asked=slice(None)):
    """For each head, its mean weight on what stands behind the same token earlier, (15.4): (layers, heads).

    weights: (batch, layers, heads, time, time), of `heads_of`; asked: the queries that count, by default all. Queries
    whose token did not stand before are left out.
    """
    goal = behind_the_same(ids)[:, asked]  # (batch, queries, keys)
    found = (weights[..., asked, :] * goal[:, None, None]).sum(-1)  # (batch, layers, heads, queries)
    counts = goal.any(-1)
    return (found * counts[:, None, None]).sum((0, -1)) / counts.sum()


def previous_scores(weights, asked=slice(1, None)):
    """For each head, its mean weight on the token before the query, over the queries `asked`: (layers, heads)."""
    before = weights.diagonal(-1, -2, -1)  # (batch, layers, heads, time - 1): query 1 at key 0, and so on
    asked = torch.arange(weights.size(-1))[asked]
    return before[..., asked - 1].mean((0, -1))


@contextmanager
def without_head(model, layer, head):
    """Within, one head of a `GPT` adds nothing to the residual stream; afterwards all is as it was."""
    attention = model.blocks[layer].attention
    d = attention.config.d_head

    def silence(_, inputs):
        mixed = inputs[0].clone()  # what the heads found, side by side: (batch, time, d_model)
        mixed[..., head * d : (head + 1) * d] = 0
        return (mixed,)

    hook = attention.out.register_forward_pre_hook(silence)
    try:
        yield model
    finally:
        hook.remove()
