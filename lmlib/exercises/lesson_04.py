"""The exercises of lesson 04: the recurrent cell, its gradient through time, clipping, and batches that go on."""

import numpy as np
import torch

from lmlib.exercises.engine import exercise
from lmlib.training import StreamBatches

# -- one step of the Elman cell ------------------------------------------------------------------------------


@exercise(
    minutes=5,
    difficulty=1,
    hints=[
        "Four things are added up before tanh: what the input gives, what the state before gives, and two constants.",
        "W_ih @ x has the shape (hidden,), and so has W_hh @ h.",
    ],
)
def elman_step(x, h, W_ih, W_hh, b_ih, b_hh):
    """The next hidden state of an Elman cell, (4.1).

    x (inputs,): the input of this step; h (hidden,): the state before; W_ih (hidden, inputs);
    W_hh (hidden, hidden); b_ih and b_hh (hidden,). Returns (hidden,). All are NumPy arrays.

    With x = [1], h = [0.5], W_ih = [[0]], W_hh = [[log 3]] and no biases the result is [0.5]: tanh(log(3) / 2) = 1/2
    """
    return np.tanh(W_ih @ x + b_ih + W_hh @ h + b_hh)


@elman_step.example
def _():
    zero = np.zeros((1, 1))
    return (np.ones(1), np.array([0.5]), zero, np.array([[np.log(3)]]), np.zeros(1), np.zeros(1)), np.array([0.5])


@elman_step.example
def _():
    swap = np.array([[0.0, np.log(3)], [0.0, 0.0]])
    b = np.array([0, np.log(3) / 4])
    return (np.zeros(1), np.array([0.0, 0.5]), np.zeros((2, 1)), swap, b, b), np.array([0.5, 0.5])


@elman_step.fresh
def _(rng):
    n_in, n = rng.integers(1, 4), rng.integers(2, 5)
    return rng.normal(size=n_in), rng.uniform(-1, 1, n), *_weights(rng, n_in, n), rng.normal(size=n)


def _weights(rng, n_in, n):
    return rng.normal(size=(n, n_in)), rng.normal(size=(n, n)), rng.normal(size=n)


@elman_step.truth
def _(x, h, W_ih, W_hh, b_ih, b_hh):
    return _torch_states(x[None], h, W_ih, W_hh, b_ih, b_hh)[0]


def _torch_states(xs, h, W_ih, W_hh, b_ih, b_hh=None):
    """All states of torch's own network with these weights."""
    rnn = torch.nn.RNN(W_ih.shape[1], len(b_ih)).double()
    values = (W_ih, W_hh, b_ih, np.zeros(len(b_ih)) if b_hh is None else b_hh)
    with torch.no_grad():
        for parameter, value in zip(rnn.parameters(), values, strict=True):
            parameter.copy_(torch.from_numpy(np.asarray(value, float)))
        states, _ = rnn(torch.from_numpy(np.asarray(xs, float)), torch.from_numpy(np.asarray(h, float))[None])
    return states.numpy()


@elman_step.variant
def side_by_side(x, h, W_ih, W_hh, b_ih, b_hh):
    return np.tanh(np.concatenate((W_ih, W_hh), axis=1) @ np.concatenate((x, h)) + (b_ih + b_hh))


@elman_step.misconception("You left out tanh: without it the state can grow without bound.")
def without_tanh(x, h, W_ih, W_hh, b_ih, b_hh):
    return W_ih @ x + b_ih + W_hh @ h + b_hh


@elman_step.misconception(
    "You multiplied the state from the left, h @ W_hh. Row i of W_hh holds what unit i listens to, so it is W_hh @ h."
)
def transposed(x, h, W_ih, W_hh, b_ih, b_hh):
    return np.tanh(W_ih @ x + b_ih + h @ W_hh + b_hh)


@elman_step.misconception(
    "You took tanh of the input's part alone and added the state after it. All parts are added first, then tanh."
)
def tanh_too_early(x, h, W_ih, W_hh, b_ih, b_hh):
    return np.tanh(W_ih @ x + b_ih) + W_hh @ h + b_hh


@elman_step.misconception("You left out the state before: then this is a layer that remembers nothing.")
def without_the_state(x, h, W_ih, W_hh, b_ih, b_hh):
    return np.tanh(W_ih @ x + b_ih + b_hh)


@elman_step.misconception("You added one of the two biases only. Torch keeps both, and both count.")
def one_bias(x, h, W_ih, W_hh, b_ih, b_hh):
    return np.tanh(W_ih @ x + b_ih + W_hh @ h)


