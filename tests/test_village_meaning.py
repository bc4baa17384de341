"""The lists of questions about meaning: against the village's word tables, and the almanac against its own law."""

from collections import Counter

import pytest

from lmlib import village
from lmlib.models.embedding import words_of
from lmlib.village import meaning
from lmlib.village import words as w

PAIRS, QUESTIONS, KINDS = meaning.pairs(), meaning.analogies(), meaning.kinds()


@pytest.fixture(scope="module")
def text():
    return {word for story in village.load_stories("train") for word in words_of(story)}


# -- pairs, against the tables that the stories are written with ---------------------------------------------


def test_pairs_checked_by_a_reader():
    """Written down from the tables by hand, one or more of each category."""
    for category, pair in [
        ("man to woman (ranks)", ("king", "queen")),
        ("man to woman (ranks)", ("giant", "giantess")),
        ("man to woman (relatives)", ("uncle", "aunt")),
        ("grown to young (one)", ("dog", "puppy")),
        ("grown to young (many)", ("geese", "goslings")),
        ("one to many (animals)", ("goose", "geese")),
        ("one to many (young)", ("calf", "calves")),
        ("animal to sound", ("dog", "barked")),
        ("job to work", ("baker", "kneading")),
    ]:
        assert pair in PAIRS[category], category


def test_men_and_women_stand_on_the_right_side():
    female = {rank.word.text("en").removeprefix("a "): rank.female for rank in w.RANKS}
    for man, woman in PAIRS["man to woman (ranks)"]:
        assert (female[man], female[woman]) == (False, True)
    assert {word for pair in PAIRS["man to woman (ranks)"] for word in pair} == set(female)
    feminine = {relative.text("en"): relative.feminine("fr") for relative in w.RELATIVES}
    for man, woman in PAIRS["man to woman (relatives)"]:
        assert (feminine[man], feminine[woman]) == (False, True)


def test_forms_of_animals_are_the_tables():
    by_name = {animal.grown.en: animal for animal in w.ANIMALS}
    for grown, young in PAIRS["grown to young (one)"]:
        assert by_name[grown].small.en == young
    for one, many in PAIRS["one to many (animals)"]:
        assert by_name[one].grown.en_plural == many
    for grown, sound in PAIRS["animal to sound"]:
        assert by_name[grown].sound.text("en") == sound
    same = [animal.grown.en for animal in w.ANIMALS if animal.grown.en == animal.grown.en_plural]
    assert len(PAIRS["one to many (animals)"]) == len(w.ANIMALS) - len(same)  # a sheep, two sheep: nothing to ask


def test_towns_regions_and_products_are_the_tables():
    region = {town.name.lower(): town.region.lower() for town in w.TOWNS}
    product = {town.region.lower(): town.product.text("en").lower() for town in w.TOWNS}
    assert all(region[a] == b for a, b in PAIRS["town to region"])
    assert all(product[a] == b for a, b in PAIRS["region to product"])


# -- questions -----------------------------------------------------------------------------------------------


def test_words_are_written_as_the_vectors_know_them():
    for table in PAIRS.values():
        assert all(words_of(word) == [word] for pair in table for word in pair)
    assert all(words_of(word) == [word] for kind in KINDS.values() for word in kind)


@pytest.mark.parametrize("category", PAIRS)
def test_every_pair_is_asked_with_every_other(category):
    pairs, asked = PAIRS[category], QUESTIONS[category]
    assert len(asked) == len(pairs) * (len(pairs) - 1)
    assert set(asked) == {(*p, *q) for p in pairs for q in pairs if p != q}


@pytest.mark.parametrize("category", PAIRS)
def test_no_question_stands_twice_or_has_two_answers(category):
    pairs = PAIRS[category]
    assert len(set(pairs)) == len(pairs)
    assert max(Counter(left for left, _ in pairs).values(), default=1) == 1, "one word, two right answers"
    for a, b, c, d in QUESTIONS[category]:
        assert a != b and c != d and a != c
        assert d not in (a, b, c), "the answer stands in the question"


def test_what_is_not_known_is_not_asked():
    known = {"king", "queen", "prince", "princess", "wizard"}
    assert meaning.analogies(known)["man to woman (ranks)"] == [
        ("king", "queen", "prince", "princess"),
        ("prince", "princess", "king", "queen"),
    ]
    assert meaning.analogies(known)["animal to sound"] == []
    assert meaning.kinds({"red", "blue"})["colours"] in (["red", "blue"], ["blue", "red"])


def test_the_village_speaks_of_nearly_all_of_it(text):
    asked = [question for table in QUESTIONS.values() for question in table]
    spoken = [question for table in meaning.analogies(text).values() for question in table]
    assert len(spoken) > 0.6 * len(asked)


# -- kinds ---------------------------------------------------------------------------------------------------


def test_kinds_are_the_tables_and_hold_no_word_twice():
    for kind, members in KINDS.items():
        assert len(set(members)) == len(members) >= 2, kind
    assert KINDS["colours"] == [colour.en.lower() for colour in w.COLOURS]
    assert KINDS["days"] == "monday tuesday wednesday thursday friday saturday sunday".split()
    assert set(KINDS["people"]) == {person.name.lower() for person in w.PEOPLE}
    assert len(KINDS["jobs"]) == len(w.JOBS)


# -- the almanac ---------------------------------------------------------------------------------------------


def test_the_almanac_is_seeded():
    assert meaning.almanac(50) == meaning.almanac(50) != meaning.almanac(50, seed=1)
    assert len(meaning.almanac(50)) == 50


def test_words_of_the_row_depend_on_the_animal_and_words_of_the_column_on_the_form():
    form = {}  # word: (animal, young, many); `sheep` is both one and many
    for animal in w.ANIMALS:
        for young, table in enumerate((animal.grown, animal.small)):
            for many, noun in enumerate((table.en, table.en_plural)):
                form.setdefault(noun, []).append((animal.grown.en, young, many))
    rows, columns = {}, {}
    for sentence in meaning.almanac(4000):
        words = words_of(sentence)
        number, age, noun, sound, *_, home, _, _, food = words
        (animal,) = {a for a, _, _ in form[noun]}
        rows.setdefault(animal, set()).add((sound, home, food))
        for word in (number, age):
            columns.setdefault(word, set()).update((young, many) for _, young, many in form[noun])
    assert rows == {
        animal.grown.en: {(animal.sound.text("en"), *meaning.LIVES[animal.grown.en])} for animal in w.ANIMALS
    }
    for word, seen in columns.items():
        if word in meaning.ONE + meaning.MANY:
            assert {many for _, many in seen} >= {int(word in meaning.MANY)}
        else:
            assert {young for young, _ in seen} == {int(word in meaning.YOUNG)}


def test_the_controls_take_exactly_one_part_away():
    full, no_column, no_row = (
        [words_of(s) for s in meaning.almanac(300, column_slot=column, row_slot=row)]
        for column, row in ((True, True), (False, True), (True, False))
    )
    assert {words[0] for words in no_column} == {"the"}
    assert {tuple(words[3:]) for words in no_row} == {tuple("slept in the yard and ate well".split())}
    marks = {*meaning.ONE, *meaning.MANY, *meaning.GROWN, *meaning.YOUNG}
    assert not marks & {word for words in no_column for word in words}
    lives = {word for pair in meaning.LIVES.values() for word in pair}
    assert not lives & {word for words in no_row for word in words}
    assert all(marks & set(words) and lives & set(words) for words in full)
