"""A decoder-only Transformer, GPT: the one of 2019 to the letter, and the form that learns fastest on a laptop.

The plan is GPT's (Radford et al. 2018): tokens become vectors, every layer lets each position look back at the
positions before it and then think for itself, and the last vectors are turned into scores for the next token.
`GPTConfig` chooses each part: `GPTConfig.gpt2(...)` is GPT-2 (Radford et al. 2019), `GPTConfig.llama(...)` the form
of Llama (Touvron et al. 2023), and what stands there by default is younger, each part because it trains faster:

    rotary positions     Su et al. 2021, RoFormer, section 3.2
    RMSNorm              Zhang and Sennrich 2019, equation 4
    normalised q and k   Henry et al. 2020, Query-Key Normalization, section 3
    squared ReLU         So et al. 2021, Primer, section 4
    a glance back        the same paper: q, k and v of a token take in those of its last neighbours
    output layers that start at zero, so that each layer starts as the identity
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from .network import LanguageModel, seeded

CHOICES = {
    "norm": ("rms", "layer"),
    "positions": ("rotary", "learned", "none"),
    "activation": ("relu2", "gelu", "swiglu"),
    "start": ("zero", "gpt2"),
}


@dataclass
class GPTConfig:
    """Sizes and parts of a GPT. `context` is the most tokens that it can read at once.

    tied_head: the scores are the products of the last vector with the tokens' embeddings (Press and Wolf 2017),
        so a large vocabulary needs its matrix only once; a small one learns faster with a head of its own.
    norm: "rms" or "layer"; eps is added under its root. positions: "rotary" (angles grow from `rotary_base`),
        "learned" or "none". activation: "relu2", "gelu" (with tanh, as in GPT-2) or "swiglu" (Shazeer 2020,
        equation 6). qk_norm: queries and keys get one length. bias: linear layers and layer norms have one.
    n_kv_heads: so many heads of keys and values, each shared by n_heads / n_kv_heads queries (Ainslie et al. 2023,
        section 2.2); default: one for each query. hidden: width between `up` and `down`, default 4 * d_model.
    start: "zero", or "gpt2" for GPT-2's own initialisation.
    conv_width: queries, keys and values are a weighted sum, number by number, of those of the last so many tokens.
    """

    vocab_size: int
    context: int = 512
    n_layers: int = 4
    n_heads: int = 4
    d_model: int = 128
    dropout: float = 0.0
    seed: int = 0
    tied_head: bool = False
    norm: str = "rms"
    positions: str = "rotary"
    activation: str = "relu2"
    qk_norm: bool = True
    bias: bool = False
    n_kv_heads: int | None = None
    hidden: int | None = None
    rotary_base: float = 10_000.0
    eps: float | None = None
    start: str = "zero"
    conv_width: int = 1

    @classmethod
    def gpt2(cls, vocab_size, **sizes):
        """GPT-2: layer norm, learned positions, GELU, biases, one matrix for embedding and scores."""
        parts = {"norm": "layer", "positions": "learned", "activation": "gelu", "qk_norm": False, "bias": True}
        return cls(vocab_size, **parts | {"tied_head": True, "eps": 1e-5, "start": "gpt2"} | sizes)

    @classmethod
    def llama(cls, vocab_size, **sizes):
        """Llama: RMSNorm, rotary positions, SwiGLU, no biases."""
        parts = {"norm": "rms", "positions": "rotary", "activation": "swiglu", "qk_norm": False, "bias": False}
        return cls(vocab_size, **parts | {"eps": 1e-5, "start": "gpt2"} | sizes)

    @property
    def d_head(self):
        return self.d_model // self.n_heads

    def check(self):
        """Raises ValueError for parts that are not known and for sizes that do not fit together."""
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is {getattr(self, name)!r}: choose one of {', '.join(known)}")
        kv = self.n_heads if self.n_kv_heads is None else self.n_kv_heads
        hidden = self.d_model if self.hidden is None else self.hidden
        sizes = (self.vocab_size, self.context, self.n_layers, self.n_heads, self.d_model, kv, hidden)
        if min(sizes) < 1:
            raise ValueError(f"every size of a GPT is at least 1, but here one is {min(sizes)}: {self}")
        share = self.n_heads * (2 if self.positions == "rotary" else 1)
        if self.d_model % share:
            raise ValueError(
                f"d_model ({self.d_model}) must be a multiple of {share} for {self.n_heads} heads with "
                f"{self.positions} positions: change d_model or n_heads"
            )
        if self.n_heads % kv:
            raise ValueError(f"{self.n_heads} heads cannot share {kv} heads of keys evenly: change n_kv_heads")


def rotary_angles(context, d_head, base=10_000.0):
    """cos and sin of position x frequency, each (context, d_head / 2): one angle for each pair of numbers."""
    frequency = base ** (-torch.arange(0, d_head, 2) / d_head)
    angle = torch.arange(context)[:, None] * frequency
    return angle.cos(), angle.sin()


def rotate(x, cos, sin):
    """Turn each pair of numbers of x (batch, n_heads, time, d_head) by its position's angle."""
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, a * sin + b * cos), dim=-1)


