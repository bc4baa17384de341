"""Lesson 11 runs on real reviews: one name at its top is changed, and what it says must still hold."""

import numpy as np
import pytest
from real_data import put_in_cache, run_notebook
from test_tasks_sentiment import SST2_FILES, WAIMAI_FILES


@pytest.mark.filterwarnings("ignore:Glyph")  # the shipped font has not all Chinese characters
@pytest.mark.parametrize("name, files", [("sst2", SST2_FILES), ("waimai", WAIMAI_FILES)])
def test_every_cell_runs_and_counting_learns(name, files, tmp_path, monkeypatch):
    put_in_cache(files, tmp_path, monkeypatch)
    lesson = run_notebook("11_sentiment_analysis", monkeypatch, DATA=name, STEPS=20)
    assert lesson["test"].name == name
    counted = lesson["counted"].probabilities(lesson["texts"]) > 0.5
    most = max(np.mean(lesson["labels"]), 1 - np.mean(lesson["labels"]))
    assert np.mean(counted == np.array(lesson["labels"])) > most + 0.15
    assert len(lesson["results"]) >= 6 and "twins" not in lesson
    # Of rare complaints precision falls, recall hardly: as the lesson says of any data.
    rare = lesson["judge"](lesson["rare_truth"], lesson["said"][lesson["kept"]])
    accuracy, precision, recall, _ = lesson["judge"](lesson["labels"], lesson["said"])
    assert rare[1] < precision - 0.1 and abs(rare[2] - recall) < 0.15
