"""The exercises of lesson 07: layer norm, sinusoidal and rotary positions, a layer mended, masks, cross-attention."""

import math

import numpy as np
import torch
import torch.nn.functional as F

from lmlib.exercises.chance import draw, softmax
from lmlib.exercises.engine import exercise

# -- layer norm ------------------------------------------------------------------------------------------------


@exercise(
    minutes=10,
    difficulty=1,
    hints=[
        "Mean and variance run over the last axis: each place has its own. keepdims=True keeps the shapes together.",
        "mean = x.mean(-1, keepdims=True); variance = ((x - mean) ** 2).mean(-1, keepdims=True); the root is "
        "taken of "
        "variance + eps.",
    ],
)
def layer_norm(x, gain, bias, eps):
    """Layer norm, (7.4): return an array of the shape of x.

    x: numpy array (time, d). gain and bias: (d,). eps: a small number, added to the variance under the root. The mean
    and the variance are those of the d numbers of one place; the variance divides by d.

    With x [[1, 3], [10, 20]], gain [1, 1], bias [0, 0] and eps 0 it is [[-1, 1], [-1, 1]].
    """
    centred = x - x.mean(axis=-1, keepdims=True)
    return gain * centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + eps) + bias


@layer_norm.example
def _():
    x = np.array([[1.0, 3.0], [10.0, 20.0]])
    return (x, np.ones(2), np.zeros(2), 0.0), np.array([[-1.0, 1.0], [-1.0, 1.0]])


@layer_norm.example
def _():
    return (np.array([[5.0, 5.0, 5.0]]), np.ones(3), np.array([1.0, 2.0, 3.0]), 0.1), np.array([[1.0, 2.0, 3.0]])


@layer_norm.fresh
def _(rng):
    time, d = int(rng.integers(1, 5)), int(rng.integers(2, 6))
    x = draw(rng, time, d) * rng.choice([0.1, 1.0, 30.0]) + draw(rng, time, 1)
    return x, draw(rng, d), draw(rng, d), float(rng.choice([0.1, 0.5]))


@layer_norm.truth
def _(x, gain, bias, eps):
    x, gain, bias = (torch.from_numpy(part) for part in (x, gain, bias))
    return F.layer_norm(x, x.shape[-1:], gain, bias, eps).numpy()


@layer_norm.variant
def place_by_place(x, gain, bias, eps):
    return np.array([(row - row.mean()) / math.sqrt(row.var() + eps) * gain + bias for row in x])


@layer_norm.misconception(
    "You took mean and variance over the places. Then a place would depend on all others, and a decoder "
    "on the future; "
    "each place has its own mean."
)
def over_the_places(x, gain, bias, eps):
    return gain * (x - x.mean(0)) / np.sqrt(x.var(0) + eps) + bias


@layer_norm.misconception("You took one mean and one variance of the whole array. Each place has its own.")
def over_everything(x, gain, bias, eps):
    return gain * (x - x.mean()) / np.sqrt(x.var() + eps) + bias


@layer_norm.misconception("The variance here divides by d, not by d - 1 (`torch.var` does that unless it is told).")
def bessels_variance(x, gain, bias, eps):
    return gain * (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, ddof=1, keepdims=True) + eps) + bias


@layer_norm.misconception("eps stands under the root, beside the variance, not beside the standard deviation.")
def eps_outside_the_root(x, gain, bias, eps):
    return gain * (x - x.mean(-1, keepdims=True)) / (x.std(-1, keepdims=True) + eps) + bias


@layer_norm.misconception("The gain multiplies the normed numbers alone; the bias comes last and is added as it is.")
def bias_times_gain(x, gain, bias, eps):
    return layer_norm.reference(x, gain, gain * bias, eps)


@layer_norm.misconception("You divided by the variance. It is its square root that brings the spread to 1.")
def no_root(x, gain, bias, eps):
    return gain * (x - x.mean(-1, keepdims=True)) / (x.var(-1, keepdims=True) + eps) + bias


@layer_norm.misconception(
    "The mean is still in it. (A norm without subtracting the mean exists, too: RMSNorm, in lesson 08.)"
)
def mean_kept(x, gain, bias, eps):
    return gain * x / np.sqrt(x.var(-1, keepdims=True) + eps) + bias


# -- sinusoidal positions --------------------------------------------------------------------------------------


