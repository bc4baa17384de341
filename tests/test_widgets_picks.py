"""Picks view: lists against brute force, the sentence by hand, the question, further picks, still forms."""

import numpy as np
import pytest
from views import STRICT, AskingView, said

from lmlib.models.recommender import ItemKNN, Popularity
from lmlib.tasks.recommendation import leave_last_out, load
from lmlib.village import choices
from lmlib.widgets.picks import LISTED, NOBODY, SHOW, TRUTH, PicksView, short

pytestmark = STRICT


class Fixed:
    """The same scores for everybody."""

    def __init__(self, scores):
        self.row = np.array(scores, dtype=float)

    def scores(self, histories):
        return np.tile(self.row, (len(histories), 1))


@pytest.fixture(scope="module")
def parts():
    histories = load("village")
    train = leave_last_out(histories.items[:500]).train
    models = {"popularity": Popularity(train, 200), "item-to-item": ItemKNN(train, 200, 0.6)}
    return histories.goods, {"customer 7": histories[7].items[:-1], "customer 9": histories[9].items[:3]}, models


@pytest.fixture
def view(parts):
    return PicksView(*parts, choices.next_item_probabilities)


# ------------------------------------------------------------------------------------------------- numbers


def test_lists_hold_the_best_that_she_does_not_have(view):
    p = choices.next_item_probabilities(view.picks)
    for name, (items, worth) in view.compute().items():
        row = p if name == TRUTH else view.models[name].scores([view.picks])[0]
        free = [item for item in range(200) if item not in view.picks]
        assert sorted(row[items]) == sorted(sorted(row[free])[-LISTED:])
        assert worth == pytest.approx(p[items])


def test_no_list_is_worth_more_than_the_best_possible(view):
    for customer in view.histories:
        view.choose(customer)
        worth = {name: p.sum() for name, (_, p) in view.compute().items()}
        assert max(worth.values()) == worth[TRUTH]


def test_the_sentence_by_hand():
    goods = list("abcdefgh")
    truth = np.array([0.0, 0.4, 0.2, 0.1, 0.1, 0.1, 0.1, 0.0])
    view = PicksView(goods, {"x": [0]}, {"mine": Fixed([9, 1, 2, 3, 4, 5, 6, 7])}, lambda picks: truth)
    assert view.alt() == "After a, what next? mine (40%): h, g, f, e, d; best possible (90%): b, c, d, e, f."
    assert view.title() == "Five by mine hold 40% of the chances, the best possible 90%"
    blind = PicksView(goods, {"x": []}, {"mine": Fixed(range(8)), "other": Fixed(range(8, 0, -1))})
    assert blind.alt() == "After nothing yet, what next? mine: h, g, f, e, d; other: a, b, c, d, e."
    assert blind.title() == "2 recommenders, 2 different first picks"
    assert PicksView(goods, {"x": []}, {"mine": Fixed(range(8))}).title() == "mine would offer these five"


def test_long_names_are_cut():
    assert short("red hat") == "red hat" and short("a" * 30) == "a" * 20 + "…"


def test_what_cannot_be_shown_is_refused(parts):
    goods, histories, models = parts
    with pytest.raises(ValueError, match="nothing to show"):
        PicksView(goods, {}, models)
    with pytest.raises(ValueError, match="nothing to show"):
        PicksView(goods, histories, {})
    with pytest.raises(ValueError, match="at most 4"):
        PicksView(goods, histories, {str(i): Fixed(range(200)) for i in range(5)}, choices.next_item_probabilities)
    with pytest.raises(ValueError, match="x: there is no good 200"):
        PicksView(goods, {"x": [200]}, models)
    with pytest.raises(ValueError, match="nearly all goods"):
        PicksView(list("abcdef"), {"x": [0, 1]}, {"m": Fixed(range(6))})
    with pytest.raises(ValueError, match="no history of 'y': take one of customer 7"):
        PicksView(goods, histories, models, customer="y")


# --------------------------------------------------------------------------------------------------- panel


def test_nothing_is_shown_before_the_answer(view):
    panel = view.build()
    covered = panel.image.value
    panel.more.value = "red hat"
    assert panel.image.value == covered and "Answer the question first" in said(panel)
    assert "red hat" not in [view.goods[good] for good in view.picks]


def test_an_answer_is_judged(view):
    panel = view.build()
    p = choices.next_item_probabilities(view.picks)
    right = view.goods[int(p.argmax())]
    assert right in panel.answer.options and len(panel.answer.options) == 5
    panel.answer.value = right
    assert said(panel) == f"✓ Yes, the {right} is the likeliest. {view.alt()}"
    panel.answer.value = next(option for option in panel.answer.options if option not in (right, SHOW))
    assert said(panel).startswith(f"✗ No, the {right} is the likeliest. ")


def test_a_further_pick_changes_the_lists_and_is_no_longer_judged(view):
    panel = view.build()
    panel.answer.value = panel.answer.options[0]
    before = panel.image.value
    new = next(good for good in view.goods if view.goods.index(good) not in view.picks)
    panel.more.value = new
    assert view.goods[view.picks[-1]] == new and panel.image.value != before
    assert said(panel) == view.alt() and panel.more.value == ""


def test_a_pick_that_cannot_be_gets_a_sentence(view):
    panel = view.build()
    panel.answer.value = SHOW
    panel.more.value = "purple elephant"
    assert "nothing here is called 'purple elephant'" in said(panel)
    panel.more.value = view.goods[view.picks[0]]
    assert "has the" in said(panel) and "already" in said(panel)


def test_another_customer_asks_anew_and_nobody_has_nothing(view):
    panel = view.build()
    panel.answer.value = SHOW
    panel.who.value = "customer 9"
    assert panel.answer.value is None and len(view.picks) == 3 and "Answer the question" in said(panel)
    panel.who.value = NOBODY
    assert view.picks == [] and "nothing yet" in panel.question.value
    panel.answer.value = SHOW
    assert said(panel).startswith("After nothing yet, what next?")


class TestTheView(AskingView):
    pass


class TestWithoutTheTruth(AskingView):
    @pytest.fixture
    def view(self, parts):
        return PicksView(*parts)
