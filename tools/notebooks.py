"""Keep the notebooks as they should be.

    python tools/notebooks.py run [FILE...]      run from a fresh kernel without a network, save the outputs
    python tools/notebooks.py check [FILE...]    say what is stale, noisy or missing; runs nothing

Without FILE it takes every notebook of the course. `run` saves nothing when a cell fails.
"""

import hashlib
import os
import re
import subprocess
import sys
import tempfile
import time
import warnings
from datetime import datetime
from pathlib import Path

import nbformat

sys.path.insert(0, str(Path(__file__).parent))
import exercises  # noqa: E402  (the tool beside this one)

ROOT = Path(__file__).resolve().parents[1]
WIDGET = "application/vnd.jupyter.widget-view+json"
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
LANGUAGE = {"name": "python"}
CELL_KEYS = {"tags", "slideshow", "jupyter", "seconds"}
IMAGES = ("image/png", "image/jpeg", "image/svg+xml")

# Every cell runs in the tests, so nbval's markers for skipping are not among these.
MARKERS = {"NBVAL_CHECK_OUTPUT", "NBVAL_RAISES_EXCEPTION"}
TAGS = {"nbval-check-output", "nbval-ignore-output", "raises-exception", "hide-input", "remove-cell"}
TAG_FAMILIES = ("exercise:", "check:")

LARGEST = 300_000  # bytes of one cell with its outputs

# A page that is opened, and an output that is shown, load nothing from the net. A link to click is no load.
REMOTE = re.compile(
    r"""<(?:img|script|iframe|video|audio|source|embed|object|image|use|link)\b[^>]*?
            (?:src|href|data|poster)\s*=\s*["']?\s*(?:https?:)?//
      | url\(\s*["']?\s*(?:https?:)?//
      | @import\s*(?:url\()?\s*["']?\s*(?:https?:)?//
      | (?:import|fetch|require|importScripts|load\w*)\s*\(?\s*\[?\s*["'](?:https?:)?//
      | \bfrom\s*["'](?:https?:)?//
      | !\[[^\]]*\]\(\s*<?(?:https?:)?//
      | \.src\s*=\s*["'](?:https?:)?//""",
    re.I | re.X,
)
MACHINE = re.compile(r"/(?:home|Users|root|tmp|var/folders|private/var|mnt|workspaces?)/\S|\b[A-Z]:\\+\w")
UNFINISHED = re.compile(
    r"\b(?:T[O]DO|F[I]XME|T[B]D|W[I]P|PLACE[H]OLDER)\b|(?i:lorem ipsum|coming soon|to be written)"
)
EMBEDDED = re.compile(r"data:[\w/+.-]+;base64,[\w/+=\s]*")  # a picture's bytes look like anything
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
SHELL_DOWNLOAD = re.compile(r"^\s*[!%]\s*(pip|conda|mamba|uv|curl|wget|git|apt|apt-get)\b", re.M)


def fingerprint(nb):
    """A short hash of the code, stored with the outputs that this code made."""
    code = "\0".join(cell.source for cell in nb.cells if cell.cell_type == "code")
    return hashlib.sha256(code.encode()).hexdigest()[:12]


def without_widgets(output):
    """The output without its widget, which no page can show, or None if only the widget's name is left."""
    data = output.get("data", {})
    if WIDGET not in data:
        return output
    del data[WIDGET]
    return output if any(kind in data for kind in IMAGES) else None


def joined(outputs):
    """The outputs with what was printed in one go in one piece. (nbval's own function joins across pictures, too.)"""
    kept = []
    for output in outputs:
        if kept and output.output_type == kept[-1].output_type == "stream" and output.name == kept[-1].name:
            kept[-1].text += output.text
        else:
            kept.append(output)
    return kept


def clean(nb):
    """Drop what differs from run to run or names this machine: times, widget state, versions, paths."""
    keep = {"source_hash": nb.metadata["source_hash"]} if "source_hash" in nb.metadata else {}
    nb.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": LANGUAGE} | keep)
    for cell in nb.cells:
        cell.metadata = nbformat.from_dict({k: v for k, v in cell.metadata.items() if k in CELL_KEYS and v})
        if cell.cell_type == "code":
            cell.outputs = joined(output for output in map(without_widgets, cell.outputs) if output is not None)
            for output in cell.outputs:
                if output.output_type == "error":
                    output.traceback = [line.replace(str(ROOT) + os.sep, "") for line in output.traceback]
    return nb


