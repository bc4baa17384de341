"""The scaling law: fits find known laws, the table that ships says what the lesson says, small ones train."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar

from lmlib import cost, scaling, scoreboard, village
from lmlib.scaling import BESIROGLU, BUDGETS, HOFFMANN, LAST, SEEDS, Law, Row, plan, read


def made_up(law, budgets=(1e10, 1e11, 1e12), sizes=9, noise=0.0):
    """Rows as a known law would give them: sizes around the best one."""
    rng, rows = np.random.default_rng(0), []
    for budget in budgets:
        best, _ = law.best(budget)
        for n in np.geomspace(best / 4, best * 4, sizes):
            d = budget / 6 / n
            bits = law.loss(n, d) * np.exp(noise * rng.normal())
            rows.append(Row(budget, int(n), int(n), int(d), budget, 0, float(bits)))
    return rows


LAW = Law(0.2, 300.0, 0.6, 900.0, 0.5)


def columns(rows):
    return [np.array([getattr(row, name) for row in rows], float) for name in ("parameters", "tokens", "bits")]


@pytest.mark.parametrize("floor", [None, 0.2])
def test_a_known_law_is_found(floor):
    found = scaling.fit_law(*columns(made_up(LAW)), floor=floor)
    assert found.E == pytest.approx(0.2, rel=0.02)
    assert (found.alpha, found.beta) == pytest.approx((0.6, 0.5), rel=0.03)
    assert found.loss(1e6, 1e8) == pytest.approx(LAW.loss(1e6, 1e8), rel=0.01)


@pytest.mark.parametrize("law", [LAW, HOFFMANN, BESIROGLU])
def test_the_best_sizes_are_best(law):
    for budget in (1e12, 3e23):
        n, d = law.best(budget)
        assert 6 * n * d == pytest.approx(budget)
        found = minimize_scalar(
            lambda log_n, c=budget: law.loss(np.exp(log_n), c / 6 / np.exp(log_n)), (0, 50), method="golden"
        )
        assert np.exp(found.x) == pytest.approx(n, rel=0.01)


def test_published_answers():
    """Chinchilla (70 billion parameters, 1.4 trillion tokens) lies near the best of the law fitted again."""
    n, d = BESIROGLU.best(6 * 70e9 * 1.4e12)
    assert 50e9 < n < 100e9 and 10 < d / n < 30
    assert HOFFMANN.best(5.76e23)[0] < n  # their published constants ask for fewer parameters


def test_the_frontier_of_a_known_law():
    law = Law(0.0, 300.0, 0.5, 900.0, 0.5)
    rows = made_up(law)
    for best in scaling.frontier(rows, 0.0):
        assert best.parameters == pytest.approx(law.best(best.budget)[0], rel=0.02)
    power, predict = scaling.line(scaling.frontier(rows, 0.0))
    assert power == pytest.approx(-0.25, abs=0.005)
    assert predict(1e14) == pytest.approx(law.loss(*law.best(1e14)), rel=0.02)
    grows, _ = scaling.line(scaling.frontier(rows, 0.0), "parameters")
    assert grows == pytest.approx(0.5, abs=0.01)


def test_a_frontier_takes_the_best_tried_where_the_valley_is_cut():
    rows = [Row(1e9, w, n, 1, 1e9, 0, bits) for w, n, bits in ((1, 10, 0.9), (2, 20, 0.7), (3, 40, 0.6))]
    (only,) = scaling.frontier(rows, 0.1)
    assert only.parameters == pytest.approx(40) and only.excess == pytest.approx(0.5)
    assert scaling.frontier(rows[:2], 0.1) == []


def test_the_interval_holds_the_prediction_and_grows_with_noise():
    rows = [row for seed in range(3) for row in _noisy(seed, 0.03)]
    calm = [row for seed in range(3) for row in _noisy(seed, 0.003)]
    middle = scaling.line(scaling.frontier(rows, 0.0))[1](1e13)
    low, high = scaling.interval(rows, 0.0, 1e13, draws=60)
    assert low <= middle <= high
    narrow = scaling.interval(calm, 0.0, 1e13, draws=60)
    assert narrow[1] / narrow[0] < high / low


def _noisy(seed, noise):
    rng = np.random.default_rng(seed)
    rows = made_up(Law(0.0, 300.0, 0.5, 900.0, 0.5), sizes=5)
    return [Row(r.budget, r.d_model, r.parameters, r.tokens, r.flops, seed, r.bits * np.exp(noise * rng.normal()))
            for r in rows]  # fmt: skip


# ---------------------------------------------------------------------------------------- the table that ships


def test_the_table_has_every_training_with_every_seed():
    rows = read()
    assert [(r.budget, r.d_model, r.seed) for r in rows] == sorted((b, w, s) for b, w in plan() for s in SEEDS)
    floor = village.bits_per_character("validation")
    for row in rows:
        config = scaling.config(row.d_model, 1017)
        assert row.parameters == sum(cost.parameters(config).values())
        assert row.flops == pytest.approx(row.budget, rel=0.02)
        assert row.tokens == pytest.approx(scaling.tokens_for(row.budget, config), rel=0.02)
        assert floor < row.bits < 1


def test_what_the_lesson_says_of_the_table():
    rows, floor = read(), village.bits_per_character("validation")
    six = [row for row in rows if row.budget != LAST[0]]
    seventh = np.mean([row.bits for row in rows if row.budget == LAST[0]]) - floor
    bests = scaling.frontier(six, floor)
    assert [b.budget for b in bests] == list(BUDGETS)
    # The best size and what it reaches grow with the budget.
    assert bests[0].parameters < bests[1].parameters < bests[2].parameters
    assert bests[0].excess > bests[1].excess > bests[2].excess > seventh
    # Two regimes: the first step falls far faster than the later ones.
    fast = np.log(bests[0].excess / bests[1].excess)
    assert fast > 2 * np.log(bests[1].excess / bests[2].excess)
    # One line through all promises too much, even its interval; without the smallest budget it is better.
    predicted = scaling.line(bests)[1](LAST[0])
    assert scaling.interval(six, floor, LAST[0])[1] < seventh
    late = scaling.line(bests[1:])[1](LAST[0])
    assert abs(late - seventh) < abs(predicted - seventh) / 2
    # ... and tells what the scoreboard's GPT, which is no part of the table, reaches with six times the operations.
    gpt = next(row for row in scoreboard.read() if row.model == "GPT")
    excess = gpt.bits - village.bits_per_character("test")
    assert abs(scaling.line(bests[1:])[1](gpt.training_flops) - excess) < 2 * gpt.spread
    assert abs(scaling.line(bests)[1](gpt.training_flops) - excess) > 2 * gpt.spread
    # A floor that is fitted lies far below the true one.
    assert scaling.fit_law(*columns(six)).E < 0.5 * floor
    known = scaling.fit_law(*columns(six), floor=floor)
    assert known.E == floor


# ------------------------------------------------------------------------------------------------ live, small


@pytest.fixture
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # models so small only wait for a second one
    yield
    torch.set_num_threads(threads)


def test_more_operations_help_and_a_row_is_what_was_trained(monkeypatch, one_thread):
    stories = village.load_stories("validation")[:20]
    monkeypatch.setattr(village, "load_stories", lambda split, real=village.load_stories: (
        stories if split == "validation" else real(split)
    ))  # fmt: skip
    few, many = scaling.train(3e8, 8), scaling.train(3e9, 8)
    assert many.bits < few.bits - 0.2
    assert few.parameters == sum(cost.parameters(scaling.config(8, 1017)).values())
    assert many.tokens == pytest.approx(10 * few.tokens, rel=0.1)
    assert (few.budget, few.d_model, few.seed) == (3e8, 8, 0)


def test_rows_of_one_seed_are_made_anew_and_the_others_stay(monkeypatch, tmp_path, capsys):
    table = tmp_path / "scaling.csv"
    monkeypatch.setattr(scaling, "train", lambda budget, width, seed: Row(budget, width, 1, 1, budget, seed, 0.5))
    scaling.make(path=table)
    assert len(read(table)) == 3 * len(plan())
    monkeypatch.setattr(scaling, "train", lambda budget, width, seed: Row(budget, width, 1, 1, budget, seed, 0.4))
    scaling.make([1], path=table)
    assert {row.seed for row in read(table) if row.bits == 0.4} == {1} and len(read(table)) == 3 * len(plan())
    with pytest.raises(ValueError, match="no row has the seed 7"):
        scaling.make([7], path=table)
    with pytest.raises(FileNotFoundError, match="python -m lmlib.scaling"):
        read(tmp_path / "nothing.csv")
