"""The exercises of lesson 14: hiding words, the loss at gaps, WordPiece, a mean without padding, LoRA merged and
counted.
"""

import math

import numpy as np

from lmlib.exercises.chance import pick
from lmlib.exercises.engine import exercise

IGNORE = -100  # as the lesson's targets mark the places that are not guessed


# -- the rule of 80, 10 and 10 -----------------------------------------------------------------------------------


@exercise(
    minutes=15,
    difficulty=2,
    hints=[
        "Two lists grow side by side: what is read and what is to be guessed. A place that is not chosen keeps its "
        "id and gets the target -100.",
        "For a chosen place the target is always ids[i], whatever is read there; what is read is mask_id if how[i] < "
        "0.8, other[i] if how[i] < 0.9, else ids[i].",
    ],
)
def hide_tokens(ids, chosen, how, other, mask_id):
    """Hide tokens by BERT's rule, (14.2). Return (read, targets), two lists as long as ids.

    ids: a list of whole numbers. chosen: a list of True and False. how: numbers from 0 to 1, other: random ids. Of a
    chosen token is read: mask_id if how[i] is below 0.8, other[i] if it is from 0.8 to below 0.9, itself above that.
    Its target is the token that stood there. The target of every other place is -100: it is not guessed.

    hide_tokens([7, 8, 9], [True, False, True], [0.1, 0.1, 0.95], [5, 5, 5], 4) is ([4, 8, 9], [7, -100, 9]).
    """
    read, targets = [], []
    for i, token in enumerate(ids):
        if not chosen[i]:
            read.append(token)
            targets.append(-100)
            continue
        targets.append(token)
        if how[i] < 0.8:
            read.append(mask_id)
        elif how[i] < 0.9:
            read.append(other[i])
        else:
            read.append(token)
    return read, targets


@hide_tokens.example
def _():
    return ([7, 8, 9], [True, False, True], [0.1, 0.1, 0.95], [5, 5, 5], 4), ([4, 8, 9], [7, -100, 9])


@hide_tokens.example
def _():
    return ([7, 8, 9], [True, True, True], [0.8, 0.9, 0.79], [5, 6, 5], 4), ([5, 8, 4], [7, 8, 9])


@hide_tokens.fresh
def _(rng):
    n = int(rng.integers(1, 9))
    how = [pick(rng, (0.05, 0.5, 0.79, 0.8, 0.85, 0.89, 0.9, 0.95)) for _ in range(n)]
    ids, other = (rng.integers(5, 40, n).tolist() for _ in range(2))
    return ids, (rng.random(n) < 0.6).tolist(), how, other, 4


@hide_tokens.variant
def with_arrays(ids, chosen, how, other, mask_id):
    ids, chosen, how = np.array(ids), np.array(chosen, dtype=bool), np.array(how)
    instead = np.where(how < 0.8, mask_id, np.where(how < 0.9, other, ids))
    return np.where(chosen, instead, ids).tolist(), np.where(chosen, ids, -100).tolist()


def _hidden(ids, chosen, how, other, mask_id, target):
    """The right way to read, with another target: function of the token, what is read, and whether it is chosen."""
    read, _ = with_arrays(ids, chosen, how, other, mask_id)
    return read, [target(token, r, c) for token, r, c in zip(ids, read, chosen)]


@hide_tokens.misconception(
    "You hid every chosen token behind [MASK]. Then the model never has a reason to make a good vector of a word "
    "that it can see: in 20 % of the cases no [MASK] stands there."
)
def always_the_mask(ids, chosen, how, other, mask_id):
    read = [mask_id if c else token for token, c in zip(ids, chosen)]
    return read, [token if c else IGNORE for token, c in zip(ids, chosen)]


@hide_tokens.misconception(
    "The target is what stood there, not what is read there: a model that learns to say [MASK] has learned nothing."
)
def the_target_is_what_is_read(ids, chosen, how, other, mask_id):
    return _hidden(ids, chosen, how, other, mask_id, lambda token, read, c: read if c else IGNORE)


@hide_tokens.misconception(
    "Every place has a target here. What is not hidden stands in the input: guessing it is copying, and 85 % of the "
    "loss would be about that."
)
def every_place_is_guessed(ids, chosen, how, other, mask_id):
    return _hidden(ids, chosen, how, other, mask_id, lambda token, read, c: token)


