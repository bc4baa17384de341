"""The interactive views: numbers, callbacks (whose exceptions no cell would show), and still forms."""

import asyncio
import html
import json
import math
import re

import ipywidgets
import numpy as np
import pytest
from helpers import ROOT
from scipy.special import softmax
from views import STRICT, pixels

from lmlib import plots
from lmlib.widgets import GuessGame, Sampler, base
from lmlib.widgets.guess import SURE, Score, draw_score, guess_bits
from lmlib.widgets.sampler import SHOW, reweigh

pytestmark = STRICT

LETTERS = "abcd \n"
LAW = {"a": 0.5, "b": 0.25, " ": 0.12, "c": 0.0675, "d": 0.05, "\n": 0.0125}


class Model:
    """The same law after every text, but '#' cannot be read; counts how often it is asked."""

    def __init__(self):
        self.asked, self.written = [], []

    def next(self, text):
        self.asked.append(text)
        if "#" in text:
            raise ValueError("'#' is no character of this model: use letters.")
        return dict(LAW)

    def generate(self, text, temperature, seed):
        self.written.append((text, temperature, seed))
        return f"{text} writes {seed}"


def truth(text):
    if text.startswith("b"):
        raise ValueError("the village never says this")
    return {"a": 0.75, "b": 0.25}


@pytest.fixture
def model():
    return Model()


@pytest.fixture
def view(model):
    return Sampler(model.next, model.generate, prompt="a b", truth=truth)


# ----------------------------------------------------------------------------------------- numbers (sampler)


@pytest.mark.parametrize("temperature", [0.05, 0.5, 1.0, 2.0])
def test_reweigh_is_softmax_of_logits_over_temperature(temperature):
    p = np.array([0.5, 0.3, 0.2, 0.0])
    with np.errstate(divide="ignore"):
        expected = softmax(np.log(p) / temperature)
    assert reweigh(p, temperature) == pytest.approx(expected)


def test_reweigh_at_one_changes_nothing_and_refuses_zero():
    assert reweigh([0.7, 0.3], 1) == pytest.approx([0.7, 0.3])
    assert reweigh([0.7, 0.3], 1e-4) == pytest.approx([1, 0])  # no overflow either
    with pytest.raises(ValueError, match="above 0"):
        reweigh([0.7, 0.3], 0)


def test_compute_sorts_and_lines_up_the_truth(view):
    tokens, p, true = view.compute(temperature=1.0)
    assert tokens == ["a", "b", " ", "c", "d", "\n"]
    assert p == pytest.approx(list(LAW.values())) and true == pytest.approx([0.75, 0.25, 0, 0, 0, 0])
    assert view.compute("b")[2] is None  # no text of this world
    assert view.choices() == [" ", "a", "b"]


def test_sentence_names_prompt_temperature_and_likeliest(view):
    assert view.alt() == (
        "After 'a␣b' at temperature 1.00 comes 'a' 0.50, 'b' 0.25, a blank 0.12; truly, 'a' has 0.75."
    )
    view.temperature = 0.5
    a = 0.25 / sum(p * p for p in LAW.values())
    assert f"'a' {a:.2f}" in view.alt()


# ------------------------------------------------------------------------------------------- panel (sampler)


def test_nothing_is_betrayed_before_the_answer(view, model):
    panel = view.build()
    covered = panel.image.value
    panel.slider.value = 0.5
    panel.again.click()
    assert panel.image.value == covered and not model.written
    assert "0.5" not in panel.sentence.value


@pytest.mark.parametrize("answer, mark", [("a", "✓ Yes, 'a'."), ("b", "✗ You said 'b'"), (SHOW, "")])
def test_an_answer_uncovers_the_picture_and_is_judged(view, model, answer, mark):
    panel = view.build()
    covered = panel.image.value
    panel.answer.value = answer
    assert panel.image.value != covered
    assert mark in html.unescape(panel.sentence.value) and "temperature 1.00" in panel.sentence.value
    assert model.written == [("a b", 1.0, 0)] and "<b> writes 0</b>" in panel.written.value


def test_the_slider_moves_picture_and_sentence_and_asks_the_model_nothing(view, model):
    panel = view.build()
    panel.answer.value = SHOW
    before, asked = panel.image.value, len(model.asked)
    panel.slider.value = 0.3
    assert panel.image.value != before and "temperature 0.30" in panel.sentence.value
    assert panel.guard.alt == view.alt()
    assert len(model.asked) == asked == 1
    assert model.written[-1] == ("a b", 0.3, 0)


def test_a_moved_picture_is_pixel_for_pixel_a_fresh_one(view):
    panel = view.build()
    panel.answer.value = SHOW
    for temperature in (0.2, 2.0, 0.7):
        panel.slider.value = temperature
    moved = pixels(panel.image.value)
    panel._draw_bars()
    assert np.array_equal(moved, pixels(panel.image.value))


