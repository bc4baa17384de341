"""The judge of stories: measures by hand, on the village's own stories, and on stories with a planted fault."""

import math

import pytest

from lmlib import judge, village
from lmlib.judge import SEEDS, SETTINGS, VILLAGE
from lmlib.measured import write_rows
from lmlib.training import load_shipped


@pytest.fixture(scope="module")
def shipped():
    model, tokenizer, _ = load_shipped("village-gpt")
    return model, tokenizer


def test_measures_by_hand():
    assert judge.grams("a b  c\nd", 3) == [("a", "b", "c"), ("b", "c", "d")] and judge.grams("a b", 3) == []
    assert judge.distinct(["a b a b", "a b"], n=2) == 2 / 4  # ab ba ab, ab
    assert judge.distinct(["a b a b", "a b"], n=2, most=2) == 1
    assert judge.distinct([], n=2) == 0
    assert judge.repeated("a b a b a", n=2) == 2 / 4 and judge.repeated("a", n=2) == 0


def test_copied_knows_the_training_stories():
    train, test = village.load_stories("train")[7], "nobody ever wrote these eight words in one row"
    assert judge.copied([train]) == 1 and judge.copied([test]) == 0 and judge.copied(["short"]) == 0


def test_the_village_passes_its_own_judge(shipped):
    model, tokenizer = shipped
    row = judge.measure(model, tokenizer, VILLAGE, seed=1, n=2)
    stories = village.load_stories("test")[2:4]
    starts = judge.openings(tokenizer, 1, 2)
    new = [len(text) - len(tokenizer.decode(start[1:])) for text, start in zip(stories, starts)]
    assert row.whole == 1 and row.consistent == row.characters == pytest.approx(sum(new) / 2, abs=0.06)
    bits = 0.0
    for text in stories:
        ids = [tokenizer.end_id, *tokenizer.encode(text), tokenizer.end_id]
        for place in range(judge.OPENING + 1, len(ids)):
            bits -= math.log2(model.next_probabilities(ids[:place])[ids[place]])
    assert row.model_bits == pytest.approx(bits / (sum(new) + 2), abs=2e-4)


def test_a_planted_fault_is_found_where_it_is(shipped):
    model, tokenizer = shipped
    (start,) = judge.openings(tokenizer, 0, 1)
    story, begin = village.load_stories("test")[0], len(tokenizer.decode(start[1:]))
    place = begin + 100
    broken = f"{story[:place]}#{story[place + 1 :]}"
    row = judge.judge(model, tokenizer, "broken", 0, [start], [broken])
    assert row.consistent == 100 and row.whole == 0 and row.characters == len(story) - begin


def test_the_true_bits_are_those_of_the_first_sentence_of_its_own(shipped):
    model, tokenizer = shipped
    (start,) = judge.openings(tokenizer, 3, 1)
    story, given = village.load_stories("test")[3], tokenizer.decode(start[1:])
    told = [sentence for sentence in judge._told(story)]
    assert sum(told) == pytest.approx(village.story_bits(story))
    row = judge.judge(model, tokenizer, "own", 3, [start], [story])
    assert row.true_bits == pytest.approx(told[len(judge._told(given)) + 1], abs=1e-3)
    broken = judge.judge(model, tokenizer, "broken", 3, [start], [given + "#" + story[len(given) + 1 :]])
    assert math.isnan(broken.true_bits)


def test_another_seed_is_another_opening_and_too_high_a_seed_is_refused(shipped):
    _, tokenizer = shipped
    one, two = (judge.openings(tokenizer, seed, 5) for seed in (0, 1))
    assert not {tuple(start) for start in one} & {tuple(start) for start in two}
    assert all(len(start) == judge.OPENING + 1 and start[0] == tokenizer.end_id for start in one)
    with pytest.raises(ValueError, match="too few for 200 openings of seed 1"):
        judge.openings(tokenizer, 1, 200)


def test_what_is_written_begins_with_what_was_given(shipped):
    model, tokenizer = shipped
    starts = judge.openings(tokenizer, 0, 2)
    for settings in ({"temperature": 0.7}, {"n_beams": 2}):
        for text, start in zip(judge.write(model, tokenizer, starts, **settings), starts):
            given = tokenizer.decode(start[1:])
            assert text.startswith(given) and len(text) > len(given)


def test_the_table_is_complete_and_of_the_shipped_model(shipped):
    """After another model was shipped, make it again: `python -m lmlib.judge --make`."""
    rows = judge.read()
    assert [(row.setting, row.seed) for row in rows] == [(s, seed) for s in (VILLAGE, *SETTINGS) for seed in SEEDS]
    fresh = judge.measure(*shipped, VILLAGE, seed=0)
    assert rows[0].model_bits == pytest.approx(fresh.model_bits, abs=1e-3)
    assert rows[0].consistent == fresh.consistent


def test_the_table_survives_a_round_trip(tmp_path):
    rows = judge.read()
    write_rows(rows, tmp_path / "again.csv")
    assert repr(judge.read(tmp_path / "again.csv")) == repr(rows)
    assert len(judge.table(rows).splitlines()) == len(SETTINGS) + 2
    middle, low, high = judge.over_seeds(rows, "consistent")["T 1"]
    values = [row.consistent for row in rows if row.setting == "T 1"]
    assert (low, high) == (min(values), max(values)) and middle == pytest.approx(sum(values) / 3)
    with pytest.raises(FileNotFoundError, match="python -m lmlib.judge --make"):
        judge.read(tmp_path / "none.csv")
