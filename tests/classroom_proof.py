"""Prove a class end to end with nbgrader's own commands: hand out, hand in, grade, export.

    python tests/classroom_proof.py [NN...]      all lessons, or these; prints a line for each kind of student

`prove` hands in, for one lesson: full answers, none, answers that know the public cases alone, each misconception,
tampered tests, and answers that never end, eat memory or end their process.
"""

import csv
import sys
import tempfile
from pathlib import Path

import nbformat

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lmlib.classroom import release  # noqa: E402
from lmlib.classroom.literal import literal  # noqa: E402

LOADED = """import importlib.util as _util

_spec = _util.spec_from_file_location("_lesson", {path!r})
_lesson = _util.module_from_spec(_spec)
_spec.loader.exec_module(_lesson)


def {name}(*arguments):
    return _lesson.{name}.misconceptions[{wrong!r}][0](*arguments)
"""
LOOKED_UP = """from lmlib.exercises.compare import difference as _difference

_known = [{known}]


def {name}(*arguments):
    return next((right for given, right in _known if _difference(arguments, given, 1e-9) is None), None)
"""
HARMFUL = {
    "never ends": "def {name}(*arguments):\n    import itertools\n\n    return sum(itertools.count())",
    "loops": "def {name}(*arguments):\n    while True:\n        pass",
    "eats memory": "def {name}(*arguments):\n    kept = []\n    while True:\n        kept.append(bytearray(10**8))",
    "ends its process": "def {name}(*arguments):\n    import os\n\n    os._exit(0)",
}


def answers(exercises, wrong_kinds=None):
    """{student: [source of each answer]}; wrong_kinds: at most so many students with misconceptions."""
    path = str(Path(release.__file__).parents[1] / "exercises" / f"{exercises[0][2].reference.__module__[-9:]}.py")
    students = {
        "full": [exercise.solution_source for _, _, exercise in exercises],
        "blank": [None for _ in exercises],
        "public only": [
            LOOKED_UP.format(name=name, known=", ".join(literal((c.arguments, c.right)) for c in exercise.examples))
            for name, _, exercise in exercises
        ],
        "tampers": [None for _ in exercises],
        "harms": [list(HARMFUL.values())[i % 4].format(name=name) for i, (name, _, _) in enumerate(exercises)],
    }
    most = max(len(exercise.misconceptions) for _, _, exercise in exercises)
    for k in range(min(most, wrong_kinds or most)):
        students[f"wrong {k + 1}"] = [
            LOADED.format(path=path, name=name, wrong=list(exercise.misconceptions)[k % len(exercise.misconceptions)])
            for name, _, exercise in exercises
        ]
    # A student whose first answer does harm, and the rest is right: the others' points must not suffer.
    students["one harms"] = [HARMFUL["never ends"].format(name=exercises[0][0]), *students["full"][1:]]
    return students


def hand_in(released, sources, tampered, names):
    """The released notebook with the answers filled in, and for a cheat with the tests emptied."""
    nb = nbformat.reads(released, as_version=4)
    by_name = dict(zip(names, sources))
    for cell in nb.cells:
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
        if by_name.get(grade_id):
            cell.source = by_name[grade_id]
        if tampered and cell.metadata.get("nbgrader", {}).get("grade"):
            cell.source = "pass"
    return nb


def prove(folder, number, wrong_kinds=None):
    """{student: (points, most)} for one lesson, after release, autograde, feedback and export."""
    (assignment,) = release.write_source(folder, [number])
    release.nbgrader(folder, "generate_assignment", assignment, "--create", "--force")
    released = (folder / "release" / assignment / f"{assignment}.ipynb").read_text(encoding="utf-8")
    exercises, _ = release.lesson_exercises(nbformat.read(release.NOTEBOOKS / f"{assignment}.ipynb", as_version=4))
    names = [name for name, _, _ in exercises]
    students = answers(exercises, wrong_kinds)
    for student, sources in students.items():
        target = folder / "submitted" / student.replace(" ", "-") / assignment / f"{assignment}.ipynb"
        target.parent.mkdir(parents=True)
        nbformat.write(hand_in(released, sources, student == "tampers", names), target)
    release.nbgrader(folder, "autograde", assignment, "--create")
    release.nbgrader(folder, "generate_feedback", assignment)
    release.nbgrader(folder, "export")
    with open(folder / "grades.csv", newline="") as file:
        rows = {row["student_id"]: row for row in csv.DictReader(file) if row["assignment"] == assignment}
    return {s: tuple(float(rows[s.replace(" ", "-")][k]) for k in ("raw_score", "max_score")) for s in students}


def expected(student, most, first):
    """What a student should get."""
    return {"full": most, "one harms": most - first}.get(student, 0.0)


if __name__ == "__main__":
    failed = 0
    for path in sorted(release.NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")):
        exercises, _ = release.lesson_exercises(nbformat.read(path, as_version=4))
        if not exercises or (sys.argv[1:] and path.stem[:2] not in sys.argv[1:]):
            continue
        with tempfile.TemporaryDirectory() as folder:
            grades = prove(Path(folder), path.stem[:2])
        wrong = {s: g for s, g in grades.items() if g[0] != expected(s, g[1], exercises[0][2].difficulty)}
        failed += len(wrong)
        print(
            f"{path.stem}: {len(grades)} students, {grades['full'][0]:g} points for full answers",
            wrong or "",
            flush=True,
        )
    sys.exit(failed > 0)
