"""A recurrent encoder-decoder with attention, after Bahdanau, Cho and Bengio 2015 (appendix A.2).

It has the verbs of `Transformer` (`encode`, `decode`, `forward`), so whatever trains and uses the one takes the
other.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from .attention import AdditiveAttention, attend
from .network import Network, seeded


@dataclass
class Seq2SeqConfig:
    """Sizes. attention: the decoder looks at all states, else at the encoder's two last ones, always the same."""

    vocab_size: int
    d_model: int = 128
    attention: bool = True
    dropout: float = 0.0
    seed: int = 0

    def check(self):
        """Raises ValueError for sizes that cannot be."""
        if self.vocab_size < 1 or self.d_model < 2 or self.d_model % 2:
            raise ValueError(
                f"vocab_size must be at least 1 and d_model even, for two directions; here they are "
                f"{self.vocab_size} and {self.d_model}"
            )


class Seq2Seq(Network):
    """A GRU reads in both directions, another one writes: source (batch, source time), target (batch, time) ->
    logits.

    Source and target share one vocabulary, and one matrix makes the tokens' vectors and the scores. The paper's
    decoder has a maxout layer before its scores; here a tanh stands in its place.
    """

    def __init__(self, config):
        config.check()
        super().__init__()
        self.config = c = config
        with seeded(c.seed):
            self.embedding = nn.Embedding(c.vocab_size, c.d_model)
            nn.init.normal_(self.embedding.weight, std=c.d_model**-0.5)  # times sqrt(d_model) when read: about 1
            self.encoder = nn.GRU(c.d_model, c.d_model // 2, batch_first=True, bidirectional=True)
            self.begin = nn.Linear(c.d_model, c.d_model)
            self.attention = AdditiveAttention(c.d_model, c.d_model, c.d_model) if c.attention else None
            self.decoder = nn.GRUCell(2 * c.d_model, c.d_model)
            self.readout = nn.Linear(3 * c.d_model, c.d_model)
            self.bias = nn.Parameter(torch.zeros(c.vocab_size))
            self.drop = nn.Dropout(c.dropout)

    def embed(self, ids):
        return self.drop(self.embedding(ids) * self.config.d_model**0.5)

    def encode(self, source, padding=None):
        """The memory: of each source token what both directions know there, (batch, source time, d_model).

        padding: True where there is text, (batch, source time); each row begins with text. Padding gets zeros.
        """
        if padding is None:
            return self.encoder(self.embed(source))[0]
        lengths = padding.sum(1).cpu()
        packed = pack_padded_sequence(self.embed(source), lengths, batch_first=True, enforce_sorted=False)
        return pad_packed_sequence(self.encoder(packed)[0], batch_first=True, total_length=source.size(1))[0]

    def ends(self, memory, padding=None):
        """The last state of each direction, (batch, d_model): what it knows after reading everything."""
        last = memory.size(1) - 1 if padding is None else padding.sum(1) - 1
        forward, backward = memory.chunk(2, dim=-1)
        return torch.cat((forward[torch.arange(len(memory)), last], backward[:, 0]), dim=-1)

    def decode(self, target, memory, padding=None, memory_padding=None):
        """Scores for what follows each target token, and the weights in a list, as `Transformer.decode` gives them.

        target: ids (batch, time) -> logits (batch, time, vocab_size), [weights (batch, 1, time, source time)]; the
        list is empty without attention. padding is not needed: no step sees a later one.
        """
        y, whole = self.embed(target), self.ends(memory, memory_padding)
        s = self.begin(whole).tanh()
        if self.attention:
            keys = self.attention.key(memory)  # the same at every step, so computed once
            mask = None if memory_padding is None else memory_padding[:, None]
        read, seen = [], []  # what the scores are made of, and the weights, step by step
        for y_t in y.unbind(1):  # (batch, d_model): the token written last
            context = whole
            if self.attention:
                scores = self.attention.score(
                    (self.attention.query(s)[:, None] + keys).tanh()
                )  # (batch, source time, 1)
                context, weights = attend(scores.transpose(1, 2), memory, mask)  # one query: (batch, 1, d_model)
                context = context[:, 0]
                seen.append(weights)
            s = self.decoder(torch.cat((y_t, context), dim=-1), s)
            read.append(torch.cat((s, context, y_t), dim=-1))
        h = self.drop(self.readout(torch.stack(read, dim=1)).tanh())
        weights = [torch.stack(seen, dim=2)] if seen else []  # (batch, 1, time, source time)
        return F.linear(h, self.embedding.weight, self.bias), weights

    def forward(self, source, target, padding=None, target_padding=None):
        """Logits (batch, time, vocab_size). padding: True where the source is text."""
        return self.decode(target, self.encode(source, padding), target_padding, padding)[0]
