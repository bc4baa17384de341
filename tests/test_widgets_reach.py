"""Memory reach: gradients against numerical slopes and a formula, callbacks, still forms."""

import numpy as np
import pytest
import torch
from torch import nn
from views import STRICT, AskingView, check_one_size, said

from lmlib.models.gpt import GPT, GPTConfig
from lmlib.models.mlp import FeedForward, FeedForwardConfig
from lmlib.models.recurrent import RecurrentConfig, RecurrentLM
from lmlib.text import WordTokenizer
from lmlib.widgets import MemoryReach
from lmlib.widgets.reach import ANSWERS, LEAST, MOST, SHOW, Influence, influence

pytestmark = STRICT

CORPUS = ["the cat sat on the mat.\nthe hat is on the cat."] * 3
TEXT = "the cat sat on the mat.\nthe hat"


@pytest.fixture(scope="module")
def tokenizer():
    return WordTokenizer.train(CORPUS)


def build(kind, size):
    """A small model of each kind with random weights, the head's too."""
    torch.manual_seed(1)
    if kind == "window":
        model = FeedForward(FeedForwardConfig(size, window=3, d_embedding=5, hidden=7))
        nn.init.normal_(model.head.weight)
    elif kind == "gpt":
        model = GPT(GPTConfig(size, context=32, n_layers=1, n_heads=2, d_model=8))
    else:
        cell, _, attention = kind.partition(" with ")
        model = RecurrentLM(RecurrentConfig(size, cell=cell, d_model=6, attention=bool(attention)))
        if attention:
            nn.init.normal_(model.look_back.out.weight, std=0.3)
        nn.init.normal_(model.embedding.weight)
    return model.eval()


@pytest.fixture(scope="module")
def models(tokenizer):
    return {"window": build("window", len(tokenizer)), "RNN": build("rnn", len(tokenizer))}


@pytest.fixture
def view(models, tokenizer):
    return MemoryReach(models, tokenizer, TEXT)


# ------------------------------------------------------------------------------------------------- numbers


@pytest.mark.parametrize("kind", ["rnn", "gru", "lstm", "lstm with attention", "window", "gpt"])
def test_influence_is_the_length_of_numerical_slopes(kind, tokenizer):
    model = build(kind, len(tokenizer)).double()
    ids = [tokenizer.end_id, *tokenizer.encode("the cat sat on")]
    embedding = next(m for m in model.modules() if isinstance(m, nn.Embedding))
    with torch.no_grad():
        vectors = embedding(torch.tensor([ids]))
        best = model(torch.tensor([ids]))[0, -1].argmax()
    moved = vectors.clone()
    hook = embedding.register_forward_hook(lambda module, inputs, output: moved)

    def log_p():
        with torch.no_grad():
            return model(torch.tensor([ids]))[0, -1].log_softmax(-1)[best].item()

    slopes = np.empty(vectors.shape[1:])
    for place in np.ndindex(slopes.shape):
        moved[0][place] += 1e-5
        up = log_p()
        moved[0][place] -= 2e-5
        slopes[place] = (up - log_p()) / 2e-5
        moved[0][place] += 1e-5
    hook.remove()
    assert influence(model, ids) == pytest.approx(np.linalg.norm(slopes, axis=1), rel=1e-4, abs=1e-7)


