"""The exercises of lesson 17: exposure, members found, near duplicates, clipping, epsilon, identity numbers."""

import math
import re

import numpy as np
from scipy import optimize
from sklearn.metrics import roc_curve

from lmlib.exercises.engine import exercise

# -- exposure --------------------------------------------------------------------------------------------------


@exercise(
    minutes=10,
    difficulty=1,
    hints=[
        "Nothing needs to be sorted: the rank is 1 more than the number of candidates that are likelier.",
        "rank = 1 + (log_p > log_p[secret]).sum(); then math.log2(len(log_p)) - math.log2(rank).",
    ],
)
def exposure(log_p, secret):
    """The exposure of a secret, (17.1). Return bits, a float.

    log_p: numpy array (n,), for each candidate the logarithm of its probability. secret: the place of the true one in
    it, counted from 0. The likeliest candidate has rank 1; of equally likely ones none counts as likelier.

    exposure(np.log([0.1, 0.6, 0.2, 0.1]), 1) is 2.0: rank 1 of 4. For secret 2 it is 1.0: rank 2.
    """
    rank = 1 + int((log_p > log_p[secret]).sum())
    return math.log2(len(log_p) / rank)


@exposure.example
def _():
    return (np.log([0.1, 0.6, 0.2, 0.1]), 1), 2.0


@exposure.example
def _():
    return (np.log([0.1, 0.6, 0.2, 0.1]), 2), 1.0


@exposure.example
def _():
    return (np.log([0.125, 0.5, 0.25, 0.125]), 3), 2 - math.log2(3)


@exposure.fresh
def _(rng):
    n = int(rng.integers(2, 40))
    return np.log(rng.dirichlet(np.full(n, 0.5)).round(3) + 1e-4), int(rng.integers(n))


@exposure.truth
def _(log_p, secret):
    ordered = sorted(log_p.tolist(), reverse=True)
    return math.log2(len(ordered)) - math.log2(ordered.index(log_p[secret]) + 1)


@exposure.variant
def by_sorting(log_p, secret):
    rank = list(np.sort(log_p)[::-1]).index(log_p[secret]) + 1
    return math.log2(len(log_p)) - math.log2(rank)


@exposure.misconception("You counted ranks from 0. The likeliest candidate is the first guess: rank 1.")
def ranks_from_zero(log_p, secret):
    rank = int((log_p > log_p[secret]).sum())
    return math.log2(len(log_p)) - math.log2(rank) if rank else math.log2(len(log_p))


@exposure.misconception("This is the surprise, -log2 p. Exposure asks for the rank: how many are likelier?")
def surprise(log_p, secret):
    return float(-log_p[secret] / math.log(2))


@exposure.misconception("These are nats: math.log is the natural logarithm. Bits need math.log2.")
def in_nats(log_p, secret):
    return math.log(len(log_p) / (1 + int((log_p > log_p[secret]).sum())))


@exposure.misconception("Your ranking is upside down: the LIKELIEST candidate is guessed first.")
def upside_down(log_p, secret):
    return math.log2(len(log_p) / (1 + int((log_p < log_p[secret]).sum())))


@exposure.misconception("This is log2 of the rank alone: it grows when the secret is SAFER.")
def rank_alone(log_p, secret):
    return math.log2(1 + int((log_p > log_p[secret]).sum()))


# -- members found ---------------------------------------------------------------------------------------------


@exercise(
    minutes=15,
    difficulty=2,
    hints=[
        "Try every score that occurs as a threshold. Who is accused: those at the threshold or above it.",
        "For t in a list of all scores: false = (others >= t).mean(); if false <= at_most, (members >= t).mean() is "
        "a candidate. The best of all candidates, and 0.0 where there is none.",
    ],
)
def members_found(members, others, at_most):
    """The share of members that an attack finds while it accuses at most the share `at_most` of others, (17.4).

    members, others: numpy arrays of scores, at least one each; a larger score speaks for membership. Everybody whose
    score is AT LEAST the threshold is accused; take the best threshold that is allowed. Return a float, 0.0 where
    every threshold that finds a member accuses too many others.

    members_found([5, 4, 2], [3, 1, 1, 0], 0.25) is 1.0: with threshold 2 one of four others is accused. With at_most
    0.0 it is 2/3.
    """
    allowed = [t for t in np.concatenate((members, others)) if (others >= t).mean() <= at_most]
    return float(max([0.0, *((members >= t).mean() for t in allowed)]))


