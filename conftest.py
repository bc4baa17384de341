"""How pytest runs the course: without a network, and with nbval mended where it has no option for it."""

import functools
import importlib.util
import os
import queue
import re
import signal
import tempfile
import time
from pathlib import Path

import pytest

from lmlib.lessons.headlines import headlines, said

ROOT = Path(__file__).resolve().parent

# -- no network, no downloads of yesterday ------------------------------------------------------------------

OFFLINE = ROOT / "tests" / "offline"


def cut_the_network():
    """For this process by running sitecustomize.py, for all that it starts by PYTHONPATH (see there)."""
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if str(OFFLINE) not in paths:
        os.environ["PYTHONPATH"] = os.pathsep.join([str(OFFLINE), *filter(None, paths)])
    spec = importlib.util.spec_from_file_location("offline", OFFLINE / "sitecustomize.py")
    spec.loader.exec_module(importlib.util.module_from_spec(spec))


def empty_cache(config):
    """What lmlib downloaded earlier must not help a test or a notebook that would fail on a new machine."""
    folder = tempfile.TemporaryDirectory(prefix="lmlib-cache-", ignore_cleanup_errors=True)
    config.add_cleanup(folder.cleanup)
    os.environ["LMLIB_CACHE"] = folder.name
    os.environ["LMLIB_PROGRESS"] = os.path.join(folder.name, "progress")  # no test solves a learner's exercises


# -- what nbval compares ------------------------------------------------------------------------------------

WIDGET = "application/vnd.jupyter.widget-view+json"

# Never compared. (nbval itself leaves out image/png and image/jpeg.)
SKIP = ("image/svg+xml", "text/html", "application/javascript", "stderr")

# Applied to the saved and to the fresh output before they are compared.
SANITIZE = {
    r"0x[0-9a-fA-F]{6,}": "ADDRESS",
    r"\b\d+(\.\d+)? ?(ns|µs|μs|us|ms|s|seconds|min|minutes)\b": "TIME",
}

DECIMAL = re.compile(r"-?\d+\.\d+(?:e[+-]?\d+)?")


def nearly_equal(fresh, saved):
    """Whether two texts differ only in the last printed place, or the third digit, of decimal numbers.

    Processors and numerical libraries move the last digits; whole numbers and words must be the same.
    """
    if DECIMAL.sub("#", fresh) != DECIMAL.sub("#", saved):
        return False
    for a, b in zip(DECIMAL.findall(fresh), DECIMAL.findall(saved)):
        mantissa, _, exponent = b.partition("e")
        last_place = 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))
        if abs(float(a) - float(b)) > max(1.01 * last_place, 2e-3 * abs(float(b))):
            return False
    return True


def settle(fresh, saved):
    """`fresh`, an output's value, or `saved` where the two are nearly equal texts."""
    if not isinstance(fresh, str) or not isinstance(saved, str):
        return fresh
    a, b = fresh, saved
    for pattern, word in SANITIZE.items():
        a, b = re.sub(pattern, word, a), re.sub(pattern, word, b)
    return saved if nearly_equal(a, b) else fresh


def comparable(outputs):
    """Copies of outputs without widgets: a slider or progress bar lives only in the kernel that made it."""
    kept = []
    for output in outputs:
        data = {k: v for k, v in output.get("data", {}).items() if k != WIDGET}
        if WIDGET not in output.get("data", {}) or any(kind.startswith("image/") for kind in data):
            kept.append(type(output)(output | ({"data": type(output)(data)} if data else {})))
    return kept


@functools.cache
def headlines_of(path):
    """The numbers with bands of a lesson's notebook; none for other notebooks."""
    return headlines(path.stem[:2]) if (ROOT / "notebooks" / path.name).exists() else []


# -- what nbval lacks ---------------------------------------------------------------------------------------


