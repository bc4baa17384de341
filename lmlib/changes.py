"""From GPT-2 to the GPT of this course, one change at a time, each measured at the same budget.

Every form reads the village's training stories EPOCHS times, in the same batches, and is scored on the validation
stories; each row adds one change to the row before it, or, where it begins with "or", takes the place of the last
one. Three seeds. The table is data/gpt_changes.csv; `python -m lmlib.changes` makes it anew.
"""

import math
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

from .measured import read_rows, write_rows

TABLE = Path(__file__).resolve().parents[1] / "data" / "gpt_changes.csv"
SEEDS = (0, 1, 2)
EPOCHS = 1
KIND = "word"
SIZES = {"context": 512, "n_layers": 2, "n_heads": 2, "d_model": 64}
GPT2 = {"norm": "layer", "positions": "learned", "activation": "gelu", "qk_norm": False, "bias": True}
GPT2 |= {"tied_head": True, "start": "gpt2"}

CHANGES = [  # name, the parts that change, the optimiser from here on (None: as before)
    ("GPT-2", GPT2, ("adamw", 3e-3)),
    ("RMSNorm, no biases", {"norm": "rms", "bias": False}, None),
    ("rotary positions", {"positions": "rotary"}, None),
    (
        "or SwiGLU",
        {"activation": "swiglu", "hidden": 171},
        None,
    ),  # 3 matrices of 171 are about as many numbers as 2 of 256
    ("squared ReLU", {"activation": "relu2"}, None),
    ("normalised queries and keys", {"qk_norm": True}, None),
    ("layers that start at zero", {"start": "zero"}, None),
    ("or a head of its own", {"tied_head": False}, None),
    ("Muon", {}, ("muon", 0.02)),
    ("a glance at the last two tokens", {"conv_width": 3}, None),
]


@dataclass
class Row:
    """One form. bits: per character on the validation stories, mean over the seeds; spread: standard deviation."""

    change: str
    parameters: int
    bits: float
    spread: float
    seeds: int


def forms():
    """(name, parts, (optimizer, lr)) of every row, in order."""
    found, parts, optimizer = [], {}, None
    for name, change, new in CHANGES:
        optimizer = new or optimizer
        found.append((name, parts | change, optimizer))
        if not name.startswith("or "):
            parts = parts | change
    return found


def train(parts, optimizer, seed=0, steps=None, kind=KIND):
    """A GPT of these parts, trained for EPOCHS (or `steps`): the model, its tokenizer, the history."""
    from . import recipes
    from .models.gpt import GPT, GPTConfig
    from .training import fit

    name, lr = optimizer
    corpus = recipes.prepare("village", kind=kind, batch_size=4, seed=seed)
    model = GPT(GPTConfig(len(corpus.tokenizer), **SIZES | parts, seed=seed))
    steps = steps or math.ceil(EPOCHS * corpus.train.steps_per_epoch)
    history = fit(model, corpus.train, steps=steps, optimizer=name, lr=lr, seed=seed, progress=False)
    return model, corpus.tokenizer, history


def measure(parts, optimizer, seed):
    """Bits per character on the validation stories, and the number of parameters."""
    from . import village
    from .metrics import bits_per_character

    model, tokenizer, _ = train(parts, optimizer, seed)
    bits = bits_per_character(model, tokenizer, village.load_stories("validation"))
    return bits, model.n_parameters


def read(path=TABLE):
    """The rows of the table, in the order of the changes."""
    return read_rows(Row, path, "these measurements are missing: make them with `python -m lmlib.changes`")


def make(names=()):
    """Measure the named forms (default: all) and write the table."""
    known = [name for name, _, _ in forms()]
    if unknown := [name for name in names if name not in known]:
        raise ValueError(f"no form is called {unknown[0]!r}: there is {', '.join(known)}")
    rows = {row.change: row for row in read()} if names and TABLE.exists() else {}
    for name, parts, optimizer in forms():
        if name in rows and name not in names:
            continue
        bits, sizes = zip(*(measure(parts, optimizer, seed) for seed in SEEDS))
        rows[name] = Row(name, sizes[0], round(mean(bits), 4), round(stdev(bits), 4), len(bits))
        print(f"{name}: {rows[name].bits:.4f} ± {rows[name].spread:.4f} bits per character", flush=True)
        write_rows([rows[name] for name in known if name in rows], TABLE)


if __name__ == "__main__":
    make(sys.argv[1:])
