"""The one table of the course: every model's bits per character on the same test stories, beside the floor.

Rows are measured, never typed: `python -m lmlib scoreboard --make` trains each model on the village's training
stories, three times with different seeds where chance plays a part, and scores it on all test stories, every
character predicted once, with its whole story so far as context. The table is data/scoreboard.csv.

Every network reads the training stories EPOCHS times, with the same optimiser, so that a faster computer makes no
better row. Models that count have no seed: the same stories give the same counts. Their rows have one run and are
exact.
"""

import argparse
import math
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

from . import village
from .measured import read_rows, write_rows

TABLE = Path(__file__).resolve().parents[1] / "data" / "scoreboard.csv"
SEEDS = (0, 1, 2)
EPOCHS = 3


@dataclass
class Row:
    """One model. `bits` is the mean over the seeds in bits per character, `spread` their standard deviation."""

    model: str
    lesson: str
    parameters: int
    training_flops: float
    training_seconds: float
    bits: float
    spread: float
    seeds: int

    def share(self, unigram, floor):
        """How much of the way from the unigram (0) to the floor (1) this model has gone."""
        return (unigram - self.bits) / (unigram - floor)


def read(path=TABLE):
    """The rows of the table. Raises FileNotFoundError where it was not made yet."""
    return read_rows(Row, path, "there is no scoreboard yet: make it with `python -m lmlib scoreboard --make`")


def write(rows, path=TABLE):
    """Write the rows, worst first, whole or not at all."""
    write_rows(sorted(rows, key=lambda row: -row.bits), path)


# --- how each row is made ---


def _counted(order, kind, smoothing="witten-bell"):
    """An n-gram model: no chance in it, so one run is enough."""

    def run(seed):
        from .metrics import bits_per_character
        from .models.ngram import NGram
        from .recipes import train_tokenizer

        stories = village.load_stories("train")
        began = time.perf_counter()
        tokenizer = train_tokenizer(kind, stories)
        model = NGram(order, len(tokenizer), tokenizer.end_id, smoothing).fit(map(tokenizer.encode, stories))
        seconds = time.perf_counter() - began
        return bits_per_character(model, tokenizer, village.load_stories("test")), model.n_parameters, 0, seconds

    return run


class _Network:
    """A network on tokens of this kind: `fit` with its usual settings, over all stories EPOCHS times."""

    def __init__(self, kind, **sizes):
        self.kind, self.sizes = kind, sizes

    def train(self, seed, stories=None):
        """The trained model, its tokenizer, and the history of its training.

        stories: so many from the village's generator, each read once, instead of the training stories EPOCHS times.
        """
        from . import models, recipes
        from .training import fit

        corpus = recipes.prepare("village", kind=self.kind, batch_size=4, seed=seed)
        model = models.build({**self.sizes, "vocab_size": len(corpus.tokenizer), "seed": seed})
        batches, epochs = (corpus.train, EPOCHS) if stories is None else (self._fresh(stories, corpus, seed), 1)
        steps = math.ceil(epochs * batches.steps_per_epoch)
        history = fit(model, batches, corpus.live, steps=steps, lr=0.02, seed=seed, progress=False)
        return model, corpus.tokenizer, history

    @staticmethod
    def _fresh(stories, corpus, seed):
        from .training import DocumentBatches

        told = (corpus.tokenizer.encode(village.story(number)) for number in range(stories))
        return DocumentBatches(told, corpus.tokenizer.end_id, batch_size=4, seed=seed, context=512)

    def __call__(self, seed):
        from .metrics import bits_per_character

        model, tokenizer, history = self.train(seed)
        bits = bits_per_character(model, tokenizer, village.load_stories("test"))
        return bits, model.n_parameters, model.flops_per_token * history.tokens, history.seconds


RECIPES = {  # name: (lesson, how, does chance play a part)
    "uniform over characters": ("03", _counted(0, "char"), False),
    "unigram, characters": ("03", _counted(1, "char"), False),
    "bigram, characters": ("03", _counted(2, "char"), False),
    "5-gram, characters": ("03", _counted(5, "char"), False),
    "10-gram, characters": ("03", _counted(10, "char"), False),
    "5-gram, words": ("03", _counted(5, "word"), False),
    "5-gram Kneser-Ney, words": ("03", _counted(5, "word", "kneser-ney"), False),
    "feed-forward, words": ("03", _Network("word", model="feedforward", window=8, hidden=256), True),
    "RNN, words": ("04", _Network("word", model="recurrentlm", cell="rnn", d_model=128), True),
    "LSTM, words": ("05", _Network("word", model="recurrentlm", cell="lstm", d_model=128), True),
    "LSTM with attention, words": (
        "06",
        _Network("word", model="recurrentlm", cell="lstm", d_model=128, attention=True, n_heads=4),
        True,
    ),
    # The last form of `lmlib.changes`.
    "GPT": (
        "08",
        _Network("word", model="gpt", context=512, n_layers=3, n_heads=3, d_model=96, tied_head=True, conv_width=3),
        True,
    ),
}
UNIGRAM = "unigram, characters"