def _position(t, d):
    """(7.1): the sinusoidal position of place t, (d,)."""
    angles = t / 10_000 ** (np.arange(0, d, 2) / d)
    return np.stack((np.sin(angles), np.cos(angles)), axis=1).ravel()


@exercise(
    minutes=15,
    difficulty=2,
    hints=[
        "Each pair of numbers is a hand that turns, pair i by k / 10,000^(2i / d) radians in k places. You know the "
        "sine and the cosine of an angle and must give those of a larger angle.",
        "sin(a + b) = sin a cos b + cos a sin b, and cos(a + b) = cos a cos b - sin a sin b. The sines of a are "
        "p[0::2], the cosines p[1::2], and b = k / 10_000 ** (np.arange(0, d, 2) / d).",
    ],
)
def further_on(p, k):
    """The sinusoidal position, (7.1), k places further on. Return a numpy array (d,).

    p: numpy array (d,), the position of a place that you are not told; d is even. k: how many places further, a whole
    number; below 0 it is back. The numbers 2i and 2i + 1 of p are the sine and the cosine of t / 10,000^(2i / d).

    further_on([0, 1, 0, 1], 5) is the position of place 5, because [0, 1, 0, 1] is that of place 0.
    """
    sine, cosine = p[0::2], p[1::2]
    angles = k / 10_000 ** (np.arange(0, len(p), 2) / len(p))
    out = np.empty(len(p))
    out[0::2] = sine * np.cos(angles) + cosine * np.sin(angles)
    out[1::2] = cosine * np.cos(angles) - sine * np.sin(angles)
    return out


@further_on.example
def _():
    return (np.array([0.0, 1.0, 0.0, 1.0]), 5), np.array([math.sin(5), math.cos(5), math.sin(0.05), math.cos(0.05)])


@further_on.example
def _():
    return (np.array([math.sin(9), math.cos(9)]), -2), np.array([math.sin(7), math.cos(7)])


@further_on.fresh
def _(rng):
    return _position(int(rng.integers(0, 100)), 2 * int(rng.integers(1, 6))), int(rng.integers(-9, 20))


@further_on.truth
def _(p, k):
    d = len(p)
    place = min(range(100), key=lambda t: np.abs(_position(t, d) - p).max())  # find the place by trying them all
    return _position(place + k, d)


@further_on.variant
def one_matrix_for_all_places(p, k):
    turn, d = np.zeros((len(p), len(p))), len(p)
    for i in range(0, d, 2):
        c, s = math.cos(k / 10_000 ** (i / d)), math.sin(k / 10_000 ** (i / d))
        turn[i : i + 2, i : i + 2] = [[c, s], [-s, c]]
    return turn @ p


@further_on.misconception("You went back, not on: the sine takes in PLUS cosine times sin(angle), the cosine MINUS.")
def backwards_in_time(p, k):
    return further_on.reference(p, -k)


@further_on.misconception(
    "You added the position of place k. Vectors of places do not add up like the places: each hand must be turned, "
    "and its length stays 1."
)
def added_vectors(p, k):
    return p + _position(k, len(p))


@further_on.misconception(
    "All hands turned by k radians here. Only the first pair is so fast; pair i has its own speed."
)
def all_hands_alike(p, k):
    c, s = math.cos(k), math.sin(k)
    return np.stack((p[0::2] * c + p[1::2] * s, p[1::2] * c - p[0::2] * s), axis=1).ravel()


