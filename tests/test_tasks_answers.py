"""Scores of answers: SQuAD's documented rules, brute force, thresholds; BM25 and ranks against counting by hand."""

import math
import random
from itertools import permutations

import numpy as np
import pytest

from lmlib.retrieval import BM25, ranks, words
from lmlib.tasks import answers as a
from lmlib.tasks.questions import ask


@pytest.mark.parametrize(
    "text, bare",
    [
        ("The Mill", "mill"),
        ("  a   red  KEY ", "red key"),
        ("an apple a day", "apple day"),
        ("theatre", "theatre"),
        ("U.S.", "us"),
        ("don't", "dont"),
        ("twenty-four", "twentyfour"),
        ("The", ""),
        ("a.", ""),
        ("", ""),
        ("Über–All’s", "über–all’s"),  # only ASCII's punctuation is taken out
        ("a_b", "ab"),
        ("the-mill", "themill"),  # punctuation goes first, so this is no article any more
        ("$5,000", "5000"),
    ],
)
def test_normalisation_as_documented(text, bare):
    assert a.normalise(text) == bare
    assert a.normalise(bare) == bare or bare == "us"


def test_exact_match_and_f1_by_hand():
    assert a.exact_match("The red key.", "red  Key") == 1.0 and a.exact_match("red keys", "red key") == 0.0
    assert a.f1("red key", "key") == pytest.approx(2 * 0.5 * 1 / 1.5)
    assert a.f1("key key", "key") == pytest.approx(2 / 3)
    assert a.f1("key key", "key key") == 1.0 and a.f1("mill", "key") == 0.0
    assert (a.f1("", ""), a.f1("the", ""), a.f1("", "key"), a.f1("the", "key")) == (1.0, 1.0, 0.0, 0.0)
    assert a.f1("红色钥匙", "钥匙") == 0.0
    assert a.f1("红色钥匙", "钥匙", by_character=True) == pytest.approx(2 * 0.5 / 1.5)


def test_f1_against_matching_words_by_brute_force():
    rng = random.Random(0)
    for _ in range(200):
        said, right = ([rng.choice("xyz") for _ in range(rng.randint(1, 4))] for _ in range(2))
        common = max(sum(s == r for s, r in zip(said, order)) for order in permutations(right + [""] * 4, len(said)))
        assert a.f1(" ".join(said), " ".join(right)) == pytest.approx(2 * common / (len(said) + len(right)))


def question(*right):
    one = ask(["x " + " ".join(right)], "?")
    return type(one)(one.text, one.starts, one.question, answers=right)


def test_scores_take_the_best_right_answer_and_count_silence():
    some = [question("red key", "key"), question("mill"), question()]
    assert a.scores(["the key", "old mill", ""], some) == {"exact": 2 / 3, "f1": pytest.approx((1 + 2 / 3 + 1) / 3)}
    assert a.scores(["", "", "mill"], some) == {"exact": 0.0, "f1": 0.0}
    for said, those in ((["x"], some), ([], [])):
        with pytest.raises(ValueError, match="give one to each"):
            a.scores(said, those)


def test_risk_and_coverage_against_trying_all_thresholds():
    rng = np.random.default_rng(0)
    for _ in range(50):
        n = int(rng.integers(1, 30))
        confidence, right = rng.random(n).round(1), rng.random(n) < 0.6
        thresholds, coverage, risk = a.risk_coverage(confidence, right)
        assert list(thresholds) == sorted(set(confidence), reverse=True)
        for t, c, r in zip(thresholds, coverage, risk):
            given = confidence >= t
            assert c == pytest.approx(given.mean()) and r == pytest.approx(1 - right[given].mean())
        for promise in (0.0, 0.2, 0.5):
            good = [t for t, r in zip(thresholds, risk) if r <= promise]
            assert a.threshold_for(confidence, right, promise) == (min(good) if good else None)
    with pytest.raises(ValueError, match="one truth value for each"):
        a.risk_coverage([0.5], [True, False])
    with pytest.raises(ValueError, match="at least one"):
        a.risk_coverage([], [])


def test_evidence():
    assert a.evidence_scores([0, 2], [0]) == (0.5, 1.0, pytest.approx(2 / 3))
    assert a.evidence_scores([0], (0, 3)) == (1.0, 0.5, pytest.approx(2 / 3))
    assert a.evidence_scores([], []) == (1.0, 1.0, 1.0)
    assert a.evidence_scores([1], []) == a.evidence_scores([], [1]) == (0.0, 0.0, 0.0)
    assert a.evidence_scores([1], [2]) == (0.0, 0.0, 0.0)


# -- retrieval ---------------------------------------------------------------------------------------------------


def test_words():
    assert words("The U.S. Army's red-key") == ["the", "u", "s", "army", "s", "red", "key"]
    assert words("钥匙在A3楼") == ["钥", "匙", "在", "钥匙", "匙在", "a3", "楼"]
    assert words("… !") == []


def test_bm25_by_the_formula():
    texts = ["the key the key", "a mill by the river in the rain", "river"]
    index = BM25(texts, k1=1.5, b=0.6)
    bags = [text.split() for text in texts]
    mean = sum(map(len, bags)) / 3
    for query in ("the key", "river river", "nothing", "key mill rain"):
        for i, bag in enumerate(bags):
            total = 0.0
            for word in query.split():
                n = sum(word in other for other in bags)
                idf = math.log((3 - n + 0.5) / (n + 0.5) + 1)
                tf = bag.count(word)
                total += idf * tf * 2.5 / (tf + 1.5 * (1 - 0.6 + 0.6 * len(bag) / mean))
            assert index.scores(query)[i] == pytest.approx(total)
    assert index.search("river", 2)[0][0] == 2 and len(index.search("river", 9)) == 3
    assert [i for i, _ in index.search("nothing")] == [0, 1, 2]
    assert index.idf("nothing") > index.idf("key") > index.idf("the") > 0
    with pytest.raises(ValueError, match="no word to index"):
        BM25(["", "?"])
    with pytest.raises(ValueError, match="no word to index"):
        BM25([])


def test_ranks_give_no_gift_for_ties():
    assert ranks([[3, 1, 2], [1, 1, 1], [0, 5, 5]], [2, 0, 1]).tolist() == [2, 3, 2]
