"""Write docs/teaching/NN.md and the table in docs/teaching.md from the notebooks, their exercises and lmlib/lessons.

    python tools/teaching.py          write them
    python tools/teaching.py check    say whether they are up to date; writes nothing

What a page says: minutes for each section, where to stop after 45 and after 90 minutes, what one must know, what
learners believe and the question that shows it, a board sketch, questions to discuss, and each exercise's mistakes.
"""

import re
import sys
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

import glossary  # noqa: E402  (the tools beside this one)
from exercises import find, tagged  # noqa: E402

from lmlib import lessons  # noqa: E402
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
    lines.append("")
    for length in STOPS:
        after = stop_after(parts, length)
        lines.append(
            f"* In {length} minutes: stop after “{after}”, the rest is homework."
            if after
            else f"* In {length} minutes: the whole lesson fits"
            + (f", with {round(length - declared['minutes'])} minutes for exercises." if length > total else ".")
        )
    lines += ["", "## On the board", "", "```text", notes.board, "```", "", "## What learners believe", ""]
    for belief in notes.beliefs:
        lines += [f"* *“{belief['says']}”*", f"  * Ask: {belief['ask']}", f"  * Hear: {belief['hear']}"]
    lines += ["", "## To discuss", "", *(f"{i}. {text}" for i, text in enumerate(notes.discuss, 1)), ""]
    listed = list(tagged(nb, "exercise"))
    if listed:
        lines += ["## Exercises and their mistakes", ""]
        for _, module, name in listed:
            exercise = find(module, name)
            lines.append(f"**{name}** (about {exercise.minutes} minutes, difficulty {exercise.difficulty} of 3)")
            lines.append("")
            lines += [f"* {message}" for _, message in exercise.misconceptions.values()]
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def table(notebooks):
    """The lessons' table in docs/teaching.md."""
    lines = ["| lesson | minutes | runs in | in 45 minutes | exercises | before it |", "|---|---|---|---|---|---|"]
    for path, nb in notebooks:
        number, declared = path.stem[:2], head(nb)
        name = nb.cells[0].source.splitlines()[0].lstrip("# ")
        after = stop_after(sections(nb), STOPS[0])
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
