"""Write docs/teaching/NN.md and the table in docs/teaching.md from the notebooks, their exercises and lmlib/lessons.

    python tools/teaching.py          write them
    python tools/teaching.py check    say whether they are up to date; writes nothing

What a page says: minutes for each section, where to stop after 45 and after 90 minutes, what one must know, questions
to recall and to discuss, what learners believe and the question that shows it, what they will ask, a board sketch,
the numbers to expect, what to predict in each section and what came, formulas, each exercise with its hints and
mistakes, and the quiz with its key.
"""

import re
import sys
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

import glossary  # noqa: E402  (the tools beside this one)
import teaching_notes  # noqa: E402
from exercises import find, tagged  # noqa: E402

from lmlib import lessons  # noqa: E402
from lmlib.lessons.headlines import headlines, said  # noqa: E402
from lmlib.lessons.pace import head, sections  # noqa: E402

GUIDE = ROOT / "docs" / "teaching.md"
FOLDER = ROOT / "docs" / "teaching"
BEGIN, END = "<!-- made by tools/teaching.py -->", "<!-- end -->"
STOPS = (45, 90)  # minutes of a lesson in class


def aims(nb):
    """The list in the lesson's first cell."""
    return re.findall(r"^\* .+(?:\n  .+)*", nb.cells[0].source, re.M)


def conclusion(nb):
    """What the lesson says at its end; a lesson without such an end is summed up by its first paragraph."""
    for cell in nb.cells:
        found = re.search(r"^## (?:\d+\. )?What we now know.*?$(.+?)(?=^## |\Z)", cell.source, re.M | re.S)
        if cell.cell_type == "markdown" and found:
            return re.sub(r"^#+ (.*)", r"**\1**", found[1].strip(), flags=re.M)
    return nb.cells[0].source.split("\n\n")[2]


def stop_after(parts, minutes):
    """The last section that ends within the time and a tenth; None where the whole lesson fits."""
    total, last = 0.0, None
    for name, length in parts:
        total += length
        if total > 1.1 * minutes:
            return last or parts[0][0]
        last = name
    return None


OPENING = 8  # minutes of a class for its beginning, a belief, and its end


def plan(length, parts, exercises):
    """One line on what fits into a class of so many minutes, opening and closing counted."""
    after = stop_after(parts, length - OPENING)
    if after:
        return f"* In {length} minutes: stop after “{after}”; what follows, and an exercise, is homework."
    left, chosen = length - OPENING - sum(minutes for _, minutes in parts), []
    for exercise in sorted(exercises, key=lambda exercise: (exercise.difficulty, exercise.minutes)):
        if exercise.minutes <= left:
            left -= exercise.minutes
            chosen.append(exercise.name)
    told = f", and {' and '.join(chosen)}" if chosen else ""
    return f"* In {length} minutes: the whole lesson{told}; the other exercises are homework."


def asked(pairs, who="Answer"):
    """A numbered list of questions, each with its answer."""
    lines = []
    for i, (question, answer) in enumerate(pairs, 1):
        lines += [f"{i}. {question}", f"   * {who}: {answer}"]
    return lines


def expected(number, nb):
    """The numbers that the lesson's argument rests on: as saved in the notebook, and the bands of the whole run."""
    printed = [said(cell.outputs) for cell in nb.cells if cell.cell_type == "code"]
    lines = ["| number | here | band | why this wide |", "|---|---|---|---|"]
    for headline in headlines(number):
        here = next((found for found in map(headline.find, printed) if found), "missing")
        lines.append(f"| {headline.what} | {here} | {headline.low:g} to {headline.high:g} | {headline.why} |")
    return lines


