"""An exercise is one decorated reference function. From it come the stub, the checks, the hints and the solution.

@exercise(minutes=5, difficulty=1, hints=["A pair is (tokens[i], tokens[i + 1])."])
def pair_counts(tokens):
    '''Count the neighbouring pairs of a list of tokens.'''
    return dict(Counter(zip(tokens, tokens[1:])))

@pair_counts.example                      # worked out by hand
def _():
    return (["a", "b", "a", "b"],), {("a", "b"): 2, ("b", "a"): 1}

@pair_counts.fresh                        # hidden: other arguments at every check
def _(rng):
    return (list(rng.choice(["a", "b"], rng.integers(0, 9))),)

@pair_counts.misconception("You counted each pair once, however often it stands in the text.")
def once(tokens):
    return dict.fromkeys(zip(tokens, tokens[1:]), 1)

An answer is run on the examples and on fresh arguments, and compared with the `truth` where the exercise has one
(a library, brute force), else with the reference. A wrong answer that behaves like a misconception, case by case,
gets that misconception's message.
"""

import ast
import copy
import inspect
import textwrap
from dataclasses import dataclass

import numpy as np

from .. import solved
from .compare import changed, difference, short
from .limits import Shortened, call

FRESH = 20  # checks with arguments that nobody has seen before
SAMPLES = 40  # fixed cases on which wrong answers are told apart
ORDER = {"time": 0, "error": 1, "type": 2, "shape": 3, "value": 4, "changed": 5}  # what to mend first


@dataclass
class Case:
    """One call to try: its arguments and the right result."""

    arguments: tuple
    right: object


@dataclass
class Verdict:
    """What a check found out; `str(verdict)` is what the learner reads."""

    name: str
    status: str  # "correct", "wrong" or "not tried yet"
    lines: list
    misconception: str = ""  # the name of the wrong answer that was recognised

    def __str__(self):
        mark = {"correct": "✓ ", "wrong": "✗ "}.get(self.status, "")
        status = {"wrong": "not yet"}.get(self.status, self.status)
        return "\n  ".join([f"{mark}{self.name}: {status}.", *self.lines])


def exercise(minutes, difficulty, hints=(), tolerance=1e-5, seconds=5.0):
    """Make an exercise of the reference solution below.

    minutes: about how long it takes; difficulty: 1 (warm-up) to 3 (hard); hints: gentle first.
    tolerance: see `difference`; seconds: the most that an answer may take in one check.
    """

    def decorate(reference):
        return Exercise(reference, minutes, difficulty, list(hints), tolerance, seconds)

    return decorate


