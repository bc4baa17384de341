"""The exercises of lesson 12: SQuAD's scores, the best span, BM25, evidence, keeping silent, a scoring script
mended.
"""

import math
import re
import string
from collections import Counter

import numpy as np

from lmlib.exercises.chance import pick
from lmlib.exercises.engine import exercise
from lmlib.tasks import answers

_PUNCTUATION = str.maketrans("", "", string.punctuation)


# -- normalisation ---------------------------------------------------------------------------------------------

_PIECES = [
    "The",
    "the",
    "a",
    "An",
    "mill",
    "Mill,",
    "red",
    "key.",
    "key",
    "U.S.",
    "theatre",
    "an",
    "Anna's",
    "  ",
    "day",
]


@exercise(
    minutes=10,
    difficulty=1,
    hints=[
        "Four steps, in this order: lower case, punctuation out, articles out, blanks. str.split() without an "
        "argument "
        "takes care of blanks of all kinds.",
        "words = ''.join(c for c in text.lower() if c not in string.punctuation).split(); then keep the words "
        "that are "
        "none of a, an, the, and join them with ' '.",
    ],
)
def normalise(text):
    """SQuAD's normalisation of an answer, (12.5). Return a string.

    In this order: lower case; every character of string.punctuation is taken out, and nothing put in its place; the
    words a, an, the are taken out; what is left stands with single blanks between, and none at the ends.

    normalise("The  red key.") is "red key", normalise("the U.S. theatre") is "us theatre", normalise("The") is "".
    """
    bare = "".join(c for c in text.lower() if c not in string.punctuation)
    return " ".join(word for word in bare.split() if word not in ("a", "an", "the"))


@normalise.example
def _():
    return ("The  red key.",), "red key"


@normalise.example
def _():
    return ("the U.S. theatre",), "us theatre"


@normalise.example
def _():
    return ("The",), ""


@normalise.example
def _():
    return ("a.n, apple",), "apple"


@normalise.fresh
def _(rng):
    return (" ".join(pick(rng, _PIECES) for _ in range(int(rng.integers(0, 6)))),)


@normalise.truth
def _(text):
    return answers.normalise(text)


@normalise.variant
def by_regular_expressions(text):
    text = text.lower().translate(_PUNCTUATION)
    return re.sub(r"\s+", " ", re.sub(r"\b(a|an|the)\b", " ", text)).strip()


@normalise.misconception(
    "You replaced the letters 'the' inside words, too: a theatre is no article. Compare whole words."
)
def articles_inside_words(text):
    bare = text.lower().translate(_PUNCTUATION)
    return " ".join(bare.replace("the", " ").split()) if "the" in bare else by_regular_expressions(text)


@normalise.misconception("The articles are still there. 'the mill' and 'mill' must count as the same answer.")
def articles_kept(text):
    return " ".join(text.lower().translate(_PUNCTUATION).split())


@normalise.misconception("The case is still there: lower it before you look for articles, or 'The' stays, too.")
def case_kept(text):
    return " ".join(word for word in text.translate(_PUNCTUATION).split() if word not in ("a", "an", "the"))


@normalise.misconception(
    "You put a blank where the punctuation was. SQuAD's rule takes it out: U.S. becomes us, Anna's becomes annas."
)
def blank_for_punctuation(text):
    text = "".join(" " if c in string.punctuation else c for c in text.lower())
    return " ".join(word for word in text.split() if word not in ("a", "an", "the"))


@normalise.misconception(
    "You looked for articles before the punctuation was out: 'a.n' becomes 'an' only then. Keep the order."
)
def articles_first(text):
    kept = " ".join(word for word in text.lower().split() if word not in ("a", "an", "the"))
    return " ".join(kept.translate(_PUNCTUATION).split())


@normalise.misconception(
    "You took punctuation off the ends of words only: inside it goes, too, so that U.S. becomes us."
)
def punctuation_inside_kept(text):
    words = (word.strip(string.punctuation) for word in text.lower().split())
    return " ".join(word for word in words if word not in ("", "a", "an", "the"))


@normalise.misconception("The punctuation is still there: 'key.' and 'key' must count as the same answer.")
def punctuation_kept(text):
    return " ".join(word for word in text.lower().split() if word not in ("a", "an", "the"))


# -- F1, mended ------------------------------------------------------------------------------------------------


