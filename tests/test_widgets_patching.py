"""Patching view: cells against single patches, bars against runs, sentence, question, refusals, still forms."""

import pytest
import torch
from views import STRICT, AskingView, said

from lmlib import hooks
from lmlib.models.gpt import GPT, GPTConfig
from lmlib.text import WordTokenizer
from lmlib.widgets.patching import SHOW, SHOWN, PatchView

pytestmark = STRICT

TEXTS = ("the cat sat on the mat, and the", "the dog sat on the mat, and the")


@pytest.fixture(scope="module")
def tokenizer():
    return WordTokenizer.train("the cat sat on the mat, and the dog sat on the log")


@pytest.fixture(scope="module")
def model(tokenizer):
    model = GPT(GPTConfig(len(tokenizer), context=40, n_layers=2, n_heads=2, d_model=8, conv_width=2)).eval()
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(2)
        for p in model.parameters():
            p.add_(0.4 * torch.randn(p.shape))
    return model


@pytest.fixture
def view(model, tokenizer):
    return PatchView(model, tokenizer, TEXTS, answers=(" cat", " dog"), layer=1, place=-3)


@torch.no_grad()
def test_a_cell_is_one_patch(view, model, tokenizer):
    first, second = (torch.tensor([[tokenizer.end_id, *tokenizer.encode(text)]]) for text in TEXTS)
    cat, dog = (tokenizer.encode(word)[0] for word in (" cat", " dog"))
    source, kept = hooks.record(model, first, ["stream 0", "stream 1", "stream 2"])
    base = model(second)

    def lead(logits):
        return (logits[0, -1, cat] - logits[0, -1, dog]).item()

    for layer, place in ((0, 2), (1, 4), (2, first.size(1) - 1)):
        patched = hooks.run(model, second, {f"stream {layer}": hooks.put(kept[f"stream {layer}"], place)})
        share = (lead(patched) - lead(base)) / (lead(source) - lead(base))
        assert view.shares[layer, place] == pytest.approx(share, abs=1e-4)
        view.layer, view.place = layer, place
        right = [run[0, -1].softmax(-1)[[cat, dog]].tolist() for run in (base, patched, source)]
        assert view.of_runs().tolist() == [pytest.approx(row, abs=1e-5) for row in right]
    assert view.shares[2, -1] == pytest.approx(1, abs=1e-4)  # behind the last layer the last vector is everything


def test_without_answers_the_likeliest_are_compared(model, tokenizer):
    texts = ("the cat sat", "the dog on")
    ids = [torch.tensor([[tokenizer.end_id, *tokenizer.encode(text)]]) for text in texts]
    best = [tokenizer.token(int(hooks.run(model, some)[0, -1].argmax())).strip() for some in ids]
    if best[0] == best[1]:
        with pytest.raises(ValueError, match="both texts go on with"):
            PatchView(model, tokenizer, texts)
    else:
        assert PatchView(model, tokenizer, texts).names == best


def test_the_sentence_and_the_title(view):
    view.layer, view.place = 0, 2
    share = view.shares[0, 2]
    assert view.title() == f"Patched before layer 1 at “cat/dog”: {share:.0%} of the way to cat"
    assert view.alt().startswith(
        f"The vector before layer 1 at “cat/dog”, put from the first text into the second, "
        f"moves the answer {share:.2f} of the way. "
    )
    runs = view.of_runs()
    assert f"patched cat {runs[1, 0]:.2f} and dog {runs[1, 1]:.2f}" in view.alt()
    assert "behind layer 2 “the” (1.00)" in view.alt()


def test_a_long_text_shows_its_last_places(model, tokenizer):
    texts = [text + " mat on the" * 8 for text in TEXTS]
    view = PatchView(model, tokenizer, texts, answers=(" cat", " dog"))
    assert view.shares.shape == (3, SHOWN) and len(view.tokens) == SHOWN


def test_what_cannot_be_read_is_refused(model, tokenizer, view):
    def make(*texts, **settings):
        return PatchView(model, tokenizer, texts, **{"answers": (" cat", " dog")} | settings)

    with pytest.raises(ValueError, match="nothing to read"):
        make("the cat", " ")
    with pytest.raises(ValueError, match="have 2 and 3 tokens"):
        make("the cat", "the dog sat")
    with pytest.raises(ValueError, match="both texts go on with 'cat'"):
        make("the cat", "the dog", answers=(" cat", " cat"))
    with pytest.raises(ValueError, match="no layer 3: choose one from 0"):
        make("the cat", "the dog", layer=3)
    with pytest.raises(ValueError, match="no place 0: choose one from -3 to -1"):
        make("the cat", "the dog", place=0)
    with pytest.raises(ValueError, match="do not fit this model's context"):
        make("the" + " cat" * 50, "the" + " dog" * 50)
    panel = view.build()
    before = view.texts, view.shares
    panel.first.value = "the cat"
    assert "equally long" in said(panel) and (view.texts, view.shares) == before


def test_a_guess_is_judged(view):
    panel = view.build()
    covered = panel.image.value
    assert "Answer the question" in said(panel)
    best = view.strongest(1)
    assert best in [value for _, value in panel.answer.options]
    panel.answer.value = best
    assert said(panel).startswith("✓ Yes, ") and panel.image.value != covered
    assert (view.layer, view.place) == (1, best) == (panel.layer.value, panel.place.value)
    wrong = next(value for _, value in panel.answer.options if value not in (best, SHOW))
    panel.answer.value = wrong
    assert said(panel).startswith(f"✗ No, {best}, ")
    panel.layer.value = 2
    assert said(panel) == view.alt() and view.layer == 2


def test_sliders_choose_the_cell(view):
    panel = view.build()
    panel.answer.value = SHOW
    seen = panel.image.value
    panel.layer.value, panel.place.value = 0, 2
    assert (view.layer, view.place) == (0, 2) and panel.image.value != seen and said(panel) == view.alt()


def test_new_texts_ask_anew(view):
    panel = view.build()
    panel.answer.value = SHOW
    panel.second.value = "the log sat on the mat, and the"
    assert panel.answer.value is None and "Answer the question" in said(panel)
    assert view.texts[1].startswith("the log")


class TestTheView(AskingView):
    pass
