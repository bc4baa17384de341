"""Every exercise of every lesson: right answers pass, wrong ones are caught and named, notebooks hold the stubs."""

import ast
import importlib
import io
import re
import sys
from contextlib import redirect_stdout

import nbformat
import numpy as np
import pytest
from helpers import ROOT
from mutations import mutants

from lmlib.exercises.compare import difference
from lmlib.exercises.engine import Exercise

sys.path.insert(0, str(ROOT / "tools"))
from exercises import find, tagged  # noqa: E402

LESSONS = sorted(path.stem for path in (ROOT / "lmlib" / "exercises").glob("lesson_*.py"))
EXERCISES = [
    pytest.param(exercise, id=f"{lesson}-{name}")
    for lesson in LESSONS
    for name, exercise in vars(importlib.import_module(f"lmlib.exercises.{lesson}")).items()
    if isinstance(exercise, Exercise)
]
NOTEBOOKS = {path: nbformat.read(path, as_version=4) for path in sorted((ROOT / "notebooks").glob("*.ipynb"))}
CELLS = [
    pytest.param(path, cell, find(lesson, name), id=f"{lesson}-{name}")
    for path, nb in NOTEBOOKS.items()
    for cell, lesson, name in tagged(nb, "exercise")
]


@pytest.mark.parametrize("ex", EXERCISES)
def test_the_author_did_the_work(ex):
    assert ex.examples, "an example worked out by hand"
    assert ex.variants, "a right answer written differently"
    assert len(ex.misconceptions) >= 3, "three wrong answers that learners give"
    assert len(ex.hints) >= 2 and ex.minutes > 0
    assert ex.reference.__doc__, "the docstring is the task"
    assert ex.fresh_cases(1), "hidden cases"


@pytest.mark.parametrize("ex", EXERCISES)
def test_the_reference_agrees_with_hand_and_truth(ex):
    for case in ex.examples + ex.fresh_cases(50, seed=7):
        assert difference(ex.reference(*case.arguments), case.right, ex.tolerance) is None
    for case in ex.examples:
        assert difference(ex.right(case.arguments), case.right, ex.tolerance) is None


@pytest.mark.parametrize("ex", EXERCISES)
def test_right_answers_pass(ex, tally):
    for answer in (ex.reference, *ex.variants):
        for seed in range(5):
            verdict = ex.verdict(answer, seed)
            assert verdict.status == "correct", f"{answer.__name__}: {verdict}"
        tally["right"] += 1
        tally["passed"] += 1


@pytest.mark.parametrize("ex", EXERCISES)
def test_misconceptions_are_named(ex, tally):
    for name, (answer, message) in ex.misconceptions.items():
        for seed in range(5):
            verdict = ex.verdict(answer, seed)
            assert verdict.status == "wrong", f"{name} passes the check"
            assert verdict.misconception == name, f"{name} is taken for {verdict.misconception or 'nothing known'}"
            assert message in str(verdict)
        tally["wrong"] += 1
        tally["caught"] += 1
        tally["named"] += 1


@pytest.mark.parametrize("ex", EXERCISES)
def test_slips_are_caught(ex, tally, monkeypatch):
    monkeypatch.setattr(ex, "seconds", 1.0)
    # Taken for a known misconception or not: here only whether the check lets it pass.
    monkeypatch.setattr(ex, "recognise", lambda answer: "")
    survivors, n = [], 0
    for what, answer in mutants(ex.reference):
        n += 1
        if ex.verdict(answer, seed=n).status == "correct":
            survivors.append(what)
    tally["wrong"] += n
    tally["caught"] += n - len(survivors)
    tally["survivors"] += [f"{ex.name}: {what}" for what in survivors]
    # What survives should be right answers in disguise: few. More than a quarter means a blind check.
    assert n >= 3 and len(survivors) <= max(2, n // 4), survivors


@pytest.mark.parametrize("path, cell, ex", CELLS)
def test_the_notebook_has_the_stub_and_the_check(path, cell, ex):
    assert cell.source == ex.stub, "run tools/exercises.py"
    checks = [c for c, _, name in tagged(NOTEBOOKS[path], "check") if name == ex.name]
    assert len(checks) == 1 and f"{ex.name}.check({ex.name})" in checks[0].source
    assert "not tried yet" in "".join(output.get("text", "") for output in checks[0].outputs)


@pytest.mark.parametrize("path, cell, ex", CELLS)
def test_the_solution_works_in_the_notebook(path, cell, ex):
    """With what the notebook imports and nothing else; so does the faulty start, until it is mended."""
    code = [c.source for c in NOTEBOOKS[path].cells if c.cell_type == "code"]
    scope = {}
    for source in code:
        source = re.sub(r"^(\s*)[%!].*", r"\1pass", source, flags=re.M)
        imports = [n for n in ast.parse(source).body if isinstance(n, ast.Import | ast.ImportFrom)]
        exec(compile(ast.Module(imports, []), path.name, "exec"), scope)
    exec(ex.solution_source, scope)
    with redirect_stdout(io.StringIO()) as said:
        ex.check(scope[ex.name])
    assert "correct" in said.getvalue()


def test_every_exercise_is_in_a_notebook():
    used = {param.values[2].name for param in CELLS}
    assert {param.values[0].name for param in EXERCISES} == used


def test_fresh_cases_are_fresh():
    for param in EXERCISES:
        ex = param.values[0]
        texts = {repr([case.arguments for case in ex.fresh_cases(5)]) for _ in range(4)}
        assert len(texts) > 1, f"{ex.name} always asks the same"
        np.testing.assert_equal(
            repr([c.arguments for c in ex.fresh_cases(5, seed=3)]),
            repr([c.arguments for c in ex.fresh_cases(5, seed=3)]),
        )
