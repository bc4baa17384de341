"""Two encoders, one of pictures and one of sentences, whose vectors meet where the two belong together.

Pictures are cut into patches, and each patch becomes a vector by one linear layer (Dosovitskiy et al. 2021, section
3.1). Training lets each picture choose its own sentence among all sentences of the batch, and each sentence its
picture (Radford et al. 2021, section 2.3 and figure 3).
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from .network import Network, seeded


@dataclass
class MatcherConfig:
    """Sizes of a `Matcher`. side, patch: pixels; colours: how many a pixel can have; vocab_size: words, 0 is padding.

    ordered: patches and words know their places and look at each other; without it each side is a bag: a mean of
    what its parts say, each read alone.
    """

    vocab_size: int
    colours: int
    side: int = 8
    patch: int = 4
    longest: int = 12
    d_model: int = 64
    n_heads: int = 4
    n_layers: int = 2
    ordered: bool = True
    seed: int = 0


def patches_of(x, size):
    """Cut pictures (batch, channels, height, width) into patches: (batch, patches, channels * size * size).

    The patches go row by row, and the numbers within one by channel, row and column.
    """
    batch, channels, height, width = x.shape
    x = x.view(batch, channels, height // size, size, width // size, size)
    return x.permute(0, 2, 4, 1, 3, 5).reshape(batch, -1, channels * size * size)


class PatchEmbedding(nn.Module):
    """Each patch becomes a vector by the same linear layer: (batch, channels, h, w) -> (batch, patches, d_model)."""

    def __init__(self, channels, size, d_model):
        super().__init__()
        self.size, self.linear = size, nn.Linear(channels * size * size, d_model)

    def forward(self, x):
        return self.linear(patches_of(x, self.size))


class Side(nn.Module):
    """From vectors of parts (batch, parts, d_model) to one vector of length 1 for the whole (batch, d_model)."""

    def __init__(self, config, n_parts):
        super().__init__()
        d = config.d_model
        self.ordered = config.ordered
        if config.ordered:
            # As large as what it is added to: four times smaller, and no order was learned in 700 steps.
            self.position = nn.Parameter(torch.randn(n_parts, d) / 2)
            layer = {"dim_feedforward": 2 * d, "dropout": 0.0, "batch_first": True, "norm_first": True}
            self.layers = nn.ModuleList(
                nn.TransformerEncoderLayer(d, config.n_heads, **layer) for _ in range(config.n_layers)
            )
        else:
            self.alone = nn.Sequential(nn.Linear(d, 2 * d), nn.ReLU(), nn.Linear(2 * d, d))
        self.norm, self.out = nn.LayerNorm(d), nn.Linear(d, d, bias=False)

    def forward(self, x, padding=None):
        """padding: True where a part is none, (batch, parts)."""
        if self.ordered:
            x = x + self.position[: x.size(1)]
            for layer in self.layers:
                x = layer(x, src_key_padding_mask=padding)
        else:
            x = x + self.alone(x)
        x = self.norm(x)
        if padding is not None:
            x = x.masked_fill(padding[..., None], 0.0)
        return F.normalize(self.out(x.sum(1)), dim=-1)


class Matcher(Network):
    """Pictures and sentences as vectors of length 1; their products, times `scale`, say what belongs together.

    forward(pictures, sentences): pictures (batch, side * side) colours as numbers, sentences (batch, longest) ids
    with 0 for padding -> scores (batch, batch), a row for each picture.
    """

    def __init__(self, config):
        super().__init__()
        self.config = config
        with seeded(config.seed):
            self.patches = PatchEmbedding(config.colours, config.patch, config.d_model)
            self.words = nn.Embedding(config.vocab_size, config.d_model, padding_idx=0)
            self.seen = Side(config, (config.side // config.patch) ** 2)
            self.said = Side(config, config.longest)
            # The temperature is learned as the logarithm of what products are multiplied by: section 2.5.
            self.log_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    def pictures(self, pictures):
        """The vectors of pictures, (batch, d_model)."""
        side = self.config.side
        pixels = F.one_hot(pictures, self.config.colours).float()  # (batch, side * side, colours)
        return self.seen(self.patches(pixels.transpose(1, 2).unflatten(2, (side, side))))

    def sentences(self, sentences):
        """The vectors of sentences, (batch, d_model)."""
        return self.said(self.words(sentences), padding=sentences == 0)

    @property
    def scale(self):
        return self.log_scale.exp().clamp(max=100.0)

    def forward(self, pictures, sentences):
        return self.scale * self.pictures(pictures) @ self.sentences(sentences).T


def contrastive_loss(model, batch):
    """Each picture chooses among the batch's sentences, each sentence among its pictures: mean of both losses, nats.

    Radford et al. 2021, figure 3. batch: (pictures, sentences), row i of the one belongs to row i of the other.
    """
    scores = model(*batch)
    right = torch.arange(len(scores), device=scores.device)
    return (F.cross_entropy(scores, right) + F.cross_entropy(scores.T, right)) / 2
