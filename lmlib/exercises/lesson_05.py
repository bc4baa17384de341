"""The exercises of lesson 05: an LSTM step, the LSTM mended, a GRU step, half-lives, parameters, a gradient's way."""

import math

import numpy as np
import torch
from torch import nn

from lmlib.exercises.chance import draw
from lmlib.exercises.engine import exercise


def _sigmoid(a):
    return 1 / (1 + np.exp(-a))


# -- one step of an LSTM -------------------------------------------------------------------------------------


@exercise(
    minutes=10,
    difficulty=1,
    hints=[
        "One product gives all four: a = W @ x + U @ h + b has 4n numbers. Cut it into four pieces of n, in "
        "the order "
        "i, f, g, o. Three of them go through the logistic function, g through tanh.",
        "i, f, g, o = np.split(W @ x + U @ h + b, 4); then c_new = sigmoid(f) * c + sigmoid(i) * np.tanh(g) and "
        "h_new = sigmoid(o) * np.tanh(c_new), with sigmoid(a) = 1 / (1 + np.exp(-a)).",
    ],
)
def lstm_step(x, h, c, W, U, b):
    """One step of an LSTM, (5.1) to (5.4): return the new h and the new c.

    x: numpy array (d,). h and c: (n,). W: (4n, d), U: (4n, n), b: (4n,); their rows are those of i, then f, then g,
    then o. Return a tuple of two arrays (n,), h first.

    With d = n = 1, W = 0, U = 0 and b = [0, 0, 9, 0] all gates are 1/2 and g is about 1, so from c = 1 the new c is
    about 0.5 * 1 + 0.5 * 1 = 1, and the new h is about 0.5 * tanh(1) = 0.38.
    """
    i, f, g, o = np.split(W @ x + U @ h + b, 4)
    i, f, o = (1 / (1 + np.exp(-a)) for a in (i, f, o))
    c_new = f * c + i * np.tanh(g)
    return o * np.tanh(c_new), c_new


@lstm_step.example
def _():
    zero = np.zeros((4, 1))
    return (np.zeros(1), np.zeros(1), np.ones(1), zero, zero, np.array([0.0, 0, 9, 0])), (
        np.array([0.5 * math.tanh(1.0)]),
        np.array([1.0]),
    )


@lstm_step.fresh
def _(rng):
    d, n = int(rng.integers(1, 4)), int(rng.integers(1, 5))
    return tuple(draw(rng, *shape) for shape in ((d,), (n,), (n,), (4 * n, d), (4 * n, n), (4 * n,)))


@lstm_step.truth
def _(x, h, c, W, U, b):
    cell = nn.LSTMCell(len(x), len(h)).double()
    with torch.no_grad():
        for parameter, value in zip(cell.parameters(), (W, U, b, np.zeros_like(b))):
            parameter.copy_(torch.from_numpy(value))
        new = cell(torch.from_numpy(x)[None], (torch.from_numpy(h)[None], torch.from_numpy(c)[None]))
    return tuple(part[0].numpy() for part in new)


@lstm_step.variant
def slice_by_slice(x, h, c, W, U, b):
    n, a = len(h), W @ x + U @ h + b
    gate = 0.5 * (1 + np.tanh(a / 2))  # the logistic function, written with tanh
    c = gate[n : 2 * n] * c + gate[:n] * np.tanh(a[2 * n : 3 * n])
    return gate[3 * n :] * np.tanh(c), c


@lstm_step.misconception(
    "You cut the four pieces in the order i, f, o, g. In torch and here g comes third and o last."
)
def order_of_other_libraries(x, h, c, W, U, b):
    i, f, o, g = np.split(W @ x + U @ h + b, 4)
    c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(g)
    return _sigmoid(o) * np.tanh(c), c


@lstm_step.misconception(
    "Input and forget gate have changed places: the forget gate multiplies the old cell, the input gate "
    "the candidate."
)
def gates_swapped(x, h, c, W, U, b):
    i, f, g, o = np.split(W @ x + U @ h + b, 4)
    c = _sigmoid(i) * c + _sigmoid(f) * np.tanh(g)
    return _sigmoid(o) * np.tanh(c), c


