"""Write docs/teaching/ and the table in docs/teaching.md from the notebooks, their exercises and lmlib/lessons.

    python tools/teaching.py          write them
    python tools/teaching.py check    say whether they are up to date; writes nothing

docs/teaching/NN.md prepares a class: plans for 45 and 90 minutes, what to recall, a board sketch, what learners
believe and ask, numbers to expect, symbols, words, and the lesson section by section with what to predict and what
came.
docs/teaching/NN_exercises.md holds each exercise with its hints and mistakes, and the quiz with its key.
"""

import re
import sys
from dataclasses import dataclass
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
SYMBOLS = ROOT / "docs" / "symbols.md"
BEGIN, END = "<!-- made by tools/teaching.py -->", "<!-- end -->"


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


PREDICTING = 1  # minutes that a class takes to predict what a cell will show
RECALL, BELIEF, CLOSING = 3, 3, 2  # minutes of a class that are not in the notebook
OPENING = RECALL + BELIEF + CLOSING


@dataclass(frozen=True)
class Part:
    """A section in class: its heading, the minutes that it takes, and what its cells tell."""

    name: str
    minutes: float
    told: teaching_notes.Section

    @property
    def number(self):
        """6 for "6. Self-attention, with several heads"; 0 for what has no number."""
        found = re.match(r"(\d+)\. ", self.name)
        return int(found[1]) if found else 0


def parts_of(nb):
    """The sections that a class goes through, as Parts."""
    told = teaching_notes.by_section(nb)
    return [Part(name, minutes + PREDICTING * told[name].predictions, told[name]) for name, minutes in sections(nb)]


def stop_after(parts, minutes):
    """The last part that ends within the time and a twentieth; None where the whole lesson fits."""
    total, last = 0.0, None
    for part in parts:
        total += part.minutes
        if total > 1.05 * minutes:
            return last or parts[0]
        last = part
    return None


def rounded(parts):
    """[(whole minutes, part)], such that they add up to the rounded sum at every place."""
    total, rows = 0.0, []
    for part in parts:
        before, total = total, total + part.minutes
        rows.append((round(total) - round(before), part))
    return rows


def plan(length, parts, beliefs, exercises):
    """A class of so many minutes, line by line; a belief is asked when its section is done, and again at the end."""
    stop = stop_after(parts, length - OPENING)
    covered = parts[: parts.index(stop) + 1] if stop else parts
    reached = max(part.number for part in covered)
    belief = next((b for b in beliefs if b["section"] <= reached), beliefs[0])
    lines = [f"### In {length} minutes", "", "| minute | what |", "|---|---|"]
    lines.append("| 0 | Recall: the three questions below. |")
    now = RECALL
    for minutes, part in rounded(covered):
        cells = f" ({part.told.where()})" if part.told.cells else ""
        predicts = f"; {part.told.predictions} to predict" if part.told.predictions else ""
        lines.append(f"| {now} | {part.name}{cells}{predicts} |")
        now += minutes
        if part.number == belief["section"]:
            lines.append(f"| {now} | Ask, and let all write their answers: {belief['ask']} |")
            now += BELIEF
    lines.append(f"| {now} | Ask it again: who would now answer otherwise? |")
    now += CLOSING
    left, chosen = length - now, []
    for exercise in sorted(exercises, key=lambda exercise: (exercise.difficulty, exercise.minutes)):
        if not stop and exercise.minutes <= left:
            left -= exercise.minutes
            chosen.append(f"`{exercise.name}`")
    if chosen:
        lines.append(f"| {now} | In pairs: {' and '.join(chosen)}. |")
    rest = "the other exercises" if chosen else "the exercises"
    home = f"what follows “{stop.name}”, and the exercises" if stop else rest
    lines += ["", f"At home: {home}." if exercises else "At home: the questions at the lesson's end.", ""]
    later = [f"“{b['says']}” (section {b['section']})" for b in beliefs if b["section"] > reached]
    if later:
        lines += [f"Needs what comes later: {', '.join(later)}.", ""]
    return lines


def symbols_of(number):
    """The rows of docs/symbols.md for a lesson: symbol, what it is, shape."""
    rows = [line.strip("| \n").split(" | ") for line in SYMBOLS.read_text("utf-8").splitlines() if line[:3] == "| $"]
    return [
        f"* {symbol}: {what}; in code {code}; {shape}"
        for symbol, what, code, shape, link in rows
        if link[1:3] == number
    ]


def asked(pairs, who="Answer"):
    """A numbered list of questions, each with its answer."""
    lines = []
    for i, (question, answer) in enumerate(pairs, 1):
        lines += [f"{i}. {question}", f"   * {who}: {answer}"]
    return lines


def expected(number, nb):
    """The numbers that the lesson's argument rests on: as saved in the notebook, and the bands of the whole run."""
    printed = [said(cell.outputs) for cell in nb.cells if cell.cell_type == "code"]
    lines = [
        "*Here* is what the notebook printed. The same seed gives nearly the same on another computer, another seed "
        "anything in the band; what is outside of it is a fault of the course, or of a cell that was edited. The "
        "lesson rests on these. Any other number below is that of one run, and may be another with another seed.",
        "",
        "| number | here | band | the band comes from |",
        "|---|---|---|---|",
    ]
    for headline in headlines(number):
        here = next((found for found in map(headline.find, printed) if found), "missing")
        lines.append(f"| {headline.what} | {here} | {headline.low:g} to {headline.high:g} | {headline.why} |")
    return lines


