"""The exercises of lesson 06: attention with one query, additive scores, the overview's formula mended, masks, heads,
and the gradient on its way through the weights."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from lmlib.exercises.chance import draw, softmax
from lmlib.exercises.engine import exercise

# -- one query -----------------------------------------------------------------------------------------------


@exercise(
    minutes=10,
    difficulty=1,
    hints=[
        "Three lines: a score for each key, weights from the scores, a weighted sum of the rows of `values`.",
        "scores = keys @ query / np.sqrt(len(query)); weights = np.exp(scores - scores.max()), divided by their sum; "
        "return weights @ values.",
    ],
)
def look(query, keys, values):
    """Scaled dot-product attention for one query, (6.4): return what it sees, a vector (d_value,).

    query: numpy array (d,). keys: (n, d), at least one. values: (n, d_value).

    With query [2 ln 3, 0, 0, 0], keys [[0, 1, 1, 1], [1, 0, 0, 0]] and values [[8], [4]], the scores divided by
    sqrt(4) are 0 and ln 3, the weights 1/4 and 3/4, and the answer is [5].
    """
    scores = keys @ query / np.sqrt(len(query))
    weights = np.exp(scores - scores.max())
    return weights @ values / weights.sum()


@look.example
def _():
    keys, values = np.array([[0.0, 1, 1, 1], [1, 0, 0, 0]]), np.array([[8.0], [4.0]])
    return (np.array([2 * math.log(3), 0.0, 0.0, 0.0]), keys, values), np.array([5.0])


@look.example
def _():
    return (np.array([1.0]), np.array([[3.0]]), np.array([[7.0, -2.0]])), np.array([7.0, -2.0])  # one key: all of it


@look.fresh
def _(rng):
    d, n, d_value = (int(rng.integers(1, 6)) for _ in range(3))
    size = 100 if rng.random() < 0.4 else 1  # large scores, where a careless exp overflows
    return size * draw(rng, d), size * draw(rng, n, d), draw(rng, n, d_value)


@look.truth
def _(query, keys, values):
    parts = (torch.from_numpy(np.atleast_2d(part)) for part in (query, keys, values))
    return F.scaled_dot_product_attention(*parts)[0].numpy()


@look.variant
def in_loops(query, keys, values):
    scores = [sum(q * k for q, k in zip(query, key)) / math.sqrt(len(query)) for key in keys]
    raised = [math.exp(score - max(scores)) for score in scores]
    seen = np.zeros(values.shape[1])
    for weight, value in zip(raised, values):
        seen = seen + weight / sum(raised) * value
    return seen


@look.misconception(
    "You left out the division by the square root of d: the scores are too large, the weights too sharp."
)
def not_scaled(query, keys, values):
    return softmax(keys @ query) @ values


@look.misconception("You divided by d. It is the square root of d that brings the spread of the scores back to 1.")
def divided_by_d(query, keys, values):
    return softmax(keys @ query / len(query)) @ values


@look.misconception(
    "You divided by the root of the number of keys. What makes the scores large is the length of the vectors, d."
)
def divided_by_the_number_of_keys(query, keys, values):
    return softmax(keys @ query / np.sqrt(len(keys))) @ values


@look.misconception("There is no softmax: scores may be negative and do not add up to 1, so this is no mean.")
def no_softmax(query, keys, values):
    return keys @ query / np.sqrt(len(query)) @ values


@look.misconception("You took the value with the best score alone. Attention takes some of every value.")
def the_best_alone(query, keys, values):
    return values[(keys @ query).argmax()]


@look.misconception("Large scores overflow: subtract the largest score before np.exp. The weights stay the same.")
def overflows(query, keys, values):
    with np.errstate(over="ignore", invalid="ignore"):
        raised = np.exp(keys @ query / np.sqrt(len(query)))
        return raised @ values / raised.sum()


# -- additive scores -----------------------------------------------------------------------------------------


@exercise(
    minutes=10,
    difficulty=1,
    hints=[
        "Bring query and key to the same length with their matrices, add, squash, and weigh with v.",
        "For all keys at once: np.tanh(W_q @ query + keys @ W_k.T) has the shape (n, hidden); multiply it by v.",
    ],
)
def additive_scores(query, keys, W_q, W_k, v):
    """The additive scores of one query with each key, (6.2): return (n,).

    query: numpy array (d_query,). keys: (n, d_key), there may be none. W_q: (hidden, d_query), W_k: (hidden, d_key),
    v: (hidden,).

    With query [1], keys [[0], [-1]], W_q = W_k = [[1]] and v = [2], the scores are 2 tanh(1) = 1.52, 2 tanh(0) = 0.
    """
    scores = []
    for key in keys:
        scores.append(v @ np.tanh(W_q @ query + W_k @ key))
    return np.array(scores)


@additive_scores.example
def _():
    one = np.ones((1, 1))
    return (np.ones(1), np.array([[0.0], [-1.0]]), one, one, np.array([2.0])), np.array([2 * math.tanh(1.0), 0.0])


@additive_scores.fresh
def _(rng):
    d_query, d_key, hidden, n = (int(rng.integers(1, 5)) for _ in range(4))
    n = 0 if rng.random() < 0.1 else n
    shapes = ((d_query,), (n, d_key), (hidden, d_query), (hidden, d_key), (hidden,))
    return tuple(draw(rng, *shape) for shape in shapes)


@additive_scores.truth
def _(query, keys, W_q, W_k, v):
    sides = [nn.Linear(W.shape[1], W.shape[0], bias=False).double() for W in (W_q, W_k)]
    with torch.no_grad():
        for side, W in zip(sides, (W_q, W_k)):
            side.weight.copy_(torch.from_numpy(W))
        pairs = sides[0](torch.from_numpy(query))[None] + sides[1](torch.from_numpy(keys))
        return (pairs.tanh() * torch.from_numpy(v)).sum(-1).numpy()


@additive_scores.variant
def all_keys_at_once(query, keys, W_q, W_k, v):
    return np.tanh(W_q @ query + keys @ W_k.T) @ v


@additive_scores.misconception(
    "The tanh is missing. Without it the query adds the same number to all scores, and softmax takes that out again: "
    "the weights would not depend on the query at all."
)
def no_tanh(query, keys, W_q, W_k, v):
    return (W_q @ query + keys @ W_k.T) @ v


@additive_scores.misconception(
    "You squashed query and key apart and added then. That is a sum of a part for the query and a part for the key: "
    "which key wins would not depend on the query."
)
def tanh_of_each(query, keys, W_q, W_k, v):
    return (np.tanh(W_q @ query) + np.tanh(keys @ W_k.T)) @ v


@additive_scores.misconception("You multiplied query and key. The additive score adds them, then takes tanh.")
def multiplied(query, keys, W_q, W_k, v):
    return np.tanh((W_q @ query) * (keys @ W_k.T)) @ v


@additive_scores.misconception("These are the weights already. The task asks for the scores, before the softmax.")
def weights_already(query, keys, W_q, W_k, v):
    scores = additive_scores.reference(query, keys, W_q, W_k, v)
    return softmax(scores) if len(scores) else scores


# -- spot the error ------------------------------------------------------------------------------------------


@exercise(
    minutes=15,
    difficulty=2,
    hints=[
        "Who asks, who answers? Give the last state a matrix of its own to ask with, and every state one to answer "
        "with. How many weights should come out: one for each number of a state, or one for each state?",
        "query = W_q @ states[-1]; keys = states @ W_k.T; one score for each state, keys @ query / sqrt(n); softmax "
        "over the states; then weights @ states.",
    ],
)
def context(states, W_q, W_k):
    """Spot the errors. A much-read overview writes attention as softmax(V h_t): here is what you get if you program
    that. Mend it, so that the last state looks back at all states, itself among them, (6.4).

    states: numpy array (time, n), at least one row. W_q: (n, n) makes the query from the last state, W_k: (n, n) a
    key from each state. The values are the states themselves. Return their weighted mean, (n,).

    With states [[0, 1], [ln 3, 0]], W_q = [[1, 0], [0, 0]] / ln 3 and W_k = [[sqrt 2, 0], [0, 0]] the query is
    [1, 0], the scores are 0 and ln 3, the weights 1/4 and 3/4, and the answer is [3/4 ln 3, 1/4].
    """
    query, keys = W_q @ states[-1], states @ W_k.T
    scores = keys @ query / np.sqrt(len(query))
    weights = np.exp(scores - scores.max())
    return weights @ states / weights.sum()


@context.start
def _(states, W_q, W_k):
    seen = np.zeros(states.shape[1])
    for h in states:
        scores = W_k @ h
        weights = np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum()
        seen = seen + weights * h
    return seen


@context.example
def _():
    states = np.array([[0.0, 1.0], [math.log(3), 0.0]])
    W_q = np.array([[1 / math.log(3), 0.0], [0.0, 0.0]])
    W_k = np.array([[math.sqrt(2), 0.0], [0.0, 0.0]])
    return (states, W_q, W_k), np.array([0.75 * math.log(3), 0.25])


@context.fresh
def _(rng):
    time, n = int(rng.integers(1, 6)), int(rng.integers(1, 5))
    return draw(rng, time, n), draw(rng, n, n), draw(rng, n, n)


@context.truth
def _(states, W_q, W_k):
    h, q, k = map(torch.from_numpy, (states, W_q, W_k))
    return F.scaled_dot_product_attention((h[-1:] @ q.T), h @ k.T, h)[0].numpy()


@context.variant
def one_matrix_for_both(states, W_q, W_k):
    # q · k = h_T · (W_q^T W_k) h_t
    scores = states[-1] @ W_q.T @ W_k @ states.T / states.shape[1] ** 0.5
    return np.exp(scores - np.logaddexp.reduce(scores)) @ states


@context.misconception("This is the faulty program, unchanged: there is no query, and each state is weighed alone.")
def unchanged(states, W_q, W_k):
    return sum(softmax(W_k @ h) * h for h in states)


@context.misconception(
    "You compare query and key now, but the softmax still runs over the numbers of each state. It must run over the "
    "positions: one weight for each state, and all of them together 1."
)
def softmax_over_the_numbers(states, W_q, W_k):
    query, keys = W_q @ states[-1], states @ W_k.T
    return sum(softmax(key * query / np.sqrt(len(query))) * h for key, h in zip(keys, states))


@context.misconception(
    "The softmax runs over the positions, but nobody asks: you weigh by the sum of each key, without the query. The "
    "same states would be seen whatever the last one is."
)
def nobody_asks(states, W_q, W_k):
    keys = states @ W_k.T
    return softmax(keys.sum(axis=1) / np.sqrt(states.shape[1])) @ states


@context.misconception(
    "Each state asks itself here. The query comes from the last state alone, and all keys answer it."
)
def each_asks_itself(states, W_q, W_k):
    scores = ((states @ W_q.T) * (states @ W_k.T)).sum(axis=1) / np.sqrt(states.shape[1])
    return softmax(scores) @ states


@context.misconception("Right but for the size of the scores: divide them by the square root of n.")
def not_scaled_either(states, W_q, W_k):
    return softmax(states @ W_k.T @ W_q @ states[-1]) @ states


@context.misconception("You mixed the keys. What is mixed are the values, and these are the states themselves.")
def mixes_the_keys(states, W_q, W_k):
    query, keys = W_q @ states[-1], states @ W_k.T
    return softmax(keys @ query / np.sqrt(len(query))) @ keys


# -- masks ---------------------------------------------------------------------------------------------------


@exercise(
    minutes=15,
    difficulty=2,
    hints=[
        "Which places may query i see? Those up to i, as long as they are below `length`. Give all others the score "
        "minus infinity, then take the softmax of each row.",
        "n = len(scores); places = np.arange(n); allowed = (places[None] <= places[:, None]) & (places[None] < "
        "length); np.where(allowed, scores, -np.inf), then softmax along the last axis.",
    ],
)
def masked_weights(scores, length):
    """Attention weights under two masks at once: causal, and padding. Return (time, time); each row adds up to 1.

    scores: numpy array (time, time), one row a query, one column a key. length: how many of the places hold text, at
    least 1; the rest at the end is padding, which no query may see. Query i may see the keys 0 to i, itself included.
    (A query that is itself padding sees the text.)

    masked_weights([[0, 5], [0, 0]], length=2) is [[1, 0], [0.5, 0.5]], and with length=1 it is [[1, 0], [1, 0]]
    """
    places = np.arange(len(scores))
    allowed = (places[None] <= places[:, None]) & (places[None] < length)
    weights = np.exp(np.where(allowed, scores - scores.max(), -np.inf))
    return weights / weights.sum(axis=-1, keepdims=True)


@masked_weights.example
def _():
    return (np.array([[0.0, 5.0], [0.0, 0.0]]), 2), np.array([[1.0, 0.0], [0.5, 0.5]])


@masked_weights.example
def _():
    return (np.array([[0.0, 5.0], [0.0, 0.0]]), 1), np.array([[1.0, 0.0], [1.0, 0.0]])


@masked_weights.fresh
def _(rng):
    n = int(rng.integers(1, 7))
    return 2 * draw(rng, n, n), int(rng.integers(1, n + 1))


@masked_weights.truth
def _(scores, length):
    n = len(scores)
    hidden = torch.ones(n, n, dtype=torch.bool).triu(1) | (torch.arange(n) >= length)
    return torch.from_numpy(scores).masked_fill(hidden, -math.inf).softmax(-1).numpy()


@masked_weights.variant
def row_by_row(scores, length):
    weights = np.zeros(scores.shape)
    for i, row in enumerate(scores):
        seen = min(i + 1, length)
        weights[i, :seen] = softmax(row[:seen])
    return weights


def _allowed(scores, length):
    n = len(scores)
    return np.tri(n, dtype=bool) & (np.arange(n) < length)


def _rows(scores):
    return np.array([softmax(row) for row in scores])


@masked_weights.misconception(
    "You gave the forbidden places the score 0. exp(0) is 1, so they still get weight: the score must be -infinity."
)
def zero_is_no_mask(scores, length):
    return _rows(np.where(_allowed(scores, length), scores, 0.0))


@masked_weights.misconception(
    "You took the softmax first and cut the weights afterwards. What is left no longer adds up to 1; mask the scores."
)
def cut_after_the_softmax(scores, length):
    return np.where(_allowed(scores, length), _rows(scores), 0.0)


@masked_weights.misconception("The padding is still seen: a key at `length` or behind it is no text.")
def padding_forgotten(scores, length):
    return _rows(np.where(_allowed(scores, len(scores)), scores, -np.inf))


@masked_weights.misconception("The future is still seen: query i may look at the keys 0 to i alone.")
def future_forgotten(scores, length):
    return _rows(np.where(np.arange(len(scores)) < length, scores, -np.inf))


@masked_weights.misconception(
    "The softmax ran down the columns. Each query, a row, shares out its own weight among the keys."
)
def down_the_columns(scores, length):
    kept = np.where(_allowed(scores, length), np.exp(scores - scores.max()), 0.0)
    sums = kept.sum(axis=0, keepdims=True)
    return np.divide(kept, sums, out=np.zeros_like(kept), where=sums > 0)


# -- heads ---------------------------------------------------------------------------------------------------


@exercise(
    minutes=10,
    difficulty=2,
    hints=[
        "Head 0 gets the first d_model / n_heads numbers of every place, head 1 the next ones. First cut the last "
        "axis in two, then bring the heads to the front.",
        "x.reshape(time, n_heads, d_head) cuts the last axis; .transpose(1, 0, 2) puts the heads first.",
    ],
)
def split_heads(x, n_heads):
    """Share out the numbers of each place among the heads: (time, d_model) -> (n_heads, time, d_model / n_heads).

    x: numpy array; d_model can be divided by n_heads. Head 0 gets the first numbers of each place, head 1 the next.

    split_heads([[1, 2, 3, 4], [5, 6, 7, 8]], 2) is [[[1, 2], [5, 6]], [[3, 4], [7, 8]]]
    """
    time, d_model = x.shape
    return x.reshape(time, n_heads, d_model // n_heads).transpose(1, 0, 2)


@split_heads.example
def _():
    x = np.array([[1.0, 2, 3, 4], [5, 6, 7, 8]])
    return (x, 2), np.array([[[1.0, 2], [5, 6]], [[3, 4], [7, 8]]])


@split_heads.fresh
def _(rng):
    n_heads, d_head, time = int(rng.integers(1, 4)), int(rng.integers(1, 4)), int(rng.integers(1, 5))
    return draw(rng, time, n_heads * d_head), n_heads


@split_heads.truth
def _(x, n_heads):
    return torch.stack(torch.from_numpy(x).chunk(n_heads, dim=1)).numpy()


@split_heads.variant
def slice_by_slice(x, n_heads):
    d = x.shape[1] // n_heads
    return np.stack([x[:, h * d : (h + 1) * d] for h in range(n_heads)])


@split_heads.misconception(
    "The shape is right, the numbers are not: reshape reads row after row, so this gives head 0 the first *places*. "
    "Cut the last axis first, then swap two axes."
)
def only_reshaped(x, n_heads):
    return x.reshape(n_heads, len(x), -1)


@split_heads.misconception(
    "You dealt the numbers out like cards: head 0 has every n_heads-th one. It gets one whole piece, as from `chunk`."
)
def dealt_like_cards(x, n_heads):
    return x.reshape(len(x), -1, n_heads).transpose(2, 0, 1)


@split_heads.misconception("Each place is still first: (time, n_heads, d_head). Bring the heads to the front.")
def heads_in_the_middle(x, n_heads):
    return x.reshape(len(x), n_heads, -1)


# -- the gradient on its way through the weights -------------------------------------------------------------


@exercise(
    minutes=20,
    difficulty=3,
    hints=[
        "The output is y = sum of w_i v_i. First how the loss changes with each weight: gradient · v_i. Then through "
        "the softmax, whose slopes are ∂w_i / ∂s_j = w_i (1 if i = j, else 0) - w_i w_j.",
        "With a = values @ gradient, the chain rule gives weights * (a - weights @ a): a score is pushed up if its "
        "value does better than the mean.",
    ],
)
def scores_gradient(scores, values, gradient):
    """Backpropagation through attention: how does the loss change with each score? Return (n,).

    The output is y = weights @ values, with weights = softmax(scores). scores: numpy array (n,), at least one.
    values: (n, d). gradient: (d,), the derivative of the loss with respect to y.

    With scores [0, 0], values [[1], [3]] and gradient [1] it is [-0.5, 0.5]: each weight is 1/2, and the mean is 2.
    With scores [50, 0] it is almost [0, 0]: a saturated softmax lets nothing through.
    """
    weights = np.exp(scores - scores.max())
    weights = weights / weights.sum()
    pull = values @ gradient
    return weights * (pull - weights @ pull)


@scores_gradient.example
def _():
    return (np.zeros(2), np.array([[1.0], [3.0]]), np.ones(1)), np.array([-0.5, 0.5])


@scores_gradient.example
def _():
    return (np.zeros(1), np.array([[5.0, 1.0]]), np.array([1.0, 2.0])), np.array([0.0])


@scores_gradient.fresh
def _(rng):
    n, d = int(rng.integers(1, 6)), int(rng.integers(1, 4))
    return 2 * draw(rng, n), draw(rng, n, d), draw(rng, d)


@scores_gradient.truth
def _(scores, values, gradient):
    s = torch.from_numpy(scores).requires_grad_()
    y = s.softmax(-1) @ torch.from_numpy(values)
    return torch.autograd.grad(y @ torch.from_numpy(gradient), s)[0].numpy()


@scores_gradient.variant
def by_the_whole_matrix(scores, values, gradient):
    w = softmax(scores)
    slopes = np.diag(w) - np.outer(w, w)
    return slopes @ (values @ gradient)


@scores_gradient.misconception(
    "That is the gradient of the weights. The scores are one step further: raising one lowers the other weights."
)
def stops_at_the_weights(scores, values, gradient):
    return values @ gradient


@scores_gradient.misconception(
    "You took only the slope of each weight by its own score, w (1 - w). A score moves all other weights, too."
)
def own_weight_only(scores, values, gradient):
    w = softmax(scores)
    return w * (1 - w) * (values @ gradient)


@scores_gradient.misconception(
    "You left out what a score takes from the others: subtract the mean of the pulls, weighed by the weights. The "
    "answer must add up to 0, because adding one number to all scores changes nothing."
)
def takes_nothing_away(scores, values, gradient):
    return softmax(scores) * (values @ gradient)


@scores_gradient.misconception(
    "The mean that you subtract must be weighed by the weights; a plain mean counts all alike."
)
def plain_mean(scores, values, gradient):
    pull = values @ gradient
    return softmax(scores) * (pull - pull.mean())
