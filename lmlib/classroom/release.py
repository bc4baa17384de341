"""python -m lmlib class release DIR: an nbgrader course out of the lessons' exercises.

DIR/source holds the teacher's notebooks, with solutions and hidden tests; `nbgrader generate_assignment` makes
DIR/release of them, which is what students get. Each release draws fresh seeds for its hidden tests.
"""

import argparse
import ast
import importlib
import importlib.util
import os
import re
import secrets
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from ..exercises.engine import _parts
from .literal import NAMES, literal

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
COMMON = {"F", "math", "nn", "np", "torch"}
START = (
    "torch.set_num_threads(1)  # the tests fork this process, which many threads would not survive\nclassroom.exam()"
)
KERNEL = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}

CONFIG = '''"""Settings of this nbgrader course; see https://nbgrader.readthedocs.io for more."""

c = get_config()  # noqa: F821
c.CourseDirectory.course_id = "little-language-models"
c.ClearSolutions.code_stub = {"python": "..."}
c.Execute.timeout = 120  # seconds for one cell; a test stops the answer itself much sooner
c.Execute.interrupt_on_timeout = True
'''

GUIDE = """# Little Language Models: a course for nbgrader

* `source/`: your notebooks, with solutions and hidden tests. Keep this folder to yourself.
* `release/`: what students get. It holds the tasks and the public tests.

Hand out `release/LESSON/`, put what comes back into `submitted/STUDENT/LESSON/`, then, in this folder and with the
course's environment active:

```
nbgrader autograde LESSON --create
nbgrader generate_feedback LESSON
nbgrader export
```

An exercise gives its points (its difficulty, 1 to 3) when its public and its hidden tests pass, else none. An answer
runs in a process of its own: one that never ends or eats memory is stopped, and the next exercise is graded.

What this does not guard against: the course and its solutions are public. A graded notebook cannot import them, but
who wants to can read them. For marks that count, ask for an explanation too (docs/teaching.md has
a question for each misconception).
"""


class ClassError(RuntimeError):
    """A course could not be written; the message says what to do next."""


# -- one notebook -------------------------------------------------------------------------------------------


def lesson_exercises(nb):
    """[(name, the task's markdown, Exercise)] of one lesson's notebook, in its order, and "lesson_NN"."""
    found, module, task = [], "", ""
    for cell in nb.cells:
        if cell.cell_type == "markdown" and (heading := re.search(r"^(#{2,4} |\*\*)Exercise", cell.source, re.M)):
            task = cell.source[heading.start() :]
        for tag in cell.metadata.get("tags", ()):
            if tag.startswith("exercise:"):
                module, name = tag.removeprefix("exercise:").split(".")
                found.append((name, task, getattr(importlib.import_module(f"lmlib.exercises.{module}"), name)))
    return found, module


def imports(nb, exercises):
    """The imports of a lesson's notebook that its solutions use, and the ones that everybody wants."""
    used = set()
    for _, _, exercise in exercises:
        used |= {node.id for node in ast.walk(ast.parse(exercise.solution_source)) if isinstance(node, ast.Name)}
    lines = []
    for cell in nb.cells:
        if cell.cell_type == "code":
            source = re.sub(r"^(\s*)[%!].*", r"\1pass", cell.source, flags=re.M)
            for node in ast.parse(source).body:
                if isinstance(node, ast.Import | ast.ImportFrom) and "lmlib.exercises" not in ast.unparse(node):
                    node.names = [n for n in node.names if (n.asname or n.name.partition(".")[0]) in used | COMMON]
                    lines += [ast.unparse(node)] if node.names else []
    return "\n".join(dict.fromkeys([*NAMES.splitlines(), *lines]))


def source_notebook(nb, draw=lambda: secrets.randbelow(2**31)):
    """The teacher's notebook of one lesson, or None where the lesson has no exercise.

    draw: gives the seed of each hidden test.
    """
    exercises, module = lesson_exercises(nb)
    if not exercises:
        return None
    title = nb.cells[0].source.splitlines()[0].lstrip("# ")
    out = new_notebook(metadata=dict(KERNEL))
    out.cells = [
        new_markdown_cell(
            f"# {title}\n\nThe exercises of lesson {module[-2:]}. Write each answer in place of `...`, run it, then "
            "run the test\nbelow it. Your teacher's tests try other cases than those that you see."
        ),
        new_code_cell(
            f"{imports(nb, exercises)}\n\nfrom lmlib import classroom\n\ntorch.set_num_threads(1)\nclassroom.exam()"
        ),
    ]
    for name, task, exercise in exercises:
        out.cells += exercise_cells(name, task, exercise, module, draw())
    for i, cell in enumerate(out.cells):
        cell.id = f"cell-{i}"
        cell.metadata.setdefault("nbgrader", grading(f"text-{i}", locked=True, cell_type=cell.cell_type))
    return out


