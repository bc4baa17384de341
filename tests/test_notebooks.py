"""What nbval does not look at, and proof that the checks, the mended nbval and the closed network do work.

nbval itself runs every cell of every notebook: see pyproject.toml and conftest.py.
"""

import socket
import subprocess
import sys
import threading
from xml.etree import ElementTree

import nbformat
import pytest
from helpers import ROOT
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

sys.path.insert(0, str(ROOT / "tools"))
import notebooks as tool  # noqa: E402

FILES = sorted((ROOT / "notebooks").glob("*.ipynb"))


def test_there_are_notebooks():
    assert FILES


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_saved_state(path):
    assert list(tool.problems(path)) == []


# -- each hole, made on purpose -----------------------------------------------------------------------------


def picture(**metadata):
    data = {"image/png": "iVBORw0KGgo=", "text/plain": "<Figure size 640x480 with 1 Axes>"}
    return new_output("display_data", data=data, metadata=metadata)


def good_notebook():
    """A small notebook that is right in every way, as tools/notebooks.py run would have saved it."""
    described = picture()
    described.data["text/plain"] = "Bars: letter counts, e leads."
    nb = new_notebook(
        cells=[
            new_markdown_cell("# What is a letter?\n\n[the next lesson](#counts) and $p = 1$"),
            new_markdown_cell(
                "## Counts\n\n```python\n# no heading, and ![no picture](https://example.org/x.png\n```"
            ),
            new_code_cell(
                "# NBVAL_CHECK_OUTPUT\nprint(1 + 1)",
                execution_count=1,
                outputs=[new_output("stream", name="stdout", text="2\n")],
            ),
            new_markdown_cell("### A figure"),
            new_code_cell("draw()", execution_count=2, outputs=[described]),
            new_code_cell(
                "1 / 0",
                execution_count=3,
                metadata={"tags": ["raises-exception"]},
                outputs=[
                    new_output("error", ename="ZeroDivisionError", evalue="division by zero", traceback=["..."])
                ],
            ),
        ]
    )
    for i, cell in enumerate(nb.cells):
        cell.id = f"c{i:02}"
    nb.metadata = nbformat.from_dict({"kernelspec": tool.KERNEL, "language_info": tool.LANGUAGE})
    nb.metadata["source_hash"] = tool.fingerprint(nb)
    return nb


def rerun(nb):
    """As if the tool had run the changed notebook: then only the change itself is wrong."""
    nb.metadata["source_hash"] = tool.fingerprint(nb)


def html(text):
    return lambda nb: nb.cells[4].outputs.append(new_output("display_data", data={"text/html": text}))


def printed(text):
    return lambda nb: nb.cells[2].outputs[0].update(text=text)


def source(i, text):
    return lambda nb: (nb.cells[i].update(source=text), rerun(nb))


