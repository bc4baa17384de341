"""How long a lesson takes: what its first cell declares, and what the length of text, code and figures suggests."""

import re

# How long a class looks at a thing, before all is scaled to the minutes that the lesson declares.
WORDS_A_MINUTE, LINES_A_MINUTE, FIGURE_MINUTES = 150, 12, 1.0

HEAD = re.compile(
    r"about (\d+) minutes to read.*? · runs in about (\d+) seconds with about (\d\.\d) GB of memory on a laptop, "
    r"without a network · you need (.+?)\.\*"
)


def head(nb):
    """{"minutes", "seconds", "gigabytes", "needs"} as the lesson's first cell declares them. Raises ValueError."""
    text = " ".join(nb.cells[0].source.split())
    found = HEAD.search(text)
    if not found:
        raise ValueError(f"the first cell must declare minutes, seconds, memory and what one needs: {text[:90]} ...")
    minutes, seconds, gigabytes, needs = found.groups()
    return {"minutes": int(minutes), "seconds": int(seconds), "gigabytes": float(gigabytes), "needs": needs}


def estimated(nb):
    """[(heading, minutes)] of the parts to read, exercises and lists of words and sources apart."""
    found = []
    for cell in nb.cells:
        heading = re.search(r"^##? (.+)$", cell.source, re.M) if cell.cell_type == "markdown" else None
        if heading:
            found.append([heading[1], 0.0])
        if cell.cell_type == "markdown":
            found[-1][1] += len(cell.source.split()) / WORDS_A_MINUTE
        elif "hide-input" not in cell.metadata.get("tags", ()):
            found[-1][1] += len(cell.source.splitlines()) / LINES_A_MINUTE
            found[-1][1] += FIGURE_MINUTES * sum("image/png" in o.get("data", {}) for o in cell.outputs)
    last = re.compile(r"(\d+\. )?(Try it yourself|Your turn|Exercises|Words of this lesson|Sources)", re.I)
    return [(name, minutes) for name, minutes in found if not last.match(name)]


def sections(nb):
    """The parts to read, their minutes scaled to the total that the lesson declares."""
    read = estimated(nb)
    scale = head(nb)["minutes"] / sum(minutes for _, minutes in read)
    return [(name, minutes * scale) for name, minutes in read]