def test_draw_again_takes_the_next_seed(view, model):
    panel = view.build()
    panel.answer.value = SHOW
    panel.again.click()
    panel.again.click()
    assert [seed for _, _, seed in model.written] == [0, 1, 2]
    assert "seed 2" in panel.written.value


def test_a_new_text_asks_a_new_question_at_the_same_height(view):
    panel = view.build()
    panel.answer.value = "a"
    height = pixels(panel.image.value).shape
    panel.text.value = "b<i>"
    assert panel.answer.value is None and "b&lt;i&gt;" in panel.question.value
    assert pixels(panel.image.value).shape == height
    panel.answer.value = "a"
    assert pixels(panel.image.value).shape == height  # though the truth of this text is not known
    assert "truly" not in panel.sentence.value


def test_a_text_the_model_cannot_read_is_refused_in_sight(view):
    panel = view.build()
    panel.answer.value = SHOW
    panel.text.value = "a#"
    assert "use letters" in panel.sentence.value
    assert view.prompt == "a b"
    panel.slider.value = 0.4
    assert "temperature 0.40" in panel.sentence.value


def test_a_sweep_of_the_slider_writes_once_when_it_rests(view, model):
    async def sweep():
        panel = view.build()
        panel.answer.value = SHOW
        model.written.clear()
        panel._when_rested, later = lambda action: later(action, seconds=0.01), panel._when_rested
        for temperature in (0.5, 0.6, 0.7):
            panel.slider.value = temperature
        assert model.written == []
        await asyncio.sleep(0.1)

    asyncio.run(sweep())
    assert model.written == [("a b", 0.7, 0)]


# ----------------------------------------------------------------------------------------------- still forms


def test_still_picture_is_drawn_small_enough_and_saved(view, tmp_path):
    png = view.static(tmp_path / "sampler.png")
    assert (tmp_path / "sampler.png").read_bytes() == png
    assert len(png) < 100_000 and pixels(png).std() > 5


def views(model):
    yield Sampler(model.next, model.generate, prompt="a b", truth=truth)
    yield GuessGame("aab", model.next, truth, start=1, demo=[("a", "certain")])


def test_a_cell_shows_one_bundle_of_widget_picture_and_sentence(model, monkeypatch):
    shown = []
    monkeypatch.setattr(base, "display", lambda data, **more: shown.append((data, more)))
    for view in views(model):
        view._ipython_display_()
        data, more = shown.pop()
        assert set(data) == {"application/vnd.jupyter.widget-view+json", "image/png", "text/plain"}
        assert data["text/plain"] == view.alt() == more["metadata"]["image/png"]["alt"]
        assert more["raw"] is True and not shown


def test_lm_static_shows_picture_and_sentence_and_makes_no_widget(model, monkeypatch):
    shown, live = [], len(ipywidgets.widget._instances)
    monkeypatch.setenv("LM_STATIC", "1")
    monkeypatch.setattr("IPython.display.display", lambda data, **more: shown.append(data))
    for view in views(model):
        view._ipython_display_()
    assert [set(data) for data in shown] == [{"image/png", "text/plain"}, {"text/html", "text/plain"}] * 2
    assert len(ipywidgets.widget._instances) == live


@pytest.mark.parametrize("value, static", [("1", True), ("yes", True), ("0", False), ("", False)])
def test_lm_static_values(monkeypatch, value, static):
    monkeypatch.setenv("LM_STATIC", value)
    assert base.static_only() is static


@pytest.mark.parametrize("path", sorted((ROOT / "lmlib" / "widgets").glob("*.[jc]s*")), ids=lambda p: p.name)
def test_the_page_loads_nothing_from_elsewhere(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"https?://|//cdn|\bimport\b|\brequire\b|@import|url\(", text)


def test_controls_keep_their_keys_from_the_notebook():
    for name in ("guard.js", "guess.js"):
        assert "lmSuppressShortcuts" in (ROOT / "lmlib" / "widgets" / name).read_text(encoding="utf-8")
    assert "function render" in base.Guard()._esm


# ------------------------------------------------------------------------------------ numbers (guessing game)


@pytest.mark.parametrize("sure", [*SURE, 0.01, 0.6])
def test_a_guess_is_a_probability_for_every_letter_together_one(sure):
    assert sum(2 ** -guess_bits("a", sure, actual, len(LETTERS)) for actual in LETTERS) == pytest.approx(1)


def test_guess_bits_by_hand():
    assert guess_bits("a", "no idea", "b", 64) == 6
    assert guess_bits("a", 0.5, "a", 64) == 1
    assert guess_bits("a", "certain", "b", 51) == pytest.approx(-math.log2(0.05 / 50))


