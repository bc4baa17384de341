"""Keep the exercises' cells in the notebooks as lmlib/exercises says.

    python tools/exercises.py [FILE...]    put the current stubs into the cells tagged exercise:lesson_NN.name

Without FILE it takes every notebook. `tools/notebooks.py run` does the same before it runs a notebook.
"""

import importlib
import sys
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[1]


def tagged(nb, family):
    """(cell, "lesson_NN", name) for each cell with a tag such as exercise:lesson_NN.name."""
    for cell in nb.cells:
        for tag in cell.metadata.get("tags", ()):
            if tag.startswith(f"{family}:"):
                yield cell, *tag.removeprefix(f"{family}:").split(".")


def find(lesson, name):
    """The exercise of that name. Raises ModuleNotFoundError, AttributeError."""
    return getattr(importlib.import_module(f"lmlib.exercises.{lesson}"), name)


def put_stubs(nb):
    """Write the stubs into their cells; says whether anything changed."""
    cells = [(cell, find(lesson, name).stub) for cell, lesson, name in tagged(nb, "exercise")]
    stale = [(cell, stub) for cell, stub in cells if cell.source != stub]
    for cell, stub in stale:
        cell.source = stub
    return bool(stale)


if __name__ == "__main__":
    for path in [Path(name) for name in sys.argv[1:]] or sorted((ROOT / "notebooks").glob("*.ipynb")):
        nb = nbformat.read(path, as_version=4)
        if put_stubs(nb):
            path.write_text(nbformat.writes(nb) + "\n", encoding="utf-8", newline="\n")
            print(f"{path.name}: stubs renewed; now python tools/notebooks.py run {path.name}")