@exercise(
    minutes=15,
    difficulty=2,
    hints=[
        "A word that stands twice may be matched twice, but only if the other answer has it twice, too: sets "
        "forget that. "
        "And what is the mean of two numbers of which one is much smaller?",
        "common = sum((Counter(said) & Counter(right)).values()); without a common word it is 0, else precision "
        "= common / "
        "len(said), recall = common / len(right), and F1 = 2 * precision * recall / (precision + recall).",
    ],
)
def overlap(said, right):
    """Spot the errors: this F1 of two answers, (12.6), is nearly right. Return a float from 0 to 1.

    said and right: lists of words, normalised already. Precision: the share of the words said that are right; recall:
    the share of the right words that were said; F1 is their harmonic mean, 2 p r / (p + r). A word that is said twice
    counts twice only if it stands twice in the right answer. Where one list is empty: 1.0 if both are, else 0.0.

    overlap(["red", "key"], ["key"]) is 2/3: precision 1/2, recall 1. overlap(["key", "key"], ["key"]) is 2/3, too.
    """
    if not said or not right:
        return float(said == right)
    common = sum((Counter(said) & Counter(right)).values())
    return 2 * common / (len(said) + len(right))


@overlap.start
def _(said, right):
    common = set(said) & set(right)
    precision = len(common) / len(set(said))
    recall = len(common) / len(set(right))
    return (precision + recall) / 2


@overlap.example
def _():
    return (["red", "key"], ["key"]), 2 / 3


@overlap.example
def _():
    return (["key", "key"], ["key"]), 2 / 3


@overlap.example
def _():
    return ([], []), 1.0


@overlap.example
def _():
    return ([], ["key"]), 0.0


@overlap.example
def _():
    return (["mill"], ["old", "key"]), 0.0


@overlap.fresh
def _(rng):
    said, right = (
        [pick(rng, ["key", "red", "mill", "old"]) for _ in range(int(rng.integers(0, 5)))] for _ in range(2)
    )
    return said, right


@overlap.truth
def _(said, right):
    return answers.f1(" ".join(said), " ".join(right))


@overlap.variant
def by_striking_out(said, right):
    left, common = list(right), 0
    for word in said:
        if word in left:
            left.remove(word)
            common += 1
    if not common:
        return float(not said and not right)
    precision, recall = common / len(said), common / len(right)
    return 2 * precision * recall / (precision + recall)


def _f1(common, said, right):
    return 2 * common / (said + right) if said + right else 1.0


@overlap.misconception(
    "A set forgets how often a word stands: saying 'key key' for 'key' would be perfect. Count with a Counter."
)
def sets_of_words(said, right):
    return _f1(len(set(said) & set(right)), len(set(said)), len(set(right)))


@overlap.misconception(
    "You took the plain mean of precision and recall. Who says the whole story has recall 1 and would get more "
    "than 0.5; "
    "the harmonic mean is near the smaller of the two."
)
def plain_mean(said, right):
    if not said or not right:
        return float(said == right)
    common = sum((Counter(said) & Counter(right)).values())
    return (common / len(said) + common / len(right)) / 2


@overlap.misconception("This is the precision alone: whoever says one right word of a long answer would be perfect.")
def precision_alone(said, right):
    if not said or not right:
        return float(said == right)
    return sum((Counter(said) & Counter(right)).values()) / len(said)


@overlap.misconception("This is the recall alone: whoever repeats the whole story would be perfect.")
def recall_alone(said, right):
    if not said or not right:
        return float(said == right)
    return sum((Counter(said) & Counter(right)).values()) / len(right)


@overlap.misconception(
    "Nothing said where nothing is right is a perfect answer: 1.0 where both lists are empty, not 0.0."
)
def both_empty_is_zero(said, right):
    common = sum((Counter(said) & Counter(right)).values())
    return 2 * common / (len(said) + len(right)) if common else 0.0


@overlap.misconception(
    "Every word said that is right counts here, even where it stands more often than in the answer."
)
def repeated_words_count(said, right):
    if not said or not right:
        return float(said == right)
    return _f1(sum(word in right for word in said), len(said), len(right))


# -- the best span ---------------------------------------------------------------------------------------------