@further_on.misconception(
    "The exponent is 2i / d. With i / d the hands slow down half as fast (in powers of 100), and the slow ones are "
    "missing."
)
def exponent_not_doubled(p, k):
    angles = k / 10_000 ** (np.arange(len(p) // 2) / len(p))
    sine, cosine = p[0::2], p[1::2]
    both = sine * np.cos(angles) + cosine * np.sin(angles), cosine * np.cos(angles) - sine * np.sin(angles)
    return np.stack(both, axis=1).ravel()


@further_on.misconception(
    "Your i counts by twos already, so 2 * i doubles it once more: pair 1 turns by k / 10,000^(2 / d), not 4 / d."
)
def doubled_twice(p, k):
    angles = k / 10_000 ** (2 * np.arange(0, len(p), 2) / len(p))
    sine, cosine = p[0::2], p[1::2]
    both = sine * np.cos(angles) + cosine * np.sin(angles), cosine * np.cos(angles) - sine * np.sin(angles)
    return np.stack(both, axis=1).ravel()


@further_on.misconception("All sines stand in front in your answer. Sines and cosines take turns, sine first.")
def all_sines_first(p, k):
    out = further_on.reference(p, k)
    return np.concatenate((out[0::2], out[1::2]))


# -- rotary positions ------------------------------------------------------------------------------------------


@exercise(
    minutes=15,
    difficulty=2,
    hints=[
        "Pair i of place t turns by t · frequencies[i]. First make all angles: (time, 1) times (d / 2,).",
        "a, b = x[:, : d // 2], x[:, d // 2 :] are the pairs' first and second numbers; np.concatenate([a * "
        "cos - b * "
        "sin, a * sin + b * cos], axis=1).",
    ],
)
def turn(x, frequencies):
    """Rotary positions, (7.3): turn the vector of each place. Return an array of the shape of x.

    x: numpy array (time, d), a row a place, counted from 0; d is even. frequencies: (d / 2,), radians per place.
    Number i and number i + d / 2 form pair i. A pair (a, b) that turns by an angle becomes
    (a cos - b sin, a sin + b cos).

    With x [[1, 0], [1, 0], [1, 0]] and frequencies [pi / 2] it is [[1, 0], [0, 1], [-1, 0]]: a quarter turn a place.
    """
    angles = np.arange(len(x))[:, None] * frequencies
    a, b = np.split(x, 2, axis=1)
    return np.concatenate((a * np.cos(angles) - b * np.sin(angles), a * np.sin(angles) + b * np.cos(angles)), axis=1)


@turn.example
def _():
    return (np.array([[1.0, 0], [1, 0], [1, 0]]), np.array([math.pi / 2])), np.array([[1.0, 0], [0, 1], [-1, 0]])


@turn.example
def _():
    x = np.array([[1.0, 2, 3, 4], [1, 2, 3, 4]])
    return (x, np.array([math.pi, 0.0])), np.array([[1.0, 2, 3, 4], [-1, 2, -3, 4]])


@turn.fresh
def _(rng):
    pairs = int(rng.integers(1, 4))
    return draw(rng, int(rng.integers(1, 6)), 2 * pairs), rng.uniform(0.1, 2, size=pairs).round(2)


@turn.truth
def _(x, frequencies):
    half = len(frequencies)
    turned = (x[:, :half] + 1j * x[:, half:]) * np.exp(1j * np.outer(np.arange(len(x)), frequencies))
    return np.concatenate((turned.real, turned.imag), axis=1)


@turn.variant
def pair_by_pair(x, frequencies):
    out, half = np.zeros(x.shape), len(frequencies)
    for t, row in enumerate(x):
        for i, frequency in enumerate(frequencies):
            c, s = math.cos(t * frequency), math.sin(t * frequency)
            out[t, [i, i + half]] = np.array([[c, -s], [s, c]]) @ row[[i, i + half]]
    return out


@turn.misconception(
    "You turned the other way: the first number becomes a cos MINUS b sin, the second a sin PLUS b cos."
)
def backwards(x, frequencies):
    return turn.reference(x, -frequencies)


@turn.misconception(
    "You paired neighbours, 0 with 1, 2 with 3. That is a fair choice, too (the paper makes it), but the task pairs "
    "number i with number i + d / 2, and all programs that share weights must pair alike."
)
def neighbours_paired(x, frequencies):
    c = x[:, 0::2] + 1j * x[:, 1::2]
    c = c * np.exp(1j * np.outer(np.arange(len(x)), frequencies))
    return np.stack((c.real, c.imag), axis=2).reshape(x.shape)


@turn.misconception("Every place turns alike here. Place t turns by t times the frequency, place 0 not at all.")
def all_places_alike(x, frequencies):
    a, b = np.split(x, 2, axis=1)
    c, s = np.cos(frequencies), np.sin(frequencies)
    return np.concatenate((a * c - b * s, a * s + b * c), axis=1)


@turn.misconception(
    "The pairs stand side by side in your answer. Number i and number i + d / 2 are a pair, going in and coming out."
)
def pairs_side_by_side(x, frequencies):
    return np.stack(np.split(turn.reference(x, frequencies), 2, axis=1), axis=2).reshape(x.shape)


@turn.misconception("Places count from 0: the first one does not turn.")
def counted_from_one(x, frequencies):
    return turn.reference(np.concatenate((x[:1], x)), frequencies)[1:]


@turn.misconception(
    "The second number was computed from the new first one. Keep the old pair until both new numbers are made."
)
def overwritten_too_early(x, frequencies):
    angles = np.arange(len(x))[:, None] * frequencies
    a, b = np.split(x, 2, axis=1)
    a = a * np.cos(angles) - b * np.sin(angles)
    return np.concatenate((a, a * np.sin(angles) + b * np.cos(angles)), axis=1)


# -- spot the error: where does the norm stand? ----------------------------------------------------------------


@exercise(
    minutes=15,
    difficulty=2,
    hints=[
        "In a pre-norm layer nothing but additions happens to the residual stream. Which lines replace x by "
        "something "
        "else than x + ...?",
        "Give the normed vectors a name of their own, or none: x = x + weights @ norm(x) @ W_v, and likewise for the "
        "feed-forward part.",
    ],
)
def pre_norm_layer(x, weights, W_v, W_1, W_2):
    """Spot the errors: this says it is a pre-norm encoder layer, (7.6). Mend it.

    x: tensor (time, d), the residual stream. weights: (time, time), the attention weights, each row adds up to 1 (to
    keep it short they are given). W_v: (d, d) makes the values. W_1: (d, hidden) and W_2: (hidden, d) are the
    feed-forward part, with ReLU between them; no biases. The norm is `F.layer_norm(x, x.shape[-1:])`. Return the new
    residual stream, (time, d).

    If W_v and W_2 are all zeros, the layer adds nothing, and what comes out is x itself.
    """
    x = x + weights @ F.layer_norm(x, x.shape[-1:]) @ W_v
    return x + (F.layer_norm(x, x.shape[-1:]) @ W_1).relu() @ W_2


@pre_norm_layer.start
def _(x, weights, W_v, W_1, W_2):
    x = F.layer_norm(x, x.shape[-1:])
    x = x + weights @ x @ W_v
    x = F.layer_norm(x, x.shape[-1:])
    return x + (x @ W_1).relu() @ W_2


@pre_norm_layer.example
def _():
    x = torch.tensor([[1.0, 5.0], [2.0, 0.0]], dtype=torch.float64)
    nothing = torch.zeros(2, 2, dtype=torch.float64)
    return (x, torch.full((2, 2), 0.5, dtype=torch.float64), nothing, torch.eye(2, dtype=torch.float64), nothing), x


@pre_norm_layer.fresh
def _(rng):
    time, d, hidden = int(rng.integers(1, 5)), int(rng.integers(3, 6)), int(rng.integers(1, 6))
    x, W_v, W_1, W_2 = (draw(rng, *shape) for shape in ((time, d), (d, d), (d, hidden), (hidden, d)))
    return tuple(torch.from_numpy(part) for part in (3 * x, softmax(draw(rng, time, time)), W_v, W_1, W_2))


@pre_norm_layer.truth
def _(x, weights, W_v, W_1, W_2):
    def norm(x):
        return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)

    x, weights, W_v, W_1, W_2 = (part.numpy() for part in (x, weights, W_v, W_1, W_2))
    x = x + weights @ norm(x) @ W_v
    return torch.from_numpy(x + np.maximum(norm(x) @ W_1, 0) @ W_2)


@pre_norm_layer.variant
def with_names(x, weights, W_v, W_1, W_2):
    d = x.shape[-1]
    seen = weights @ (F.layer_norm(x, [d]) @ W_v)
    middle = x + seen
    thought = F.relu(F.layer_norm(middle, [d]) @ W_1) @ W_2
    return middle + thought


@pre_norm_layer.misconception(
    "This is the faulty program still: it writes the normed vectors over x, so the residual stream is lost twice."
)
def as_it_was(x, weights, W_v, W_1, W_2):
    for part in (lambda x: weights @ x @ W_v, lambda x: (x @ W_1).relu() @ W_2):
        x = F.layer_norm(x, x.shape[-1:])
        x = x + part(x)
    return x


@pre_norm_layer.misconception("The first half is right; in the second one the normed vectors still replace x.")
def second_half_unchanged(x, weights, W_v, W_1, W_2):
    x = x + weights @ F.layer_norm(x, x.shape[-1:]) @ W_v
    x = F.layer_norm(x, x.shape[-1:])
    return x + (x @ W_1).relu() @ W_2


@pre_norm_layer.misconception("The second half is right; in the first one the normed vectors still replace x.")
def first_half_unchanged(x, weights, W_v, W_1, W_2):
    x = F.layer_norm(x, x.shape[-1:])
    x = x + weights @ x @ W_v
    return x + (F.layer_norm(x, x.shape[-1:]) @ W_1).relu() @ W_2


@pre_norm_layer.misconception(
    "The stream is normed at the end. Many models do that once, behind the last layer; a layer leaves it."
)
def norm_at_the_end(x, weights, W_v, W_1, W_2):
    x = pre_norm_layer.reference(x, weights, W_v, W_1, W_2)
    return F.layer_norm(x, x.shape[-1:])


@pre_norm_layer.misconception(
    "That is post-norm, the paper's: the norm stands behind each sum. The task asks for pre-norm, where "
    "each part reads "
    "normed vectors, and nobody norms the sum."
)
def post_norm(x, weights, W_v, W_1, W_2):
    x = F.layer_norm(x + weights @ x @ W_v, x.shape[-1:])
    return F.layer_norm(x + (x @ W_1).relu() @ W_2, x.shape[-1:])


@pre_norm_layer.misconception("What the parts give is normed here. Pre-norm norms what they READ.")
def norms_what_comes_out(x, weights, W_v, W_1, W_2):
    x = x + F.layer_norm(weights @ x @ W_v, x.shape[-1:])
    return x + F.layer_norm((x @ W_1).relu() @ W_2, x.shape[-1:])


@pre_norm_layer.misconception(
    "Both parts read the same vectors. The feed-forward part comes second: it reads what the attention "
    "has added, too. "
    "(Some later models do it your way, side by side, but this layer does not.)"
)
def side_by_side(x, weights, W_v, W_1, W_2):
    normed = F.layer_norm(x, x.shape[-1:])
    return x + weights @ normed @ W_v + (normed @ W_1).relu() @ W_2


@pre_norm_layer.misconception("The additions are gone: each part replaces the stream, so there is no residual.")
def no_residual(x, weights, W_v, W_1, W_2):
    x = weights @ F.layer_norm(x, x.shape[-1:]) @ W_v
    return (F.layer_norm(x, x.shape[-1:]) @ W_1).relu() @ W_2


# -- masks of the decoder --------------------------------------------------------------------------------------


@exercise(
    minutes=15,
    difficulty=2,
    hints=[
        "Two different tables. Self-attention: queries and keys are both target places. Cross-attention: the queries "
        "are target places, the keys are source places. Which of the two has a future?",
        "text = np.arange(n)[None] < lengths[:, None] says which places are text, (batch, n). The self mask is "
        "np.tri(m, dtype=bool)[None] & text[:, None]; for the cross mask repeat the source's text for every query.",
    ],
)
def decoder_masks(source_lengths, target_lengths):
    """The two masks of a decoder layer, for a batch with padding: return a tuple (self mask, cross mask).

    source_lengths, target_lengths: numpy arrays (batch,) of whole numbers, at least 1: so many places of each row are
    text, the rest at the end is padding. n and m are the longest source and target.
    Self mask: (batch, m, m), True where a target place may look at a target place: at text, not ahead.
    Cross mask: (batch, m, n), True where a target place may look at a source place: at all of its text.
    Queries that are padding themselves follow the same rules; what comes out there is not used.

    For lengths [2] and [2]: self mask [[[True, False], [True, True]]], cross mask [[[True, True], [True, True]]]
    """
    n, m = source_lengths.max(), target_lengths.max()
    source_text = np.arange(n) < source_lengths[:, None]
    target_text = np.arange(m) < target_lengths[:, None]
    return np.tri(m, dtype=bool) & target_text[:, None], np.repeat(source_text[:, None], m, axis=1)


@decoder_masks.example
def _():
    open_mask = np.ones((1, 2, 2), dtype=bool)
    return (np.array([2]), np.array([2])), (np.tril(open_mask), open_mask)


@decoder_masks.example
def _():
    self_mask = np.array([[[True, False], [True, True]], [[True, False], [True, False]]])
    cross_mask = np.array([[[True, True, True]] * 2, [[True, False, False]] * 2])
    return (np.array([3, 1]), np.array([2, 1])), (self_mask, cross_mask)


@decoder_masks.fresh
def _(rng):
    batch = int(rng.integers(1, 4))
    return rng.integers(1, 6, size=batch), rng.integers(1, 6, size=batch)


@decoder_masks.truth
def _(source_lengths, target_lengths):
    batch, n, m = len(source_lengths), max(source_lengths), max(target_lengths)
    self_mask, cross_mask = np.zeros((batch, m, m), dtype=bool), np.zeros((batch, m, n), dtype=bool)
    for b in range(batch):
        for query in range(m):
            for key in range(m):
                self_mask[b, query, key] = key <= query and key < target_lengths[b]
            for key in range(n):
                cross_mask[b, query, key] = key < source_lengths[b]
    return self_mask, cross_mask


@decoder_masks.variant
def by_places(source_lengths, target_lengths):
    queries = np.arange(target_lengths.max())[None, :, None]
    targets, sources = np.arange(target_lengths.max())[None, None], np.arange(source_lengths.max())[None, None]
    self_mask = (targets <= queries) & (targets < target_lengths[:, None, None])
    return self_mask, (sources < source_lengths[:, None, None]) & (queries >= 0)


def _parts(source_lengths, target_lengths):
    return decoder_masks.reference(source_lengths, target_lengths)


@decoder_masks.misconception(
    "Your cross-attention is causal. The source has been read to its end before the first word is "
    "written: every target "
    "place may look at all of it."
)
def causal_cross_attention(source_lengths, target_lengths):
    self_mask, cross_mask = _parts(source_lengths, target_lengths)
    return self_mask, cross_mask & np.tri(*cross_mask.shape[1:], dtype=bool)


@decoder_masks.misconception(
    "Your self-attention looks ahead. In training the decoder would then read the very word that it must predict."
)
def looks_ahead(source_lengths, target_lengths):
    self_mask, cross_mask = _parts(source_lengths, target_lengths)
    return np.repeat(self_mask[:, -1:], self_mask.shape[1], axis=1), cross_mask


@decoder_masks.misconception("The padding of the source is still seen in the cross mask.")
def source_padding_forgotten(source_lengths, target_lengths):
    self_mask, cross_mask = _parts(source_lengths, target_lengths)
    return self_mask, np.ones_like(cross_mask)


@decoder_masks.misconception("The padding of the target is still seen in the self mask.")
def target_padding_forgotten(source_lengths, target_lengths):
    self_mask, cross_mask = _parts(source_lengths, target_lengths)
    return np.repeat(np.tri(self_mask.shape[1], dtype=bool)[None], len(self_mask), axis=0), cross_mask


@decoder_masks.misconception(
    "You hid the rows of padding, too. Queries that are padding follow the same rules here: only keys are hidden. (A "
    "row that may look nowhere would make the softmax divide by 0.)"
)
def padding_may_not_ask(source_lengths, target_lengths):
    self_mask, cross_mask = _parts(source_lengths, target_lengths)
    text = (np.arange(self_mask.shape[1]) < target_lengths[:, None])[:, :, None]
    return self_mask & text, cross_mask & text


@decoder_masks.misconception("A place may see itself: what it reads is the word before the one that it must predict.")
def not_even_itself(source_lengths, target_lengths):
    self_mask, cross_mask = _parts(source_lengths, target_lengths)
    return self_mask & ~np.eye(self_mask.shape[1], dtype=bool), cross_mask


@decoder_masks.misconception("True means MAY look in this course; you said it the other way round.")
def upside_down(source_lengths, target_lengths):
    return tuple(~mask for mask in _parts(source_lengths, target_lengths))


@decoder_masks.misconception("Queries are rows, keys are columns: your cross mask is (batch, n, m).")
def transposed(source_lengths, target_lengths):
    self_mask, cross_mask = _parts(source_lengths, target_lengths)
    return self_mask, cross_mask.transpose(0, 2, 1)


# -- cross-attention -------------------------------------------------------------------------------------------


@exercise(
    minutes=15,
    difficulty=2,
    hints=[
        "Who asks? The decoder, at its m places. Who answers? The encoder's memory, at its n places. Write down the "
        "shape of each product before you write the product.",
        "Q = x @ W_q (m, d), K = memory @ W_k (n, d), V = memory @ W_v (n, d); scores Q @ K.T / sqrt(d) (m, "
        "n); softmax "
        "along the last axis.",
    ],
)
def cross_attention(x, memory, W_q, W_k, W_v):
    """Cross-attention with one head, (7.8): return what each target place takes from the source, (m, d).

    x: numpy array (m, d), the decoder's vectors. memory: (n, d), the encoder's. W_q, W_k, W_v: (d, d), to stand on
    the right: x W. No mask, no biases; scores are divided by the square root of d.

    With one target place x [[1, 0]], a memory [[1, 2]] of one place, and identity matrices, it is [[1, 2]]: there is
    only one place to look at.
    """
    scores = (x @ W_q) @ (memory @ W_k).T / np.sqrt(x.shape[1])  # (m, n)
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True) @ (memory @ W_v)


