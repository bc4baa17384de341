"""The RNN stepper: its numbers against a loop by hand, its callbacks, its still forms."""

import math

import numpy as np
import pytest
import torch
from views import STRICT, AskingView, pixels, said

from lmlib import plots
from lmlib.models.mlp import FeedForward, FeedForwardConfig
from lmlib.models.recurrent import RecurrentConfig, RecurrentLM
from lmlib.text import CharTokenizer, WordTokenizer
from lmlib.widgets import RNNStepper
from lmlib.widgets.stepper import MOST, SHOW, START

pytestmark = STRICT

CORPUS = ["the cat sat on the mat.\nthe hat is on the cat."] * 3


@pytest.fixture(scope="module")
def tokenizer():
    return WordTokenizer.train(CORPUS)


@pytest.fixture(scope="module")
def model(tokenizer):
    return spread(RecurrentLM(RecurrentConfig(len(tokenizer), cell="rnn", d_model=8)))


def spread(model):
    """Embeddings so far apart that predictions differ, as after training."""
    with torch.no_grad():
        model.embedding.weight.normal_(generator=torch.Generator().manual_seed(3))
    return model.eval()


@pytest.fixture
def view(model, tokenizer):
    return RNNStepper(model, tokenizer, "the cat sat")


# ------------------------------------------------------------------------------------------------- numbers


def test_states_and_probabilities_are_those_of_a_loop_by_hand(view, model, tokenizer):
    w = {name: p.detach().numpy() for name, p in model.layer.named_parameters()}
    vectors = model.embedding.weight.detach().numpy()
    h = np.zeros(8)
    for step, id in enumerate([tokenizer.end_id, *tokenizer.encode("the cat sat")]):
        given = w["weight_ih_l0"] @ vectors[id] + w["bias_ih_l0"] + w["bias_hh_l0"]
        for state, law in ((h, view.reading.with_state), (np.zeros(8), view.reading.without)):
            after = np.tanh(given + w["weight_hh_l0"] @ state)
            z = np.exp(vectors @ after + model.bias.detach().numpy())
            assert law[step] == pytest.approx(z / z.sum(), abs=1e-6)
            if state is h:
                kept = after
        h = kept
        assert view.reading.states[step] == pytest.approx(h, abs=1e-6)


def test_words_and_what_came_next(view, tokenizer):
    assert view.reading.words == [START, *tokenizer.tokens("the cat sat")]
    assert [view.reading.next_id(t) for t in range(3)] == tokenizer.encode("the cat sat")
    assert view.reading.next_id(3) is None and view.surprise(3) is None
    came = view.reading.next_id(1)
    assert view.surprise(1) == pytest.approx(
        (-math.log2(view.reading.with_state[1, came]), -math.log2(view.reading.without[1, came]))
    )


def test_the_start_has_the_same_guesses_with_and_without(view):
    assert view.same_guess(0)
    for _, p, alone in view.guesses(0):
        assert p == pytest.approx(alone)


def test_guesses_are_the_likeliest_in_order(view):
    p = view.reading.with_state[2]
    assert [value for _, value, _ in view.guesses(2)] == pytest.approx(sorted(p, reverse=True)[:5])
    alone = [value for *_, value in view.guesses(2)]
    assert alone == pytest.approx(view.reading.without[2][np.argsort(-p)[:5]])


def test_the_sentence_names_words_and_numbers(view):
    view.step = 1
    token, p, _ = view.guesses(1)[0]
    bits = view.surprise(1)
    assert f"Step 1, read 'the': likeliest next is '{token}', {p:.2f}; with an empty state" in view.alt()
    assert f"Next came 'cat': {bits[0]:.1f} bits, with an empty state {bits[1]:.1f}." in view.alt()


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_it_takes_other_cells(tokenizer, cell):
    other = spread(RecurrentLM(RecurrentConfig(len(tokenizer), cell=cell, d_model=6, n_layers=2)))
    view = RNNStepper(other, tokenizer, "on the mat.\nthe")
    expected, _ = other.layer(other.embedding(torch.tensor([view.reading.ids])))
    assert view.reading.states == pytest.approx(expected[0].detach().numpy(), abs=1e-6)
    assert pixels(view.static()).shape[1] == 792


