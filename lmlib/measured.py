"""Tables that a command of the course measures: a dataclass for each row, a CSV file on the disk."""

import csv
import os
from dataclasses import asdict, fields
from pathlib import Path


def read_rows(kind, path, missing):
    """The rows of a table as objects of the dataclass `kind`, in order.

    Raises FileNotFoundError with the sentence `missing`, which says how to make it, where there is no such file.
    """
    if not Path(path).exists():
        raise FileNotFoundError(missing)
    types = {f.name: f.type for f in fields(kind)}
    with open(path, encoding="utf-8", newline="") as file:
        return [kind(**{k: types[k](v) for k, v in row.items()}) for row in csv.DictReader(file)]


def write_rows(rows, path):
    """Write rows of one dataclass, at least one, whole or not at all."""
    rows, temporary = list(rows), Path(f"{path}.part")
    with open(temporary, "w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, [f.name for f in fields(rows[0])], lineterminator="\n")
        table.writeheader()
        table.writerows(map(asdict, rows))
    os.replace(temporary, path)
