"""A decoder-only Transformer, GPT, in the form that learns fastest on a laptop.

The plan is GPT's (Radford et al. 2018): tokens become vectors, every layer lets each position look back at the
positions before it and then think for itself, and the last vectors are turned into scores for the next token.
Five parts are younger than GPT-2, each because it trains faster; lesson 08 measures them one by one:

    rotary positions     Su et al. 2021, RoFormer, section 3.2
    RMSNorm              Zhang and Sennrich 2019, equation 4
    normalised q and k   Henry et al. 2020, Query-Key Normalization, section 3
    squared ReLU         So et al. 2021, Primer, section 4
    output layers that start at zero, so that each layer starts as the identity
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass
class GPTConfig:
    """Sizes of a GPT. `context` is the most tokens that it can read at once.

    tied_head: the scores are the products of the last vector with the tokens' embeddings (Press and Wolf 2017),
    so a large vocabulary needs its matrix only once; a small one learns faster with a head of its own.
    """

    vocab_size: int
    context: int = 512
    n_layers: int = 4
    n_heads: int = 4
    d_model: int = 128
    dropout: float = 0.0
    seed: int = 0
    tied_head: bool = False


def rotary_angles(context, d_head, base=10_000.0):
    """cos and sin of position x frequency, each (context, d_head / 2): one angle for each pair of numbers."""
    frequency = base ** (-torch.arange(0, d_head, 2) / d_head)
    angle = torch.arange(context)[:, None] * frequency
    return angle.cos(), angle.sin()


def rotate(x, cos, sin):
    """Turn each pair of numbers of x (batch, n_heads, time, d_head) by its position's angle."""
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, a * sin + b * cos), dim=-1)


