"""Cells that choose what to keep: the long short-term memory and the gated recurrent unit.

LSTM, Hochreiter and Schmidhuber 1997, with the forget gate of Gers, Schmidhuber and Cummins 2000; σ is the
logistic function, ⊙ the product number by number:

    i, f, o = σ(W x_t + U h_(t-1) + b)      input, forget and output gate, each with its own W, U, b       (5.1)
    g       = tanh(W x_t + U h_(t-1) + b)   the candidate: what could be written                           (5.2)
    c_t     = f ⊙ c_(t-1) + i ⊙ g           the cell: keep some, write some                                (5.3)
    h_t     = o ⊙ tanh(c_t)                 the hidden state: show some                                    (5.4)

GRU, Cho et al. 2014, in the variant of cuDNN and torch: the reset gate r acts on U h + b, after the product. In the
paper it acts on h, before the product, which a fused kernel cannot compute in one go.

    r, z = σ(W x_t + U h_(t-1) + b)                      reset and update gate                              (5.5)
    n    = tanh(W x_t + b_W + r ⊙ (U h_(t-1) + b_U))     the candidate                                      (5.6)
    h_t  = (1 - z) ⊙ n + z ⊙ h_(t-1)                     (Chung et al. 2014 write z where torch has 1 - z)  (5.7)
"""

import torch

from .rnn import Cell, Recurrent


class LSTMCell(Cell):
    """One step of an LSTM, (5.1) to (5.4). The state is (h, c); the gates lie in torch's order i, f, g, o."""

    n_gates = 4
    state_size = 2

    def step(self, given, state):
        h, c = state
        i, f, g, o = (given + self.from_state(h)).chunk(4, dim=-1)  # each (batch, hidden_size)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()  # (5.3)
        return o.sigmoid() * c.tanh(), c  # (5.4)


class GRUCell(Cell):
    """One step of a GRU, (5.5) to (5.7). The gates lie in torch's order r, z, n."""

    n_gates = 3

    def step(self, given, state):
        (h,) = state
        given_r, given_z, given_n = given.chunk(3, dim=-1)  # each (batch, hidden_size)
        own_r, own_z, own_n = self.from_state(h).chunk(3, dim=-1)
        r, z = (given_r + own_r).sigmoid(), (given_z + own_z).sigmoid()  # (5.5)
        n = torch.tanh(given_n + r * own_n)  # (5.6)
        return ((1 - z) * n + z * h,)  # (5.7)


class LSTM(Recurrent):
    """LSTM cells over time, equal to `torch.nn.LSTM(batch_first=True)`; the state is (h, c). See `Recurrent`."""

    cell = LSTMCell


class GRU(Recurrent):
    """GRU cells over time, equal to `torch.nn.GRU(batch_first=True)`. See `Recurrent`."""

    cell = GRUCell
