"""python -m lmlib bench --lessons: each notebook's minutes, seconds and memory, declared against measured.

A notebook runs from a fresh kernel, in a process that has no other child, so that the system's own account of its
children is the notebook's: processor seconds, and the most memory that it held at once. Minutes are an estimate from
the length of text, code and figures.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path

from .group import memory_group
from .pace import estimated, head

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
HEADER = f"{'lesson':<26}{'minutes':>14}{'seconds':>14}{'processor':>11}{'GB':>12}   (declared / measured)"
SLACK = 1.5  # what is over the declared by more than this is marked


def run(path):
    """Run one notebook: {"seconds", "processor_seconds", "gigabytes"}. Raises what a failing cell raises."""
    import resource

    import nbformat
    from nbclient import NotebookClient

    nb = nbformat.read(path, as_version=4)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as cache:
        client = NotebookClient(
            nb, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}
        )
        client.execute(env=os.environ | {"LMLIB_CACHE": cache, "LMLIB_OFFLINE": "1"}, stderr=subprocess.DEVNULL)
    seconds = time.monotonic() - began
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    unit = 1 if sys.platform == "darwin" else 1024
    return {
        "seconds": seconds,
        "processor_seconds": used.ru_utime + used.ru_stime,
        "gigabytes": used.ru_maxrss * unit / 2**30,
    }


def measure(path, memory=None):
    """`run` in a process of its own, with `memory` GB for it and its kernel together, or all that there is.

    Raises RuntimeError where the notebook does not run through, and where its memory cannot be bounded.
    """
    with memory_group(memory, f"lmlib-{os.getpid()}") if memory else nullcontext() as enter:
        done = subprocess.run(
            [sys.executable, "-m", "lmlib.lessons.measure", str(path)],
            capture_output=True,
            text=True,
            cwd=path.parents[1],
            preexec_fn=enter,
        )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no word"])[-1]
        room = f" in {memory:g} GB" if memory else ""
        raise RuntimeError(f"{path.name} does not run through{room} ({last}): run it in JupyterLab to see where")
    return json.loads(done.stdout.splitlines()[-1])


def line(name, declared, minutes, measured):
    """One row of the table."""
    late = measured["seconds"] > SLACK * declared["seconds"]
    large = measured["gigabytes"] > SLACK * declared["gigabytes"]
    marks = " ".join(
        word for word, over in (("slower than declared", late), ("more memory than declared", large)) if over
    )
    columns = (
        f"{declared['minutes']:>6} / {minutes:>5.0f}",
        f"{declared['seconds']:>6} / {measured['seconds']:>5.0f}",
        f"{measured['processor_seconds']:>11.0f}",
        f"{declared['gigabytes']:>6.1f} / {measured['gigabytes']:>3.1f}",
    )
    return f"{name:<26}{''.join(columns)}   {marks}".rstrip()


def main(lessons=(), memory=None, show=print):
    """Measure these lessons (numbers such as "06"; default all), each in `memory` GB, and print the table."""
    import nbformat

    show(HEADER)
    total = 0.0
    for path in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")):
        if lessons and path.stem[:2] not in lessons:
            continue
        nb = nbformat.read(path, as_version=4)
        measured = measure(path, memory)
        total += measured["seconds"]
        show(line(path.stem, head(nb), sum(minutes for _, minutes in estimated(nb)), measured))
    show(f"in all {total / 60:.1f} minutes")


if __name__ == "__main__":
    print(json.dumps(run(Path(sys.argv[1]).resolve())))
