"""A feed-forward language model: the last few tokens, as vectors side by side, go through one hidden layer.

The model is Bengio et al. 2003, "A Neural Probabilistic Language Model", section 2, equation 1:

    logits = b + W x + U tanh(d + H x)        x: the vectors of the last `window` tokens, one behind the other

Like an n-gram model it sees a fixed number of tokens. Unlike one, it need not have seen them together: tokens
with like vectors lead to like predictions. It differs from the paper in two ways. The direct connections W are
left out (W = 0; the paper calls them optional). And at a document's beginning, where fewer than `window` tokens
precede, zeros stand in the place of the missing vectors.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from .network import LanguageModel, seeded


@dataclass
class FeedForwardConfig:
    """Sizes of a feed-forward model. `window` is how many tokens it sees: an n-gram model of order window + 1."""

    vocab_size: int
    window: int = 8
    d_embedding: int = 32
    hidden: int = 256
    dropout: float = 0.0
    seed: int = 0


class FeedForward(LanguageModel):
    """Predicts from the last `window` tokens. `forward(ids)`: ids (batch, time) -> logits (batch, time, vocab_size).

    A text may be of any length: every place looks at its own window, all at once.
    Raises ValueError for a size below 1, for no token at all, and for an id outside of the vocabulary.
    """

    def __init__(self, config):
        super().__init__()
        sizes = (config.vocab_size, config.window, config.d_embedding, config.hidden)
        if min(sizes) < 1:
            raise ValueError(f"every size of a model is at least 1, but here one is {min(sizes)}: {config}")
        self.config, self.reads = config, config.window
        with seeded(config.seed):
            self.embedding = nn.Embedding(config.vocab_size, config.d_embedding)
            self.inner = nn.Linear(config.window * config.d_embedding, config.hidden)
            self.head = nn.Linear(config.hidden, config.vocab_size)
        self.drop = nn.Dropout(config.dropout)
        self.initialise(torch.Generator().manual_seed(config.seed))

    @torch.no_grad()
    def initialise(self, generator):
        """Sums that enter tanh begin with a standard deviation of 1; the head at zero: all tokens equally likely."""
        self.embedding.weight.normal_(generator=generator)
        self.inner.weight.normal_(std=self.inner.in_features**-0.5, generator=generator)
        for p in (self.inner.bias, self.head.weight, self.head.bias):
            p.zero_()

    def forward(self, ids):
        window, x = self.config.window, self.look_up(ids)  # (batch, time, d_embedding)
        x = F.pad(x, (0, 0, window - 1, 0))  # zeros before the beginning: (batch, window - 1 + time, d_embedding)
        x = x.unfold(1, window, 1).transpose(2, 3)  # each place's window: (batch, time, window, d_embedding)
        h = torch.tanh(self.inner(self.drop(x.flatten(2))))  # (batch, time, hidden)
        return self.head(self.drop(h))

    @property
    def flops_per_token(self):
        """Floating-point operations to train on one token: 6 per weight used in a product.

        Kaplan et al. 2020, section 2.1.
        """
        return 6 * (self.inner.weight.numel() + self.head.weight.numel())
