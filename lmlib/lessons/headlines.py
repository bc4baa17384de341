"""The numbers that a lesson's argument rests on, each with the band in which its sentences stay true.

[[number]] in NN.toml: `what` it measures, `pattern` that finds it in what one cell prints (one group, the number),
`low` and `high`, and `why` the band is as wide as it is. A whole run of the notebooks compares each with its band.
"""

import re
from dataclasses import dataclass

from . import LessonError, read


@dataclass(frozen=True)
class Headline:
    """One number of a lesson, the pattern that finds it, and its band, both ends included."""

    what: str
    pattern: str
    low: float
    high: float
    why: str

    def find(self, text):
        """The number as it stands in a cell's text, or None where the cell does not print it."""
        found = re.search(self.pattern, text)
        return found and found[1]

    def problem(self, text):
        """One sentence on what is amiss with the text of the cell that should print the number, or None."""
        found = self.find(text)
        if found is None:
            return f"{self.what}: the cell no longer prints it (looked for {self.pattern!r})"
        if not self.low <= value(found) <= self.high:
            return f"{self.what}: {found}, outside its band of {self.low:g} to {self.high:g} ({self.why})"
        return None


def value(found):
    """'1,234' -> 1234.0, '85%' -> 85.0, '-.5' and '−.5' -> -0.5."""
    return float(found.replace(",", "").replace("−", "-").rstrip("% "))


def headlines(number):
    """The Headlines of a lesson. Raises LessonError where it has no page, or one of them is not whole."""
    try:
        return [Headline(**entry) for entry in read(number).get("number", ())]
    except TypeError as problem:
        raise LessonError(f"lesson {number}: a [[number]] is not whole ({problem}): add what is missing") from None


def said(outputs):
    """What a cell's outputs say: printed text, shown values, and the sentences under its figures."""
    parts = []
    for output in outputs:
        if output.get("name", "stdout") == "stdout":
            parts.append(output.get("text") or output.get("data", {}).get("text/plain", ""))
    return "\n".join(parts)
