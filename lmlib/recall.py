"""The recall task: how far back can a model remember one thing?

A sequence is one of 10 value tokens, then `distance` - 1 fillers (10 kinds, drawn by lot), then a query token. The
answer is the value, `distance` tokens before the query; whoever has forgotten it is right one time in ten. It is a
small relative of the latching task of Bengio, Simard and Frasconi 1994.

In training the longest distance is 10 (SHORT); the test goes on to 300, so it asks how well a memory keeps what it
has learned to keep. A second table is of models that met all distances up to 300 (LONG) in as many steps: it asks who
can learn over a long way at all.

Rows of data/recall.csv are measured, never typed: `python -m lmlib.recall --make` trains each kind of model, three
times with different seeds, all on the same sequences. Lessons 04 to 06 share the figure.
"""

import argparse
import math
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import torch
import torch.nn.functional as F
from torch import nn

from .measured import read_rows, write_rows
from .models.attention import MultiHeadAttention
from .models.network import seeded

TABLE = Path(__file__).resolve().parents[1] / "data" / "recall.csv"
KINDS = ("rnn", "gru", "lstm", "attention")
NAMES = {"rnn": "RNN", "gru": "GRU", "lstm": "LSTM", "attention": "attention"}
DISTANCES = (2, 3, 5, 8, 12, 20, 30, 45, 70, 100, 150, 210, 300)
N_VALUES, N_FILLERS = 10, 10
QUERY = N_VALUES + N_FILLERS
CHANCE = 1 / N_VALUES
SEEDS = (0, 1, 2)
SHORT, LONG = 10, 300  # the longest distance in training
STEPS, BATCH, LR = 600, 64, 3e-3  # of the training behind each row
TESTED = 1000  # sequences behind each accuracy


def batch(n, distance, generator):
    """`n` sequences drawn by lot: ids (n, distance + 1) and answers (n,), the values.

    Raises ValueError for a distance below 1: the query comes after the value.
    """
    if distance < 1:
        raise ValueError(f"the query comes 1 token or more after the value, not {distance}")
    ids = torch.randint(N_VALUES, QUERY, (n, distance + 1), generator=generator)
    answers = torch.randint(N_VALUES, (n,), generator=generator)
    ids[:, 0], ids[:, -1] = answers, QUERY
    return ids, answers


class Reader(nn.Module):
    """Reads a sequence and answers at its end: embedding, one layer of `kind`, a head on the last place.

    `forward(ids)`: ids (batch, time) -> logits (batch, N_VALUES). kind: one of KINDS. The three recurrent kinds are
    torch's, as fast as they get. Attention has no state: the query's vector looks at all places directly, and knows
    nothing of their order. Raises ValueError for an unknown kind.
    """

    def __init__(self, kind, d_model=32, seed=0):
        super().__init__()
        if kind not in KINDS:
            raise ValueError(f"no reader is called {kind!r}: choose one of {', '.join(KINDS)}")
        self.kind = kind
        with seeded(seed):
            self.embedding = nn.Embedding(QUERY + 1, d_model)
            if kind == "attention":
                self.layer = MultiHeadAttention(d_model, n_heads=1)
            else:
                recurrent = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}[kind]
                self.layer = recurrent(d_model, d_model, batch_first=True)
            self.head = nn.Linear(d_model, N_VALUES)

    def forward(self, ids):
        x = self.embedding(ids)  # (batch, time, d_model)
        if self.kind == "attention":
            last, _ = self.layer(x[:, -1:], x, x)  # (batch, 1, d_model)
        else:
            last, _ = self.layer(x)
        return self.head(last[:, -1])


def train(kind, seed, steps=STEPS, longest=SHORT):
    """A Reader trained on `steps` batches; see `learn`."""
    return learn(Reader(kind, seed=seed), seed, steps, longest)


def learn(model, seed, steps=STEPS, longest=SHORT):
    """Train any model from ids to logits on `steps` batches, in place; returns it.

    Each batch has a distance of its own, drawn log-uniformly from 2 to `longest`. The same seed draws the same
    batches for every model. Adam, gradients clipped to norm 1; the learning rate falls to zero in the second half.
    """
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=LR)
    for step in range(steps):
        share = torch.rand(1, generator=generator).item()
        distance = round(2 * (longest / 2) ** share)
        ids, answers = batch(BATCH, distance, generator)
        optimizer.zero_grad()
        F.cross_entropy(model(ids), answers).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for group in optimizer.param_groups:
            group["lr"] = LR * min(1.0, 2 * (1 - step / steps))
        optimizer.step()
    return model


@torch.inference_mode()
def accuracy(model, distance, n=TESTED, seed=0):
    """The share of `n` fresh sequences whose value the model names; by chance it is 0.1."""
    generator = torch.Generator().manual_seed(1_000_003 * (seed + 1) + distance)  # never a seed of training
    ids, answers = batch(n, distance, generator)
    return (model(ids).argmax(-1) == answers).double().mean().item()


# --- the table ---


@dataclass
class Row:
    """One model, trained on distances up to `longest`, at one distance."""

    kind: str
    seed: int
    distance: int
    accuracy: float
    longest: int = SHORT


