"""The table of tokens and numbers, and its file."""

import json
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lmlib.text import Vocabulary

# The same random texts in every run, however slow the machine.
PATIENT = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])

COUNTS = {"the": 5, "cat": 2, "dog": 2, "Ann": 2, "rare": 1}


def test_frequent_tokens_come_first_and_ties_are_in_order_of_code_points():
    vocabulary = Vocabulary(COUNTS, specials=["<|end|>"])
    assert list(vocabulary) == ["<unk>", "<|end|>", "the", "Ann", "cat", "dog", "rare"]
    assert vocabulary.id("the") == 2 and vocabulary.token(2) == "the"
    assert "the" in vocabulary and "ox" not in vocabulary and len(vocabulary) == 7


def test_what_is_left_out_is_counted_as_unknown():
    vocabulary = Vocabulary(COUNTS, min_count=2, max_size=3)
    assert list(vocabulary) == ["<unk>", "the", "Ann"]
    assert vocabulary.id("cat") == vocabulary.id("never seen") == 0
    assert vocabulary.counts == {"<unk>": 2 + 2 + 1, "the": 5, "Ann": 2}


def test_some_tokens_stay_in_any_case():
    vocabulary = Vocabulary(COUNTS, min_count=3, always=["rare", "new"])
    assert list(vocabulary) == ["<unk>", "the", "rare", "new"]
    assert vocabulary.counts["new"] == 0
    with pytest.raises(ValueError, match="max_size=2 is too small: 3 tokens"):
        Vocabulary(COUNTS, max_size=2, always=["rare", "new"])


def test_a_vocabulary_may_have_no_unknown():
    vocabulary = Vocabulary(COUNTS, unknown=None)
    assert vocabulary.id("the") == 0
    with pytest.raises(KeyError, match="'ox' is not in this vocabulary"):
        vocabulary.id("ox")


def test_a_text_that_writes_the_unknown_itself():
    assert Vocabulary({"<unk>": 3, "a": 4}).counts == {"<unk>": 3, "a": 4}


@pytest.mark.parametrize("id", [-1, 6])
def test_an_id_that_no_token_has(id):
    with pytest.raises(ValueError, match=f"no token with id {id}: this vocabulary has the ids 0 to 5"):
        Vocabulary(COUNTS).token(id)


@PATIENT
@given(
    counts=st.dictionaries(st.text(st.characters()), st.integers(0, 9)),
    unknown=st.none() | st.text(),
    specials=st.lists(st.text(), max_size=3, unique=True),
    min_count=st.integers(0, 3),
)
def test_every_vocabulary_comes_back_from_its_file(tmp_path_factory, counts, unknown, specials, min_count):
    path = tmp_path_factory.getbasetemp() / "vocabulary.json"
    vocabulary = Vocabulary(counts, unknown, specials, min_count)
    vocabulary.save(path)
    again = Vocabulary.load(path)
    assert list(again) == list(vocabulary) and again.counts == vocabulary.counts
    assert (again.unknown, again.specials) == (vocabulary.unknown, vocabulary.specials)
    assert [again.id(token) for token in counts if token in again] == [
        vocabulary.id(token) for token in counts if token in vocabulary
    ]


GOOD = {
    "kind": "vocabulary",
    "unknown": "<unk>",
    "specials": [],
    "tokens": [["<unk>", 0], ["b", 2], ["a", 1]],
}


def test_the_file_is_plain_json(tmp_path):
    path = tmp_path / "v.json"
    Vocabulary({"b": 2, "a": 1}).save(path)
    assert json.loads(path.read_text(encoding="utf-8")) == GOOD


@pytest.mark.parametrize(
    "wrong",
    [
        {"unknown": 3},
        {"unknown": "<other>"},
        {"specials": "ab"},
        {"specials": [1]},
        {"tokens": None},
        {"tokens": [["<unk>", 0], ["b"]]},
        {"tokens": [["<unk>", 0], ["b", "2"]]},
        {"tokens": [["<unk>", 0], ["b", True]]},
        {"tokens": [["<unk>", 0], ["b", -1]]},
        {"tokens": [["<unk>", 0], ["a", 1], ["b", 2]]},  # not in order
        {"tokens": [["<unk>", 0], ["b", 2], ["b", 2]]},  # twice
        {"tokens": []},
    ],
)
def test_a_damaged_file_is_refused(wrong, tmp_path):
    path = tmp_path / "v.json"
    path.write_text(json.dumps(GOOD | wrong), encoding="utf-8")
    with pytest.raises(ValueError, match="v.json is damaged"):
        Vocabulary.load(path)


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "v.json"
    with pytest.raises(FileNotFoundError, match="There is no file"):
        Vocabulary.load(path)
    for content, complaint in [
        (b"{", "not complete JSON"),
        (b"\xff", "not complete JSON"),
        (b"3", "names no kind"),
    ]:
        path.write_bytes(content)
        with pytest.raises(ValueError, match=complaint):
            Vocabulary.load(path)
    path.write_text('{"kind": "bpe"}')
    with pytest.raises(ValueError, match="holds the kind 'bpe', not 'vocabulary'"):
        Vocabulary.load(path)


def test_a_failed_save_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "v.json"
    Vocabulary({"old": 1}).save(path)

    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match=r"could not be written \(No space left on device\)"):
        Vocabulary({"new": 1}).save(path)
    assert "old" in Vocabulary.load(path) and os.listdir(tmp_path) == ["v.json"]


def test_saving_into_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(OSError, match="choose a folder that exists"):
        Vocabulary({"a": 1}).save(tmp_path / "missing" / "v.json")
