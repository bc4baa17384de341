"""GPT x-ray: the lens against the layers run by hand, the last layer against the model, question, callbacks."""

import numpy as np
import pytest
import torch
from views import STRICT, AskingView, said

from lmlib.models.gpt import GPT, GPTConfig
from lmlib.text import WordTokenizer
from lmlib.widgets import GPTXray
from lmlib.widgets.xray import ROWS, SHOW, Lens, lens_of

pytestmark = STRICT

TEXT = "the cat sat on the mat"


@pytest.fixture(scope="module")
def tokenizer():
    return WordTokenizer.train(TEXT + ", and the dog sat on the log")


@pytest.fixture(scope="module")
def model(tokenizer):
    config = GPTConfig.gpt2(len(tokenizer), context=20, n_layers=3, n_heads=2, d_model=8)
    model = GPT(config).eval()
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(12 if p.ndim == 2 else 1)
    return model


@pytest.fixture
def view(model, tokenizer):
    return GPTXray(model, tokenizer, TEXT)


@torch.inference_mode()
def test_each_layer_is_read_as_if_it_were_the_last(model, tokenizer):
    found = lens_of(model, tokenizer, TEXT)
    ids = torch.tensor([[tokenizer.end_id, *tokenizer.encode(TEXT)]])
    x = model.embedding(ids) + model.position.weight[: ids.size(1)]
    for layer in range(4):
        right = (model.norm(x) @ model.embedding.weight.T).softmax(-1)[0]
        assert found.probabilities[layer] == pytest.approx(right.numpy(), abs=1e-5)
        x = model.blocks[layer](x) if layer < 3 else x
    assert found.probabilities[-1] == pytest.approx(model(ids).softmax(-1)[0].numpy(), abs=1e-5)
    assert found.read == ["start", "the", " cat", " sat", " on", " the", " mat"]


def test_the_model_is_left_as_it_was(model, tokenizer):
    model.train()
    lens_of(model, tokenizer, TEXT)
    assert model.training and not model.blocks[0]._forward_hooks and not model.blocks[0]._forward_pre_hooks
    model.eval()


def test_settled_by_hand():
    """Likeliest tokens by layer: place 0: a, b, b; place 1: b, a, b; place 2: b, b, b."""
    a, b = [0.9, 0.1], [0.2, 0.8]
    found = Lens(["x", "y", "z"], ["a", "b"], np.array([[a, b, b], [b, a, b], [b, b, b]]))
    assert [found.settled(place) for place in range(3)] == [1, 2, 0]
    assert found.of_answer(0) == pytest.approx([0.1, 0.8, 0.8])
    assert found.layers == ["before", "layer 1", "layer 2"]


def test_a_long_text_shows_its_last_places(model, tokenizer):
    text = "the" + " cat sat on the" * 4
    found = lens_of(model, tokenizer, text)
    assert len(found.read) == ROWS == found.probabilities.shape[1] and found.read[-1] == " the"


def test_what_cannot_be_read_is_refused(model, tokenizer, view):
    with pytest.raises(ValueError, match="nothing to read"):
        GPTXray(model, tokenizer, "  ")
    with pytest.raises(ValueError, match="no place 7: this text has the places 0 to 6"):
        GPTXray(model, tokenizer, TEXT, place=7)
    with pytest.raises(ValueError, match="do not fit this model's context of 20"):
        GPTXray(model, tokenizer, TEXT * 6)
    panel = view.build()
    panel.text.value = " "
    assert "nothing to read" in said(panel) and view.text == TEXT


def test_the_sentence_names_every_layer_and_what_follows(view):
    view.place = 2
    best = [view.found.names[id].strip() for id in view.found.best[:, 2]]
    assert [word in view.alt() for word in best] == [True] * 4
    assert view.alt().endswith("In the text 'sat' follows.") and view.came(6) is None


def test_a_guess_is_judged(view):
    panel = view.build()
    covered = panel.image.value
    assert "Answer the question" in said(panel)
    settled = view.found.settled(view.place)
    panel.answer.value = settled
    assert said(panel).startswith(f"✓ Yes, {view.found.layers[settled]}. ") and panel.image.value != covered
    panel.answer.value = (settled + 1) % 4
    assert said(panel).startswith("✗ No, ")
    seen = panel.image.value
    panel.place.value = 0
    assert said(panel) == view.alt() and panel.image.value != seen


def test_a_new_text_asks_anew(view):
    panel = view.build()
    panel.answer.value = SHOW
    panel.text.value = "the dog"
    assert panel.answer.value is None and "Answer the question" in said(panel)
    assert (panel.place.max, view.place) == (2, 2)


class TestTheView(AskingView):
    pass