@members_found.example
def _():
    return (np.array([5.0, 4, 2]), np.array([3.0, 1, 1, 0]), 0.25), 1.0


@members_found.example
def _():
    return (np.array([5.0, 4, 2]), np.array([3.0, 1, 1, 0]), 0.0), 2 / 3


@members_found.example
def _():
    return (np.array([1.0, 2]), np.array([2.0, 0]), 0.25), 0.0


@members_found.fresh
def _(rng):
    members = rng.integers(0, 12, int(rng.integers(2, 12))) + 2.0
    others = rng.integers(0, 12, int(rng.integers(2, 12))) + 0.0
    return members, others, float(rng.choice([0.0, 0.1, 0.2, 0.5]))


@members_found.truth
def _(members, others, at_most):
    right = np.concatenate((np.ones(len(members)), np.zeros(len(others))))
    false, true, _ = roc_curve(right, np.concatenate((members, others)), drop_intermediate=False)
    return float(true[false <= at_most].max())


@members_found.variant
def from_the_top(members, others, at_most):
    best = 0.0
    for t in sorted({*members.tolist(), *others.tolist()}, reverse=True):
        if sum(score >= t for score in others) > at_most * len(others):
            break
        best = sum(score >= t for score in members) / len(members)
    return float(best)


@members_found.misconception(
    "Who is AT the threshold is accused, too: with > instead of >= one with the same score as a member goes free."
)
def strictly_above(members, others, at_most):
    allowed = [t for t in np.concatenate((members, others)) if (others > t).mean() <= at_most]
    return float(max([0.0, *((members >= t).mean() for t in allowed)]))


@members_found.misconception("You divided by everybody. The share of false accusations is one of the others alone.")
def share_of_everybody(members, others, at_most):
    n = len(members) + len(others)
    allowed = [t for t in np.concatenate((members, others)) if (others >= t).sum() / n <= at_most]
    return float(max([0.0, *((members >= t).mean() for t in allowed)]))


@members_found.misconception(
    "This limits the share of innocent ones among the ACCUSED. A false positive rate is a share of all others."
)
def share_of_the_accused(members, others, at_most):
    best = 0.0
    for t in np.concatenate((members, others)):
        wrong, right = (others >= t).sum(), (members >= t).sum()
        if wrong / max(1, wrong + right) <= at_most:
            best = max(best, float((members >= t).mean()))
    return best


@members_found.misconception("Large scores speak for membership: here small ones are accused.")
def small_ones_accused(members, others, at_most):
    return members_found.reference(-members, -others, at_most)


# -- near duplicates -------------------------------------------------------------------------------------------


@exercise(
    minutes=10,
    difficulty=1,
    hints=[
        "A set holds each run once: {text[i : i + n] for i in ...}. How many runs of n has a text of L characters?",
        "a, b = the two sets; len(a & b) / len(a | b). A text of L characters has L - n + 1 runs.",
    ],
)
def alike(one, other, n):
    """How alike are two texts? The Jaccard index of their runs of n characters, (17.5). Return a float from 0 to 1.

    one, other: strings of at least n characters. Each text becomes the SET of all its runs of n characters; the index
    is the number of runs in both over the number of runs in one or the other.

    alike("abcd", "bcde", 2) is 0.5: {ab, bc, cd} and {bc, cd, de} share 2 of 4. alike("aaaa", "aa", 2) is 1.0.
    """
    a, b = ({text[i : i + n] for i in range(len(text) - n + 1)} for text in (one, other))
    return len(a & b) / len(a | b)


@alike.example
def _():
    return ("abcd", "bcde", 2), 0.5


@alike.example
def _():
    return ("aaaa", "aa", 2), 1.0


@alike.example
def _():
    return ("abc", "xyz", 1), 0.0


@alike.fresh
def _(rng):
    n = int(rng.integers(1, 4))
    one, other = ("".join(rng.choice(list("abc"), int(rng.integers(n, 12)))) for _ in range(2))
    return one, other, n


