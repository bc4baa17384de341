"""The exercises of lesson 09: temperature, top-p, min-p, a repetition penalty mended, a beam's step, stop texts."""

import itertools
import math

import numpy as np
import torch

from lmlib.decoding import Decoding
from lmlib.exercises.engine import exercise


def _law(rng, n):
    """Probabilities of n tokens, some large and some small, no two alike."""
    p = rng.dirichlet(np.full(n, 0.7)) + 1e-3 * np.arange(1, n + 1)
    return rng.permutation(p / p.sum())


def _by_lmlib(p, **settings):
    return Decoding(**settings).distribution(torch.from_numpy(p).log()).numpy()


# -- temperature -----------------------------------------------------------------------------------------------


@exercise(
    minutes=5,
    difficulty=1,
    hints=[
        "The scores are divided by the temperature first; softmax comes last.",
        "z = scores / temperature; raised = np.exp(z - z.max()); raised / raised.sum(). Subtracting the largest "
        "score changes nothing in the result, and no exp can overflow.",
    ],
)
def soften(scores, temperature):
    """The probabilities from scores at a temperature, (9.1): return a numpy array (n,).

    scores: numpy array (n,), at least one. temperature: a number above 0; it may be small, 0.001.

    soften([ln 4, 0], 1) is [0.8, 0.2]. At temperature 2 it is [2/3, 1/3], at 0.5 it is [16/17, 1/17].
    """
    z = scores / temperature
    raised = np.exp(z - z.max())
    return raised / raised.sum()


@soften.example
def _():
    return (np.array([math.log(4), 0.0]), 1.0), np.array([0.8, 0.2])


@soften.example
def _():
    return (np.array([math.log(4), 0.0]), 2.0), np.array([2 / 3, 1 / 3])


@soften.example
def _():
    return (np.array([0.0, 5.0]), 0.001), np.array([0.0, 1.0])


@soften.fresh
def _(rng):
    return rng.normal(size=int(rng.integers(1, 7))).round(2) * 4, float(rng.choice([0.001, 0.3, 0.7, 1.0, 1.6, 3.0]))


@soften.truth
def _(scores, temperature):
    return torch.softmax(torch.from_numpy(scores) / temperature, -1).numpy()


@soften.variant
def as_powers(scores, temperature):
    log_p = scores - np.logaddexp.reduce(scores)  # the logarithms of p; those of p ** (1 / T) are 1 / T of them
    log_q = log_p / temperature
    return np.exp(log_q - np.logaddexp.reduce(log_q))


@soften.misconception("You multiplied by the temperature: then a high one sharpens, and a low one flattens.")
def multiplied(scores, temperature):
    return soften.reference(scores, 1 / temperature)


@soften.misconception(
    "You divided the probabilities by the temperature, and the sum took it out again: nothing changes. Divide the "
    "scores, before softmax."
)
def divided_probabilities(scores, temperature):
    return soften.reference(scores, 1.0)


@soften.misconception(
    "You took softmax twice: the temperature divides the scores, not the probabilities of a first softmax."
)
def softmax_twice(scores, temperature):
    return soften.reference(soften.reference(scores, 1.0), temperature)


@soften.misconception("The probabilities do not add up to 1 again: divide by their sum after the power.")
def not_renormalised(scores, temperature):
    return soften.reference(scores, 1.0) ** (1 / temperature)


@soften.misconception("Small temperatures make large scores, and np.exp overflows: subtract the largest score first.")
def overflows(scores, temperature):
    with np.errstate(over="ignore", invalid="ignore"):
        raised = np.exp(scores / temperature)
        return raised / raised.sum()


# -- top-p -----------------------------------------------------------------------------------------------------


