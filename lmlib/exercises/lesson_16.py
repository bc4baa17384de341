"""The exercises of lesson 16: a patch mended, the share of the way, mean ablation, a control task, direct logit
attribution, weights that can be moved.
"""

import numpy as np

from lmlib.exercises.engine import exercise

# -- a patch, mended -------------------------------------------------------------------------------------------


@exercise(
    minutes=10,
    difficulty=1,
    hints=[
        "Three things to look at: which of the three sizes of x is the place; what a function may do with what it "
        "was given; and which of the numbers at that place belong to the head.",
        "new = x.copy(); new[:, place, first:last] = values[:, place, first:last]; return new.",
    ],
)
def patch(x, values, place, first, last):
    """Spot the errors: an edit that patches one head at one place. Return a NumPy array as large as x.

    x, values: arrays (batch, time, numbers) of the same shape: the run that goes on, and the run that is copied from.
    The head has the numbers from `first` up to, but without, `last`. At the one place, in all texts of the batch,
    these numbers are those of `values`; everything else is as in x. Neither x nor values may be changed.

    With x all 0 and values all 1, both (1, 3, 2), place 1, first 0, last 1: the result is [[[0, 0], [1, 0], [0, 0]]].
    """
    new = x.copy()
    new[:, place, first:last] = values[:, place, first:last]
    return new


@patch.start
def _(x, values, place, first, last):
    x[place, :, first:last] = values[place, :, first:last]
    return x


@patch.example
def _():
    right = np.zeros((1, 3, 2))
    right[0, 1, 0] = 1.0
    return (np.zeros((1, 3, 2)), np.ones((1, 3, 2)), 1, 0, 1), right


@patch.example
def _():
    x, values = np.arange(8.0).reshape(2, 2, 2), -np.arange(8.0).reshape(2, 2, 2) - 1
    return (x, values, 0, 0, 2), np.array([[[-1.0, -2.0], [2.0, 3.0]], [[-5.0, -6.0], [6.0, 7.0]]])


@patch.fresh
def _(rng):
    n = int(rng.integers(2, 5))  # as many texts as places as numbers: a wrong axis then gives an answer, too
    x, values = rng.normal(size=(2, n, n, n)).round(2)
    first = int(rng.integers(0, n))
    return x, values, int(rng.integers(0, n)), first, int(rng.integers(first + 1, n + 1))


@patch.truth
def _(x, values, place, first, last):
    _, times, numbers = np.indices(x.shape)
    here = (times == place) & (numbers >= first) & (numbers < last)
    return x * ~here + values * here


@patch.variant
def number_by_number(x, values, place, first, last):
    new = np.array(x)
    for text in range(len(x)):
        for number in range(first, last):
            new[text, place, number] = values[text, place, number]
    return new


@patch.misconception("x[place] is a whole text of the batch. The places are the second axis: x[:, place].")
def a_text_of_the_batch(x, values, place, first, last):
    new = x.copy()
    if place < len(x):
        new[place, :, first:last] = values[place, :, first:last]
    return new


@patch.misconception("The whole vector is copied, all heads of the layer. Take the numbers of the one head.")
def all_heads(x, values, place, first, last):
    new = x.copy()
    new[:, place] = values[:, place]
    return new


@patch.misconception("Here everything but the head at that place is copied: the two runs have changed their roles.")
def the_other_way_round(x, values, place, first, last):
    new = values.copy()
    new[:, place, first:last] = x[:, place, first:last]
    return new


@patch.misconception("All places are patched. Then you cannot say which of them did it: take the one place.")
def at_all_places(x, values, place, first, last):
    new = x.copy()
    new[:, :, first:last] = values[:, :, first:last]
    return new


@patch.misconception("This adds the other run's numbers to what is there. A patch puts them in its place.")
def added(x, values, place, first, last):
    new = x.copy()
    new[:, place, first:last] += values[:, place, first:last]
    return new


# -- share of the way ------------------------------------------------------------------------------------------