def make_norm(config):
    """The norm that the config names, over d_model numbers."""
    if config.norm == "rms":
        return nn.RMSNorm(config.d_model, eps=config.eps)
    return nn.LayerNorm(config.d_model, eps=1e-5 if config.eps is None else config.eps, bias=config.bias)


class Near(nn.Module):
    """Each number of a token becomes a weighted sum of that number in the last `width` tokens.

    So et al. 2021, Primer, section 4 (there: depthwise convolution): the query of a token then knows the word before.
    It begins with all weight on the token itself.
    """

    def __init__(self, n_numbers, width):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(width, 1, n_numbers))
        with torch.no_grad():
            self.weight[0] = 1

    def forward(self, x, past=None):
        """x (batch, time, n_numbers); past: the layer's `KeyValues`, which keep the last tokens for the next call."""
        before = len(self.weight) - 1
        if past is not None and past.near is not None:
            x_long = torch.cat((past.near, x), dim=1)
        else:
            x_long = F.pad(x, (0, 0, before, 0))  # in front of the text there is nothing
        if past is not None:
            past.near = x_long[:, -before:]
        time = x.size(1)
        return sum(w * x_long[:, before - i : before - i + time] for i, w in enumerate(self.weight))


class Attention(nn.Module):
    """Causal self-attention: each position mixes the values of the positions up to itself."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.n_heads, self.n_kv_heads = config.n_heads, config.n_kv_heads or config.n_heads
        self.qkv = nn.Linear(config.d_model, (self.n_heads + 2 * self.n_kv_heads) * config.d_head, config.bias)
        self.out = nn.Linear(config.d_model, config.d_model, config.bias)
        if config.conv_width > 1:
            self.near = Near(self.qkv.out_features, config.conv_width)

    def forward(self, x, turn=None, past=None, mask=None):
        """x (batch, time, d_model); turn: cos and sin for rotary positions; mask: True where a query may look."""
        batch, time, d_model = x.shape
        n, n_kv = self.n_heads, self.n_kv_heads
        qkv = self.qkv(x)
        if self.config.conv_width > 1:
            qkv = self.near(qkv, past)
        heads = qkv.view(batch, time, n + 2 * n_kv, -1).transpose(1, 2)  # those of q, of k, of v
        qk, v = heads.split((n + n_kv, n_kv), dim=1)
        if self.config.qk_norm:
            qk = F.rms_norm(qk, qk.shape[-1:])
        if turn is not None:
            qk = rotate(qk, *turn)
        q, k = qk.split((n, n_kv), dim=1)
        if past is not None:  # the keys and values of earlier tokens were kept: only the new ones are computed
            k, v = past.extend(k, v)
        # Nobody looks ahead: without a past that is `is_causal`, a single new token may look at all that was kept,
        # and several new ones need a mask that is shifted by the number of kept ones.
        kept = k.size(2) - time
        if mask is None and kept and time > 1:
            mask = torch.ones(time, kept + time, dtype=torch.bool, device=x.device).tril(kept)
        mixed = F.scaled_dot_product_attention(
            q, k, v, mask,
            is_causal=mask is None and time > 1,
            dropout_p=self.config.dropout if self.training else 0.0,
            enable_gqa=n != n_kv,
        )  # fmt: skip
        return self.out(mixed.transpose(1, 2).reshape(batch, time, d_model))


class Block(nn.Module):
    """One layer: attention, then a small network for each position; both add to the residual stream."""

    def __init__(self, config):
        super().__init__()
        d, hidden = config.d_model, config.hidden or 4 * config.d_model
        self.activation = config.activation
        self.norm1, self.norm2 = make_norm(config), make_norm(config)
        self.attention = Attention(config)
        if config.activation == "swiglu":
            self.gate = nn.Linear(d, hidden, config.bias)
        self.up, self.down = nn.Linear(d, hidden, config.bias), nn.Linear(hidden, d, config.bias)
        self.drop = nn.Dropout(config.dropout)

    def forward(self, x, turn=None, past=None, mask=None):
        x = x + self.drop(self.attention(self.norm1(x), turn, past, mask))
        return x + self.drop(self.think(self.norm2(x)))

    def think(self, x):
        """The network for each position by itself."""
        if self.activation == "swiglu":
            return self.down(F.silu(self.gate(x)) * self.up(x))
        if self.activation == "gelu":
            return self.down(F.gelu(self.up(x), approximate="tanh"))
        return self.down(F.relu(self.up(x)).square())


class KeyValues:
    """The keys and values that one layer has computed, so that generation never computes them twice.

    There is room for a whole context from the start, so a new token is written behind the others and no other
    is moved.
    """

    def __init__(self, context):
        self.context, self.length = context, 0
        self.near = None  # for `Near`: what the last tokens were

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
    """The `KeyValues` of every layer, how many tokens they hold, and which of these are padding."""

    def __init__(self, config):
        super().__init__(KeyValues(config.context) for _ in range(config.n_layers))
        self.real = None  # (batch, length), False for padding; None where there is none

    @property
    def length(self):
        return self[0].length


class GPT(LanguageModel):
    """A small GPT. `forward(ids)`: ids (batch, time) -> logits (batch, time, vocab_size).

    With a `cache` (see `new_cache`), ids are only what follows the tokens that it already holds. `real` (batch,
    time) is False where a token is padding: nobody looks at it, and positions are counted without it.
    Raises ValueError for sizes that do not fit together, for more tokens than `config.context`, for no token at
    all, and for an id outside of the vocabulary.
    """

    def __init__(self, config):
        super().__init__()
        config.check()
        self.config, self.reads = config, config.context
        with seeded(config.seed):
            self.embedding = nn.Embedding(config.vocab_size, config.d_model)
            if config.positions == "learned":
                self.position = nn.Embedding(config.context, config.d_model)
            self.drop = nn.Dropout(config.dropout)
            self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layers))
            self.norm = make_norm(config)
            self.head = None if config.tied_head else nn.Linear(config.d_model, config.vocab_size, bias=False)
        if config.positions == "rotary":
            cos, sin = rotary_angles(config.context, config.d_head, config.rotary_base)
            self.register_buffer("cos", cos, persistent=False)
            self.register_buffer("sin", sin, persistent=False)
        generator = torch.Generator().manual_seed(config.seed)
        (self.initialise if config.start == "zero" else self.initialise_as_gpt2)(generator)

    @torch.no_grad()
    def initialise(self, generator):
        """Matrices by the size of their input; every layer's output and the head at zero."""
        for name, p in self.named_parameters():
            if name.endswith(("out.weight", "down.weight", "head.weight", "bias")):
                p.zero_()
            elif name in ("embedding.weight", "position.weight"):
                # Tied, the embedding makes the scores too: so small that all tokens begin almost equally likely.
                p.normal_(std=0.02 if self.config.tied_head else 1.0, generator=generator)
            elif p.ndim == 2:
                p.normal_(std=p.size(1) ** -0.5, generator=generator)

    @torch.no_grad()
    def initialise_as_gpt2(self, generator):
        """All from N(0, 0.02), what a layer adds by 1 / sqrt(number of such layers) smaller: Radford et al. 2019,

        section 2.3. The positions' 0.01 stands in the code that OpenAI published with it.
        """
        for name, p in self.named_parameters():
            if name.endswith("bias"):
                p.zero_()
            elif name == "position.weight":
                p.normal_(std=0.01, generator=generator)
            elif p.ndim == 2:
                adds = name.endswith(("out.weight", "down.weight"))
                std = 0.02 / (2 * self.config.n_layers) ** 0.5 if adds else 0.02
                p.normal_(std=std, generator=generator)

    def forward(self, ids, cache=None, real=None):
        start = cache.length if cache is not None else 0
        end = start + ids.size(1)
        if end > self.config.context:
            raise ValueError(
                f"{end} tokens do not fit this model's context of {self.config.context}: "
                "give it the last part of the text, or train one with a longer context"
            )
        place, mask = slice(start, end), None
        if real is not None or (cache is not None and cache.real is not None):
            place, mask = self._around_padding(ids, start, cache, real)
        x = self.look_up(ids)
        turn = None
        if self.config.positions == "learned":
            x = x + self.position.weight[place]
        elif self.config.positions == "rotary":
            turn = self.cos[place], self.sin[place]
            if mask is not None:  # every row has its own places: room for the heads between batch and time
                turn = turn[0][:, None], turn[1][:, None]
        x = self.drop(x)
        for i, block in enumerate(self.blocks):
            x = block(x, turn, cache[i] if cache is not None else None, mask)
        return self.read_out(x)

    def read_out(self, x):
        """The scores that a residual stream (..., d_model) stands for: the last norm, then the head."""
        return F.linear(self.norm(x), self.embedding.weight if self.head is None else self.head.weight)

    @staticmethod
    def _around_padding(ids, start, cache, real):
        """Each token's place, counted without padding (batch, time), and the mask (batch, 1, time, kept + time)."""
        if real is None:
            real = torch.ones_like(ids, dtype=torch.bool)
        if real.shape != ids.shape or real.dtype != torch.bool:
            raise ValueError(
                f"`real` holds True or False for each id, {tuple(ids.shape)}, but is {real.dtype} {tuple(real.shape)}"
            )
        if start:
            before = cache.real if cache.real is not None else real.new_ones(ids.size(0), start)
            real = torch.cat((before, real), dim=1)
        if cache is not None:
            cache.real = real
        place = (real.cumsum(1) - 1).clamp(min=0)[:, start:]
        causal = torch.ones(ids.size(1), real.size(1), dtype=torch.bool, device=ids.device).tril(start)
        itself = torch.eye(real.size(1), dtype=torch.bool, device=ids.device)[start:]
        # A padding token looks at itself: a row without any key would be no number, and spoil the gradients.
        return place, (causal & real[:, None, :] | itself)[:, None]

    @classmethod
    def from_pretrained(cls, name):
        """A model with published weights, such as "gpt2"; see `lmlib.models.pretrained`."""
        from .pretrained import from_pretrained

        return from_pretrained(name)

    def new_cache(self):
        """An empty cache for `forward(ids, cache)`."""
        return Cache(self.config)

    @property
    def flops_per_token(self):
        """Floating-point operations to train on one token: 6 per weight used in a product, and the attention's.

        Kaplan et al. 2020, section 2.1; the attention term as in Chowdhery et al. 2022 (PaLM), appendix B: 12 per
        layer, number of a vector and token of the context, as if every token looked at the whole context.
        """
        looked_up = 0 if self.head is None else self.embedding.weight.numel()  # a look-up is no product
        looked_up += self.position.weight.numel() if self.config.positions == "learned" else 0
        weights = self.n_parameters - looked_up
        return 6 * weights + 12 * self.config.n_layers * self.config.d_model * self.config.context