@lstm_step.misconception(
    "You showed the cell without its tanh: h is o times tanh(c). Without it h can grow beyond 1, as c may."
)
def shows_the_bare_cell(x, h, c, W, U, b):
    i, f, g, o = np.split(W @ x + U @ h + b, 4)
    c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(g)
    return _sigmoid(o) * c, c


@lstm_step.misconception(
    "You showed the old cell. The output gate looks at the new one, after something was kept and written."
)
def shows_the_old_cell(x, h, c, W, U, b):
    i, f, g, o = np.split(W @ x + U @ h + b, 4)
    return _sigmoid(o) * np.tanh(c), _sigmoid(f) * c + _sigmoid(i) * np.tanh(g)


@lstm_step.misconception("The numbers are right, but c stands before h. Return h first.")
def cell_first(x, h, c, W, U, b):
    return lstm_step.reference(x, h, c, W, U, b)[::-1]


@lstm_step.misconception(
    "The candidate went through the logistic function. It is no gate: tanh lets it be negative, or the "
    "cell could only grow."
)
def candidate_as_a_gate(x, h, c, W, U, b):
    i, f, g, o = map(_sigmoid, np.split(W @ x + U @ h + b, 4))
    c = f * c + i * g
    return o * np.tanh(c), c


# -- spot the error ------------------------------------------------------------------------------------------


@exercise(
    minutes=15,
    difficulty=2,
    hints=[
        "Count what is there: two gates. What decides what could be written? Where is it kept, apart from "
        "what is shown? "
        "Which gate decides what is shown?",
        "Start with h and c, both zeros. In each step compute i, f, o with the logistic function and g with "
        "tanh, then "
        "c = f * c + i * g and h = o * np.tanh(c). Collect h.",
    ],
)
def run_lstm(xs, weights):
    """Spot the errors. A much-read overview gives the LSTM as an input gate and a forget gate, and stops there. Here
    is what you get if you program that. Mend it: candidate, cell, output gate and the right hidden state are missing,
    (5.1) to (5.4).

    xs: (time, d), one input a row; time may be 0. weights: a dict from "i", "f", "g", "o" to (W (n, d),
    U (n, n), b (n,)). Return the hidden states, (time, n). The first state is h = 0 and c = 0.

    With d = n = 1, all W and U 0, and b 9 for i, f and o and 0.5 for g, the cell after two steps is about
    tanh(0.5) = 0.46, then 0.92, and the hidden states are about tanh(0.46) = 0.43 and tanh(0.92) = 0.73.
    """
    n = len(weights["i"][2])
    h, c, shown = np.zeros(n), np.zeros(n), []
    for x in xs:
        a = {name: W @ x + U @ h + b for name, (W, U, b) in weights.items()}
        i, f, o = (1 / (1 + np.exp(-a[name])) for name in "ifo")
        c = f * c + i * np.tanh(a["g"])
        h = o * np.tanh(c)
        shown.append(h)
    return np.array(shown).reshape(len(xs), n)


@run_lstm.start
def _(xs, weights):
    n = len(weights["i"][2])
    h, shown = np.zeros(n), []
    for x in xs:
        a = {name: W @ x + U @ h + b for name, (W, U, b) in weights.items()}
        i = 1 / (1 + np.exp(-a["i"]))
        f = 1 / (1 + np.exp(-a["f"]))
        h = f * h + i
        shown.append(h)
    return np.array(shown).reshape(len(xs), n)


@run_lstm.example
def _():
    weights = {name: (np.zeros((1, 1)), np.zeros((1, 1)), np.full(1, 50.0)) for name in "ifo"}
    weights["g"] = (np.zeros((1, 1)), np.zeros((1, 1)), np.full(1, 0.5))
    written = math.tanh(0.5)
    return (np.zeros((2, 1)), weights), np.array([[math.tanh(written)], [math.tanh(2 * written)]])


@run_lstm.fresh
def _(rng):
    d, n, time = int(rng.integers(1, 4)), int(rng.integers(1, 4)), int(rng.integers(0, 7))
    weights = {name: (draw(rng, n, d), draw(rng, n, n), draw(rng, n)) for name in "ifgo"}
    return draw(rng, time, d), weights