def mend_nbval():
    """Read a cell's output while it runs, notice a dead kernel at once, compare as described above, hold to bands.

    nbval reads none of a cell's output before the cell is done. After some thousand messages some are lost,
    the "done" one among them, and the cell fails at random. And when a kernel dies (no memory left, a crash),
    nbval waits on for the whole cell timeout, and what the kernel wrote as it died goes nowhere. Of a display that
    is updated it keeps the first state, a notebook the last.
    """
    import nbval.kernel
    from nbformat import from_dict
    from nbval.kernel import RunningKernel
    from nbval.plugin import IPyNbCell

    if hasattr(RunningKernel, "mended"):
        return
    RunningKernel.mended = True
    start, wait, get = nbval.kernel.start_new_kernel, RunningKernel.await_reply, RunningKernel.get_message
    compare, run = IPyNbCell.compare_outputs, IPyNbCell.runtest

    def start_new_kernel(*args, stderr=None, **options):
        stderr.close()
        log = tempfile.TemporaryFile()
        manager, client = start(*args, stderr=log, **options)
        manager.last_words = log
        return manager, client

    def await_reply(self, msg_id, timeout=None):
        end = time.monotonic() + (timeout or float("inf"))
        kept = self.__dict__.setdefault("kept", [])
        while True:
            try:
                return wait(self, msg_id, timeout=0.05)
            except queue.Empty:
                if not self.is_alive():
                    self.km.last_words.seek(0)
                    said = self.km.last_words.read().decode("utf-8", "replace")[-3000:]
                    raise RuntimeError(f"the kernel died in this cell. Its last words:\n{said}") from None
                if time.monotonic() > end:
                    raise
            try:
                while True:
                    kept.append(self.kc.get_iopub_msg(timeout=0))
            except queue.Empty:
                pass

    def get_message(self, stream, timeout=None):
        while True:
            kept = stream == "iopub" and self.__dict__.get("kept")
            message = self.kept.pop(0) if kept else get(self, stream, timeout=timeout)
            if not redrawn(self, message):
                return message

    def redrawn(self, message):
        """Put what a cell draws anew, as a live curve, in the place of what it drew there; whether this was such."""
        name = message["content"].get("transient", {}).get("display_id")
        if message["msg_type"] == "update_display_data":
            if name in self.places:
                self.cell.test_outputs[self.places[name]].update(
                    {part: from_dict(message["content"][part]) for part in ("data", "metadata")}
                )
            return True
        if name:
            self.places[name] = len(self.cell.test_outputs)
        return False

    def compare_outputs(self, test, ref, skip_compare=None):
        test, ref = comparable(test), comparable(ref)
        for fresh, saved in zip(test, ref):
            if "text" in fresh and "text" in saved:
                fresh["text"] = settle(fresh["text"], saved["text"])
            for kind in fresh.get("data", {}):
                fresh["data"][kind] = settle(fresh["data"][kind], saved.get("data", {}).get(kind))
        return compare(self, test, ref, skip_compare)

    def runtest(self):
        self.parent.kernel.cell, self.parent.kernel.places = self, {}
        saved = said(self.cell.get("outputs", ()))
        run(self)
        for headline in headlines_of(self.parent.path):
            problem = headline.find(saved) and headline.problem(said(self.test_outputs))
            if problem:
                self.raise_cell_error("a number of the lesson left its band", problem)

    nbval.kernel.start_new_kernel = start_new_kernel
    RunningKernel.await_reply, RunningKernel.get_message = await_reply, get_message
    IPyNbCell.compare_outputs, IPyNbCell.runtest = compare_outputs, runtest


# -- pytest's hooks -----------------------------------------------------------------------------------------


def pytest_addoption(parser):
    parser.addoption(
        "--again",
        action="store_true",
        help="compare what every cell of a notebook prints, not the flagged ones alone",
    )


def pytest_configure(config):
    if config.option.again:
        config.option.nbval, config.option.nbval_lax = True, False
    cut_the_network()
    empty_cache(config)
    if "PYTEST_XDIST_WORKER" in os.environ:  # several at once: a second thread of each would only be in the way
        os.environ.setdefault("OMP_NUM_THREADS", "1")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as behind nohup; tests press Ctrl-C and wait for the end
        signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ["PYTHONFAULTHANDLER"] = "1"  # a kernel that crashes says where
    mend_nbval()
    # `pytest -n 2` must keep a notebook's cells together: they share one kernel.
    if getattr(config.option, "dist", "no") in ("load", "worksteal"):
        config.option.dist = "loadfile"


def pytest_collectstart(collector):
    if hasattr(collector, "sanitize_patterns"):  # a notebook
        collector.skip_compare += SKIP
        collector.sanitize_patterns.update(SANITIZE)


# -- how good are the checks of the exercises? --------------------------------------------------------------

TALLY = pytest.StashKey[dict]()


@pytest.fixture
def tally(request):
    """Counts of right and wrong answers that the tests gave to the checks, summed up at the end."""
    empty = {"right": 0, "passed": 0, "wrong": 0, "caught": 0, "named": 0, "survivors": []}
    return request.config.stash.setdefault(TALLY, empty)


def pytest_sessionfinish(session):
    """With several processes each has counts of its own, and hands them to the one that prints."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["tally"] = session.config.stash.get(TALLY, None)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node, error):
    counts = (getattr(node, "workeroutput", None) or {}).get("tally")
    if counts:
        so_far = node.config.stash.setdefault(TALLY, {})
        for name, value in counts.items():
            so_far[name] = so_far[name] + value if name in so_far else value


def pytest_terminal_summary(terminalreporter, config):
    counts = config.stash.get(TALLY, None)
    if not counts or not counts["wrong"]:
        return
    terminalreporter.section("checks of the exercises")
    terminalreporter.line(
        f"{counts['wrong']} wrong answers were given to the checks, {counts['caught']} were caught "
        f"({counts['caught'] / counts['wrong']:.1%}), {counts['named']} of them misconceptions called by name; "
        f"{counts['right']} right answers, {counts['passed']} passed."
    )
    for survivor in counts["survivors"]:
        terminalreporter.line(f"  not caught (mostly right answers in disguise): {survivor}")