def test_it_takes_a_function_and_letters():
    letters = CharTokenizer.train(["abc"])

    def run(ids):
        law = np.full((len(ids), len(letters)), 0.1 / (len(letters) - 1))
        law[np.arange(len(ids)), ids] = 0.9  # it says what it heard
        return np.zeros((len(ids), 3)), law

    view = RNNStepper(run, letters, "ab")
    assert view.same_guess(2) and view.guesses(2)[0] == ("b", 0.9, 0.9)
    assert pixels(view.static()).shape[1] == 792


def test_what_cannot_be_shown_is_refused(model, tokenizer):
    with pytest.raises(ValueError, match="has 60 tokens, and 39 fit side by side: shorten it"):
        RNNStepper(model, tokenizer, " cat" * 60)
    with pytest.raises(ValueError, match="no step 9: this text has the steps 0 to 2"):
        RNNStepper(model, tokenizer, "the cat", step=9)
    with pytest.raises(ValueError, match="no recurrent layer"):
        RNNStepper(FeedForward(FeedForwardConfig(len(tokenizer), hidden=4)), tokenizer, "the")


# --------------------------------------------------------------------------------------------------- panel


@pytest.mark.parametrize("answer", [True, False])
def test_nothing_is_shown_before_the_answer_and_then_it_is_judged(view, answer):
    panel = view.build()
    covered = panel.image.value
    panel.back.click()
    panel.next.click()
    assert panel.image.value == covered and "bits" not in said(panel)
    panel.answer.value = answer
    assert (pixels(panel.image.value) != pixels(covered)).any()
    assert said(panel).startswith("✓ Yes." if answer == view.same_guess(3) else "✗ No.")


def test_buttons_and_slider_step_and_stop_at_the_ends(view):
    panel = view.build()
    panel.answer.value = SHOW
    assert said(panel) == view.alt()
    pictures = [panel.image.value]
    for step in (2, 1, 0):
        panel.back.click()
        assert (view.step, panel.slider.value) == (step, step)
        pictures.append(panel.image.value)
    assert len(set(pictures)) == 4 and "read the start" in said(panel)
    panel.back.click()
    assert view.step == 0
    panel.slider.value = 3
    assert panel.image.value == pictures[0]
    panel.next.click()
    assert view.step == 3


def test_only_what_was_read_is_in_the_strip(view):
    fig, artists = view._picture()
    view.step = 1
    artists.update(view)
    assert artists.frame.get_x() == 0.5
    drawn, top = pixels(plots.png_of(fig)), fig.axes[0]
    for step in range(4):
        x, y = top.transData.transform([(step, unit + 0.3) for unit in range(8)]).T.astype(int)
        colours = drawn[len(drawn) - y, x]  # (units, red green blue)
        state = plots.diverging()((view.reading.states[step] + 1) / 2, bytes=True)[:, :3].astype(int)
        assert np.abs(colours - (state if step < 2 else 255)).max() <= 3


def test_a_new_text_asks_anew_and_a_bad_one_changes_nothing(view):
    panel = view.build()
    panel.answer.value = SHOW
    panel.text.value = "cat " * 60
    assert "shorten it" in said(panel) and view.text == "the cat sat"
    panel.text.value = "the hat is on"
    assert panel.answer.value is None and panel.slider.max == 4 and "Answer the question" in said(panel)
    panel.answer.value = SHOW
    assert "Step 4, read 'on'" in said(panel)


def test_an_empty_text_has_one_step(model, tokenizer):
    view = RNNStepper(model, tokenizer, "")
    panel = view.build()
    panel.answer.value = True
    panel.next.click()
    assert view.step == 0 and "read the start" in said(panel)
    assert pixels(view.static()).shape[1] == 792


# --------------------------------------------------------------------------------------------- still forms


def test_the_longest_text_still_fits(model, tokenizer):
    picture = RNNStepper(model, tokenizer, " cat" * (MOST - 1)).static()
    assert pixels(picture).shape[1] == 792 and len(picture) < 80_000


class TestTheView(AskingView):
    pass