def measure(kind, seed, steps=STEPS, longest=SHORT):
    """Train one model; a row for each distance."""
    model = train(kind, seed, steps, longest)
    return [Row(kind, seed, distance, round(accuracy(model, distance), 4), longest) for distance in DISTANCES]


def read(path=TABLE, longest=SHORT):
    """The rows of models trained up to `longest`. Raises FileNotFoundError where the table was not made yet."""
    missing = "there is no recall table yet: make it with `python -m lmlib.recall --make`"
    return read_rows(Row, path, missing, longest=longest)


def reach(rows, kind, at_least=0.95):
    """The longest distance up to which a kind is right `at_least` this often, in the mean over its seeds; or 0."""
    furthest = 0
    for distance in sorted({row.distance for row in rows if row.kind == kind}):
        if mean(row.accuracy for row in rows if (row.kind, row.distance) == (kind, distance)) < at_least:
            break
        furthest = distance
    return furthest


# --- the figure ---


def figure(new=(), rows=None):
    """Accuracy against distance for all four kinds, mean and range over the seeds: (figure, its sentence).

    new: (name, {distance: accuracy}) of models just trained, drawn on top. rows: by default those of the table.
    """
    from . import plots

    rows = read() if rows is None else rows
    far = ", ".join(f"{reach(rows, kind) or 'none'} ({NAMES[kind]})" for kind in KINDS)
    title = f"95 % of the answers are right up to a distance of {far}"
    fig, ax = plots.figure(title=title, height=4.2)
    looks = {
        "rnn": ("grey", ":"),
        "gru": ("alternative", "-."),
        "lstm": ("model", "-"),
        "attention": ("attention", "--"),
    }
    ends = []
    for kind in KINDS:
        role, dashes = looks[kind]
        distances, means, low, high = _curve(rows, kind)
        ax.fill_between(distances, low, high, color=plots.COLOUR[role], alpha=0.18, linewidth=0)
        ax.plot(distances, means, color=plots.COLOUR[role], linestyle=dashes, marker="o", markersize=4)
        ends.append((means[-1], NAMES[kind], plots.COLOUR[role]))
    for name, curve in new:
        distances, values = zip(*sorted(curve.items()))
        ax.plot(distances, values, color=plots.COLOUR["focus"], marker="s", markersize=5, linestyle="-")
        ends.append((values[-1], name, plots.COLOUR["focus"]))
    ends.append((CHANCE, "chance", plots.COLOUR["muted"]))
    ax.axhline(CHANCE, color=plots.COLOUR["muted"], linewidth=1, linestyle=(0, (2, 3)))
    previous = -math.inf
    for y, name, colour in sorted(ends):  # labels at least one line of writing apart
        previous = max(y, previous + 0.07)
        plots.beside(ax, name, 1, previous, xycoords=ax.get_yaxis_transform(), color=colour, weight="bold")
    ax.set_xscale("log")
    ticks = [2, 5, 10, 20, 50, 100, 300]
    ax.set_xticks(ticks, list(map(str, ticks)))
    ax.minorticks_off()
    ax.set(xlim=(1.9, 310), ylim=(0, 1.05), xlabel="distance from the value to the query, in tokens (log)")
    ax.set_ylabel("share of right answers")
    return fig, alt(rows, new)


def _curve(rows, kind):
    """Distances, and at each the mean, the least and the largest accuracy over the seeds."""
    distances = sorted({row.distance for row in rows if row.kind == kind})
    at = [[row.accuracy for row in rows if (row.kind, row.distance) == (kind, d)] for d in distances]
    return distances, list(map(mean, at)), list(map(min, at)), list(map(max, at))


def alt(rows, new=()):
    """One sentence: each kind's accuracy at a short, a middle and the longest distance."""
    told = []
    for kind in KINDS:
        distances, means, _, _ = _curve(rows, kind)
        told.append((NAMES[kind], dict(zip(distances, means))))
    parts = []
    for name, curve in (*told, *new):
        shown = [d for d in (5, 30, 100, 300) if d in curve] or sorted(curve)
        parts.append(f"{name} " + ", ".join(f"{curve[d]:.2f} at {d}" for d in shown))
    return f"Share of right answers by distance in tokens: {'; '.join(parts)}; chance is {CHANCE:.2f}."


def main(argv=None):
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m lmlib.recall", description="Print or make the recall table.")
    parser.add_argument("--make", action="store_true", help="train every kind with every seed and write the table")
    if parser.parse_args(argv).make:
        rows = []
        for longest in (SHORT, LONG):
            for kind in KINDS:
                for seed in SEEDS:
                    rows += measure(kind, seed, longest=longest)
                    found = (f"{row.distance}:{row.accuracy:.2f}" for row in rows[-len(DISTANCES) :])
                    print(f"up to {longest}, {kind}, seed {seed}:", *found, flush=True)
        write_rows(rows, TABLE)
    for longest in (SHORT, LONG):
        print(f"Trained up to {longest}. {alt(read(longest=longest))}")


if __name__ == "__main__":
    main()