def test_saying_how_sure_you_truly_are_pays_best():
    """A rule of scoring is honest if the expected score is best for who says what he believes."""

    def expected(said, believed):
        hit, miss = (guess_bits("a", said, actual, 30) for actual in "ab")
        return believed * hit + (1 - believed) * miss

    for believed in (0.4, 0.7, 0.95):
        assert min((0.1, 0.4, 0.7, 0.95), key=lambda said: expected(said, believed)) == believed


@pytest.mark.parametrize("sure", ["perhaps", 0, 1, 1.5, None])
def test_how_sure_must_be_a_level_or_a_probability(sure):
    with pytest.raises(ValueError, match="How sure"):
        guess_bits("a", sure, "a", 10)


def test_play_scores_you_the_model_and_the_floor(model):
    game = GuessGame("xaba", model.next, truth, start=1)
    score = game.play([("a", 0.5), ("a", "no idea")])
    assert score.mean("you") == pytest.approx((1 + math.log2(6)) / 2)
    assert score.mean("model") == pytest.approx((1 + 2) / 2)
    assert score.mean("floor") == pytest.approx((-math.log2(0.75) + 2) / 2)
    assert score.hits == 1 and model.asked == ["x", "xa"]
    assert GuessGame("xaba", model.next, start=1).play([("a", 0.5)]).mean("floor") is None
    assert Score([]).mean("you") is None


def test_game_refuses_what_cannot_be_played(model):
    with pytest.raises(ValueError, match="Nothing is left"):
        GuessGame("ab", model.next, start=2)
    with pytest.raises(ValueError, match="3 guesses for 2 letters"):
        GuessGame("ab", model.next).play([("a", 0.5)] * 3)
    with pytest.raises(ValueError, match="'z' is none of the 6 characters"):
        GuessGame("ab", model.next).play([("z", 0.5)])
    with pytest.raises(ValueError, match="excludes 'd'"):
        GuessGame("ad", model.next, truth, start=1).play([("a", 0.5)])
    with pytest.raises(ValueError, match="gives 'z' no probability"):
        GuessGame("zb", model.next).play([("a", 0.5)])


def test_game_sentences(model):
    game = GuessGame("aba", model.next, truth, demo=[("a", 0.5)])
    assert game.alt() == ("After 1 letter: you 1.00 bits a letter, the model 1.00, the floor 0.42; guessed right: 1.")
    assert GuessGame("aba", model.next).alt().endswith("the model's surprise here is 1.33 bits a letter.")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_game_pictures(model, theme):
    plots.setup(theme)
    text = "ab a\n" * 12
    game = GuessGame(text, model.next, None)
    fig = draw_score("ab", game.play([("a", "certain")] * len(text)))
    assert len(fig.axes[0].patches) == 2 * 36  # the last 36 letters, twice a bar
    for png in (plots.png_of(fig), game.static()):
        assert pixels(png).std() > 5


# -------------------------------------------------------------------------------------- panel (guessing game)


def send(panel, **message):
    panel._message(panel, message)


def test_a_whole_game_in_the_page(model):
    panel = GuessGame("xab", model.next, truth, start=1).build()
    assert panel.state["left"] == 2 and panel.state["given"] == "x" and panel.state["totals"][0]["bits"] is None
    send(panel, kind="guess", letter="a", sure="certain")
    assert panel.state["message"] == "✓ It was 'a': you 0.1 bits, the model 1.0, the truth itself 0.4."
    send(panel, kind="guess", letter=" ", sure="no idea")
    assert panel.state["message"].startswith("✗ It was 'b', you guessed a blank: you 2.6 bits, the model 2.0")
    assert "The end. After 2 letters" in panel.state["message"]
    assert panel.state["left"] == 0 and [r["hit"] for r in panel.state["rounds"]] == [True, False]
    send(panel, kind="guess", letter="a", sure="certain")  # after the end nothing is counted
    assert len(panel.state["rounds"]) == 2
    json.dumps(panel.state)
    send(panel, kind="again")
    assert panel.state["rounds"] == [] and panel.state["left"] == 2


def test_a_letter_that_does_not_exist_is_refused_in_sight(model):
    panel = GuessGame("ab", model.next).build()
    send(panel, kind="guess", letter="é", sure="certain")
    assert panel.state["message"] == "'é' is none of the 6 characters in use: choose another."
    assert panel.state["rounds"] == []


def test_the_page_and_a_script_agree(model):
    guesses = [("a", "certain"), ("b", "a hunch"), (" ", "no idea")]
    game = GuessGame("ab ", model.next)
    panel = game.build()
    for letter, sure in guesses:
        send(panel, kind="guess", letter=letter, sure=sure)
    assert panel.score == game.play(guesses)
