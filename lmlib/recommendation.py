"""All recommenders of lesson 13 on one ruler, and the table of what they reach.

Each learns from the histories without their last two picks, and is asked for the last one, ranked among all items
that the user does not have (leave last out). For the village the truth is known: `expected` is the hit rate without
luck, the sum of the true probabilities of the ten items in a list, and the best possible list has the best possible
rate.

Rows of data/recommendation/measured.csv are measured, never typed: `python -m lmlib.recommendation --make village`
(or movielens-100k, which downloads 2 MB) trains each kind, three times with different seeds where chance plays a
part.
"""

import argparse
import hashlib
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import numpy as np

from . import ranking
from .measured import read_rows, write_rows
from .models import recommender
from .models.batching import IGNORE, ByLength
from .models.gpt import GPT, GPTConfig
from .models.recurrent import RecurrentConfig, RecurrentLM
from .tasks import recommendation as task
from .training import fit
from .training.data import DocumentBatches
from .village import choices

TABLE = Path(__file__).resolve().parents[1] / "data" / "recommendation" / "measured.csv"
K = 10
SEEDS = (0, 1, 2)
BEST = "best possible"
COUNTED = ("popularity", "item-to-item", "item-to-item, recent", "Markov")  # chance plays no part in these
LEARNED = ("matrix factorisation", "item2vec", "GRU", "self-attention")
RECENCY = 0.7  # chosen on the validation picks of both data sets, from 1, 0.9, ... 0.4
CONTEXT = 32  # last picks that the neural models read
# Steps of training (the best of ten on the validation picks is kept), width, share of numbers dropped.
SETTINGS = {
    "village": {"GRU": (600, 64, 0.3), "self-attention": (600, 64, 0.3)},
    "movielens-100k": {"GRU": (300, 64, 0.3), "self-attention": (300, 64, 0.3)},
}


def sequence_network(kind, n_items, width=64, dropout=0.3, seed=0):
    """An untrained language model over items: "GRU" (Hidasi et al. 2016) or "self-attention" (Kang, McAuley 2018).

    Raises ValueError for another kind.
    """
    if kind == "GRU":
        return RecurrentLM(RecurrentConfig(n_items + 1, cell="gru", d_model=width, dropout=dropout, seed=seed))
    if kind == "self-attention":
        sizes = {"n_layers": 2, "n_heads": 2, "d_model": width, "context": CONTEXT}
        return GPT(GPTConfig(n_items + 1, dropout=dropout, seed=seed, tied_head=True, **sizes))
    raise ValueError(f"no network over items is called {kind!r}: choose GRU or self-attention")


class HistoryBatches(DocumentBatches):
    """Batches of histories for `fit`: `[start] a b c` predicts `a b c d`.

    start: the mark's id, n_items. Histories longer than `context` are cut into pieces. Where a history ends in our
    file says nothing of the customer, so unlike a text it gets no end mark to be predicted.
    targets: the last pick alone is predicted (for validation); else each pick is.
    """

    def __init__(self, histories, start, batch_size=64, seed=0, context=None, last_only=False):
        if context is not None and last_only:
            histories = [history[-context:] for history in histories]
        super().__init__(histories, start, batch_size, seed, context)
        whole = [row[:-1] if row[-1] == start else row for row in self.rows]
        self.rows = sorted((row for row in whole if len(row) > 1), key=len)
        if not self.rows:
            raise ValueError("there is nothing to predict: give histories of one item or more")
        self.order = ByLength([len(row) for row in self.rows], batch_size, seed)
        self.last_only = last_only

    def _padded(self, rows):
        inputs, targets = super()._padded(rows)
        if self.last_only:
            for r, row in enumerate(rows):
                targets[r, : len(row) - 2] = IGNORE
        return inputs, targets


