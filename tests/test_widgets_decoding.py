"""The decoding explorer: numbers against Decoding, bars, callbacks, still forms."""

import numpy as np
import pytest
import torch
from test_metrics import TOKENIZERS, random_gpt
from views import STRICT, AskingView, said

from lmlib import plots
from lmlib.decoding import Decoding
from lmlib.generate import generate
from lmlib.widgets import DecodingExplorer
from lmlib.widgets.decoding import ANSWERS, SHOW, Bars

pytestmark = STRICT

CHAR = TOKENIZERS["char"]


@pytest.fixture(scope="module")
def model():
    return random_gpt(len(CHAR), 32)


@pytest.fixture
def view(model):
    return DecodingExplorer(model, CHAR, "the cat", top=5, texts=3, tokens=6, top_p=0.8)


# ------------------------------------------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    "settings", [{}, {"top_k": 3}, {"temperature": 0}, {"min_p": 0.3, "repetition_penalty": 2.0}]
)
def test_the_numbers_are_those_of_decoding(model, settings):
    view = DecodingExplorer(model, CHAR, "the cat", **settings)
    cut, ids = view.compute(), [CHAR.end_id, *CHAR.encode("the cat")]
    with torch.no_grad():
        scores = model(torch.tensor([ids]))[0, -1]
    before, after = Decoding().distribution(scores).numpy(), Decoding(**settings).distribution(scores, ids).numpy()
    order = np.argsort(-before, kind="stable")
    assert cut.before == pytest.approx(before[order]) and cut.after == pytest.approx(after[order])
    assert cut.kept.sum() == (after > 0).sum() and cut.after.sum() == pytest.approx(1)
    names = [CHAR.decode([i]) if i != CHAR.end_id else "(end)" for i in order.tolist()]
    assert cut.tokens == names


def test_what_it_writes_is_what_generate_writes(view, model):
    told = view.write()
    assert [text for text, _ in told] == [
        generate(model, CHAR, "the cat", 6, seed=seed, top_p=0.8).replace("\n", " ") for seed in range(3)
    ]
    assert all(good is None for _, good in told)
    view.reads_until = lambda text: 9
    assert [good for _, good in view.write()] == [2, 2, 2]


def test_the_sentence_says_what_stays(view):
    cut = view.compute()
    kept = int(cut.kept.sum())
    assert 1 < kept < len(CHAR)
    assert f"with temperature 1, top-p 0.8: {kept} of {len(CHAR)} tokens stay" in view.alt()
    assert f"The first one cut is {plots.spoken(cut.tokens[kept])}" in view.alt()
    view.settings["top_k"] = 1
    assert f"1 of {len(CHAR)} tokens stays" in view.alt() and "1 of" in view.title()


def test_what_cannot_be_shown_is_refused(model):
    with pytest.raises(ValueError, match="temperature is -1"):
        DecodingExplorer(model, CHAR, "the", temperature=-1)
    with pytest.raises(ValueError, match="take away the blank"):
        DecodingExplorer(model, CHAR, "the ")
    with pytest.raises(ValueError, match="top_k is 1000, but the model knows"):
        DecodingExplorer(model, CHAR, "the", top_k=1000).compute()
    assert "After 'nothing'" in DecodingExplorer(model, CHAR, "").alt()


# ------------------------------------------------------------------------------------------------- picture


def test_bars_are_as_long_as_the_probabilities(view):
    _, ax = plots.figure()
    bars, cut = Bars(ax, view), view.compute()
    assert len(bars.rows) == 6
    for i, (hatched, bar, text) in enumerate(bars.rows[:5]):
        assert bar.get_width() == pytest.approx(cut.after[i])
        assert hatched.get_visible() == (not cut.kept[i]) == text.get_text().endswith("cut")
    assert bars.rows[5][1].get_width() == pytest.approx(cut.after[5:].sum())
    view.settings.update(top_p=None, top_k=1)
    bars.update(view)
    assert [row[0].get_visible() for row in bars.rows] == [False] + 5 * [True]
    assert bars.rows[0][1].get_width() == 1


# --------------------------------------------------------------------------------------------------- panel


def test_nothing_is_shown_before_the_answer(view):
    panel = view.build()
    covered = panel.image.value
    panel.sliders["temperature"].value = 2
    panel.button.click()
    assert panel.image.value == covered and "<li>" not in panel.written.value
    assert said(panel) == "Answer the question first."


def test_answers_are_judged(view):
    panel, kept = view.build(), int(view.compute().kept.sum())
    assert "top-p 0.8" in panel.question.value
    for _, (low, high) in ANSWERS:
        panel.answer.value = (low, high)
        right = low <= kept <= high
        assert said(panel) == f"{'✓ Yes' if right else '✗ No'}, {kept}. {view.alt()}"
    panel.sliders["min_p"].value = 0.5
    assert said(panel) == view.alt()  # the guess was made for other settings


def test_every_slider_changes_its_setting_and_the_picture(view):
    panel = view.build()
    panel.answer.value = SHOW
    first = panel.image.value
    moves = {"temperature": 0.5, "top_k": 2, "top_p": 0.3, "min_p": 0.9, "repetition_penalty": 1.5}
    for name, value in moves.items():
        old = panel.sliders[name].value
        panel.sliders[name].value = value
        assert view.settings[name] == value and panel.image.value != first, name
        panel.sliders[name].value = old
        assert panel.image.value == first, name
    panel.sliders["top_p"].value = 1
    assert view.settings["top_p"] is None and view.settings["top_k"] is None


def test_the_button_writes_others_each_time(view):
    view.reads_until = lambda text: len(text) - 1
    panel = view.build()
    panel.answer.value = SHOW
    panel.button.click()
    first = panel.written.value
    assert first.count("<li>") == 3 == first.count("<s ") and "top-p 0.8" in first
    panel.button.click()
    assert panel.written.value != first


def test_a_new_text_asks_anew_and_a_bad_one_changes_nothing(view):
    panel = view.build()
    panel.answer.value = SHOW
    panel.text.value = "the "
    assert "take away the blank" in said(panel) and view.prompt == "the cat"
    panel.text.value = "sat"
    assert panel.answer.value is None and "sat" in panel.question.value and view.prompt == "sat"


class TestTheView(AskingView):
    saved_shows_more = True