@exercise(
    minutes=15,
    difficulty=2,
    hints=[
        "Sort from the likeliest down, add up, and look where the running sum reaches the share for the first time. "
        "The token that carries the sum over it belongs to the nucleus.",
        "order = np.argsort(-p); before = np.cumsum(p[order]) - p[order] is what stands in front of each. A token "
        "stays where before < share. Put what stays back at its old place, and divide by its sum.",
    ],
)
def nucleus(p, share):
    """Top-p, (9.3): keep the fewest likeliest tokens whose probabilities sum to `share` or more. Return (n,).

    p: numpy array (n,), probabilities, no two alike, in any order. share: above 0, at most 1. What is cut becomes 0,
    what stays keeps its place and adds up to 1 again. One token always stays.

    nucleus([0.1, 0.5, 0.4], 0.6) is [0, 5/9, 4/9]: 0.5 alone is too little, and 0.5 + 0.4 is enough.
    """
    order = np.argsort(-p)
    before = np.cumsum(p[order]) - p[order]
    kept = np.where(before < share, p[order], 0.0)
    out = np.empty(len(p))
    out[order] = kept / kept.sum()
    return out


@nucleus.example
def _():
    return (np.array([0.1, 0.5, 0.4]), 0.6), np.array([0.0, 5 / 9, 4 / 9])


@nucleus.example
def _():
    return (np.array([0.15, 0.05, 0.8]), 0.3), np.array([0.0, 0.0, 1.0])


@nucleus.fresh
def _(rng):
    return _law(rng, int(rng.integers(2, 9))), float(rng.uniform(0.05, 0.97))


@nucleus.truth
def _(p, share):
    return _by_lmlib(p, top_p=share)


@nucleus.variant
def one_by_one(p, share):
    out, total = np.zeros(len(p)), 0.0
    for i in sorted(range(len(p)), key=lambda i: p[i], reverse=True):
        if total >= share:
            break
        out[i] = p[i]
        total += p[i]
    return out / total


def _cut(p, kept):
    out = np.where(kept, p, 0.0)
    return out / max(out.sum(), 1e-300)


@nucleus.misconception(
    "The token that carries the sum over the share is missing: without it the sum does not reach it. (And where the "
    "first one alone is enough, nothing is left.)"
)
def drops_the_one_that_crosses(p, share):
    order = np.argsort(-p)
    kept = np.zeros(len(p), bool)
    kept[order] = np.cumsum(p[order]) <= share
    return _cut(p, kept)


@nucleus.misconception("You began with the least likely tokens: sort from the likeliest down.")
def sorted_upwards(p, share):
    order = np.argsort(p)
    kept = np.zeros(len(p), bool)
    kept[order] = np.cumsum(p[order]) - p[order] < share
    return _cut(p, kept)


@nucleus.misconception("What stays must add up to 1 again: divide by its sum, or you cannot draw from it.")
def not_divided_by_the_sum(p, share):
    return np.where(nucleus.reference(p, share) > 0, p, 0.0)


@nucleus.misconception("The result stands in sorted order: each token's probability must go back to its own place.")
def left_in_sorted_order(p, share):
    return -np.sort(-nucleus.reference(p, share))


@nucleus.misconception(
    "What you keep was found in sorted order, and then cut from the unsorted array: `order` knows the places."
)
def cut_at_the_wrong_places(p, share):
    order = np.argsort(-p)
    return _cut(p, np.cumsum(p[order]) - p[order] < share)


@nucleus.misconception(
    "You compared each probability with the share. It is their running sum that must reach it; one token hardly ever "
    "does."
)
def compares_single_ones(p, share):
    kept = p >= share
    kept[p.argmax()] = True
    return _cut(p, kept)


@nucleus.misconception("You added up in the order of the array. The likeliest token comes first, wherever it stands.")
def not_sorted(p, share):
    return _cut(p, np.cumsum(p) - p < share)


# -- min-p -----------------------------------------------------------------------------------------------------


@exercise(
    minutes=5,
    difficulty=1,
    hints=[
        "The bound is not a fixed number: it is a share of the largest probability here.",
        "kept = p >= share * p.max(); set the others to 0 and divide by the sum.",
    ],
)
def relative_floor(p, share):
    """Min-p, (9.4): keep the tokens with at least `share` times the largest probability. Return (n,).

    p: numpy array (n,), probabilities. share: from 0 to 1. What is cut becomes 0, and what stays adds up to 1 again.

    relative_floor([0.5, 0.3, 0.15, 0.05], 0.5) is [5/8, 3/8, 0, 0]: the bound is 0.25.
    """
    kept = np.where(p >= share * p.max(), p, 0.0)
    return kept / kept.sum()


