"""Shots view: numbers against the plain model, the question, callbacks, the learner's own text, still forms."""

import numpy as np
import pytest
import torch
from views import STRICT, AskingView, pixels, said

from lmlib.induction import heads_of
from lmlib.models.gpt import GPT, GPTConfig
from lmlib.tasks.in_context import Things, Words
from lmlib.widgets import ShotsView
from lmlib.widgets.shots import AT_ONCE, LATER, SHOW, WITH_IT

pytestmark = STRICT
TEXT = "kite A drum C kite A key B"


@pytest.fixture(scope="module")
def model():
    model = GPT(GPTConfig(Words().vocab_size, context=64, n_layers=2, n_heads=2, d_model=16)).eval()
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.3 * torch.randn(p.shape, generator=torch.Generator().manual_seed(2)))
    return model


@pytest.fixture
def view(model):
    return ShotsView(model, Words(), TEXT, "drum", head=(1, 0))


# ------------------------------------------------------------------------------------------------- numbers


def test_the_numbers_are_the_models(model, view):
    task = Words()
    for shots in range(5):
        ids = torch.tensor([task.encode(" ".join([*TEXT.split()[: 2 * shots], "drum"]))])
        with torch.inference_mode():
            p = model(ids)[0, -1, 32:].softmax(-1)
        assert view.probabilities[shots] == pytest.approx(p.numpy(), abs=1e-6)
        row = heads_of(model, ids)[0, 1, 0, -1]
        assert view.weights[shots] == pytest.approx([*row[1 : 2 * shots : 2].tolist(), *[0] * (4 - shots)], abs=1e-6)


def test_what_was_shown_and_known_by_hand(view):
    assert view.shown_from() == 2
    view.probabilities = np.array([[0.2, 0.8], [0.6, 0.4], [0.4, 0.6], [0.9, 0.1], [0.7, 0.3]])
    assert view.known_from() == 3
    view.probabilities = np.array([[0.9, 0.1]] * 5)
    assert view.known_from() == 0
    view.probabilities = np.array([[0.4, 0.3, 0.3]] * 5)
    assert view.known_from() is None


def test_things_have_three_words():
    task = Things()
    model = GPT(GPTConfig(task.vocab_size, context=64, n_layers=1, n_heads=2, d_model=16)).eval()
    view = ShotsView(model, task, "big red kite A small blue key B", "big white key")
    assert view.probabilities.shape == (3, 4) and view.shown_from() is None
    with pytest.raises(ValueError, match="3 words and a label, such as 'big red kite A'"):
        view.read("big red A", "big white key")
    assert view.n == 2  # as before


def test_what_cannot_be_shown_is_refused(model):
    task = Words()
    with pytest.raises(ValueError, match="'house' is no word of this task"):
        ShotsView(model, task, "house A", "kite")
    with pytest.raises(ValueError, match="each example is 1 word and a label"):
        ShotsView(model, task, "kite A drum", "kite")
    with pytest.raises(ValueError, match="the question is 1 word, such as 'kite'"):
        ShotsView(model, task, "kite A", "A")
    with pytest.raises(ValueError, match="give 1 to 12 examples, not 0"):
        ShotsView(model, task, "", "kite")
    with pytest.raises(ValueError, match=r"no head \(2, 0\): the model has 2 layers"):
        ShotsView(model, task, "kite A", "kite", head=(2, 0))
    with pytest.raises(ValueError, match="shots is 3: there are 1 examples"):
        ShotsView(model, task, "kite A", "kite", shots=3)


# ------------------------------------------------------------------------------------------------- picture


def test_the_picture_holds_the_numbers(view):
    view.shots = 2
    _, artists = view._picture()
    artists.update(view)
    assert [bar.get_width() for bar in artists.says] == pytest.approx(view.probabilities[2])
    assert [bar.get_width() for bar in artists.looks] == pytest.approx(view.weights[2])
    assert [veil.get_width() > 0 for veil in artists.veils] == [False, False, True, True]
    assert f"{view.probabilities[2].max():.2f}" in view.title() and view.title().startswith(
        "2 examples shown, drum: "
    )


# --------------------------------------------------------------------------------------------------- panel


def test_nothing_is_shown_before_the_answer(view):
    panel = view.build()
    covered = panel.image.value
    panel.slider.value = 1
    assert panel.image.value == covered and "model says" not in said(panel)


@pytest.mark.parametrize("known, right", [(0, AT_ONCE), (2, WITH_IT), (4, LATER), (None, LATER)])
def test_an_answer_is_judged(view, monkeypatch, known, right):
    monkeypatch.setattr(view, "known_from", lambda: known)
    panel = view.build()
    for answer in (AT_ONCE, WITH_IT, LATER):
        panel.answer.value = answer
        assert said(panel).startswith("✓ Yes" if answer == right else "✗ No")
    panel.answer.value = SHOW
    assert said(panel) == view.alt()


def test_the_slider_moves_the_picture(view):
    panel = view.build()
    panel.answer.value = SHOW
    seen = [panel.image.value]
    panel.slider.value = 1
    assert panel.image.value != seen[0] and view.shots == 1 and said(panel).startswith("1 example shown")
    panel.slider.value = 4
    assert panel.image.value == seen[0]


def test_the_cover_is_as_high_as_what_will_come(view):
    panel = view.build()
    panel.examples.value = "bell D"
    covered = pixels(panel.image.value)
    panel.answer.value = SHOW
    assert pixels(panel.image.value).shape == covered.shape


def test_the_learners_own_text(view):
    panel = view.build()
    panel.answer.value = WITH_IT
    panel.examples.value = "bell D"
    assert view.n == panel.slider.max == panel.slider.value == 1 and said(panel) == view.alt()
    panel.examples.value = "bell"
    assert "each example is 1 word and a label" in said(panel) and view.n == 1
    panel.examples.value = "bell D cup A"
    panel.asks.value = "cup"
    assert "asked for cup" in said(panel)
    assert "<i>cup</i>" in panel.question.value and panel.answer.value is None  # the answer was one for another text


class TestTheView(AskingView):
    pass
