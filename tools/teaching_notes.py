"""What a notebook's own cells tell a teacher: predictions with what came, formulas, pictures, section by section."""

import re

PREDICTION = re.compile(r"\*\*Predict\b[^*]*\*\*.*?(?=\n\s*\n|\Z)", re.S)
FORMULA = re.compile(r"\$\$(?:(?!\$\$).)*?\\tag\{[^}]*\}(?:(?!\$\$).)*?\$\$", re.S)
MOST_LINES, MOST_WIDTH = 12, 118


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
    return "\n".join(part.rstrip() for part in text if part.strip()), [p for p in pictures if " " in p]


def cut(text):
    """The first lines of what a cell printed."""
    lines = text.splitlines()
    kept = [line if len(line) <= MOST_WIDTH else line[: MOST_WIDTH - 1] + "…" for line in lines[:MOST_LINES]]
    return "\n".join(kept + (["…"] if len(lines) > MOST_LINES else []))


def by_section(nb):
    """{heading of level 2: its notes in order}; a note is ("predict", question, what came), ("formula", text) or
    ("picture", sentence)."""
    found, notes, waiting = {}, None, []
    for cell in nb.cells:
        if cell.cell_type == "markdown":
            heading = re.search(r"^## (.+)$", cell.source, re.M)
            if heading:
                notes = found.setdefault(heading[1], [])
            waiting = []
            if notes is None:
                continue
            notes += [("formula", match) for match in FORMULA.findall(cell.source)]
            for match in PREDICTION.findall(cell.source):
                waiting.append(len(notes))
                notes.append(("predict", " ".join(match.split()), ""))
        elif notes is not None:
            printed, pictures = shown(cell)
            if any(printed.startswith(sentence[:60]) for sentence in pictures):
                printed = ""  # the picture's own sentence, told below
            if waiting and (printed or pictures):
                kind, question, before = notes[waiting[-1]]
                notes[waiting[-1]] = (kind, question, f"{before}\n{printed}".strip("\n"))
            notes += [("picture", sentence) for sentence in pictures]
    return found


def lines_of(notes):
    """Markdown for one section's notes."""
    lines = []
    for kind, text, *printed in notes:
        if kind == "formula":
            lines += ["", text, ""]
        elif kind == "picture":
            lines.append(f"* Picture: {text}")
        else:
            lines.append(f"* {text}")
            if printed[0]:
                lines += ["", "  What came:", "", "  ```text"]
                lines += [f"  {line}".rstrip() for line in cut(printed[0]).splitlines()]
                lines += ["  ```", ""]
    return lines
