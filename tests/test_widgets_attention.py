"""Attention view: weights against torch, masks, the question, callbacks, still forms."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from views import STRICT, AskingView, pixels, said

from lmlib.models.attention import causal_mask
from lmlib.models.recurrent import RecurrentConfig, RecurrentLM
from lmlib.text import WordTokenizer
from lmlib.widgets import AttentionView
from lmlib.widgets.attention import LONGEST, SHOW, WRITTEN, Attention, attention_of

pytestmark = STRICT

CORPUS = ["the cat sat on the mat. the hat is on the cat."] * 3
TEXT = "the cat sat on the mat."


@pytest.fixture(scope="module")
def tokenizer():
    return WordTokenizer.train(CORPUS)


@pytest.fixture(scope="module")
def model(tokenizer):
    model = RecurrentLM(RecurrentConfig(len(tokenizer), d_model=8, attention=True, n_heads=2))
    for part in (model.embedding.weight, model.look_back.query.weight, model.look_back.key.weight):
        nn.init.normal_(part, generator=torch.Generator().manual_seed(1))
    return model


@pytest.fixture
def view(model, tokenizer):
    return AttentionView(model, TEXT, tokenizer=tokenizer)


def backwards(text):
    """Each letter looks at its mirror image: a source that is no model."""
    if not text.isalpha():
        raise ValueError("letters only")
    return Attention(list(text[::-1]), list(text), np.eye(len(text))[None, ::-1])


# ------------------------------------------------------------------------------------------------- numbers


def test_the_weights_are_those_of_torch(model, tokenizer):
    found = attention_of(model, tokenizer, TEXT)
    ids = torch.tensor([[tokenizer.end_id, *tokenizer.encode(TEXT)]])
    twin = nn.MultiheadAttention(8, 2, bias=False, batch_first=True)
    look = model.look_back
    with torch.no_grad():
        twin.in_proj_weight.copy_(torch.cat([part.weight for part in (look.query, look.key, look.value)]))
        h, _ = model.layer(model.embedding(ids))
        _, right = twin(h, h, h, attn_mask=~causal_mask(ids.size(1)), average_attn_weights=False)
    assert found.weights == pytest.approx(right[0].numpy(), abs=1e-6)
    assert (found.allowed == np.tri(ids.size(1), dtype=bool)).all()
    assert found.keys == ["start", *tokenizer.tokens(TEXT)] == found.queries


def test_the_weights_are_those_of_the_models_own_prediction(model, tokenizer):
    """Mixing the values with the weights shown gives the logits that the model gives."""
    nn.init.normal_(model.look_back.out.weight, std=0.3, generator=torch.Generator().manual_seed(2))
    ids = torch.tensor([[tokenizer.end_id, *tokenizer.encode(TEXT)]])
    weights = torch.tensor(attention_of(model, tokenizer, TEXT).weights, dtype=torch.float)
    with torch.no_grad():
        h, _ = model.layer(model.embedding(ids))
        values = model.look_back.value(h)[0].view(-1, 2, 4).transpose(0, 1)  # (heads, time, 4)
        seen = model.look_back.out((weights @ values).transpose(0, 1).flatten(1))
        ours = F.linear(h[0] + seen, model.embedding.weight, model.bias)
        torch.testing.assert_close(ours, model(ids)[0], atol=1e-5, rtol=0)


def test_weights_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"shape \(1, 2, 2\), not \(heads, 2, 3\)"):
        Attention(["a", "b"], ["a", "b", "c"], np.ones((1, 2, 2)))
    with pytest.raises(ValueError, match="shape"):
        Attention([], [], np.ones((1, 0, 0)))
    with pytest.raises(ValueError, match="the mask has the shape"):
        Attention(["a"], ["a"], np.ones((1, 1, 1)), np.ones((2, 1)))
    with pytest.raises(ValueError, match="weight where no query may look"):
        Attention(["a", "b"], ["a", "b"], np.full((1, 2, 2), 0.5), np.tri(2))


def test_what_cannot_be_shown_is_refused(model, tokenizer):
    with pytest.raises(ValueError, match="does not look back"):
        AttentionView(RecurrentLM(RecurrentConfig(len(tokenizer), d_model=4)), TEXT, tokenizer=tokenizer)
    with pytest.raises(ValueError, match="type a sentence"):
        AttentionView(model, "  ", tokenizer=tokenizer)
    with pytest.raises(ValueError, match="no head 2: there are the heads 0 to 1"):
        AttentionView(model, TEXT, tokenizer=tokenizer, head=2)
    with pytest.raises(ValueError, match="no query 99"):
        AttentionView(model, TEXT, tokenizer=tokenizer, query=99)
    with pytest.raises(ValueError, match="1 heads, but 2 names"):
        AttentionView(backwards, "abc", heads=["one", "two"])
    with pytest.raises(ValueError, match="40 queries and keys at most"):
        AttentionView(backwards, "a" * 41)


def test_a_long_text_is_cut(model, tokenizer):
    view = AttentionView(model, "the cat sat on " * 30, tokenizer=tokenizer)
    assert view.found.weights.shape == (2, LONGEST, LONGEST)


def test_the_ranking_leaves_out_what_is_masked():
    allowed = np.array([[True, False, True]])
    found = Attention(["q"], ["a", "b", "c"], np.array([[[0.3, 0.0, 0.7]]]), allowed)
    assert found.ranking(0, 0) == [2, 0]


def test_the_sentence_by_hand():
    found = Attention(["x", "y"], ["a", "b"], np.array([[[1.0, 0], [0.25, 0.75]]]), np.tri(2))
    view = AttentionView(lambda text: found, "ab", heads=["the only one"])
    assert view.alt() == "The only one: query 1, 'y', looks at 'b' (key 1) with 0.75, 'a' (key 0) with 0.25."
    assert view.title() == "The only one: 'y' looks most at 'b' (0.75)"
    view.query = 0
    assert view.alt().endswith("looks at 'a' (key 0) with 1.00; the mask hides 1 of 2 keys.")


# ------------------------------------------------------------------------------------------------- picture


def test_the_picture_holds_the_weights(view):
    fig, artists = view._picture()
    view.head, view.query = 1, 3
    artists.update(view)
    row = view.found.weights[1, 3]
    assert [bar.get_height() for bar in artists.bars] == pytest.approx(row)
    for number, weight in zip(artists.numbers, row):
        assert bool(number.get_text()) == (weight >= WRITTEN)
        assert not number.get_text() or float(number.get_text()) == pytest.approx(weight, abs=0.006)
    shown = artists.heat.get_array()
    assert (shown.mask == ~view.found.allowed).all()
    assert shown.compressed() == pytest.approx(view.found.weights[1][view.found.allowed])
    assert artists.frame.get_y() == 2.5
    left = artists.hidden.get_paths()[0].vertices[:, 0].min()
    assert left == 3.5  # keys 4 and later are masked for query 3


def test_the_masked_part_is_hatched(view):
    fig, _ = view._picture()
    (hatched,) = (c for c in fig.axes[0].collections)
    assert hatched.get_hatch() and len(hatched.get_paths()) == len(view.found.queries) - 1
    everywhere, _ = AttentionView(backwards, "abc")._picture()
    assert not everywhere.axes[0].collections[0].get_paths()


# --------------------------------------------------------------------------------------------------- panel


def test_nothing_is_shown_before_the_answer(view):
    panel = view.build()
    covered = panel.image.value
    panel.query.value = 2
    panel.head.value = 1
    assert panel.image.value == covered and "looks at" not in said(panel)
    assert "query 2" in panel.question.value and "head 1" in panel.question.value


def test_an_answer_is_judged(view):
    best = view.found.ranking(0, view.query)[0]
    panel = view.build()
    choices = [choice for _, choice in panel.answer.options if choice != SHOW]
    assert best in choices and len(choices) == len(set(choices)) == 4
    panel.answer.value = best
    assert said(panel).startswith("✓ Yes") and f"key {best}. " in said(panel)
    panel.answer.value = next(choice for choice in choices if choice != best)
    assert said(panel).startswith("✗ No")
    panel.query.value = 1
    assert said(panel) == view.alt()  # the guess was made elsewhere


def test_head_and_query_move_the_picture(view):
    panel = view.build()
    panel.answer.value = SHOW
    seen = [panel.image.value]
    panel.query.value = 2
    seen.append(panel.image.value)
    panel.head.value = 1
    seen.append(panel.image.value)
    assert len(set(seen)) == 3 and (view.head, view.query) == (1, 2)
    panel.head.value = 0
    panel.query.value = len(view.found.queries) - 1
    assert panel.image.value == seen[0]


def test_a_new_text_asks_anew_and_a_bad_one_changes_nothing(view):
    panel = view.build()
    panel.answer.value = SHOW
    panel.text.value = " "
    assert "nothing to read" in said(panel) and view.text == TEXT
    panel.text.value = "the hat"
    assert panel.answer.value is None and "Answer the question" in said(panel)
    assert panel.query.value == panel.query.max == 2
    panel.answer.value = SHOW
    assert "query 2, 'hat'" in said(panel)


def test_a_learners_function_and_its_faults():
    panel = AttentionView(backwards, "stressed", heads=["mirror"]).build()
    assert panel.head not in panel.children  # one head: nothing to choose
    panel.answer.value = SHOW
    assert said(panel).startswith("Mirror: query 7, 's', looks at 's' (key 0) with 1.00")
    panel.text.value = "no blanks please"
    assert said(panel) == "letters only"
    panel.text.value = "a"
    panel.answer.value = SHOW
    assert "query 0, 'a'" in said(panel)


# --------------------------------------------------------------------------------------------- still forms


def test_short_and_long_texts_fit(model, tokenizer):
    for text in ("cat", "the cat sat on " * 30):
        assert pixels(AttentionView(model, text, tokenizer=tokenizer).static()).shape[1] == 792


class TestTheView(AskingView):
    pass
