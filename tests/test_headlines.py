"""The numbers that the lessons rest on: each is printed where it should be, and a whole run holds it to its band."""

import re
import subprocess
import sys

import nbformat
import pytest
from helpers import ROOT
from nbformat.v4 import new_code_cell, new_notebook, new_output

from lmlib import lessons
from lmlib.lessons import LessonError, headlines

NOTEBOOKS = {path.stem[:2]: path for path in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))}
HEADLINES = [
    pytest.param(number, headline, id=f"{number} {headline.what}")
    for number in lessons.numbers()
    for headline in headlines.headlines(number)
]


@pytest.mark.parametrize("number", [n for n in NOTEBOOKS if n != "00"])
def test_each_lesson_has_numbers_with_bands(number):
    assert len(headlines.headlines(number)) >= 3


@pytest.mark.parametrize(("number", "headline"), HEADLINES)
def test_a_band_means_something(number, headline):
    """Printed by one cell alone, inside its band, and the band leaves something out on either side."""
    nb = nbformat.read(NOTEBOOKS[number], as_version=4)
    cells = [headlines.said(cell.outputs) for cell in nb.cells if cell.cell_type == "code"]
    found = [text for text in cells if headline.find(text)]
    assert len(found) == 1, f"{len(found)} cells print what {headline.pattern!r} finds"
    assert headline.problem(found[0]) is None
    assert headline.low < headline.high or re.search("exact", headline.why)
    here = headlines.value(headline.find(found[0]))
    assert headline.high - headline.low <= max(abs(here), abs(headline.high)), "as wide as the number itself"
    assert len(headline.what) > 10 and len(headline.why) > 10


HEADLINE = headlines.Headline("loss of the toy", r"loss (\S+) bits", 1.5, 2.0, "three seeds 1.6 to 1.9")


@pytest.mark.parametrize("text", ["loss 1.5 bits", "loss 2 bits", "a loss 1.75 bits wide"])
def test_inside(text):
    assert HEADLINE.problem(text) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [("loss 2.01 bits", "2.01, outside its band of 1.5 to 2 "), ("loss −1.6 bits", "−1.6"), ("no loss", "no longer")],
)
def test_outside(text, words):
    assert words in HEADLINE.problem(text) and HEADLINE.what in HEADLINE.problem(text)


def test_values():
    assert [headlines.value(v) for v in ("1,234", "85%", "-.5", "−2.5", "1e-3")] == [1234, 85, -0.5, -2.5, 0.001]


def test_said_is_what_a_reader_sees():
    outputs = [
        new_output("stream", name="stdout", text="printed\n"),
        new_output("stream", name="stderr", text="a warning\n"),
        new_output("execute_result", data={"text/plain": "shown"}),
    ]
    assert headlines.said(outputs).split() == ["printed", "shown"]


def test_a_page_that_is_not_whole(monkeypatch):
    monkeypatch.setattr(headlines, "read", lambda number: {"number": [{"what": "x"}]})
    with pytest.raises(LessonError, match="lesson 06: .*add what is missing"):
        headlines.headlines("06")


def test_a_run_holds_a_number_to_its_band(tmp_path):
    """A notebook with the name of lesson 06, whose cells now print other numbers than the saved ones."""
    text, cells = "one vector 0.96 at 4, {} at 14", []
    drawn = "from IPython.display import display, Pretty\nshown = display(Pretty('begins'), display_id=True)\n"
    codes = [f"print({text.format(printed)!r})" for printed in ("0.26", "0.51", "")]
    codes.append(f"{drawn}shown.update(Pretty({text.format('0.26')!r}))")  # as a live curve: its last state counts
    for i, code in enumerate(codes, 1):
        cells.append(new_code_cell(code, execution_count=i))
        cells[-1].outputs = [new_output("stream", name="stdout", text=text.format("0.27") + "\n")]
    nbformat.write(new_notebook(cells=cells), tmp_path / NOTEBOOKS["06"].name)
    options = ["-q", "-c", "pyproject.toml", "-p", "conftest", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
    )
    for words in ("2 failed, 2 passed", "0.51, outside its band", "no longer prints it"):
        assert words in done.stdout, done.stdout + done.stderr