def page(path, nb):
    """The notes for one lesson."""
    number = path.stem[:2]
    declared, parts, notes = head(nb), parts_of(nb), lessons.notes(number)
    listed = [find(module, name) for _, module, name in tagged(nb, "exercise")]
    lines = [
        f"# Lesson {number}: {nb.cells[0].source.splitlines()[0].lstrip('# ')}",
        "",
        "Made by `tools/teaching.py`; the words come from "
        f"[the notebook](../../notebooks/{path.name}), its exercises, and `lmlib/lessons/{number}.toml`.",
        "",
        f"* **Reading:** about {declared['minutes']} minutes, the exercises apart. "
        f"The notebook runs in about {declared['seconds']} seconds on a laptop, with {declared['gigabytes']} GB.",
        f"* **Before it:** {declared['needs']}.",
        f"* **Not for handing out:** [exercises with their solutions' mistakes, and the quiz with its key]"
        f"({number}_exercises.md). Learners take the quiz with `python -m lmlib quiz {number}`.",
        "",
        "## After it, learners can",
        "",
        *aims(nb),
        "",
        "## The argument",
        "",
        conclusion(nb),
        "",
        "## The class",
        "",
        *plan(45, parts, notes.beliefs, listed),
        *plan(90, parts, notes.beliefs, listed),
        "## Recall, in three minutes",
        "",
        *asked(notes.recall),
        "",
        "## On the board",
        "",
        "```text",
        notes.board,
        "```",
        "",
        "## What learners believe",
        "",
    ]
    for belief in notes.beliefs:
        lines += [f"* *“{belief['says']}”* (from section {belief['section']} on)"]
        lines += [f"  * Ask: {belief['ask']}", f"  * Hear: {belief['hear']}"]
    lines += ["", "## What learners will ask", "", *asked(notes.they_ask, "You"), ""]
    lines += ["## To discuss", "", *asked(notes.discuss, "A good answer"), ""]
    if headlines(number):
        lines += ["## Numbers to expect", "", *expected(number, nb), ""]
    if symbols_of(number):
        lines += ["## Symbols that are new", "", *symbols_of(number), ""]
    lines += ["## Words that are new", ""]
    lines += [f"* **{word}**: {meaning}" for word, meaning in glossary.words(nb)]
    lines += ["", "## Section by section", ""]
    lines += [
        "The lesson's own words, what to predict, and what came. A cell without a time takes less than 5 seconds.",
        "",
    ]
    for minutes, part in rounded(parts[:-1]):  # the last is the argument, told above
        if part.told.lines:
            reads = f"{minutes} minutes in class" if minutes else "in passing"
            lines += [f"### {part.name} ({reads})", "", *part.told.lines]
    return "\n".join(lines).rstrip() + "\n"


def exercises_page(path, nb):
    """The exercises of a lesson with hints and mistakes, and its quiz with the key."""
    number = path.stem[:2]
    title = nb.cells[0].source.splitlines()[0].lstrip("# ")
    lines = [
        f"# Exercises and quiz of lesson {number}: {title}",
        "",
        f"Made by `tools/teaching.py`. [Notes]({number}.md).",
        "",
    ]
    for _, module, name in tagged(nb, "exercise"):
        exercise = find(module, name)
        lines.append(f"## {exercise.name} (about {exercise.minutes} minutes, difficulty {exercise.difficulty} of 3)")
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
        after = stop_after(parts_of(nb), 45 - OPENING)
        minutes = [find(module, name).minutes for _, module, name in tagged(nb, "exercise")]
        link = f"[{number} {name}](teaching/{number}.md)"
        lines.append(
            f"| {link} | {declared['minutes']} | {declared['seconds']} s, {declared['gigabytes']} GB | "
            f"{f'to “{after.name}”' if after else 'all of it'} | "
            f"{f'{len(minutes)}, {sum(minutes)} minutes' if minutes else 'none'} | {declared['needs']} |"
        )
    return "\n".join(lines)


def pages():
    """{path: text} of all that this tool writes."""
    notebooks = [(p, nbformat.read(p, as_version=4)) for p in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))]
    made = {FOLDER / f"{path.stem[:2]}.md": page(path, nb) for path, nb in notebooks}
    made |= {FOLDER / f"{path.stem[:2]}_exercises.md": exercises_page(path, nb) for path, nb in notebooks}
    guide = GUIDE.read_text(encoding="utf-8")
    before, rest = guide.split(BEGIN)
    made[GUIDE] = f"{before}{BEGIN}\n{table(notebooks)}\n{END}{rest.split(END)[1]}"
    return made


if __name__ == "__main__":
    stale = {p: t for p, t in pages().items() if not p.exists() or p.read_text(encoding="utf-8") != t}
    if sys.argv[1:] == ["check"]:
        sys.exit(f"out of date: {', '.join(p.name for p in stale)}: run tools/teaching.py" if stale else 0)
    FOLDER.mkdir(exist_ok=True)
    for path, text in stale.items():
        path.write_text(text, encoding="utf-8", newline="\n")
        print(f"wrote {path.relative_to(ROOT)}")
