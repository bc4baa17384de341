"""A small scaling law on the village: GPTs of six widths at three budgets, a law fitted to them, and a seventh.

Every model reads new stories of the village's generator, each once, until its budget of operations is spent, and is
scored on the validation stories, whose floor is known. Three seeds. The table is data/scaling.csv;
`python -m lmlib.scaling` makes it anew, `python -m lmlib.scaling SEED ...` the rows of some seeds.

    L(N, D) = E + A / N^alpha + B / D^beta      Hoffmann et al. 2022, equation 2 (there: approach 3)

N: parameters, D: tokens, L: bits per character. Elsewhere E is fitted with the rest; here it may be given.
"""

import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy.optimize import least_squares

from . import cost
from .measured import read_rows, write_rows

TABLE = Path(__file__).resolve().parents[1] / "data" / "scaling.csv"
SEEDS = (0, 1, 2)
BUDGETS = {  # operations: the widths trained with so many
    5e10: (8, 12, 16, 24),
    1.5e11: (12, 16, 24, 32),
    4.5e11: (16, 24, 32, 48),
}
LAST = (1.35e12, 64)  # the seventh model, which no fit sees
STORY = 229  # tokens of a mean story with its end mark: what a token looks back on counts as so long
BATCH = 4  # stories


@dataclass
class Row:
    """One training. bits: per character on the validation stories; flops: what the formula of `cost` says."""

    budget: float
    d_model: int
    parameters: int
    tokens: int
    flops: float
    seed: int
    bits: float