def train_network(network, split, n_items, steps, seed=0, progress=True):
    """Train one on a split, in place, the best step on the validation picks kept: (`SequenceModel`, history)."""
    train = HistoryBatches(split.train, n_items, seed=seed, context=CONTEXT)
    every = max(1, len(split.validation) // 1000)  # a thousand questions tell enough, and take less time
    asked = [(*h, t) for h, t in zip(split.validation.histories[::every], split.validation.targets[::every])]
    valid = HistoryBatches(asked, n_items, batch_size=256, context=CONTEXT, last_only=True)
    history = fit(network, train, valid, steps=steps, seed=seed, progress=progress)
    return recommender.SequenceModel(network, n_items, CONTEXT), history


def make(name, split, n_items, data="village", seed=0, steps=None):
    """The recommender of that name, trained on a split. steps: of a network; default: as SETTINGS has it.

    Raises ValueError for an unknown name.
    """
    if name not in (*COUNTED, *LEARNED):
        raise ValueError(f"no recommender is called {name!r}: choose one of {', '.join((*COUNTED, *LEARNED))}")
    if name in ("GRU", "self-attention"):
        default, width, dropout = SETTINGS[data][name]
        network = sequence_network(name, n_items, width, dropout, seed)
        return train_network(network, split, n_items, steps or default, seed, progress=False)[0]
    if name == "popularity":
        return recommender.Popularity(split.train, n_items)
    if name.startswith("item-to-item"):
        return recommender.ItemKNN(split.train, n_items, RECENCY if name.endswith("recent") else 1.0)
    if name == "Markov":
        return recommender.Markov(split.train, n_items)
    if name == "matrix factorisation":
        return recommender.MatrixFactorization(split.train, n_items, seed=seed)
    return recommender.Item2Vec(split.train, n_items, RECENCY, seed=seed)


# --- the table ---


@dataclass
class Row:
    """One recommender on one data set; `expected` is 0 where nobody knows the truth.

    coverage: the share of all items that stand in some list. head: the share of all recommended places that go to the
    tenth of the items that most people have.
    """

    data: str
    split: str
    ties: str
    model: str
    seed: int
    hit_rate: float
    ndcg: float
    expected: float
    coverage: float
    head: float
    users: int


def truth_of(asked):
    """The true probability of each good of the village to be the next pick, (users, goods)."""
    return np.array([choices.next_item_probabilities(had) for had in asked.histories])


def head_items(train, n_items):
    """The tenth of the items that most people have."""
    counts = recommender.Popularity(train, n_items).counts
    return np.argsort(-counts, kind="stable")[: n_items // 10]


def evaluate(scores, asked, head=(), truth=None):
    """Hit rate, NDCG, expected hit rate (0 without a truth), coverage and head of one table of scores, as a dict."""
    found = ranking.ranks(scores, asked.targets, asked.histories)
    lists = ranking.top(scores, asked.histories, K)
    return {
        "hit_rate": ranking.hit_rate(found, K),
        "ndcg": ranking.ndcg(found, K),
        "expected": 0.0 if truth is None else ranking.expected_hit_rate(lists, truth),
        "coverage": ranking.coverage(lists, scores.shape[1]),
        "head": ranking.share_of(lists, head),
    }


def measure(data, split_name="leave last out", ties="random", names=(*COUNTED, *LEARNED), seeds=SEEDS, steps=None):
    """Train and test these recommenders: yields a `Row` for each name and seed, the best possible last."""
    histories = task.load(data, ties=ties)
    split = {"leave last out": task.leave_last_out, "global time": task.global_time}[split_name](histories)
    truth = truth_of(split.test) if data == "village" else None
    head = head_items(split.train, histories.n_items)

    def row(name, seed, scores):
        found = {key: round(value, 4) for key, value in evaluate(scores, split.test, head, truth).items()}
        return Row(data, split_name, ties, name, seed, **found, users=len(split.test))

    for name in names:
        for seed in seeds[:1] if name in COUNTED else seeds:
            model = make(name, split, histories.n_items, data, seed, steps)
            yield row(name, seed, model.scores(split.test.histories))
    if truth is not None:
        yield row(BEST, 0, truth)


def measure_all(data):
    """All rows of a data set; for MovieLens the counting ones also under other rules for ties and the other split."""
    yield from measure(data)
    if data != "village":
        for ties in ("file", "item"):
            yield from measure(data, ties=ties, names=COUNTED)
        yield from measure(data, "global time", names=COUNTED)


def read(path=TABLE, data="village", split="leave last out", ties="random"):
    """The rows of one data set, split and rule for ties (None: all). Raises FileNotFoundError where none was made."""
    missing = "there is no such table yet: make it with `python -m lmlib.recommendation --make`"
    wanted = {"data": data, "split": split, "ties": ties}
    return read_rows(Row, path, missing, **{key: value for key, value in wanted.items() if value is not None})


def write(rows, path=TABLE):
    """Write the rows, whole or not at all, and their SHA-256 beside them."""
    path = Path(path)
    write_rows(rows, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    (path.parent / "SHA256SUMS").write_text(f"{digest}  {path.name}\n", encoding="utf-8", newline="\n")


def means(rows, what="expected"):
    """{model: (mean, least, largest)} of one column over the seeds."""
    names = dict.fromkeys(row.model for row in rows)
    values = {name: [getattr(row, what) for row in rows if row.model == name] for name in names}
    return {name: (mean(found), min(found), max(found)) for name, found in values.items()}


def way(value, rows):
    """The share of the way from popularity to the best possible, in expected hit rate."""
    known = means(rows)
    low, high = known["popularity"][0], known[BEST][0]
    return (value - low) / (high - low)


def told(rows):
    """The table as lines of text: hit rate and NDCG, and for the village the expected hit rate and the way."""
    known = bool(max(row.expected for row in rows))
    head = f"{'':22}  HR@10          NDCG@10      " + ("  expected HR@10   of the way" if known else "")
    lines = [head.rstrip()]
    columns = {what: means(rows, what) for what in ("hit_rate", "ndcg", "expected")}
    for name in columns["hit_rate"]:
        parts = [f"{name:22}"]
        for what in ("hit_rate", "ndcg", *(["expected"] if known else [])):
            middle, low, high = columns[what][name]
            parts.append(f"{middle:.3f} ± {(high - low) / 2:.3f}")
        if known:
            parts.append(f"{way(columns['expected'][name][0], rows):8.0%}")
        lines.append("  ".join(parts))
    return "\n".join(lines)


# --- the figure ---


def figure(rows=None, new=(), data="village"):
    """Lying bars: what each recommender reaches, the best possible as a line: (figure, its sentence).

    For the village the bars are expected hit rates, else hit rates. rows: by default those of the table. new: (name,
    rate) of models just trained; their bars stand beside the table's, in another colour, and are marked.
    """
    from . import plots

    rows = read(data=data) if rows is None else rows
    known = any(row.model == BEST for row in rows)
    what = "expected" if known else "hit_rate"
    all_rates = means(rows, what)
    best = all_rates.pop(BEST, (None,))[0]
    bars = [(name, *rates, False) for name, rates in all_rates.items()]
    bars = sorted(
        bars + [(f"{name}, just now", rate, rate, rate, True) for name, rate in new], key=lambda bar: bar[1]
    )
    top_name, top_rate = bars[-1][0], bars[-1][1]
    title = f"{top_name[:1].upper()}{top_name[1:]} comes closest" if known else f"{top_name} hits most often"
    title += f": {top_rate:.3f} of {best:.3f} that are possible" if known else f": {top_rate:.3f}"
    fig, ax = plots.figure(title=title, height=1.3 + 0.34 * len(bars))
    for y, (_, middle, low, high, fresh) in enumerate(bars):
        look = {"color": plots.COLOUR["focus" if fresh else "model"], "hatch": "///" if fresh else None}
        ax.barh(y, middle, height=0.62, edgecolor=plots.COLOUR["paper"], **look)
        if high > low:
            ax.plot([low, high], [y, y], color=plots.COLOUR["ink"], linewidth=1.4, linestyle="-")
    # The number stands by the name: at a long bar's end it would run into the line.
    ax.set_yticks(range(len(bars)), [f"{name}   {middle:.3f}" for name, middle, *_ in bars])
    if known:
        ax.axvline(best, color=plots.COLOUR["floor"], linewidth=2, linestyle="-")
        label = f"best possible {best:.3f} "
        look = {"color": plots.COLOUR["floor"], "weight": "bold", "ha": "right", "size": 10}
        plots.beside(ax, label, best, -0.85, away=0, **look)
    ax.set(xlim=(0, 1.05 * (best or top_rate)), ylim=(-1.2, len(bars) - 0.5))
    ax.set_xlabel(f"{'expected ' if known else ''}hit rate at 10, ranked among all items")
    plots.bare(ax)
    return fig, alt(bars, best)


def alt(bars, best):
    """One sentence: every recommender's rate from low to high, and the best possible."""
    listed = ", ".join(f"{name} {middle:.3f}" for name, middle, *_ in bars)
    end = f"; the best possible is {best:.3f}" if best is not None else ""
    return f"Hit rate at 10, from low to high: {listed}{end}."


def main(argv=None):
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m lmlib.recommendation", description="Print or make the table.")
    parser.add_argument("--make", choices=sorted(SETTINGS), help="measure this data set anew, and keep other rows")
    wanted = parser.parse_args(argv).make
    if wanted:
        rows = []
        for row in measure_all(wanted):
            rows.append(row)
            print(row, flush=True)
        kept = [row for row in read(data=None, split=None, ties=None) if row.data != wanted] if TABLE.exists() else []
        write(sorted(kept + rows, key=lambda row: row.data != "village"))
    for data in dict.fromkeys(row.data for row in read(data=None, split=None, ties=None)):
        print(f"{data}, leave last out\n{told(read(data=data))}\n")


if __name__ == "__main__":
    main()
