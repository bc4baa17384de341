"""What stands beside a lesson's notebook: NN.toml with the quiz for learners and the notes for teachers.

board = '''...'''            what to draw on the board, as text
discuss = [["...", "..."]]   questions to talk about, each with what a good answer says
recall = [["...", "..."]]    what earlier lessons brought and this one needs: three questions, three minutes
they_ask = [["...", "..."]]  what learners will ask in this lesson, each with an answer
[[belief]]                   what learners often believe: `says`, the question that reveals it: `ask`, and what a
                             learner who has understood would answer: `hear`; it can be asked from `section` on
[[quiz]]                     `question`, `right`, `why`, and `wrong` = [[option, why it is wrong], ...]
[[number]]                   a number that the lesson rests on, and its band: see headlines.py
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
    recall: tuple[tuple[str, str], ...]
    discuss: tuple[tuple[str, str], ...]
    they_ask: tuple[tuple[str, str], ...]
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
    """The lesson's Questions, in an order of options that is the same everywhere. Raises LessonError."""
    entries = read(number)["quiz"]
    rng = random.Random(entries[0]["question"])
    places = []  # of the right options: dealt, not drawn, so that each letter is right about equally often
    while len(places) < len(entries):
        places += sorted(range(len(LETTERS)), key=lambda _: rng.random())
    return [_question(entry, place, rng) for entry, place in zip(entries, places)]


def _question(entry, place, rng):
    options = sorted(map(tuple, entry["wrong"]), key=lambda _: rng.random())
    options.insert(place, (entry["right"], entry["why"]))
    texts, replies = zip(*options)
    return Question(entry["question"], texts, place, replies)


def notes(number):
    """The lesson's Notes for a teacher. Raises LessonError."""
    page = read(number)
    pairs = (tuple(map(tuple, page[name])) for name in ("recall", "discuss", "they_ask"))
    return Notes(page["board"].strip("\n"), *pairs, tuple(page["belief"]))