@cross_attention.example
def _():
    return (np.array([[1.0, 0]]), np.array([[1.0, 2]]), np.eye(2), np.eye(2), np.eye(2)), np.array([[1.0, 2.0]])


@cross_attention.example
def _():
    # the second target place asks for nothing in particular: it gets the mean
    x, memory = np.array([[2 * math.log(3), 0, 0, 0], [0, 0, 0, 0]]), np.array([[1.0, 0, 4, 0], [0, 0, 0, 8]])
    return (x, memory, np.eye(4), np.eye(4), np.eye(4)), np.array([[0.75, 0, 3, 2], [0.5, 0, 2, 4]])


@cross_attention.fresh
def _(rng):
    m, n, d = (int(rng.integers(1, 5)) for _ in range(3))
    size = 1000 if rng.random() < 0.3 else 1  # large scores, where a careless exp overflows
    return size * draw(rng, m, d), draw(rng, n, d), *(draw(rng, d, d) for _ in range(3))


@cross_attention.truth
def _(x, memory, W_q, W_k, W_v):
    x, memory, W_q, W_k, W_v = (torch.from_numpy(part) for part in (x, memory, W_q, W_k, W_v))
    return F.scaled_dot_product_attention((x @ W_q)[None], (memory @ W_k)[None], (memory @ W_v)[None])[0].numpy()


