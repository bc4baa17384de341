"""Declared against measured: a notebook's minutes, seconds and memory."""

import os

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from lmlib.lessons import group, measure, pace

TITLE = (
    "# A title\n\n*Lesson 77 of Little Language Models · about 12 minutes to read, the exercises apart · runs in "
    "about 20 seconds\nwith about 0.3 GB of memory on a laptop, without a network · you need lesson 03.*"
)


def notebook(path, *code):
    cells = [new_markdown_cell(TITLE), *map(new_code_cell, code)]
    path.parent.mkdir(exist_ok=True)
    nbformat.write(new_notebook(cells=cells), path)
    return path


def test_the_first_cell_declares():
    declared = pace.head(new_notebook(cells=[new_markdown_cell(TITLE)]))
    assert declared == {"minutes": 12, "seconds": 20, "gigabytes": 0.3, "needs": "lesson 03"}
    with pytest.raises(ValueError, match="must declare"):
        pace.head(new_notebook(cells=[new_markdown_cell("# A title\n\nabout 12 minutes to read")]))


@pytest.mark.skipif(os.name == "nt", reason="the account of children is POSIX's")
def test_memory_and_processor_time_are_the_notebooks(tmp_path):
    idle = measure.measure(notebook(tmp_path / "n" / "77_a.ipynb", "import time", "time.sleep(0.5)"))
    busy = "block = b'x' * 300_000_000\nimport time\nend = time.process_time() + 2\n"
    busy = measure.measure(
        notebook(tmp_path / "n" / "77_b.ipynb", busy + "while time.process_time() < end:\n    pass")
    )
    assert busy["gigabytes"] - idle["gigabytes"] == pytest.approx(0.28, abs=0.06)
    assert busy["processor_seconds"] - idle["processor_seconds"] > 1.5
    assert idle["seconds"] > 0.5


def test_a_notebook_that_fails_is_named(tmp_path):
    with pytest.raises(RuntimeError, match="77_c.ipynb does not run through"):
        measure.measure(notebook(tmp_path / "n" / "77_c.ipynb", "1 / 0"))


def test_a_notebook_that_needs_more_memory_than_it_gets(tmp_path):
    path = notebook(tmp_path / "n" / "77_d.ipynb", "block = b'x' * 400_000_000")
    try:
        assert measure.measure(path, memory=0.7)["gigabytes"] > 0.4
    except RuntimeError as problem:
        if "no group" not in str(problem):
            raise
        pytest.skip(str(problem))
    with pytest.raises(RuntimeError, match="77_d.ipynb does not run through in 0.3 GB"):
        measure.measure(path, memory=0.3)
    assert not [folder for folder in group.FOLDER.rglob(f"lmlib-{os.getpid()}")]


def test_without_groups_one_sentence_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(group, "FOLDER", tmp_path / "nowhere")
    with pytest.raises(RuntimeError, match="run it on Linux as root, or leave --memory out"):
        measure.measure(tmp_path / "n" / "77_e.ipynb", memory=1)


def test_what_is_over_is_marked():
    declared = {"minutes": 60, "seconds": 20, "gigabytes": 0.3, "needs": ""}
    fine = {"seconds": 25.0, "processor_seconds": 20.0, "gigabytes": 0.31}
    assert "than declared" not in measure.line("x", declared, 55, fine)
    assert "slower than declared" in measure.line("x", declared, 55, fine | {"seconds": 31.0})
    assert "more memory than declared" in measure.line("x", declared, 55, fine | {"gigabytes": 0.5})
