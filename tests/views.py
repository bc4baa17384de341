"""What the tests of the interactive views share: the picture as numbers, the sentence as text, and two promises."""

import html
import io
import re

import numpy as np
from PIL import Image

from lmlib import plots
from lmlib.widgets.base import SHOW

WIDTH = 792  # pixels of every view's picture


def pixels(png):
    """PNG bytes as an array (height, width, 4)."""
    return np.asarray(Image.open(io.BytesIO(png))).astype(int)


def said(panel):
    """The sentence under a panel, without its marks."""
    return html.unescape(re.sub(r"<[^>]+>", "", panel.sentence.value))


def check_the_picture_is_the_panels(view, theme):
    """The saved page's picture and the panel's, covered and open, have one size: nothing jumps."""
    plots.setup(theme)
    still = pixels(view.static())
    assert still.shape[1] == WIDTH and still.std() > 10
    panel = view.build()
    covered = pixels(panel.image.value)
    panel.answer.value = SHOW
    assert pixels(panel.image.value).shape == covered.shape == still.shape


def check_it_is_shown_without_a_kernel(view, monkeypatch):
    """With LM_STATIC=1 there is a picture, and the sentence that says what it shows."""
    shown = []
    monkeypatch.setattr("lmlib.plots.show", lambda fig, alt: shown.append(alt))
    monkeypatch.setenv("LM_STATIC", "1")
    view._ipython_display_()
    assert shown == [view.alt()]
