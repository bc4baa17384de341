"""Lesson 01 runs on any text: one name at its top is changed, and every cell and every claim must still hold."""

import io
import shutil
from contextlib import redirect_stdout

import nbformat
import pytest
from helpers import ROOT, shared_data

from lmlib.datasets import _CATALOGUE, _TINY_SHAKESPEARE

NOTEBOOK = ROOT / "notebooks" / "01_text_and_tokens.ipynb"
NAME = 'TEXT = "village"'


def run(text):
    """Run all code cells with that text, in one namespace; returns it."""
    cells = [cell.source for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == "code"]
    assert sum(NAME in source for source in cells) == 1
    scope = {"__name__": "__main__"}
    for number, source in enumerate(cells, start=1):
        with redirect_stdout(io.StringIO()):
            exec(compile(source.replace(NAME, f'TEXT = "{text}"'), f"<code cell {number}>", "exec"), scope)
    return scope


@pytest.fixture
def tiny_shakespeare(tmp_path, monkeypatch):
    """The real file, put where a download would have put it."""
    file = shared_data("tinyshakespeare/tinyshakespeare.txt")
    monkeypatch.setenv("LMLIB_CACHE", str(tmp_path))
    _TINY_SHAKESPEARE.cache_path.parent.mkdir(parents=True)
    shutil.copy(file, _TINY_SHAKESPEARE.cache_path)
    return "tiny-shakespeare"


@pytest.fixture
def python_docs():
    return "python-docs"


@pytest.mark.parametrize("fixture", ["python_docs", "tiny_shakespeare"])
def test_every_cell_runs_and_what_the_lesson_says_is_true(fixture, request, monkeypatch):
    monkeypatch.setenv("LM_STATIC", "1")
    name = request.getfixturevalue(fixture)
    assert name in _CATALOGUE
    lesson = run(name)
    assert lesson["data"].name == name and lesson["corpus"] in lesson["data"].text

    # Every cleaning costs bits on the original text, and all three together the most.
    on_original = {step: bits.mean() for step, (_, bits, _) in lesson["cleaned"].items()}
    assert min(on_original, key=on_original.get) == "nothing"
    assert max(on_original, key=on_original.get) == "all three"
    assert on_original["all three"] > 2 * on_original["nothing"]

    # New text has unknown words whatever the vocabulary, real text keeps finding new ones, and the village does not.
    known = set(lesson["by_count"])
    assert any(word not in known for word in lesson["new"])
    assert lesson["heaps"][name] > 0.4 > lesson["heaps"]["village"]
    assert lesson["zipf"][name][4] < lesson["zipf"]["village"][4], "real text lies nearer to Zipf's line"

    # More merges, fewer tokens; and some vocabulary is better than bytes.
    curve = lesson["curve"]
    assert (curve[1:, 1] > curve[:-1, 1]).all()
    assert curve[:, 2].min() < curve[0, 2]