@exercise(
    minutes=10,
    difficulty=1,
    hints=[
        "First three logit differences, each first minus second: of the base, of the source, of the patched run. "
        "How far is the patched one from the base, measured in the whole distance?",
        "d = [run[first] - run[second] for run in (base, source, patched)]; (d[2] - d[0]) / (d[1] - d[0]).",
    ],
)
def share_of_the_way(base, source, patched, first, second):
    """How far did a patch move the answer? (16.5) Return a float.

    base, source, patched: lists of logits, one for each token: of the run that is patched into, of the run that the
    numbers come from, and of the patched run. first: the id of the source's answer; second: that of the base's. The
    logit difference is always first minus second. 0 means that nothing moved, 1 that the patched run is like the
    source; it may lie outside of these. The logits of all other tokens do not matter.

    With base [0, 4], source [4, 0], patched [3, 1], first 0, second 1 it is 0.75: from -4 to 2 of the way to 4.
    """
    distance = [run[first] - run[second] for run in (base, source, patched)]
    return (distance[2] - distance[0]) / (distance[1] - distance[0])


@share_of_the_way.example
def _():
    return ([0.0, 4.0], [4.0, 0.0], [3.0, 1.0], 0, 1), 0.75


@share_of_the_way.example
def _():
    return ([9.0, 1.0, 2.0], [0.0, 2.0, 1.0], [5.0, 1.0, 2.0], 1, 2), 0.0


@share_of_the_way.fresh
def _(rng):
    n = int(rng.integers(3, 6))
    first, second = rng.permutation(n)[:2].tolist()
    base, source, patched = (rng.normal(size=n).round(2) for _ in range(3))
    base[second] += 4
    source[first] += 4
    return base.tolist(), source.tolist(), patched.tolist(), first, second


@share_of_the_way.truth
def _(base, source, patched, first, second):
    """Logits may be moved by a constant: take the second answer's as zero, and interpolate."""
    zero, goal, here = (np.array(run)[first] - np.array(run)[second] for run in (base, source, patched))
    slope, start = np.polyfit([zero, goal], [0.0, 1.0], 1)
    return float(slope * here + start)


@share_of_the_way.variant
def by_what_is_left(base, source, patched, first, second):
    def lead(run):
        return run[first] - run[second]

    return 1 - (lead(source) - lead(patched)) / (lead(source) - lead(base))


@share_of_the_way.misconception("This forgets where the base was: subtract its logit difference above and below.")
def share_of_the_goal(base, source, patched, first, second):
    return (patched[first] - patched[second]) / (source[first] - source[second])


@share_of_the_way.misconception(
    "Only the first answer's logit counts here. If all logits rise, that is no step towards it: take the difference "
    "to the second."
)
def one_logit(base, source, patched, first, second):
    return (patched[first] - base[first]) / (source[first] - base[first])


@share_of_the_way.misconception("This is the share that is still missing: 1 where nothing moved. Turn it round.")
def what_is_missing(base, source, patched, first, second):
    return 1 - share_of_the_way.reference(base, source, patched, first, second)


def _p(run, i):
    raised = np.exp(np.array(run) - max(run))
    return float(raised[i] / raised.sum())


@share_of_the_way.misconception(
    "These are probabilities. Where one answer is far ahead they hardly move until the very end: take logits."
)
def in_probabilities(base, source, patched, first, second):
    return (_p(patched, first) - _p(base, first)) / (_p(source, first) - _p(base, first))


# -- mean ablation ---------------------------------------------------------------------------------------------


@exercise(
    minutes=10,
    difficulty=2,
    hints=[
        "The mean is over all texts and all places of the reference, so that one number for each column is left.",
        "new = x.copy(); new[..., first:last] = reference[..., first:last].mean(axis=(0, 1)); return new.",
    ],
)
def ablate(x, reference, first, last):
    """Mean ablation of one head, (16.4). Return an array as large as x.

    x: (batch, time, numbers), what goes by; reference: (texts, time, numbers), what went by on other texts. The head
    has the numbers from `first` up to, but without, `last`: each of these becomes, at every place, its mean over all
    texts and places of the reference. All other numbers stay as in x, and x itself is not changed.

    With x all 0, (1, 2, 3), and a reference (2, 1, 3) of [[1, 2, 3]] and [[3, 4, 5]], first 0, last 2: every place
    becomes [2, 3, 0].
    """
    new = x.copy()
    new[..., first:last] = reference[..., first:last].mean(axis=(0, 1))
    return new


