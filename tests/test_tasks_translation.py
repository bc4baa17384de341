"""Sentence pairs by name: the village's, the real files, and files that are broken."""

import gzip
from pathlib import Path

import pytest
from real_data import put_in_cache

from lmlib import village
from lmlib.fetch import DatasetError
from lmlib.tasks import translation
from lmlib.tasks.translation import MULTI30K, TATOEBA, Pair, load, side_by_side, tab_separated

# --- the village ---


@pytest.mark.parametrize("target", ["zh", "fr"])
def test_the_village_tells_its_own_stories(target):
    pairs = load("village", "test", target)
    joined = {
        "en": " ".join(p.source for p in pairs),
        target: (" " if target == "fr" else "").join(p.target for p in pairs),
    }
    for lang, text in joined.items():
        stories = village.load_stories("test", lang)
        space = "" if lang == "zh" else " "
        assert text == space.join(story.replace("\n", space) for story in stories)


def test_links_point_into_both_texts():
    pairs = load("village", "validation", "fr")
    for pair in pairs:
        for link in pair.alignment:
            assert 0 <= link.source[0] < link.source[1] <= len(pair.source)
            assert 0 <= link.target[0] < link.target[1] <= len(pair.target)
    red = next(p for p in pairs if "red lantern" in p.source)
    told = {(red.source[slice(*link.source)], red.target[slice(*link.target)]) for link in red.alignment}
    assert {("red", "rouge"), ("lantern", "lanterne")} <= told


def test_the_examples_say_where_they_come_from():
    pairs = load("village", "test")
    assert pairs.name == "village" and pairs.split == "test" and "MIT" in pairs.licence
    assert "sentence by sentence" in pairs.source and load("village", "test").sha256 == pairs.sha256


def test_no_story_is_in_two_splits():
    seeds = [set(village.seeds(split)) for split in ("train", "validation", "test")]
    assert not (seeds[0] & seeds[1] or seeds[0] & seeds[2] or seeds[1] & seeds[2])


# --- what cannot be had ---


@pytest.mark.parametrize(
    "arguments, said",
    [
        (("vilage", "train", "zh"), "did you mean 'village'"),
        (("village", "dev", "zh"), "split of village"),
        (("village", "train", "de"), "'de' is no language that village is translated into"),
        (("tatoeba", "train", "fr"), "'fr' is no language that tatoeba is translated into"),
    ],
)
def test_what_there_is_not_gets_one_sentence(arguments, said):
    with pytest.raises(DatasetError, match=said) as problem:
        load(*arguments)
    assert "\n" not in str(problem.value)


def test_without_a_network_the_real_sets_say_so(monkeypatch, tmp_path):
    monkeypatch.setenv("LMLIB_CACHE", str(tmp_path))
    monkeypatch.setenv("LMLIB_OFFLINE", "1")
    for name, target in (("multi30k", "fr"), ("tatoeba", "zh")):
        with pytest.raises(DatasetError, match="LMLIB_OFFLINE"):
            load(name, "test", target)


# --- broken files ---


def written(path, content, zipped=True):
    path.write_bytes(gzip.compress(content, mtime=0) if zipped else content)
    return path


def test_unequal_line_counts(tmp_path):
    one, two = written(tmp_path / "a.en.gz", b"a\nb\nc\n"), written(tmp_path / "a.fr.gz", b"a\nb\n")
    with pytest.raises(DatasetError, match=r"a\.en\.gz has 3 lines and a\.fr\.gz has 2"):
        side_by_side(one, two)


@pytest.mark.parametrize(
    "content, zipped, said",
    [
        (b"", True, "holds no sentences"),
        (b"\n \n", True, "holds no sentences"),
        ("déjà".encode("latin-1"), True, "is not UTF-8"),
        (b"plain text", False, "no whole gzip file"),
        (gzip.compress(b"a\nb\n" * 1000, mtime=0)[:40], False, "no whole gzip file"),
        (b"", False, "holds no sentences|no whole gzip file"),
    ],
)
def test_broken_gzipped_files(tmp_path, content, zipped, said):
    good, bad = written(tmp_path / "good.gz", b"a\n"), written(tmp_path / "bad.gz", content, zipped)
    for files in ((good, bad), (bad, good)):
        with pytest.raises(DatasetError, match=said) as problem:
            side_by_side(*files)
        assert "bad.gz" in str(problem.value) and "\n" not in str(problem.value)


@pytest.mark.parametrize(
    "content, said",
    [
        (b"Hi.\n", "Line 1 of .* not a sentence, a tab and its translation"),
        (b"Hi.\t\xe5\x97\xa8\nRun.\t\n", "Line 2 of"),
        (b"\tx\n", "Line 1 of"),
        (b"a\tb\tc\td\n", "Line 1 of"),
        (b"", "holds no sentences"),
        ("Hi.\t嗨。".encode("gb18030"), "is not UTF-8"),
    ],
)
def test_broken_tab_separated_files(tmp_path, content, said):
    with pytest.raises(DatasetError, match=said) as problem:
        tab_separated(written(tmp_path / "cmn.txt", content, zipped=False))
    assert "cmn.txt" in str(problem.value) and "\n" not in str(problem.value)


def test_a_byte_order_mark_and_a_third_column_do_no_harm(tmp_path):
    path = written(tmp_path / "cmn.txt", "\ufeffHi.\t嗨。\tCC-BY 2.0\r\nRun.\t跑\n".encode(), zipped=False)
    assert tab_separated(path) == [Pair("Hi.", "嗨。"), Pair("Run.", "跑")]


# --- the real files ---


def multi30k_files():
    return {remote: f"multi30k/{Path(remote.url).name}" for remote in MULTI30K.values()}


@pytest.mark.parametrize("target", ["fr", "de"])
def test_multi30k(tmp_path, monkeypatch, target):
    put_in_cache(multi30k_files(), tmp_path, monkeypatch)
    sizes = {split: len(load("multi30k", split, target)) for split in ("train", "validation", "test")}
    assert sizes == {"train": 29_000, "validation": 1_014, "test": 1_000}
    test = load("multi30k", "test", target)
    assert test[0].source == "A man in an orange hat starring at something."
    assert test[0].target.startswith({"fr": "Un homme", "de": "Ein Mann"}[target]) and test[0].alignment is None
    assert all(p.source and p.target for p in test) and "research" in test.licence


def test_tatoeba(tmp_path, monkeypatch):
    put_in_cache({TATOEBA: "tatoeba_cmn/cmn.txt"}, tmp_path, monkeypatch)
    splits = {split: load("tatoeba", split) for split in ("train", "validation", "test")}
    assert sum(map(len, splits.values())) == 20_133
    sources = {split: {p.source for p in pairs} for split, pairs in splits.items()}
    assert not (sources["train"] & sources["test"] or sources["train"] & sources["validation"])
    assert 800 < len(splits["test"]) < 1_200 and 800 < len(splits["validation"]) < 1_200
    assert Pair("Hi.", "嗨。") in [p for pairs in splits.values() for p in pairs]
    assert translation.load("tatoeba", "test", "zh").sha256 == splits["test"].sha256