@run_lstm.truth
def _(xs, weights):
    time, n = len(xs), len(weights["i"][2])
    if time == 0:
        return np.zeros((0, n))
    layer = nn.LSTM(xs.shape[1], n).double()
    with torch.no_grad():
        for k, parameter in enumerate((layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0)):
            parameter.copy_(torch.from_numpy(np.concatenate([weights[name][k] for name in "ifgo"])))
        layer.bias_hh_l0.zero_()
        return layer(torch.from_numpy(xs))[0].numpy()


@run_lstm.variant
def with_stacked_weights(xs, weights):
    W, U, b = (np.concatenate([weights[name][k] for name in "fiog"]) for k in range(3))
    n = len(b) // 4
    h, c, shown = np.zeros(n), np.zeros(n), np.zeros((len(xs), n))
    for t, given in enumerate(xs @ W.T + b):
        a = given + U @ h
        f, i, o = np.split(0.5 * (1 + np.tanh(a[: 3 * n] / 2)), 3)
        c = f * c + i * np.tanh(a[3 * n :])
        shown[t] = h = o * np.tanh(c)
    return shown


def _run(xs, weights, step):
    """The states that `step` shows; it takes the four sums by name, h and c, and returns the new h and c."""
    n = len(weights["i"][2])
    h, c, shown = np.zeros(n), np.zeros(n), []
    for x in xs:
        h, c = step({name: W @ x + U @ h + b for name, (W, U, b) in weights.items()}, h, c)
        shown.append(h)
    return np.array(shown).reshape(len(xs), n)


@run_lstm.misconception(
    "This is the faulty program, unchanged: there is still neither candidate nor cell nor output gate."
)
def unchanged(xs, weights):
    def step(a, h, c):
        return _sigmoid(a["f"]) * h + _sigmoid(a["i"]), c

    return _run(xs, weights, step)


@run_lstm.misconception(
    "You have the candidate and the output gate, but no cell of its own: what is kept from step to step "
    "is still h. So "
    "all that the output gate hides is lost, and every step squashes the memory by a tanh once more."
)
def keeps_only_h(xs, weights):
    def step(a, h, c):
        return _sigmoid(a["o"]) * np.tanh(_sigmoid(a["f"]) * h + _sigmoid(a["i"]) * np.tanh(a["g"])), c

    return _run(xs, weights, step)


@run_lstm.misconception("The output gate is still missing: you show all of tanh(c) at every step.")
def shows_everything(xs, weights):
    def step(a, h, c):
        c = _sigmoid(a["f"]) * c + _sigmoid(a["i"]) * np.tanh(a["g"])
        return np.tanh(c), c

    return _run(xs, weights, step)


@run_lstm.misconception("You returned the cells. What an LSTM shows, and what its gates see in the next step, is h.")
def returns_the_cells(xs, weights):
    n = len(weights["i"][2])
    h, c, cells = np.zeros(n), np.zeros(n), []
    for x in xs:
        a = {name: W @ x + U @ h + b for name, (W, U, b) in weights.items()}
        c = _sigmoid(a["f"]) * c + _sigmoid(a["i"]) * np.tanh(a["g"])
        h = _sigmoid(a["o"]) * np.tanh(c)
        cells.append(c)
    return np.array(cells).reshape(len(xs), n)


# -- one step of a GRU ---------------------------------------------------------------------------------------


@exercise(
    minutes=15,
    difficulty=2,
    hints=[
        "Keep the two products apart: given = W @ x + b_W and own = U @ h + b_U, each cut into the pieces r, "
        "z, n. Gates "
        "take the sum of both pieces; the candidate multiplies its own piece by r first.",
        "n = np.tanh(given_n + r * own_n), where own_n has its bias already inside; h_new = (1 - z) * n + z * h.",
    ],
)
def gru_step(x, h, W, U, b_W, b_U):
    """One step of a GRU in the variant of torch, (5.5) to (5.7): return the new h, (n,).

    x: numpy array (d,). h: (n,). W: (3n, d), U: (3n, n), b_W and b_U: (3n,); their rows are those of r, then z, then
    n.

    With d = n = 1, W = 0, U = 0, b_U = 0 and b_W = [0, 0, 9], z is 1/2 and the candidate about 1, so from h = 0 the
    new h is about 0.5.
    """
    given_r, given_z, given_n = np.split(W @ x + b_W, 3)
    own_r, own_z, own_n = np.split(U @ h + b_U, 3)
    r, z = 1 / (1 + np.exp(-given_r - own_r)), 1 / (1 + np.exp(-given_z - own_z))
    n = np.tanh(given_n + r * own_n)
    return (1 - z) * n + z * h


