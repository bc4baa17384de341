"""The recurrent network: one small network, used again at every step, that hands a hidden state to its next self.

Elman 1990, "Finding Structure in Time", with the two bias vectors that torch keeps:

    h_t = tanh(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh)                                             (4.1)

`Cell` is what a recurrent cell of any kind is made of, `Recurrent` runs cells over time, in layers and, where asked,
in both directions. `RNN` is `Recurrent` with `RNNCell`; lesson 05's LSTM and GRU differ in the cell alone.
"""

import torch
from torch import nn


class Cell(nn.Module):
    """Weights for `n_gates` vectors that are computed from the input and from the hidden state.

    weight_ih (n_gates * hidden_size, input_size), weight_hh (n_gates * hidden_size, hidden_size), and two biases:
    the layout, the names and the first values (uniform between ±1 / sqrt(hidden_size)) of torch.
    A subclass says in `step` how the gates make the next state, and in `state_size` how many vectors a state has.
    """

    n_gates = 1
    state_size = 1

    def __init__(self, input_size, hidden_size):
        super().__init__()
        if min(input_size, hidden_size) < 1:
            raise ValueError(f"the sizes of a cell are 1 or more, not {input_size} and {hidden_size}")
        self.input_size, self.hidden_size = input_size, hidden_size
        rows, bound = self.n_gates * hidden_size, hidden_size**-0.5
        self.weight_ih = nn.Parameter(torch.empty(rows, input_size).uniform_(-bound, bound))
        self.weight_hh = nn.Parameter(torch.empty(rows, hidden_size).uniform_(-bound, bound))
        self.bias_ih = nn.Parameter(torch.empty(rows).uniform_(-bound, bound))
        self.bias_hh = nn.Parameter(torch.empty(rows).uniform_(-bound, bound))

    def from_input(self, x):
        """What the inputs x (..., input_size) give to the gates. It needs no state: for all steps in one product."""
        return x @ self.weight_ih.T + self.bias_ih

    def from_state(self, h):
        """What the hidden state h (batch, hidden_size) gives to the gates."""
        return h @ self.weight_hh.T + self.bias_hh

    def step(self, given, state):
        """The next state from `given` = from_input(x_t), (batch, n_gates * hidden_size), and the state before.

        A state is a tuple of `state_size` tensors (batch, hidden_size); the first is the hidden state h.
        """
        raise NotImplementedError

    def forward(self, x, state):
        """One step from the input x (batch, input_size)."""
        return self.step(self.from_input(x), state)


class RNNCell(Cell):
    """The Elman cell, (4.1)."""

    def step(self, given, state):
        (h,) = state
        return (torch.tanh(given + self.from_state(h)),)


class Recurrent(nn.Module):
    """Cells of one kind over time: `forward(x, state) -> outputs, state`.

    x (batch, time, input_size); outputs (batch, time, n_directions * hidden_size): the last layer's hidden states.
    The state is a tensor, or a tuple of `state_size` tensors, each (n_layers * n_directions, batch, hidden_size),
    the layers from below, of each the forward direction first; None stands for zeros. dropout: the share of the
    numbers between two layers that is left out in training.

    Raises ValueError for wrong sizes and shapes, TypeError for inputs that are no real numbers.
    """

    cell = Cell

    def __init__(self, input_size, hidden_size, n_layers=1, bidirectional=False, dropout=0.0):
        super().__init__()
        if n_layers < 1:
            raise ValueError(f"a recurrent network has one layer or more, not {n_layers}")
        self.input_size, self.hidden_size, self.n_layers = input_size, hidden_size, n_layers
        self.n_directions = 2 if bidirectional else 1
        sizes = [input_size] + [self.n_directions * hidden_size] * (n_layers - 1)
        self.cells = nn.ModuleList(self.cell(size, hidden_size) for size in sizes for _ in range(self.n_directions))
        self.drop = nn.Dropout(dropout)

    def forward(self, x, state=None):
        states, last = self._unpack(x, state), []
        for layer in range(self.n_layers):
            if layer:
                x = self.drop(x)
            outputs = []
            for direction in range(self.n_directions):
                i = layer * self.n_directions + direction
                output, end = self._run(self.cells[i], x, states[i], backwards=direction == 1)
                outputs.append(output)
                last.append(end)
            x = torch.cat(outputs, dim=-1)  # (batch, time, n_directions * hidden_size)
        packed = tuple(torch.stack(parts) for parts in zip(*last))
        return x, packed if self.cell.state_size > 1 else packed[0]

    @staticmethod
    def _run(cell, x, state, backwards):
        """One cell over all steps: its hidden states (batch, time, hidden_size) and its last state."""
        given = cell.from_input(x)  # (batch, time, n_gates * hidden_size)
        steps = range(x.size(1))
        outputs = [None] * x.size(1)
        for t in reversed(steps) if backwards else steps:
            state = cell.step(given[:, t], state)
            outputs[t] = state[0]
        return torch.stack(outputs, dim=1), state

    def _unpack(self, x, state):
        """Check what came in; the state of each cell as a tuple."""
        if not torch.is_tensor(x) or not x.is_floating_point():
            kind = x.dtype if torch.is_tensor(x) else type(x).__name__
            raise TypeError(f"a recurrent network reads vectors of real numbers, not {kind}: embed the ids first")
        if x.dim() != 3 or x.size(-1) != self.input_size:
            raise ValueError(
                f"the input has the shape {tuple(x.shape)}, but this network reads (batch, time, {self.input_size})"
            )
        if x.size(1) == 0:
            raise ValueError("there is no step to run: give an input with time 1 or more")
        shape = (self.n_layers * self.n_directions, x.size(0), self.hidden_size)
        parts = (x.new_zeros(shape),) * self.cell.state_size if state is None else state
        parts = (parts,) if torch.is_tensor(parts) else tuple(parts)
        shapes = [tuple(part.shape) for part in parts]
        if shapes != [shape] * self.cell.state_size:
            raise ValueError(f"the state has the shape {shapes}, but here it is {[shape] * self.cell.state_size}")
        return list(zip(*parts))

    @torch.no_grad()
    def take_weights(self, module):
        """Copy the weights of torch's module of the same kind and sizes (`nn.RNN` for RNN); returns self."""
        suffixes = [
            f"_l{layer}{way}" for layer in range(self.n_layers) for way in ("", "_reverse")[: self.n_directions]
        ]
        for cell, suffix in zip(self.cells, suffixes):
            for name, parameter in cell.named_parameters():
                parameter.copy_(getattr(module, name + suffix))
        return self


class RNN(Recurrent):
    """Elman cells over time, equal to `torch.nn.RNN(batch_first=True)`; see `Recurrent` for shapes and errors."""

    cell = RNNCell