@hide_tokens.misconception(
    "A chosen token that stays as it is must be guessed, too: the model cannot know which of the words that it sees "
    "are true, and that is why it looks at all of them."
)
def the_unchanged_are_not_guessed(ids, chosen, how, other, mask_id):
    return _hidden(ids, chosen, how, other, mask_id, lambda token, read, c: token if c and read != token else IGNORE)


# -- the loss --------------------------------------------------------------------------------------------------


@exercise(
    minutes=10,
    difficulty=1,
    hints=[
        "Which places count? Those whose target is not -100. And over how many is the mean?",
        "Go through all rows and places; where the target is not -100, add -log of the probability of the target; at "
        "the end divide by how many there were.",
    ],
)
def gap_loss(probabilities, targets):
    """Spot the errors: the mean surprise at the gaps, (14.2), in nats. Return a float.

    probabilities: numpy array (batch, time, tokens), each place's law, all above 0. targets: numpy array (batch,
    time) of whole numbers: the token that was hidden, or -100 where nothing was; at least one is hidden. The mean is
    over all the gaps of the batch, each counts the same.

    With one row, probabilities [[0.5, 0.5], [0.25, 0.75]] and targets [-100, 0] it is -ln 0.25 = 1.386.
    """
    batch, time = np.nonzero(targets != -100)
    return float(-np.log(probabilities[batch, time, targets[batch, time]]).mean())


@gap_loss.start
def _(probabilities, targets):
    losses = []
    for law, row in zip(probabilities, targets):
        of_row = [-math.log(p[token]) for p, token in zip(law, row)]
        losses.append(sum(of_row) / len(of_row))
    return sum(losses) / len(losses)


@gap_loss.example
def _():
    return (np.array([[[0.5, 0.5], [0.25, 0.75]]]), np.array([[-100, 0]])), -math.log(0.25)


@gap_loss.example
def _():
    law = np.array([[[0.5, 0.5], [0.5, 0.5]], [[0.5, 0.5], [0.125, 0.875]]])
    return (law, np.array([[0, 1], [-100, 0]])), (2 * math.log(2) + math.log(8)) / 3


@gap_loss.fresh
def _(rng):
    batch, time, tokens = (int(rng.integers(1, 5)) for _ in range(3))
    tokens += 1
    law = rng.dirichlet(np.ones(tokens), (batch, time)).clip(1e-3)
    law /= law.sum(-1, keepdims=True)
    targets = np.where(rng.random((batch, time)) < 0.5, rng.integers(0, tokens, (batch, time)), -100)
    targets[0, 0] = 0
    return law, targets


@gap_loss.truth
def _(probabilities, targets):
    import torch
    import torch.nn.functional as F

    scores, right = torch.tensor(probabilities).log().flatten(0, 1), torch.tensor(targets).flatten()
    return F.cross_entropy(scores, right, ignore_index=-100).item()


@gap_loss.variant
def in_a_loop(probabilities, targets):
    total, gaps = 0.0, 0
    for law, row in zip(probabilities, targets):
        for p, token in zip(law, row):
            if token >= 0:
                total, gaps = total - math.log(p[token]), gaps + 1
    return total / gaps


def _surprises(probabilities, targets):
    """Of each row the surprises at its gaps."""
    return [
        [-math.log(p[token]) for p, token in zip(law, row) if token >= 0] for law, row in zip(probabilities, targets)
    ]


@gap_loss.misconception(
    "You divide by all places, but only the gaps are guessed: the loss would be smaller the fewer words are hidden."
)
def over_all_places(probabilities, targets):
    return sum(map(sum, _surprises(probabilities, targets))) / targets.size


@gap_loss.misconception(
    "You took the mean of each row first. Then a gap in a row with many gaps counts less than one in a row with few."
)
def mean_of_the_rows(probabilities, targets):
    rows = [row for row in _surprises(probabilities, targets) if row]
    return sum(sum(row) / len(row) for row in rows) / len(rows)


@gap_loss.misconception(
    "This is the sum, not the mean: a batch with more gaps would have a larger loss, however good the guesses are."
)
def the_sum(probabilities, targets):
    return sum(map(sum, _surprises(probabilities, targets)))