@gru_step.example
def _():
    zero = np.zeros((3, 1))
    return (np.zeros(1), np.zeros(1), zero, zero, np.array([0.0, 0, 9]), np.zeros(3)), np.array([0.5 * math.tanh(9)])


@gru_step.fresh
def _(rng):
    d, n = int(rng.integers(1, 4)), int(rng.integers(1, 5))
    return tuple(draw(rng, *shape) for shape in ((d,), (n,), (3 * n, d), (3 * n, n), (3 * n,), (3 * n,)))


@gru_step.truth
def _(x, h, W, U, b_W, b_U):
    cell = nn.GRUCell(len(x), len(h)).double()
    with torch.no_grad():
        for parameter, value in zip(cell.parameters(), (W, U, b_W, b_U)):
            parameter.copy_(torch.from_numpy(value))
        return cell(torch.from_numpy(x)[None], torch.from_numpy(h)[None])[0].numpy()


@gru_step.variant
def as_a_mean(x, h, W, U, b_W, b_U):
    k = len(h)
    given, own = W @ x + b_W, U @ h + b_U
    r, z = np.split(0.5 * (1 + np.tanh((given + own)[: 2 * k] / 2)), 2)
    new = np.tanh(given[2 * k :] + r * own[2 * k :])
    return new + z * (h - new)


@gru_step.misconception(
    "You multiplied h by r before the product with U. That is the paper's published version; torch multiplies after "
    "the product, bias included."
)
def resets_before_the_product(x, h, W, U, b_W, b_U):
    k = len(h)
    given, own = W @ x + b_W, U @ h + b_U
    r, z = _sigmoid(given + own)[:k], _sigmoid(given + own)[k : 2 * k]
    n = np.tanh(given[2 * k :] + U[2 * k :] @ (r * h) + b_U[2 * k :])
    return (1 - z) * n + z * h


@gru_step.misconception(
    "The bias b_U of the candidate stands outside of the reset gate. In torch r multiplies it, too."
)
def bias_outside(x, h, W, U, b_W, b_U):
    k = len(h)
    given, own = W @ x + b_W, U @ h + b_U
    r, z = _sigmoid(given + own)[:k], _sigmoid(given + own)[k : 2 * k]
    n = np.tanh(given[2 * k :] + b_U[2 * k :] + r * (U[2 * k :] @ h))
    return (1 - z) * n + z * h


@gru_step.misconception(
    "You let z write and 1 - z keep. Some texts do, but in torch's variant z is the share that is kept, (5.7)."
)
def z_writes(x, h, W, U, b_W, b_U):
    k = len(h)
    given, own = W @ x + b_W, U @ h + b_U
    r, z = _sigmoid(given + own)[:k], _sigmoid(given + own)[k : 2 * k]
    n = np.tanh(given[2 * k :] + r * own[2 * k :])
    return z * n + (1 - z) * h


@gru_step.misconception("Reset and update gate have changed places: the first piece is r, the second z.")
def gates_in_the_other_order(x, h, W, U, b_W, b_U):
    k = len(h)
    given, own = W @ x + b_W, U @ h + b_U
    z, r = _sigmoid(given + own)[:k], _sigmoid(given + own)[k : 2 * k]
    n = np.tanh(given[2 * k :] + r * own[2 * k :])
    return (1 - z) * n + z * h


# -- half-life -----------------------------------------------------------------------------------------------


@exercise(
    minutes=5,
    difficulty=1,
    hints=[
        "With f the same at each step, f ** n of the cell is left after n steps. When is that one half?",
        "f = 1 / (1 + exp(-bias)), and f ** n = 1/2 means n = log(1/2) / log(f).",
    ],
)
def half_life(bias):
    """After how many steps is half of a cell left, if its forget gate is σ(bias) at every step?

    bias: a number. Nothing is written meanwhile. The answer is a number, not rounded, (5.8).

    half_life(0) is 1.0: the gate is 1/2.
    """
    return math.log(0.5) / math.log(1 / (1 + math.exp(-bias)))


