"""Picture view: weights and verdicts against the model and the exact reader, the question, callbacks, still forms."""

import random

import numpy as np
import pytest
import torch
from views import STRICT, AskingView, pixels, said

from lmlib.pictures import painter
from lmlib.pictures.look import say_and_look
from lmlib.pictures.stream import Stream
from lmlib.village import pictures as village
from lmlib.widgets import PictureView
from lmlib.widgets.pixels import ALL, CORNERS, SHOW

pytestmark = STRICT
PAIR = "a green key right of a white boat"


@pytest.fixture(scope="module")
def model():
    torch.set_num_threads(1)
    return painter.load()[0]


@pytest.fixture
def view(model):
    return PictureView(model, Stream(), PAIR)


def test_the_numbers_are_the_models(view, model):
    picture = village.paint(PAIR, random.Random(0).random)
    words, _, weights = say_and_look(model, Stream(), picture)
    assert view.painted == picture and view.words == words
    assert np.allclose(view.looks(), weights[view.word].mean((0, 1)))
    view.head = (1, 2)
    assert np.allclose(view.looks(), weights[view.word][1, 2])
    square = view.looks().reshape(8, 8)
    by_hand = [square[:4, :4].sum(), square[:4, 4:].sum(), square[4:, :4].sum(), square[4:, 4:].sum()]
    assert np.allclose(view.corners(), by_hand) and view.corner() == int(np.argmax(by_hand))


def test_the_verdicts_are_the_exact_readers(view):
    assert view.true == (view.caption in village.read(view.painted))
    for drawn, verdict in (
        (village.pictures_of(PAIR)[3], "the reader agrees"),
        ((0,) * 64, "the reader sees no scene"),
    ):
        view.drawn = drawn
        assert view.verdict == verdict and verdict in view.alt()
    view.drawn = village.pictures_of("one red cat")[0]
    assert view.verdict == "the reader sees one red cat"


def test_what_cannot_be_shown_is_refused(model, view):
    with pytest.raises(ValueError, match="nobody in the village paints"):
        PictureView(model, Stream(), "a dog")
    with pytest.raises(ValueError, match="there is no head"):
        PictureView(model, Stream(), PAIR, head=(3, 0))
    with pytest.raises(ValueError, match="there is no word 20"):
        PictureView(model, Stream(), PAIR, word=20)
    before = view.painted, view.words, view.sentence
    with pytest.raises(ValueError):
        view.read("a dog")
    assert (view.painted, view.words, view.sentence) == before


def test_a_caption_without_words_is_shown_too(view):
    view.words, view.probabilities, view.word = [], [], 0
    assert view.title().startswith("It says “”") and "Choosing" not in view.alt()
    assert view.static()[:4] == b"\x89PNG"


def test_the_still_forms_agree(view, monkeypatch):
    assert view.caption in view.title() and CORNERS[view.corner()] in view.title()
    assert PAIR in view.alt() and view.verdict in view.alt() and ALL in view.alt()
    assert pixels(view.static()).shape[1] == 792


def test_a_guess_comes_first_and_is_judged(view):
    panel = view.build()
    assert "Predict first" in panel.question.value and "Answer the question" in said(panel)
    hidden = panel.image.value
    panel.answer.value = CORNERS[view.corner()]
    assert said(panel).startswith("✓ Yes") and panel.image.value != hidden
    panel.answer.value = CORNERS[(view.corner() + 1) % 4]
    assert said(panel).startswith("✗ No")
    panel.answer.value = SHOW
    assert said(panel) == view.alt()


def test_word_and_head_move_the_rings(view):
    panel = view.build()
    panel.answer.value = SHOW
    first = panel.image.value
    panel.word.value = 1
    assert view.word == 0 and panel.image.value != first and "Choosing word 1" in said(panel)
    second = panel.image.value
    panel.head.value = (2, 1)
    assert view.head == (2, 1) and panel.image.value != second and "layer 3, head 2" in said(panel)
    panel.head.value = ALL
    assert view.head is None and panel.head.index == 0 and "all heads put" in said(panel)


def test_a_new_sentence_asks_again_and_a_wrong_one_is_said(view):
    panel = view.build()
    panel.answer.value = SHOW
    panel.text.value = "two red cats"
    assert view.sentence == "two red cats" and panel.answer.value is None and "two red cats" in panel.question.value
    panel.text.value = "a dog"
    assert "nobody in the village paints 'a dog'" in said(panel) and view.sentence == "two red cats"
    painted = view.painted
    panel.other.click()
    assert view.painted != painted and view.sentence == "two red cats" and panel.answer.value is None


class TestTheView(AskingView):
    saved_shows_more = True
