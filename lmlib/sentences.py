"""What a real BERT knows of real reviews: its frozen vectors and logistic regression, beside counts of words.

Rows of data/sentences.csv are measured, never typed: `python -m lmlib.sentences --make` downloads all-MiniLM-L6-v2
(80 MB) and the reviews, encodes each review once, and learns from 20, 200, 2,000 and all labels, three times others.
"""

import argparse
import random
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import mean

import numpy as np
from sklearn.linear_model import LogisticRegression

from .measured import read_rows, write_rows
from .tasks import sentiment
from .tasks.classify import Counted

TABLE = Path(__file__).resolve().parents[1] / "data" / "sentences.csv"
SEARCHES = TABLE.with_name("search.csv")
SENTENCES = (  # of the same village, but nobody's words are those of the question
    "The broth was not warm.",
    "I lost what opens the door.",
    "Her youngest cannot sleep at night.",
    "They marry on Saturday.",
    "It has been raining for a week.",
    "The boat needs new boards.",
    "He asks too much for his bread.",
)
QUESTIONS = (
    "Who complains about cold soup?",
    "Is somebody missing a key?",
    "A baby that keeps its mother awake",
    "When is the wedding?",
    "Is the baker expensive?",
)
SEEDS = (0, 1, 2)
LABELS = (20, 200, 2000, None)  # None: all that there are
METHODS = ("counts of words", "frozen vectors")
C = 10.0  # of the logistic regression: vectors of length 1 hold small numbers, so a weak penalty; not tuned


@dataclass
class Row:
    """One method, taught once with so many labels of a set of reviews, on that set's test split."""

    data: str
    method: str
    labels: int
    seed: int
    accuracy: float


def measure(encoder, data="sst2", say=print):
    """A list of rows; encoder: an object with `encode(texts)`, such as `load_minilm()`."""
    train, test = (list(sentiment.load(data, split)) for split in ("train", "test"))
    x, x_test = (encoder.encode([e.text for e in part]).numpy() for part in (train, test))
    y, y_test = (np.array([e.label for e in part]) for part in (train, test))
    rows = []
    for n in LABELS:
        for seed in SEEDS if n else SEEDS[:1]:
            some = random.Random(seed).sample(range(len(train)), n) if n else list(range(len(train)))
            counted = Counted(1).fit([train[i].text for i in some], y[some])
            right = {
                "counts of words": (counted.probabilities([e.text for e in test]) > 0.5) == y_test,
                "frozen vectors": LogisticRegression(C=C, max_iter=2000).fit(x[some], y[some]).predict(x_test)
                == y_test,
            }
            for method in METHODS:
                rows.append(Row(data, method, len(some), seed, round(float(np.mean(right[method])), 4)))
                say(rows[-1])
    return sorted(rows, key=lambda row: METHODS.index(row.method))


@dataclass
class Found:
    """How near a sentence is to a question: the cosine of their vectors."""

    question: str
    sentence: str
    cosine: float


def search(encoder, questions=QUESTIONS, sentences=SENTENCES):
    """A list of `Found`, for each question the nearest sentence first."""
    near = encoder.encode(list(questions)) @ encoder.encode(list(sentences)).T  # vectors of length 1: the cosines
    return [
        Found(question, sentences[i], round(float(row[i]), 4))
        for question, row in zip(questions, near)
        for i in row.argsort(descending=True).tolist()
    ]


def read_search(path=SEARCHES):
    """The recorded search. Raises FileNotFoundError where it was not made yet."""
    return read_rows(Found, path, "there is no search yet: make it with `python -m lmlib.sentences --search`")


def read(path=TABLE):
    """The rows of the table. Raises FileNotFoundError where it was not made yet."""
    return read_rows(Row, path, "there is no table yet: make it with `python -m lmlib.sentences --make`")


def text(rows):
    """The rows as a table to print: a line a method, a column a number of labels, mean ± half the range."""
    lines = []
    for data in dict.fromkeys(row.data for row in rows):
        some = [row for row in rows if row.data == data]
        labels = sorted({row.labels for row in some})
        lines.append(f"{data:18}" + "".join(f"{f'{n:,} labels':>18}" for n in labels))
        for method in METHODS:
            line = f"{method:18}"
            for n in labels:
                v = [row.accuracy for row in some if (row.method, row.labels) == (method, n)]
                line += (
                    f"{f'{mean(v):.3f} ± {(max(v) - min(v)) / 2:.3f}' if len(v) > 1 else f'{v[0]:.3f}        ':>18}"
                )
            lines.append(line.rstrip())
    return "\n".join(lines)


def main(argv=None):
    """`python -m lmlib.sentences`: print the table; with --make, measure a set of reviews and write it."""
    parser = argparse.ArgumentParser("python -m lmlib.sentences", description=__doc__.splitlines()[0])
    parser.add_argument("--make", nargs="?", const="sst2", choices=("sst2", "waimai"), help="a set of reviews")
    parser.add_argument("--search", action="store_true", help="put the questions to the sentences, write search.csv")
    options = parser.parse_args(argv)
    if options.search or options.make:
        from .models.minilm import load_minilm

    if options.search:
        write_rows(search(load_minilm()), SEARCHES)
    if options.make:
        others = [row for row in read() if row.data != options.make] if TABLE.exists() else []
        rows = measure(load_minilm(), options.make, partial(print, file=sys.stderr, flush=True))
        write_rows(sorted([*others, *rows], key=lambda row: row.data), TABLE)
    print(text(read()))


if __name__ == "__main__":
    main()
