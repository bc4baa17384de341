"""What the tests of the interactive views share: the picture as numbers, the sentence as text, and what all keep.

A test file has a fixture `view` and `class TestTheView(EveryView)`, or `AskingView` where the view asks first.
"""

import html
import io
import re

import numpy as np
import pytest
from PIL import Image

from lmlib import plots
from lmlib.widgets.base import SHOW

WIDTH = 792  # pixels of every view's picture
STRICT = [
    pytest.mark.usefixtures("light"),
    pytest.mark.filterwarnings("error:constrained_layout", "error:Attempting"),  # of figures too small, of empty axes
]


def pixels(png):
    """PNG bytes as an array (height, width, 4)."""
    return np.asarray(Image.open(io.BytesIO(png))).astype(int)


def said(panel):
    """The sentence under a panel, without its marks."""
    return html.unescape(re.sub(r"<[^>]+>", "", panel.sentence.value))


def check_one_size(view, saved_shows_more=False):
    """The saved page's picture and the panel's, covered and open, have one size: nothing jumps."""
    still = pixels(view.static())
    assert still.shape[1] == WIDTH and still.std() > 10
    panel = view.build()
    covered = pixels(panel.image.value)
    panel.answer.value = SHOW
    assert pixels(panel.image.value).shape == covered.shape
    assert still.shape == covered.shape or saved_shows_more


class EveryView:
    def test_without_a_kernel_there_are_picture_and_sentence_and_no_widget(self, view, monkeypatch):
        shown = []
        monkeypatch.setenv("LM_STATIC", "1")
        monkeypatch.setattr("IPython.display.display", lambda data, **more: shown.append(data))
        monkeypatch.setattr(view, "build", lambda: pytest.fail("a widget was made"))
        view._ipython_display_()
        assert shown[0]["text/plain"] == view.alt() and "image/png" in shown[0]


class AskingView(EveryView):
    drawn_from = "alt"  # the method of the view that an answer calls
    saved_shows_more = False  # a title, or what a press of a button writes

    def test_a_fault_is_said_where_the_learner_looks(self, view, monkeypatch):
        panel = view.build()
        monkeypatch.setattr(view, self.drawn_from, lambda *given: 1 / 0)
        panel.answer.value = SHOW
        assert said(panel) == "division by zero"

    @pytest.mark.parametrize("theme", ["light", "dark"])
    def test_covered_open_and_saved_the_picture_has_one_size(self, view, theme):
        plots.setup(theme)
        check_one_size(view, self.saved_shows_more)