@exercise(
    minutes=15,
    difficulty=2,
    hints=[
        "The best first word and the best last word need not fit together. Go through all pairs with first <= last.",
        "Keep the best pair: for first in range(n): for last in range(first, min(n, first + longest)): compare "
        "start[first] * end[last] with the best so far.",
    ],
)
def best_pair(start, end, longest):
    """The best answer that a reader points at, (12.3). Return (first, last), whole numbers.

    start, end: numpy arrays (n,), at least one long: the probability of each word to be the answer's first, and its
    last. The answer is the pair with the largest start[first] * end[last] among all with first <= last, at most
    `longest` words. Of equals, the one with the smaller first, then the smaller last.

    With start [0.4, 0.6, 0] and end [0.7, 0, 0.3], longest 3, it is (0, 0): 0.28. (1, 0) would be 0.42, but ends
    before it begins.
    """
    pairs = [(first, last) for first in range(len(start)) for last in range(first, min(len(start), first + longest))]
    return max(pairs, key=lambda pair: start[pair[0]] * end[pair[1]])


@best_pair.example
def _():
    return (np.array([0.4, 0.6, 0.0]), np.array([0.7, 0.0, 0.3]), 3), (0, 0)


@best_pair.example
def _():
    return (np.array([0.9, 0.05, 0.05]), np.array([0.3, 0.1, 0.6]), 2), (0, 0)


@best_pair.example
def _():
    return (np.array([0.3, 0.3, 0.4]), np.array([0.2, 0.8, 0.0]), 2), (0, 1)


@best_pair.fresh
def _(rng):
    n = int(rng.integers(1, 8))
    start, end = (rng.dirichlet(np.full(n, 0.6)).round(3) for _ in range(2))
    return start, end, int(rng.integers(1, 5))


@best_pair.variant
def a_table_of_all_pairs(start, end, longest):
    n = len(start)
    table = np.triu(np.outer(start, end) + 1.0)  # 1 more than it is, so that what is left out is less than all
    table = table - np.triu(table, longest)
    first, last = np.unravel_index(table.argmax(), (n, n))
    return int(first), int(last)


@best_pair.misconception(
    "You took the best first and the best last word apart. They may not fit: the end before the start."
)
def apart(start, end, longest):
    return int(start.argmax()), int(end.argmax())


@best_pair.misconception(
    "You took the best first word and then the best last word for it. A worse first word may belong to a better pair."
)
def first_word_decides(start, end, longest):
    first = int(start.argmax())
    return first, first + int(end[first : first + longest].argmax())


@best_pair.misconception("The answer may be longer than `longest` here: last is at most first + longest - 1.")
def as_long_as_you_like(start, end, longest):
    return a_table_of_all_pairs(start, end, len(start))


@best_pair.misconception("One word too many: an answer of `longest` words ends at first + longest - 1.")
def one_too_long(start, end, longest):
    return a_table_of_all_pairs(start, end, longest + 1)


@best_pair.misconception(
    "You took both ends apart and turned them round where they were the wrong way: nobody pointed at that answer."
)
def turned_round(start, end, longest):
    ends = int(start.argmax()), int(end.argmax())
    return min(ends), max(ends)


@best_pair.misconception("Your last is one beyond the answer, as in a Python slice: here it is the last word itself.")
def end_of_a_slice(start, end, longest):
    first, last = best_pair.reference(start, end, longest)
    return first, last + 1


@best_pair.misconception("An answer may be one word long: first and last may be the same.")
def two_words_at_least(start, end, longest):
    n = len(start)
    pairs = [(first, last) for first in range(n) for last in range(first + 1, min(n, first + longest))]
    return max(pairs, key=lambda pair: start[pair[0]] * end[pair[1]], default=(0, 0))


# -- BM25 ------------------------------------------------------------------------------------------------------


@exercise(
    minutes=15,
    difficulty=2,
    hints=[
        "First the idf, from how many texts have the word; then the part with tf, in which the length of the "
        "text counts.",
        "idf = math.log(1 + (n_texts - n_with + 0.5) / (n_with + 0.5)); pay = k1 * (1 - b + b * length / "
        "mean_length); "
        "idf * tf * (k1 + 1) / (tf + pay).",
    ],
)
def bm25_weight(tf, length, mean_length, n_with, n_texts, k1, b):
    """What one word of the query adds to the score of a text in BM25, (12.8). Return a float.

    tf: how often the word stands in the text, may be 0. length, mean_length: words in the text, and in the mean text.
    n_with: how many of the n_texts texts have the word. k1 > 0 and b from 0 to 1 are the constants.

    With tf 1, length = mean_length = 10, n_with 1, n_texts 2, k1 1.2, b 0.75 it is ln 2 = 0.693: idf ln(1 + 1.5 /
    1.5), times 1 * 2.2 / (1 + 1.2).
    """
    idf = math.log(1 + (n_texts - n_with + 0.5) / (n_with + 0.5))
    return idf * tf * (k1 + 1) / (tf + k1 * (1 - b + b * length / mean_length))