@alike.variant
def counted_in_lists(one, other, n):
    a = list(dict.fromkeys(one[i : i + n] for i in range(len(one) - n + 1)))
    b = list(dict.fromkeys(other[i : i + n] for i in range(len(other) - n + 1)))
    common = sum(run in b for run in a)
    return common / (len(a) + len(b) - common)


def _runs(text, n):
    return {text[i : i + n] for i in range(len(text) - n + 1)}


@alike.misconception("You divided by the runs of both texts one after the other: what they share then counts twice.")
def divided_by_the_sum(one, other, n):
    a, b = _runs(one, n), _runs(other, n)
    return len(a & b) / (len(a) + len(b))


@alike.misconception("You divided by the smaller set: a short text inside a long one would be its duplicate.")
def divided_by_the_smaller(one, other, n):
    a, b = _runs(one, n), _runs(other, n)
    return len(a & b) / min(len(a), len(b))


@alike.misconception("The last run is missing: a text of L characters has L - n + 1 runs of n.")
def last_run_missing(one, other, n):
    a, b = ({text[i : i + n] for i in range(len(text) - n)} for text in (one, other))
    return len(a & b) / len(a | b) if a | b else 0.0


@alike.misconception("These are the single characters, whatever n is: texts with the same letters would be the same.")
def single_characters(one, other, n):
    return len(set(one) & set(other)) / len(set(one) | set(other))


@alike.misconception("You cut the texts into pieces side by side. Runs overlap: one begins at every character.")
def side_by_side(one, other, n):
    a, b = ({text[i : i + n] for i in range(0, len(text) - n + 1, n)} for text in (one, other))
    return len(a & b) / len(a | b)


# -- clipping, mended ------------------------------------------------------------------------------------------


@exercise(
    minutes=15,
    difficulty=2,
    hints=[
        "Think of one document with a gradient a thousand times as long as the others. How far can it move the sum?",
        "norms = np.linalg.norm(gradients, axis=1); factors = np.minimum(1, clip / norms), where a norm of 0 keeps "
        "its zeros; then (gradients * factors[:, None]).sum(0).",
    ],
)
def clipped(gradients, clip):
    """Spot the errors: this sum of clipped gradients, (17.7), bounds nothing. Return an array (d,).

    gradients: numpy array (documents, d), the gradient of each document alone. Each one that is longer than `clip` is
    shortened to the length `clip` and keeps its direction; shorter ones stay as they are; a gradient of zeros stays.
    Then they are added up.

    clipped([[3, 4], [0.3, 0.4]], 1) is [0.9, 1.2]: the first becomes [0.6, 0.8], the second stays.
    """
    norms = np.linalg.norm(gradients, axis=1, keepdims=True)
    return (gradients * np.minimum(1, clip / np.maximum(norms, 1e-12))).sum(0)


@clipped.start
def _(gradients, clip):
    total = gradients.sum(0)
    norm = np.linalg.norm(total)
    return total * clip / norm


@clipped.example
def _():
    return (np.array([[3.0, 4.0], [0.3, 0.4]]), 1.0), np.array([0.9, 1.2])


@clipped.example
def _():
    return (np.array([[0.0, 0.0], [0.0, -5.0]]), 2.0), np.array([0.0, -2.0])


@clipped.example
def _():
    return (np.array([[0.1, 0.2], [0.2, 0.1]]), 1.0), np.array([0.3, 0.3])


@clipped.fresh
def _(rng):
    gradients = rng.normal(size=(int(rng.integers(1, 6)), int(rng.integers(1, 5))))
    return gradients * rng.choice([0.1, 1.0, 10.0], size=(len(gradients), 1)), float(rng.choice([0.5, 1.0, 3.0]))


@clipped.variant
def one_by_one(gradients, clip):
    total = np.zeros(gradients.shape[1])
    for gradient in gradients:
        norm = math.sqrt(sum(x * x for x in gradient))
        total = total + (gradient if norm <= clip else gradient / norm * clip)
    return total


@clipped.misconception(
    "You shortened the SUM. One document can still turn the whole sum its way; each must be shortened alone."
)
def sum_shortened(gradients, clip):
    total = gradients.sum(0)
    return total * min(1, clip / max(np.linalg.norm(total), 1e-12))


@clipped.misconception("You gave EVERY gradient the length `clip`. Short ones stay as they are.")
def all_of_one_length(gradients, clip):
    norms = np.linalg.norm(gradients, axis=1, keepdims=True)
    return (gradients * clip / np.maximum(norms, 1e-12)).sum(0)


