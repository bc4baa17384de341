"""Run an answer as it deserves: a loop that never ends, a crash or a flood of output is reported, not suffered."""

import contextlib
import ctypes
import io
import linecache
import signal
import threading
import time
import warnings
from dataclasses import dataclass


class TimeUp(BaseException):
    """The time is over. No Exception, so that an answer's own `except Exception` does not swallow it."""


class Shortened(io.TextIOBase):
    """A place to print to that keeps the first `size` characters and counts the rest."""

    def __init__(self, size):
        self.size, self.kept, self.dropped = size, "", 0

    def writable(self):
        return True

    def write(self, text):
        room = self.size - len(self.kept)
        self.kept += text[:room]
        self.dropped += max(0, len(text) - room)
        return len(text)

    def __str__(self):
        return self.kept + (f"\n… and {self.dropped:,} characters more" if self.dropped else "")


@dataclass
class Outcome:
    """What came of one call: a value, or an error with the line that made it, or neither because time was up."""

    value: object = None
    error: BaseException | None = None
    line: str = ""
    timed_out: bool = False
    seconds: float = 0.0

    @property
    def fine(self):
        return self.error is None and not self.timed_out


def call(function, arguments, seconds, output):
    """Call the function, for at most so many seconds, with what it prints going to `output`.

    Whatever the answer raises becomes part of the Outcome, even SystemExit. Only the learner's own Interrupt
    (KeyboardInterrupt) passes.
    """
    began = time.perf_counter()
    try:
        with contextlib.redirect_stdout(output), warnings_to(output), time_limit(seconds):
            outcome = Outcome(value=function(*arguments))
    except TimeUp:
        outcome = Outcome(timed_out=True)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit too: exit() in an answer must not end the lesson
        outcome = Outcome(error=error, line=_line_of(error, function))
    outcome.seconds = time.perf_counter() - began
    return outcome


@contextlib.contextmanager
def warnings_to(output):
    """Warnings in the block (NumPy's "divide by zero") become part of what the answer printed, each once."""
    said = []
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("default")  # once a place: a loop may warn a million times
            yield
    finally:
        for text in dict.fromkeys(f"{w.category.__name__}: {w.message}" for w in said):
            output.write(f"{text}\n")


def _line_of(error, function):
    """The last line of the answer itself on the way to the error, as it stands in the notebook."""
    code = getattr(function, "__code__", None)
    line, step = "", error.__traceback__
    while step is not None:
        if code is not None and step.tb_frame.f_code.co_filename == code.co_filename:
            line = linecache.getline(code.co_filename, step.tb_lineno).strip()
        step = step.tb_next
    return line


@contextlib.contextmanager
def time_limit(seconds):
    """Raise TimeUp in the block when the time is over, again and again until the block is left.

    In the main thread of Linux and macOS a timer's signal does it, which also ends a sleep. Elsewhere (Windows has
    no such signal) a second thread asks the interpreter to raise it before the next line of Python.
    """
    over = False
    if hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread():

        def ring(*_signal_and_frame):
            if not over:
                raise TimeUp

        before = signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-3), 0.2)
        try:
            yield
        finally:
            over = True
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        return

    def raise_in_thread(kind):
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(here), kind)

    here, lock, done = threading.get_ident(), threading.Lock(), threading.Event()

    def watch():
        wait = seconds
        while not done.wait(wait):
            with lock:
                if not over:
                    raise_in_thread(ctypes.py_object(TimeUp))
            wait = 0.2

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        with lock:
            over = True
            raise_in_thread(None)  # one that was asked for and did not happen yet
        done.set()
