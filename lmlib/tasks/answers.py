"""How good is an answer? SQuAD's two scores, and when to keep silent.

Rajpurkar et al. 2016, section 6.1, and Rajpurkar et al. 2018 for questions without an answer: both texts are
normalised, then compared whole (exact match) or as bags of words (F1), with the best of several right answers.
"""

import re
import string
from collections import Counter

import numpy as np

_PUNCTUATION = str.maketrans("", "", string.punctuation)  # ASCII's alone, as in SQuAD's script
_ARTICLE = re.compile(r"\b(?:a|an|the)\b")
_HAN = re.compile(r"([\u3400-\u9fff])")


def normalise(text):
    """An answer as it is compared: lower case, then punctuation out, then a, an, the out, then single blanks."""
    return " ".join(_ARTICLE.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def exact_match(said, right):
    """1.0 where both are the same when normalised, else 0.0."""
    return float(normalise(said) == normalise(right))


def f1(said, right, by_character=False):
    """The F1 of two answers as bags of words: 2 * common / (words said + words right), 0.0 to 1.0.

    A word that stands twice counts twice if the other has it twice. Where one has no word, 1.0 if the other has none
    either. by_character: each Chinese character is a word, for SQuAD's rule knows words by the blanks between them.
    """
    a, b = ((_HAN.sub(r" \1 ", t) if by_character else t).split() for t in (normalise(said), normalise(right)))
    if not a or not b:
        return float(a == b)
    common = sum((Counter(a) & Counter(b)).values())
    return 2 * common / (len(a) + len(b))


def best(score, said, answers):
    """The best score of one text against several right ones; without a right one the empty text is right."""
    return max(score(said, right) for right in (answers or ("",)))


def scores(said, questions, by_character=False):
    """{"exact", "f1"}: the mean over all questions, 0 to 1. said: one text for each, empty for 'I don't know'.

    Raises ValueError where there is not one text for each question, or no question.
    """
    if len(said) != len(questions) or not len(questions):
        raise ValueError(
            f"there are {len(said)} answers to {len(questions)} questions: give one to each, one at least"
        )
    pairs = [(text, question.answers) for text, question in zip(said, questions)]
    return {
        "exact": float(np.mean([best(exact_match, *pair) for pair in pairs])),
        "f1": float(np.mean([best(lambda a, b: f1(a, b, by_character), *pair) for pair in pairs])),
    }


def risk_coverage(confidence, right):
    """Who answers only what she is surest of: how much does she answer, and how much of that is wrong?

    confidence and right: one each for every answer. Returns three arrays, one entry for each different confidence,
    from high to low: the threshold, the share answered (coverage), the share of wrong ones among these (risk).
    El-Yaniv and Wiener 2010. Raises ValueError where the two do not fit together or are empty.
    """
    confidence, right = np.asarray(confidence, float), np.asarray(right, float)
    if confidence.shape != right.shape or confidence.ndim != 1 or not confidence.size:
        raise ValueError("give one truth value for each confidence, and at least one")
    order = np.argsort(-confidence, kind="stable")
    ranked = confidence[order]
    last = np.append(ranked[1:] < ranked[:-1], True)  # equal confidences are answered together
    answered = np.arange(1, len(ranked) + 1)
    wrong = np.cumsum(1 - right[order])
    return ranked[last], (answered / len(ranked))[last], (wrong / answered)[last]


def threshold_for(confidence, right, risk):
    """The least threshold at which the share of wrong answers is at most `risk`; None where there is none.

    Answer where the confidence is at least the threshold. Choose it on validation data, never on the test.
    """
    thresholds, _, risks = risk_coverage(confidence, right)
    good = np.flatnonzero(risks <= risk)
    return float(thresholds[good[-1]]) if len(good) else None


def evidence_scores(said, right):
    """(precision, recall, F1) of the lines named as evidence against the true ones; both are collections of numbers.

    Yang et al. 2018 (HotpotQA) score supporting facts so. Where both are empty all are 1.0; where one is, 0.0.
    """
    said, right = set(said), set(right)
    if not said or not right:
        return (1.0, 1.0, 1.0) if said == right else (0.0, 0.0, 0.0)
    hits = len(said & right)
    precision, recall = hits / len(said), hits / len(right)
    return precision, recall, 2 * hits / (len(said) + len(right))
