"""Run an answer where it can do no harm: in a process of its own, with so many seconds and so much memory.

A graded notebook calls `public` and `hidden`. Both raise AssertionError with what is wrong, and nothing else: an
answer that never ends, eats memory or kills its process fails its own test, and the next test goes on.
"""

import contextlib
import importlib
import importlib.abc
import importlib.util
import io
import json
import os
import secrets
import select
import signal
import sys
import time
from pathlib import Path

from ..exercises.compare import difference, short
from ..exercises.limits import Shortened, call

SECONDS = 10.0  # for all cases of one test
ROUNDS = 5  # how often a hidden test draws fresh cases
MEMORY = 1 << 30  # bytes that an answer may take on top of what the notebook holds
LAST_WORD_S = 1.0  # what a child gets beyond its seconds, to say that time was up


class _Closed(importlib.abc.MetaPathFinder):
    """Answers "no" to every import of a lesson's exercises."""

    def find_spec(self, name, path=None, target=None):
        if name.startswith("lmlib.exercises.lesson_"):
            raise ImportError(f"{name} holds the solutions: it cannot be imported here")


def exam():
    """From here on, this Python cannot import the exercises, and so an answer cannot look its solution up there."""
    if not any(isinstance(finder, _Closed) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Closed())
    package = importlib.import_module("lmlib.exercises")
    for module in [m for m in sys.modules if m.startswith("lmlib.exercises.lesson_")]:
        del sys.modules[module]
        vars(package).pop(module.rpartition(".")[2], None)


def public(answer, cases, tolerance=1e-5, seconds=SECONDS):
    """Call the answer with each case's arguments and compare: cases are (arguments, right result).

    Raises AssertionError with one sentence.
    """

    def judge():
        left = seconds
        for arguments, right in cases:
            outcome = call(answer, arguments, max(left, 0.05), Shortened(600))
            left -= outcome.seconds
            called = f"{getattr(answer, '__name__', 'the answer')}({', '.join(map(short, arguments))})"
            if outcome.timed_out:
                return f"{called} was stopped after {seconds:g} seconds"
            if outcome.error is not None:
                return f"{called} stops with {type(outcome.error).__name__}: {outcome.error}"
            if found := difference(outcome.value, right, tolerance):
                return f"{called}: {found.text}"
        return ""

    assert callable(answer), f"the answer is {short(answer)} and should be a function"
    _report(_apart(judge, seconds))


def hidden(lesson, name, answer, seed, seconds=SECONDS):
    """Judge the answer on its exercise's examples and on fresh cases drawn from the seed.

    Raises AssertionError with what the learner's own check would say.
    """

    def judge():
        exercise = getattr(_load(lesson), name)
        exercise.seconds = seconds
        for part in range(ROUNDS):  # a rare case should not decide about a mark by luck
            verdict = exercise.verdict(answer, seed + part)
            if verdict.status != "correct":
                return str(verdict)
        return ""

    _report(_apart(judge, (ROUNDS + 1) * seconds))  # recognising a misconception runs the answer again


def _load(lesson):
    """The module of a lesson's exercises, under a name that no answer knows."""
    folder = Path(__file__).resolve().parents[1] / "exercises"
    spec = importlib.util.spec_from_file_location(f"_{secrets.token_hex(8)}", folder / f"{lesson}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _report(sentence):
    if sentence:
        raise AssertionError(sentence) from None


def _apart(judge, seconds):
    """What judge() says, from a forked process with limits. Where there is no fork (Windows): from this process."""
    if not hasattr(os, "fork"):
        return judge()
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(out)
        _be_the_child(judge, into)
    os.close(into)
    try:
        said, ended = _read(out, time.monotonic() + seconds + LAST_WORD_S)
    finally:
        os.close(out)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    if not ended:
        return f"the answer was stopped after {seconds:g} seconds: is there a loop that never ends?"
    try:
        return json.loads(said)
    except ValueError:
        return "the answer ended its own process (too much memory, too deep a recursion, or an exit)"


def _be_the_child(judge, into):
    """Judge, write what was found to the pipe, and be gone. Never returns."""
    try:
        _limit_memory()
        silent = io.StringIO()
        with contextlib.redirect_stdout(silent), contextlib.redirect_stderr(silent):
            said = judge()
    except MemoryError:
        said = "the answer ran out of memory"
    except BaseException as error:  # whatever it is, the parent must hear of it
        said = f"the test stopped with {type(error).__name__}: {error}"
    try:
        os.write(into, json.dumps(said[:4000]).encode())
    finally:
        os._exit(0)


def _limit_memory():
    """Let this process grow by MEMORY and no further (Linux; elsewhere the system does not keep the limit)."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        with open("/proc/self/statm") as sizes:
            now = int(sizes.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY, now + MEMORY))


def _read(pipe, deadline):
    """All that comes from the pipe until it is closed or the time is over: (bytes, was it closed?)."""
    parts = []
    while (left := deadline - time.monotonic()) > 0:
        if not select.select([pipe], [], [], left)[0]:
            break
        part = os.read(pipe, 65536)
        if not part:
            return b"".join(parts), True
        parts.append(part)
    return b"".join(parts), False