def make(names=None):
    """Train the named models (default: all) and write their rows into the table."""
    rows = {row.model: row for row in read()} if TABLE.exists() else {}
    for name in names or RECIPES:
        if name not in RECIPES:
            raise ValueError(f"no row is called {name!r}: there is {', '.join(RECIPES)}")
        lesson, run, chance = RECIPES[name]
        runs = [run(seed) for seed in (SEEDS if chance else SEEDS[:1])]
        bits = [r[0] for r in runs]
        rows[name] = Row(
            name,
            lesson,
            runs[0][1],
            float(f"{mean(r[2] for r in runs):.3g}"),
            float(f"{mean(r[3] for r in runs):.3g}"),
            round(mean(bits), 4),
            round(stdev(bits), 4) if len(bits) > 1 else 0.0,
            len(bits),
        )
        write(rows.values())
        print(f"{name}: {rows[name].bits:.3f} bits per character", flush=True)


def keep(name, folder, stories=None):
    """Train the named network with the first seed and keep it as a checkpoint that `load_checkpoint` reads.

    stories: train on so many of the generator's stories, each read once; the model is then better than its row says.
    Raises ValueError for a name that is not in the table, or is a model that counts, and for fewer stories than one.
    """
    from .metrics import bits_per_character
    from .training import save_checkpoint

    if stories is not None and not 1 <= stories <= 1_000_000:
        raise ValueError(f"--stories is {stories}: give 1 to 1,000,000 (later ones are for validation and test)")
    network = RECIPES[name][1] if name in RECIPES else None
    if not isinstance(network, _Network):
        networks = ", ".join(known for known, (_, run, _) in RECIPES.items() if isinstance(run, _Network))
        raise ValueError(f"{name!r} is no network of the scoreboard: choose one of {networks}")
    model, tokenizer, history = network.train(SEEDS[0], stories)
    test = {"bits_per_character": round(bits_per_character(model, tokenizer, village.load_stories("test")), 4)}
    command = f'python -m lmlib scoreboard --keep "{name}" {Path(folder).as_posix()}'
    command += f" --stories {stories}" if stories else ""
    save_checkpoint(folder, model, tokenizer, step=len(history.steps), corpus="village", test=test, command=command)


def table(rows, floor):
    """The rows as text, worst first, the floor last."""
    unigram = next(row.bits for row in rows if row.model == UNIGRAM)
    lines = [f"{'model':<26}{'parameters':>12}{'training':>12}{'bits per character':>22}{'way to the floor':>18}"]
    for row in sorted(rows, key=lambda row: -row.bits):
        spread = f" ± {row.spread:.3f}" if row.seeds > 1 else "   exact"
        way = f"{row.share(unigram, floor):.1%}" if row.bits <= unigram else ""
        lines.append(
            f"{row.model:<26}{row.parameters:>12,}{row.training_seconds:>10.0f} s"
            f"{f'{row.bits:.3f}{spread}':>22}{way:>18}"
        )
    lines.append(f"{'the floor':<26}{'':>12}{'':>12}{floor:>22.3f}{1:>18.1%}")
    return "\n".join(lines)


def figure(rows=None, floor=None, highlight=None, new=()):
    """The scoreboard as a figure and its sentence; `new` are (name, bits) of models just trained."""
    from . import plots

    rows = read() if rows is None else rows
    floor = village.bits_per_character("test") if floor is None else floor
    entries = [
        {"model": row.model, "bits": row.bits, "spread": row.spread, "reference": row.model.startswith("uniform")}
        for row in rows
    ]
    entries += [{"model": name, "bits": bits} for name, bits in new]
    return plots.scoreboard(entries, floor, highlight=highlight), plots.scoreboard_alt(entries, floor)


def main(argv):
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m lmlib scoreboard", description="Print or make the scoreboard.")
    parser.add_argument(
        "--make", nargs="*", metavar="MODEL", help="train these models (default: all) and write the table"
    )
    parser.add_argument(
        "--keep", nargs=2, metavar=("MODEL", "FOLDER"), help="train this network once and keep it as a checkpoint"
    )
    parser.add_argument("--stories", type=int, help="for --keep: train on so many fresh stories, each read once")
    parser.add_argument("--picture", metavar="FILE", help="write the table's picture as a PNG")
    args = parser.parse_args(argv)
    if args.make is not None:
        make(args.make)
    if args.keep:
        keep(*args.keep, args.stories)
    floor = village.bits_per_character("test")
    print(table(read(), floor))
    if args.picture:
        from . import plots

        Path(args.picture).write_bytes(plots.png_of(figure(floor=floor)[0]))
    return 0
