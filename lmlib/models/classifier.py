"""A text in, one number out: word vectors, then their mean, an LSTM or attention, then a logit.

The logit is the logarithm of the odds of label 1; sigmoid makes the probability of it.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from .attention import attend
from .batching import ByLength
from .network import Network, seeded
from .transformer import EncoderLayer, LayerNorm, TransformerConfig, sinusoids

KINDS = ("mean", "lstm", "attention")


@dataclass
class ClassifierConfig:
    """Sizes of a classifier. kind: one of KINDS; pad_id: the id that fills the rows of a batch.

    context: longer texts are cut. n_layers, n_heads and positions ("sinusoidal" or "rotary", see `TransformerConfig`)
    are of the attention alone. spread: standard deviation of the word vectors before training; where labels are few
    and words many, small ones leave less noise.
    """

    kind: str
    vocab_size: int
    pad_id: int = 1
    d_model: int = 64
    n_layers: int = 2
    n_heads: int = 4
    positions: str = "sinusoidal"
    context: int = 128
    dropout: float = 0.0
    spread: float = 1.0
    seed: int = 0

    def check(self):
        """Raises ValueError for an unknown kind, and for positions that it cannot have."""
        if self.kind not in KINDS:
            raise ValueError(f"no classifier is called {self.kind!r}: choose one of {', '.join(KINDS)}")
        if self.positions not in ("rotary", "sinusoidal"):
            raise ValueError(f"positions are {self.positions!r}: choose rotary or sinusoidal")


class TextClassifier(Network):
    """ids (batch, time), padded at the end with `pad_id` -> logits (batch,).

        mean        the mean of the word vectors: their order is lost
        lstm        the last hidden state of torch's LSTM (the equal of lesson 05's)
        attention   encoder layers (lesson 07), then a mean of all places, weighted by how well each fits a learned
                    query (Bahdanau's idea with one query for all texts)

    A text without a word counts as all zeros. Chance is that of `config.seed` alone.
    """

    def __init__(self, config):
        config.check()
        super().__init__()
        self.config = c = config
        with seeded(c.seed):
            self.embedding = nn.Embedding(c.vocab_size, c.d_model)
            self.embedding.weight.data.mul_(c.spread)  # torch draws them with spread 1
            self.drop = nn.Dropout(c.dropout)
            if c.kind == "lstm":
                self.lstm = nn.LSTM(c.d_model, c.d_model, batch_first=True)
            elif c.kind == "attention":
                sizes = TransformerConfig(
                    c.vocab_size,
                    c.context,
                    n_heads=c.n_heads,
                    d_model=c.d_model,
                    positions=c.positions,
                    norm="pre",
                    dropout=c.dropout,
                )
                sizes.check()
                self.layers = nn.ModuleList(EncoderLayer(sizes) for _ in range(c.n_layers))
                self.norm = LayerNorm(c.d_model)
                self.query = nn.Parameter(torch.zeros(c.d_model))
                if c.positions == "sinusoidal":
                    self.register_buffer("position", sinusoids(c.context, c.d_model), persistent=False)
            self.head = nn.Linear(c.d_model, 1)

    def forward(self, ids):
        return self.look(ids)[0]

    def look(self, ids):
        """Logits (batch,) and the share of each place in the pooled vector (batch, time), rows add up to 1.

        An LSTM gives its last place all.
        """
        there = ids != self.config.pad_id  # (batch, time): True where there is text
        x = self.drop(self.embedding(ids))  # (batch, time, d_model)
        if self.config.kind == "lstm":
            x, _ = self.lstm(x)
            last = there.sum(1).sub(1).clamp(min=0)
            share = F.one_hot(last, ids.size(1)).float() * there.any(1, keepdim=True)
            pooled = (share[:, None] @ x)[:, 0]
        elif self.config.kind == "attention":
            if self.config.positions == "sinusoidal":
                x = x + self.position[: ids.size(1)]
            for layer in self.layers:
                x = layer(x, padding=there)
            x = self.norm(x)
            scores = x @ self.query / math.sqrt(self.config.d_model)  # (batch, time)
            pooled, share = (part[:, 0] for part in attend(scores[:, None], x, there[:, None]))
        else:
            share = there / there.sum(1, keepdim=True).clamp(min=1)
            pooled = (share[:, None] @ x)[:, 0]
        return self.head(self.drop(pooled)).squeeze(-1), share


def label_loss(model, batch):
    """Mean surprise of the labels, in nats: batch is (ids, labels), (batch, time) and (batch,)."""
    ids, labels = batch
    return F.binary_cross_entropy_with_logits(model(ids), labels)


class LabelledBatches:
    """Batches of (ids, labels) for `fit`: texts as lists of ids, labels 0 or 1.

    Texts of like length go together, so that little is padding; every epoch uses each text once, in another order.
    Raises ValueError without texts, and where texts and labels are not as many.
    """

    def __init__(self, texts, labels, pad_id, batch_size=32, seed=0):
        if not len(texts) or len(texts) != len(labels):
            raise ValueError(f"give one label for each text, and at least one: here are {len(texts)}, {len(labels)}")
        self.texts = [torch.tensor(ids, dtype=torch.long) for ids in texts]
        self.labels = torch.tensor(labels, dtype=torch.float)
        self.order = ByLength([len(ids) for ids in texts], batch_size, seed, noise=0.2)
        self.pad_id, self.batch_size, self.seed = pad_id, batch_size, seed

    @property
    def steps_per_epoch(self):
        return len(self.order)

    def _rows(self, places):
        longest = max(1, *(len(self.texts[place]) for place in places))
        ids = torch.full((len(places), longest), self.pad_id)
        for row, place in enumerate(places):
            ids[row, : len(self.texts[place])] = self.texts[place]
        return ids, self.labels[places]

    def batch(self, step):
        """The batch of a step: ids (batch, time) and labels (batch,), the same in every run with this seed."""
        return self._rows(self.order.places(step))

    def all_batches(self):
        """Every text once, in order."""
        for i in range(0, len(self.texts), self.batch_size):
            yield self._rows(list(range(i, min(i + self.batch_size, len(self.texts)))))