@ablate.example
def _():
    reference = np.array([[[1.0, 2.0, 3.0]], [[3.0, 4.0, 5.0]]])
    return (np.zeros((1, 2, 3)), reference, 0, 2), np.array([[[2.0, 3.0, 0.0], [2.0, 3.0, 0.0]]])


@ablate.example
def _():
    x = np.array([[[5.0, 7.0]], [[1.0, 9.0]]])
    return (x, np.array([[[0.0, 4.0], [0.0, 6.0]]]), 1, 2), np.array([[[5.0, 5.0]], [[1.0, 5.0]]])


@ablate.fresh
def _(rng):
    n, time, numbers = int(rng.integers(1, 4)), int(rng.integers(2, 5)), int(rng.integers(3, 7))
    x = rng.normal(size=(n, time, numbers)).round(2)
    reference = rng.normal(1.0, size=(n, time, numbers)).round(2)
    first = int(rng.integers(0, numbers - 1))
    return x, reference, first, int(rng.integers(first + 1, numbers))


@ablate.variant
def column_by_column(x, reference, first, last):
    new = np.array(x)
    for number in range(first, last):
        new[:, :, number] = np.mean(reference[:, :, number])
    return new


@ablate.misconception("Zeros are zero ablation. Here each number becomes its mean over the reference.")
def zeros(x, reference, first, last):
    new = x.copy()
    new[..., first:last] = 0.0
    return new


@ablate.misconception(
    "This is the mean of x itself: what went by in the text at hand is then still in it. Take the reference's."
)
def mean_of_itself(x, reference, first, last):
    return ablate.reference(x, x, first, last)


@ablate.misconception("One mean over everything: each number of the head has its own mean, so keep the last axis.")
def one_mean_for_all(x, reference, first, last):
    new = x.copy()
    new[..., first:last] = reference[..., first:last].mean()
    return new


@ablate.misconception(
    "This silences the whole layer, all heads of it. Only the numbers first to last - 1 belong to it."
)
def the_whole_layer(x, reference, first, last):
    return ablate.reference(x, reference, 0, x.shape[-1])


@ablate.misconception("All the others are silenced, and the head is left.")
def the_others(x, reference, first, last):
    new = np.broadcast_to(reference.mean(axis=(0, 1)), x.shape).copy()
    new[..., first:last] = x[..., first:last]
    return new


# -- a control task --------------------------------------------------------------------------------------------


@exercise(
    minutes=15,
    difficulty=2,
    hints=[
        "The label belongs to the word, not to the place where it stands: the same word has the same label every "
        "time. Keep a dict of the labels that were given.",
        "label = {}; for word in words: if word not in label: label[word] = draws[len(label)] >= 0.5; then "
        "[label[word] for word in words].",
    ],
)
def control_task(words, draws):
    """The labels of a control task, which mean nothing (Hewitt and Liang 2019). Return a list of True and False.

    words: a list of strings, the words of a text in order. draws: random numbers from 0 to 1, at least as many as
    there are different words. The first different word that comes takes the first number, the second different word
    the second, and so on; its label is True where its number is AT LEAST 0.5. A word that comes again has the label
    that it had.

    control_task(["Anna", "and", "Anna"], [0.7, 0.2, 0.9]) is [True, False, True].
    """
    label = {}
    for word in words:
        if word not in label:
            label[word] = draws[len(label)] >= 0.5
    return [label[word] for word in words]


@control_task.example
def _():
    return (["Anna", "and", "Anna"], [0.7, 0.2, 0.9]), [True, False, True]


@control_task.example
def _():
    return (["a", "b", "b", "c", "a"], [0.1, 0.5, 0.4, 0.9, 0.9]), [False, True, True, False, False]


@control_task.example
def _():
    return ([], [0.3]), []


@control_task.fresh
def _(rng):
    words = [str(word) for word in rng.choice(["Anna", "Tom", "Nora", "and", "went"], int(rng.integers(1, 9)))]
    return words, rng.random(len(words) + 2).round(2).tolist()


@control_task.variant
def from_the_order_of_first_coming(words, draws):
    order = list(dict.fromkeys(words))
    return [bool(draws[order.index(word)] >= 0.5) for word in words]