@half_life.example
def _():
    return (math.log(3),), math.log(0.5) / math.log(0.75)


@half_life.example
def _():
    return (0.0,), 1.0


@half_life.fresh
def _(rng):
    return (round(float(rng.uniform(-3, 8)), 2),)


@half_life.truth
def _(bias):
    # By walking: whole steps first, then the part of a step that is missing.
    f = float(_sigmoid(bias))
    left, steps = 1.0, 0
    while left * f >= 0.5:
        left, steps = left * f, steps + 1
    return steps + float(np.log(left / 0.5) / -np.log(f))


@half_life.variant
def with_log2(bias):
    return 1 / math.log2(1 + math.exp(-bias))


@half_life.misconception("You took the bias for the gate itself. The gate is σ(bias), a number between 0 and 1.")
def bias_as_the_gate(bias):
    with np.errstate(all="ignore"):
        return float(np.log(0.5) / np.log(bias))


@half_life.misconception(
    "You put the gate into a straight line: n steps lose n (1 - f) of the cell. But each step takes its "
    "share of what is "
    "left, so what remains is a power, f ** n."
)
def in_a_straight_line(bias):
    return 0.5 / (1 - 1 / (1 + math.exp(-bias)))


@half_life.misconception(
    "You asked when 1/e is left, with log(f) alone. That is the time constant, longer than the half-life "
    "by 1 / log 2."
)
def time_constant(bias):
    return -1 / math.log(1 / (1 + math.exp(-bias)))


@half_life.misconception("You rounded up to whole steps. The task asks for the number itself.")
def whole_steps(bias):
    return float(math.ceil(round(half_life.reference(bias), 9)))


# -- parameters ----------------------------------------------------------------------------------------------


@exercise(
    minutes=10,
    difficulty=1,
    hints=[
        "Count one gate first: a matrix for x, a matrix for h, and torch's two bias vectors. Then how many "
        "such blocks "
        "has each kind?",
        "One block has n * d + n * n + 2 * n numbers. An RNN has 1 block, a GRU 3 (r, z, n), an LSTM 4 (i, f, g, o).",
    ],
)
def count_parameters(kind, input_size, hidden_size):
    """How many numbers does one layer of torch's `nn.RNN`, `nn.GRU` or `nn.LSTM` learn? Count, do not build it.

    kind: "rnn", "gru" or "lstm". Each block of weights has two bias vectors, one for x and one for h.

    count_parameters("rnn", 2, 3) is 3 * 2 + 3 * 3 + 3 + 3 = 21
    """
    blocks = {"rnn": 1, "gru": 3, "lstm": 4}[kind]
    return blocks * hidden_size * (input_size + hidden_size + 2)


@count_parameters.example
def _():
    return ("rnn", 2, 3), 21


@count_parameters.example
def _():
    return ("lstm", 1, 1), 16


@count_parameters.fresh
def _(rng):
    return str(rng.choice(["rnn", "gru", "lstm"])), int(rng.integers(1, 40)), int(rng.integers(1, 40))


@count_parameters.truth
def _(kind, input_size, hidden_size):
    layer = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}[kind](input_size, hidden_size)
    return sum(parameter.numel() for parameter in layer.parameters())


@count_parameters.variant
def matrix_by_matrix(kind, input_size, hidden_size):
    total = 0
    for _ in range({"rnn": 1, "gru": 3, "lstm": 4}[kind]):
        total += hidden_size * input_size  # for x
        total += hidden_size * hidden_size  # for h
        total += 2 * hidden_size  # biases
    return total


@count_parameters.misconception(
    "You counted one bias vector for each block. torch keeps two, one for x and one for h."
)
def one_bias(kind, input_size, hidden_size):
    return {"rnn": 1, "gru": 3, "lstm": 4}[kind] * hidden_size * (input_size + hidden_size + 1)


