"""Lesson 10 runs from end to end on real sentences when the name of its data is changed."""

import math

from real_data import put_in_cache, run_notebook
from test_tasks_translation import multi30k_files

from lmlib.tasks.translation import TATOEBA


def test_the_lesson_on_multi30k(tmp_path, monkeypatch):
    put_in_cache(multi30k_files(), tmp_path, monkeypatch)
    found = run_notebook("10_machine_translation", monkeypatch, DATA="multi30k", STEPS=3, TESTED=4)
    assert len(found["train"]) == 29_000 and found["TARGET"] == "de"
    assert len(found["outputs"]) == len(found["outputs_2"]) == 4
    assert all(math.isfinite(score) for scores in found["measured"].values() for score in scores.values())


def test_the_lesson_on_tatoeba(tmp_path, monkeypatch):
    put_in_cache({TATOEBA: "tatoeba_cmn/cmn.txt"}, tmp_path, monkeypatch)
    found = run_notebook("10_machine_translation", monkeypatch, DATA="tatoeba", STEPS=3, TESTED=4)
    assert found["TARGET"] == "zh" and len(found["new"]) == len(found["test"])