BREAKS = {
    "code edited, not run": (lambda nb: nb.cells[2].update(source="print(3)"), "the code changed"),
    "outputs stripped": (lambda nb: nb.cells[2].update(outputs=[]), "flagged for a check of its output"),
    "never run": (lambda nb: nb.cells[2].update(execution_count=None), "execution count None"),
    "run out of order": (lambda nb: nb.cells[4].update(execution_count=7), "execution count 7, not 2"),
    "output of another run": (
        lambda nb: nb.cells[4].outputs.append(new_output("execute_result", execution_count=9)),
        "from another run",
    ),
    "marker with an s": (source(2, "# NBVAL_CHECK_OUTPUTS\nprint(2)"), "nbval will not understand"),
    "marker in lower case": (source(2, "# nbval_check_output\nprint(2)"), "nbval will not understand"),
    "marker with a reason": (source(2, "# NBVAL_CHECK_OUTPUT: why\nprint(2)"), "nbval will not understand"),
    "marker behind code": (source(2, "print(2)  # NBVAL_CHECK_OUTPUT"), "nbval will not understand"),
    "a skipped cell": (source(2, "# NBVAL_SKIP\nprint(2)"), "nbval will not understand"),
    "misspelt tag": (lambda nb: nb.cells[2].metadata.update(tags=["nbval-check_output"]), "unknown tag"),
    "magic below a comment": (source(2, "# hello\n%%time\nprint(2)"), "must be the cell's first"),
    "a download": (source(2, "# NBVAL_CHECK_OUTPUT\n!pip install x"), "calls a program that downloads"),
    "an error saved": (lambda nb: nb.cells[5].update(metadata={}), "no tag raises-exception"),
    "no error where one belongs": (lambda nb: nb.cells[5].update(outputs=[]), "saved no error"),
    "timestamps": (
        lambda nb: nb.cells[2].metadata.update(execution={"iopub.execute_input": "2026-01-01T00:00:00Z"}),
        "noise",
    ),
    "Python's version": (lambda nb: nb.metadata.language_info.update(version="3.11.7"), "noise"),
    "another kernel": (lambda nb: nb.metadata.kernelspec.update(name="my-env"), "noise"),
    "printed in pieces": (
        lambda nb: nb.cells[2].outputs.append(new_output("stream", name="stdout", text="more\n")),
        "noise",
    ),
    "widget state": (lambda nb: nb.metadata.update(widgets={"x": {}}), "state of widgets"),
    "a dead widget": (
        lambda nb: nb.cells[4].outputs.append(
            new_output("display_data", data={tool.WIDGET: {"model_id": "1"}, "text/plain": "IntSlider(value=3)"})
        ),
        "noise",
    ),
    "script from the net": (html('<script src="https://example.org/x.js"></script>'), "from the net"),
    "module from the net": (html("<script>import('https://example.org/x.js')</script>"), "from the net"),
    "style from the net": (html('<link rel=stylesheet href="//example.org/x.css">'), "from the net"),
    "picture from the net": (html('<img alt="A cat." src=http://example.org/x.png>'), "from the net"),
    "picture without alt": (html('<img src="data:image/png;base64,iVBORw0KGgo=">'), "no alternative text"),
    "remote picture in prose": (
        lambda nb: nb.cells[3].update(source="### A\n\n![a cat](https://example.org/cat.png)"),
        "from the net",
    ),
    "script in prose": (
        lambda nb: nb.cells[3].update(source="### A\n\n<script>1</script>"),
        "script or frame",
    ),
    "picture in prose without alt": (
        lambda nb: nb.cells[3].update(source="### A\n\n![](#x)"),
        "alternative text",
    ),
    "dead link": (lambda nb: nb.cells[3].update(source="### A\n\n[next](99_none.ipynb#x)"), "leads nowhere"),
    "a home folder": (printed("/ho" + "me/ann/course/x.txt\n"), "one machine"),
    "a Windows folder": (printed("C:\\Us" + "ers\\ann\\x.txt\n"), "one machine"),
    "a temporary folder": (printed("saved /tmp/tmpab12/x\n"), "one machine"),
    "a warning": (
        lambda nb: nb.cells[4].outputs.append(new_output("stream", name="stderr", text="x.py:1: UserWarning: y")),
        "a warning was saved",
    ),
    "too much output": (printed("x" * 300_001), "more than 300 kB"),
    "no title": (lambda nb: nb.cells[0].update(source="## What"), "must begin with the title"),
    "title not first": (lambda nb: nb.cells.insert(0, nb.cells.pop(1)), "must begin with the title"),
    "two titles": (lambda nb: nb.cells[3].update(source="# Again"), "2 titles"),
    "a level left out": (lambda nb: nb.cells[1].update(source="### Counts"), "a heading of level 3"),
    "figure without alt": (lambda nb: nb.cells[4].update(outputs=[picture()]), "no alternative text"),
    "an empty cell": (lambda nb: nb.cells.append(new_code_cell(id="c99", execution_count=4)), "is empty"),
    "unfinished prose": (lambda nb: nb.cells[3].update(source="### A\n\nTO" + "DO: more"), "unfinished"),
    "unfinished code": (source(4, "draw()  # FIX" + "ME"), "unfinished"),
    "a gap in the prose": (lambda nb: nb.cells[3].update(source="### A\n\nPLACE" + "HOLDER table"), "unfinished"),
    "one id twice": (lambda nb: nb.cells[2].update(id="c00"), "no valid notebook"),
    "a cell of an unknown kind": (lambda nb: nb.cells[2].update(cell_type="cod"), "no valid notebook"),
}


def saved(nb, path):
    path.write_text(nbformat.v4.writes(nb) + "\n", encoding="utf-8")
    return path


def test_a_good_notebook_has_no_problems(tmp_path):
    nb = good_notebook()
    assert list(tool.problems(saved(nb, tmp_path / "good.ipynb"))) == []
    nb.cells[4].outputs = [picture(**{"image/png": {"alt": "Bars: letter counts."}})]
    html('<img alt="A cat." src="data:image/png;base64,iVBOR/tmp/x"><a href="https://example.org">more</a>')(nb)
    assert list(tool.problems(saved(nb, tmp_path / "good.ipynb"))) == []


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_notebook_is_noticed(tmp_path, name):
    break_it, expected = BREAKS[name]
    nb = good_notebook()
    break_it(nb)
    found = list(tool.problems(saved(nb, tmp_path / "broken.ipynb")))
    assert any(expected in text for text in found), found