class Exercise:
    """One exercise; see the file's head for how it is written, and `check`, `hint`, `solution` for its use."""

    def __init__(self, reference, minutes, difficulty, hints, tolerance=1e-5, seconds=5.0):
        if difficulty not in (1, 2, 3):
            raise ValueError(f"the difficulty of {reference.__name__} must be 1, 2 or 3, not {difficulty}")
        self.reference, self.name = reference, reference.__name__
        self.minutes, self.difficulty, self.hints = minutes, difficulty, hints
        self.tolerance, self.seconds = tolerance, seconds
        self.examples, self.variants, self.misconceptions = [], [], {}
        self._fresh = self._truth = self._start = None
        self._hints_shown = 0

    # -- what the author adds ---------------------------------------------------------------------------------

    def example(self, f):
        """A public case: a function without arguments that gives (arguments, right result), worked out by hand."""
        self.examples.append(Case(*f()))
        return f

    def fresh(self, f):
        """The hidden cases: a function of a NumPy Generator that gives the arguments."""
        self._fresh = f
        return f

    def truth(self, f):
        """An independent way to the right result, which the reference too must agree with."""
        self._truth = f
        return f

    def variant(self, f):
        """A right answer that is written differently."""
        self.variants.append(f)
        return f

    def misconception(self, message):
        """A wrong answer that learners give, and what one who gives it should read."""

        def decorate(f):
            self.misconceptions[f.__name__] = (f, message)
            return f

        return decorate

    def start(self, f):
        """Faulty code for the stub to begin with: 'spot the error'. Unchanged, it counts as not tried."""
        self._start = f
        return f

    # -- what the learner uses --------------------------------------------------------------------------------

    def check(self, answer):
        """Say whether the answer is right, or what is wrong with it. Prints, and never raises."""
        try:
            verdict = self.verdict(answer)
            print(verdict)
            if verdict.status == "correct":
                solved.note(f"{self.reference.__module__.rpartition('.')[2]}.{self.name}")
        except Exception as error:  # a fault of the exercise, not of the learner
            print(f"{self.name}: the check itself failed ({type(error).__name__}: {error}); please report it.")

    def hint(self):
        """Print one hint more each time."""
        if self._hints_shown < len(self.hints):
            self._hints_shown += 1
            print(f"Hint {self._hints_shown} of {len(self.hints)}: {self.hints[self._hints_shown - 1]}")
        else:
            print(f"No more hints. {self.name}: solution() shows one way to do it.")

    def solution(self):
        """Print the reference solution."""
        print(self.solution_source)

    def __repr__(self):
        return f"<exercise {self.name}: about {self.minutes} minutes, difficulty {self.difficulty} of 3>"

    # -- judging ----------------------------------------------------------------------------------------------

    def right(self, arguments):
        """The right result for some arguments."""
        return (self._truth or self.reference)(*copy.deepcopy(arguments))

    def fresh_cases(self, n, seed=None):
        """n hidden cases; without a seed they are others at each call."""
        if self._fresh is None:
            return []
        rng = np.random.default_rng(seed)
        return [Case(arguments, self.right(arguments)) for arguments in (self._fresh(rng) for _ in range(n))]

    def verdict(self, answer, seed=None):
        """Judge an answer; see `Verdict`."""
        if not callable(answer):
            return Verdict(self.name, "wrong", [f"`{self.name}` is {short(answer)} and should be a function."])
        if self.is_untouched(answer):
            return Verdict(
                self.name, "not tried yet", ["Write your answer in the cell above, run it, then this cell."]
            )
        left, worst = self.seconds, None
        cases = self.examples + self.fresh_cases(FRESH, seed)
        for case in cases:
            printed = Shortened(600)
            outcome, arguments = self._try(answer, case, max(left, 0.05), printed)
            left -= outcome.seconds
            fault = self._fault(case, arguments, outcome)
            if fault and (worst is None or ORDER[fault[0]] < ORDER[worst[0]]):
                worst = (*fault, str(printed).rstrip())
            if outcome.timed_out:
                break  # what comes after would not end either
        if worst is None:
            n = len(self.examples)
            found = f"Tried on {n} example{'' if n == 1 else 's'} and {len(cases) - n} fresh cases."
            return Verdict(self.name, "correct", [found])
        kind, sentence, output = worst
        verdict = Verdict(self.name, "wrong", [sentence])
        if kind != "time" and (known := self.recognise(answer)):
            verdict.misconception = known
            verdict.lines.append(self.misconceptions[known][1])
        if output:
            verdict.lines.append("Your function printed:\n" + textwrap.indent(output, "    "))
        return verdict

    def _try(self, answer, case, seconds, printed):
        arguments = copy.deepcopy(case.arguments)  # an answer may spoil what it is given
        return call(answer, arguments, seconds, printed), arguments

    def _fault(self, case, arguments, outcome):
        """(kind, sentence) for what is wrong with one outcome, or None."""
        called = self._call_text(case.arguments)
        if outcome.timed_out:
            return "time", f"{called} was stopped after {self.seconds:g} seconds: is there a loop that never ends?"
        if outcome.error is not None:
            where = f" in the line `{outcome.line}`" if outcome.line else ""
            what = f"{type(outcome.error).__name__}: {outcome.error}".removesuffix(": ")
            return "error", f"{called} stops{where} with {textwrap.shorten(what, 200)}"
        if found := difference(outcome.value, case.right, self.tolerance):
            return found.kind, f"{called}: {found.text}{'' if found.text.endswith('?') else '.'}"
        if any(changed(after, before) for after, before in zip(arguments, case.arguments)):
            return "changed", f"{called} gives the right result, but changes what it was given: work on a copy."
        return None

    def _call_text(self, arguments):
        names = list(inspect.signature(self.reference).parameters)
        parts = [short(value) for value in arguments]
        if sum(map(len, parts)) > 60:  # then names tell which is which
            parts = [f"{name}={part}" for name, part in zip(names, parts)]
        return f"{self.name}({', '.join(parts)})"

    def recognise(self, answer, seed=20_000):
        """The name of the misconception that gives the same results as this answer, or ""."""
        cases = self.examples + self.fresh_cases(SAMPLES, seed)
        candidates = dict(self.misconceptions)
        nowhere = Shortened(0)
        for case in cases:
            got, _ = self._try(answer, case, self.seconds, nowhere)
            if got.timed_out:
                return ""
            for name in list(candidates):
                wrong, _ = self._try(candidates[name][0], case, self.seconds, nowhere)
                if not self._alike(got, wrong):
                    del candidates[name]
            if not candidates:
                return ""
        return next(iter(candidates))

    def _alike(self, one, other):
        if one.error is not None or other.error is not None:
            return type(one.error) is type(other.error)
        return difference(one.value, other.value, self.tolerance) is None

    # -- source text ------------------------------------------------------------------------------------------

    @property
    def solution_source(self):
        head, body = _parts(self.reference)
        return f"{head}\n{body}"

    @property
    def stub(self):
        """What stands in the notebook: the reference's head and docstring, and `...` or the faulty start."""
        head, _ = _parts(self.reference)
        return f"{head}\n" + (_parts(self._start)[1] if self._start else "    ...")

    def is_untouched(self, answer):
        """Is this still the stub? (Where Python has lost its source it counts as tried.)"""
        try:
            here = ast.parse(textwrap.dedent(inspect.getsource(answer))).body[0]
        except (OSError, TypeError, SyntaxError, IndexError):
            return False
        return isinstance(here, ast.FunctionDef) and _bare(here) == _bare(ast.parse(self.stub).body[0])


def _parts(function):
    """The source of a function: its head with the docstring, and its body. Decorators are left out."""
    source = textwrap.dedent(inspect.getsource(function))
    node = ast.parse(source).body[0]
    lines = source.splitlines()
    has_doc = ast.get_docstring(node) is not None
    start = node.body[1].lineno - 1 if has_doc else node.body[0].lineno - 1
    while start > node.lineno and lines[start - 1].strip().startswith("#"):
        start -= 1  # a comment above the first line belongs to the body
    head = "\n".join(lines[node.lineno - 1 : start]).rstrip()
    return head, "\n".join(lines[start:])


def _bare(node):
    """A function's body without its docstring, as text that two equal bodies share."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return [ast.dump(statement) for statement in body]
