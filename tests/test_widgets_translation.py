"""The translation view: what it computes and says, what it refuses, and that its panel answers."""

import pytest
import torch
from views import STRICT, AskingView, said

from lmlib.models.seq2seq import Seq2Seq, Seq2SeqConfig
from lmlib.text import WordTokenizer
from lmlib.translation import Translator
from lmlib.widgets import TranslationView
from lmlib.widgets.attention import LONGEST, SHOW

pytestmark = STRICT
TEXTS = ["Clara had a red lantern.", "克拉拉有一盏红色的灯笼。", "Nora"]


@pytest.fixture(scope="module")
def tokenizer():
    return WordTokenizer.train(TEXTS)


def translator(tokenizer, written="克拉拉有", attention=True):
    """A translator whose model is untrained, and whose translation is known."""
    made = Translator(Seq2Seq(Seq2SeqConfig(len(tokenizer), 8, attention=attention)), tokenizer)
    made.translate = lambda texts: [written if text.strip() else made.read(texts) for text in texts]
    return made


@pytest.fixture
def view(tokenizer):
    return TranslationView(translator(tokenizer), "Clara had a lantern.", query=1, heads=["the decoder"])


def test_rows_are_what_was_written_and_columns_what_was_read(view):
    assert view.found.queries == ["克", "拉", "拉", "有", "end"]
    assert view.found.keys == ["Clara", " had", " a", " ", "l", "a", "n", "t", "e", "r", "n", ".", "end"] or (
        view.found.keys == ["Clara", " had", " a", " lantern", ".", "end"]
    )
    _, _, weights = view.translator.look(view.text, "克拉拉有")
    assert torch.allclose(torch.tensor(view.found.weights), weights[-1].double(), atol=1e-6)


def test_the_sentence_tells_the_translation_and_where_it_looked(view):
    assert view.alt().startswith("“Clara had a lantern.” becomes “克拉拉有”. The decoder: query 1, '拉', looks at")
    best = view.found.ranking(0, 1)[0]
    assert f"({view.found.weights[0, 1, best]:.2f})" in view.title() and "To write '拉'" in view.title()


def test_new_words_are_named(tokenizer):
    said = TranslationView(translator(tokenizer), "Clara had a Neon.").alt()
    assert "new to the model, and read letter by letter: Neon" in said


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "nothing to translate"),
        ("  ", "nothing to translate"),
        ("Clara had a 🐟.", "never seen the character '🐟'"),
        ("Clara " * LONGEST, "40 tokens at most"),
    ],
)
def test_what_cannot_be_shown_gets_one_sentence_and_changes_nothing(view, text, message):
    with pytest.raises(ValueError, match=message):
        TranslationView(view.translator, text)
    panel, before = view.build(), view.found
    panel.answer.value = SHOW
    panel.text.value = text
    assert message.split("'")[0] in said(panel) and view.found is before and view.text == "Clara had a lantern."
    assert view.alt().startswith("“Clara had a lantern.” becomes")


def test_a_long_translation_is_cut_where_the_picture_ends(tokenizer):
    view = TranslationView(translator(tokenizer, "红" * 60), "Clara")
    assert len(view.found.queries) == LONGEST and "红" * 60 in view.alt()


def test_a_model_without_attention_is_refused(tokenizer):
    with pytest.raises(ValueError, match="does not look back"):
        TranslationView(translator(tokenizer, attention=False), "Clara")


def test_the_panel_translates_a_new_text(view):
    panel = view.build()
    panel.answer.value = SHOW
    assert "becomes “克拉拉有”" in said(panel)
    panel.text.value = "Nora had a lantern."
    assert "Answer the question" in said(panel)
    panel.answer.value = SHOW
    assert "“Nora had a lantern.” becomes" in said(panel)


def test_chinese_is_drawn(view):
    """Glyphs that no font has are errors in the tests (see pyproject.toml)."""
    assert len(view.static()) > 5000


class TestTheView(AskingView):
    pass
