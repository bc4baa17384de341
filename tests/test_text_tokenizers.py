"""Characters and words as tokens."""

import json

import pytest
from helpers import shared_data
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lmlib.text import END, BPETokenizer, CharTokenizer, WordTokenizer, load_tokenizer
from lmlib.text.tokenizers import WORD

# The same random texts in every run, however slow the machine.
PATIENT = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])

TEXT = "the cat sat on the mat. 猫坐在垫子上。"


@pytest.fixture(params=["char", "char that raises", "word that spells", "word", "bpe"])
def tokenizer(request):
    return {
        "char": lambda: CharTokenizer.train(TEXT),
        "char that raises": lambda: CharTokenizer.train(TEXT, unknown="error"),
        "word that spells": lambda: WordTokenizer.train(TEXT),
        "word": lambda: WordTokenizer.train(TEXT, unknown="token"),
        "bpe": lambda: BPETokenizer.train(TEXT, vocab_size=280),
    }[request.param]()


# -- what every tokenizer promises ---------------------------------------------------------------------------


def test_its_own_text_comes_back(tokenizer):
    ids = tokenizer.encode(TEXT)
    assert tokenizer.decode(ids) == TEXT
    assert all(0 <= id < len(tokenizer) for id in ids) and len(tokenizer) == tokenizer.vocab_size
    assert len(tokenizer.tokens(TEXT)) == len(ids) and tokenizer.tokens(TEXT)[0] == tokenizer.token(ids[0])


def test_nothing_is_nothing(tokenizer):
    assert tokenizer.encode("") == [] and tokenizer.decode([]) == "" and tokenizer.tokens("") == []
    empty = type(tokenizer).train("", **({"vocab_size": 257} if tokenizer.kind == "bpe" else {}))
    assert empty.encode("") == []


def test_the_end_mark_is_left_out_of_text(tokenizer):
    assert tokenizer.token(tokenizer.end_id) == END
    assert tokenizer.decode([tokenizer.end_id, *tokenizer.encode("the"), tokenizer.end_id]) == "the"


def test_text_never_makes_the_end_mark(tokenizer):
    trained = type(tokenizer).train([END] * 9, **({"vocab_size": 300} if tokenizer.kind == "bpe" else {}))
    assert trained.end_id not in trained.encode(END) and trained.decode(trained.encode(END)) == END


def test_an_id_that_does_not_exist(tokenizer):
    for wrong in (-1, len(tokenizer)):
        with pytest.raises(ValueError, match=f"no token with id {wrong}"):
            tokenizer.decode([wrong])
        with pytest.raises(ValueError, match=f"no token with id {wrong}"):
            tokenizer.token(wrong)


def test_every_kind_comes_back_from_its_file(tokenizer, tmp_path):
    path = tmp_path / "tokenizer.json"
    tokenizer.save(path)
    for again in (type(tokenizer).load(path), load_tokenizer(path)):
        assert type(again) is type(tokenizer) and len(again) == len(tokenizer)
        assert again.encode(TEXT) == tokenizer.encode(TEXT)
        assert getattr(again, "unknown", None) == getattr(tokenizer, "unknown", None)


def test_only_text_is_learned_from(tokenizer):
    with pytest.raises(TypeError, match="not from bytes"):
        type(tokenizer).train([b"the"], **({"vocab_size": 300} if tokenizer.kind == "bpe" else {}))


# -- characters ----------------------------------------------------------------------------------------------


def test_one_token_per_character():
    tokenizer = CharTokenizer.train(["abba", "a"])
    assert tokenizer.encode("ab") == [2, 3]  # 0 is the unknown, 1 the end mark, then the most frequent first
    assert tokenizer.tokens("cab") == ["<unk>", "a", "b"]
    assert tokenizer.decode(tokenizer.encode("cab")) == "\ufffdab"


def test_an_unknown_character_can_be_an_error_that_names_it():
    tokenizer = CharTokenizer.train("ab", unknown="error")
    with pytest.raises(ValueError, match="The character 'é' at position 2 was not in the training text"):
        tokenizer.encode("abé")
    with pytest.raises(ValueError, match="unknown='raise' is not a choice"):
        CharTokenizer.train("ab", unknown="raise")