def exercise_cells(name, task, exercise, module, seed):
    """Task, answer and test of one exercise, with nbgrader's marks."""
    text = re.sub(r"^#+ ", "## ", re.sub(r"^\*\*(Exercise \d+)\*\*", r"## \1\n\n", task), count=1)
    if exercise._start:
        text += f"\n\nThe faulty code:\n\n```python\n{exercise.stub}\n```"
    head, body = _parts(exercise.reference)
    indent = re.match(r"\s*", body.splitlines()[0]).group()
    answer = f"{head}\n{indent}### BEGIN SOLUTION\n{body}\n{indent}### END SOLUTION"
    cases = ",\n".join(map(one_case, exercise.examples))
    test = (
        f"# Each line is a case: the arguments, and what should come out.\n"
        f"cases = [\n{cases},\n]\n"
        f"classroom.public({name}, cases, tolerance={exercise.tolerance!r})\n"
        f"### BEGIN HIDDEN TESTS\n"
        f'classroom.hidden("{module}", "{name}", {name}, seed={seed}, seconds={exercise.seconds!r})\n'
        f"### END HIDDEN TESTS"
    )
    cells = [new_markdown_cell(text), new_code_cell(answer), new_code_cell(test)]
    cells[1].metadata["nbgrader"] = grading(name, solution=True)
    cells[2].metadata["nbgrader"] = grading(f"{name}-test", grade=True, locked=True, points=exercise.difficulty)
    return cells


def one_case(case):
    """A case as Python, on one line where it fits."""
    line = f"    ({literal(case.arguments)}, {literal(case.right)})"
    if len(line) < 110:
        return line
    arguments = "".join(f"            {literal(argument)},\n" for argument in case.arguments)
    return f"    (\n        (\n{arguments}        ),\n        {literal(case.right)},\n    )"


def grading(grade_id, **more):
    """nbgrader's metadata of one cell."""
    plain = {"grade": False, "solution": False, "locked": False, "task": False, "cell_type": "code"}
    return {"schema_version": 3, "grade_id": grade_id} | plain | more


# -- the course ---------------------------------------------------------------------------------------------


def write_source(folder, lessons=(), notebooks=NOTEBOOKS):
    """Write DIR/source for the lessons (all, or those with these numbers); gives the assignments' names."""
    folder = Path(folder)
    written = []
    for path in sorted(notebooks.glob("[0-9][0-9]_*.ipynb")):
        if lessons and path.stem[:2] not in lessons:
            continue
        nb = source_notebook(nbformat.read(path, as_version=4))
        if nb is None:
            continue
        target = folder / "source" / path.stem / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(nbformat.writes(nb) + "\n", encoding="utf-8", newline="\n")
        written.append(path.stem)
    if not written:
        raise ClassError(f"no exercises in {' '.join(lessons) or notebooks}: name lessons by number, such as 06")
    (folder / "nbgrader_config.py").write_text(CONFIG, encoding="utf-8", newline="\n")
    (folder / "README.md").write_text(GUIDE, encoding="utf-8", newline="\n")
    return written


def nbgrader(folder, *arguments):
    """Run one of nbgrader's commands in the course's folder. Raises ClassError with what it said last."""
    if importlib.util.find_spec("nbgrader") is None:
        raise ClassError('nbgrader is missing: install it with  pip install -c constraints.txt -e ".[classroom]"')
    beside = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])  # it looks for alembic
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", *arguments],
        cwd=folder,
        env=os.environ | {"PATH": beside},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-8:])
        raise ClassError(f"nbgrader {' '.join(arguments)} failed:\n{textwrap.indent(tail, '    ')}")
    return done.stdout + done.stderr


def main(argv):
    parser = argparse.ArgumentParser(prog="python -m lmlib class", description="Make an nbgrader course.")
    parser.add_argument("what", choices=["release"])
    parser.add_argument("folder", metavar="DIR", type=Path)
    parser.add_argument("lessons", nargs="*", metavar="NN", help="lessons' numbers, such as 06 (default: all)")
    parser.add_argument("--again", action="store_true", help="replace a course that stands there, with fresh seeds")
    args = parser.parse_args(argv)
    if (args.folder / "source").exists():
        if not args.again:
            raise ClassError(f"{args.folder} holds a course already: choose another folder, or add --again")
        shutil.rmtree(args.folder / "source")
    names = write_source(args.folder, args.lessons)
    for name in names:
        nbgrader(args.folder, "generate_assignment", name, "--create", "--force")
        print(f"{name}: release/{name}/{name}.ipynb", flush=True)
    print(f"{len(names)} assignments; how to go on: {args.folder / 'README.md'}")