@relative_floor.example
def _():
    return (np.array([0.5, 0.3, 0.15, 0.05]), 0.5), np.array([5 / 8, 3 / 8, 0, 0])


@relative_floor.example
def _():
    return (np.array([0.25, 0.75]), 0.0), np.array([0.25, 0.75])


@relative_floor.fresh
def _(rng):
    return _law(rng, int(rng.integers(2, 9))), float(rng.choice([0.02, 0.1, 0.3, 0.6, 1.0]))


@relative_floor.truth
def _(p, share):
    return _by_lmlib(p, min_p=share)


@relative_floor.variant
def in_logarithms(p, share):
    with np.errstate(divide="ignore"):
        far = np.log(p.max()) - np.log(p) > -np.log(share) + 1e-12
    return np.where(far, 0, p) / p[~far].sum()


@relative_floor.misconception(
    "Your bound is the share itself, a fixed one. Where the model wavers between many tokens it cuts them all; the "
    "bound must fall with the largest probability."
)
def fixed_bound(p, share):
    return _cut(p, p >= share)


@relative_floor.misconception(
    "At least: with the bound exactly a token stays, the likeliest with share 1 among them."
)
def above_the_bound(p, share):
    return _cut(p, p > share * p.max())


@relative_floor.misconception("What stays must add up to 1 again: divide by its sum.")
def floor_without_sum(p, share):
    return np.where(p >= share * p.max(), p, 0.0)


@relative_floor.misconception("You compared with the mean probability. The bound is a share of the largest one.")
def share_of_the_mean(p, share):
    return _cut(p, p >= share * p.mean())


@relative_floor.misconception("You cut the likely ones and kept the tail: those with at least the bound must stay.")
def the_wrong_side(p, share):
    return _cut(p, p < share * p.max())


# -- repetition penalty: spot the errors -----------------------------------------------------------------------


@exercise(
    minutes=10,
    difficulty=2,
    hints=[
        "Divide 2 by 2, and divide -2 by 2. Which of the two has become less likely? And what happens to a token "
        "that stands in the text three times?",
        "for i in set(ids): multiply where the score is below 0, divide where it is not. Work on a copy.",
    ],
)
def penalised(scores, ids, penalty):
    """Spot the errors. This is meant to be the repetition penalty, (9.5); it makes some tokens likelier, punishes
    some more than once, and spoils the scores that it is given. Mend it, and return the new scores, (n,).

    scores: numpy array (n,), floats. ids: a list of the tokens so far; a token may stand there often, but is punished
    once. penalty: above 1. A score of a token in `ids` is divided by the penalty, or multiplied where it is negative.

    penalised([2, -2, 6], [0, 1, 1], 2) is [1, -4, 6].
    """
    out = scores.copy()
    for i in set(ids):
        out[i] = scores[i] * penalty if scores[i] < 0 else scores[i] / penalty
    return out


@penalised.start
def _(scores, ids, penalty):
    for i in ids:
        scores[i] = scores[i] / penalty
    return scores


@penalised.example
def _():
    return (np.array([2.0, -2.0, 6.0]), [0, 1, 1], 2.0), np.array([1.0, -4.0, 6.0])


@penalised.example
def _():
    return (np.array([3.0, -1.0]), [], 1.5), np.array([3.0, -1.0])


@penalised.fresh
def _(rng):
    n = int(rng.integers(2, 8))
    scores = (rng.normal(size=n) * 3).round(2) + 0.001
    return scores, rng.integers(n, size=int(rng.integers(0, 9))).tolist(), float(rng.choice([1.1, 1.5, 2.0]))


@penalised.truth
def _(scores, ids, penalty):
    seen = np.isin(np.arange(len(scores)), ids)
    return np.where(seen, np.minimum(scores * penalty, scores / penalty), scores)