# -- spot the error: one matrix for two ----------------------------------------------------------------------


@exercise(
    minutes=10,
    difficulty=1,
    hints=[
        "U has hidden + inputs columns. Which of them meet h when U is multiplied with the long vector [h; x]? Which "
        "meet x?",
        "U[:, : len(h)] meets h, U[:, len(h) :] meets x.",
    ],
)
def two_blocks(U, h, x, b):
    """Spot the error. Some texts write the cell with one matrix, h_t = tanh(U [h; x] + b), where [h; x] is the state
    with the input behind it, and then expand it as tanh(U h + U x + b). Mend the expansion.

    U (hidden, hidden + inputs); h (hidden,); x (inputs,); b (hidden,). Returns (hidden,).

    two_blocks([[0, log 3]], [1], [0.5], [0]) is [0.5]: the state meets the 0, the input meets log 3
    """
    n = len(h)
    return np.tanh(U[:, :n] @ h + U[:, n:] @ x + b)


@two_blocks.start
def _(U, h, x, b):
    U = U[:, : len(h)]
    return np.tanh(U @ h + U @ x + b)


@two_blocks.example
def _():
    return (np.array([[0, np.log(3)]]), np.ones(1), np.array([0.5]), np.zeros(1)), np.array([0.5])


@two_blocks.example
def _():
    U = np.array([[np.log(3), 0, 0], [0, 0, np.log(3)]])
    return (U, np.array([0.5, 0]), np.array([-0.5]), np.zeros(2)), np.array([0.5, -0.5])


@two_blocks.fresh
def _(rng):
    n = rng.integers(1, 4)
    n_in = rng.choice([n, n, rng.integers(1, 5)])  # equal sizes often: there the error stays unnoticed
    return rng.normal(size=(n, n + n_in)), rng.uniform(-1, 1, n), rng.normal(size=n_in), rng.normal(size=n)


@two_blocks.truth
def _(U, h, x, b):
    n = len(h)
    return _torch_states(x[None], h, U[:, n:], U[:, :n], b)[0]


@two_blocks.variant
def with_the_long_vector(U, h, x, b):
    return np.tanh(U @ np.concatenate((h, x)) + b)


@two_blocks.misconception(
    "One block of U still serves both. The state and the input mean different things, so each has its own weights."
)
def one_block_for_both(U, h, x, b):
    return np.tanh(U[:, : len(h)] @ (h + x) + b)


@two_blocks.misconception(
    "You gave the first columns to the input. The long vector is [h; x], the state first, so the first len(h) "
    "columns meet the state."
)
def blocks_swapped(U, h, x, b):
    n = len(x)
    return np.tanh(U[:, n:] @ h + U[:, :n] @ x + b)


@two_blocks.misconception("You took tanh of each part. All parts are added up first: one tanh, over the sum.")
def tanh_of_each(U, h, x, b):
    n = len(h)
    return np.tanh(U[:, :n] @ h) + np.tanh(U[:, n:] @ x + b)


# -- all states ----------------------------------------------------------------------------------------------


@exercise(
    minutes=10,
    difficulty=2,
    hints=[
        "A loop over the inputs. What one step returns is what the next step gets.",
        "states = []; for x in xs: h = np.tanh(...); states.append(h). An array with no rows: np.empty((0, len(h))).",
    ],
)
def unroll(xs, h, W_ih, W_hh, b):
    """Run an Elman cell over a sequence and return all its states, one a row.

    xs (time, inputs), where time may be 0; h (hidden,): the state before the first input; weights as in elman_step.
    Returns (time, hidden): row t is the state after input t, so h itself is not among them.

    With W_ih = [[log(3) / 2]], W_hh = [[log 3]], b = [0], h = [0] the inputs [[1], [0], [0]] give [[.5], [.5], [.5]]
    """
    states = np.empty((len(xs), len(h)))
    for t, x in enumerate(xs):
        h = np.tanh(W_ih @ x + W_hh @ h + b)
        states[t] = h
    return states


@unroll.example
def _():
    log3 = np.array([[np.log(3)]])
    return (np.array([[1.0], [0.0], [0.0]]), np.zeros(1), log3 / 2, log3, np.zeros(1)), np.full((3, 1), 0.5)


@unroll.example
def _():
    echo = np.array([[0, 0], [np.log(3), 0]])
    given = np.array([[np.log(3) / 2], [0]])
    return (np.array([[1.0], [0.0], [0.0]]), np.zeros(2), given, echo, np.zeros(2)), np.array(
        [[0.5, 0], [0, 0.5], [0, 0]]
    )


