"""Which classifier is right on which kind of opinion? The table of lesson 11.

Rows of data/praise.csv are measured, never typed: `python -m lmlib.praise --make` trains every classifier on the
village's opinions, those that start from chance three times with different seeds. `--make sst2` and `--make waimai`
train each once on real reviews, which must be downloaded, and replace their rows alone.
"""

import argparse
import sys
from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import mean

import torch
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS
from sklearn.naive_bayes import MultinomialNB

from .measured import read_rows, write_rows
from .tasks import sentiment
from .tasks.classify import Counted, Neural
from .tasks.sentiment import words

TABLE = Path(__file__).resolve().parents[1] / "data" / "praise.csv"
SEEDS = (0, 1, 2)
NAMES = {"mean": "mean of vectors", "lstm": "LSTM", "attention": "attention"}


def without_stop_words(text):
    """The words of a text without marks and without scikit-learn's English stop words."""
    return [word for word in words(text, punctuation=False) if word not in ENGLISH_STOP_WORDS]


# What is taken away before anybody reads.
REMOVED = {
    "nothing": words,
    "punctuation": partial(words, punctuation=False),
    "stop words too": without_stop_words,
}

# For each set and kind of network, what its training is like; `steps` are batches of 32. Real labels are few for so
# many words: dropout, and small word vectors at the start.
_REAL = {
    "mean": {"steps": 800, "lr": 0.02, "dropout": 0.5, "spread": 0.1},
    "lstm": {"steps": 500, "lr": 0.02, "dropout": 0.5, "spread": 0.1},
    "attention": {"steps": 500, "lr": 0.01, "dropout": 0.3, "spread": 0.3, "positions": "rotary"},
}
SETTINGS = {
    "village": {
        "mean": {"steps": 600, "lr": 0.01},
        "lstm": {"steps": 600, "lr": 0.01},
        "attention": {"steps": 600, "lr": 0.01, "positions": "rotary"},
    },
    "sst2": _REAL,
    "waimai": _REAL,
}


def network(kind, data="village", removed="nothing", seed=0, progress=False, **settings):
    """A `Neural` of this kind, trained as the table says; settings: what is to be different, `steps` first of all."""
    train, valid = (sentiment.load(data, split) for split in ("train", "validation"))
    settings = SETTINGS[data][kind] | settings
    return Neural.train(kind, train, valid, words=REMOVED[removed], seed=seed, progress=progress, **settings)


def counts(n, data="village", removed="nothing", kind=Counted):
    """Logistic regression on runs of up to n words. Its loss has one minimum, so it needs no seed."""
    train = sentiment.load(data, "train")
    return kind(n, words=REMOVED[removed]).fit([e.text for e in train], [e.label for e in train])


class _NaiveBayes(Counted):
    """Multinomial naive Bayes on word counts, add-one smoothing, for a yardstick on real reviews."""

    def fit(self, texts, labels):
        self.bayes = MultinomialNB().fit(self.counter.fit_transform(texts), labels)
        return self

    def logits(self, texts):
        log_p = self.bayes.predict_log_proba(self.counter.transform(texts))
        return log_p[:, 1] - log_p[:, 0]


def by_kind(classifier, examples):
    """Accuracy on each kind of examples, and on "all": a dict."""
    said = classifier.probabilities([e.text for e in examples]) > 0.5
    right = defaultdict(list)
    for says, example in zip(said, examples):
        right[example.kind].append(bool(says) == bool(example.label))
        right["all"].append(bool(says) == bool(example.label))
    order = (*sentiment.KINDS, *right)  # the village's kinds in their own order
    return {kind: float(mean(right[kind])) for kind in sorted(right, key=order.index)}


# --- the table ------------------------------------------------------------------------------------------------


@dataclass
class Row:
    """One classifier, trained once, on one kind of test texts."""

    data: str
    model: str
    removed: str
    seed: int
    kind: str
    accuracy: float


def _models(data):
    """(name, what is removed, seed, function that trains it) for every classifier of the table."""
    village = data == "village"
    for removed in REMOVED if data != "waimai" else ("nothing",):
        whole = removed == "nothing"
        for n in (1, 2, 3, 4, 6) if village and whole else (1, 2):
            name = "counts of words" if n == 1 else f"counts of runs up to {n}"
            yield name, removed, 0, partial(counts, n, data, removed)
        if whole and not village:
            yield "naive Bayes", removed, 0, partial(counts, 1, data, removed, _NaiveBayes)
        for kind in NAMES if village and whole else ("lstm",) if village or whole else ():
            for seed in SEEDS if village and whole else SEEDS[:2] if village else SEEDS[:1]:
                yield NAMES[kind], removed, seed, partial(network, kind, data, removed, seed)


def measure(data="village", say=print, only=None):
    """Train every classifier on one set, or those called `only`, and test it: a list of rows."""
    rows = []
    for name, removed, seed, make in _models(data):
        if only not in (None, name):
            continue
        rows += test(make(), data, name, removed, seed)
        say(f"{data}, {name}, removed: {removed}, seed {seed}: {rows[-1].accuracy:.4f}")
    return rows


def test(classifier, data, name, removed, seed):
    """The rows of one classifier; the last is that of all test texts."""
    found = by_kind(classifier, sentiment.load(data, "test"))
    if data == "village":
        found["new adjective"] = by_kind(classifier, sentiment.load(data, "new adjective"))["all"]
        for word, some in new_connectives().items():
            found[f"new: {word}"] = by_kind(classifier, some)["all"]
    found["all"] = found.pop("all")
    return [Row(data, name, removed, seed, kind, round(accuracy, 4)) for kind, accuracy in found.items()]


