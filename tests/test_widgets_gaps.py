"""The gap view: numbers by hand, refusals in a sentence, the question, callbacks, still forms."""

import numpy as np
import pytest
from views import STRICT, AskingView, said

from lmlib.widgets import GapView
from lmlib.widgets.gaps import OTHER, SAME, SHOW, TOP

pytestmark = STRICT

WORDS = [f"word{i}" for i in range(10)]


def fill(best):
    """A filler that gives one word 0.55 and each other 0.05, and refuses a text without a gap."""

    def law(text):
        if "___" not in text:
            raise ValueError("this text has no gap: write ___")
        word = best(text)
        return WORDS, np.where(np.array(WORDS) == word, 0.55, 0.05)

    return law


@pytest.fixture
def view():
    """Both say word0, but with a text that has something behind the gap one of them says word1."""
    behind = fill(lambda text: "word0" if text.endswith("___") else "word1")
    return GapView({"left side": fill(lambda text: "word0"), "both sides": behind}, "so ___ there")


def test_the_numbers_and_the_sentence_by_hand(view):
    (left, words, p), (both, other, _) = view.compute()
    assert (left, both) == ("left side", "both sides") and len(words) == len(p) == TOP
    assert words[:3] == ["word0", "word1", "word2"] and other[:3] == ["word1", "word0", "word2"]
    assert p[0] == 0.55 and p[1] == 0.05
    assert view.alt() == (
        "left side says “word0” 0.55, “word1” 0.05, “word2” 0.05; "
        "both sides says “word1” 0.55, “word0” 0.05, “word2” 0.05."
    )
    assert view.title() == "left side: “word0”; both sides: “word1”"
    view.text = "so ___"
    assert view.title() == "All would write “word0” first"


def test_what_cannot_be_shown_is_refused(view):
    with pytest.raises(ValueError, match="no gap"):
        view.compute("nothing here")
    with pytest.raises(ValueError, match="no gap"):
        GapView(view.fillers, "nothing here")
    with pytest.raises(ValueError, match="at least two fillers"):
        GapView({"one": view.fillers["left side"]}, "so ___")


def test_bars_hold_the_probabilities_on_one_scale(view):
    axes = view.figure().axes
    assert [ax.get_title(loc="left") for ax in axes] == ["left side", "both sides"]
    assert axes[0].get_xlim() == axes[1].get_xlim()
    for ax, (_, words, p) in zip(axes, view.compute()):
        assert [bar.get_width() for bar in ax.patches] == pytest.approx(p)
        assert [tick.get_text() for tick in ax.get_yticklabels()] == words
    assert axes[0].patches[0].get_hatch() and not axes[1].patches[0].get_hatch(), "not by colour alone"


def test_nothing_is_shown_before_the_answer(view):
    assert "word" not in said(view.build())


@pytest.mark.parametrize("answer, mark", [(OTHER, f"✓ Yes, {OTHER}. "), (SAME, f"✗ No, {OTHER}. "), (SHOW, "")])
def test_an_answer_is_judged(view, answer, mark):
    panel = view.build()
    covered = panel.image.value
    panel.answer.value = answer
    assert said(panel) == mark + view.alt() and panel.image.value != covered


def test_a_new_text_is_a_new_question(view):
    panel = view.build()
    covered = panel.image.value
    panel.answer.value = SHOW
    panel.text.value = "it is ___"
    assert view.text == "it is ___" and panel.answer.value is None and panel.image.value == covered
    panel.answer.value = SAME
    assert said(panel).startswith(f"✓ Yes, {SAME}. ")


def test_a_text_that_cannot_be_filled_changes_nothing(view):
    panel = view.build()
    panel.answer.value = SHOW
    shown = panel.image.value
    panel.text.value = "nothing here"
    assert said(panel).startswith("this text has no gap")
    assert view.text == "so ___ there" and panel.image.value == shown


class TestTheView(AskingView):
    drawn_from = "compute"