@gap_loss.misconception(
    "-100 is no token: as an index it would be an error or, in a long vocabulary, some word near its end. "
    "Here it was taken for token 0. Leave those places out."
)
def the_mark_taken_for_a_token(probabilities, targets):
    kept = np.maximum(targets, 0)
    return float(-np.log(np.take_along_axis(probabilities, kept[..., None], 2)).mean())


# -- WordPiece -------------------------------------------------------------------------------------------------


@exercise(
    minutes=20,
    difficulty=3,
    hints=[
        "From where you stand, try the longest piece first, then one character less, and so on. All pieces but the "
        "first are looked up with ## before them.",
        "start = 0; while start < len(word): look for the largest end > start for which ('##' if start else '') + "
        "word[start:end] is in the vocabulary; if there is none, the whole word is ['[UNK]'].",
    ],
)
def word_pieces(word, vocabulary):
    """Cut a word as WordPiece does. Return a list of strings.

    vocabulary: a set of pieces; those that do not begin a word start with ##. From the left, always the LONGEST piece
    in the vocabulary is taken. Where from some point on no piece fits, the whole word is ["[UNK]"], whatever was
    found before. word has at least one character.

    With {"play", "##ing", "##in", "##g"}: "playing" is ["play", "##ing"], "play" is ["play"], "plays" is ["[UNK]"].
    """
    found, start = [], 0
    while start < len(word):
        mark = "##" if start else ""
        ends = [end for end in range(len(word), start, -1) if mark + word[start:end] in vocabulary]
        if not ends:
            return ["[UNK]"]
        found.append(mark + word[start : ends[0]])
        start = ends[0]
    return found


_PLAY = {"play", "##ing", "##in", "##g"}


@word_pieces.example
def _():
    return ("playing", set(_PLAY)), ["play", "##ing"]


@word_pieces.example
def _():
    return ("plays", set(_PLAY)), ["[UNK]"]


@word_pieces.example
def _():
    return ("abb", {"a", "ab", "##b", "##bb"}), ["ab", "##b"]


@word_pieces.example
def _():
    return ("abc", {"a", "ab", "##bc"}), ["[UNK]"]


@word_pieces.fresh
def _(rng):
    vocabulary = {pick(rng, "ab")}
    for _ in range(int(rng.integers(2, 9))):
        piece = "".join(pick(rng, "abc") for _ in range(int(rng.integers(1, 4))))
        vocabulary.add(pick(rng, ("", "##", "##")) + piece)
    return "".join(pick(rng, "abc") for _ in range(int(rng.integers(1, 7)))), vocabulary


@word_pieces.truth
def _(word, vocabulary):
    from tokenizers import Tokenizer
    from tokenizers.models import WordPiece

    numbers = {piece: i for i, piece in enumerate(["[UNK]", *sorted(vocabulary)])}
    return Tokenizer(WordPiece(numbers, unk_token="[UNK]")).encode(word).tokens


@word_pieces.variant
def one_piece_then_the_rest(word, vocabulary):
    def cut(rest, mark):
        if not rest:
            return []
        for end in range(len(rest), 0, -1):
            if mark + rest[:end] in vocabulary:
                more = cut(rest[end:], "##")
                return None if more is None else [mark + rest[:end], *more]
        return None

    found = cut(word, "")
    return ["[UNK]"] if found is None else found


@word_pieces.misconception("You take the shortest piece that fits. WordPiece takes the longest.")
def the_shortest(word, vocabulary):
    found, start = [], 0
    while start < len(word):
        mark = "##" if start else ""
        ends = [end for end in range(start + 1, len(word) + 1) if mark + word[start:end] in vocabulary]
        if not ends:
            return ["[UNK]"]
        found.append(mark + word[start : ends[0]])
        start = ends[0]
    return found


@word_pieces.misconception(
    "You look up all pieces without ##. 'ing' at the end of a word and 'ing' at its beginning are two entries."
)
def without_marks(word, vocabulary):
    found, start = [], 0
    while start < len(word):
        ends = [end for end in range(len(word), start, -1) if word[start:end] in vocabulary]
        if not ends:
            return ["[UNK]"]
        found.append(word[start : ends[0]])
        start = ends[0]
    return found