def test_a_linear_network_forgets_like_a_power():
    """h_t = h_(t-1) / 2 + x_t, and the logits are ±h: each step back halves the gradient."""

    class Leaky(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(4, 1)

        def forward(self, ids):
            h, states = 0, []
            for x in self.embedding(ids).unbind(1):
                h = h / 2 + x
                states.append(torch.cat((h, -h), dim=-1))
            return torch.stack(states, dim=1)

    sizes = influence(Leaky(), [0, 1, 2, 3, 2, 1, 0, 3])
    assert sizes[::-1] / sizes[-1] == pytest.approx(0.5 ** np.arange(8))
    assert Influence([""] * 8, sizes).reach == 6  # 1/64 is above 1 %, 1/128 is not


def test_a_window_feels_nothing_beyond_itself(view):
    sizes = view.compute("window", 7).sizes
    assert (sizes[:5] == 0).all() and (sizes[5:] > 0).all()
    assert view.compute("window", 7).reach == 2


def test_influence_leaves_the_model_as_it_was(models):
    model = models["RNN"].train()
    influence(model, [1, 2, 3])
    assert model.training and not model.embedding._forward_hooks
    assert all(p.grad is None for p in model.parameters())
    model.eval()


def test_shares_and_reach_by_hand():
    found = Influence(["a", "b", "c", "d"], np.array([0.0, 4.0, 0.03, 2.0]))
    assert found.by_distance.tolist() == [0.5, 0.0075, 1.0, 0.0] and found.reach == 2
    assert Influence(["a"], np.zeros(1)).reach == 0


def test_a_model_is_asked_once_for_each_place(tokenizer):
    asked = []

    def one(ids):
        asked.append(len(ids))
        return np.arange(1.0, len(ids) + 1)

    view = MemoryReach({"mine": one}, tokenizer, TEXT)
    for place in (3, 4, 3):
        view.place = place
        view.alt()
    assert asked == [4, 5]
    assert view.compute("mine", 3).by_distance.tolist() == [1, 0.75, 0.5, 0.25]


def test_what_cannot_be_shown_is_refused(models, tokenizer):
    with pytest.raises(ValueError, match="no model: give"):
        MemoryReach({}, tokenizer, TEXT)
    with pytest.raises(ValueError, match="no model 'LSTM': take one of window, RNN"):
        MemoryReach(models, tokenizer, TEXT, name="LSTM")
    with pytest.raises(ValueError, match="has 200 tokens, and 119 can be shown"):
        MemoryReach(models, tokenizer, " cat" * 200)
    with pytest.raises(ValueError, match="no place 99"):
        MemoryReach(models, tokenizer, TEXT, place=99)
    with pytest.raises(ValueError, match="one number for each of the 3 tokens"):
        MemoryReach({"bad": lambda ids: [1.0]}, tokenizer, "the cat").compute("bad", 2)
    with pytest.raises(ValueError, match="no nn.Embedding"):
        influence(nn.Linear(2, 2), [0, 1])


def test_the_sentence_has_each_models_reach(view):
    reaches = ", ".join(f"{name} {view.compute(name, view.place).reach}" for name in ("window", "RNN"))
    assert view.alt().endswith(f"furthest one with 1 % of the largest influence: {reaches}.")
    assert view.alt().startswith("Predicting after 'hat', 10 words after the start.")


# --------------------------------------------------------------------------------------------------- panel


def test_nothing_is_shown_before_the_answer(view):
    panel = view.build()
    covered = panel.image.value
    panel.slider.value = 3
    panel.which.value = "window"
    assert panel.image.value == covered and "1 %" not in said(panel)


@pytest.mark.parametrize("label, bounds", ANSWERS)
def test_an_answer_is_judged(view, label, bounds):
    panel = view.build()
    panel.answer.value = bounds
    reach = view.compute("RNN", view.place).reach
    assert said(panel).startswith(f"✓ Yes, {reach}." if bounds[0] <= reach <= bounds[1] else f"✗ No, {reach}.")
    panel.slider.value = 4
    assert said(panel) == view.alt()  # the guess was made elsewhere


def test_place_and_model_move_the_picture(view):
    panel = view.build()
    panel.answer.value = SHOW
    first = panel.image.value
    panel.slider.value = 3
    second = panel.image.value
    panel.which.value = "window"
    third = panel.image.value
    assert len({first, second, third}) == 3 and (view.place, view.name) == (3, "window")
    panel.which.value = "RNN"
    panel.slider.value = 10
    assert panel.image.value == first


def test_bars_are_as_deep_as_the_influence(view):
    fig, artists = view._picture()
    view.place = 6
    artists.update(view)
    depths = [path.vertices[:, 1].max() - path.vertices[:, 1].min() for path in artists.bars.get_paths()]
    sizes = view.compute("RNN", 6).sizes
    assert np.array(depths) / max(depths) == pytest.approx(sizes / sizes.max())
    assert len(artists.veil.get_paths()) == len(view.words) - 7
    line, _ = artists.curves["window"]
    x, y = line.get_data()
    assert list(x) == [0, 1, 2, 3] and y[3] == LEAST  # three words felt, and the line's end
    assert artists.curves["RNN"][0].get_ydata() == pytest.approx(sizes[::-1] / sizes.max())


def test_a_new_text_asks_anew_and_a_bad_one_changes_nothing(view):
    panel = view.build()
    panel.answer.value = SHOW
    panel.text.value = "cat " * 300
    assert "shorten it" in said(panel) and view.text == TEXT
    panel.text.value = "the hat is on"
    assert panel.answer.value is None and panel.slider.max == 4 and "Answer the question" in said(panel)
    panel.answer.value = SHOW
    assert said(panel).startswith("Predicting after 'on', 4 words after the start.")


def test_a_fault_in_a_learners_function_is_said(tokenizer):
    def broken(ids):
        raise RuntimeError("no gradient here")

    panel = MemoryReach({"mine": broken}, tokenizer, TEXT).build()
    panel.answer.value = SHOW
    assert said(panel) == "no gradient here"


# --------------------------------------------------------------------------------------------- still forms


def test_short_and_long_texts_fit(models, tokenizer):
    for text in ("", "cat", " cat" * (MOST - 1)):
        check_one_size(MemoryReach(models, tokenizer, text))


class TestTheView(AskingView):
    pass