@unroll.fresh
def _(rng):
    n_in, n, time = rng.integers(1, 4), rng.integers(2, 5), rng.choice([0, 1, 2, 3, 6])
    return rng.normal(size=(time, n_in)), rng.uniform(-1, 1, n), *_weights(rng, n_in, n)


@unroll.truth
def _(xs, h, W_ih, W_hh, b):
    return _torch_states(xs, h, W_ih, W_hh, b) if len(xs) else np.empty((0, len(h)))


@unroll.variant
def with_a_list(xs, h, W_ih, W_hh, b):
    states = [h]
    for given in xs @ W_ih.T + b:  # what the inputs give, for all steps at once
        states.append(np.tanh(given + W_hh @ states[-1]))
    return np.array(states[1:]).reshape(len(xs), len(h))


@unroll.misconception("Every step began with the first state again. Each step must get the state of the step before.")
def from_the_start_each_time(xs, h, W_ih, W_hh, b):
    return np.array([np.tanh(W_ih @ x + W_hh @ h + b) for x in xs]).reshape(len(xs), len(h))


@unroll.misconception("The first row is the state before the first input. Return only what came after an input.")
def with_the_first_state(xs, h, W_ih, W_hh, b):
    states = [h]
    for x in xs:
        states.append(np.tanh(W_ih @ x + W_hh @ states[-1] + b))
    return np.array(states)


@unroll.misconception("You returned the last state alone. The task asks for all of them, one a row.")
def only_the_last(xs, h, W_ih, W_hh, b):
    for x in xs:
        h = np.tanh(W_ih @ x + W_hh @ h + b)
    return h


@unroll.misconception("You read the inputs from the end to the beginning.")
def backwards(xs, h, W_ih, W_hh, b):
    states = np.empty((len(xs), len(h)))
    for t in reversed(range(len(xs))):
        h = np.tanh(W_ih @ xs[t] + W_hh @ h + b)
        states[t] = h
    return states


# -- the gradient through a linear network -------------------------------------------------------------------


@exercise(
    minutes=20,
    difficulty=3,
    hints=[
        "Go backwards. Begin with d = 1, the gradient of h_T to itself. Input x_T was added to h_T, so its gradient "
        "is d. One step further back d becomes d * w.",
        "w was used at every step. At step t it multiplied h_(t-1), so that step adds d_t * h_(t-1) to the gradient "
        "of w. Keep the states of the way forwards.",
    ],
)
def linear_gradients(w, xs):
    """How much does the last state of the simplest recurrent network change with its inputs, and with its weight?

    One unit without tanh: h_0 = 0, and h_t = w h_(t-1) + x_t for t = 1 ... T. xs (T,): the inputs x_1 ... x_T, T at
    least 1; w may be 0. Returns two things: the array (T,) of dh_T / dx_t, and the number dh_T / dw.

    linear_gradients(2.0, [1, 1, 1]) is ([4, 2, 1], 5): h_3 = w (w x_1 + x_2) + x_3, and its slope in w is 2 w + 1
    """
    states = [0.0]
    for x in xs:
        states.append(w * states[-1] + x)
    to_inputs, to_w, d = np.empty(len(xs)), 0.0, 1.0
    for t in reversed(range(len(xs))):
        to_inputs[t] = d
        to_w += d * states[t]
        d *= w
    return to_inputs, to_w


@linear_gradients.example
def _():
    return (2.0, np.ones(3)), (np.array([4.0, 2.0, 1.0]), 5.0)


@linear_gradients.example
def _():
    return (0.5, np.array([8.0, 0.0, 0.0])), (np.array([0.25, 0.5, 1.0]), 8.0)


@linear_gradients.example
def _():
    return (3.0, np.array([7.0])), (np.array([1.0]), 0.0)


@linear_gradients.fresh
def _(rng):
    return float(rng.choice([0.0, -1.0, 0.5, 1.2]) + rng.normal() * rng.integers(0, 2) / 4), rng.normal(
        size=rng.integers(1, 8)
    )


@linear_gradients.truth
def _(w, xs):
    w, xs = torch.tensor(w, dtype=torch.float64, requires_grad=True), torch.tensor(xs, requires_grad=True)
    h = 0 * w
    for x in xs:
        h = w * h + x
    h.backward()
    return xs.grad.numpy(), w.grad.item()


@linear_gradients.variant
def by_powers(w, xs):
    T = len(xs)
    to_w = sum((T - 1 - t) * w ** (T - 2 - t) * xs[t] for t in range(T - 1))
    return np.array([w ** (T - 1 - t) for t in range(T)]), float(to_w)