@word_pieces.misconception(
    "Where nothing fits you keep the pieces found so far. WordPiece gives up the whole word: one [UNK], nothing else."
)
def a_part_is_kept(word, vocabulary):
    found, start = [], 0
    while start < len(word):
        mark = "##" if start else ""
        ends = [end for end in range(len(word), start, -1) if mark + word[start:end] in vocabulary]
        if not ends:
            return [*found, "[UNK]"]
        found.append(mark + word[start : ends[0]])
        start = ends[0]
    return found


@word_pieces.misconception(
    "You tried other ways when the longest piece led nowhere. WordPiece is greedy: it never goes back."
)
def goes_back(word, vocabulary):
    def cut(rest, mark):
        if not rest:
            return []
        for end in range(len(rest), 0, -1):
            if mark + rest[:end] in vocabulary:
                more = cut(rest[end:], "##")
                if more is not None:
                    return [mark + rest[:end], *more]
        return None

    return cut(word, "") or ["[UNK]"]


# -- the mean of a text ----------------------------------------------------------------------------------------


@exercise(
    minutes=10,
    difficulty=2,
    hints=[
        "Two texts in one batch, the shorter one filled up. Whose vector may what fills it change? And by how many "
        "is the sum divided?",
        "there[..., None] is 1 where there is text: (x * there[..., None]).sum(axis=1) / there.sum(axis=1)[:, None]",
    ],
)
def text_vectors(x, there):
    """Spot the error: one vector for each text, the mean over its tokens. Return a numpy array (batch, d).

    x: numpy array (batch, time, d), the encoder's vectors; there: numpy array (batch, time) of True and False: where
    there is text; each row has at least one True. What stands at padding must not count, in no way.

    With one text, x [[[2.0], [4.0], [9.0]]] and there [[True, True, False]] it is [[3.0]].
    """
    return (x * there[..., None]).sum(axis=1) / there.sum(axis=1)[:, None]


@text_vectors.start
def _(x, there):
    return (x * there[..., None]).mean(axis=1)


@text_vectors.example
def _():
    return (np.array([[[2.0], [4.0], [9.0]]]), np.array([[True, True, False]])), np.array([[3.0]])


@text_vectors.fresh
def _(rng):
    batch, time, d = (int(rng.integers(1, 5)) for _ in range(3))
    there = rng.random((batch, time)) < 0.6
    there[:, 0] = True
    return rng.normal(size=(batch, time, d)).round(3), there


@text_vectors.truth
def _(x, there):
    return np.ma.masked_array(x, ~np.broadcast_to(there[..., None], x.shape)).mean(axis=1).filled(np.nan)


@text_vectors.variant
def row_by_row(x, there):
    return np.stack([row[real].mean(axis=0) for row, real in zip(x, there)])


@text_vectors.misconception(
    "You divide by the length of the filled-up row: a short text gets a short vector, in another batch another."
)
def divided_by_all_places(x, there):
    return (x * there[..., None]).sum(axis=1) / x.shape[1]


@text_vectors.misconception(
    "The padding counts here like text. Its vectors are not 0: the encoder makes something of every place."
)
def padding_counts(x, there):
    return x.mean(axis=1)


@text_vectors.misconception("This is the sum: a long text gets a long vector. Divide by the number of its tokens.")
def the_sum_of_a_text(x, there):
    return (x * there[..., None]).sum(axis=1)


@text_vectors.misconception(
    "This is the vector of the first token, [CLS]. BERT uses it after fine-tuning; the mean was asked for."
)
def the_first_token(x, there):
    return x[:, 0].copy()


# -- LoRA ------------------------------------------------------------------------------------------------------


@exercise(
    minutes=10,
    difficulty=2,
    hints=[
        "(14.4): what is added to W x is (alpha / r) B A x. Which matrix, of which shape, must then be added to W?",
        "r is the number of rows of A. The new matrix is W + (alpha / r) * (B @ A), of the shape of W.",
    ],
)
def merge(W, A, B, alpha):
    """Merge what LoRA has learned into the matrix, (14.4). Return a numpy array of W's shape.

    W (outputs, inputs): the frozen matrix. A (r, inputs) and B (outputs, r): what was learned; the rank r is to be
    read from them. The merged matrix must do to every x what W and the path beside it do together.

    With W [[1.0, 0.0]], A [[1.0, 2.0]], B [[3.0]] and alpha 2 it is [[7.0, 12.0]]: r is 1, 2 * 3 * [1, 2] is added.
    """
    return W + alpha / len(A) * (B @ A)


