"""The exercises of lesson 11: counting words, one step of logistic regression, and how to judge a classifier."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.metrics import confusion_matrix, precision_recall_curve, precision_recall_fscore_support
from sklearn.preprocessing import StandardScaler

from lmlib.exercises.engine import exercise

# -- a bag of words ----------------------------------------------------------------------------------------------


@exercise(
    minutes=5,
    difficulty=1,
    hints=[
        "One number for each word of the vocabulary, in its order. Which words of the text does it leave out?",
        "list.count counts: words.count('good').",
    ],
)
def bag(words, vocabulary):
    """The bag of a text: how often each word of the vocabulary stands in it. Return a list of whole numbers.

    words: the words of the text, a list. vocabulary: a list of different words. A word of the text that is not in the
    vocabulary counts nowhere.

    bag(["good", "soup", "good", "bread"], ["bad", "good", "soup"]) is [0, 2, 1]
    """
    counts = [0] * len(vocabulary)
    for word in words:
        if word in vocabulary:
            counts[vocabulary.index(word)] += 1
    return counts


@bag.example
def _():
    return (["good", "soup", "good", "bread"], ["bad", "good", "soup"]), [0, 2, 1]


@bag.example
def _():
    return ([], ["bad", "good"]), [0, 0]


_WORDS = ["bad", "good", "soup", "bread", "was", "the", "never", "but"]


@bag.fresh
def _(rng):
    vocabulary = [str(word) for word in rng.permutation(_WORDS)[: rng.integers(1, 7)]]
    return [str(word) for word in rng.choice(_WORDS, rng.integers(0, 12))], vocabulary


@bag.truth
def _(words, vocabulary):
    counter = CountVectorizer(vocabulary=vocabulary, analyzer=lambda text: text)
    return counter.transform([words]).toarray()[0].tolist()


@bag.variant
def with_count(words, vocabulary):
    return [words.count(word) for word in vocabulary]


@bag.misconception("You noted which words are there. A bag counts how often: a word that comes twice counts 2.")
def only_whether(words, vocabulary):
    return [int(word in words) for word in vocabulary]


@bag.misconception(
    "You went through the text, one number a word. A bag has one number for each word of the VOCABULARY, so that all "
    "texts, short or long, give equally many."
)
def along_the_text(words, vocabulary):
    return [words.count(word) for word in words]


@bag.misconception("You divided by the length of the text. That is done, too, but a bag holds counts.")
def shares(words, vocabulary):
    return [words.count(word) / max(1, len(words)) for word in vocabulary]


@bag.misconception(
    "The words stand in the order of the alphabet here. The order is the vocabulary's: number i is of its word i."
)
def sorted_by_name(words, vocabulary):
    return [words.count(word) for word in sorted(vocabulary)]


# -- one step of logistic regression -----------------------------------------------------------------------------


def _p(X, w, b):
    return 1 / (1 + np.exp(-(X @ w + b)))


@exercise(
    minutes=10,
    difficulty=2,
    hints=[
        "First the probabilities of all rows, (11.1), with the weights as they are. The error of a row is p - y.",
        "The gradient of the weights is X.T @ (p - y) / n, that of the bias the mean of p - y, (11.3). Go downhill.",
    ],
)
def step(X, y, w, b, rate):
    """One step of gradient descent for logistic regression, (11.1) and (11.3): return the new (w, b).

    X: numpy array (n, d), a row a text. y: (n,), labels 0 or 1. w: (d,). b: a number. rate: the learning rate. The
    loss is the mean over the n rows, without a penalty.

    With X [[1], [1]], y [1, 1], w [0], b 0 and rate 1 all probabilities are 1/2, the errors -1/2, and the answer is
    ([0.5], 0.5).
    """
    error = 1 / (1 + np.exp(-(X @ w + b))) - y
    return w - rate * X.T @ error / len(y), b - rate * error.mean()


@step.example
def _():
    return (np.array([[1.0], [1.0]]), np.array([1, 1]), np.zeros(1), 0.0, 1.0), (np.array([0.5]), 0.5)


@step.example
def _():
    X = np.array([[2.0, 0.0], [0.0, 1.0]])
    return (X, np.array([1, 0]), np.zeros(2), 0.0, 0.1), (np.array([0.05, -0.025]), 0.0)


@step.fresh
def _(rng):
    n, d = int(rng.integers(2, 6)), int(rng.integers(1, 5))
    X = rng.integers(0, 4, (n, d)).astype(float)
    return X, rng.integers(0, 2, n), rng.normal(size=d).round(2), round(float(rng.normal()), 2), 0.5


@step.truth
def _(X, y, w, b, rate):
    w_, b_ = torch.tensor(w, requires_grad=True), torch.tensor(float(b), dtype=torch.float64, requires_grad=True)
    F.binary_cross_entropy_with_logits(torch.tensor(X) @ w_ + b_, torch.tensor(y, dtype=torch.float64)).backward()
    return w - rate * w_.grad.numpy(), b - rate * b_.grad.item()


@step.variant
def row_by_row(X, y, w, b, rate):
    gradient_w, gradient_b = np.zeros(len(w)), 0.0
    for x, label in zip(X, y):
        p = 1 / (1 + math.exp(-(float(x @ w) + b)))
        gradient_w, gradient_b = gradient_w + (p - label) * x, gradient_b + p - label
    return w - rate * gradient_w / len(X), b - rate * gradient_b / len(X)


@step.misconception("You went up the hill: the loss grows. Go AGAINST the gradient, whose error is p - y.")
def uphill(X, y, w, b, rate):
    error = _p(X, w, b) - y
    return w + rate * X.T @ error / len(y), b + rate * error.mean()


@step.misconception("You added up the rows. The loss is their mean: divide by how many there are.")
def sum_of_rows(X, y, w, b, rate):
    error = _p(X, w, b) - y
    return w - rate * X.T @ error, b - rate * error.sum()


@step.misconception("The sigmoid is missing: the error is the probability minus the label, not the logit.")
def no_sigmoid(X, y, w, b, rate):
    error = X @ w + b - y
    return w - rate * X.T @ error / len(y), b - rate * error.mean()


@step.misconception("The bias must move, too: by the mean of the errors.")
def bias_stays(X, y, w, b, rate):
    return w - rate * X.T @ (_p(X, w, b) - y) / len(y), b


@step.misconception(
    "You multiplied the error by the slope p (1 - p) once more. That belongs to the squared error; with the cross-"
    "entropy it cancels out."
)
def squared_error(X, y, w, b, rate):
    p = _p(X, w, b)
    error = (p - y) * p * (1 - p)
    return w - rate * X.T @ error / len(y), b - rate * error.mean()


@step.misconception(
    "You moved the weights first and judged the bias with the new ones. Both gradients belong to one point."
)
def one_after_the_other(X, y, w, b, rate):
    w = w - rate * X.T @ (_p(X, w, b) - y) / len(y)
    return w, b - rate * (_p(X, w, b) - y).mean()


# -- confusion ---------------------------------------------------------------------------------------------------


@exercise(
    minutes=5,
    difficulty=1,
    hints=[
        "A 2 by 2 array of zeros, and for each text one of the four numbers grows by 1.",
        "matrix[what it is, what was said] += 1.",
    ],
)
def confusion(truth, said):
    """The confusion matrix: return a numpy array (2, 2) of whole numbers. Row: what it is; column: what was said.

    truth and said: lists of labels, 0 or 1, equally long.

    confusion([1, 1, 0], [1, 0, 0]) is [[1, 0], [1, 1]]: one blame said to be blame; one praise said to be blame, one
    said to be praise.
    """
    matrix = np.zeros((2, 2), dtype=int)
    for is_, says in zip(truth, said):
        matrix[is_, says] += 1
    return matrix


@confusion.example
def _():
    return ([1, 1, 0], [1, 0, 0]), np.array([[1, 0], [1, 1]])


@confusion.example
def _():
    return ([], []), np.zeros((2, 2), dtype=int)


@confusion.fresh
def _(rng):
    n = int(rng.integers(3, 20))
    return [int(x) for x in rng.integers(0, 2, n)], [int(x) for x in rng.random(n) < 0.7]


@confusion.truth
def _(truth, said):
    return confusion_matrix(truth, said, labels=[0, 1]) if truth else np.zeros((2, 2), dtype=int)


@confusion.variant
def by_code(truth, said):
    return np.bincount(2 * np.array(truth, dtype=int) + np.array(said, dtype=int), minlength=4).reshape(2, 2)


@confusion.misconception(
    "Rows and columns are exchanged: a row is what the text IS, a column what was said. (Books differ, so a matrix "
    "without names on its sides says nothing.)"
)
def transposed(truth, said):
    return confusion.reference(said, truth)


@confusion.misconception("Praise comes first in your matrix. Row 0 and column 0 belong to the label 0.")
def praise_first(truth, said):
    return confusion.reference(truth, said)[::-1, ::-1].copy()


@confusion.misconception("You counted only what is right. The errors belong beside the diagonal.")
def only_right_ones(truth, said):
    return np.diag(np.diag(confusion.reference(truth, said)))


# -- precision, recall, F1 ---------------------------------------------------------------------------------------


@exercise(
    minutes=10,
    difficulty=1,
    hints=[
        "Count three things: said and true (hits), said, and true. Which quotient is which?",
        "Precision is hits / said, recall is hits / true; F1 is 2 P R / (P + R). Guard each against a divisor of 0.",
    ],
)
def scores(truth, said):
    """Precision, recall and F1 of the label 1, (11.4): return the three numbers. What would be 0 / 0 is 0.

    truth and said: lists of labels, 0 or 1, equally long.

    scores([1, 1, 1, 0], [1, 0, 0, 0]) is (1.0, 0.333..., 0.5): what was found is right, two were missed.
    """
    hits = sum(1 for is_, says in zip(truth, said) if is_ == says == 1)
    precision = hits / sum(said) if sum(said) else 0.0
    recall = hits / sum(truth) if sum(truth) else 0.0
    return precision, recall, 2 * precision * recall / (precision + recall) if hits else 0.0


@scores.example
def _():
    return ([1, 1, 1, 0], [1, 0, 0, 0]), (1.0, 1 / 3, 0.5)


@scores.example
def _():
    return ([1, 0, 0], [0, 0, 0]), (0.0, 0.0, 0.0)


@scores.fresh
def _(rng):
    n = int(rng.integers(4, 16))
    truth, said = rng.random(n) < rng.choice([0.0, 0.3, 0.6]), rng.random(n) < rng.choice([0.0, 0.4, 0.8])
    return [int(x) for x in truth], [int(x) for x in said]


@scores.truth
def _(truth, said):
    found = precision_recall_fscore_support(truth, said, average="binary", zero_division=0)
    return tuple(float(x) for x in found[:3])


@scores.variant
def from_four_counts(truth, said):
    truth, said = np.array(truth, dtype=bool), np.array(said, dtype=bool)
    hit, false, missed = int((truth & said).sum()), int((~truth & said).sum()), int((truth & ~said).sum())

    def share(a, b):
        return a / b if b else 0.0

    return share(hit, hit + false), share(hit, hit + missed), share(2 * hit, 2 * hit + false + missed)


@scores.misconception(
    "Precision and recall are exchanged. Precision: of what was SAID to be praise, how much is? Recall: of what IS "
    "praise, how much was found?"
)
def swapped(truth, said):
    precision, recall, f1 = scores.reference(truth, said)
    return recall, precision, f1


@scores.misconception(
    "Your precision is the accuracy. Precision looks at the texts that were said to be 1, no others."
)
def accuracy_for_precision(truth, said):
    accuracy = sum(a == b for a, b in zip(truth, said)) / len(truth)
    recall = scores.reference(truth, said)[1]
    return accuracy, recall, 2 * accuracy * recall / (accuracy + recall) if accuracy * recall else 0.0


@scores.misconception(
    "F1 is the HARMONIC mean: 2 P R / (P + R). Your plain mean gives one half to whoever finds hardly any."
)
def plain_mean(truth, said):
    precision, recall, _ = scores.reference(truth, said)
    return precision, recall, (precision + recall) / 2


@scores.misconception("These are the scores of the label 0. Here the label 1 is looked for.")
def of_the_other_label(truth, said):
    return scores.reference([1 - x for x in truth], [1 - x for x in said])


@scores.misconception("What would be 0 / 0 must be 0 here: whoever finds nothing has earned nothing.")
def nothing_is_perfect(truth, said):
    precision, recall, f1 = scores.reference(truth, said)
    return precision if sum(said) else 1.0, recall if sum(truth) else 1.0, f1


# -- a threshold -------------------------------------------------------------------------------------------------


@exercise(
    minutes=20,
    difficulty=3,
    hints=[
        "Only the probabilities themselves are worth trying as thresholds. Judge each of them from scratch.",
        "Precision does not always fall when the threshold does: do not stop at the first that fails. For each t in "
        "sorted(probabilities): said = probabilities >= t; truth[said].mean() is the precision.",
    ],
)
def threshold(probabilities, truth, wanted):
    """The lowest threshold with a precision of at least `wanted`, so that as many as possible are found.

    probabilities: numpy array (n,), what a classifier says. truth: numpy array (n,) of 0 and 1. A text is said to be
    1 if its probability is at least the threshold. Try as thresholds the probabilities themselves. If none does,
    return infinity.

    threshold([0.9, 0.6, 0.2], [1, 0, 1], wanted=1.0) is 0.9; with wanted=0.6 it is 0.2: two of three are right.
    """
    for t in sorted(probabilities):
        if truth[probabilities >= t].mean() >= wanted:
            return float(t)
    return float("inf")


@threshold.example
def _():
    return (np.array([0.9, 0.6, 0.2]), np.array([1, 0, 1]), 1.0), 0.9


@threshold.example
def _():
    return (np.array([0.9, 0.6, 0.2]), np.array([1, 0, 1]), 0.6), 0.2


@threshold.example
def _():
    return (np.array([0.9, 0.3]), np.array([0, 0]), 0.5), float("inf")


@threshold.fresh
def _(rng):
    n = int(rng.integers(3, 10))
    probabilities = (rng.permutation(20)[:n] + 1) / 25
    if rng.random() < 0.5:
        probabilities[1] = probabilities[0]  # a tie
    return probabilities, (rng.random(n) < 0.3 + 0.5 * probabilities).astype(int), float(rng.choice([0.5, 0.75, 1.0]))


@threshold.truth
def _(probabilities, truth, wanted):
    precision, _, thresholds = precision_recall_curve(truth, probabilities) if truth.any() else ([], [], [])
    good = [float(t) for p, t in zip(precision, thresholds) if p >= wanted]
    return min(good, default=math.inf)


@threshold.variant
def over_all(probabilities, truth, wanted):
    best = math.inf
    for t in set(probabilities.tolist()):
        said = probabilities >= t
        if int((truth * said).sum()) / int(said.sum()) >= wanted:
            best = min(best, t)
    return best


@threshold.misconception(
    "You came from above and stopped at the first threshold that fails. Precision may rise again further down: here "
    "a lower threshold is as precise and finds more."
)
def stops_too_early(probabilities, truth, wanted):
    best = math.inf
    for t in sorted(set(probabilities.tolist()), reverse=True):
        if truth[probabilities >= t].mean() < wanted:
            break
        best = t
    return best


@threshold.misconception("That is the highest threshold that does. The lowest one finds more.")
def the_highest(probabilities, truth, wanted):
    return max(
        (t for t in probabilities.tolist() if truth[probabilities >= t].mean() >= wanted), default=float("inf")
    )


@threshold.misconception("You looked at the recall: which share of the true ones is found. Wanted is a precision.")
def recall_instead(probabilities, truth, wanted):
    found = [
        t for t in probabilities.tolist() if truth.any() and truth[probabilities >= t].sum() / truth.sum() >= wanted
    ]
    return min(found, default=math.inf)


@threshold.misconception("A text at the threshold itself counts as said, too: at least, not above.")
def above_it(probabilities, truth, wanted):
    for t in sorted(probabilities.tolist()):
        said = probabilities > t
        if said.any() and truth[said].mean() >= wanted:
            return t
    return math.inf


# -- spot the error: a test that has been looked at --------------------------------------------------------------


@exercise(
    minutes=15,
    difficulty=2,
    hints=[
        "Imagine that the test texts come tomorrow. Which of these numbers could you know today?",
        "Mean and spread are those of the training rows, and both parts are scaled with them.",
    ],
)
def scaled(train, test):
    """Spot the error. Columns are scaled to mean 0 and spread 1 before a classifier learns. Someone did it like this,
    and the classifier looks a little better in the test than it is. Mend it. Return (train, test), both scaled.

    train: numpy array (n, d). test: (m, d). The spread is the standard deviation with division by the number of rows;
    a column without spread is divided by 1.

    With train [[0], [2]] and test [[5]], mean and spread are 1 and 1, and the answer is ([[-1], [1]], [[4]]).
    """
    mean, spread = train.mean(axis=0), train.std(axis=0)
    spread = np.where(spread == 0, 1.0, spread)
    return (train - mean) / spread, (test - mean) / spread


@scaled.start
def _(train, test):
    rows = np.concatenate((train, test))
    mean, spread = rows.mean(axis=0), rows.std(axis=0)
    spread = np.where(spread == 0, 1.0, spread)
    return (train - mean) / spread, (test - mean) / spread


@scaled.example
def _():
    return (np.array([[0.0], [2.0]]), np.array([[5.0]])), (np.array([[-1.0], [1.0]]), np.array([[4.0]]))


@scaled.example
def _():
    train, test = np.array([[3.0, 1.0], [3.0, 1.0]]), np.array([[4.0, 1.0]])
    return (train, test), (np.zeros((2, 2)), np.array([[1.0, 0.0]]))


@scaled.fresh
def _(rng):
    d = int(rng.integers(1, 4))
    train = rng.integers(0, 9, (int(rng.integers(2, 6)), d)).astype(float)
    train[:, 0] = train[0, 0] if rng.random() < 0.3 else train[:, 0]
    return train, rng.integers(0, 9, (int(rng.integers(2, 5)), d)).astype(float)


@scaled.truth
def _(train, test):
    scaler = StandardScaler().fit(train)
    return scaler.transform(train), scaler.transform(test)


@scaled.variant
def column_by_column(train, test):
    train, test = train.copy(), test.copy()
    for column in range(train.shape[1]):
        mean, spread = train[:, column].mean(), train[:, column].std() or 1.0
        for part in (train, test):
            part[:, column] = (part[:, column] - mean) / spread
    return train, test


@scaled.misconception(
    "Mean and spread still come from both parts: the test has told the training something. Nothing may be learned "
    "from it, not even a mean."
)
def as_it_was(train, test):
    scaler = StandardScaler().fit(np.vstack((train, test)))
    return scaler.transform(train), scaler.transform(test)


@scaled.misconception(
    "The test got a mean and a spread of its own. Then the same text gives other numbers in training and in the test,"
    " and a single text could not be judged at all."
)
def each_its_own(train, test):
    return tuple(
        (part - part.mean(axis=0)) / np.where(part.std(axis=0) == 0, 1.0, part.std(axis=0)) for part in (train, test)
    )


@scaled.misconception(
    "Only the training part is scaled. The classifier learned on scaled columns and must be asked on such."
)
def test_forgotten(train, test):
    return scaled.reference(train, test)[0], test


@scaled.misconception("The mean and the spread belong to each column; you took one for the whole table.")
def one_for_all(train, test):
    mean, spread = train.mean(), train.std() or 1.0
    return (train - mean) / spread, (test - mean) / spread
