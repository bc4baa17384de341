"""Ranking metrics: against scikit-learn, brute force and numbers worked out by hand."""

import math

import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from lmlib import ranking


def test_ranks_by_hand():
    scores = [[5, 4, 3, 1], [0, 9, 8, 7]]
    assert ranking.ranks(scores, [2, 0]).tolist() == [3, 4]
    assert ranking.ranks(scores, [2, 0], [{0}, {1, 3}]).tolist() == [2, 2]
    assert ranking.ranks(scores, [2, 0], [[0, 0], []]).tolist() == [2, 4]


def test_equal_scores_count_as_before():
    assert ranking.ranks(np.zeros((1, 50)), [7]).tolist() == [50]
    assert ranking.ranks([[1, 1, 0]], [0]).tolist() == [2]


def test_ranks_are_those_of_brute_force():
    rng = np.random.default_rng(0)
    scores, targets = rng.normal(size=(40, 12)), rng.integers(0, 12, 40)
    seen = [set(rng.permutation(12)[:4].tolist()) - {int(target)} for target in targets]
    for row, target, have, rank in zip(scores, targets, seen, ranking.ranks(scores, targets, seen)):
        order = sorted((item for item in range(12) if item not in have), key=lambda item: -row[item])
        assert order[rank - 1] == target


@pytest.mark.parametrize("k", [1, 3, 10, 30])
def test_ndcg_is_scikit_learns(k):
    rng = np.random.default_rng(k)
    scores, targets = rng.normal(size=(25, 30)), rng.integers(0, 30, 25)
    relevance = np.eye(30)[targets]
    assert ranking.ndcg(ranking.ranks(scores, targets), k) == pytest.approx(ndcg_score(relevance, scores, k=k))


def test_hit_rate_and_ndcg_by_hand():
    assert ranking.hit_rate([1, 10, 11], 10) == pytest.approx(2 / 3)
    assert ranking.ndcg([1, 3, 11], 10) == pytest.approx(0.5)
    assert ranking.ndcg([2], 10) == pytest.approx(1 / math.log2(3))


def test_lists_leave_out_what_is_had_and_agree_with_ranks():
    rng = np.random.default_rng(1)
    scores, targets = rng.normal(size=(30, 15)), rng.integers(0, 15, 30)
    seen = [set(rng.permutation(15)[:5].tolist()) - {int(target)} for target in targets]
    lists, found = ranking.top(scores, seen, 4), ranking.ranks(scores, targets, seen)
    for chosen, target, have, rank in zip(lists, targets, seen, found):
        assert not have & set(chosen.tolist())
        assert (target in chosen) == (rank <= 4)
    assert ranking.top([[1, 1, 1]], None, 2).tolist() == [[0, 1]]


def test_expected_rates_are_what_many_draws_give():
    rng = np.random.default_rng(2)
    p, lists = rng.dirichlet(np.ones(6), size=3), np.array([[0, 1], [5, 2], [3, 4]])
    hits = []
    for _ in range(4000):
        drawn = [rng.choice(6, p=row) for row in p]
        hits += [item in chosen for chosen, item in zip(lists, drawn)]
    assert ranking.expected_hit_rate(lists, p) == pytest.approx(np.mean(hits), abs=0.02)


def test_coverage_share_and_error_by_hand():
    lists = np.array([[0, 1], [0, 2]])
    assert ranking.coverage(lists, 6) == 0.5
    assert ranking.share_of(lists, [0]) == 0.5 and ranking.share_of(lists, []) == 0
    assert ranking.standard_error([0, 1, 0, 1]) == pytest.approx(math.sqrt(1 / 3) / 2)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="do not fit"):
        ranking.ranks(np.zeros((2, 3)), [0])
    with pytest.raises(ValueError, match="look for nan"):
        ranking.ranks([[0, math.nan]], [0])
    with pytest.raises(ValueError, match="row 0: the right item 1 is among those that are left out"):
        ranking.ranks([[0, 1]], [1], [{1}])
    with pytest.raises(ValueError, match="fewer than 2 items are left"):
        ranking.top([[1, 2, 3]], [{0, 1}], 2)