@cross_attention.variant
def place_by_place_of_the_target(x, memory, W_q, W_k, W_v):
    rows = []
    for query in x @ W_q:
        scores = [query @ (place @ W_k) / math.sqrt(len(query)) for place in memory]
        shares = softmax(np.array(scores))
        rows.append(sum(share * (place @ W_v) for share, place in zip(shares, memory)))
    return np.array(rows)


@cross_attention.misconception(
    "The source asks and the target answers in your version: n rows come out. The decoder asks, one row "
    "for each target "
    "place."
)
def roles_swapped(x, memory, W_q, W_k, W_v):
    return cross_attention.reference(memory, x, W_q, W_k, W_v)


@cross_attention.misconception("That is self-attention of the decoder: keys and values must come from the memory.")
def looks_at_itself(x, memory, W_q, W_k, W_v):
    return cross_attention.reference(x, x, W_q, W_k, W_v)


@cross_attention.misconception(
    "The softmax runs over the target places. Each target place shares out its own weight among the source places."
)
def softmax_over_the_queries(x, memory, W_q, W_k, W_v):
    return softmax((x @ W_q) @ (memory @ W_k).T / np.sqrt(x.shape[-1]), axis=0) @ (memory @ W_v)


@cross_attention.misconception("You left out the division by the square root of d.")
def not_scaled(x, memory, W_q, W_k, W_v):
    return softmax((x @ W_q) @ (memory @ W_k).T) @ (memory @ W_v)


@cross_attention.misconception("Divide by the square root of d, not by d.")
def divided_by_d(x, memory, W_q, W_k, W_v):
    return softmax((x @ W_q) @ (memory @ W_k).T / x.shape[-1]) @ (memory @ W_v)


@cross_attention.misconception("Large scores make np.exp overflow: subtract each row's largest score first.")
def overflows(x, memory, W_q, W_k, W_v):
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        raised = np.exp((x @ W_q) @ (memory @ W_k).T / np.sqrt(x.shape[-1]))
        return raised / raised.sum(axis=1, keepdims=True) @ (memory @ W_v)


@cross_attention.misconception("What is mixed are the values, memory @ W_v. You mixed the memory itself.")
def no_values(x, memory, W_q, W_k, W_v):
    return softmax((x @ W_q) @ (memory @ W_k).T / np.sqrt(x.shape[-1])) @ memory


@cross_attention.misconception("The matrices stand on the right of the vectors here, x @ W; you used x @ W.T.")
def transposed_matrices(x, memory, W_q, W_k, W_v):
    return cross_attention.reference(x, memory, W_q.T, W_k.T, W_v.T)