@merge.example
def _():
    return (np.array([[1.0, 0.0]]), np.array([[1.0, 2.0]]), np.array([[3.0]]), 2), np.array([[7.0, 12.0]])


@merge.example
def _():
    A, B = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[1.0, 2.0], [0.0, 1.0]])
    return (np.zeros((2, 2)), A, B, 4), np.array([[2.0, 4.0], [0.0, 2.0]])


@merge.fresh
def _(rng):
    outputs, inputs, r = (int(rng.integers(1, 5)) for _ in range(3))
    W, A, B = (rng.normal(size=shape).round(2) for shape in ((outputs, inputs), (r, inputs), (outputs, r)))
    return W, A, B, int(rng.integers(1, 9))


@merge.truth
def _(W, A, B, alpha):
    columns = np.eye(W.shape[1])  # what the layer does to each unit vector is a column of the merged matrix
    return np.stack([W @ x + alpha / A.shape[0] * (B @ (A @ x)) for x in columns], axis=1)


@merge.variant
def one_rank_at_a_time(W, A, B, alpha):
    merged = W.copy()
    for i in range(A.shape[0]):
        merged += alpha / A.shape[0] * np.outer(B[:, i], A[i])
    return merged


@merge.misconception(
    "You multiply by alpha, not by alpha / r: with twice the rank the path beside W would count twice."
)
def alpha_alone(W, A, B, alpha):
    return W + alpha * (B @ A)


@merge.misconception("You left the factor alpha / r out.")
def without_a_factor(W, A, B, alpha):
    return W + B @ A


@merge.misconception(
    "This is only what is added. The frozen matrix still does its part: LoRA learns a change of W, not another W."
)
def the_change_alone(W, A, B, alpha):
    return alpha / len(A) * (B @ A)


@merge.misconception(
    "You divided by the number of B's outputs or inputs, not by the rank r: A has r rows, B has r columns."
)
def divided_by_the_outputs(W, A, B, alpha):
    return W + alpha / len(B) * (B @ A)


@exercise(
    minutes=5,
    difficulty=1,
    hints=[
        "A has r rows of d numbers, B has d rows of r. How many such pairs are there in one layer?",
        "2 * d * r numbers for each matrix, times matrices per layer, times layers.",
    ],
)
def lora_numbers(d, r, matrices, layers):
    """How many numbers does LoRA train? Return a whole number.

    The model has `layers` layers; in each of them `matrices` matrices of d rows and d columns get a pair A, B of rank
    r, (14.4). The matrices themselves stay frozen, and so does all the rest.

    lora_numbers(768, 8, 2, 12) is 294,912: of BERT-base's 110 million the queries' and values' matrices, rank 8.
    """
    return 2 * d * r * matrices * layers


@lora_numbers.example
def _():
    return (768, 8, 2, 12), 294_912


@lora_numbers.example
def _():
    return (3, 1, 1, 1), 6


@lora_numbers.fresh
def _(rng):
    return tuple(int(rng.integers(1, high)) for high in (100, 9, 5, 13))


@lora_numbers.truth
def _(d, r, matrices, layers):
    from torch import nn

    from lmlib.models.lora import LoRALinear, trained

    if r > d or d * matrices * layers > 2000:  # too large to be built at each check
        return sum(r * d + d * r for _ in range(matrices * layers))
    return sum(trained(LoRALinear(nn.Linear(d, d), r)) for _ in range(matrices * layers))


@lora_numbers.variant
def counted_up(d, r, matrices, layers):
    A, B = r * d, d * r
    return (A + B) * matrices * layers


@lora_numbers.misconception("There are two thin matrices to each: A and B. You counted one of them.")
def one_of_the_two(d, r, matrices, layers):
    return d * r * matrices * layers


@lora_numbers.misconception(
    "This is the size of the frozen matrices, or of B A multiplied out. Trained are A and B: 2 d r numbers."
)
def the_whole_matrix(d, r, matrices, layers):
    return d * d * matrices * layers


@lora_numbers.misconception("You counted one layer: each layer has its own pairs.")
def one_layer(d, r, matrices, layers):
    return 2 * d * r * matrices


@lora_numbers.misconception("You counted one pair a layer: each of the `matrices` has its own.")
def one_pair_a_layer(d, r, matrices, layers):
    return 2 * d * r * layers