@clipped.misconception("You cut every NUMBER at `clip`: that changes the direction, and bounds no length.")
def each_number_cut(gradients, clip):
    return np.clip(gradients, -clip, clip).sum(0)


@clipped.misconception("This is the mean. The noise is measured for the sum; divide after it was added.")
def mean_not_sum(gradients, clip):
    return clipped.reference(gradients, clip) / len(gradients)


@clipped.misconception("You left out the gradients that are too long. They are shortened, and still count.")
def long_ones_left_out(gradients, clip):
    return gradients[np.linalg.norm(gradients, axis=1) <= clip].sum(0)


# -- epsilon ---------------------------------------------------------------------------------------------------


@exercise(
    minutes=15,
    difficulty=2,
    hints=[
        "First the steps: rho of one step is 1 / (2 noise²), and rho adds up. Only then the formula for epsilon.",
        "rho = steps / (2 * noise**2); rho + 2 * math.sqrt(rho * math.log(1 / delta)).",
    ],
)
def spent(noise, steps, delta):
    """The epsilon of `steps` steps in which EVERY document takes part, (17.9). Return a float.

    noise: the noise multiplier sigma, above 0; delta: from 0 to 1, not 0 or 1. Each step costs 1 / (2 sigma²), these
    costs are added up to rho, and epsilon is rho + 2 sqrt(rho ln(1 / delta)).

    spent(1, 2, 1 / e) is 3.0: rho = 1, ln(1 / delta) = 1. Twice the noise for four times the steps is the same.
    """
    rho = steps / (2 * noise**2)
    return rho + 2 * math.sqrt(rho * math.log(1 / delta))


@spent.example
def _():
    return (1.0, 2, 1 / math.e), 3.0


@spent.example
def _():
    return (2.0, 8, 1 / math.e), 3.0


@spent.example
def _():
    return (1.0, 8, math.exp(-4)), 12.0


@spent.fresh
def _(rng):
    return round(float(rng.uniform(0.5, 20)), 2), int(rng.integers(1, 200)), float(10.0 ** -int(rng.integers(1, 7)))


@spent.truth
def _(noise, steps, delta):
    # Mironov 2017: order a costs a / (2 sigma²) a step, epsilon adds ln(1 / delta) / (a - 1); the best a counts.
    def at(log_a_minus_1):
        a = 1 + math.exp(log_a_minus_1)
        return a * steps / (2 * noise**2) + math.log(1 / delta) / (a - 1)

    return float(optimize.minimize_scalar(at, bounds=(-15, 15), method="bounded", options={"xatol": 1e-10}).fun)


@spent.variant
def with_other_letters(noise, steps, delta):
    root, left = math.sqrt(steps / 2) / noise, math.sqrt(-math.log(delta))
    return (root + left) ** 2 - left**2


@spent.misconception(
    "You took the epsilon of one step times the number of steps. rho adds up, epsilon grows more slowly: first add."
)
def epsilon_added_up(noise, steps, delta):
    rho = 1 / (2 * noise**2)
    return steps * (rho + 2 * math.sqrt(rho * math.log(1 / delta)))


@spent.misconception("sigma is squared: twice the noise is a quarter of the cost.")
def noise_not_squared(noise, steps, delta):
    rho = steps / (2 * noise)
    return rho + 2 * math.sqrt(rho * math.log(1 / delta))


@spent.misconception("This is rho alone. The price of a delta, 2 sqrt(rho ln(1 / delta)), is missing.")
def rho_alone(noise, steps, delta):
    return steps / (2 * noise**2)


@spent.misconception("The logarithm is the natural one here: math.log, not math.log10 or log2.")
def logarithm_to_base_ten(noise, steps, delta):
    rho = steps / (2 * noise**2)
    return rho + 2 * math.sqrt(rho * math.log10(1 / delta))


# -- identity numbers ------------------------------------------------------------------------------------------


