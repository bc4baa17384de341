"""What stands beside a lesson's notebook: NN.toml with the quiz for learners and the notes for teachers.

board = '''...'''            what to draw on the board, as text
discuss = [["...", "..."]]   questions to talk about, each with what a good answer says
[[belief]]                   what learners often believe: `says`, the question that reveals it: `ask`, and what a
                             learner who has understood would answer: `hear`
[[quiz]]                     `question`, `right`, `why`, and `wrong` = [[option, why it is wrong], ...]
"""

import random
import tomllib
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
LETTERS = "ABCD"


class LessonError(ValueError):
    """A lesson has no such page, or the page is damaged; the message says what to do next."""


@dataclass(frozen=True)
class Question:
    """One question of a quiz: its options in the order shown, which is right, and what to say to each choice."""

    text: str
    options: tuple[str, ...]
    right: int
    replies: tuple[str, ...]


@dataclass(frozen=True)
class Notes:
    """What a teacher needs for one lesson."""

    board: str
    discuss: tuple[tuple[str, str], ...]
    beliefs: tuple[dict, ...]


def numbers():
    """The numbers of the lessons that have a page: ["00", "01", ...]."""
    return sorted(path.stem for path in HERE.glob("[0-9][0-9].toml"))


def read(number):
    """The page of a lesson as plain dicts. Raises LessonError."""
    number = f"{int(number):02d}" if str(number).isdecimal() else str(number)
    path = HERE / f"{number}.toml"
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LessonError(f"there is no lesson {number!r} with a quiz: choose from {' '.join(numbers())}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise LessonError(f"{path.name} is damaged ({problem}): reinstall the course") from None


def quiz(number):
    """The lesson's Questions, options shuffled in an order that is the same everywhere. Raises LessonError."""
    return [_question(entry) for entry in read(number)["quiz"]]


def _question(entry):
    options = [(entry["right"], entry["why"]), *map(tuple, entry["wrong"])]
    order = list(range(len(options)))
    rng = random.Random(entry["question"])
    order.sort(key=lambda _: rng.random())
    texts, replies = zip(*(options[i] for i in order))
    return Question(entry["question"], texts, order.index(0), replies)


def notes(number):
    """The lesson's Notes for a teacher. Raises LessonError."""
    page = read(number)
    return Notes(page["board"].strip("\n"), tuple(map(tuple, page["discuss"])), tuple(page["belief"]))
