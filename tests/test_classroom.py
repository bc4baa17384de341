"""A class by nbgrader: what students receive, what their answers get, and what harmful answers cannot do."""

import ast
import itertools
import json
import math
import os
import re

import nbformat
import numpy as np
import pytest
import torch
from classroom_proof import expected, prove
from helpers import ROOT

from lmlib import classroom
from lmlib.classroom import release
from lmlib.classroom.literal import literal
from lmlib.exercises import lesson_06
from lmlib.exercises.compare import difference

PATHS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
LESSONS = [p for p in PATHS if release.lesson_exercises(nbformat.read(p, as_version=4))[0]]
EXAMPLES = [(case.arguments, case.right) for case in lesson_06.look.examples]


def source_and_exercises(path):
    nb = nbformat.read(path, as_version=4)
    source = nbformat.reads(nbformat.writes(release.source_notebook(nb)), as_version=4)
    return source, release.lesson_exercises(nb)[0]


def released(nb):
    """What nbgrader hands out of a source notebook, by its own steps."""
    pytest.importorskip("nbgrader", reason='needs nbgrader: pip install -c constraints.txt -e ".[classroom]"')
    from nbgrader.preprocessors import ClearHiddenTests, ClearOutput, ClearSolutions
    from traitlets.config import Config

    config = Config({"ClearSolutions": {"code_stub": {"python": "..."}}})
    for step in (ClearSolutions, ClearOutput, ClearHiddenTests):
        nb, _ = step(config=config).preprocess(nb, {})
    return nb


# -- what students receive ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", LESSONS, ids=lambda p: p.stem[:2])
def test_nothing_leaks(path):
    source, exercises = source_and_exercises(path)
    seeds = re.findall(r"seed=(\d+)", nbformat.writes(source))
    assert len(seeds) == len(exercises) == len(set(seeds))
    nb = released(source)
    page = nbformat.writes(nb)
    for mark in ("HIDDEN", "SOLUTION", "classroom.hidden", *seeds):
        assert mark not in page
    assert not any("attachments" in cell or cell.get("outputs") for cell in nb.cells)
    assert all(set(cell.metadata) <= {"nbgrader"} for cell in nb.cells)
    told = "\n".join(cell.source for cell in nb.cells if cell.cell_type == "markdown")
    for name, _, exercise in exercises:
        (stub,) = [c.source for c in nb.cells if c.metadata.nbgrader.grade_id == name]
        assert stub.rstrip() == f"{exercise.solution_source.split(exercise_body(exercise))[0].rstrip()}\n    ..."
        for line in solution_lines(exercise, exercises):
            assert line not in told and json.dumps(line)[1:-1] not in page, f"{name} leaks: {line}"


def exercise_body(exercise):
    return release._parts(exercise.reference)[1]


def solution_lines(exercise, exercises):
    """The lines that make the solution; not those that a faulty start or a task's text of the lesson has too."""
    given = "\n".join(other.stub for _, _, other in exercises)
    lines = [line.strip() for line in exercise_body(exercise).splitlines()]
    return [line for line in lines if len(line) > 25 and line not in given]


def test_the_leak_test_would_find_a_leak():
    source, exercises = source_and_exercises(next(p for p in LESSONS if p.stem.startswith("06")))
    line = solution_lines(exercises[1][2], exercises)[0]
    assert json.dumps(line)[1:-1] in nbformat.writes(source)


@pytest.mark.parametrize("path", LESSONS, ids=lambda p: p.stem[:2])
def test_the_teachers_notebook_runs_and_passes(path):
    """Its code as one script: the imports are enough, and every public and hidden test passes."""
    source, _ = source_and_exercises(path)
    cells = [c.source for c in source.cells if c.cell_type == "code"]
    cells = [c.replace("classroom.exam()", "") for c in cells]  # it would close the exercises for this whole run
    scope, threads = {}, torch.get_num_threads()
    try:
        for i, cell in enumerate(cells):
            exec(compile(cell, f"cell {i}", "exec"), scope)
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("path", LESSONS, ids=lambda p: p.stem[:2])
def test_every_task_is_told(path):
    source, exercises = source_and_exercises(path)
    told = [c.source for c in source.cells if c.cell_type == "markdown"][1:]
    assert len(told) == len(exercises) and all(re.match(r"## Exercise \d+", text) for text in told)
    assert len(set(told)) == len(told)


def test_points_are_the_difficulty():
    source, exercises = source_and_exercises(LESSONS[0])
    points = [c.metadata.nbgrader.points for c in source.cells if c.metadata.nbgrader.grade]
    assert points == [exercise.difficulty for _, _, exercise in exercises]


# -- public tests as Python -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", LESSONS, ids=lambda p: p.stem[:2])
def test_public_cases_are_written_as_they_are(path):
    _, exercises = source_and_exercises(path)
    for _, _, exercise in exercises:
        for case in exercise.examples:
            scope = {}
            exec(f"{release.NAMES}\nvalue = {literal((case.arguments, case.right))}", scope)
            assert difference(scope["value"], (case.arguments, case.right), 0) is None


