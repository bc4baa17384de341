"""Tables that a command of the course measures: a dataclass for each row, a CSV file on the disk."""

import csv
import os
from dataclasses import asdict, fields
from pathlib import Path


def read_rows(kind, path, missing, /, **only):
    """The rows of a table as objects of the dataclass `kind`, in order; `only` names fields and their values.

    Raises FileNotFoundError with the sentence `missing`, which says how to make it, where there is no such file.
    """
    if not Path(path).exists():
        raise FileNotFoundError(missing)
    types = {f.name: f.type for f in fields(kind)}
    with open(path, encoding="utf-8", newline="") as file:
        rows = [kind(**{k: types[k](v) for k, v in row.items()}) for row in csv.DictReader(file)]
    return [row for row in rows if all(getattr(row, key) == value for key, value in only.items())]


def write_rows(rows, path):
    """Write rows of one dataclass, at least one, whole or not at all; the folder is made where there is none."""
    rows, temporary = list(rows), Path(f"{path}.part")
    temporary.parent.mkdir(parents=True, exist_ok=True)
    with open(temporary, "w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, [f.name for f in fields(rows[0])], lineterminator="\n")
        table.writeheader()
        table.writerows(map(asdict, rows))
    os.replace(temporary, path)