@penalised.variant
def with_a_mask(scores, ids, penalty):
    seen = np.zeros(len(scores), bool)
    seen[list(ids)] = True
    factor = np.where(scores < 0, penalty, 1 / penalty)
    return scores * np.where(seen, factor, 1.0)


@penalised.misconception(
    "Dividing a negative score brings it nearer to 0, and makes its token likelier. Negative ones are multiplied."
)
def divides_negative_ones(scores, ids, penalty):
    out = scores.copy()
    for i in set(ids):
        out[i] = out[i] / penalty
    return out


@penalised.misconception(
    "A token that stands in the text several times was punished several times. Here once is all: go through set(ids)."
)
def once_for_each_time(scores, ids, penalty):
    out = scores.copy()
    for i in ids:
        out[i] = out[i] * penalty if out[i] < 0 else out[i] / penalty
    return out


@penalised.misconception("You punished the tokens that do not stand in the text yet.")
def punishes_the_new_ones(scores, ids, penalty):
    return penalised.reference(scores, [i for i in range(len(scores)) if i not in ids], penalty)


@penalised.misconception(
    "You subtracted the penalty from the score. Such penalties exist, too (presence and frequency penalty); this one "
    "divides or multiplies."
)
def subtracts(scores, ids, penalty):
    out = scores.copy()
    out[list(set(ids))] -= penalty
    return out


@penalised.misconception("Every token's score was changed. Only those that stand in the text are punished.")
def punishes_all(scores, ids, penalty):
    return np.where(scores < 0, scores * penalty, scores / penalty)


# -- one step of beam search -----------------------------------------------------------------------------------


@exercise(
    minutes=20,
    difficulty=3,
    hints=[
        "Each beam may go on with each token: (beams, vocab) sums of log p so far and log p of the token. Among all "
        "of these together the best n stay, however many come from one beam.",
        "total = log_p[:, None] + next_log_p; best = np.argsort(-total, axis=None)[:n]; "
        "divmod(place, vocab) gives the beam and the token.",
    ],
)
def beam_step(beams, log_p, next_log_p, n):
    """One step of beam search, (9.6): return the `n` best longer texts as a list of pairs (ids, log p), best first.

    beams: list of lists of ids, all of one length. log_p: numpy array (beams,), of each whole beam so far.
    next_log_p: (beams, vocab_size), log p of each next token after each beam. n: at most beams * vocab_size. Nothing
    ends here, and no two sums are alike.

    With beams [[7], [8]] that have p 0.6 and 0.4, and next tokens with p [[0.55, 0.45], [0.9, 0.1]], the best two are
    [8, 0] with log p ln 0.36 and [7, 0] with ln 0.33.
    """
    total = log_p[:, None] + next_log_p
    best = np.argsort(-total, axis=None)[:n]
    found = []
    for place in best:
        beam, token = divmod(int(place), total.shape[1])
        found.append((beams[beam] + [token], float(total[beam, token])))
    return found


@beam_step.example
def _():
    arguments = ([[7], [8]], np.log([0.6, 0.4]), np.log([[0.55, 0.45], [0.9, 0.1]]), 2)
    return arguments, [([8, 0], math.log(0.36)), ([7, 0], math.log(0.33))]


@beam_step.example
def _():
    arguments = ([[5, 1], [5, 2]], np.log([0.9, 0.1]), np.log([[0.6, 0.4], [0.7, 0.3]]), 2)
    return arguments, [([5, 1, 0], math.log(0.54)), ([5, 1, 1], math.log(0.36))]


@beam_step.fresh
def _(rng):
    n_beams, vocab_size, time = int(rng.integers(2, 5)), int(rng.integers(2, 6)), int(rng.integers(1, 4))
    beams = rng.integers(vocab_size, size=(n_beams, time)).tolist()
    beams = [[i, *beam] for i, beam in enumerate(beams)]  # no two alike
    next_log_p = np.log(np.stack([_law(rng, vocab_size) for _ in range(n_beams)]))
    return beams, -rng.uniform(0, 3, size=n_beams), next_log_p, int(rng.integers(2, n_beams + 1))


