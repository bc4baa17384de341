"""Byte-pair encoding against the `tokenizers` library, GPT-2's vocabulary, and slow plain versions."""

import json
import os
from collections import Counter
from itertools import pairwise

import pytest
from helpers import shared_data
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from lmlib import village
from lmlib.text import END, BPETokenizer, load_tokenizer
from lmlib.text.bpe import BYTE_ORDER, GLYPHS, WORD, from_glyphs, learn_merges, to_glyphs

# The same random texts in every run, however slow the machine.
PATIENT = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])

# Texts in which pairs tie, runs overlap ("aaa"), and the split into words has work to do. The characters are
# old ones: the youngest are not yet known to every library.
TEXTS = st.lists(st.text(st.sampled_from("aaab  \n\t's1٣_.!éё你好🙂\u00a0\u3000")), max_size=5)
ODD = [
    "",
    " ",
    "   a",
    "a   ",
    " \n \n\n\t x",
    "don't I'LL we've",
    "\r\n\r\n",
    "a\u00a0\u3000b",
    "\x00\x1c\x85",
    "10,000",
]


def library(texts, vocab_size, min_count=1):
    """The `tokenizers` library, trained with the settings that BPETokenizer's docstring names."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size - 1,
        min_frequency=min_count,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_special_tokens([END])
    return tokenizer


def assert_same_vocabulary(ours, theirs):
    merges = [[to_glyphs(ours.token_bytes[id]) for id in pair] for pair in ours.merges]
    assert merges == [list(pair) for pair in json.loads(theirs.to_str())["model"]["merges"]]
    ids = {to_glyphs(token): id for id, token in enumerate(ours.token_bytes)} | {ours.end: ours.end_id}
    assert ids == theirs.get_vocab()


# -- what it does, by example --------------------------------------------------------------------------------


def test_the_most_frequent_pair_becomes_a_token():
    tokenizer = BPETokenizer.train("low low low lower lowest", vocab_size=259)
    # l-o and o-w both occur five times. The tie goes to the smaller left id, that of "l"; then lo-w is the
    # most.
    assert [tokenizer.token(256), tokenizer.token(257)] == ["lo", "low"]
    assert tokenizer.tokens("low slow lot") == ["low", " ", "s", "low", " ", "lo", "t"]
    assert len(tokenizer) == tokenizer.vocab_size == 259


def test_without_merges_every_byte_is_a_token():
    tokenizer = BPETokenizer()
    assert tokenizer.encode("a!") == [64, 0]  # the order of the bytes: "!" comes first, "a" is the 65th
    assert tokenizer.tokens("é") == ["\\xc3", "\\xa9"]  # half a character each
    assert tokenizer.decode(tokenizer.encode("é")) == "é"
    assert tokenizer.decode(tokenizer.encode("é")[:1]) == "\ufffd"
    with pytest.raises(UnicodeDecodeError):
        tokenizer.decode(tokenizer.encode("é")[:1], errors="strict")


def test_the_end_mark_never_comes_from_text_and_is_left_out_of_it():
    tokenizer = BPETokenizer.train([END * 50], vocab_size=400)
    assert tokenizer.end_id == len(tokenizer) - 1 and tokenizer.token(tokenizer.end_id) == END
    ids = tokenizer.encode(f"a{END}b")
    assert tokenizer.end_id not in ids and tokenizer.decode(ids) == f"a{END}b"
    assert tokenizer.decode([tokenizer.end_id, *tokenizer.encode("a"), tokenizer.end_id]) == "a"


def test_empty_text():
    tokenizer = BPETokenizer.train("", vocab_size=300)
    assert tokenizer.merges == [] and tokenizer.encode("") == [] and tokenizer.decode([]) == ""
    assert BPETokenizer.train([], vocab_size=300).merges == []


def test_learning_ends_where_no_pair_is_frequent_enough():
    assert [BPETokenizer.train("abc abc", 300, min_count=n).merges != [] for n in (1, 2, 3)] == [
        True,
        True,
        False,
    ]


# -- the same as the library ---------------------------------------------------------------------------------


@PATIENT
@given(TEXTS, st.integers(257, 300), st.integers(0, 3))
def test_trained_on_random_texts_it_equals_the_library(texts, vocab_size, min_count):
    ours, theirs = BPETokenizer.train(texts, vocab_size, min_count), library(texts, vocab_size, min_count)
    assert_same_vocabulary(ours, theirs)
    for text in texts:
        assert ours.encode(text) == theirs.encode(text).ids


@pytest.mark.parametrize(
    "name",
    ["tinyshakespeare/tinyshakespeare.txt", "tatoeba_cmn/cmn.txt", "waimai_10k/waimai_10k.csv"],
)
def test_trained_on_real_texts_it_equals_the_library(name):
    with open(shared_data(name), encoding="utf-8", newline="") as file:
        text = file.read()[:400_000]
    ours, theirs = BPETokenizer.train(text, 800), library([text], 800)
    assert_same_vocabulary(ours, theirs)
    ids = ours.encode(text)
    assert ids == theirs.encode(text).ids
    assert ours.decode(ids) == text


@pytest.mark.parametrize("lang", village.LANGUAGES)
def test_trained_on_the_village_it_equals_the_library(lang):
    train, test = village.load_stories("train", lang)[:500], village.load_stories("test", lang)
    ours, theirs = BPETokenizer.train(train, 1500), library(train, 1500)
    assert_same_vocabulary(ours, theirs)
    for story in test:
        assert ours.encode(story) == theirs.encode(story).ids


def test_the_glyphs_are_the_librarys():
    assert set(GLYPHS.values()) == set(pre_tokenizers.ByteLevel.alphabet())
    assert [GLYPHS[byte] for byte in BYTE_ORDER] == sorted(GLYPHS.values())
    assert to_glyphs(b" the\n") == "ĠtheĊ"
    assert from_glyphs(to_glyphs(bytes(range(256)))) == bytes(range(256))


def test_the_split_into_words_is_the_librarys():
    split = pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str
    old = [chr(c) for c in range(0x530) if chr(c).isprintable() or chr(c).isspace() or c < 0xA0]
    for text in ODD + [f"a{c}1{c} {c}{c}x  {c}" for c in old]:
        assert [to_glyphs(word.encode()) for word in WORD.findall(text)] == [word for word, _ in split(text)]


# -- the same as slow plain versions -------------------------------------------------------------------------


def replaced(ids, pair, new):
    """The ids with every occurrence of the pair, from left to right, replaced."""
    out = []
    for id in ids:
        out.append(id)
        if tuple(out[-2:]) == pair:
            out[-2:] = [new]
    return out


def plain_merges(words, n_merges, min_count):
    """Learn merges by counting everything again after each."""
    rows = {word: [BYTE_ORDER.index(byte) for byte in word] for word in words}
    merges = []
    while len(merges) < n_merges:
        counts = Counter()
        for word, row in rows.items():
            for pair in pairwise(row):
                counts[pair] += words[word]
        best = min(counts, key=lambda pair: (-counts[pair], pair), default=None)
        if best is None or counts[best] < min_count:
            break
        rows = {word: replaced(row, best, 256 + len(merges)) for word, row in rows.items()}
        merges.append(best)
    return merges


def plain_encode(tokenizer, word):
    """Apply all merges in the order in which they were learned."""
    ids = [BYTE_ORDER.index(byte) for byte in word]
    for i, pair in enumerate(tokenizer.merges):
        ids = replaced(ids, pair, 256 + i)
    return ids


@PATIENT
@given(
    st.dictionaries(st.text("abc", max_size=12), st.integers(1, 5), max_size=8),
    st.integers(0, 25),
    st.integers(1, 4),
)
def test_learning_and_encoding_equal_the_plain_way(words, n_merges, min_count):
    words = {word.encode(): count for word, count in words.items()}
    merges = learn_merges(words, n_merges, min_count)
    assert merges == plain_merges(words, n_merges, min_count)
    tokenizer = BPETokenizer(merges)
    for word in words:
        assert tokenizer.encode_bytes(word) == plain_encode(tokenizer, word)


@pytest.fixture(scope="module")
def trained():
    return BPETokenizer.train("the cat sat on the mat; 猫坐在垫子上。 " * 3, vocab_size=300)


@PATIENT
@given(st.binary())
def test_every_byte_string_comes_back(trained, data):
    assert trained.decode_bytes(trained.encode_bytes(data)) == data


@PATIENT
@given(st.text())
def test_every_text_comes_back(trained, text):
    ids = trained.encode(text)
    assert trained.decode(ids) == text
    assert trained.encode_bytes(text.encode()) == ids
    assert "".join(trained.tokens(text)) == text or not text.isascii()


def test_a_full_cache_changes_nothing(trained):
    small = BPETokenizer(trained.merges)
    small.CACHE_SIZE = 2
    text = "the cat sat on the mat on the cat"
    assert small.encode(text) == trained.encode(text)
    assert len(small._cache) <= 2


# -- GPT-2's published vocabulary ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def gpt2():
    return BPETokenizer.from_gpt2(shared_data("gpt2_bpe/vocab.bpe"))


def test_gpt2s_ids_are_the_published_ones(gpt2):
    published = json.loads(shared_data("gpt2_bpe/encoder.json").read_text(encoding="utf-8"))
    ids = {to_glyphs(token): id for id, token in enumerate(gpt2.token_bytes)} | {gpt2.end: gpt2.end_id}
    assert ids == published and len(gpt2) == 50_257
    assert (gpt2.end, gpt2.end_id) == ("<|endoftext|>", 50_256)


def test_gpt2_encodes_like_the_library(gpt2):
    files = [str(shared_data(f"gpt2_bpe/{name}")) for name in ("encoder.json", "vocab.bpe")]
    theirs = Tokenizer(models.BPE.from_file(*files))
    theirs.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    texts = ODD + [
        "Hello, world! It's 2019.",
        "我喜欢读书，也喜欢写字。",
        "👩‍👩‍👧 🇫🇷 🙂🙂",
        "antidisestablishmentarianism" * 40,
    ]
    texts.append(shared_data("tinyshakespeare/tinyshakespeare.txt").read_text(encoding="utf-8")[:200_000])
    texts.append(shared_data("tatoeba_cmn/cmn.txt").read_text(encoding="utf-8")[-100_000:])
    for text in texts:
        ids = gpt2.encode(text)
        assert ids == theirs.encode(text).ids
        assert gpt2.decode(ids) == text
    assert gpt2.encode("Hello world") == [15496, 995]  # as printed in many a tutorial


def test_gpt2_survives_saving(gpt2, tmp_path):
    gpt2.save(tmp_path / "gpt2.json")
    again = BPETokenizer.load(tmp_path / "gpt2.json")
    assert again.merges == gpt2.merges and again.end == gpt2.end


# -- files and mistakes --------------------------------------------------------------------------------------


def test_saving_and_loading(trained, tmp_path):
    path = tmp_path / "tokenizer.json"
    trained.save(path)
    for again in (BPETokenizer.load(path), load_tokenizer(path)):
        assert again.merges == trained.merges and again.end == trained.end
        assert again.encode("the 猫") == trained.encode("the 猫")
    assert os.listdir(tmp_path) == ["tokenizer.json"]


@pytest.mark.parametrize(
    "content, complaint",
    [
        ('{"kind": "bpe", "merges": ["a', "not complete JSON"),
        ("[" * 100_000, "not complete JSON"),
        ("[1, 2]", "names no kind"),
        ('{"kind": "char"}', "not 'bpe'"),
        ('{"kind": "bpe", "end": "<|end|>"}', "'merges' is missing"),
        ('{"kind": "bpe", "end": "<|end|>", "merges": ["a b", "x yz"]}', "its merge 2"),
        ('{"kind": "bpe", "end": "<|end|>", "merges": ["a b", 7]}', "its merge 2"),
        ('{"kind": "bpe", "end": "<|end|>", "merges": ["a  b"]}', "its merge 1"),
        ('{"kind": "bpe", "end": "<|end|>", "merges": ["a b", "a b"]}', "twice"),
        ('{"kind": "bpe", "end": "<|end|>", "merges": ["a b", "b c", "ab c", "a bc"]}', "twice"),
    ],
)
def test_a_damaged_file_is_refused(content, complaint, tmp_path):
    path = tmp_path / "tokenizer.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=complaint):
        BPETokenizer.load(path)


def test_a_wrong_merges_file_is_refused(tmp_path):
    path = tmp_path / "vocab.bpe"
    for content in (b"", b"\xff\xfe", b"a b\n"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="not a file of BPE merges"):
            BPETokenizer.from_gpt2(path)
    path.write_text("#version: 0.2\nĠ t\nĠt he\n", encoding="utf-8")  # a line is lost
    with pytest.raises(ValueError, match="its merge 2, 'Ġt he'"):
        BPETokenizer.from_gpt2(path)
    with pytest.raises(FileNotFoundError, match="vocab.bpe"):
        BPETokenizer.from_gpt2(tmp_path / "missing")


def test_mistakes_get_one_clear_sentence(trained):
    with pytest.raises(ValueError, match="at least 257"):
        BPETokenizer.train("text", vocab_size=256)
    with pytest.raises(TypeError, match="not from bytes"):
        BPETokenizer.train([b"text"], vocab_size=300)
    with pytest.raises(ValueError, match="lone surrogate"):
        trained.encode("a\ud800")
    for wrong in (-1, len(trained)):
        with pytest.raises(ValueError, match=f"no token with id {wrong}"):
            trained.decode([0, wrong])
    with pytest.raises(ValueError, match="Merge 1"):
        BPETokenizer([(0, 256)])