@control_task.misconception(
    "Each place has its own label here. Then no probe can learn it, and its failure says nothing: label the word."
)
def a_label_for_each_place(words, draws):
    return [draws[i] >= 0.5 if i < len(draws) else False for i in range(len(words))]


@control_task.misconception(
    "The numbers are given out in alphabetical order. The first word that comes has the first."
)
def in_alphabetical_order(words, draws):
    order = sorted(set(words))
    return [draws[order.index(word)] >= 0.5 for word in words]


@control_task.misconception("A word that comes again gets a new label here: look first whether it has one.")
def relabelled(words, draws):
    label = {word: draws[i] >= 0.5 for i, word in enumerate(words) if i < len(draws)}
    return [label[word] for word in words]


@control_task.misconception("Exactly 0.5 is True, too: at least, not more than.")
def more_than_half(words, draws):
    order = list(dict.fromkeys(words))
    return [draws[order.index(word)] > 0.5 for word in words]


# -- direct logit attribution ----------------------------------------------------------------------------------


@exercise(
    minutes=20,
    difficulty=3,
    hints=[
        "The size by which the norm divides belongs to the sum of all parts; take it once and keep it. Then each "
        "part is divided by it, multiplied by the gain, and compared with the direction.",
        "stream = parts.sum(0); size = np.sqrt((stream**2).mean()); return parts @ (gain * direction) / size.",
    ],
)
def attribution(parts, gain, direction):
    """What does each part add to a logit difference? (16.2) Return an array (n,).

    parts: (n, d), what each part of the network put into the stream at one place; the stream is their sum. The last
    norm divides the stream by the root of the mean of its squares (no epsilon here) and multiplies each number by
    gain, (d,). direction: (d,), the row of the head for one answer minus that for the other. The results must add up
    to the logit difference of the whole stream.

    With parts [[3, 0], [0, 4]], gain [1, 1], direction [1, 0]: the size is sqrt(12.5), so it is [3 / 3.536, 0].
    """
    stream = parts.sum(0)
    size = np.sqrt((stream**2).mean())
    return parts @ (gain * direction) / size


@attribution.example
def _():
    parts = np.array([[3.0, 0.0], [0.0, 4.0]])
    return (parts, np.ones(2), np.array([1.0, 0.0])), np.array([3 / np.sqrt(12.5), 0.0])


@attribution.example
def _():
    parts = np.array([[1.0, 1.0], [1.0, -1.0], [0.0, 2.0]])  # their sum is [2, 2], of size 2
    return (parts, np.array([2.0, 1.0]), np.array([1.0, 3.0])), np.array([2.5, -0.5, 3.0])


@attribution.fresh
def _(rng):
    n, d = int(rng.integers(2, 6)), int(rng.integers(3, 7))
    return rng.normal(size=(n, d)).round(2), rng.uniform(0.5, 2, d).round(2), rng.normal(size=d).round(2)


@attribution.truth
def _(parts, gain, direction):
    """A part's share is what the whole result loses per unit of it, the size held: by finite differences."""
    size = np.sqrt((parts.sum(0) ** 2).mean())

    def result(scale):
        return (scale @ parts) / size * gain @ direction

    whole = np.ones(len(parts))
    return np.array([result(whole) - result(whole - row) for row in np.eye(len(parts))])


@attribution.variant
def part_by_part(parts, gain, direction):
    size = np.linalg.norm(parts.sum(0)) / np.sqrt(parts.shape[1])
    return np.array([float(np.sum(part / size * gain * direction)) for part in parts])


@attribution.misconception(
    "Each part is divided by its own size. The norm sees the sum alone: take its size, once, or nothing adds up."
)
def its_own_size(parts, gain, direction):
    size = np.sqrt((parts**2).mean(1))
    return parts @ (gain * direction) / np.where(size == 0, 1, size)


@attribution.misconception("The norm's gain is missing: it multiplies each number before the head reads it.")
def without_gain(parts, gain, direction):
    return parts @ direction / np.sqrt((parts.sum(0) ** 2).mean())


@attribution.misconception("The norm is left out: these are scores of a stream that was never normalised.")
def without_norm(parts, gain, direction):
    return parts @ (gain * direction)


