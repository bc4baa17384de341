"""The glossary is what the lessons' lists of words say."""

import sys

import pytest
from helpers import ROOT
from nbformat.v4 import new_markdown_cell, new_notebook

sys.path.insert(0, str(ROOT / "tools"))
import glossary  # noqa: E402


def lesson(text):
    return new_notebook(cells=[new_markdown_cell("# Title"), new_markdown_cell(text)])


def test_the_page_is_up_to_date():
    assert glossary.PAGE.read_text(encoding="utf-8") == glossary.current(), "run tools/glossary.py"


def test_words_are_read_over_line_ends_and_sorted():
    nb = lesson("## Words of this lesson\n\n* **token**: a piece\n  of text\n* **bit**: one yes or no\n\nMore text.")
    assert glossary.words(nb) == [("token", "a piece of text"), ("bit", "one yes or no")]
    path = ROOT / "notebooks" / "07_x.ipynb"
    lines = glossary.page([(path, nb)]).splitlines()
    assert lines[-2].startswith("* **bit** ([07](../notebooks/07_x.ipynb)): one yes")


def test_a_word_is_explained_once():
    path = ROOT / "notebooks" / "07_x.ipynb"
    nb = lesson("## Words of this lesson\n\n* **token**: a piece")
    with pytest.raises(ValueError, match="does so already"):
        glossary.page([(path, nb), (path, nb)])
