"""Position view: spread against brute force, the sentence by hand, the question, callbacks, still forms."""

import numpy as np
import pytest
from views import STRICT, AskingView, said

from lmlib.models.transformer import sinusoids
from lmlib.widgets import PositionView
from lmlib.widgets.positions import MOST, NO, SHOW, YES, by_distance

pytestmark = STRICT


def kinds(n=12):
    p = sinusoids(n, 16).double().numpy()
    anything = np.random.default_rng(0).normal(size=(n, n))
    return {"sinusoidal": p @ p.T, "drawn by lot": anything}


@pytest.fixture
def view():
    return PositionView(kinds(), place=3)


# ------------------------------------------------------------------------------------------------- numbers


@pytest.mark.parametrize("n", [2, 3, 9])
def test_scores_by_distance_are_those_of_brute_force(n):
    scores = np.random.default_rng(n).normal(size=(n, n))
    distances, least, most = by_distance(scores)
    assert distances.tolist() == list(range(1 - n, n))
    for distance, low, high in zip(distances, least, most):
        found = [scores[i, j] for i in range(n) for j in range(n) if j - i == distance]
        assert (low, high) == (min(found), max(found))


def test_only_the_distance_counts_for_sinusoids(view):
    assert view.spread("sinusoidal") < 1e-5 and view.only_distance("sinusoidal")
    assert view.spread("drawn by lot") > 0.3 and not view.only_distance("drawn by lot")


def test_the_sentence_by_hand():
    """Distance 0 has the scores 4 and 2, half of the range from 0 to 4."""
    view = PositionView({"mine": [[4, 1], [0, 2]]}, place=1)
    assert view.alt() == (
        "Mine: the query at place 1 scores highest with place 1 (0.50 of the largest score), lowest with place 0 "
        "(0.00). Scores of one distance differ by at most 50% of the range of all scores."
    )
    assert view.title() == "Mine: the place counts, too"
    assert PositionView({"flat": np.ones((3, 3))}).title() == "Flat: only the distance counts"
    assert (PositionView({"nothing": np.zeros((3, 3))}).scores["nothing"] == 0).all()
    assert PositionView({"below": [[-8, 1], [2, 4]]}).scores["below"].tolist() == [[-1, 0.125], [0.25, 0.5]]


def test_what_cannot_be_shown_is_refused():
    with pytest.raises(ValueError, match="give a mapping"):
        PositionView({})
    with pytest.raises(ValueError, match=r"the scores of 'b' have the shape \(2, 3\)"):
        PositionView({"a": np.ones((2, 2)), "b": np.ones((2, 3))})
    with pytest.raises(ValueError, match=f"n from 2 to {MOST}"):
        PositionView({"a": np.ones((MOST + 1, MOST + 1))})
    with pytest.raises(ValueError, match="not all numbers"):
        PositionView({"a": [[1, np.nan], [0, 1]]})
    with pytest.raises(ValueError, match="no kind 'rotary': take one of sinusoidal"):
        PositionView(kinds(), name="rotary")
    with pytest.raises(ValueError, match="no place 12: there are the places 0 to 11"):
        PositionView(kinds(), place=12)


# ------------------------------------------------------------------------------------------------- picture


def test_the_picture_holds_the_scores(view):
    fig, artists = view._picture()
    view.name, view.place = "drawn by lot", 5
    artists.update(view)
    scores = view.scores["drawn by lot"]
    assert np.asarray(artists.heat.get_array()) == pytest.approx(scores)
    x, y = artists.line.get_data()
    assert list(x) == list(range(-5, 7)) and y == pytest.approx(scores[5])
    assert artists.frame.get_y() == 4.5
    inside = artists.band.get_paths()[0].vertices
    assert inside[:, 1].max() == pytest.approx(scores.max()) and inside[:, 1].min() == pytest.approx(scores.min())


# --------------------------------------------------------------------------------------------------- panel


def test_nothing_is_shown_before_the_answer(view):
    panel = view.build()
    covered = panel.image.value
    panel.slider.value = 7
    panel.kind.value = "drawn by lot"
    assert panel.image.value == covered and "highest" not in said(panel)


@pytest.mark.parametrize("name, right, wrong", [("sinusoidal", NO, YES), ("drawn by lot", YES, NO)])
def test_an_answer_is_judged(name, right, wrong):
    view = PositionView(kinds(), name=name, place=3)
    panel = view.build()
    assert "from place 3 to place 8" in panel.question.value
    panel.answer.value = right
    assert said(panel) == f"✓ Yes, {right}. {view.alt()}"
    panel.answer.value = wrong
    assert said(panel).startswith(f"✗ No, {right}. ")
    panel.kind.value = next(kind for kind in kinds() if kind != name)
    assert said(panel) == view.alt()  # the guess was made for another kind


def test_kind_and_place_move_the_picture(view):
    panel = view.build()
    panel.answer.value = SHOW
    seen = [panel.image.value]
    panel.slider.value = 8
    seen.append(panel.image.value)
    panel.kind.value = "drawn by lot"
    seen.append(panel.image.value)
    assert len(set(seen)) == 3 and (view.name, view.place) == ("drawn by lot", 8)
    panel.kind.value, panel.slider.value = "sinusoidal", 3
    assert panel.image.value == seen[0]


class TestTheView(AskingView):
    pass