def new_connectives():
    """The village's opinions with a connective that no training text holds, by that word."""
    examples = sentiment.load("village", "new connective")
    return {word: [e for e in examples if f", {word} the " in e.text] for word in ("still", "though")}


def read(path=TABLE, **only):
    """The rows of the table; `only` names fields and values, as in read(data="village", removed="nothing").

    Raises FileNotFoundError where the table was not made yet.
    """
    return read_rows(Row, path, "there is no table yet: make it with `python -m lmlib.praise --make`", **only)


def accuracies(rows):
    """{(model, kind): accuracies of all seeds}, models and kinds in the order of the rows."""
    found = defaultdict(list)
    for row in rows:
        found[row.model, row.kind].append(row.accuracy)
    return dict(found)


def text(rows):
    """The rows as a table to print: a line a model, a column a kind, mean and ± half the range over the seeds."""
    found = accuracies(rows)
    models = list(dict.fromkeys(model for model, _ in found))
    kinds = list(dict.fromkeys(kind for _, kind in found))
    lines = [f"{'':22}" + "".join(f"{kind:>21}" for kind in kinds)]
    for model in models:
        cells = []
        for kind in kinds:
            values = found[model, kind]
            spread = f" ± {(max(values) - min(values)) / 2:.3f}" if len(values) > 1 else " " * 8
            cells.append(f"{mean(values):.3f}{spread}")
        lines.append((f"{model:22}" + "".join(f"{cell:>21}" for cell in cells)).rstrip())
    return "\n".join(lines)


def figure(rows, kinds=sentiment.KINDS, title=None):
    """Accuracy on each kind, a row of dots for each model, mean and range over the seeds: (figure, its sentence).

    rows: of one set, with nothing removed. Models stand in the order of the rows, on each kind from above.
    """
    from . import plots

    found = accuracies(rows)
    models = list(dict.fromkeys(row.model for row in rows))
    title = title or figure_title(rows)
    fig, axes = plots.figure(1, len(kinds), title=title, height=1.3 + 0.34 * len(models), sharey=True)
    for ax, kind in zip(axes, kinds):
        ax.axvline(0.5, color=plots.COLOUR["muted"], linewidth=1, linestyle=(0, (2, 3)))
        for y, model in enumerate(models):
            values, learned = found[model, kind], model in NAMES.values()
            look = {"color": plots.COLOUR["model" if learned else "grey"], "marker": "o" if learned else "s"}
            ax.plot([min(values), max(values)], [y, y], color=look["color"], linewidth=2, linestyle="-")
            ax.plot(mean(values), y, markersize=7, linestyle="none", **look)
            at_right = mean(values) < 0.7
            ax.annotate(
                f"{mean(values):.2f}",
                (max(values) if at_right else min(values), y),
                xytext=(7 if at_right else -7, 0),
                textcoords="offset points",
                ha="left" if at_right else "right",
                va="center",
                size=9,
                color=plots.COLOUR["ink"],
                bbox={"facecolor": plots.COLOUR["paper"], "edgecolor": "none", "pad": 0.8},
            )
        ax.set(xlim=(-0.04, 1.06), ylim=(len(models) - 0.5, -0.5), xticks=[0, 0.5, 1])
        ax.set_title(kind, loc="left", size=10, weight="normal", color=plots.COLOUR["muted"])
    axes[0].set_yticks(range(len(models)), models)
    fig.supxlabel("share right (dotted: by tossing a coin)", size=10, color=plots.COLOUR["muted"])
    return fig, alt(rows, kinds)


def figure_title(rows):
    """The finding: what the best counter (a mean is one, too) and the best reader reach on twins."""
    found = accuracies(rows)

    def best(learned):
        return max(
            mean(mean(found[model, kind]) for kind in sentiment.TWINS)
            for model in {row.model for row in rows}
            if (model in (NAMES["lstm"], NAMES["attention"])) == learned
        )

    return f"On twins the best counter is right in {best(False):.0%}, the best reader in {best(True):.0%}"


def alt(rows, kinds=sentiment.KINDS):
    """One sentence: every model's mean accuracy on every kind."""
    found = accuracies(rows)
    parts = [
        f"{model} " + ", ".join(f"{mean(found[model, kind]):.2f}" for kind in kinds)
        for model in dict.fromkeys(row.model for row in rows)
    ]
    return f"Share right on {', '.join(kinds)}: {'; '.join(parts)}."


def _place(row):
    """Where a row stands in the file: as it is measured."""
    order = [(name, removed, seed) for name, removed, seed, _ in _models(row.data)]
    return list(SETTINGS).index(row.data), order.index((row.model, row.removed, row.seed))


def main(argv=None):
    """`python -m lmlib.praise`: print the table; with --make, measure one set's rows and write it."""
    parser = argparse.ArgumentParser("python -m lmlib.praise", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--make", nargs="?", const="village", choices=tuple(SETTINGS), help="a set of reviews to measure"
    )
    parser.add_argument("--only", metavar="NAME", help="of these the rows of one classifier, such as LSTM")
    options = parser.parse_args(argv)
    if options.make:
        torch.set_num_threads(1)  # the tensors are small: a second thread only costs time
        old = read() if TABLE.exists() else []
        others = [row for row in old if row.data != options.make or options.only not in (None, row.model)]
        rows = others + measure(options.make, partial(print, file=sys.stderr, flush=True), options.only)
        write_rows(sorted(rows, key=_place), TABLE)
    for data in SETTINGS:
        for removed in REMOVED:
            if rows := read(data=data, removed=removed):
                print(f"\n{data}, test, removed: {removed}\n{text(rows)}")


if __name__ == "__main__":
    main()