def test_half_a_file_is_noticed(tmp_path):
    path = saved(good_notebook(), tmp_path / "half.ipynb")
    path.write_text(path.read_text(encoding="utf-8")[:500], encoding="utf-8")
    assert "no valid notebook" in next(tool.problems(path))


def test_run_saves_a_notebook_without_problems_and_nothing_when_a_cell_fails(tmp_path):
    nb = good_notebook()
    nb.cells[4].source = (
        "from IPython.display import display\nimport ipywidgets\n"
        "display(ipywidgets.interactive(lambda x: None, x=(0, 3)))\n"
        "display({'image/png': 'iVBORw0KGgo=', 'text/plain': 'Bars of counts.'}, raw=True)"
    )
    nb.cells[2].metadata["collapsed"] = True
    path = saved(nb, tmp_path / "a b é 中.ipynb")
    assert tool.main(["run", str(path)]) == 0
    first = path.read_bytes()
    assert tool.main(["run", str(path)]) == 0
    assert path.read_bytes() == first, "a second run saves the same bytes"
    nb.cells[2].source = "import socket\nsocket.create_connection(('192.0.2.1', 80), timeout=1)"
    before = saved(nb, path).read_bytes()
    assert tool.main(["run", str(path)]) == 1
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


# -- nbval as mended in conftest.py -------------------------------------------------------------------------

FETCH = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=1)"
CRASH = "import os; os._exit(1)" if sys.platform == "win32" else "import os; os.kill(os.getpid(), 11)"
CELLS = [  # (code, the text that was saved for it, what pytest must say of it; "" for a cell that passes)
    ("# NBVAL_CHECK_OUTPUT\nprint(1)", "1\n", ""),
    ("# NBVAL_CHECK_OUTPUT\nprint(1)", "2\n", "Cell outputs differ"),
    ("print(1)  # not flagged", "2\n", ""),
    ("1 / 0", "", "ZeroDivisionError"),
    (
        "# NBVAL_CHECK_OUTPUT\nprint('loss 1.23449, 7 words, in 3.1 s')",
        "loss 1.23512, 7 words, in 8.9 s\n",
        "",
    ),
    ("# NBVAL_CHECK_OUTPUT\nprint('loss 1.234')", "loss 1.254\n", "Cell outputs differ"),
    ("# NBVAL_CHECK_OUTPUT\nprint('loss 1.9e-05')", "loss 1.9e-04\n", "Cell outputs differ"),
    ("# NBVAL_CHECK_OUTPUT\nprint(1000)", "1001\n", "Cell outputs differ"),
    ("# NBVAL_CHECK_OUTPUT\nfrom ipywidgets import IntSlider\nprint(5)\nIntSlider()", "5\n", ""),
    ("from IPython.display import display\nfor i in range(4000): display(i)", "", ""),
    (FETCH, "", "tests run without a network"),
    (
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', {FETCH!r}], check=True)",
        "",
        "exit status 1",
    ),
    (CRASH, "", "the kernel died in this cell"),
]


def test_nbval_finds_what_it_should(tmp_path):
    cells = [new_code_cell(code, execution_count=i) for i, (code, _, _) in enumerate(CELLS, 1)]
    for cell, (_, text, _) in zip(cells, CELLS):
        cell.outputs = [new_output("stream", name="stdout", text=text)] if text else []
    saved(new_notebook(cells=cells), tmp_path / "cells.ipynb")
    options = ["-c", "pyproject.toml", "-p", "conftest", "-p", "no:cacheprovider"]
    report_file = tmp_path / "report.xml"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "--junitxml", str(report_file), str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        errors="replace",
    )
    reports = ElementTree.parse(report_file).findall(".//testcase")
    assert len(reports) == len(CELLS), done.stdout
    for report, (code, _, expected) in zip(reports, CELLS):
        said = "".join(report.itertext())
        assert bool(list(report)) == bool(expected) and expected in said, f"{code}\n{said}"


# -- the network is closed ----------------------------------------------------------------------------------


def test_a_socket_cannot_leave_this_machine():
    for host in ("192.0.2.1", "2001:db8::1", "example.org"):
        with pytest.raises(OSError, match="tests run without a network"):
            socket.create_connection((host, 80), timeout=1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as letter:
        with pytest.raises(OSError, match="tests run without a network"):
            letter.sendto(b"x", ("192.0.2.1", 53))


def test_this_machine_itself_can_be_reached():
    with socket.create_server(("127.0.0.1", 0)) as server:
        answer = threading.Thread(target=lambda: server.accept()[0].sendall(b"here"))
        answer.start()
        with socket.create_connection(("localhost", server.getsockname()[1]), timeout=5) as client:
            assert client.recv(4) == b"here"
        answer.join()
