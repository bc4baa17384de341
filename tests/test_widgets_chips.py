"""Token chips: cuts compared with counts made by hand and with the `tokenizers` library, callbacks, pictures."""

import html
import re

import pytest
from views import STRICT, EveryView, pixels

from lmlib import plots
from lmlib.text import BPETokenizer, CharTokenizer, WordTokenizer
from lmlib.text.bpe import to_glyphs
from lmlib.widgets import TokenChips, chips

pytestmark = STRICT

CORPUS = ["the cat sat on the mat. the hat is on the cat.\n", "a cat and a hat sat there, 猫 too.\n"] * 5


@pytest.fixture(scope="module")
def tokenizers():
    return {
        "characters": CharTokenizer.train(CORPUS),
        "words": WordTokenizer.train(CORPUS, unknown="token"),
        "BPE": BPETokenizer.train(CORPUS, 290),
    }


@pytest.fixture
def view(tokenizers):
    return TokenChips("the cat sat", tokenizers)


def said(panel):
    return html.unescape(re.sub(r"<[^>]+>", " ", panel.sentence.value))


def faces(panel):
    return [html.unescape(face) for face in re.findall(r"<b>(.*?)</b>", panel.chips.value)]


# ------------------------------------------------------------------------------------------------- numbers


def test_characters_counted_by_hand(view):
    cut = view.compute("a cat?\n", "characters")
    assert cut.pieces == ["a", "␣", "c", "a", "t", "?", "↵"]
    assert cut.unknown == [False] * 5 + [True, False] and not any(cut.half)
    assert (len(cut), cut.characters, cut.exact) == (7, 7, False)
    assert cut.vocabulary == len(set("".join(CORPUS))) + 2  # <unk> and the end mark


def test_words_counted_by_hand(view):
    cut = view.compute("the cat and Zebra", "words")
    assert cut.pieces == ["the", "␣cat", "␣and", "␣Zebra"]  # the piece itself, not "<unk>"
    assert cut.unknown == [False, False, False, True] and not cut.exact
    assert cut.sentence() == (
        f"17 characters → 4 tokens, 4.2 characters a token; vocabulary {cut.vocabulary}; "
        "the text comes back exactly: no, unknown: 1"
    )


