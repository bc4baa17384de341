"""The view of secrets: numbers by hand, refusals, the question, slider and callbacks, still forms."""

import pytest
from views import STRICT, AskingView, said

from lmlib.privacy.table import Secret
from lmlib.widgets import SecretView
from lmlib.widgets.secrets import SHOW

pytestmark = STRICT


@pytest.fixture
def view():
    rows = [
        Secret("as it is", 0, "Ulla", "0620", 16, 1, "0620."),
        Secret("as it is", 0, "Yaro", "7432", 16, 100, "7431."),
        Secret("as it is", 0, "Abel", "5918", 0, 5000, "\n went on and on and on"),
        Secret("epsilon 8", 0, "Ulla", "0620", 16, 2500, "the "),
    ]
    return SecretView(rows)


def test_the_numbers_and_the_sentence_by_hand(view):
    found = view.compute()
    assert (found.condition, found.count, found.rank, found.extracted) == ("as it is", 16, 50.5, 1)
    assert found.exposures[16] == pytest.approx([13.288, 6.644], abs=1e-3) and found.exposures[0] == [1.0]
    assert view.alt() == (
        "16 copies, as it is: mean exposure 10.0 of 13.3 bits, the median secret is guess 50 of 10,000, 1 of 2 "
        "secrets are written out. Ulla's number is 0620; the model writes “0620.”."
    )
    assert view.title() == "16 copies, as it is: 10.0 of 13.3 bits are known"
    assert view.compute(count=0).rank == 5000


def test_what_cannot_be_shown_is_refused(view):
    with pytest.raises(ValueError, match="no secret to show"):
        SecretView([])
    with pytest.raises(ValueError, match="no secret stands 3 times in the text of 'as it is': conditions are"):
        view.compute(count=3)
    with pytest.raises(ValueError, match="no secret stands 16 times in the text of 'never'"):
        SecretView(view.rows, condition="never")


def test_every_secret_is_drawn_and_the_chosen_ones_differ_in_form(view):
    ax, writes = view.figure().axes
    drawn = {line.get_marker(): sorted(line.get_ydata()) for line in ax.lines if line.get_linestyle() == "None"}
    assert drawn == {"D": pytest.approx([6.644, 13.288], abs=1e-3), "o": [1.0]}
    told = [text.get_text() for text in writes.texts if text.get_text()]
    assert sorted(told) == sorted(
        [
            "16 copies: it writes",
            "✓ Ulla's number is 0620.",
            "    secret 0620, guess 1",
            "✗ Yaro's number is 7431.",
            "    secret 7432, guess 100",
        ]
    )
    view.count = 0
    told = [text.get_text() for text in view.figure().axes[1].texts]
    assert told[:2] == ["No copy: it writes", "✗ Abel's number is went on and…"]


def test_nothing_is_shown_before_the_answer(view):
    panel = view.build()
    assert "bits" not in said(panel) and "16 copies, as it is" in panel.question.value


@pytest.mark.parametrize("answer, mark", [("2 to 100", "✓ Yes, 2 to 100. "), ("one guess", "✗ No, 2 to 100. ")])
def test_an_answer_is_judged(view, answer, mark):
    panel = view.build()
    covered = panel.image.value
    panel.answer.value = answer
    assert said(panel) == mark + view.alt() and panel.image.value != covered


def test_the_slider_moves_numbers_and_picture(view):
    panel = view.build()
    panel.count.value = 0
    assert "No copy, as it is" in panel.question.value and panel.answer.value is None
    panel.answer.value = SHOW
    shown = panel.image.value
    panel.count.value = 16
    assert said(panel) == view.alt() and "16 copies" in view.alt() and panel.image.value != shown


def test_another_training_is_a_new_question(view):
    panel = view.build()
    covered = panel.image.value
    panel.answer.value = SHOW
    panel.condition.value = "epsilon 8"
    assert panel.answer.value is None and panel.image.value == covered and "epsilon 8" in panel.question.value
    panel.answer.value = "more than 100"
    assert said(panel).startswith("✓ Yes, more than 100. 16 copies, epsilon 8")


def test_what_no_row_has_is_said_and_changes_nothing(view):
    panel = view.build()
    panel.answer.value = SHOW
    panel.condition.value = "epsilon 8"
    panel.answer.value = SHOW
    shown = panel.image.value
    panel.count.value = 0
    assert said(panel).startswith("no secret stands 0 times") and view.count == 16 and panel.image.value == shown


class TestTheView(AskingView):
    pass
