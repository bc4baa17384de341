"""A recurrent language model: tokens become vectors, a recurrent network reads them, a head predicts the next token.

Mikolov et al. 2010, "Recurrent neural network based language model". With `attention` each place also looks back at
all earlier hidden states, with the present one as the query (Daniluk et al. 2017, "Frustratingly Short Attention
Spans in Neural Language Modeling", section 3.1, with dot products for scores).
"""

from dataclasses import dataclass

import torch
from torch import nn

from .attention import MultiHeadAttention, causal_mask
from .lstm import GRU, LSTM
from .network import LanguageModel, seeded
from .rnn import RNN

BY_HAND = {"rnn": RNN, "lstm": LSTM, "gru": GRU}
FUSED = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


@dataclass
class RecurrentConfig:
    """Sizes of a recurrent language model; `cell` is "rnn", "lstm" or "gru".

    attention: look back at all earlier hidden states, with `n_heads` heads. fused: torch's own network runs all steps
    in one call; else the hand-written one of this course does, step by step: the same numbers, only slower.
    """

    vocab_size: int
    cell: str = "lstm"
    d_model: int = 128
    n_layers: int = 1
    attention: bool = False
    n_heads: int = 1
    dropout: float = 0.0
    seed: int = 0
    fused: bool = True


class Carried:
    """What a recurrent model remembers of the tokens it has read, to go on from there.

    `length` is how many tokens that were; `state` the recurrent state; `past` the hidden states (batch, time,
    d_model) that attention can look back at.
    """

    def __init__(self):
        self.length, self.state, self.past = 0, None, None

    def detach(self):
        """Cut the gradient's way back: what was read before stays known, but is not learned from (truncated BPTT)."""
        for name, value in self.tensors().items():
            self._put(name, value.detach())

    def tensors(self):
        """All that is remembered, by name, for a checkpoint."""
        state = self.state if isinstance(self.state, tuple) else (self.state,)
        named = {f"state.{i}": part for i, part in enumerate(state)} | {"past": self.past}
        return {name: value for name, value in named.items() if value is not None}

    def fill(self, tensors, length):
        """The inverse of `tensors`."""
        self.length, self.past = length, tensors.get("past")
        parts = tuple(tensors[f"state.{i}"] for i in range(len(tensors)) if f"state.{i}" in tensors)
        self.state = None if not parts else parts if len(parts) > 1 else parts[0]

    def _put(self, name, value):
        if name == "past":
            self.past = value
        elif isinstance(self.state, tuple):
            i = int(name.removeprefix("state."))
            self.state = (*self.state[:i], value, *self.state[i + 1 :])
        else:
            self.state = value


class RecurrentLM(LanguageModel):
    """`forward(ids)`: ids (batch, time) -> logits (batch, time, vocab_size); a text may be of any length.

    With a `cache` (see `new_cache`), ids are only what follows the tokens read before, and the cache then remembers
    these too. Raises ValueError for unknown cells, for no token at all, and for an id outside of the vocabulary.
    """

    def __init__(self, config):
        super().__init__()
        if config.cell not in BY_HAND:
            raise ValueError(f"no recurrent cell is called {config.cell!r}: choose {', '.join(BY_HAND)}")
        if min(config.vocab_size, config.d_model, config.n_layers) < 1:
            raise ValueError(f"every size of a model is at least 1: {config}")
        self.config = config
        d = config.d_model
        with seeded(config.seed):
            self.embedding = nn.Embedding(config.vocab_size, d)
            if config.fused:
                self.layer = FUSED[config.cell](d, d, num_layers=config.n_layers, batch_first=True)
            else:
                self.layer = BY_HAND[config.cell](d, d, n_layers=config.n_layers)
            self.look_back = MultiHeadAttention(d, config.n_heads, bias=False) if config.attention else None
            # The scores are the products of the last vector with the tokens' embeddings (Press and Wolf 2017).
            self.bias = nn.Parameter(torch.zeros(config.vocab_size))
            nn.init.normal_(self.embedding.weight, std=0.05)
            if self.look_back is not None:
                nn.init.zeros_(self.look_back.out.weight)  # attention begins as if it were not there
        self.drop = nn.Dropout(config.dropout)

    def forward(self, ids, cache=None):
        x = self.look_up(ids)  # (batch, time, d_model)
        h, state = self.layer(self.drop(x), None if cache is None else cache.state)
        past = h
        if self.look_back is not None:
            past = h if cache is None or cache.past is None else torch.cat((cache.past, h), dim=1)
            seen, _ = self.look_back(h, past, past, mask=causal_mask(h.size(1), past.size(1), h.device))
            y = h + seen
        else:
            y = h
        if cache is not None:
            cache.length += ids.size(1)
            cache.state, cache.past = state, past if self.look_back is not None else None
        return self.drop(y) @ self.embedding.weight.T + self.bias

    def new_cache(self):
        """An empty memory for `forward(ids, cache)`."""
        return Carried()

    @property
    def flops_per_token(self):
        """Floating-point operations to train on one token: 6 per weight used in a product.

        Kaplan et al. 2020, section 2.1. The scores of attention, which grow with the text, are left out.
        """
        return 6 * sum(p.numel() for p in self.parameters() if p.dim() == 2)