def config(d_model, vocab_size, seed=0):
    """The scoreboard's GPT with two layers, and a head for each 16 numbers of its width."""
    from .models.gpt import GPTConfig

    sizes = {"context": 512, "n_layers": 2, "n_heads": max(1, d_model // 16), "d_model": d_model}
    return GPTConfig(vocab_size, **sizes, tied_head=True, conv_width=3, seed=seed)


def tokens_for(budget, sizes):
    """How many tokens a GPT of this config can be trained on with so many operations."""
    return int(budget / cost.training_flops(sizes, 1, STORY) * STORY)


def plan():
    """(budget, width) of every training for one seed, the seventh model last."""
    return [(budget, width) for budget, widths in BUDGETS.items() for width in widths] + [LAST]


def train(budget, d_model, seed=0):
    """One training and its score."""
    from . import village
    from .metrics import bits_per_character
    from .models.gpt import GPT
    from .training import DocumentBatches, fit

    tokenizer = _tokenizer()
    model = GPT(config(d_model, len(tokenizer), seed))
    stories = max(BATCH, round(tokens_for(budget, model.config) / STORY))
    told = [_story(number) for number in range(stories)]
    batches = DocumentBatches(told, tokenizer.end_id, batch_size=BATCH, seed=seed, context=512)
    fit(model, batches, steps=batches.steps_per_epoch, seed=seed, progress=False)
    tokens = sum(map(len, told)) + stories  # each story and its end mark, padding left out
    flops = tokens * cost.training_flops(model.config, 1, STORY) / STORY
    bits = bits_per_character(model, tokenizer, village.load_stories("validation"))
    return Row(budget, d_model, model.n_parameters, tokens, float(f"{flops:.4g}"), seed, round(float(bits), 4))


@lru_cache(1)
def _tokenizer():
    from . import recipes, village

    return recipes.train_tokenizer("word", village.load_stories("train"))


@lru_cache(None)
def _story(number):
    from . import village

    return _tokenizer().encode(village.story(number))


def read(path=TABLE):
    """The rows of the table, by budget, width and seed."""
    return read_rows(Row, path, "these measurements are missing: make them with `python -m lmlib.scaling`")


def make(seeds=SEEDS, path=TABLE):
    """Train all models with these seeds and write their rows; rows of other seeds stay."""
    if unknown := [seed for seed in seeds if seed not in SEEDS]:
        raise ValueError(f"no row has the seed {unknown[0]}: there is {', '.join(map(str, SEEDS))}")
    rows = {(r.budget, r.d_model, r.seed): r for r in read(path)} if Path(path).exists() else {}
    for seed in seeds:
        for budget, width in plan():
            row = rows[budget, width, seed] = train(budget, width, seed)
            print(f"{row.flops:.2e} operations, width {width}, seed {seed}: {row.bits:.4f}", flush=True)
            write_rows([rows[key] for key in sorted(rows)], path)


# --- the law ---


@dataclass(frozen=True)
class Law:
    """L(N, D) = E + A / N^alpha + B / D^beta."""

    E: float
    A: float
    alpha: float
    B: float
    beta: float

    def loss(self, n, d):
        """What a model of n parameters reaches after d tokens."""
        return self.E + self.A / np.power(n, self.alpha) + self.B / np.power(d, self.beta)

    def best(self, budget):
        """(N, D) with the least loss among those with 6 N D = budget: Hoffmann et al. 2022, equation 4."""
        product = budget / 6
        g = (self.alpha * self.A / (self.beta * self.B)) ** (1 / (self.alpha + self.beta))
        n = g * product ** (self.beta / (self.alpha + self.beta))
        return n, product / n


# Published laws, in nats per token of their authors' texts and tokens.
HOFFMANN = Law(1.69, 406.4, 0.34, 410.7, 0.28)  # Hoffmann et al. 2022, equation 10
BESIROGLU = Law(1.8172, 482.01, 0.3478, 2085.43, 0.3658)  # Besiroglu et al. 2024, from the same trainings


def fit_law(n, d, bits, floor=None):
    """The law nearest to measured losses, in the logarithm of what is above E; with `floor`, E is given.

    n, d, bits: numbers of one length. Without a floor, E is searched between 0 and the least loss measured.
    """
    n, d, bits = (np.asarray(x, dtype=float) for x in (n, d, bits))
    log_n, log_d = np.log(n) - np.log(n).mean(), np.log(d) - np.log(d).mean()

    def predicted(p):  # the logarithm of A / N^alpha + B / D^beta
        return np.logaddexp(p[0] - p[1] * log_n, p[2] - p[3] * log_d)

    def residuals(p):
        e = floor if floor is not None else p[4]
        return predicted(p) - np.log(bits - e)

    low, high = [-20, 0.01, -20, 0.01], [10, 5, 10, 5]
    starts = [[np.log(0.1), a, np.log(0.1), b] for a in (0.3, 1.0) for b in (0.3, 1.0)]
    if floor is None:
        most = bits.min() - 1e-6
        low, high = [*low, 0.0], [*high, most]
        starts = [[*s, share * most] for s in starts for share in (0.3, 0.8)]
    best = min((least_squares(residuals, s, bounds=(low, high)) for s in starts), key=lambda found: found.cost)
    p = best.x
    e = floor if floor is not None else p[4]
    a, b = p[0] + p[1] * np.log(n).mean(), p[2] + p[3] * np.log(d).mean()
    return Law(float(e), float(np.exp(a)), float(p[1]), float(np.exp(b)), float(p[3]))


# --- the best model of each budget ---


@dataclass(frozen=True)
class Best:
    """The best size for a budget: where a parabola through the losses of several sizes is lowest."""

    budget: float
    parameters: float
    excess: float


def frontier(rows, floor):
    """The `Best` of every budget with three widths or more: Hoffmann et al. 2022, approach 2.

    For each budget a parabola is fitted to the logarithm of the mean excess over the floor, against the logarithm of
    the parameters. Where its lowest point lies outside of the sizes tried, the best size tried is taken.
    """
    found = []
    for budget in sorted({row.budget for row in rows}):
        excess = {}
        for row in rows:
            if row.budget == budget:
                excess.setdefault(row.parameters, []).append(row.bits - floor)
        if len(excess) < 3:
            continue
        x, y = np.log(list(excess)), np.log([np.mean(values) for values in excess.values()])
        a, b, c = np.polyfit(x, y, 2)
        lowest = -b / (2 * a) if a > 0 else np.inf
        if x.min() <= lowest <= x.max():
            found.append(Best(budget, float(np.exp(lowest)), float(np.exp(np.polyval((a, b, c), lowest)))))
        else:
            found.append(Best(budget, float(np.exp(x[y.argmin()])), float(np.exp(y.min()))))
    return found


def line(bests, what="excess"):
    """(exponent, function of a budget): the straight line in logarithms through `excess` or `parameters`."""
    slope, start = np.polyfit(np.log([b.budget for b in bests]), np.log([getattr(b, what) for b in bests]), 1)
    return float(slope), lambda budget: float(np.exp(start + slope * np.log(budget)))


def interval(rows, floor, budget, draws=300, seed=0):
    """Nine in ten of the excesses at a budget that are predicted from seeds drawn anew, a bootstrap: (low, high)."""
    rng, cells = np.random.default_rng(seed), {}
    for row in rows:
        cells.setdefault((row.budget, row.d_model), []).append(row)
    predictions = []
    for _ in range(draws):
        drawn = [cell[i] for cell in cells.values() for i in rng.integers(len(cell), size=len(cell))]
        predictions.append(line(frontier(drawn, floor))[1](budget))
    low, high = np.quantile(predictions, (0.05, 0.95))
    return float(low), float(high)


if __name__ == "__main__":
    make([int(word) for word in sys.argv[1:]] or SEEDS)