class Attention(nn.Module):
    """Causal self-attention: each position mixes the values of the positions up to itself."""

    def __init__(self, config):
        super().__init__()
        self.n_heads, self.dropout = config.n_heads, config.dropout
        self.qkv = nn.Linear(config.d_model, 3 * config.d_model, bias=False)
        self.out = nn.Linear(config.d_model, config.d_model, bias=False)

    def forward(self, x, cos, sin, past=None):
        batch, time, d_model = x.shape
        n = self.n_heads
        heads = self.qkv(x).view(batch, time, 3 * n, d_model // n).transpose(1, 2)  # those of q, of k, of v
        q, k = rotate(F.rms_norm(heads[:, : 2 * n], heads.shape[-1:]), cos, sin).chunk(2, dim=1)
        v = heads[:, 2 * n :]
        if past is not None:  # the keys and values of earlier tokens were kept: only the new ones are computed
            k, v = past.extend(k, v)
        # Nobody looks ahead: without a past that is `is_causal`, a single new token may look at all that was kept,
        # and several new ones need a mask that is shifted by the number of kept ones.
        kept, mask = k.size(2) - time, None
        if kept and time > 1:
            mask = torch.ones(time, kept + time, dtype=torch.bool, device=x.device).tril(kept)
        mixed = F.scaled_dot_product_attention(
            q, k, v, mask, is_causal=not kept and time > 1, dropout_p=self.dropout if self.training else 0.0
        )
        return self.out(mixed.transpose(1, 2).reshape(batch, time, d_model))


class Block(nn.Module):
    """One layer: attention, then a small network for each position; both add to the residual stream."""

    def __init__(self, config):
        super().__init__()
        d = config.d_model
        self.norm1, self.norm2 = nn.RMSNorm(d), nn.RMSNorm(d)
        self.attention = Attention(config)
        self.up, self.down = nn.Linear(d, 4 * d, bias=False), nn.Linear(4 * d, d, bias=False)
        self.drop = nn.Dropout(config.dropout)

    def forward(self, x, cos, sin, past=None):
        x = x + self.drop(self.attention(self.norm1(x), cos, sin, past))
        return x + self.drop(self.down(F.relu(self.up(self.norm2(x))).square()))


class KeyValues:
    """The keys and values that one layer has computed, so that generation never computes them twice.

    There is room for a whole context from the start, so a new token is written behind the others and no other
    is moved.
    """

    def __init__(self, context):
        self.context, self.length = context, 0

    def extend(self, k, v):
        """Put k and v (batch, n_heads, time, d_head) behind the kept ones; returns all."""
        if not self.length:
            room = (k.size(0), k.size(1), self.context, k.size(3))
            self.k, self.v = k.new_empty(room), v.new_empty(room)
        start, self.length = self.length, self.length + k.size(2)
        self.k[:, :, start : self.length] = k
        self.v[:, :, start : self.length] = v
        return self.k[:, :, : self.length], self.v[:, :, : self.length]


class Cache(list):
    """The `KeyValues` of every layer, and how many tokens they hold."""

    def __init__(self, config):
        super().__init__(KeyValues(config.context) for _ in range(config.n_layers))

    @property
    def length(self):
        return self[0].length


class GPT(nn.Module):
    """A small GPT. `forward(ids)`: ids (batch, time) -> logits (batch, time, vocab_size).

    With a `cache` (see `new_cache`), ids are only what follows the tokens that it already holds.
    Raises ValueError for sizes that do not fit together, for more tokens than `config.context`, for no token at
    all, and for an id outside of the vocabulary.
    """

    def __init__(self, config):
        super().__init__()
        sizes = (config.vocab_size, config.context, config.n_layers, config.n_heads, config.d_model)
        if min(sizes) < 1:
            raise ValueError(f"every size of a GPT is at least 1, but here one is {min(sizes)}: {config}")
        if config.d_model % (2 * config.n_heads):
            raise ValueError(
                f"d_model ({config.d_model}) must be a multiple of 2 * n_heads ({2 * config.n_heads}), "
                "for every head needs an even share: change one of them"
            )
        self.config = config
        with torch.random.fork_rng(devices=[]):  # layers draw from torch's global generator: leave it as it was
            self.embedding = nn.Embedding(config.vocab_size, config.d_model)
            self.drop = nn.Dropout(config.dropout)
            self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layers))
            self.norm = nn.RMSNorm(config.d_model)
            self.head = None if config.tied_head else nn.Linear(config.d_model, config.vocab_size, bias=False)
        cos, sin = rotary_angles(config.context, config.d_model // config.n_heads)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        self.initialise(torch.Generator().manual_seed(config.seed))

    @torch.no_grad()
    def initialise(self, generator):
        """Matrices by the size of their input; every layer's output and the head at zero."""
        for name, p in self.named_parameters():
            if name.endswith(("out.weight", "down.weight", "head.weight")):
                p.zero_()
            elif name == "embedding.weight":
                # Tied, the embedding makes the scores too: so small that all tokens begin almost equally likely.
                p.normal_(std=0.02 if self.config.tied_head else 1.0, generator=generator)
            elif p.ndim == 2:
                p.normal_(std=p.size(1) ** -0.5, generator=generator)

    def forward(self, ids, cache=None):
        start = cache.length if cache is not None else 0
        end = start + ids.size(1)
        if end == start:
            raise ValueError("the model predicts what follows a token: give it at least one, such as the end mark")
        if end > self.config.context:
            raise ValueError(
                f"{end} tokens do not fit this model's context of {self.config.context}: "
                "give it the last part of the text, or train one with a longer context"
            )
        cos, sin = self.cos[start:end], self.sin[start:end]
        try:
            x = self.drop(self.embedding(ids))
        except IndexError:
            raise ValueError(
                f"the ids go up to {int(ids.max())} (from {int(ids.min())}), but this model knows 0 to "
                f"{self.config.vocab_size - 1}: use the tokenizer that it was trained with"
            ) from None
        for i, block in enumerate(self.blocks):
            x = block(x, cos, sin, cache[i] if cache is not None else None)
        return F.linear(self.norm(x), self.embedding.weight if self.head is None else self.head.weight)

    @torch.inference_mode()
    def next_probabilities(self, ids):
        """p of every token after `ids`, (vocab_size,). A document begins with the end mark, so ids should too.

        Of more ids than the context holds, the last ones are read.
        """
        training = self.training
        self.eval()  # no dropout
        ids = torch.tensor([list(ids)[-self.config.context :]], dtype=torch.long, device=self.cos.device)
        logits = self(ids)[0, -1]
        self.train(training)
        return logits.double().softmax(-1).cpu().numpy()

    def new_cache(self):
        """An empty cache for `forward(ids, cache)`."""
        return Cache(self.config)

    @property
    def n_parameters(self):
        """How many numbers the model learns."""
        return sum(p.numel() for p in self.parameters())

    @property
    def flops_per_token(self):
        """Floating-point operations to train on one token: 6 per weight used in a product, and the attention's.

        Kaplan et al. 2020, section 2.1; the attention term as in Chowdhery et al. 2022 (PaLM), appendix B: 12 per
        layer, number of a vector and token of the context, as if every token looked at the whole context.
        """
        looked_up = 0 if self.head is None else self.embedding.weight.numel()  # a look-up is no product
        weights = self.n_parameters - looked_up
        return 6 * weights + 12 * self.config.n_layers * self.config.d_model * self.config.context
