"""Lesson 12 runs on real questions when one name is changed, and its tables are what their command writes."""

from collections import Counter

import pytest
from real_data import put_in_cache, run_notebook
from test_tasks_questions import REAL

from lmlib import reading
from lmlib.tasks.questions import load


@pytest.mark.parametrize("name", ["babi", "xquad-en"])
def test_the_lesson_on_real_questions(name, tmp_path, monkeypatch):
    put_in_cache(REAL, tmp_path, monkeypatch)
    scope = run_notebook("12_question_answering", monkeypatch, DATA=name, STEPS=3)
    assert len(scope["readings"]) == len(scope["test"]) == (1000 if name == "babi" else 198)
    first = scope["ranks"](scope["similarity"]["BM25"], scope["own"]) == 1
    if name == "xquad-en":  # the words of a real question tell the paragraph
        assert first.mean() > 0.9
    else:  # "Where is John?" does not tell which story
        assert first.mean() < 0.05


def test_the_table_of_readers():
    rows = reading.read_table()
    sizes = Counter()
    for split in reading.SPLITS:
        sizes.update((split, len(question.support)) for question in load("village", split))
    for row in rows:
        assert row.n == sizes[row.split, row.facts] and 0 <= row.exact <= 1 and 0 <= row.evidence <= 1
    for model in {row.model for row in rows}:
        seeds = {row.seed for row in rows if row.model == model}
        assert seeds == (set(reading.SEEDS) if model in reading.READERS else {0})
    assert [row for row in rows if row.model not in reading.READERS] == reading.measure_cheats()


def test_what_the_table_says():
    """The claims of the lesson: evidence helps, and one look is too little where three lines must be put together."""
    rows = reading.read_table()
    reader, cheat = (reading.summary(rows, name) for name in ("reader", "last line about it"))
    assert reader[1] > cheat[0] + 0.2  # the worst seed
    assert reader[0] > reading.summary(rows, "told no evidence")[0]
    many, two, one = (reading.summary(rows, name, facts=3) for name in ("reader", "two looks", "one look"))
    assert min(many[1], two[1]) > one[2] + 0.3 and abs(many[0] - two[0]) < 0.1
    assert reading.summary(rows, "reader", "test-32")[2] < reader[1] - 0.2  # longer stories than in training


def test_the_table_of_the_chat_model():
    rows = reading.read_table("chat", reading.Said)
    counts = Counter(row.condition for row in rows)
    assert set(counts) == set(reading.CONDITIONS) and len(set(counts.values())) == 1
    by_id = {condition: {row.id for row in rows if row.condition == condition} for condition in reading.CONDITIONS}
    assert len(set(map(frozenset, by_id.values()))) == 1  # the same questions under each condition
    for row in rows:
        assert 0 <= row.exact <= row.f1 <= 1 and row.right_words > 0
        assert row.f1 == 0 or row.words > 0


def test_a_summary_by_hand():
    rows = [
        reading.Row("m", 0, "test", 1, 10, 0.5, 0.0),
        reading.Row("m", 0, "test", 2, 30, 0.9, 0.0),
        reading.Row("m", 1, "test", 1, 10, 1.0, 0.0),
        reading.Row("m", 1, "test", 2, 30, 1.0, 0.0),
        reading.Row("m", 1, "test-16", 1, 10, 0.0, 0.0),
    ]
    assert reading.summary(rows, "m") == pytest.approx((0.9, 0.8, 1.0))
    assert reading.summary(rows, "m", facts=1) == pytest.approx((0.75, 0.5, 1.0))
