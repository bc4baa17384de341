"""For a class: an nbgrader course out of the lessons' exercises.

python -m lmlib class release DIR      source notebooks for the teacher, release notebooks for the students

`trial` runs an answer in a process of its own; `release` writes the course; `literal` writes cases as Python.
"""

from .trial import exam, hidden, public

__all__ = ["exam", "hidden", "public"]
