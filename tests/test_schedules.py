"""The simulator of schedules: by hand, by formula, and whatever the durations are."""

import random

import pytest

from lmlib import schedules as S
from lmlib.schedules import Task

MAKERS = pytest.mark.parametrize("make", [S.gpipe, S.one_forward_one_backward])


def test_two_tasks_by_hand():
    first, second = Task("forward", 0, 0, 2.0), Task("forward", 1, 0, 3.0, (("forward", 0, 0),))
    done = S.simulate([[first], [second]])
    assert [(one.processor, one.start, one.end) for one in done] == [(0, 0.0, 2.0), (1, 2.0, 5.0)]
    assert S.makespan(done) == 5.0 and S.idle_share(done) == pytest.approx(0.5)


def test_what_cannot_begin_is_told():
    with pytest.raises(ValueError, match="waits for"):
        S.simulate([[Task("forward", 0, 0, 1.0, (("forward", 9, 9),))]])
    a, b = Task("a", 0, 0, 1.0, (("b", 0, 0),)), Task("b", 0, 0, 1.0, (("a", 0, 0),))
    with pytest.raises(ValueError, match="cannot be done"):
        S.simulate([[a], [b]])


@MAKERS
@pytest.mark.parametrize("stages", [1, 2, 3, 5])
@pytest.mark.parametrize("pieces", [1, 2, 4, 9])
def test_the_bubble_is_the_formula(make, stages, pieces):
    done = S.simulate(make(stages, pieces, 1.5, 2.5))
    assert S.idle_share(done) == pytest.approx(S.bubble(stages, pieces))
    assert S.makespan(done) == pytest.approx((pieces + stages - 1) * 4.0)


@MAKERS
def test_no_task_begins_before_what_it_needs_and_none_overlap(make):
    rng = random.Random(0)
    for _ in range(20):
        stages, pieces = rng.randint(1, 5), rng.randint(1, 6)
        orders = make(stages, pieces, rng.uniform(0.1, 2), rng.uniform(0.1, 3))
        done = S.simulate(orders)
        assert len(done) == 2 * stages * pieces
        ended = {one.task.key: one.end for one in done}
        assert all(ended[need] <= one.start for one in done for need in one.task.needs)
        for p in range(stages):
            mine = [one for one in done if one.processor == p]
            assert all(a.end <= b.start for a, b in zip(mine, mine[1:]))
            kinds = {(one.task.kind, one.task.piece) for one in mine}
            assert kinds == {(kind, m) for kind in ("forward", "backward") for m in range(pieces)}


def test_one_forward_one_backward_keeps_fewer_pieces():
    stages, pieces = 4, 10
    gpipe = S.simulate(S.gpipe(stages, pieces))
    other = S.simulate(S.one_forward_one_backward(stages, pieces))
    assert [S.most_kept(gpipe, p) for p in range(stages)] == [pieces] * stages
    assert [S.most_kept(other, p) for p in range(stages)] == [4, 3, 2, 1]


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("length", [1, 5, 12])
def test_a_ring_gives_everybody_the_sum(n, length):
    rng = random.Random(n)
    vectors = [[rng.randint(-9, 9) for _ in range(length)] for _ in range(n)]
    before = [list(v) for v in vectors]
    held, sent = S.ring_all_reduce(vectors)
    assert held == [[sum(column) for column in zip(*vectors)]] * n
    assert vectors == before
    # All together every part is sent 2 (n - 1) times.
    assert sum(sent) == 2 * (n - 1) * length
    if length % n == 0:
        assert sent == [2 * (n - 1) * length // n] * n


def test_sending_while_computing_saves_time():
    for layers, backward, send in ((6, 1.0, 0.6), (4, 1.0, 2.0), (1, 1.0, 1.0)):
        waits = S.makespan(S.simulate(S.data_parallel(layers, backward, send, overlap=False)))
        along = S.makespan(S.simulate(S.data_parallel(layers, backward, send)))
        assert waits == pytest.approx(layers * (backward + send))
        slower = max(backward, send)
        assert along == pytest.approx(backward + send + (layers - 1) * slower)
