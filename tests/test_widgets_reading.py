"""Reading view: what it says against the reader, the question, callbacks, faults, still forms."""

import numpy as np
import pytest
from views import STRICT, AskingView, said

from lmlib import plots
from lmlib.models.reader import Reader, ReaderConfig, Words, read
from lmlib.tasks.questions import ask, parse_babi
from lmlib.village.questions import babi
from lmlib.widgets import ReadingView
from lmlib.widgets.reading import LEFT, MOST_ROWS, SHOW, SILENT, WIDE, _rows

pytestmark = STRICT

STORY = ["Tom found a red key.", "Tom went to the mill.", "It began to rain."]
QUESTION = "Where is the red key?"


@pytest.fixture(scope="module")
def words():
    return Words(parse_babi(babi("train", 40)))


@pytest.fixture(scope="module")
def model(words):
    return Reader(ReaderConfig(len(words), d_model=16, n_heads=2, hidden=16, padding=words.padding))


@pytest.fixture
def view(model, words):
    return ReadingView(model, words, STORY, QUESTION, threshold=0.0)


def test_it_says_what_the_reader_says(view, model, words):
    (found,) = read(model, words, [ask(STORY, QUESTION)])
    assert view.answer == found.guess and view.found == found
    assert view.strongest() == int(np.argmax(found.evidence))
    assert f"“{found.guess}”, have probability {found.guess_probability:.2f}" in view.alt()
    assert f"line {view.strongest() + 1}" in view.alt()
    view.threshold = 1.0
    assert "resting" not in view.alt()  # who says nothing rests on nothing
    assert view.answer == "" and SILENT in view.alt() and view.title().startswith(f"“{SILENT}”")


def test_the_lines_it_rests_on_are_named(view):
    view.found.evidence[:] = [0.9, 0.6, 0.5]
    assert view.marked == [0, 1] and "resting on lines 1 and 2" in view.alt()
    view.found.evidence[:] = [0.1, 0.9, 0.2]
    assert "resting on line 2;" in view.alt()
    view.found.evidence[:] = [0.1, 0.2, 0.2]
    assert "resting on no line" in view.alt()


def test_words_that_it_has_never_seen_are_named(model, words):
    view = ReadingView(model, words, ["Xaver went to the zoo.", "Xaver slept."], "Where is Xaver?")
    assert view.alt().endswith("It has never seen: xaver, zoo, slept.")
    assert "never seen" not in ReadingView(model, words, STORY, QUESTION).alt()


@pytest.mark.parametrize(
    "story, question, threshold, message",
    [
        ("", QUESTION, 0.5, "there is no story"),
        (STORY, "  ", 0.5, "there is no question"),
        (["Tom went to the mill."] * (MOST_ROWS + 1), QUESTION, 0.5, f"fills {MOST_ROWS + 1} rows"),
        (STORY, QUESTION, 1.5, "a threshold lies between 0 and 1, not at 1.5"),
    ],
)
def test_what_cannot_be_shown_is_refused(model, words, story, question, threshold, message):
    with pytest.raises(ValueError, match=message):
        ReadingView(model, words, story, question, threshold=threshold)


def test_rows_hold_every_word_once_and_end_in_the_picture():
    line = "Long before anybody knew of it, “the miller’s” daughter had hidden a key under a stone: nobody saw her."
    spans = Words.spans(line)
    rows = _rows(line, spans)
    assert len(rows) > 1 and [index for row in rows for *_, index in row] == list(range(len(spans)))
    for row in rows:
        ends = [x + plots.text_width(line[a:b], 11) for x, a, b, _ in row]
        assert row[0][0] == LEFT and max(ends) <= LEFT + WIDE + 1
        assert all(end <= later[0] + 1 for end, later in zip(ends, row[1:]))


# --------------------------------------------------------------------------------------------------- panel


def test_nothing_is_shown_before_the_answer(view):
    panel = view.build()
    covered = panel.image.value
    panel.slider.value = 0.9
    assert panel.image.value == covered and "probability" not in said(panel)


def test_an_answer_is_judged(view):
    panel = view.build()
    best = view.strongest()
    options = [value for _, value in panel.answer.options]
    assert best in options and options[-1] == SHOW and len(set(options)) == len(options) == 4
    panel.answer.value = best
    assert said(panel) == f"✓ Yes, line {best + 1}. {view.alt()}"
    panel.answer.value = next(value for value in options if value not in (best, SHOW))
    assert said(panel).startswith(f"✗ No, line {best + 1}. ")
    panel.answer.value = SHOW
    assert said(panel) == view.alt()


def test_the_threshold_silences(view):
    panel = view.build()
    panel.answer.value = SHOW
    speaking = panel.image.value
    panel.slider.value = 1.0
    assert SILENT in said(panel) and panel.image.value != speaking
    panel.slider.value = 0.0
    assert panel.image.value == speaking


def test_a_new_story_asks_again_and_a_bad_one_is_refused(view):
    panel = view.build()
    panel.answer.value = SHOW
    shown = view.found
    panel.story.value = "  \n"
    assert "there is no story" in said(panel) and view.found is shown
    panel.story.value = "Leo went to the well."
    assert view.asked.lines == ["Leo went to the well."] and "Answer the question" in said(panel)
    assert [value for _, value in panel.answer.options] == [0, SHOW]
    panel.text.value = "Where is <b>Leo</b>?"
    assert "&lt;b&gt;" in panel.question.value


class TestTheView(AskingView):
    pass
