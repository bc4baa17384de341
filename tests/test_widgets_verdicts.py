"""The view of verdicts: numbers by hand, refusals in a sentence, the question, callbacks, still forms."""

import numpy as np
import pytest
from views import STRICT, AskingView, pixels, said

from lmlib.tasks.sentiment import words
from lmlib.widgets import VerdictView
from lmlib.widgets.verdicts import MOST, SHOW

pytestmark = STRICT


class Weights:
    """A classifier whose logit is the sum of its words' weights."""

    words = staticmethod(words)

    def __init__(self, **weights):
        self.weights = weights

    def knows(self, word):
        return word in self.weights

    def contributions(self, text):
        found = words(text)
        return found, np.array([self.weights.get(word, 0.0) for word in found])

    def probabilities(self, texts):
        return np.array([1 / (1 + np.exp(-self.contributions(text)[1].sum())) for text in texts])


@pytest.fixture
def view():
    return VerdictView({"counts": Weights(never=-1.0, bad=-2.0), "LSTM": Weights(never=3.0, bad=-1.0)}, "never bad")


# ------------------------------------------------------------------------------------------------- numbers


def test_the_numbers_and_the_sentence_by_hand(view):
    (_, p, found, values, unknown), (_, q, *_) = view.compute()
    assert p == pytest.approx(1 / (1 + np.exp(3))) and q == pytest.approx(1 / (1 + np.exp(-2)))
    assert found == ["never", "bad"] and values.tolist() == [-1, -2] and unknown == []
    assert view.alt() == (
        "counts says blame, 0.95 (most: “bad” -2.00, “never” -1.00); "
        "LSTM says praise, 0.88 (most: “never” +3.00, “bad” -1.00)."
    )
    assert view.title() == "Praise, says LSTM; blame, says counts"


def test_unknown_words_are_named_once_for_each():
    view = VerdictView({"a": Weights(good=1.0)}, "good good Zorblax zorblax soup")
    assert view.alt().endswith("a does not know zorblax, soup.")
    assert view.title() == "a says praise"
    none = VerdictView({"a": Weights()}, "one two three four five")
    assert "(no word moves it)" in none.alt() and none.alt().endswith("one, two, three, four and more.")
    same = VerdictView({"a": Weights(good=1.0), "b": Weights(good=2.0)}, "good")
    assert same.title() == "All say praise"


@pytest.mark.parametrize("text", ["", "   ", "?!", "…"])
def test_a_text_without_a_word_is_refused(view, text):
    with pytest.raises(ValueError, match="there is no word in this text: type an opinion"):
        view.compute(text)


def test_what_cannot_be_shown_is_refused(view):
    with pytest.raises(ValueError, match=f"has {MOST + 1} words and marks, the picture room for {MOST}"):
        view.compute("good " * (MOST + 1))
    with pytest.raises(ValueError, match="there is no classifier"):
        VerdictView({}, "good")
    with pytest.raises(ValueError, match="no classifier is called 'GRU': take one of counts, LSTM"):
        VerdictView(view.classifiers, "good", asked="GRU")
    with pytest.raises(ValueError, match="no word"):
        VerdictView(view.classifiers, "")


# ------------------------------------------------------------------------------------------------- picture


def test_bars_hold_the_contributions_with_signs(view):
    fig = view.figure()
    assert len(fig.axes) == 2
    for ax, (_, _, _, values, _) in zip(fig.axes, view.compute()):
        heights = {round(bar.get_x() + 0.4): bar.get_height() for bar in ax.patches}
        assert heights == pytest.approx(dict(enumerate(values)))
        assert all(bool(bar.get_hatch()) == (bar.get_height() < 0) for bar in ax.patches), "not by colour alone"
        most = abs(values).max()
        assert [tick.get_text() for tick in ax.get_yticklabels()] == [f"blame −{most:.1f}", f"praise +{most:.1f}"]
    assert [ax.get_title(loc="left") for ax in fig.axes] == ["counts: blame, 0.95", "LSTM: praise, 0.88"]
    assert [label.get_text() for label in fig.axes[-1].get_xticklabels()] == ["never", "bad"]


def test_the_longest_text_can_be_drawn(view):
    view.text = "never " * MOST
    assert pixels(view.static()).shape[1] == 792


# --------------------------------------------------------------------------------------------------- panel


def test_nothing_is_shown_before_the_answer(view):
    panel = view.build()
    assert "says" not in said(panel) and "LSTM" in panel.question.value


@pytest.mark.parametrize("answer, mark", [("praise", "✓ Yes, it says praise. "), ("blame", "✗ No, it says praise. ")])
def test_an_answer_is_judged(view, answer, mark):
    panel = view.build()
    covered = panel.image.value
    panel.answer.value = answer
    assert said(panel) == mark + view.alt() and panel.image.value != covered


def test_a_new_text_is_a_new_question(view):
    panel = view.build()
    covered = panel.image.value
    panel.answer.value = SHOW
    panel.text.value = "bad bad"
    assert view.text == "bad bad" and panel.answer.value is None and panel.image.value == covered
    panel.answer.value = "blame"
    assert said(panel).startswith("✓ Yes, it says blame. counts says blame")


def test_a_text_that_cannot_be_judged_changes_nothing(view):
    panel = view.build()
    panel.answer.value = SHOW
    shown = panel.image.value
    panel.text.value = "?"
    assert said(panel).startswith("there is no word in this text")
    assert view.text == "never bad" and panel.image.value == shown


class TestTheView(AskingView):
    drawn_from = "compute"
