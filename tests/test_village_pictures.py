"""Pictures of the village: painter and reader are inverse, twins, splits, and the exact surprise against counting."""

import hashlib
import math
import random
from itertools import islice

import pytest

from lmlib.village import pictures as v

PAIR = "a red cat left of a blue house"


def digest(scenes):
    told = "\n".join(f"{s.sentence} {''.join(map(str, s.picture))}" for s in scenes)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def test_scenes_are_the_same_on_every_machine():
    assert digest(v.scenes("test")) == "eac053bc71789c54"
    assert digest(v.scenes("unseen")) == "cc27982f55576d39"
    assert digest(islice(v.lesson(0), 200)) == "11a3ed96b9fca6dd"


def test_a_picture_by_hand():
    assert v.draw([("red", "cat")], [(0, 0, 1)])[:24] == (
        0,
        1,
        0,
        1,
        0,
        0,
        0,
        0,
        0,
        1,
        1,
        1,
        0,
        0,
        0,
        0,
        0,
        0,
        1,
        0,
        0,
        0,
        0,
        0,
    )
    text = v.text_of(v.draw([("blue", "key")], [(3, 1, 1)]))
    assert text.splitlines()[4:] == [". . . . . . . .", ". . . . . b b .", ". . . . . b b .", ". . . . . . . b"]


def test_the_reader_is_the_inverse_of_the_painter():
    """Every picture of every twentieth sentence, and that no two sentences share one unless both are true of it."""
    owner, sentences = {}, list(v._SENTENCES)
    for sentence in sentences[::40]:
        for picture in v.pictures_of(sentence):
            assert set(v.read(picture)) == set(v.true_sentences(sentence))
            assert owner.setdefault(picture, set(v.true_sentences(sentence))) == set(v.true_sentences(sentence))


@pytest.mark.parametrize(
    "sentence, ways", [(PAIR, 32), ("one red cat", 16), ("two red cats", 96), ("four pink hats", 256)]
)
def test_all_pictures_of_a_sentence_are_painted(sentence, ways):
    lot = random.Random(0).random
    possible = set(v.pictures_of(sentence))
    assert len(possible) == len(v.pictures_of(sentence)) == v.n_pictures(sentence) == ways
    assert {v.paint(sentence, lot) for _ in range(12 * ways)} == possible


def test_looks_of_things_differ_and_fill_their_square():
    assert len(v._LOOKS) == 1 + 4 * len(v.THINGS) == 1 + 4 * 48
    for rows in v.SHAPES.values():
        assert any("#" == r[0] for r in rows) and any("#" == r[2] for r in rows) and "#" in rows[0] and "#" in rows[2]


def test_twins():
    assert v.twin(PAIR) == "a blue house left of a red cat" and v.twin(v.twin(PAIR)) == PAIR
    for picture in v.pictures_of(PAIR):
        swapped = v.swap(picture)
        assert v.twin(PAIR) in v.read(swapped) and PAIR not in v.read(swapped) and v.swap(swapped) == picture
        assert sorted(v.things_in(swapped), key=str) == sorted(v.things_in(picture), key=str)
    with pytest.raises(ValueError, match="has no twin"):
        v.twin("two red cats")
    with pytest.raises(ValueError, match="has no twin"):
        v.swap(v.pictures_of("two red cats")[0])


@pytest.mark.parametrize(
    "said", ["", "a red dog left of a blue cat", "a red cat left of a red house", "red cat", "two red cat"]
)
def test_what_nobody_paints_is_refused(said):
    with pytest.raises(ValueError, match="nobody in the village paints"):
        v.paint(said, random.Random(0).random)


def test_what_is_no_scene_has_no_sentence():
    assert v.read([0] * 64) == ()
    assert v.read([1] * 64) == ()
    assert v.read([0] * 63) == ()
    diagonal = v.draw([("red", "cat"), ("blue", "house")], [(0, 0, 0), (3, 0, 0)])
    same_kind = v.draw([("red", "cat"), ("blue", "cat")], [(0, 0, 0), (1, 0, 0)])
    assert v.read(diagonal) == () and v.read(same_kind) == ()


def test_held_out_things_are_in_no_lesson_and_in_every_unseen_scene():
    assert {kind for _, kind in v.HELD_OUT} == set(v.KINDS) and {c for c, _ in v.HELD_OUT} == set(v.COLOURS)
    for scene in islice(v.lesson(3), 2000):
        assert not set(v.understand(scene.sentence).things) & set(v.HELD_OUT)
    assert all(set(v.understand(s.sentence).things) & set(v.HELD_OUT) for s in v.scenes("unseen"))
    tested = {s.picture for split in v.SEEDS for s in v.scenes(split)}
    assert not tested & {s.picture for s in islice(v.lesson(0), 4_000)}


def test_the_surprise_adds_up_to_one_and_to_the_entropy():
    total = entropy = 0.0
    for sentence, said in v._SENTENCES.items():
        if all(thing in v.KNOWN for thing in said.things):
            first = v.paint(sentence, lambda: 0.0)
            p = 2 ** -v.surprise(first) / len(v.read(first))  # two sentences share their pictures
            total += p * v.n_pictures(sentence)
            entropy += p * v.n_pictures(sentence) * v.surprise(first)
    assert math.isclose(total, 1) and math.isclose(entropy, v.entropy())
    assert v.surprise(v.pictures_of("one red house")[0]) == math.inf


def test_scenes_come_as_often_as_the_law_says():
    lot = random.Random(5).random
    scenes = [v.scene(lot) for _ in range(6_000)]
    share = sum(s.pair for s in scenes) / len(scenes)
    assert abs(share - (1 - v._alike())) < 0.02
    assert abs(sum(v.surprise(s.picture) for s in scenes) / len(scenes) - v.entropy()) < 0.1


def test_questions_by_hand():
    assert dict(v.questions(PAIR)) == {
        "what colour is the cat": "red",
        "what colour is the house": "blue",
        "what is left of the house": "cat",
        "what is right of the cat": "house",
        "is the cat left of the house": "yes",
        "is the cat right of the house": "no",
    }
    assert dict(v.questions("three pink hats")) == {"how many": "three", "what kind": "hat", "what colour": "pink"}


def test_an_unknown_split_is_named():
    with pytest.raises(ValueError, match="there are no pictures called 'tests'"):
        v.scenes("tests")
