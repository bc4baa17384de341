"""Write docs/glossary.md from the lists "Words of this lesson" in the notebooks.

    python tools/glossary.py          write it
    python tools/glossary.py check    say whether it is up to date; writes nothing

Each line of such a list is `* **word**: what it means`. A word is explained in the lesson that first uses it.
"""

import re
import sys
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "glossary.md"
HEADING = "Words of this lesson"
ENTRY = re.compile(r"^\* \*\*(.+?)\*\*: (.+?)(?=\n\* |\n\n|\Z)", re.M | re.S)


def words(nb):
    """[(word, meaning)] of one notebook, in its order."""
    for cell in nb.cells:
        if cell.cell_type == "markdown" and re.search(rf"^#+ {HEADING}$", cell.source, re.M):
            listed = cell.source.split(HEADING, 1)[1]
            return [(word, " ".join(meaning.split())) for word, meaning in ENTRY.findall(listed)]
    return []


def page(notebooks):
    """The whole page. Raises ValueError where two lessons explain the same word."""
    found = {}
    for path, nb in notebooks:
        for word, meaning in words(nb):
            if word.lower() in found:
                raise ValueError(f"{path.name} explains {word!r}, and {found[word.lower()][2].name} does so already")
            found[word.lower()] = (word, meaning, path)
    lines = ["# Glossary", "", f'Made by `tools/glossary.py` from the lists "{HEADING}".', ""]
    for key in sorted(found):
        word, meaning, path = found[key]
        lines.append(f"* **{word}** ([{path.stem[:2]}](../notebooks/{path.name})): {meaning}")
    return "\n".join(lines) + "\n"


def current():
    """The page as the notebooks have it now."""
    return page((path, nbformat.read(path, as_version=4)) for path in sorted((ROOT / "notebooks").glob("*.ipynb")))


if __name__ == "__main__":
    if sys.argv[1:] == ["check"]:
        fresh = PAGE.exists() and PAGE.read_text(encoding="utf-8") == current()
        sys.exit(0 if fresh else f"{PAGE.name} is out of date: run tools/glossary.py")
    PAGE.write_text(current(), encoding="utf-8", newline="\n")
    print(f"wrote {PAGE.relative_to(ROOT)}: {PAGE.read_text(encoding='utf-8').count('* **')} words")
