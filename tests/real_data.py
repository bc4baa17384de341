"""Real data files beside the checkout, put where a download would have put them, and notebooks run on them."""

import io
import re
import shutil
from contextlib import redirect_stderr, redirect_stdout

import nbformat
from helpers import ROOT, shared_data


def put_in_cache(files, folder, monkeypatch):
    """Fill an empty cache in `folder`: files is a dict of `RemoteFile` to the file's name under shared/data.

    Skips the test where one is missing. `fetch` still checks each file's SHA-256.
    """
    monkeypatch.setenv("LMLIB_CACHE", str(folder))
    for remote, name in files.items():
        found = shared_data(name)
        remote.cache_path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(found, remote.cache_path)


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