@pytest.mark.parametrize("merges", [0, 1, 7, 20, None])
def test_bpe_with_some_merges_is_the_librarys(view, tokenizers, merges):
    """The `tokenizers` library, given the same first merges, cuts the same pieces with the same ids."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    bpe, text = tokenizers["BPE"], "the cats sat there, 猫 and née\n"
    glyphs = [to_glyphs(token) for token in bpe.token_bytes]
    pairs = [(glyphs[a], glyphs[b]) for a, b in bpe.merges[:merges]]
    known = glyphs[: 256 + len(pairs)]
    library = Tokenizer(models.BPE(vocab={g: i for i, g in enumerate(known)}, merges=pairs))
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    cut = view.compute(text, "BPE", merges)
    assert cut.ids == library.encode(text).ids
    assert cut.vocabulary == len(known) + 1 and cut.exact and not any(cut.unknown)


def test_pieces_join_to_the_text_and_bytes_of_half_characters_are_marked(view):
    text = "the 猫 sat"
    cut = view.compute(text, "BPE", 0)
    assert "".join(p for p, half in zip(cut.pieces, cut.half) if not half) == "the␣␣sat"
    assert [p for p, half in zip(cut.pieces, cut.half) if half] == ["\\xe7", "\\x8c", "\\xab"]
    assert "猫".encode() == b"\xe7\x8c\xab"
    whole = view.compute(text, "words")
    assert "".join(whole.pieces).replace("␣", " ") == text


def test_an_empty_text_has_no_tokens(view):
    for name in view.tokenizers:
        assert view.compute("", name).sentence().startswith("0 characters → 0 tokens; vocabulary")
    assert view.compute("a", "characters").sentence().startswith("1 character → 1 token, 1.0 characters a token")


def test_a_tokenizer_with_few_merges_is_made_once(view):
    assert view._with("BPE", 5) is view._with("BPE", 5)
    assert len(view._with("BPE", 5).merges) == 5
    assert view._with("BPE", None) is view.tokenizers["BPE"]


def test_what_has_no_shape_is_written_as_a_number():
    assert chips.written("a b\n\u200b\u202e") == "a␣b↵\\u200b\\u202e"


def test_what_cannot_be_shown_is_refused(tokenizers):
    with pytest.raises(ValueError, match="no tokenizer: give"):
        TokenChips("a", {})
    with pytest.raises(ValueError, match="no tokenizer 'bytes': take one of characters, words, BPE"):
        TokenChips("a", tokenizers, name="bytes")
    with pytest.raises(ValueError, match="has 27 merges, so 28 cannot be done"):
        TokenChips("a", tokenizers, name="BPE", merges=28)


def test_a_learners_own_tokenizer_will_do():
    class Letters:
        def encode(self, text):
            return [ord(c) for c in text]

        def decode(self, ids):
            return "".join(map(chr, ids))

        def tokens(self, text):
            return list(text)

        def __len__(self):
            return 128

    view = TokenChips("ab", {"mine": Letters()})
    cut = view.compute("ab", "mine")
    assert cut.ids == [97, 98] and cut.exact and not any(cut.unknown)
    panel = view.build()
    assert panel.slider not in panel.children
    panel.show.click()
    assert faces(panel) == ["a", "b"]


# ------------------------------------------------------------------------------------------ the live widget


def test_nothing_is_betrayed_before_the_answer(view):
    panel = view.build()
    panel.which.value = "BPE"
    panel.slider.value = 3
    assert faces(panel) == [] and "11 characters" in panel.question.value
    assert "tokens" not in said(panel).replace("the tokens appear", "")


@pytest.mark.parametrize("guess, verdict", [("11", "✓ 11 it is."), (" 12 ", "✗ You said 12.")])
def test_a_guess_uncovers_the_chips_and_is_judged(view, guess, verdict):
    panel = view.build()
    panel.guess.value = guess
    assert faces(panel) == list("the␣cat␣sat")
    assert verdict in said(panel) and "11 characters → 11 tokens" in said(panel)
    panel.which.value = "words"  # for another tokenizer nothing was guessed
    assert faces(panel) == ["the", "␣cat", "␣sat"] and verdict not in said(panel)
    panel.which.value = "characters"
    assert verdict in said(panel)


def test_a_guess_that_is_no_number_is_refused_in_sight(view):
    panel = view.build()
    panel.guess.value = "many"
    assert faces(panel) == [] and "Type a whole number" in said(panel)
    panel.show.click()
    assert len(faces(panel)) == 11 and "You said" not in said(panel)


def test_the_slider_does_and_undoes_merges(view, tokenizers):
    panel = view.build()
    panel.show.click()
    assert panel.slider.layout.visibility == "hidden"
    panel.which.value = "BPE"
    assert panel.slider.layout.visibility == "visible"
    assert panel.slider.value == panel.slider.max == len(tokenizers["BPE"].merges) == 27
    panel.slider.value = 0
    assert faces(panel) == list("the␣cat␣sat") and "Merge" not in said(panel)
    panel.slider.value = 1
    assert "Merge 1 joins a and t." in said(panel)
    assert faces(panel) == ["t", "h", "e", "␣", "c", "at", "␣", "s", "at"]
    lengths = []
    for k in range(28):
        panel.slider.value = k
        lengths.append(len(faces(panel)))
    assert lengths == sorted(lengths, reverse=True)
    panel.which.value = "words"
    assert panel.slider.layout.visibility == "hidden" and len(faces(panel)) == 3
    panel.which.value = "BPE"
    assert panel.slider.value == 27


def test_a_new_text_asks_a_new_question(view):
    panel = view.build()
    panel.guess.value = "11"
    panel.text.value = "a hat"
    assert faces(panel) == [] and panel.guess.value == "" and "5 characters" in panel.question.value
    panel.guess.value = "5"
    assert faces(panel) == list("a␣hat") and "✓ 5 it is." in said(panel)


def test_a_text_that_cannot_be_encoded_is_refused_in_sight(tokenizers):
    strict = {"strict": CharTokenizer.train("abc", unknown="error")}
    with pytest.raises(ValueError, match="'x' at position 0"):
        TokenChips("x", strict)
    view = TokenChips("abc", strict)
    panel = view.build()
    panel.show.click()
    panel.text.value = "abx"
    assert "The character 'x' at position 2" in said(panel) and view.text == "abc"


def test_html_in_a_text_is_text(view):
    panel = view.build()
    panel.show.click()
    panel.text.value = "<script>alert(1)</script> & <b>"
    panel.show.click()
    assert "".join(faces(panel)).replace("✗", "") == "<script>alert(1)</script>␣&␣<b>"
    for name in ("words", "BPE"):
        panel.which.value = name
        for part in (panel.chips.value, panel.sentence.value, panel.question.value):
            assert "<script" not in part and "alert(1)<" not in part
    named = TokenChips("a", {"<img src=x>": view.tokenizers["BPE"]}).build()
    named.show.click()
    assert "<img" not in named.sentence.value + named.chips.value + named.question.value


def test_unknown_and_half_are_told_by_signs_not_by_colour_alone(view):
    panel = view.build()
    panel.text.value = "猫 Ω"
    panel.show.click()
    assert faces(panel) == ["猫", "␣", "✗Ω"] and "not in the vocabulary" in said(panel)
    assert 'class="lm-2 lm-lost"' in panel.chips.value
    panel.which.value = "BPE"
    panel.slider.value = 0
    assert faces(panel) == ["\\xe7", "\\x8c", "\\xab", "␣", "\\xce", "\\xa9"]
    assert panel.chips.value.count("lm-half") == 5 and "bytes of a character" in said(panel)


def test_a_long_text_is_not_drawn_whole(tokenizers):
    panel = TokenChips("a" * 2500, tokenizers).build()
    panel.show.click()
    assert len(faces(panel)) == chips.MOST and "The first 1,000 of 2,500 chips" in said(panel)
    assert "2,500 characters → 2,500 tokens" in said(panel)


# ------------------------------------------------------------------------------------------- still picture


def test_the_sentence_names_all_tokenizers(view):
    view.text = "the cat Ω"
    n = len(view.tokenizers["BPE"].encode("the cat Ω"))
    assert view.alt() == (
        "The 9 characters 'the␣cat␣Ω' cut into tokens: characters: 9 tokens, 1 unknown, the text does not come back; "
        f"words: 3 tokens, 1 unknown, the text does not come back; BPE: {n} tokens."
    )


def test_one_bpe_is_shown_at_three_stages(tokenizers):
    view = TokenChips("the cat sat there", {"BPE": tokenizers["BPE"]})
    captions = [caption for caption, _ in view.rows()]
    assert captions == ["BPE, 0 merges", "BPE, 20 merges", "BPE, 27 merges"]
    few = TokenChips("the", {"BPE": BPETokenizer(tokenizers["BPE"].merges[:1])})
    assert [caption for caption, _ in few.rows()] == ["BPE, 0 merges", "BPE, 1 merge"]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("text", ["", "the cat", "猫 née Ω \U0001f600 $a$\n", "the cat sat on the hat. " * 30])
def test_pictures_hold_all_chips_inside(tokenizers, theme, text):
    plots.setup(theme)
    view = TokenChips(text, tokenizers)
    fig = view.figure()
    assert pixels(plots.png_of(fig)).std() > 5
    (ax,) = fig.axes
    page = ax.get_window_extent()
    for artist in (*ax.texts, *ax.patches):
        area = artist.get_window_extent()
        assert page.x0 <= area.x0 and area.x1 <= page.x1 and page.y0 <= area.y0 and area.y1 <= page.y1
    if len(text) > 500:
        assert any("more" in t.get_text() for t in ax.texts)


def test_chips_of_a_picture_do_not_overlap_and_hold_their_writing(tokenizers):
    ax = TokenChips("the cat sat on the mat, Ω and 猫 sat too. " * 2, tokenizers).figure().axes[0]
    boxes = [patch.get_window_extent() for patch in ax.patches]
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[i + 1 :])
    inside = [t.get_window_extent() for t in ax.texts if t.get_size() in (chips.SIZE, 9) and t.get_ha() == "center"]
    assert len(inside) == len(boxes)
    for writing, box in zip(inside, boxes):
        assert box.x0 <= writing.x0 and writing.x1 <= box.x1


class TestTheView(EveryView):
    pass