def run(path):
    """Run a notebook from a fresh kernel, as the tests do, and save it. Raises CellExecutionError."""
    from nbclient import NotebookClient

    nb = nbformat.read(path, as_version=4)
    exercises.put_stubs(nb)
    client = NotebookClient(
        nb,
        timeout=600,
        kernel_name="python3",
        record_timing=True,
        resources={"metadata": {"path": str(path.parent)}},
    )
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as cache:
        offline = os.pathsep.join([str(ROOT / "tests" / "offline"), *filter(None, [os.environ.get("PYTHONPATH")])])
        environment = os.environ | {"PYTHONPATH": offline, "LMLIB_CACHE": cache}
        client.execute(env=environment, stderr=subprocess.DEVNULL)
    note_seconds(nb)
    nb.metadata["source_hash"] = fingerprint(nb)
    fresh = path.with_suffix(".fresh")
    fresh.write_text(nbformat.writes(clean(nb)) + "\n", encoding="utf-8", newline="\n")
    os.replace(fresh, path)


def note_seconds(nb):
    """Note at each long cell about how many seconds it takes, roughly: for who plans a class."""
    for cell in nb.cells:
        if cell.cell_type == "code":
            times = cell.metadata["execution"]
            began, ended = (datetime.fromisoformat(times[k]) for k in ("iopub.execute_input", "shell.execute_reply"))
            seconds, noted = (ended - began).total_seconds(), cell.metadata.get("seconds", 0)
            if not noted / 2 <= seconds <= 2 * noted:  # else a new figure would be noise
                cell.metadata["seconds"] = 5 * max(1, round(seconds / 5)) if seconds >= 4 else 0


# -- what may be wrong --------------------------------------------------------------------------------------


