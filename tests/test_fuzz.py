"""A thousand random inputs for each reader and check: what is wrong is said in the documented way, never a crash."""

import csv
import io
import json
import math
import random

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lmlib.exercises import engine, lesson_06
from lmlib.fetch import DatasetError
from lmlib.models.gpt import GPT, GPTConfig
from lmlib.tasks import questions, recommendation, sentiment, translation
from lmlib.text import BPETokenizer, CharTokenizer, WordTokenizer, load_tokenizer
from lmlib.training import CheckpointError, load_checkpoint, save_checkpoint

# The same cases in every run, however slow the machine.
THOUSAND = settings(
    max_examples=1000,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


def spoiled(content):
    """A strategy: the content as it is, cut, with bytes changed, moved or put in, or bytes of no sense at all."""
    n = len(content)
    place, byte = st.integers(0, max(0, n - 1)), st.integers(0, 255)
    changes = st.lists(st.tuples(st.sampled_from("flip cut insert delete double".split()), place, byte), max_size=4)

    def apply(steps):
        data = bytearray(content)
        for what, at, value in steps:
            at = min(at, len(data))
            if what == "flip" and at < len(data):
                data[at] = value
            elif what == "cut":
                del data[at:]
            elif what == "insert":
                data.insert(at, value)
            elif what == "delete":
                del data[at : at + 1 + value % 7]
            elif what == "double":
                data[at:at] = data[at : at + value]
        return bytes(data)

    return st.one_of(changes.map(apply), changes.map(apply), st.binary(max_size=200), st.text().map(str.encode))


def one_sentence(problem):
    """An error for a learner: short enough to read, and no traceback in it."""
    text = str(problem)
    assert 10 < len(text) < 1500 and "Traceback" not in text and "<class" not in text, text


# -- tokenizers -----------------------------------------------------------------------------------------------

STORY = ['It was a rainy Monday. Anna said: "I\'ll come at 7."\n', "天气很好。安娜来了。", "élan vital 🙂"]
TOKENIZERS = {
    "char": CharTokenizer.train(STORY),
    "word": WordTokenizer.train(STORY),
    "bpe": BPETokenizer.train(STORY, 290),
}
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@pytest.mark.parametrize("kind", TOKENIZERS)
@THOUSAND
@given(text=ANY_TEXT)
def test_any_text_has_tokens(kind, text):
    tokenizer = TOKENIZERS[kind]
    ids = tokenizer.encode(text)
    assert all(0 <= i < len(tokenizer) for i in ids)
    back = tokenizer.decode(ids)
    if kind == "char":
        assert len(ids) == len(text) == len(back)
    elif kind == "bpe":
        assert back == text
    assert isinstance(back, str) and len(tokenizer.tokens(text)) == len(ids)


@pytest.mark.parametrize("kind", TOKENIZERS)
@THOUSAND
@given(ids=st.lists(st.integers(-5, 400), max_size=20))
def test_any_ids_are_a_text_or_a_sentence(kind, ids):
    tokenizer = TOKENIZERS[kind]
    try:
        text = tokenizer.decode(ids)
    except (ValueError, IndexError) as problem:
        one_sentence(problem)
        assert any(not 0 <= i < len(tokenizer) for i in ids)
    else:
        assert isinstance(text, str)


@pytest.mark.parametrize("kind", TOKENIZERS)
@THOUSAND
@given(data=st.data())
def test_a_spoiled_tokenizer_file(kind, data, tmp_path):
    path = tmp_path / "tokenizer.json"
    TOKENIZERS[kind].save(path)
    path.write_bytes(data.draw(spoiled(path.read_bytes())))
    try:
        tokenizer = load_tokenizer(path)
    except ValueError as problem:
        one_sentence(problem)
    else:
        assert isinstance(tokenizer.decode(tokenizer.encode("Anna 天")), str)


# -- readers of data ------------------------------------------------------------------------------------------

BABI = b"1 Mary moved to the bathroom.\n2 John went to the hallway.\n3 Where is Mary? \tbathroom\t1\n"
SQUAD = json.dumps(
    {
        "version": "1.1",
        "data": [
            {
                "title": "A",
                "paragraphs": [
                    {
                        "context": "Anna has the key. Tom has the map.",
                        "qas": [
                            {
                                "id": "1",
                                "question": "Who has the key?",
                                "answers": [{"text": "Anna", "answer_start": 0}],
                            }
                        ],
                    }
                ],
            }
        ],
    }
).encode()
TSV = b"a fine film\t1\na dull film\t0\n"
CSV = 'label,review\n1,"good, hot"\n0,很慢\n'.encode()
EVENTS = b"user_id:token\titem_id:token\ttimestamp:float\n1\t7\t100\n1\t9\t101\n2\t7\t50\n"
PAIRS = "Hi.\t嗨。\nI see.\t我明白了。\tCC-BY 2.0\n".encode()


def from_path(read):
    """A reader of files as a function of (bytes, folder)."""

    def use(content, folder):
        path = folder / "file"
        path.write_bytes(content)
        return read(path)

    return use


READERS = {
    "babi": (BABI, from_path(lambda path: questions.parse_babi(questions.read(path)))),
    "squad": (SQUAD, from_path(lambda path: questions.parse_squad(questions.read(path)))),
    "tsv": (TSV, from_path(lambda path: sentiment.read_tsv(path, "film"))),
    "csv": (CSV, from_path(lambda path: sentiment.read_csv(path, "meal"))),
    "events": (EVENTS, from_path(recommendation.from_file)),
    "pairs": (PAIRS, from_path(translation.tab_separated)),
}


@pytest.mark.parametrize("name", READERS)
@THOUSAND
@given(data=st.data())
def test_a_spoiled_data_file(name, data, tmp_path):
    content, read = READERS[name]
    try:
        found = read(data.draw(spoiled(content)), tmp_path)
    except DatasetError as problem:
        one_sentence(problem)
    else:
        assert len(found) >= 1


@pytest.mark.parametrize("name", READERS)
def test_the_files_themselves_are_read(name, tmp_path):
    content, read = READERS[name]
    assert len(read(content, tmp_path)) >= 1


@THOUSAND
@given(rows=st.lists(st.tuples(ANY_TEXT.filter(lambda t: t.strip()), st.integers(0, 1)), min_size=1, max_size=4))
def test_reviews_come_back_from_a_real_csv(rows, tmp_path):
    """Any text, written by Python's own csv module."""
    rows = [(text.replace("\0", " ").strip() or "x", label) for text, label in rows]
    file = io.StringIO(newline="")
    csv.writer(file).writerows([("label", "review"), *((label, text) for text, label in rows)])
    path = tmp_path / "reviews.csv"
    path.write_bytes(file.getvalue().encode())
    assert [(review.text, review.label) for review in sentiment.read_csv(path, "meal")] == rows


# -- checkpoints ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """Folder, {file: bytes}, the model and its tokenizer."""
    folder = tmp_path_factory.mktemp("checkpoint")
    torch.manual_seed(0)
    model = GPT(GPTConfig(vocab_size=len(TOKENIZERS["char"]), context=8, n_layers=1, n_heads=2, d_model=8))
    save_checkpoint(folder, model, TOKENIZERS["char"], step=3)
    return folder, {path.name: path.read_bytes() for path in folder.iterdir()}, model


def is_the_same(folder, model):
    loaded, tokenizer, _ = load_checkpoint(folder)
    assert all(torch.equal(a, b) for a, b in zip(loaded.parameters(), model.parameters()))
    assert tokenizer.encode(STORY[0]) == TOKENIZERS["char"].encode(STORY[0])


@THOUSAND
@given(data=st.data())
def test_a_spoiled_checkpoint_is_never_loaded_silently(data, checkpoint):
    folder, files, model = checkpoint
    name = data.draw(st.sampled_from(sorted(files)))
    (folder / name).write_bytes(data.draw(spoiled(files[name])))
    try:
        is_the_same(folder, model)  # nothing was changed, or a blank between two fields
    except CheckpointError as problem:
        one_sentence(problem)
    finally:
        (folder / name).write_bytes(files[name])


def test_200_flipped_bits_in_a_checkpoint(checkpoint):
    folder, files, model = checkpoint
    rng, refused = random.Random(0), 0
    for _ in range(200):
        name = rng.choice([name for name in sorted(files) for _ in range(1 + len(files[name]) // 1000)])
        content = bytearray(files[name])
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        (folder / name).write_bytes(content)
        try:
            is_the_same(folder, model)
        except CheckpointError:
            refused += 1
        (folder / name).write_bytes(files[name])
    assert refused >= 195  # a flipped blank in state.json changes nothing


# -- checks of exercises --------------------------------------------------------------------------------------

KEPT = []
NUMBERS = st.one_of(st.integers(), st.floats(), st.complex_numbers(), st.booleans(), st.none())
VALUES = st.recursive(
    st.one_of(NUMBERS, st.text(max_size=8), st.binary(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(inner, inner),
        st.dictionaries(st.text(max_size=3), inner, max_size=3),
        st.lists(st.floats(width=32), max_size=5).map(np.array),
        st.lists(st.floats(width=32), max_size=5).map(torch.tensor),
    ),
    max_leaves=8,
)
ERRORS = [ValueError("x"), KeyError(3), SystemExit(2), StopIteration(), MemoryError(), RecursionError(), Exception]


def strange(kind, value, error, n):
    """An answer as learners write them, and as nobody would."""

    def answer(*arguments):
        if kind == "raises":
            raise error
        if kind == "prints":
            print("x" * n)
        if kind == "spoils":
            for argument in arguments:
                if isinstance(argument, np.ndarray):
                    argument[...] = n % 3
        if kind == "keeps":
            KEPT.append(arguments)
            del KEPT[:-3]
        if kind == "gives its input":
            return arguments[n % len(arguments)]
        if kind == "gives itself":
            return answer
        if kind == "generates":
            return (value for _ in range(3))
        if kind == "nan":
            return np.full(3, math.nan)
        return value

    return answer


KINDS = ["value", "raises", "prints", "spoils", "keeps", "gives its input", "gives itself", "generates", "nan"]


@THOUSAND
@given(st.sampled_from(KINDS), VALUES, st.sampled_from(ERRORS), st.integers(0, 50_000), st.integers(0, 10**6))
def test_a_check_survives_any_answer(kind, value, error, n, seed):
    verdict = lesson_06.look.verdict(strange(kind, value, error, n), seed)
    assert verdict.status == "wrong"  # none of these is attention
    assert len(str(verdict)) < 4000


@THOUSAND
@given(VALUES)
def test_a_check_survives_what_is_no_function(value):
    assert lesson_06.masked_weights.verdict(value).status == "wrong"


def test_a_check_survives_answers_that_never_end(monkeypatch, capsys):
    def sleeps(*_):
        import time

        time.sleep(100)

    def loops(*_):
        while True:
            pass

    def swallows(*_):
        while True:
            try:
                while True:
                    pass
            except Exception:
                continue

    monkeypatch.setattr(lesson_06.look, "seconds", 0.2)
    for answer in (sleeps, loops, swallows):
        lesson_06.look.check(answer)
        assert "never ends" in capsys.readouterr().out
    assert isinstance(lesson_06.look, engine.Exercise)
