"""The Transformer of Vaswani et al. 2017: an encoder that reads, a decoder that writes, and attention between them.

`TransformerConfig` names each part, so that one can be left out and its worth measured. What stands there by default
is the paper's: sinusoidal positions, layer norm after each sum ("post"), ReLU. Everything is equal to torch's
`nn.TransformerEncoderLayer` and `nn.TransformerDecoderLayer`, but masks say True where one *may* look.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from .attention import MultiHeadAttention, causal_mask, dot_product_attention
from .gpt import rotary_angles, rotate
from .network import Network

CHOICES = {
    "positions": ("sinusoidal", "learned", "rotary", "none"),
    "norm": ("post", "pre", "none"),
    "activation": ("relu", "gelu"),
}


@dataclass
class TransformerConfig:
    """Sizes and parts of a Transformer. `context` is the most tokens that it can read or write.

    positions: "sinusoidal" (section 3.5), "learned" (the paper's row E), "rotary" (Su et al. 2021; in self-attention)
        or "none". norm: "post" (section 3.1), "pre" (before each part, and once more at the end) or "none".
    residual: each part adds to what it reads, else it replaces it. feed_forward: layers have that part.
    causal: the decoder may not look ahead. hidden: width of the feed-forward part, by default 4 * d_model.
    """

    vocab_size: int
    context: int = 64
    n_layers: int = 2
    n_heads: int = 4
    d_model: int = 64
    hidden: int | None = None
    positions: str = "sinusoidal"
    norm: str = "post"
    activation: str = "relu"
    residual: bool = True
    feed_forward: bool = True
    causal: bool = True
    dropout: float = 0.0
    seed: int = 0

    def check(self):
        """Raises ValueError for parts that are not known and for sizes that do not fit together."""
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is {getattr(self, name)!r}: choose one of {', '.join(known)}")
        sizes = (self.vocab_size, self.context, self.n_layers, self.n_heads, self.d_model)
        if min(sizes) < 1:
            raise ValueError(f"every size of a Transformer is at least 1, but here one is {min(sizes)}: {self}")
        share = self.n_heads * (2 if self.positions == "rotary" else 1)
        if self.d_model % share:
            raise ValueError(
                f"d_model ({self.d_model}) must be a multiple of {share} for {self.n_heads} heads with "
                f"{self.positions} positions: change d_model or n_heads"
            )


def sinusoids(context, d_model, base=10_000.0):
    """Sinusoidal positions, (context, d_model): sine in the even columns, cosine in the odd ones.

    Each pair of columns is one wave; the wave lengths grow from 2 pi to nearly base * 2 pi. Vaswani et al. 2017,
    section 3.5.
    """
    frequency = base ** (-torch.arange(0, d_model, 2) / d_model)
    angle = torch.arange(context)[:, None] * frequency  # (context, d_model / 2)
    return torch.stack((angle.sin(), angle.cos()), dim=-1).flatten(1)[:, :d_model]


class LayerNorm(nn.Module):
    """The numbers of each place get mean 0 and variance 1, then a learned scale and shift: Ba et al. 2016, section 3.

    x (..., d_model) -> the same shape. Equal to `nn.LayerNorm`.
    """

    def __init__(self, d_model, eps=1e-5):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(d_model)), nn.Parameter(torch.zeros(d_model))
        self.eps = eps  # keeps the division possible where all numbers are alike

    def forward(self, x):
        x = x - x.mean(dim=-1, keepdim=True)
        return x * (x.square().mean(dim=-1, keepdim=True) + self.eps).rsqrt() * self.weight + self.bias


class FeedForward(nn.Module):
    """Each place alone: up to `hidden` numbers, ReLU or GELU, down again. Vaswani et al. 2017, section 3.3."""

    def __init__(self, d_model, hidden, activation="relu"):
        super().__init__()
        self.up, self.down = nn.Linear(d_model, hidden), nn.Linear(hidden, d_model)
        self.activation = {"relu": F.relu, "gelu": F.gelu}[activation]

    def forward(self, x):
        return self.down(self.activation(self.up(x)))


class RotaryAttention(MultiHeadAttention):
    """Self-attention in which queries and keys are turned by angles that grow with their places.

    A score then depends on the distance of two places alone. Su et al. 2021, RoFormer, section 3.2.2.
    """

    def forward(self, query, mask=None, padding=None):
        q, k, v = (self._split(part(query)) for part in (self.query, self.key, self.value))
        turn = [part.to(q) for part in rotary_angles(query.size(1), q.size(-1))]
        mixed, weights = dot_product_attention(rotate(q, *turn), rotate(k, *turn), v, self._join(mask, padding))
        return self.out(mixed.transpose(1, 2).flatten(2)), weights


class AddAndNorm(nn.Module):
    """What stands around each part: x + part(x), and a layer norm where `norm` says.

        post: norm(x + part(x))     the paper, section 3.1        pre: x + part(norm(x))

    Dropout is applied to what the part gives, before it is added (section 5.4).
    """

    def __init__(self, d_model, norm="post", residual=True, dropout=0.0):
        super().__init__()
        self.place, self.residual, self.drop = norm, residual, nn.Dropout(dropout)
        self.norm = nn.Identity() if norm == "none" else LayerNorm(d_model)

    def forward(self, x, part):
        y = self.drop(part(self.norm(x) if self.place == "pre" else x))
        y = x + y if self.residual else y
        return self.norm(y) if self.place == "post" else y


class EncoderLayer(nn.Module):
    """Self-attention, then feed-forward: x (batch, time, d_model) -> the same shape.

    mask: True where a query may look, (time, time) or (batch, time, time); padding: True where there is text,
    (batch, time). Equal to `nn.TransformerEncoderLayer(batch_first=True)`.
    """

    def __init__(self, config):
        super().__init__()
        c, attention = config, RotaryAttention if config.positions == "rotary" else MultiHeadAttention
        self.attention = attention(c.d_model, c.n_heads)
        self.around_attention = AddAndNorm(c.d_model, c.norm, c.residual, c.dropout)
        if c.feed_forward:
            self.feed = FeedForward(c.d_model, c.hidden or 4 * c.d_model, c.activation)
            self.around_feed = AddAndNorm(c.d_model, c.norm, c.residual, c.dropout)
        else:
            self.feed = None

    def forward(self, x, mask=None, padding=None):
        x = self.around_attention(x, lambda x: self.attention(x, mask=mask, padding=padding)[0])
        return x if self.feed is None else self.around_feed(x, self.feed)

    def take_weights(self, module):
        """Copy the weights of an `nn.TransformerEncoderLayer` of the same sizes; returns self."""
        self.attention.take_weights(module.self_attn)
        _copy(self.around_attention.norm, module.norm1)
        _copy_feed(self, module, module.norm2)
        return self


class DecoderLayer(nn.Module):
    """Self-attention, cross-attention to what the encoder read, feed-forward.

    x (batch, time, d_model), memory (batch, source time, d_model) -> (x of the same shape, weights of the
    cross-attention (batch, n_heads, time, source time)). mask: as in `EncoderLayer`, for the self-attention; padding:
    True where the target is text; memory_padding: True where the source is. Equal to
    `nn.TransformerDecoderLayer(batch_first=True)`.
    """

    def __init__(self, config):
        super().__init__()
        c, attention = config, RotaryAttention if config.positions == "rotary" else MultiHeadAttention
        self.attention = attention(c.d_model, c.n_heads)
        self.around_attention = AddAndNorm(c.d_model, c.norm, c.residual, c.dropout)
        self.cross = MultiHeadAttention(c.d_model, c.n_heads)
        self.around_cross = AddAndNorm(c.d_model, c.norm, c.residual, c.dropout)
        if c.feed_forward:
            self.feed = FeedForward(c.d_model, c.hidden or 4 * c.d_model, c.activation)
            self.around_feed = AddAndNorm(c.d_model, c.norm, c.residual, c.dropout)
        else:
            self.feed = None

    def forward(self, x, memory, mask=None, padding=None, memory_padding=None):
        seen = []

        def look_at_the_source(x):
            y, weights = self.cross(x, memory, padding=memory_padding)
            seen.append(weights)
            return y

        x = self.around_attention(x, lambda x: self.attention(x, mask=mask, padding=padding)[0])
        x = self.around_cross(x, look_at_the_source)
        return (x if self.feed is None else self.around_feed(x, self.feed)), seen[0]

    def take_weights(self, module):
        """Copy the weights of an `nn.TransformerDecoderLayer` of the same sizes; returns self."""
        self.attention.take_weights(module.self_attn)
        self.cross.take_weights(module.multihead_attn)
        _copy(self.around_attention.norm, module.norm1)
        _copy(self.around_cross.norm, module.norm2)
        _copy_feed(self, module, module.norm3)
        return self


@torch.no_grad()
def _copy(ours, theirs):
    ours.weight.copy_(theirs.weight)
    ours.bias.copy_(theirs.bias)


def _copy_feed(layer, module, norm):
    _copy(layer.feed.up, module.linear1)
    _copy(layer.feed.down, module.linear2)
    _copy(layer.around_feed.norm, norm)


class Transformer(Network):
    """Encoder and decoder: source (batch, source time) and what was written (batch, time) -> what comes next.

    Source and target share one vocabulary, and one matrix makes the tokens' vectors and the scores (section 3.4).
    """

    def __init__(self, config):
        config.check()
        super().__init__()
        self.config = c = config
        torch.manual_seed(c.seed)
        self.embedding = nn.Embedding(c.vocab_size, c.d_model)
        nn.init.normal_(self.embedding.weight, std=c.d_model**-0.5)  # times sqrt(d_model), see `embed`: about 1
        if c.positions == "learned":
            self.position = nn.Parameter(torch.randn(c.context, c.d_model))
        elif c.positions == "sinusoidal":
            self.register_buffer("position", sinusoids(c.context, c.d_model), persistent=False)
        self.drop = nn.Dropout(c.dropout)
        self.encoder = nn.ModuleList(EncoderLayer(c) for _ in range(c.n_layers))
        self.decoder = nn.ModuleList(DecoderLayer(c) for _ in range(c.n_layers))
        # Behind post-norm layers the numbers are normed already; behind pre-norm layers nobody has done it yet.
        self.encoder_norm, self.decoder_norm = (
            LayerNorm(c.d_model) if c.norm == "pre" else nn.Identity() for _ in range(2)
        )
        for layer in (*self.encoder, *self.decoder):
            for p in layer.parameters():  # as in `nn.Transformer`: the output about as large as the input
                if p.dim() > 1:
                    nn.init.xavier_uniform_(p)

    def embed(self, ids):
        """Tokens and places as vectors, (batch, time) -> (batch, time, d_model)."""
        if ids.size(1) > self.config.context:
            raise ValueError(
                f"{ids.size(1)} tokens do not fit this model's context of {self.config.context}: "
                "give it fewer, or build one with a longer context"
            )
        x = self.embedding(ids) * math.sqrt(self.config.d_model)
        if self.config.positions in ("learned", "sinusoidal"):
            x = x + self.position[: ids.size(1)]
        return self.drop(x)

    def encode(self, source, padding=None):
        """The memory: one vector for each source token, (batch, source time, d_model)."""
        x = self.embed(source)
        for layer in self.encoder:
            x = layer(x, padding=padding)
        return self.encoder_norm(x)

    def decode(self, target, memory, padding=None, memory_padding=None):
        """Scores for what follows each target token, and of each layer the weights of its cross-attention."""
        mask = causal_mask(target.size(1), device=target.device) if self.config.causal else None
        x, seen = self.embed(target), []
        for layer in self.decoder:
            x, weights = layer(x, memory, mask, padding, memory_padding)
            seen.append(weights)
        return F.linear(self.decoder_norm(x), self.embedding.weight), seen

    def forward(self, source, target, padding=None, target_padding=None):
        """Logits (batch, time, vocab_size). padding and target_padding: True where there is text."""
        return self.decode(target, self.encode(source, padding), target_padding, padding)[0]

    @torch.inference_mode()
    def write(self, source, first, n, padding=None):
        """Write n tokens, each time the likeliest: (batch, n). first: the token that the decoder reads first."""
        memory = self.encode(source, padding)
        written = torch.full((len(source), 1), first, device=source.device)
        for _ in range(n):
            logits, _ = self.decode(written, memory, memory_padding=padding)
            written = torch.cat((written, logits[:, -1:].argmax(-1)), dim=1)
        return written[:, 1:]