def problems(path):
    """Yield one sentence for each thing that is wrong with a saved notebook. Runs nothing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a missing or doubled cell id is a warning there
            nb = nbformat.read(path, as_version=4)
            nbformat.validate(nb)
    except Exception as error:
        yield f"this is no valid notebook: {str(error).splitlines()[0]}"
        return
    yield from notebook_problems(nb)
    yield from heading_problems(nb)
    count = 0
    for i, cell in enumerate(nb.cells):
        found = list(text_problems(cell.source))
        if cell.cell_type == "code":
            count += 1
            found += [*code_problems(cell), *output_problems(cell, count)]
        elif cell.cell_type == "markdown":
            found += markdown_problems(cell.source, path.parent)
        if len(nbformat.writes(nbformat.v4.new_notebook(cells=[cell])).encode()) > LARGEST:
            found.append(f"it takes more than {LARGEST // 1000} kB: show less, or a smaller picture")
        yield from (f"cell {i}: {text}" for text in found)


def notebook_problems(nb):
    if "widgets" in nb.metadata:
        yield "the state of widgets was saved: run tools/notebooks.py run"
    before = nbformat.writes(nb)
    if before != nbformat.writes(clean(nbformat.reads(before, as_version=4))):
        yield "metadata or outputs hold noise, as an editor leaves it: run tools/notebooks.py run"
    if nb.metadata.get("source_hash") != fingerprint(nb):
        yield "the code changed after the outputs were saved: run tools/notebooks.py run"


def heading_problems(nb):
    """One title, first; then no level left out, so that the headings alone give the argument."""
    levels = [level for cell in nb.cells if cell.cell_type == "markdown" for level in heading_levels(cell.source)]
    if not nb.cells or nb.cells[0].cell_type != "markdown" or heading_levels(nb.cells[0].source)[:1] != [1]:
        yield "the first cell must begin with the title: # ..."
    if levels.count(1) != 1:
        yield f"there are {levels.count(1)} titles (# ...), not one"
    for above, level in zip(levels, levels[1:]):
        if level > above + 1:
            yield f"a heading of level {level} follows one of level {above}"


def heading_levels(markdown):
    return [len(marks) for marks in re.findall(r"^(#{1,6})\s", without_code(markdown), re.M)]


def without_code(markdown):
    """The prose alone: what stands between backticks is shown, not followed."""
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^(```|~~~).*?^\1", "", markdown, flags=re.M | re.S))


def text_problems(source):
    if not source.strip():
        yield "the cell is empty: delete it"
    mark = UNFINISHED.search(source)
    if mark:
        yield f"unfinished: {mark.group()!r}"


def markdown_problems(source, folder):
    source = without_code(source)
    if REMOTE.search(source):
        yield "it loads something from the net: draw it by code, or make it a link"
    if re.search(r"<(script|iframe)\b", source, re.I):
        yield "it has a script or frame: no reader runs it"
    if re.search(r"!\[\s*\]\(", source) or has_bare_image(source):
        yield "a picture has no alternative text"
    for target in re.findall(r"\]\(<?([^)\s>]+)", source):
        local = target.partition("#")[0]
        if local and not re.match(r"[a-z]+:", target, re.I) and not (folder / local).exists():
            yield f"a link leads nowhere: {target}"


def code_problems(cell):
    tags = set(cell.metadata.get("tags", ()))
    for tag in sorted(tags - TAGS):
        if not tag.startswith(TAG_FAMILIES):
            yield f"unknown tag {tag!r}: known are {', '.join(sorted(TAGS))}"
    lines = cell.source.splitlines()
    for line in lines:
        marker = line.strip().lstrip("#").strip()
        if "nbval" in line.lower() and not (line.strip().startswith("#") and marker in MARKERS):
            known = ", ".join(sorted(MARKERS))
            yield f"nbval will not understand {line.strip()!r}: known are {known}, alone on a line"
    if any(line.startswith("%%") for line in lines[1:]):
        yield "a %% line must be the cell's first, or the cell is not run: use a tag instead of a comment"
    if SHELL_DOWNLOAD.search(cell.source) and "google.colab" not in cell.source:
        yield "it calls a program that downloads: lessons run without a network"


def output_problems(cell, count):
    tags = set(cell.metadata.get("tags", ()))
    if cell.execution_count != count:
        yield f"execution count {cell.execution_count}, not {count}: run tools/notebooks.py run"
    error = any(output.output_type == "error" for output in cell.outputs)
    expected = "raises-exception" in tags or "NBVAL_RAISES_EXCEPTION" in cell.source
    if error and not expected:
        yield "an error was saved, and no tag raises-exception says that it belongs there"
    if expected and not error:
        yield "it is tagged raises-exception and saved no error"
    if ("nbval-check-output" in tags or "NBVAL_CHECK_OUTPUT" in cell.source) and not cell.outputs:
        yield "it is flagged for a check of its output and has none"
    for output in cell.outputs:
        yield from one_output_problems(output, count)


def one_output_problems(output, count):
    data = output.get("data", {})
    texts = [output.get("text", ""), output.get("evalue", ""), *output.get("traceback", ())]
    texts += [value for kind, value in data.items() if isinstance(value, str) and kind not in IMAGES[:2]]
    texts = [EMBEDDED.sub("data:", text) for text in texts]
    if output.get("execution_count", count) != count:
        yield "its output comes from another run: run tools/notebooks.py run"
    if any(REMOTE.search(text) for text in texts):
        yield "its output loads something from the net"
    machine = next(filter(None, (MACHINE.search(text) for text in texts)), None)
    if machine:
        yield f"its output names a place on one machine: {machine.group()!r}"
    if output.get("name") == "stderr" and "Warning" in output.text:
        yield "a warning was saved: mend its cause"
    if any(kind in data for kind in IMAGES) and not has_alternative(output):
        yield "a figure has no alternative text: one sentence as text/plain, or 'alt' in its metadata"
    if has_bare_image(data.get("text/html", "")):
        yield "an <img> has no alternative text: give it alt=..."


def has_alternative(output):
    metadata = output.get("metadata", {})
    notes = [metadata, *(metadata.get(kind, {}) for kind in IMAGES)]
    sentences = [note.get("alt", "") for note in notes] + [output.data.get("text/plain", "")]
    return any(" " in s.strip() and not s.strip().startswith("<") for s in sentences)


def has_bare_image(html):
    return any(not re.search(r"""\balt\s*=\s*["'][^"']+""", tag) for tag in re.findall(r"<img\b[^>]*>", html, re.I))


# -- the command line ---------------------------------------------------------------------------------------


def main(arguments):
    command, *names = arguments or ["help"]
    if command not in ("run", "check"):
        print(__doc__)
        return 0 if command in ("help", "-h", "--help") else 2
    paths = [Path(name).resolve() for name in names] or sorted((ROOT / "notebooks").glob("*.ipynb"))
    bad = 0
    for path in paths:
        if command == "run":
            start = time.monotonic()
            try:
                run(path)
            except Exception as error:
                bad += 1
                print(f"{path.name}: not saved\n{COLOURS.sub('', str(error))}")
                continue
            print(f"{path.name}: ran in {time.monotonic() - start:.0f} s")
        for text in problems(path):
            bad += 1
            print(f"{path.name}: {text}")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
