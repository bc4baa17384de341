"""python -m lmlib progress: which exercises are solved, on this computer alone; no account, no network."""

import argparse
import importlib
from pathlib import Path

from .exercises import engine
from .solved import folder, noted

WIDTH = 8  # squares of the longest row


def exercises():
    """{"lesson_06": [Exercise, ...]} of all lessons, in their order."""
    found = {}
    for path in sorted(Path(engine.__file__).parent.glob("lesson_*.py")):
        module = importlib.import_module(f"lmlib.exercises.{path.stem}")
        found[path.stem] = [value for value in vars(module).values() if isinstance(value, engine.Exercise)]
    return found


def report():
    """The lines that `python -m lmlib progress` prints."""
    lines, solved, total, following = [], 0, 0, None
    for lesson, listed in exercises().items():
        done = [bool(noted(f"{lesson}.{exercise.name}")) for exercise in listed]
        solved, total = solved + sum(done), total + len(done)
        squares = "".join("■" if d else "□" for d in done).ljust(WIDTH)
        quiz = noted(f"quiz_{lesson[-2:]}")
        lines.append(
            f"lesson {lesson[-2:]}  {squares} {sum(done)} of {len(done)} exercises"
            + (f", quiz {quiz}" if quiz else "")
        )
        if following is None and not all(done):
            following = lesson, listed[done.index(False)]
    lines.append(f"in all {solved} of {total} exercises")
    if following:
        lesson, exercise = following
        lines.append(
            f"next: {exercise.name} in lesson {lesson[-2:]} "
            f"(about {exercise.minutes} minutes, difficulty {exercise.difficulty} of 3)"
        )
    return lines


def main(argv):
    parser = argparse.ArgumentParser(prog="python -m lmlib progress", description="Which exercises are solved here.")
    parser.add_argument("--forget", action="store_true", help="delete what was noted, and begin anew")
    args = parser.parse_args(argv)
    if args.forget:
        gone = [path for path in folder().glob("*") if path.name.startswith(("lesson_", "quiz_"))]
        for path in gone:
            path.unlink()
        print(f"forgot {len(gone)} notes in {folder()}")
        return
    print("\n".join(report()))
    print(f"(noted in {folder()}; nothing leaves this computer)")