def page(path, nb):
    """The notes for one lesson, or None where lmlib/lessons has no page."""
    number = path.stem[:2]
    if number not in lessons.numbers():
        return None
    declared, parts, notes = head(nb), sections(nb), lessons.notes(number)
    title = nb.cells[0].source.splitlines()[0].lstrip("# ")
    lines = [
        f"# Lesson {number}: {title}",
        "",
        "Made by `tools/teaching.py`; the words come from "
        f"[the notebook](../../notebooks/{path.name}), its exercises, and `lmlib/lessons/{number}.toml`.",
        "",
        f"* **Reading:** about {declared['minutes']} minutes, the exercises apart. "
        f"The notebook runs in about {declared['seconds']} seconds on a laptop, with {declared['gigabytes']} GB.",
        f"* **Before it:** {declared['needs']}.",
        f"* **Quiz:** `python -m lmlib quiz {number}` "
        f"({len(lessons.quiz(number))} questions; every wrong option says why).",
        "",
        "## After it, learners can",
        "",
        *aims(nb),
        "",
        "## The argument",
        "",
        conclusion(nb),
        "",
        "## Words",
        "",
        *(f"* **{word}**: {meaning}" for word, meaning in glossary.words(nb)),
        "",
        "## Minutes",
        "",
        "| section | minutes | from the start |",
        "|---|---|---|",
    ]
    total = 0.0
    for name, minutes in parts:
        total += minutes
        lines.append(f"| {name} | {max(1, round(minutes))} | {round(total)} |")
    listed = [find(module, name) for _, module, name in tagged(nb, "exercise")]
    lines += ["", *(plan(length, parts, listed) for length in STOPS)]
    lines += ["", "## Recall, in three minutes", ""]
    lines += asked(notes.recall)
    lines += ["", "## On the board", "", "```text", notes.board, "```", "", "## What learners believe", ""]
    for belief in notes.beliefs:
        lines += [f"* *“{belief['says']}”*", f"  * Ask: {belief['ask']}", f"  * Hear: {belief['hear']}"]
    lines += ["", "## What learners will ask", "", *asked(notes.they_ask, "You")]
    lines += ["", "## To discuss", "", *asked(notes.discuss, "A good answer")]
    lines += ["", "## Numbers to expect", "", *expected(number, nb)]
    lines += [
        "",
        "## Section by section",
        "",
        "What to let the class predict, and what came when this page was made.",
        "",
    ]
    told = teaching_notes.by_section(nb)
    for name, minutes in parts:
        if told.get(name):
            lines += [f"### {name} ({max(1, round(minutes))} minutes)", "", *teaching_notes.lines_of(told[name]), ""]
    if listed:
        lines += ["## Exercises and their mistakes", ""]
        for exercise in listed:
            lines.append(
                f"### {exercise.name} (about {exercise.minutes} minutes, difficulty {exercise.difficulty} of 3)"
            )
            lines += ["", "```python", exercise.stub, "```", ""]
            lines += [f"* Hint: {hint}" for hint in exercise.hints]
            lines += [f"* Mistake: {message}" for _, message in exercise.misconceptions.values()]
            lines.append("")
    lines += ["## The quiz", ""]
    for i, question in enumerate(lessons.quiz(number), 1):
        lines.append(f"{i}. {question.text}")
        for j, (option, reply) in enumerate(zip(question.options, question.replies)):
            lines.append(f"   * {lessons.LETTERS[j]} {'(right) ' if j == question.right else ''}{option}: {reply}")
    return "\n".join(lines).rstrip() + "\n"


def table(notebooks):
    """The lessons' table in docs/teaching.md."""
    lines = ["| lesson | minutes | runs in | in 45 minutes | exercises | before it |", "|---|---|---|---|---|---|"]
    for path, nb in notebooks:
        number, declared = path.stem[:2], head(nb)
        name = nb.cells[0].source.splitlines()[0].lstrip("# ")
        after = stop_after(sections(nb), STOPS[0] - OPENING)
        minutes = [find(module, name).minutes for _, module, name in tagged(nb, "exercise")]
        link = f"[{number} {name}](teaching/{number}.md)" if number in lessons.numbers() else f"{number} {name}"
        lines.append(
            f"| {link} | {declared['minutes']} | {declared['seconds']} s, {declared['gigabytes']} GB | "
            f"{f'to “{after}”' if after else 'all of it'} | "
            f"{f'{len(minutes)}, {sum(minutes)} minutes' if minutes else 'none'} | {declared['needs']} |"
        )
    return "\n".join(lines)


def pages():
    """{path: text} of all that this tool writes."""
    notebooks = [(p, nbformat.read(p, as_version=4)) for p in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))]
    made = {FOLDER / f"{path.stem[:2]}.md": page(path, nb) for path, nb in notebooks}
    guide = GUIDE.read_text(encoding="utf-8")
    before, rest = guide.split(BEGIN)
    made[GUIDE] = f"{before}{BEGIN}\n{table(notebooks)}\n{END}{rest.split(END)[1]}"
    return {path: text for path, text in made.items() if text is not None}


if __name__ == "__main__":
    stale = {p: t for p, t in pages().items() if not p.exists() or p.read_text(encoding="utf-8") != t}
    if sys.argv[1:] == ["check"]:
        sys.exit(f"out of date: {', '.join(p.name for p in stale)}: run tools/teaching.py" if stale else 0)
    FOLDER.mkdir(exist_ok=True)
    for path, text in stale.items():
        path.write_text(text, encoding="utf-8", newline="\n")
        print(f"wrote {path.relative_to(ROOT)}")