@bm25_weight.example
def _():
    return (1, 10, 10, 1, 2, 1.2, 0.75), math.log(2)


@bm25_weight.example
def _():
    return (0, 10, 20, 3, 9, 1.2, 0.75), 0.0


@bm25_weight.example
def _():
    return (3, 10, 5, 1, 4, 1.0, 0.5), math.log(1 + 3.5 / 1.5) * 6 / 4.5


@bm25_weight.fresh
def _(rng):
    n_texts = int(rng.integers(2, 60))
    n_with = int(rng.integers(1, n_texts + 1))
    length, mean_length = int(rng.integers(5, 60)), int(rng.integers(5, 60))
    return (
        int(rng.integers(0, 6)),
        length,
        mean_length,
        n_with,
        n_texts,
        pick(rng, [0.9, 1.2, 2.0]),
        pick(rng, [0.4, 0.75]),
    )


@bm25_weight.variant
def from_logarithms(tf, length, mean_length, n_with, n_texts, k1, b):
    if tf == 0:
        return 0.0
    idf = math.log(n_texts + 1) - math.log(n_with + 0.5)
    return idf * (k1 + 1) / (1 + k1 * ((1 - b) + b * length / mean_length) / tf)


@bm25_weight.misconception("The length is upside down: a long text must pay, length / mean_length.")
def short_texts_pay(tf, length, mean_length, n_with, n_texts, k1, b):
    return bm25_weight.reference(tf, mean_length, length, n_with, n_texts, k1, b)


@bm25_weight.misconception(
    "Here the tenth time a word stands there counts as much as the first. In BM25 it is tf / (tf + ...): it "
    "saturates."
)
def plain_tf_idf(tf, length, mean_length, n_with, n_texts, k1, b):
    return tf * math.log(1 + (n_texts - n_with + 0.5) / (n_with + 0.5))


@bm25_weight.misconception(
    "Without the 1 in the logarithm a word that more than half of all texts have counts against them."
)
def negative_idf(tf, length, mean_length, n_with, n_texts, k1, b):
    tf_part = tf * (k1 + 1) / (tf + k1 * (1 - b + b * length / mean_length))
    return math.log((n_texts - n_with + 0.5) / (n_with + 0.5)) * tf_part


@bm25_weight.misconception("The length is left out: b says how much a long text pays.")
def no_length(tf, length, mean_length, n_with, n_texts, k1, b):
    return bm25_weight.reference(tf, 1, 1, n_with, n_texts, k1, 0.0)


@bm25_weight.misconception(
    "Mind the brackets: the whole of k1 * (1 - b + b * length / mean_length) belongs below the line, added to tf."
)
def length_outside_the_fraction(tf, length, mean_length, n_with, n_texts, k1, b):
    idf = math.log(1 + (n_texts - n_with + 0.5) / (n_with + 0.5))
    return idf * tf * (k1 + 1) / (tf + k1) * (1 - b + b * length / mean_length)


@bm25_weight.misconception("b and 1 - b have changed places: with b = 1 the length is paid for in full.")
def b_the_other_way(tf, length, mean_length, n_with, n_texts, k1, b):
    return bm25_weight.reference(tf, length, mean_length, n_with, n_texts, k1, 1 - b)


@bm25_weight.misconception("The factor k1 + 1 above the line is missing.")
def no_factor(tf, length, mean_length, n_with, n_texts, k1, b):
    return bm25_weight.reference(tf, length, mean_length, n_with, n_texts, k1, b) / (k1 + 1)


# -- evidence --------------------------------------------------------------------------------------------------