@count_parameters.misconception(
    "You counted three blocks for the LSTM: its gates. The candidate has weights of its own, too, which "
    "makes four. (A GRU "
    "has two gates and a candidate.)"
)
def gates_only(kind, input_size, hidden_size):
    return {"rnn": 1, "gru": 2, "lstm": 3}[kind] * hidden_size * (input_size + hidden_size + 2)


@count_parameters.misconception(
    "You gave the LSTM a block for its cell c. The cell is a state: it is computed, not learned."
)
def a_block_for_the_cell(kind, input_size, hidden_size):
    return {"rnn": 1, "gru": 3, "lstm": 5}[kind] * hidden_size * (input_size + hidden_size + 2)


@count_parameters.misconception("You left out the biases.")
def no_bias(kind, input_size, hidden_size):
    return {"rnn": 1, "gru": 3, "lstm": 4}[kind] * hidden_size * (input_size + hidden_size)


# -- the gradient's way through the cell ---------------------------------------------------------------------


@exercise(
    minutes=20,
    difficulty=3,
    hints=[
        "From (5.3), if the gates are held fixed: c_t depends on c_(t-1) by the factor f_t alone. From c_T "
        "back to c_t "
        "which factors do you meet? Is f_t itself among them?",
        "The factors are f_(t+1) ... f_T: a cumulative product from the end. For the last step there is "
        "none, which is 1. "
        "np.cumprod(forget[::-1], axis=0)[::-1] is nearly it; shift it by one step.",
    ],
)
def cell_gradient(forget):
    """How much of a change in the cell at each step still stands in the last cell, if the gates stay as they are?

    forget: (time, n), the forget gates f_1 ... f_T, one step a row, at least one row. Return (time, n): row t holds
    the derivative of c_T with respect to c_t, number by number.

    cell_gradient([[0.9], [0.5], [0.8]]) is [[0.4], [0.8], [1.0]]
    """
    after = np.ones_like(forget)
    for t in range(len(forget) - 2, -1, -1):
        after[t] = after[t + 1] * forget[t + 1]
    return after


@cell_gradient.example
def _():
    return (np.array([[0.9], [0.5], [0.8]]),), np.array([[0.4], [0.8], [1.0]])


@cell_gradient.example
def _():
    return (np.array([[0.3, 0.6]]),), np.array([[1.0, 1.0]])


@cell_gradient.fresh
def _(rng):
    forget = rng.uniform(0.05, 1, size=(int(rng.integers(1, 8)), int(rng.integers(1, 4)))).round(2)
    if rng.random() < 0.3:
        forget[rng.integers(len(forget))] = 0.0  # a cell that was emptied
    return (forget,)


@cell_gradient.truth
def _(forget):
    f = torch.from_numpy(forget)
    c, cells = torch.zeros(f.size(1), dtype=f.dtype), []
    for row in f:
        c = (row * c + 1).requires_grad_()
        cells.append(c)
    gradients = torch.autograd.grad(c.sum(), cells, allow_unused=True)
    return torch.stack(gradients).numpy()


@cell_gradient.variant
def by_a_cumulative_product(forget):
    shifted = np.concatenate((forget[1:], np.ones((1, forget.shape[1]))))
    return np.cumprod(shifted[::-1], axis=0)[::-1]


@cell_gradient.misconception(
    "You counted f_t itself. It stands between c_(t-1) and c_t, so c_t comes after it: the last row must be 1."
)
def one_factor_too_many(forget):
    return np.cumprod(forget[::-1], axis=0)[::-1]


@cell_gradient.misconception(
    "You multiplied from the beginning: that is how much of the first cell is left at each step. The "
    "question goes back "
    "from the last."
)
def from_the_beginning(forget):
    return np.cumprod(forget, axis=0)


@cell_gradient.misconception(
    "You added the forget gates. One step after the other multiplies: what is left of what is left."
)
def adds_them(forget):
    shifted = np.concatenate((forget[1:], np.zeros((1, forget.shape[1]))))
    return np.cumsum(shifted[::-1], axis=0)[::-1]


@cell_gradient.misconception(
    "You divided the product of all gates by the product up to t. On paper that is right, but a gate of "
    "0 makes 0 / 0."
)
def by_division(forget):
    up_to = np.cumprod(forget, axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return up_to[-1] / up_to