@attribution.misconception(
    "You divided by the length of the vector. An RMSNorm divides by the root of the MEAN square, smaller by sqrt(d)."
)
def by_the_length(parts, gain, direction):
    return parts @ (gain * direction) / np.linalg.norm(parts.sum(0))


# -- attention that can be moved -------------------------------------------------------------------------------


@exercise(
    minutes=15,
    difficulty=2,
    hints=[
        "The mixture is the sum of weight times value. If two keys have the same value, it does not care which of "
        "them is looked at.",
        "new = weights.copy(); new[to] += new[away]; new[away] = 0; the mixture moved by weights[away] * "
        "(values[to] - values[away]); return new and the length of that.",
    ],
)
def look_elsewhere(weights, values, away, to):
    """Look at another key instead. Return (the new weights, how far the mixture moved).

    weights: (keys,), the attention of one query; values: (keys, d). All the weight of key `away` goes to key `to`,
    the others keep theirs. The mixture is the sum of weight times value, (16.1); how far it moved is the length of
    the difference, a float, the root of the sum of squares. `weights` itself is not changed.

    With weights [0.5, 0.25, 0.25], values [[1, 0], [1, 0], [0, 3]], away 0 and to 1: ([0, 0.75, 0.25], 0.0), another
    look, and nothing has moved.
    """
    new = weights.copy()
    new[to] += new[away]
    new[away] = 0.0
    return new, float(np.linalg.norm((new - weights) @ values))


@look_elsewhere.example
def _():
    weights, values = np.array([0.5, 0.25, 0.25]), np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 3.0]])
    return (weights, values, 0, 1), (np.array([0.0, 0.75, 0.25]), 0.0)


@look_elsewhere.example
def _():
    weights, values = np.array([0.5, 0.5]), np.array([[0.0, 0.0], [6.0, 8.0]])
    return (weights, values, 0, 1), (np.array([0.0, 1.0]), 5.0)


@look_elsewhere.fresh
def _(rng):
    n, d = int(rng.integers(2, 6)), int(rng.integers(2, 4))
    away, to = rng.permutation(n)[:2].tolist()
    return rng.dirichlet(np.ones(n)).round(3), rng.normal(size=(n, d)).round(2), away, to


@look_elsewhere.truth
def _(weights, values, away, to):
    new = [0.0 if i == away else w + (weights[away] if i == to else 0.0) for i, w in enumerate(weights)]
    before, after = (sum(w * v for w, v in zip(some, values)) for some in (weights, new))
    return np.array(new), float(sum((a - b) ** 2 for a, b in zip(after, before)) ** 0.5)


@look_elsewhere.variant
def by_the_difference_of_two_values(weights, values, away, to):
    step = np.zeros(len(weights))
    step[[away, to]] = -weights[away], weights[away]
    return weights + step, float(weights[away] * np.sqrt(((values[to] - values[away]) ** 2).sum()))


@look_elsewhere.misconception(
    "The weight of `away` is gone, and the rest was scaled up to 1. It should all go to the key `to`."
)
def shared_among_all(weights, values, away, to):
    new = weights.copy()
    new[away] = 0.0
    new = new / max(new.sum(), 1e-9)
    return new, float(np.linalg.norm((new - weights) @ values))


@look_elsewhere.misconception("The weights no longer add up to 1: what `away` had must go to `to`.")
def taken_away(weights, values, away, to):
    new = weights.copy()
    new[away] = 0.0
    return new, float(np.linalg.norm((new - weights) @ values))


@look_elsewhere.misconception(
    "That is how far the weights moved. The model sees the mixture alone: how far did the sum of weight times "
    "value move?"
)
def distance_of_the_weights(weights, values, away, to):
    new = look_elsewhere.reference(weights, values, away, to)[0]
    return new, float(np.linalg.norm(new - weights))


@look_elsewhere.misconception(
    "The two keys have changed places here. All of the weight should be on `to`, none on `away`."
)
def exchanged(weights, values, away, to):
    new = weights.copy()
    new[[away, to]] = weights[[to, away]]
    return new, float(np.linalg.norm((new - weights) @ values))


@look_elsewhere.misconception("The squares are summed, but the root is missing: a length is asked for.")
def without_root(weights, values, away, to):
    new, length = look_elsewhere.reference(weights, values, away, to)
    return new, length**2
