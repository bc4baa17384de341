"""The table of lesson 13: measured rows agree with brute force, the file is whole, figure and lines say what it "
"holds."""

import hashlib

import numpy as np
import pytest

from lmlib import plots, ranking, recommendation
from lmlib.recommendation import BEST, COUNTED, LEARNED, Row
from lmlib.tasks.recommendation import Asked, leave_last_out, load
from lmlib.village import choices


@pytest.fixture(scope="module")
def small():
    """The first 300 customers of the village, split, and the truth."""
    split = leave_last_out(load("village").items[:300])
    return split, recommendation.truth_of(split.test)


def row(model, expected, hit_rate=0.3, seed=0, **changed):
    values = {
        "data": "village",
        "split": "leave last out",
        "ties": "random",
        "ndcg": 0.2,
        "coverage": 0.5,
        "head": 0.4,
    }
    return Row(model=model, expected=expected, hit_rate=hit_rate, seed=seed, users=9, **values | changed)


def test_the_shipped_table_has_every_recommender_of_both_data_sets():
    for data in ("village", "movielens-100k"):
        rows = recommendation.read(data=data)
        assert {r.model for r in rows} - {BEST} == {*COUNTED, *LEARNED}
        for name in LEARNED:
            seeds = sorted(r.seed for r in rows if r.model == name)
            assert seeds == [0, 1, 2][: len(seeds)] and (data != "village" or len(seeds) == 3)
    assert len({r.ties for r in recommendation.read(data="movielens-100k", ties=None)}) == 3


def test_in_the_village_nobody_beats_the_best_possible():
    rates = recommendation.means(recommendation.read(data="village"))
    assert max(rates, key=lambda name: rates[name][0]) == BEST
    assert recommendation.way(rates[BEST][0], recommendation.read(data="village")) == 1


def test_the_shipped_rows_of_counting_are_what_is_measured_now():
    measured = {r.model: r for r in recommendation.measure("village", names=("popularity", "Markov"))}
    shipped = {r.model: r for r in recommendation.read(data="village")}
    for name in ("popularity", "Markov", BEST):
        assert vars(measured[name]) == pytest.approx(vars(shipped[name]), abs=1e-3)


def test_an_evaluation_is_that_of_brute_force(small):
    split, truth = small
    scores = np.random.default_rng(0).random((300, 200))
    found = recommendation.evaluate(scores, split.test, head=[0, 1, 2], truth=truth)
    hits, worth, shown = [], [], []
    for row_, p, had, target in zip(scores, truth, split.test.histories, split.test.targets):
        best = [i for i in np.argsort(-row_) if i not in had][:10]
        hits.append(target in best)
        worth.append(sum(p[i] for i in best))
        shown += best
    assert found["hit_rate"] == pytest.approx(np.mean(hits)) and found["expected"] == pytest.approx(np.mean(worth))
    assert found["coverage"] == len(set(shown)) / 200 and found["head"] == np.mean([i < 3 for i in shown])
    assert recommendation.evaluate(scores, split.test)["expected"] == 0


def test_no_scores_beat_the_truth(small):
    split, truth = small
    best = recommendation.evaluate(truth, split.test, truth=truth)["expected"]
    assert best == pytest.approx(np.sort(truth, axis=1)[:, -10:].sum(axis=1).mean())
    for name in ("popularity", "item-to-item, recent", "matrix factorisation", "item2vec"):
        scores = recommendation.make(name, split, 200).scores(split.test.histories)
        assert recommendation.evaluate(scores, split.test, truth=truth)["expected"] < best


@pytest.mark.parametrize("kind", ["GRU", "self-attention"])
def test_a_network_learns_more_than_popularity_from_few_steps(small, kind):
    split, _ = small
    model = recommendation.make(kind, split, 200, seed=1, steps=2)
    scores = model.scores(split.test.histories)
    assert scores.shape == (300, 200) and np.isfinite(scores).all()
    again = recommendation.make(kind, split, 200, seed=1, steps=2).scores(split.test.histories)
    assert np.array_equal(scores, again)


def test_names_that_are_not_known_are_refused(small):
    with pytest.raises(ValueError, match="no recommender is called 'oracle'"):
        recommendation.make("oracle", small[0], 200)
    with pytest.raises(ValueError, match="choose GRU or self-attention"):
        recommendation.sequence_network("LSTM", 200)


def test_the_head_is_the_tenth_that_most_people_have():
    assert recommendation.head_items([(3, 1), (3,), (3, 1, 0)], 20).tolist() == [3, 1]


def test_a_table_is_read_as_it_was_written_and_its_hash_lies_beside_it(tmp_path):
    path = tmp_path / "measured.csv"
    rows = [row("popularity", 0.2), row("GRU", 0.35, seed=2, data="movielens-100k", ties="file")]
    recommendation.write(rows, path)
    assert recommendation.read(path, data=None, split=None, ties=None) == rows
    assert recommendation.read(path) == rows[:1]
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert (tmp_path / "SHA256SUMS").read_text() == f"{digest}  measured.csv\n"
    assert not list(tmp_path.glob("*.part"))
    with pytest.raises(FileNotFoundError, match="make it with `python -m lmlib.recommendation"):
        recommendation.read(tmp_path / "none.csv")


def test_the_way_by_hand():
    rows = [row("popularity", 0.2), row("GRU", 0.34), row("GRU", 0.36, seed=1), row(BEST, 0.4)]
    assert recommendation.means(rows)["GRU"] == (pytest.approx(0.35), 0.34, 0.36)
    assert recommendation.way(0.35, rows) == pytest.approx(0.75)
    lines = recommendation.told(rows).splitlines()
    assert lines[2].split() == ["GRU", "0.300", "±", "0.000", "0.200", "±", "0.000", "0.350", "±", "0.010", "75%"]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_figure_and_sentence_say_the_same(theme):
    plots.setup(theme)
    rows = [row("popularity", 0.2), row("GRU", 0.34), row("GRU", 0.36, seed=1), row(BEST, 0.4)]
    fig, sentence = recommendation.figure(rows, new=[("GRU", 0.37)])
    assert sentence == (
        "Hit rate at 10, from low to high: popularity 0.200, GRU 0.350, GRU, just now 0.370; the best possible is "
        "0.400."
    )
    assert fig.get_suptitle().replace("\n", " ") == "GRU, just now comes closest: 0.370 of 0.400 that are possible"
    fig, sentence = recommendation.figure([row("popularity", 0.0, 0.1), row("GRU", 0.0, 0.2)], data="movielens-100k")
    assert sentence == "Hit rate at 10, from low to high: popularity 0.100, GRU 0.200."
    assert len(plots.png_of(fig)) > 5000
    plots.setup("light")


def test_the_truth_of_questions_is_the_villages():
    asked = Asked([(0, 7), ()], np.array([3, 4]))
    assert recommendation.truth_of(asked)[0] == pytest.approx(choices.next_item_probabilities((0, 7)))
    assert ranking.top(recommendation.truth_of(asked)).shape == (2, 10)


def test_the_command_prints_the_table(capsys):
    recommendation.main([])
    said = capsys.readouterr().out
    assert "village, leave last out" in said and BEST in said and "movielens-100k" in said