@exercise(
    minutes=10,
    difficulty=1,
    hints=[
        "The lines named are those whose probability is above the threshold; count how many of them are right.",
        "named = {line for line, p in enumerate(probabilities) if p > threshold}; hits = len(named & set(support)).",
    ],
)
def evidence_f1(probabilities, support, threshold):
    """How well does a reader name the lines that its answer rests on? Return the F1, (12.6) for lines, a float.

    probabilities: a list of numbers, the reader's for each line. It names the lines whose probability is ABOVE the
    threshold. support: a list of the numbers of the true lines, counted from 0; it may be empty. Where neither names
    a line the F1 is 1.0, where only one does it is 0.0.

    evidence_f1([0.9, 0.2, 0.7], [0], 0.5) is 2/3: lines 0 and 2 are named, one of them is right; recall 1, precision
    1/2.
    """
    named = {line for line, p in enumerate(probabilities) if p > threshold}
    if not named or not support:
        return float(not named and not support)
    return 2 * len(named & set(support)) / (len(named) + len(support))


@evidence_f1.example
def _():
    return ([0.9, 0.2, 0.7], [0], 0.5), 2 / 3


@evidence_f1.example
def _():
    return ([0.5, 0.1], [], 0.5), 1.0


@evidence_f1.example
def _():
    return ([0.5, 0.1], [1], 0.5), 0.0


@evidence_f1.example
def _():
    return ([0.8, 0.9, 0.6, 0.1], [0, 3], 0.5), 2 * 1 / 5


@evidence_f1.fresh
def _(rng):
    n = int(rng.integers(1, 7))
    support = [int(line) for line in np.flatnonzero(rng.random(n) < 0.4)]
    near = np.clip(0.5 * rng.random(n) + 0.5 * np.isin(np.arange(n), support), 0, 1)
    return near.round(1).tolist(), support, float(pick(rng, [0.3, 0.5]))


@evidence_f1.truth
def _(probabilities, support, threshold):
    named = [line for line, p in enumerate(probabilities) if p > threshold]
    return answers.evidence_scores(named, support)[2]


@evidence_f1.variant
def counted_line_by_line(probabilities, support, threshold):
    hits = false = missed = 0
    for line, p in enumerate(probabilities):
        if p > threshold:
            hits, false = hits + (line in support), false + (line not in support)
        else:
            missed += line in support
    return 2 * hits / (2 * hits + false + missed) if hits + false + missed else 1.0


@evidence_f1.misconception(
    "You counted the share of lines judged rightly. Most lines are no evidence, so naming none would look good: "
    "use F1."
)
def accuracy_of_lines(probabilities, support, threshold):
    return sum((p > threshold) == (line in support) for line, p in enumerate(probabilities)) / len(probabilities)


@evidence_f1.misconception("This is the recall alone: whoever names all lines would be perfect.")
def lines_recall(probabilities, support, threshold):
    named = {line for line, p in enumerate(probabilities) if p > threshold}
    if not named or not support:
        return float(not named and not support)
    return len(named & set(support)) / len(support)


@evidence_f1.misconception("This is the precision alone: whoever names one sure line and no other would be perfect.")
def lines_precision(probabilities, support, threshold):
    named = {line for line, p in enumerate(probabilities) if p > threshold}
    if not named or not support:
        return float(not named and not support)
    return len(named & set(support)) / len(named)


@evidence_f1.misconception("Lines are counted from 0 here, as enumerate does it; yours begin with 1.")
def lines_from_one(probabilities, support, threshold):
    return evidence_f1.reference([-1.0, *probabilities], support, threshold)


@evidence_f1.misconception("A line AT the threshold is named here; it must be above it.")
def at_the_threshold(probabilities, support, threshold):
    return evidence_f1.reference(probabilities, support, threshold - 1e-9)


@evidence_f1.misconception(
    "Naming no line where there is none to name is right, not wrong: it counts 1.0. Else the unanswerable questions "
    "punish the reader that is right about them."
)
def nothing_named_is_zero(probabilities, support, threshold):
    named = {line for line, p in enumerate(probabilities) if p > threshold}
    return 2 * len(named & set(support)) / (len(named) + len(support)) if named and support else 0.0


# -- when to keep silent ---------------------------------------------------------------------------------------


