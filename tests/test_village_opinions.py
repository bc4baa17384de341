"""The village's opinions: verdicts read by a second reader, twins equal in all n-grams up to four, splits apart."""

import hashlib
import re
from collections import Counter

import pytest

from lmlib.village import opinions as o
from lmlib.village.opinions import KINDS, SPLITS, TWINS, opinions

TRAINING = opinions("train")


def verdict(text):
    """The label, read from the text alone, by other code than wrote it."""
    body = text.split(": ", 1)[1].lower()
    values = {word: 1 for word in o.GOOD + o.NEW_GOOD} | {word: 0 for word in o.BAD + o.NEW_BAD}
    firsts, seconds = r", (?:although|even if|though) ", r", (?:but|yet|still) |; however, "
    if re.match("although |even if ", body):
        clause = body.split(", the ")[-1]
    elif re.search(firsts, body):
        clause = re.split(firsts, body)[0]
    elif re.search(seconds, body):
        clause = re.split(seconds, body)[1]
    else:
        clause = body
    said = {values[word] for word in re.findall(r"\w+", clause) if word in values}
    said |= {label for label, verbs in o.VERBS.items() if any(f"i {verb} the" in clause for verb in verbs)}
    assert len(said) == 1, clause
    (label,) = said
    return 1 - label if re.search(r"\b(never|not|hardly)\b", clause) else label


def grams(text, n, marks):
    found = re.findall(r"[\w']+|[^\w\s]" if marks else r"[\w']+", text.lower())
    return Counter(zip(*(found[i:] for i in range(n))))


@pytest.mark.parametrize("split", SPLITS)
def test_every_verdict_is_what_a_second_reader_finds(split):
    for text, label, _ in opinions(split):
        assert verdict(text) == label, text


@pytest.mark.parametrize("split", SPLITS)
def test_pairs_are_opposite_and_twins_have_equal_runs_of_words(split):
    found = opinions(split)
    assert len(found) == 2 * SPLITS[split][0]
    for (one, label, kind), (other, other_label, other_kind) in zip(found[::2], found[1::2]):
        assert {label, other_label} == {0, 1} and kind == other_kind
        if kind in TWINS:
            assert one != other
            for n in range(1, o.LONGEST_RUN + 1):
                for marks in (False, True):
                    assert grams(one, n, marks) == grams(other, n, marks), (one, other, n)


def test_longer_runs_do_tell_most_twins_apart():
    """Else the lesson's sentence about runs of five words would be wrong."""
    twins = [(a[0], b[0]) for a, b in zip(TRAINING[::2], TRAINING[1::2]) if a[2] in TWINS]
    apart = [grams(a, 6, True) != grams(b, 6, True) for a, b in twins]
    assert sum(apart) / len(apart) > 0.8


def test_the_shares_of_the_kinds():
    counts = Counter(kind for _, _, kind in opinions("test"))
    assert counts == {"plain": 600, "negation": 200, "contrast": 600, "contrast + negation": 600}
    assert set(counts) == set(KINDS)


def test_no_text_stands_twice():
    for split in SPLITS:
        texts = [text for text, _, _ in opinions(split)]
        assert len(set(texts)) == len(texts)
        assert split == "train" or not set(texts) & {text for text, _, _ in TRAINING}


def test_what_is_new_was_never_met():
    adjectives = set(o.NEW_GOOD + o.NEW_BAD)
    for text, _, kind in TRAINING:
        words = set(re.findall(r"\w+", text.lower()))
        assert not words & {"still", "though"}
        assert kind not in TWINS or not words & adjectives
    plain = Counter(w for text, _, kind in TRAINING if kind not in TWINS for w in re.findall(r"\w+", text.lower()))
    assert min(plain[word] for word in adjectives) > 20, "met, but in other company"
    for text, _, _ in opinions("new adjective"):
        found = set(re.findall(r"\w+", text.lower()))
        assert found & adjectives and not found & set(o.GOOD + o.BAD)
    for text, _, _ in opinions("new connective"):
        assert re.search(r", (still|though) the ", text)


def test_neither_opener_nor_place_tells_the_label():
    by_opener = {}
    for text, label, _ in TRAINING:
        by_opener.setdefault(text.split(":")[0], []).append(label)
    assert all(sum(labels) * 2 == len(labels) for labels in by_opener.values())


def test_the_connective_alone_and_never_alone_say_nothing():
    for mark in ("but", "yet", "although", "even if", "however", "never"):
        labels = [label for text, label, kind in TRAINING if kind in TWINS and mark in text.lower()]
        assert sum(labels) * 2 == len(labels) > 100


def test_the_same_opinions_everywhere():
    """Byte for byte: the table of lesson 11 was measured on these."""
    for split, expected in HASHES.items():
        text = "\n".join(f"{label}\t{kind}\t{text}" for text, label, kind in opinions(split))
        assert hashlib.sha256(text.encode()).hexdigest()[:16] == expected, split


def test_there_is_no_other_split():
    with pytest.raises(KeyError):
        opinions("tset")


HASHES = {
    "train": "48e9907b6d2b20a9",
    "validation": "edd9cc17446f61ca",
    "test": "7fb3dec6dd05dc50",
    "new adjective": "287b6f4a2883bbe5",
    "new connective": "b3e4fd31b1d95370",
}
