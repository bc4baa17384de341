"""Reviews by name: the village's, broken files in one sentence each, and the real files where they are."""

from collections import Counter

import pytest
from real_data import put_in_cache

from lmlib.datasets import DatasetError
from lmlib.tasks import Examples, sentiment
from lmlib.tasks.sentiment import SST2, WAIMAI, Review, load, read_csv, read_tsv, stratified, words

SST2_FILES = {SST2["train"]: "sst2/train.tsv", SST2["validation"]: "sst2/dev.tsv", SST2["test"]: "sst2/test.tsv"}
WAIMAI_FILES = {WAIMAI: "waimai_10k/waimai_10k.csv"}


def test_words_and_marks():
    assert words("Rosa's soup wasn't bad; it was GOOD.") == "rosa's soup wasn't bad ; it was good .".split()
    assert words("很好吃，ok!") == ["很", "好", "吃", "，", "ok", "!"]
    assert words("does n't", punctuation=False) == ["does", "n't"]
    assert words("Good, bad.", punctuation=False) == ["good", "bad"]
    assert words(" \n") == []


def test_the_village_by_name():
    examples = load()
    assert isinstance(examples, Examples) and len(examples) == 6000 and examples.split == "train"
    assert isinstance(examples[0], Review) and {e.label for e in examples} == {0, 1}
    assert len(load("village", "new adjective")) == 1000


@pytest.mark.parametrize(
    "name, split, message",
    [
        ("vilage", "train", "'vilage' is no set of reviews: did you mean 'village'"),
        ("village", "tset", "'tset' is no split of village: did you mean 'test'"),
        ("sst2", "new adjective", "'new adjective' is no split of sst2: there is 'train', 'validation', 'test'"),
    ],
)
def test_a_wrong_name_is_told(name, split, message):
    with pytest.raises(DatasetError, match=message):
        load(name, split)


# --- broken files -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "is empty: download it again"),
        (b" \n\n", "is empty"),
        (b"good\t1\nbad 0\n", "has 1 columns in line 2, not 2 .text, label."),
        (b"good\t1\tx\n", "has 3 columns in line 1"),
        (b"good\tpositive\n", "has the label 'positive' in line 1: a label is 0 .blame. or 1 .praise."),
        (b"good\t2\n", "has the label '2' in line 1"),
        (b" \t1\n", "has no text in line 1"),
        ("schön\t1\n".encode("latin-1"), "is not UTF-8: byte 0xf6 at position 3"),
        (b"\x1f\x8b\x08\x00rubbish", "is not UTF-8"),
    ],
)
def test_a_broken_tsv_is_told_in_one_sentence(tmp_path, content, message):
    path = tmp_path / "reviews.tsv"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=message) as problem:
        read_tsv(path, "film")
    assert "\n" not in str(problem.value) and str(path) in str(problem.value)


@pytest.mark.parametrize(
    "content, message",
    [
        ("", "is empty"),
        ("1,好吃\n", "has no column 'label', only '1', '好吃'"),
        ("label,text\n1,good\n", "has no column 'review', only 'label', 'text'"),
        ("label,review\n", "holds no review"),
        ("label,review\n1,good, but\n", "has not 2 columns in line 2: texts with commas need double quotes"),
        ("label,review\n1\n", "has not 2 columns in line 2"),
        ("label,review\nyes,good\n", "has the label 'yes' in line 2"),
    ],
)
def test_a_broken_csv_is_told_in_one_sentence(tmp_path, content, message):
    path = tmp_path / "reviews.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DatasetError, match=message) as problem:
        read_csv(path, "take-away")
    assert "\n" not in str(problem.value)


def test_a_missing_file_and_other_encodings_are_told(tmp_path):
    with pytest.raises(DatasetError, match="cannot be read"):
        read_tsv(tmp_path / "none.tsv", "film")
    path = tmp_path / "gbk.csv"
    path.write_bytes("label,review\n1,好吃\n".encode("gbk"))
    with pytest.raises(DatasetError, match="is not UTF-8"):
        read_csv(path, "take-away")


def test_good_files_are_read(tmp_path):
    tsv, table = tmp_path / "a.tsv", tmp_path / "a.csv"
    tsv.write_bytes("\ufeffgood , really\t1\r\nbad\t0".encode())
    assert read_tsv(tsv, "film") == (Review("good , really", 1, "film"), Review("bad", 0, "film"))
    table.write_text('label,review\n1,"好吃，a, b"\n0,慢\n', encoding="utf-8")
    assert read_csv(table, "x") == (Review("好吃，a, b", 1, "x"), Review("慢", 0, "x"))


# --- a split of our own -------------------------------------------------------------------------------------------


def test_the_split_is_whole_stratified_and_apart():
    reviews = tuple(Review(f"text {i % 900}", int(i % 3 == 0), "x") for i in range(1000))
    parts = {split: stratified(reviews, split) for split in sentiment.SPLITS}
    assert Counter(review for part in parts.values() for review in part) == Counter(reviews)
    texts = [{review.text for review in part} for part in parts.values()]
    assert not texts[0] & texts[1] and not texts[0] & texts[2] and not texts[1] & texts[2]
    for part, share in zip(parts.values(), (0.8, 0.1, 0.1)):
        assert len(part) == pytest.approx(share * 1000, abs=20)
        assert sum(review.label for review in part) / len(part) == pytest.approx(1 / 3, abs=0.03)


def test_the_split_does_not_depend_on_the_order():
    reviews = tuple(Review(f"text {i}", i % 2, "x") for i in range(100))
    assert set(stratified(reviews, "test")) == set(stratified(reviews[::-1], "test"))


# --- real files ---------------------------------------------------------------------------------------------------


def test_sst2_is_read(tmp_path, monkeypatch):
    put_in_cache(SST2_FILES, tmp_path, monkeypatch)
    parts = [load("sst2", split) for split in sentiment.SPLITS]
    assert [len(part) for part in parts] == [6920, 872, 1821]
    assert [sum(e.label for e in part) for part in parts] == [3610, 444, 909]
    assert parts[0][0] == Review(
        "a stirring , funny and finally transporting re imagining of beauty and the beast and 1930s horror films",
        1,
        "film",
    )
    assert "the cache" in parts[0].source and "Socher" in parts[0].source


def test_waimai_is_read_and_split(tmp_path, monkeypatch):
    put_in_cache(WAIMAI_FILES, tmp_path, monkeypatch)
    parts = [load("waimai", split) for split in sentiment.SPLITS]
    assert sum(map(len, parts)) == 11987 and sum(e.label for part in parts for e in part) == 4000
    for part, share in zip(parts, (0.8, 0.1, 0.1)):
        assert len(part) / 11987 == pytest.approx(share, abs=0.002)
        assert sum(e.label for e in part) / len(part) == pytest.approx(4000 / 11987, abs=0.005)
    texts = [{e.text for e in part} for part in parts]
    assert not texts[0] & texts[1] and not texts[0] & texts[2] and not texts[1] & texts[2]


def test_a_damaged_copy_is_no_data(tmp_path, monkeypatch):
    monkeypatch.setenv("LMLIB_CACHE", str(tmp_path))
    monkeypatch.setenv("LMLIB_OFFLINE", "1")
    WAIMAI.cache_path.parent.mkdir(parents=True)
    WAIMAI.cache_path.write_text("label,review\n1,half a fi")
    with pytest.raises(DatasetError, match="lies damaged in the cache"):
        load("waimai")
