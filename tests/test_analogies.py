"""Scores of analogies and neighbours: vectors made by hand, whose scores are known before they are computed."""

import math

import numpy as np
import pytest

from lmlib.analogies import score_analogies, score_neighbours
from lmlib.models.embedding import Embedding

ROWS, COLUMNS = 8, 2
WORDS = [f"{row}{column}" for row in "abcdefgh" for column in "xy"]  # ax, ay, bx, by, ...
PAIRS = [(WORDS[i], WORDS[i + 1]) for i in range(0, len(WORDS), 2)]
QUESTIONS = {"x to y": [(*p, *q) for p in PAIRS for q in PAIRS if p != q]}
KINDS = {"x": WORDS[::2], "y": WORDS[1::2]}


@pytest.fixture
def grid():
    """A vector is row + column, all at right angles: every analogy holds exactly."""
    return Embedding(np.hstack([np.repeat(np.eye(ROWS), 2, axis=0), np.tile(np.eye(2), (ROWS, 1))]), WORDS)


# -- analogies -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["add", "mul"])
def test_a_perfect_grid_scores_one(grid, method):
    for score in score_analogies(grid, QUESTIONS, method=method).values():
        assert (score.right, score.asked, score.left_out) == (56, 56, 0)
        assert score.share == 1 and score.band == (1, 1)


def test_chance_is_one_among_the_words_that_are_allowed(grid):
    score = score_analogies(grid, QUESTIONS)["x to y"]
    assert score.chance == pytest.approx(1 / (16 - 3))
    assert score.in_column == pytest.approx(1 / (8 - 1))  # eight words in y, one of them is b
    few = score_analogies(grid, QUESTIONS, candidates=[*WORDS[1::2], "ax", "unknown"])["x to y"]
    # the eight in y and ax; b is one of the eight; in 14 of the 56 questions ax is a or c and may not be said
    assert few.chance == pytest.approx((14 / 7 + 42 / 8) / 56)


def test_shuffled_vectors_score_about_chance():
    rng, shares = np.random.default_rng(0), []
    for _ in range(60):
        shares.append(score_analogies(Embedding(rng.normal(size=(16, 300)), WORDS), QUESTIONS)["all"])
    chance = shares[0].chance
    mean, error = (f([score.share for score in shares]) for f in (np.mean, lambda x: np.std(x) / math.sqrt(len(x))))
    assert abs(mean - chance) < 4 * error and error < 0.01


def test_nearest_to_c_is_counted_apart():
    """Partners in the same direction, nothing else alike: the nearest word to c is d, whatever a and b are."""
    twins = Embedding(np.repeat(np.eye(ROWS), 2, axis=0) + 1e-3 * np.tile(np.eye(2, ROWS), (ROWS, 1)), WORDS)
    score = score_analogies(twins, QUESTIONS)["all"]
    assert score.nearest_to_c == score.asked == 56
    # and where the column is all there is, the nearest word is never the partner
    columns = Embedding(np.tile(np.eye(2), (ROWS, 1)) + 1e-3 * np.repeat(np.eye(ROWS, 2), 2, axis=0), WORDS)
    assert score_analogies(columns, QUESTIONS)["all"].nearest_to_c == 0


def test_addition_and_multiplication_worked_out_by_hand():
    """3CosAdd takes the word with the largest sum of cosines, 3CosMul the one that is near b and near c."""
    turn = lambda degrees: [math.cos(math.radians(degrees)), math.sin(math.radians(degrees))]  # noqa: E731
    words = {"a": turn(0), "b": turn(60), "c": turn(90), "d": turn(150), "e": turn(75)}
    embedding = Embedding(list(words.values()), list(words))
    cos = lambda x, y: math.cos(math.radians(x - y))  # noqa: E731
    add = {"d": cos(150, 60) - cos(150, 0) + cos(150, 90), "e": cos(75, 60) - cos(75, 0) + cos(75, 90)}
    up = lambda x, y: (cos(x, y) + 1) / 2  # noqa: E731
    mul = {w: up(x, 60) * up(x, 90) / (up(x, 0) + 0.001) for w, x in (("d", 150), ("e", 75))}
    for method, values in (("add", add), ("mul", mul)):
        best = max(values, key=values.get)
        for answer in ("d", "e"):
            score = score_analogies(embedding, {"q": [("a", "b", "c", answer)]}, method=method)["all"]
            assert score.right == (answer == best), (method, values)
    assert max(add, key=add.get) != max(mul, key=mul.get)  # so the two methods are told apart