@exercise(
    minutes=20,
    difficulty=3,
    hints=[
        "Only the confidences themselves need be tried as thresholds. For each: who answers, and how many of "
        "these are wrong?",
        "Keep the smallest threshold t in sorted(set(confidence)) for which, among all with confidence >= t, the "
        "share of "
        "wrong answers is at most risk.",
    ],
)
def silence(confidence, right, risk):
    """From which confidence on may a reader answer? Return the threshold, a float, or None.

    confidence: a list of numbers, at least one; right: a list of True and False, whether each answer is right; both
    from validation data. A reader with threshold t answers where its confidence is AT LEAST t. Take the smallest of
    the confidences for which at most the share `risk` of the answers GIVEN is wrong; None where there is none.

    silence([0.9, 0.8, 0.6, 0.4], [True, True, False, True], 0.3) is 0.4: all four answer, one of four is wrong.
    With risk 0.2 it is 0.8: two answer, none is wrong.
    """
    for threshold in sorted(set(confidence)):
        given = [ok for c, ok in zip(confidence, right) if c >= threshold]
        if given.count(False) <= risk * len(given):
            return threshold
    return None


@silence.example
def _():
    return ([0.9, 0.8, 0.6, 0.4], [True, True, False, True], 0.3), 0.4


@silence.example
def _():
    return ([0.9, 0.8, 0.6, 0.4], [True, True, False, True], 0.2), 0.8


@silence.example
def _():
    return ([0.9, 0.8, 0.6, 0.4], [True, True, False, True], 0.25), 0.4  # exactly the risk is allowed


@silence.example
def _():
    return ([0.9, 0.9, 0.5], [False, True, True], 0.1), None


@silence.fresh
def _(rng):
    n = int(rng.integers(3, 16))
    confidence = rng.choice([0.2, 0.4, 0.6, 0.8], n)  # few, so that several answers are equally sure
    right = rng.random(n) < 0.35 + 0.6 * confidence
    return confidence.tolist(), [bool(ok) for ok in right], float(pick(rng, [0.1, 0.25, 0.45]))


@silence.truth
def _(confidence, right, risk):
    found = [t for t in confidence if np.mean([not ok for c, ok in zip(confidence, right) if c >= t]) <= risk + 1e-12]
    return min(found) if found else None


@silence.variant
def from_the_top_down(confidence, right, risk):
    order = sorted(zip(confidence, right), reverse=True)
    found, wrong = None, 0
    for i, (c, ok) in enumerate(order):
        wrong += not ok
        if (i + 1 == len(order) or order[i + 1][0] < c) and wrong <= risk * (i + 1):
            found = c
    return found


@silence.misconception(
    "You stopped at the first threshold, from above, that is too risky. Below it the risk may fall again: look "
    "at all."
)
def stops_too_early(confidence, right, risk):
    found = None
    for threshold in sorted(set(confidence), reverse=True):
        given = [ok for c, ok in zip(confidence, right) if c >= threshold]
        if given.count(False) > risk * len(given):
            return found
        found = threshold
    return found


@silence.misconception(
    "You divided by all questions. The risk is the share of wrong ones among the answers given: silence is no "
    "right answer."
)
def share_of_all(confidence, right, risk):
    for threshold in sorted(set(confidence)):
        wrong = sum(not ok for c, ok in zip(confidence, right) if c >= threshold)
        if wrong <= risk * len(right):
            return threshold
    return None


@silence.misconception("Who has exactly the threshold answers, too: at least, not more than.")
def above_the_threshold(confidence, right, risk):
    for threshold in sorted(set(confidence)):
        given = [ok for c, ok in zip(confidence, right) if c > threshold]
        if given.count(False) <= risk * len(given):
            return threshold
    return None


@silence.misconception("At most: a share of wrong answers that is exactly the risk is still allowed.")
def less_than_the_risk(confidence, right, risk):
    for threshold in sorted(set(confidence)):
        given = [ok for c, ok in zip(confidence, right) if c >= threshold]
        if given.count(False) < risk * len(given):
            return threshold
    return None


@silence.misconception(
    "You returned the most careful threshold. The smallest one answers the most questions at this risk."
)
def most_careful(confidence, right, risk):
    for threshold in sorted(set(confidence), reverse=True):
        given = [ok for c, ok in zip(confidence, right) if c >= threshold]
        if given.count(False) <= risk * len(given):
            return threshold
    return None


@silence.misconception(
    "You mixed answers of equal confidence: with a threshold, either all of them are given or none."
)
def one_at_a_time(confidence, right, risk):
    order = sorted(zip(confidence, right), key=lambda pair: -pair[0])
    found, wrong = None, 0
    for i, (c, ok) in enumerate(order, start=1):
        wrong += not ok
        if wrong <= risk * i:
            found = c
    return found
