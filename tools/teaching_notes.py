"""What a notebook's own cells tell a teacher, section by section: its prose, predictions, what came, pictures."""

import re
from dataclasses import dataclass, field

PREDICTION = re.compile(r"\*\*Predict\b")
LINK = re.compile(r"(\]\()(?![a-z]+:|#)", re.I)
LONGEST_CODE, MOST_LINES, MOST_WIDTH = 14, 16, 118


@dataclass
class Section:
    """One part of a lesson: its lines of Markdown, how many predictions it asks for, its first and last cell."""

    lines: list = field(default_factory=list)
    predictions: int = 0
    cells: list = field(default_factory=list)

    def where(self):
        """'cells 3 to 7', 'cell 3', or nothing."""
        if len(self.cells) < 2:
            return "".join(f"cell {n}" for n in self.cells)
        return f"cells {self.cells[0]} to {self.cells[-1]}"


def shown(cell):
    """(text printed, [sentence for each picture]) of one code cell."""
    text, pictures = [], []
    for output in cell.get("outputs", ()):
        data = output.get("data", {})
        if output.get("name") == "stdout":
            text.append(output.text)
        elif "image/png" in data:
            meta = output.get("metadata", {})
            alt = meta.get("image/png", {}).get("alt") or meta.get("alt") or data.get("text/plain", "")
            pictures.append(" ".join(alt.split()))
        elif "text/plain" in data and not data["text/plain"].startswith("<"):
            text.append(data["text/plain"])
    pictures = [sentence for sentence in pictures if " " in sentence]
    text = [part.rstrip() for part in text if part.strip() and " ".join(part.split()) not in pictures]
    return "\n".join(text), pictures


def cut(text):
    """The first lines of what a cell printed."""
    lines = text.splitlines()
    kept = [line if len(line) <= MOST_WIDTH else line[: MOST_WIDTH - 1] + "…" for line in lines[:MOST_LINES]]
    return "\n".join(kept + (["…"] if len(lines) > MOST_LINES else []))


def prose(source):
    """A text cell as it stands in the page: the section's heading is taken off, smaller ones become bold words."""
    text = re.sub(r"^## .+\n?", "", source, flags=re.M)
    text = re.sub(r"^#{3,} (.+)$", r"**\1**", text, flags=re.M)
    return LINK.sub(r"\1../../notebooks/", text).strip()


def about(cell, predicted):
    """Lines on a code cell: its number, the code where the class must predict what it does, and what came."""
    number, seconds = cell.execution_count, cell.metadata.get("seconds")
    tags = cell.metadata.get("tags", ())
    exercise = next((tag.rpartition(".")[2] for tag in tags if tag.startswith("exercise:")), None)
    if exercise:
        return [f"*Cell {number}: exercise `{exercise}`.*", ""]
    text, pictures = shown(cell)
    if any(tag.startswith("check:") for tag in tags) or not (text or pictures):
        return []
    lines, takes = [], f", about {seconds} seconds" if seconds else ""
    source = cell.source.strip().splitlines()
    if predicted and len(source) <= LONGEST_CODE and "hide-input" not in tags:
        lines += [f"*Cell {number}{takes}:*", "", "```python", *source, "```", ""]
    if text:
        came = "What came" if lines else f"What came (cell {number}{takes})"
        lines += [f"*{came}:*", "", "```text", *cut(text).splitlines(), "```", ""]
    for sentence in pictures:
        lines += [f"*Picture (cell {number}{takes}):* {sentence}", ""]
    return lines


def by_section(nb):
    """{heading of level 2, or the title: its Section}, in the order of the notebook."""
    found, predicted = {}, False
    section = found.setdefault(nb.cells[0].source.splitlines()[0].lstrip("# "), Section())
    for cell in nb.cells[1:]:
        if cell.cell_type == "markdown":
            heading = re.search(r"^## (.+)$", cell.source, re.M)
            if heading:
                section = found.setdefault(heading[1], Section())
            text = prose(cell.source)
            predicted = bool(PREDICTION.search(text))
            section.predictions += len(PREDICTION.findall(text))
            section.lines += [text, ""] if text else []
        else:
            section.cells.append(cell.execution_count)
            section.lines += about(cell, predicted)
    return found
