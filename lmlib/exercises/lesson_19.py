"""The exercises of lesson 19: neighbours in a stream of pixels, patches, the contrastive loss, Bayes' rule, twins,
and a listing about digits mended.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F

from lmlib.exercises.engine import exercise

# -- neighbours in the stream ----------------------------------------------------------------------------------


@exercise(
    minutes=5,
    difficulty=1,
    hints=[
        "How many tokens stand between a pixel and the one above it? Count along the row, from left to right.",
        "A pixel in the first row (place < width) has none above, one in the first column (place % width "
        "== 0) none to its left. "
        "Else they stand at place - width and place - 1.",
    ],
)
def neighbours(place, width):
    """Which pixels, already read, touch this one? Return (left, above): places in the stream, None where there is
    none.

    A picture of `width` columns is read row by row, each row from left to right; place counts its pixels from 0. The
    pixel to the left and the one above are the nearest that a causal model has seen.

    In a picture 8 wide, neighbours(8, 8) is (None, 0): the pixel at 8 begins the second row.
    """
    left = place - 1 if place % width else None
    above = place - width if place >= width else None
    return left, above


@neighbours.example
def _():
    return (8, 8), (None, 0)


@neighbours.example
def _():
    return (0, 8), (None, None)


@neighbours.example
def _():
    return (3, 8), (2, None)


@neighbours.example
def _():
    return (7, 3), (6, 4)


@neighbours.fresh
def _(rng):
    width = int(rng.integers(1, 9))
    return int(rng.integers(0, width * 5)), width


@neighbours.truth
def _(place, width):
    numbers = np.arange(width * 6).reshape(-1, width)
    y, x = map(int, np.argwhere(numbers == place)[0])
    return (int(numbers[y, x - 1]) if x else None), (int(numbers[y - 1, x]) if y else None)


@neighbours.variant
def by_row_and_column(place, width):
    row, column = divmod(place, width)
    return (place - 1 if column > 0 else None), ((row - 1) * width + column if row > 0 else None)


@neighbours.misconception(
    "At the left edge place - 1 is the last pixel of the row above: a neighbour in the stream, but not in "
    "the picture."
)
def stream_neighbour_for_left(place, width):
    return (place - 1 if place else None), (place - width if place >= width else None)


@neighbours.misconception("The pixel above stands a whole row before: `width` tokens, not one more or less.")
def one_row_and_one(place, width):
    return (place - 1 if place % width else None), (place - width - 1 if place >= width + 1 else None)


@neighbours.misconception("In the first row there is nothing above: a negative place would count from the end.")
def negative_places(place, width):
    return (place - 1 if place % width else None), place - width


@neighbours.misconception(
    "You went down: the pixel below comes later in the stream, and no causal model has seen it."
)
def below(place, width):
    return (place - 1 if place % width else None), place + width


# -- patches ---------------------------------------------------------------------------------------------------


@exercise(
    minutes=15,
    difficulty=2,
    hints=[
        "Two loops over the upper left corners of the patches; each patch is a slice of rows and columns.",
        "for top in range(0, height, size): for left in range(0, width, size): append "
        "picture[top : top + size, left : left + size].flatten(), and np.stack them.",
    ],
)
def cut(picture, size):
    """Cut a picture into patches, (19.3). Return an array (patches, size * size).

    picture: an array (height, width), both multiples of `size`. Patches go row by row from the upper left, and so do
    the pixels within a patch.

    A picture [[1, 2, 3, 4], [5, 6, 7, 8]] cut with size 2 is [[1, 2, 5, 6], [3, 4, 7, 8]].
    """
    height, width = picture.shape
    corners = [(top, left) for top in range(0, height, size) for left in range(0, width, size)]
    return np.stack([picture[top : top + size, left : left + size].flatten() for top, left in corners])


@cut.example
def _():
    return (np.array([[1, 2, 3, 4], [5, 6, 7, 8]]), 2), np.array([[1, 2, 5, 6], [3, 4, 7, 8]])


@cut.example
def _():
    return (np.arange(4).reshape(2, 2), 1), np.array([[0], [1], [2], [3]])


@cut.fresh
def _(rng):
    size = int(rng.integers(1, 4))
    rows, columns = (int(n) for n in rng.integers(1, 4, 2))
    return rng.integers(0, 17, (rows * size, columns * size)), size


@cut.truth
def _(picture, size):
    unfolded = F.unfold(torch.tensor(picture, dtype=torch.float64)[None, None], size, stride=size)
    return unfolded[0].T.numpy().astype(picture.dtype)


@cut.variant
def by_reshaping(picture, size):
    height, width = picture.shape
    return picture.reshape(height // size, size, width // size, size).swapaxes(1, 2).reshape(-1, size * size)


@cut.misconception(
    "reshape alone cuts the stream into equal runs: that is a run of pixels in one row, not a square. Swap"
    " axes between."
)
def reshape_alone(picture, size):
    return picture.reshape(-1, size * size)


@cut.misconception("Your patches overlap: the next one begins `size` pixels further, not one.")
def overlapping(picture, size):
    height, width = picture.shape
    corners = [(top, left) for top in range(height - size + 1) for left in range(width - size + 1)]
    return np.stack([picture[top : top + size, left : left + size].flatten() for top, left in corners])


@cut.misconception("Your patches go down the columns; they should go row by row, as one reads.")
def column_by_column(picture, size):
    height, width = picture.shape
    corners = [(top, left) for left in range(0, width, size) for top in range(0, height, size)]
    return np.stack([picture[top : top + size, left : left + size].flatten() for top, left in corners])


@cut.misconception("Within a patch your pixels go down the columns; they should go row by row.")
def patches_on_their_side(picture, size):
    height, width = picture.shape
    corners = [(top, left) for top in range(0, height, size) for left in range(0, width, size)]
    return np.stack([picture[top : top + size, left : left + size].T.flatten() for top, left in corners])


# -- the contrastive loss --------------------------------------------------------------------------------------


@exercise(
    minutes=20,
    difficulty=2,
    hints=[
        "Each row of scores is a softmax over the sentences, each column one over the pictures; right is "
        "the diagonal.",
        "scores = pictures @ sentences.T / temperature; the loss of the rows is mean(logsumexp of each row"
        " - diagonal), that of the "
        "columns the same along axis 0; return the mean of both.",
    ],
)
def contrastive(pictures, sentences, temperature):
    """The contrastive loss of a batch, (19.5), in nats. Return a float.

    pictures, sentences: arrays (n, d) with rows of length 1; row i of the one belongs to row i of the other. Scores
    are the products of all rows with all rows, DIVIDED by the temperature. Each picture chooses among the sentences,
    each sentence among the pictures; the loss is the mean of both mean surprises.

    Of two pictures and sentences at right angles, [[1, 0], [0, 1]] both, with temperature 1, it is ln(1 + 1/e) =
    0.313.
    """
    scores = pictures @ sentences.T / temperature
    right = np.diag(scores)
    of_pictures = np.mean(np.log(np.exp(scores).sum(1)) - right)
    of_sentences = np.mean(np.log(np.exp(scores).sum(0)) - right)
    return (of_pictures + of_sentences) / 2


@contrastive.example
def _():
    return (np.eye(2), np.eye(2), 1.0), math.log(1 + 1 / math.e)


@contrastive.example
def _():
    # scores [[2, 2], [0, 0]]: the pictures cannot choose, both sentences prefer picture 0
    right = (math.log(2) + math.log(math.e**2 + 1) - 1) / 2
    return (np.eye(2), np.array([[1.0, 0.0], [1.0, 0.0]]), 0.5), right


@contrastive.fresh
def _(rng):
    n, d = int(rng.integers(2, 6)), int(rng.integers(2, 5))
    a, b = rng.normal(size=(2, n, d))
    a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (a, b))
    return a, b, float(rng.choice([0.1, 0.25, 0.5, 2.0]))


@contrastive.truth
def _(pictures, sentences, temperature):
    scores = torch.tensor(pictures @ sentences.T / temperature)
    right = torch.arange(len(scores))
    return float(F.cross_entropy(scores, right) + F.cross_entropy(scores.T, right)) / 2


@contrastive.variant
def by_softmax(pictures, sentences, temperature):
    scores = pictures @ sentences.T / temperature
    raised = np.exp(scores - scores.max())
    rows = np.diag(raised / raised.sum(1, keepdims=True))
    columns = np.diag(raised / raised.sum(0, keepdims=True))
    return float(-(np.log(rows) + np.log(columns)).mean() / 2)


@contrastive.misconception(
    "Only the pictures choose here. Let each sentence choose among the pictures, too: the softmax down the columns."
)
def one_way(pictures, sentences, temperature):
    scores = pictures @ sentences.T / temperature
    return float(np.mean(np.log(np.exp(scores).sum(1)) - np.diag(scores)))


@contrastive.misconception("You multiplied by the temperature. Divide: a small temperature makes differences large.")
def temperature_upside_down(pictures, sentences, temperature):
    return by_softmax(pictures, sentences, 1 / temperature)


@contrastive.misconception("The temperature is left out.")
def no_temperature(pictures, sentences, temperature):
    return by_softmax(pictures, sentences, 1.0)


@contrastive.misconception("You added the two losses; take their mean.")
def sum_of_both(pictures, sentences, temperature):
    return 2 * by_softmax(pictures, sentences, temperature)


@contrastive.misconception("You summed over the batch; take the mean of its surprises.")
def sum_over_batch(pictures, sentences, temperature):
    return len(pictures) * by_softmax(pictures, sentences, temperature)


@contrastive.misconception(
    "One softmax over all pairs of the table: but a picture competes with the other sentences for itself, "
    "not for all others."
)
def one_softmax(pictures, sentences, temperature):
    scores = pictures @ sentences.T / temperature
    return float(np.log(np.exp(scores).sum()) - np.mean(np.diag(scores)))


# -- Bayes' rule -----------------------------------------------------------------------------------------------


@exercise(
    minutes=15,
    difficulty=2,
    hints=[
        "Products of many small probabilities are 0 for a computer. Stay with logarithms until the very "
        "end: add, do not multiply.",
        "joint = log_p + np.log(prior); take away its largest, np.exp, divide by the sum.",
    ],
)
def posterior(log_p, prior):
    """Bayes' rule, (19.7): p(label | pixels) for each label. Return an array (labels,) that adds up to 1.

    log_p: an array (labels,), ln p(pixels | label) of one picture; such numbers may be around -1000. prior: an array
    (labels,), p(label), all above 0.

    With log_p [-1000, -1000 + ln 3] and prior [0.5, 0.5] it is [0.25, 0.75]; with prior [0.9, 0.1] it is [0.75,
    0.25].
    """
    joint = log_p + np.log(prior)
    raised = np.exp(joint - joint.max())
    return raised / raised.sum()


@posterior.example
def _():
    return (np.array([-1000.0, -1000.0 + math.log(3)]), np.array([0.5, 0.5])), np.array([0.25, 0.75])


@posterior.example
def _():
    return (np.array([-1000.0, -1000.0 + math.log(3)]), np.array([0.9, 0.1])), np.array([0.75, 0.25])


@posterior.example
def _():
    return (np.log(np.array([0.2, 0.1, 0.1])), np.array([0.25, 0.25, 0.5])), np.array([0.4, 0.2, 0.4])


@posterior.fresh
def _(rng):
    n = int(rng.integers(2, 6))
    log_p = float(rng.choice([-1.0, -90.0, -1000.0])) + rng.normal(size=n)
    return log_p, rng.dirichlet(np.full(n, 2.0)) * 0.9 + 0.1 / n


@posterior.truth
def _(log_p, prior):
    return torch.softmax(torch.tensor(log_p) + torch.tensor(prior).log(), 0).numpy()


@posterior.variant
def with_logaddexp(log_p, prior):
    joint = log_p + np.log(prior)
    return np.exp(joint - np.logaddexp.reduce(joint))


@posterior.misconception("The prior is left out: a label that is rare needs better pixels.")
def no_prior(log_p, prior):
    return with_logaddexp(log_p, np.ones_like(prior))


@posterior.misconception(
    "exp(-1000) is 0 for a computer, and 0 / 0 is no number. Take the largest logarithm away before you raise."
)
def raised_too_early(log_p, prior):
    with np.errstate(all="ignore"):
        joint = np.exp(log_p) * prior
        return joint / joint.sum()


@posterior.misconception("You added the prior itself to logarithms: add its logarithm.")
def prior_added_as_it_is(log_p, prior):
    return with_logaddexp(log_p + prior, np.ones_like(prior))


@posterior.misconception("These are logarithms; raise them to probabilities at the end.")
def still_logarithms(log_p, prior):
    return np.log(with_logaddexp(log_p, prior))


@posterior.misconception("It does not add up to 1: divide by the sum over the labels.")
def not_divided(log_p, prior):
    joint = log_p + np.log(prior)
    return np.exp(joint - joint.max())


# -- twins -----------------------------------------------------------------------------------------------------


@exercise(
    minutes=10,
    difficulty=2,
    hints=[
        "The right scores stand on the diagonal. Text: compare along a row; image: down a column; group: "
        "both at once.",
        "text = a[0, 0] > a[0, 1] and a[1, 1] > a[1, 0]; image = a[0, 0] > a[1, 0] and a[1, 1] > a[0, 1]. "
        "Count over all tables and "
        "divide by their number.",
    ],
)
def twins(tables):
    """Winoground's scores of twins. Return (text, image, group): three shares, floats.

    tables: an array (n, 2, 2), at least one table; tables[i, p, s] is the score of picture p with sentence s, and the
    right pairs are 0-0 and 1-1. Text counts where BOTH pictures score higher with their own sentence than with the
    other; image where both sentences score higher with their own picture; group where both text and image count.
    Equal scores are not higher.

    Of the one table [[2, 1], [3, 4]] it is (1.0, 0.0, 0.0): sentence 0 prefers picture 1.
    """
    own = tables[:, [0, 1], [0, 1]]  # (n, 2): the diagonals
    text = (own > tables[:, [0, 1], [1, 0]]).all(1)
    image = (own > tables[:, [1, 0], [0, 1]]).all(1)
    return float(text.mean()), float(image.mean()), float((text & image).mean())


@twins.example
def _():
    return (np.array([[[2, 1], [3, 4]]]),), (1.0, 0.0, 0.0)


@twins.example
def _():
    return (np.array([[[2, 3], [1, 4]], [[5, 1], [2, 6]]]),), (0.5, 1.0, 0.5)


@twins.example
def _():
    return (np.array([[[1, 1], [1, 1]]]),), (0.0, 0.0, 0.0)


@twins.example
def _():
    return (np.array([[[5, 1], [6, 2]], [[4, 0], [0, 4]]]),), (0.5, 0.5, 0.5)


@twins.fresh
def _(rng):
    return (rng.integers(0, 6, (int(rng.integers(1, 12)), 2, 2)),)


@twins.variant
def table_by_table(tables):
    text = image = group = 0
    for (a, b), (c, d) in tables.tolist():
        t, i = a > b and d > c, a > c and d > b
        text, image, group = text + t, image + i, group + (t and i)
    return text / len(tables), image / len(tables), group / len(tables)


def _counted(tables, text, image, group):
    counted = np.array([(text(*x), image(*x), group(*x)) for x in tables.reshape(-1, 4).tolist()], dtype=float)
    return tuple(counted.mean(0).tolist())


def _text(a, b, c, d):
    return a > b and d > c


def _image(a, b, c, d):
    return a > c and d > b


@twins.misconception("Equal scores count as right here: whoever gives all pairs the same score would be perfect.")
def ties_count(tables):
    def text(a, b, c, d):
        return a >= b and d >= c

    def image(a, b, c, d):
        return a >= c and d >= b

    return _counted(tables, text, image, lambda *x: text(*x) and image(*x))


@twins.misconception("Text and image are exchanged: text compares two sentences for one picture, along a row.")
def exchanged(tables):
    return _counted(tables, _image, _text, lambda *x: _text(*x) and _image(*x))


@twins.misconception(
    "You counted each comparison by itself. Both of a pair must be right: a model that always prefers one "
    "sentence is right half of the time."
)
def each_by_itself(tables):
    return _counted(
        tables,
        lambda a, b, c, d: ((a > b) + (d > c)) / 2,
        lambda a, b, c, d: ((a > c) + (d > b)) / 2,
        lambda *x: _text(*x) and _image(*x),
    )


@twins.misconception(
    "Group is not the product of the two shares: count the tables where text and image are both right."
)
def product_of_shares(tables):
    text, image, _ = table_by_table(tables)
    return text, image, text * image


@twins.misconception("Group needs text AND image; you counted where one of them is right.")
def one_is_enough(tables):
    return _counted(tables, _text, _image, lambda *x: _text(*x) or _image(*x))


# -- the listing, mended ---------------------------------------------------------------------------------------


@exercise(
    minutes=15,
    difficulty=2,
    hints=[
        "What does a causal model know when it must predict the first pixel? And which token must it never"
        " have seen when it predicts it?",
        "ids = [17 + label, *pixels as whole numbers]; inputs are all but the last, targets all but the first.",
    ],
)
def digit_tokens(pixels, label):
    """Spot the errors: make one training example of a digit. Return (inputs, targets), two lists of 64 whole numbers.

    pixels: a list of 64 floats, each one of 0.0, 1.0 ... 16.0; as tokens they are 0 to 16. label: 0 to 9, as a token
    17 to 26. The stream is the label and then the pixels: a model that draws must know what before it begins.
    targets[i] is the token behind inputs[i] in the stream.

    Of pixels [0.0, 5.0, ...] and label 3 inputs begin with 20, 0, 5, and targets with 0, 5.
    """
    ids = [17 + label, *(int(pixel) for pixel in pixels)]
    return ids[:-1], ids[1:]


@digit_tokens.start
def _(pixels, label):
    ids = [int(pixel / 16) for pixel in pixels] + [label]
    return ids[:64], ids[:64]


def _digit(rng):
    return [float(x) for x in rng.integers(0, 17, 64)]


@digit_tokens.example
def _():
    pixels = [0.0, 5.0, *[16.0] * 61, 7.0]
    return (pixels, 3), ([20, 0, 5, *[16] * 61], [0, 5, *[16] * 61, 7])


@digit_tokens.fresh
def _(rng):
    return _digit(rng), int(rng.integers(0, 10))


@digit_tokens.variant
def from_an_array(pixels, label):
    whole = np.array([label + 17.0, *pixels]).astype(int)
    return whole[:64].tolist(), whole[1:].tolist()


@digit_tokens.misconception(
    "pixel / 16 rounded down is 0 for all but the brightest pixels: the picture is gone. A pixel is a "
    "number from 0 to 16 already."
)
def scaled_away(pixels, label):
    return from_an_array([pixel // 16 for pixel in pixels], label)


@digit_tokens.misconception(
    "The label stands at the end: then the model draws without knowing what, and only afterwards says what it drew."
)
def label_last(pixels, label):
    ids = [*(int(pixel) for pixel in pixels), 17 + label]
    return ids[:-1], ids[1:]


@digit_tokens.misconception(
    "Inputs and targets are the same: the model must only copy what it sees. The target is the token that comes next."
)
def copies(pixels, label):
    ids = [17 + label, *(int(pixel) for pixel in pixels)]
    return ids[:-1], ids[:-1]


@digit_tokens.misconception(
    "A label from 0 to 9 has the same id as a dark pixel: the model could not tell them apart. Labels are 17 to 26."
)
def label_is_a_pixel(pixels, label):
    return from_an_array(pixels, label - 17)
