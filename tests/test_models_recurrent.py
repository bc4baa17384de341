"""RNN, LSTM and GRU by hand are torch's: outputs, last states, and the gradients of all that is learned."""

import math

import pytest
import torch
from torch import nn

from lmlib.models.lstm import GRU, LSTM
from lmlib.models.rnn import RNN, Recurrent

TWINS = {"rnn": (RNN, nn.RNN), "lstm": (LSTM, nn.LSTM), "gru": (GRU, nn.GRU)}
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}
SHAPES = [(1, 1, 1, 1), (1, 7, 3, 5), (4, 1, 3, 5), (3, 9, 6, 4), (2, 40, 2, 8)]  # batch, time, input, hidden


def twins(kind, input_size, hidden_size, dtype, **sizes):
    ours, theirs = TWINS[kind]
    torch.manual_seed(0)
    their = theirs(input_size, hidden_size, batch_first=True, num_layers=sizes.get("n_layers", 1),
                   bidirectional=sizes.get("bidirectional", False)).to(dtype)  # fmt: skip
    return ours(input_size, hidden_size, **sizes).to(dtype).take_weights(their), their


def leaves(module, x, state):
    """All that gets a gradient, by name; the names are torch's."""
    named = {"x": x} | {f"state {i}": part for i, part in enumerate(state)}
    if not isinstance(module, Recurrent):
        return named | dict(module.named_parameters())
    ways = ("", "_reverse")[: module.n_directions]
    suffixes = [f"_l{layer}{way}" for layer in range(module.n_layers) for way in ways]
    for cell, suffix in zip(module.cells, suffixes):
        named |= {name + suffix: parameter for name, parameter in cell.named_parameters()}
    return named


def run(module, x, state, weights):
    """Outputs, last states and gradients of one and the same weighted sum of them."""
    x = x.clone().requires_grad_()
    state = [part.clone().requires_grad_() for part in state]
    given = (tuple(state) if len(state) > 1 else state[0]) if state else None
    output, last = module(x, given)
    last = last if isinstance(last, tuple) else (last,)
    loss = sum((part * weight).sum() for part, weight in zip((output, *last), weights))
    named = leaves(module, x, state)
    gradients = torch.autograd.grad(loss, named.values())
    return {"output": output} | {f"last {i}": part for i, part in enumerate(last)} | dict(zip(named, gradients))


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("kind", TWINS)
@pytest.mark.parametrize("batch, time, input_size, hidden_size", SHAPES)
@pytest.mark.parametrize(
    "n_layers, bidirectional, with_state", [(1, 0, 0), (1, 0, 1), (3, 0, 1), (1, 1, 1), (2, 1, 0)]
)
def test_equal_to_torch(kind, batch, time, input_size, hidden_size, n_layers, bidirectional, with_state, dtype):
    sizes = {"n_layers": n_layers, "bidirectional": bool(bidirectional)}
    ours, theirs = twins(kind, input_size, hidden_size, dtype, **sizes)
    generator = torch.Generator().manual_seed(1)

    def draw(*shape):
        return torch.randn(shape, generator=generator, dtype=dtype)

    directions = 1 + bidirectional
    state_shape = (n_layers * directions, batch, hidden_size)
    n_parts = ours.cell.state_size
    x, state = draw(batch, time, input_size), [draw(*state_shape) for _ in range(n_parts * with_state)]
    weights = [draw(batch, time, directions * hidden_size), *(draw(*state_shape) for _ in range(n_parts))]
    got, right = run(ours, x, state, weights), run(theirs, x, state, weights)
    assert got.keys() == right.keys()
    for name in right:
        scale = max(1.0, right[name].detach().abs().max().item())
        assert (got[name] - right[name]).abs().max() <= TOLERANCE[dtype] * scale, name


@pytest.mark.parametrize("kind", TWINS)
def test_a_state_carried_over_is_one_long_run(kind):
    model = TWINS[kind][0](3, 4, n_layers=2)
    x = torch.randn(2, 10, 3, generator=torch.Generator().manual_seed(0))
    whole, end = model(x)
    first, middle = model(x[:, :6])
    second, last = model(x[:, 6:], middle)
    torch.testing.assert_close(torch.cat((first, second), 1), whole)
    torch.testing.assert_close(last, end)


@pytest.mark.parametrize("kind", TWINS)
def test_mistakes_get_one_clear_sentence(kind):
    model = TWINS[kind][0](3, 4)
    with pytest.raises(ValueError, match=r"this network reads \(batch, time, 3\)"):
        model(torch.zeros(2, 5, 4))
    with pytest.raises(ValueError, match=r"this network reads \(batch, time, 3\)"):
        model(torch.zeros(5, 3))
    with pytest.raises(TypeError, match="embed the ids first"):
        model(torch.zeros(2, 5, 3, dtype=torch.long))
    with pytest.raises(TypeError, match="not list"):
        model([[1.0]])
    with pytest.raises(ValueError, match="no step to run"):
        model(torch.zeros(2, 0, 3))
    with pytest.raises(ValueError, match="the state has the shape"):
        model(torch.zeros(2, 5, 3), torch.zeros(1, 3, 4))
    with pytest.raises(ValueError, match="one layer or more"):
        TWINS[kind][0](3, 4, n_layers=0)
    with pytest.raises(ValueError, match="sizes of a cell"):
        TWINS[kind][0](3, 0)


def test_an_lstm_wants_both_parts_of_its_state():
    with pytest.raises(ValueError, match="the state has the shape"):
        LSTM(3, 4)(torch.zeros(2, 5, 3), torch.zeros(1, 2, 4))


def test_dropout_acts_between_layers_and_only_in_training():
    model = RNN(3, 4, n_layers=2, dropout=0.9)
    x = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    assert not torch.equal(model(x)[0], model(x)[0])
    model.eval()
    torch.testing.assert_close(model(x), model(x), rtol=0, atol=0)
    one_layer = RNN(3, 4, dropout=0.9)
    torch.testing.assert_close(one_layer(x), one_layer(x), rtol=0, atol=0)


def test_the_first_values_are_torchs_in_law():
    cell = LSTM(50, 64).cells[0]
    for parameter in cell.parameters():
        assert parameter.abs().max() <= 1 / 8
        assert abs(parameter.detach().std().item() - 1 / 8 / 3**0.5) < 0.012


def test_by_hand_for_two_steps():
    """h1 = tanh(1 * 0.5) and h2 = tanh(1 * -1 + 2 * h1), with W_ih = 1, W_hh = 2 and no bias."""
    model = RNN(1, 1)
    with torch.no_grad():
        for parameter, value in zip(model.cells[0].parameters(), (1.0, 2.0, 0.0, 0.0)):
            parameter.fill_(value)
    output, last = model(torch.tensor([[[0.5], [-1.0]]]))
    h1 = math.tanh(0.5)
    assert output.flatten().tolist() == pytest.approx([h1, math.tanh(-1 + 2 * h1)], abs=1e-6)
    assert last.item() == output[0, -1].item()


def test_every_kind_of_cell_is_tested():
    kinds = {cls for cls in Recurrent.__subclasses__() if cls.__module__.startswith("lmlib")}
    assert kinds == {ours for ours, _ in TWINS.values()}