@linear_gradients.misconception(
    "Your gradients of the inputs stand in the wrong order: x_1 is the furthest from h_T, so the most factors w."
)
def wrong_order(w, xs):
    to_inputs, to_w = _linear(w, xs)
    return to_inputs[::-1].copy(), to_w


def _linear(w, xs, shift=0):
    return np.array([float(w) ** (len(xs) - 1 - t + shift) for t in range(len(xs))]), by_powers(w, xs)[1]


@linear_gradients.misconception("One factor w too many: x_T is added to h_T after the multiplication, so it gets 1.")
def one_factor_too_many(w, xs):
    return _linear(w, xs, shift=1)


@linear_gradients.misconception(
    "You took the state before the last step for a constant: that is truncated after one step. It depends on w, too, "
    "and so do all before it."
)
def only_the_last_step(w, xs):
    h = 0.0
    for x in xs[:-1]:
        h = w * h + x
    return _linear(w, xs)[0], float(h)


@linear_gradients.misconception(
    "You added up the states without the factors: what w did at step t reaches h_T only through T - t more "
    "multiplications with w."
)
def without_the_factors(w, xs):
    h, total = 0.0, 0.0
    for x in xs:
        total += h
        h = w * h + x
    return _linear(w, xs)[0], float(total)


# -- clipping ------------------------------------------------------------------------------------------------


@exercise(
    minutes=10,
    difficulty=2,
    hints=[
        "One number decides for all: the length of all gradients together, as if they were one long vector.",
        "norm = sqrt(sum of all squares); where it is above `largest`, multiply every array by largest / norm.",
    ],
)
def clip_by_global_norm(gradients, largest):
    """Clip gradients by their global norm, (4.5). Return new arrays, in a list.

    gradients: a list of NumPy arrays of any shapes, one for each parameter. Their global norm is the length of the
    vector of all their numbers. Where it is above `largest`, every gradient is scaled by the same factor, so that the
    norm becomes `largest`; else they stay as they are.

    clip_by_global_norm([[3.0], [4.0]], 1.0) is [[0.6], [0.8]], since the norm was 5
    """
    norm = np.sqrt(sum((gradient**2).sum() for gradient in gradients))
    factor = largest / norm if norm > largest else 1.0
    return [gradient * factor for gradient in gradients]


@clip_by_global_norm.example
def _():
    return ([np.array([3.0]), np.array([4.0])], 1.0), [np.array([0.6]), np.array([0.8])]


@clip_by_global_norm.example
def _():
    return ([np.array([[0.3]]), np.array([0.0, -0.4])], 1.0), [np.array([[0.3]]), np.array([0.0, -0.4])]


@clip_by_global_norm.example
def _():
    return ([np.zeros(2)], 0.5), [np.zeros(2)]


@clip_by_global_norm.fresh
def _(rng):
    shapes = [tuple(rng.integers(1, 4, rng.integers(1, 3))) for _ in range(rng.integers(1, 4))]
    scale = rng.choice([0.0, 0.1, 1.0, 10.0])
    return [scale * rng.normal(size=shape) for shape in shapes], float(rng.choice([0.5, 1.0, 5.0]))


@clip_by_global_norm.truth
def _(gradients, largest):
    parameters = [torch.zeros(gradient.shape, dtype=torch.float64) for gradient in gradients]
    for parameter, gradient in zip(parameters, gradients):
        parameter.grad = torch.tensor(gradient)
    torch.nn.utils.clip_grad_norm_(parameters, largest)
    return [parameter.grad.numpy() for parameter in parameters]


@clip_by_global_norm.variant
def as_one_vector(gradients, largest):
    norm = np.linalg.norm(np.concatenate([gradient.ravel() for gradient in gradients]))
    return [gradient / max(1.0, norm / largest) for gradient in gradients]


@clip_by_global_norm.misconception(
    "You clipped each array by its own norm. Then large ones shrink and small ones don't, and the direction of the "
    "step changes. One norm over all, one factor for all."
)
def each_by_its_own(gradients, largest):
    return [gradient / max(1.0, np.linalg.norm(gradient) / largest) for gradient in gradients]


@clip_by_global_norm.misconception(
    "You cut every single number off at ±largest. That turns the direction; here the whole gradient is scaled."
)
def each_number(gradients, largest):
    return [np.clip(gradient, -largest, largest) for gradient in gradients]


@clip_by_global_norm.misconception(
    "You also made small gradients longer. Clipping only shortens: below `largest` nothing is changed."
)
def always_scaled(gradients, largest):
    norm = np.sqrt(sum((gradient**2).sum() for gradient in gradients))
    return [gradient * (largest / norm if norm else 1.0) for gradient in gradients]