@PATIENT
@given(st.text(st.characters()))  # lone surrogates included
def test_a_text_of_any_characters_comes_back(text):
    tokenizer = CharTokenizer.train(text)
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert len(tokenizer) == len(set(text)) + 2


# -- words ---------------------------------------------------------------------------------------------------


def test_words_keep_their_blank_and_punctuation_stands_apart():
    assert WORD.findall("Tom's dog, 狗来了。\n  (Yes!)") == [
        *["Tom", "'", "s", " dog", ",", " ", "狗", "来", "了", "。", "\n", " ", " (", "Yes", "!", ")"]
    ]


@PATIENT
@given(st.text(st.characters()))
def test_the_pieces_joined_are_the_text(text):
    assert "".join(WORD.findall(text)) == text


def test_an_unknown_word_is_spelled():
    tokenizer = WordTokenizer.train("the cat that sat", min_count=1)
    assert tokenizer.tokens("the cat cast") == ["the", " cat", " ", "c", "a", "s", "t"]
    assert tokenizer.tokens("the cog") == ["the", " ", "c", "<unk>", "<unk>"]  # no o and no g anywhere


def test_an_unknown_word_is_one_token_on_request():
    tokenizer = WordTokenizer.train("the cat that sat", unknown="token")
    assert tokenizer.tokens("the cat cast") == ["the", " cat", "<unk>"]
    assert tokenizer.decode(tokenizer.encode("the cat cast")) == "the cat\ufffd"


@PATIENT
@given(st.text("ab c"), st.integers(1, 4), st.integers(8, 12))
def test_spelling_loses_nothing_however_small_the_vocabulary(text, min_count, max_size):
    tokenizer = WordTokenizer.train("ab abc cab b c" + text, min_count, max_size)
    assert len(tokenizer) <= max_size
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_a_vocabulary_too_small_to_spell():
    with pytest.raises(ValueError, match="max_size=4 is too small: 5 tokens must be in"):
        WordTokenizer.train("abc", max_size=4)
    assert len(WordTokenizer.train("abc", max_size=4, unknown="token")) == 3


def test_a_rare_word_is_left_out_but_its_letters_are_not():
    tokenizer = WordTokenizer.train("ox ox ox yak", min_count=2)
    assert tokenizer.tokens("ox ox yak") == ["o", "x", " ox", " ", "y", "a", "k"]


def test_real_text_comes_back():
    for name in ("tinyshakespeare/tinyshakespeare.txt", "tatoeba_cmn/cmn.txt"):
        text = shared_data(name).read_text(encoding="utf-8")[-300_000:]
        tokenizer = WordTokenizer.train(text[:150_000], max_size=6000)
        assert tokenizer.decode(tokenizer.encode(text[:150_000])) == text[:150_000]


# -- files ---------------------------------------------------------------------------------------------------


def test_a_file_of_another_kind_is_refused(tmp_path):
    path = tmp_path / "tokenizer.json"
    WordTokenizer.train("a b").save(path)
    with pytest.raises(ValueError, match="holds the kind 'word', not 'char'"):
        CharTokenizer.load(path)
    WordTokenizer.train("a b").vocabulary.save(path)
    with pytest.raises(ValueError, match="'vocabulary', which is no tokenizer"):
        load_tokenizer(path)
    with pytest.raises(FileNotFoundError):
        load_tokenizer(tmp_path / "missing")


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content.update(unknown="spell"),  # not a choice for characters
        lambda content: content.update(vocabulary=[]),
        lambda content: content["vocabulary"].update(specials=[]),
        lambda content: content["vocabulary"].update(kind="char"),
        lambda content: content["vocabulary"]["tokens"].pop(0),
    ],
)
def test_a_damaged_file_is_refused(damage, tmp_path):
    path = tmp_path / "tokenizer.json"
    CharTokenizer.train("ab").save(path)
    content = json.loads(path.read_text(encoding="utf-8"))
    damage(content)
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ValueError, match="tokenizer.json is damaged"):
        load_tokenizer(path)