@pytest.mark.parametrize(
    "value",
    [
        *((1,), (), [], {}, set(), {3, 1}, -0.5, math.inf, -math.inf, True, None, "it's", b"x", 1 << 80),
        *(np.float32(0.1), np.zeros((2, 0)), np.zeros(3, dtype=bool), np.int8([1, -1])),
        *(torch.zeros(2, 0), torch.ones(2, dtype=torch.float64), {"a": [np.eye(2), (torch.tensor(3),)]}),
    ],
    ids=repr,
)
def test_literals(value):
    scope = {}
    exec(f"{release.NAMES}\nback = {literal(value)}", scope)
    assert difference(scope["back"], value, 0) is None
    if isinstance(value, np.ndarray | torch.Tensor):
        assert scope["back"].dtype == value.dtype and scope["back"].shape == value.shape


def test_nan_is_written():
    assert literal([math.nan, np.nan]) == "[nan, nan]"


def test_a_function_has_no_literal():
    with pytest.raises(TypeError, match="simpler examples"):
        literal([len])


# -- trials ---------------------------------------------------------------------------------------------------


def never_ends(*_):
    return sum(itertools.count())  # in C: no Python line at which a signal could stop it


def eats_memory(*_):
    kept = []
    while True:
        kept.append(np.ones(10**7))


def ends_its_process(*_):
    os._exit(0)


def recurses(*_):
    return recurses()


def floods(*_):
    while True:
        print("x" * 1000)


def looks_it_up(*arguments):
    from lmlib.exercises import lesson_06

    return lesson_06.look.reference(*arguments)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a system with fork, such as Linux or macOS")
@pytest.mark.parametrize(
    "answer, says",
    [
        (never_ends, "never ends"),
        (eats_memory, "MemoryError"),
        (ends_its_process, "ended its own process"),
        (recurses, "RecursionError"),
        (floods, "stopped after"),
    ],
)
def test_harm_stays_in_its_process(answer, says):
    # The limit of memory is kept by Linux alone; elsewhere the time ends the answer that eats it.
    says = f"{says}|stopped after" if answer is eats_memory else says
    with pytest.raises(AssertionError, match=says):
        classroom.public(answer, EXAMPLES, seconds=1.0)
    with pytest.raises(AssertionError, match=says):
        classroom.hidden("lesson_06", "look", answer, seed=1, seconds=1.0)


def test_right_answers_pass_and_wrong_ones_hear_why():
    look = lesson_06.look
    classroom.public(look.reference, EXAMPLES)
    classroom.hidden("lesson_06", "look", look.reference, seed=3)
    wrong, message = look.misconceptions["not_scaled"]
    with pytest.raises(AssertionError, match=re.escape(message)):
        classroom.hidden("lesson_06", "look", wrong, seed=3)
    with pytest.raises(AssertionError, match="should be a function"):
        classroom.public(None, EXAMPLES)
    with pytest.raises(AssertionError, match="at \\[0\\] stands"):
        classroom.public(wrong, EXAMPLES)


def test_an_exam_closes_the_solutions():
    """In a process of its own: it stays closed."""

    def judge():
        classroom.exam()
        for attempt in (looks_it_up, lambda *_: __import__("lmlib.exercises.lesson_06")):
            try:
                attempt()
            except ImportError as refused:
                assert "cannot be imported" in str(refused)
            else:
                return "it was imported"
        return "closed"

    from lmlib.classroom.trial import _apart

    if not hasattr(os, "fork"):
        pytest.skip("needs a system with fork, such as Linux or macOS")
    assert _apart(judge, 20) == "closed"


# -- the whole way, by nbgrader's commands --------------------------------------------------------------------


def test_a_lesson_from_release_to_grades(tmp_path):
    """One lesson with the kinds of students that matter; tests/classroom_proof.py does all of them."""
    pytest.importorskip("nbgrader", reason='needs nbgrader: pip install -c constraints.txt -e ".[classroom]"')
    _, exercises = source_and_exercises(next(p for p in LESSONS if p.stem.startswith("02")))
    grades = prove(tmp_path, "02", wrong_kinds=1)
    for student, (points, most) in grades.items():
        assert points == expected(student, most, exercises[0][2].difficulty), f"{student}: {points} of {most}"
    assert len(list((tmp_path / "feedback").rglob("*.html"))) == len(grades)
    pages = [p.read_text(encoding="utf-8") for p in (tmp_path / "release").rglob("*.ipynb")]
    assert all(ast.literal_eval(repr(page)) and "HIDDEN" not in page for page in pages)


def test_errors_say_what_to_do(tmp_path, monkeypatch):
    with pytest.raises(release.ClassError, match="name lessons by number"):
        release.write_source(tmp_path, ["77"])
    (tmp_path / "source").mkdir()
    with pytest.raises(release.ClassError, match="--again"):
        release.main(["release", str(tmp_path), "06"])
    monkeypatch.setattr(release.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(release.ClassError, match="install it"):
        release.nbgrader(tmp_path, "export")