@beam_step.truth
def _(beams, log_p, next_log_p, n):
    every = [
        ([*beam, token], float(log_p[i] + next_log_p[i, token]))
        for (i, beam), token in itertools.product(enumerate(beams), range(next_log_p.shape[1]))
    ]
    return sorted(every, key=lambda pair: -pair[1])[:n]


@beam_step.variant
def with_topk(beams, log_p, next_log_p, n):
    total = torch.from_numpy(log_p)[:, None] + torch.from_numpy(next_log_p)
    values, places = total.flatten().topk(n)
    width = total.shape[1]
    return [([*beams[p // width], p % width], v) for v, p in zip(values.tolist(), places.tolist())]


@beam_step.misconception(
    "You took the best continuation of each beam. One beam may give two of the best, and another none: compare all "
    "together."
)
def one_of_each_beam(beams, log_p, next_log_p, n):
    found = [
        ([*beam, int(row.argmax())], float(so_far + row.max())) for beam, so_far, row in zip(beams, log_p, next_log_p)
    ]
    return sorted(found, key=lambda pair: -pair[1])[:n]


@beam_step.misconception(
    "You ranked by the next token alone. The probability of a text is that of the whole: add the beam's log p."
)
def forgets_the_past(beams, log_p, next_log_p, n):
    return beam_step.reference(beams, np.zeros(len(beams)), next_log_p, n)


@beam_step.misconception("You multiplied logarithms. Probabilities multiply; their logarithms add.")
def multiplied_logarithms(beams, log_p, next_log_p, n):
    total = log_p[:, None] * next_log_p
    best = np.argsort(-total, axis=None)[:n]
    width = total.shape[1]
    return [([*beams[p // width], int(p % width)], float(total.flat[p])) for p in best]


@beam_step.misconception("These are the worst ones: log p is negative, and the best is the one nearest to 0.")
def the_worst(beams, log_p, next_log_p, n):
    total = log_p[:, None] + next_log_p
    best = np.argsort(total, axis=None)[:n]
    width = total.shape[1]
    return [([*beams[p // width], int(p % width)], float(total.flat[p])) for p in best]


@beam_step.misconception(
    "One beam can be lengthened in several ways: make a new list each time, `beam + [token]`; yours is one."
)
def one_list_for_all(beams, log_p, next_log_p, n):
    beams = [list(beam) for beam in beams]
    found = []
    for ids, value in beam_step.reference(beams, log_p, next_log_p, n):
        beam = next(beam for beam in beams if beam[: len(ids) - 1] == ids[:-1])
        beam.append(ids[-1])
        found.append((beam, value))
    return found


@beam_step.misconception(
    "Probabilities and logarithms are mixed: give log p of the whole text, the sum, not its exponential."
)
def gives_probabilities(beams, log_p, next_log_p, n):
    return [(ids, math.exp(value)) for ids, value in beam_step.reference(beams, log_p, next_log_p, n)]


# -- a text to stop at -----------------------------------------------------------------------------------------


@exercise(
    minutes=15,
    difficulty=3,
    hints=[
        "Put the pieces together first: the stop text may begin in one and end in the next. Where it is found, all "
        "in front of it is shown, and nothing ever after.",
        "Where it is not found, its beginning may stand at the end: find the largest n below len(stop) for which "
        "text.endswith(stop[:n]), and hold back so many characters.",
    ],
)
def shown(pieces, stop):
    """Stop in front of a text: what may be shown after each piece? Return a list of strings, one for each piece.

    pieces: list of strings, what the model writes token by token. stop: the text to stop at, one character or more.
    Each string is all that is shown so far: as much as possible, but never a character of `stop`. What might become
    the beginning of `stop` is held back until that is decided; after `stop` nothing is added.

    shown(["a", "b", "c!", "x"], "bc") is ["a", "a", "a", "a"], and shown(["a", "b", "d"], "bc") is ["a", "a", "abd"].
    """
    text, out = "", []
    for piece in pieces:
        text += piece
        end = text.find(stop)
        if end < 0:
            held = max(n for n in range(len(stop)) if text.endswith(stop[:n]))
            end = len(text) - held
        out.append(text[:end])
    return out


@shown.example
def _():
    return (["a", "b", "c!", "x"], "bc"), ["a", "a", "a", "a"]


@shown.example
def _():
    return (["a", "b", "d"], "bc"), ["a", "a", "abd"]


@shown.example
def _():
    return (["one. ", "two\n", "\nthree"], "\n\n"), ["one. ", "one. two", "one. two"]


@shown.fresh
def _(rng):
    letters = list("ab")
    stop = "".join(rng.choice(letters, size=int(rng.integers(1, 4))))
    pieces = ["".join(rng.choice(letters, size=int(rng.integers(1, 3)))) for _ in range(int(rng.integers(1, 8)))]
    return pieces, stop


@shown.truth
def _(pieces, stop):
    """A character is certain if, with any text behind it, the stop text begins nowhere up to it."""
    out = []
    for k in range(1, len(pieces) + 1):
        text = "".join(pieces[:k])
        begins = [i for i in range(len(text)) if stop.startswith(text[i : i + len(stop)])]
        out.append(text[: begins[0]] if begins else text)
    return out


@shown.variant
def by_every_place(pieces, stop):
    out = []
    for k in range(len(pieces)):
        text = "".join(pieces[: k + 1])
        place = 0
        while place < len(text) and not stop.startswith(text[place : place + len(stop)]):
            place += 1
        out.append(text[:place])
    return out


@shown.misconception(
    "You looked for the stop text in each piece by itself. It may begin in one piece and end in the next."
)
def each_piece_alone(pieces, stop):
    text, out, over = "", [], False
    for piece in pieces:
        if not over:
            place = piece.find(stop)
            over = place >= 0
            text += piece[:place] if over else piece
        out.append(text)
    return out


@shown.misconception(
    "Nothing is held back: the beginning of the stop text is on the screen already when its end arrives, and cannot "
    "be taken back."
)
def shows_too_early(pieces, stop):
    return ["".join(pieces[: k + 1]).split(stop)[0] for k in range(len(pieces))]


@shown.misconception("The stop text itself is shown. The text ends in front of it.")
def shows_the_stop_text(pieces, stop):
    out = []
    for k in range(len(pieces)):
        text = "".join(pieces[: k + 1])
        place = text.find(stop)
        out.append(text[: place + len(stop)] if place >= 0 else shown.reference(pieces[: k + 1], stop)[-1])
    return out


@shown.misconception(
    "You always hold back len(stop) - 1 characters. That is safe, but late: what cannot be the beginning of the stop "
    "text may be shown at once."
)
def holds_back_too_much(pieces, stop):
    out = []
    for k in range(len(pieces)):
        text = "".join(pieces[: k + 1])
        place = text.find(stop)
        out.append(text[: place if place >= 0 else max(0, len(text) - len(stop) + 1)])
    return out


@shown.misconception(
    "You held back the shortest end that could begin the stop text. A longer one may, too: try the largest n first."
)
def holds_back_too_little(pieces, stop):
    out = []
    for k in range(len(pieces)):
        text = "".join(pieces[: k + 1])
        end = text.find(stop)
        held = next((n for n in range(1, len(stop)) if text.endswith(stop[:n])), 0)
        out.append(text[: end if end >= 0 else len(text) - held])
    return out


@shown.misconception("One string for each piece, also for those that come after the stop text: it stays the same.")
def ends_with_the_stop(pieces, stop):
    out = shown.reference(pieces, stop)
    over = next((k for k in range(len(pieces)) if stop in "".join(pieces[: k + 1])), len(pieces))
    return out[: over + 1]


@shown.misconception("These are only the new characters of each step. The task asks for all that is shown so far.")
def only_what_is_new(pieces, stop):
    whole = ["", *shown.reference(pieces, stop)]
    return [after[len(before) :] for before, after in zip(whole, whole[1:])]