def test_the_score_is_what_the_embedding_answers():
    rng = np.random.default_rng(5)
    vectors = np.hstack([np.repeat(rng.normal(size=(ROWS, 6)), 2, axis=0), np.tile(rng.normal(size=(2, 6)), (8, 1))])
    noisy = Embedding(vectors + rng.normal(size=vectors.shape) * 0.7, WORDS)
    right = sum(noisy.analogy(a, b, c, 1)[0][0] == d for a, b, c, d in QUESTIONS["x to y"])
    assert 0 < right < 56 and score_analogies(noisy, QUESTIONS)["all"].right == right


def test_questions_with_unknown_words_are_left_out_and_counted(grid):
    asked = {"odd": [("ax", "ay", "bx", "by"), ("ax", "ay", "zz", "by"), ("ax", "ay", "bx", "ay")], "none": []}
    scores = score_analogies(grid, asked)
    assert (scores["odd"].asked, scores["odd"].left_out) == (1, 2)  # the answer may be none of a, b and c
    assert scores["none"].asked == 0 and math.isnan(scores["none"].share)
    assert (scores["all"].asked, scores["all"].left_out, scores["all"].right) == (1, 2, 1)
    assert score_analogies(grid, {}) == {}


def test_the_band_holds_the_share_and_the_seed_fixes_it():
    vectors = np.random.default_rng(1).normal(size=(16, 3))
    vectors[1::2, 0] += 3
    one, again = (score_analogies(Embedding(vectors, WORDS), QUESTIONS)["all"] for _ in range(2))
    assert one == again and 0 <= one.band[0] < one.share < one.band[1] <= 1


# -- neighbours ----------------------------------------------------------------------------------------------


def test_neighbours_of_two_bunches():
    """Two directions: all neighbours are right, and by chance 7 of the 15 other words are of the same kind."""
    bunches = Embedding(np.tile(np.eye(2), (ROWS, 1)), WORDS)
    for score in score_neighbours(bunches, KINDS).values():
        assert score.precision == 1 and score.chance == pytest.approx(7 / 15) and score.band == (1, 1)
    scores = score_neighbours(bunches, KINDS)
    assert [scores[kind].words for kind in ("x", "y", "all")] == [8, 8, 16]


def test_neighbours_counted_by_hand():
    """On a line of angles 0, 10, 30, 60, 100: the two nearest of each, and how many of them are of its kind."""
    angles = np.radians([0, 10, 30, 60, 100])
    embedding = Embedding(np.stack([np.cos(angles), np.sin(angles)], axis=1), list("pqrst"))
    found = score_neighbours(embedding, {"pq": ["p", "q"], "rst": ["r", "s", "t"]}, k=2)
    assert found["pq"].precision == 1  # of a kind of two only one neighbour can be right, and one is asked
    # r: q, p or s at 30 (p first, it stands first): 0 of 2; s: r, then t at 40: 2 of 2; t: s, r: 2 of 2
    assert found["rst"].precision == pytest.approx((0 + 1 + 1) / 3)
    assert found["all"].precision == pytest.approx((1 + 1 + 0 + 1 + 1) / 5)
    assert found["all"].chance == pytest.approx((2 * 1 / 4 + 3 * 2 / 4) / 5)


def test_neighbours_at_random_score_chance():
    rng, shares = np.random.default_rng(0), []
    for _ in range(60):
        shares.append(score_neighbours(Embedding(rng.normal(size=(16, 300)), WORDS), KINDS)["all"].precision)
    assert abs(np.mean(shares) - 7 / 15) < 4 * np.std(shares) / math.sqrt(len(shares))


def test_kinds_of_one_word_and_unknown_words_do_not_count(grid):
    found = score_neighbours(grid, {"one": ["ax"], "gone": ["zz"], "x": [*WORDS[::2], "zz"]})
    assert list(found) == ["x", "all"] and found["x"].words == 8
    assert score_neighbours(grid, {}) == {}
    only = score_neighbours(grid, KINDS, candidates=WORDS[:4])  # ax, ay, bx, by
    assert only["x"].words == 2 and only["all"].chance == pytest.approx(1 / 3)