@exercise(
    minutes=20,
    difficulty=3,
    hints=[
        "A regular expression: the two letters in either case, perhaps one blank or hyphen, three digits, perhaps "
        "one blank, three digits. What may not stand before and behind it? (?<!\\w) and (?!\\w) look without taking.",
        "re.sub(r'(?<!\\w)vm[ -]?\\d{3} ?\\d{3}(?!\\w)', '[ID]', text, flags=re.IGNORECASE)",
    ],
)
def hide_ids(text):
    """Put [ID] in the place of every identity number of the village, however it is written. Return a string.

    A number is VM, in capitals or small letters, then nothing or ONE blank or hyphen, then six digits with nothing or
    one blank between the third and the fourth. Right before and right behind it stands no letter and no digit.

    hide_ids("Tom signed as vm-103515.") is "Tom signed as [ID]."; "VM 103 515" is found, too. "VM-1035155" and
    "TVM-103515" are no identity numbers and stay.
    """
    out, done = "", 0
    for match in re.finditer(r"vm[ -]?\d{3} ?\d{3}", text, flags=re.IGNORECASE):
        start, end = match.span()
        if not text[start - 1 : start].isalnum() and not text[end : end + 1].isalnum():
            out, done = out + text[done:start] + "[ID]", end
    return out + text[done:]


@hide_ids.example
def _():
    return ("Tom signed as vm-103515.",), "Tom signed as [ID]."


@hide_ids.example
def _():
    return ("VM 103 515, VM103515",), "[ID], [ID]"


@hide_ids.example
def _():
    return ("VM-1035155 and TVM-103515",), "VM-1035155 and TVM-103515"


@hide_ids.fresh
def _(rng):
    pieces = []
    for _ in range(int(rng.integers(1, 4))):
        digits = "".join(map(str, rng.integers(0, 10, int(rng.choice([6, 6, 6, 5, 7])))))
        half = rng.choice(["", " ", "", "-"])
        letters = rng.choice(["VM", "vm", "VM", "TVM", "M", "Vm"])
        pieces.append(letters + rng.choice(["", " ", "-", "--"]) + digits[:3] + half + digits[3:])
    return (rng.choice(["", "Papers of Leo: "]) + ", ".join(pieces) + rng.choice(["", ".", "x"]),)


@hide_ids.truth
def _(text):
    out, i = "", 0
    while i < len(text):
        length = 0
        if text[i : i + 2].lower() == "vm" and not text[i - 1 : i].isalnum():
            j = i + 2 + (text[i + 2 : i + 3] in (" ", "-") and i + 2 < len(text))
            k = j + 3 + (text[j + 3 : j + 4] == " ")
            first, second = text[j : j + 3], text[k : k + 3]
            if len(first + second) == 6 and (first + second).isdecimal() and not text[k + 3 : k + 4].isalnum():
                length = k + 3 - i
        out, i = (out + "[ID]", i + length) if length else (out + text[i], i + 1)
    return out


@hide_ids.variant
def piece_by_piece(text):
    pattern = re.compile(r"(^|[\W_])(?:VM|vm|Vm|vM)(?:|-|\s)[0-9]{3}\s?[0-9]{3}(?=$|[\W_])")
    return pattern.sub(r"\1[ID]", text)


@hide_ids.misconception("Small letters slip through: people write vm-103515, too.")
def capitals_only(text):
    return re.sub(r"(?<!\w)VM[ -]?\d{3} ?\d{3}(?!\w)", "[ID]", text)


@hide_ids.misconception("A blank between the third and the fourth digit slips through: VM 103 515.")
def in_one_only(text):
    return re.sub(r"(?<!\w)vm[ -]?\d{6}(?!\w)", "[ID]", text, flags=re.IGNORECASE)


@hide_ids.misconception("You take the first six digits of a longer number: look whether a digit or letter follows.")
def end_not_looked_at(text):
    return re.sub(r"(?<!\w)vm[ -]?\d{3} ?\d{3}", "[ID]", text, flags=re.IGNORECASE)


@hide_ids.misconception("You find numbers inside of others: before VM must stand no letter and no digit.")
def beginning_not_looked_at(text):
    return re.sub(r"vm[ -]?\d{3} ?\d{3}(?!\w)", "[ID]", text, flags=re.IGNORECASE)


@hide_ids.misconception("Between VM and the digits may also stand nothing, or a blank.")
def hyphen_needed(text):
    return re.sub(r"(?<!\w)vm-\d{3} ?\d{3}(?!\w)", "[ID]", text, flags=re.IGNORECASE)