@clip_by_global_norm.misconception("You took the sum of the squares for the norm. The norm is its square root.")
def without_the_root(gradients, largest):
    square = sum((gradient**2).sum() for gradient in gradients)
    return [gradient / max(1.0, square / largest) for gradient in gradients]


# -- batches that go on from one another ---------------------------------------------------------------------


@exercise(
    minutes=15,
    difficulty=2,
    hints=[
        "First the rows: the text without its last id, in `batch_size` equal parts, one below the other. The targets "
        "are the same, cut from the text without its first id.",
        "n = (len(ids) - 1) // batch_size; inputs = ids[: n * batch_size].reshape(batch_size, n); targets the same "
        "from ids[1:]. Then cut columns: inputs[:, i : i + length] for i in range(0, n, length).",
    ],
)
def chunks(ids, batch_size, length):
    """Cut a text for truncated backpropagation through time: a list of (inputs, targets), in the order of reading.

    ids (tokens,): a NumPy array of at least batch_size + 1 ids. The text is cut into `batch_size` parts of equal
    length, as long as they can be so that each id has a next one; what is left over at the end is not used. The parts
    are the rows. Each batch holds the next `length` ids of every row; the last batch may be shorter. The target of an
    id is the id after it in the text.

    chunks(np.arange(7), 2, 2) is [([[0, 1], [3, 4]], [[1, 2], [4, 5]]), ([[2], [5]], [[3], [6]])]
    """
    n = (len(ids) - 1) // batch_size
    inputs = ids[: n * batch_size].reshape(batch_size, n)
    targets = ids[1 : n * batch_size + 1].reshape(batch_size, n)
    return [(inputs[:, i : i + length], targets[:, i : i + length]) for i in range(0, n, length)]


@chunks.example
def _():
    return (np.arange(7), 2, 2), [
        (np.array([[0, 1], [3, 4]]), np.array([[1, 2], [4, 5]])),
        (np.array([[2], [5]]), np.array([[3], [6]])),
    ]


@chunks.example
def _():
    return (np.array([5, 5, 8]), 1, 9), [(np.array([[5, 5]]), np.array([[5, 8]]))]


@chunks.fresh
def _(rng):
    batch_size = int(rng.integers(1, 4))
    n = int(batch_size * rng.integers(1, 8) + rng.integers(1, 4))
    return rng.integers(0, 50, n), batch_size, int(rng.integers(1, 5))


@chunks.truth
def _(ids, batch_size, length):
    return [(x.numpy(), y.numpy()) for x, y in StreamBatches(ids, length, batch_size).all_batches()]


@chunks.variant
def row_by_row(ids, batch_size, length):
    n = (len(ids) - 1) // batch_size
    rows = [range(r * n, (r + 1) * n) for r in range(batch_size)]
    places = [np.array([list(row[i : i + length]) for row in rows]) for i in range(0, n, length)]
    return [(ids[p], ids[p + 1]) for p in places]


@chunks.misconception(
    "The rows of one batch follow one another, so a row does not go on in the next batch, and there is no state to "
    "carry. Cut the whole text into rows first, then the rows into batches."
)
def rows_from_one_piece(ids, batch_size, length):
    n = (len(ids) - 1) // batch_size
    found, i = [], 0
    while i < n * batch_size:
        size = min(length, n - i // batch_size)
        piece = slice(i, i + size * batch_size), slice(i + 1, i + 1 + size * batch_size)
        found.append(tuple(ids[part].reshape(batch_size, size) for part in piece))
        i += size * batch_size
    return found


@chunks.misconception(
    "You cut the text across: neighbours in the text stand below one another. reshape(batch_size, n) makes each row "
    "a part of the text that can be read."
)
def cut_across(ids, batch_size, length):
    n = (len(ids) - 1) // batch_size
    inputs = ids[: n * batch_size].reshape(n, batch_size).T
    targets = ids[1 : n * batch_size + 1].reshape(n, batch_size).T
    return [(inputs[:, i : i + length], targets[:, i : i + length]) for i in range(0, n, length)]


@chunks.misconception("You dropped the last, shorter batch: the end of every row is never learned from.")
def whole_batches_only(ids, batch_size, length):
    return [pair for pair in chunks.reference(ids, batch_size, length) if pair[0].shape[1] == length]


@chunks.misconception("Your targets are the inputs themselves. The target of an id is the id after it.")
def targets_not_shifted(ids, batch_size, length):
    return [(inputs, inputs.copy()) for inputs, _ in chunks.reference(ids, batch_size, length)]
