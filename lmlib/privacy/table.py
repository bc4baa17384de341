"""The tables of lesson 17: what a small model keeps of secrets and of its documents, and what privacy costs.

Rows of data/privacy/ are measured, never typed; each part is made by itself, three seeds each:

    python -m lmlib.privacy --make copies       secrets in 1 to 16 copies, read 1 to 6 times
    python -m lmlib.privacy --make duplicates   the same with duplicates taken out before
    python -m lmlib.privacy --make members      membership inference while a model overfits
    python -m lmlib.privacy --make private      DP-SGD: secrets, and bits per character on the village's test stories
"""

import math
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import numpy as np

from .. import village
from ..measured import read_rows, write_rows
from ..metrics import bits, bits_per_character
from . import canaries, dp, duplicates, membership
from .small import build, card, cards, learn, tokenizer
from .truth import opening_bits

DATA = Path(__file__).resolve().parents[2] / "data" / "privacy"
SEEDS = (0, 1, 2)
N_CARDS = 1000  # of the texts around the canaries
EPOCHS = (1, 3, 6)
N_MEMBERS = 300
REFERENCE_CARDS, REFERENCE_EPOCHS = 1500, 3  # a reference that has not overfitted itself
MEMBER_EPOCHS = (2, 4, 8, 16)
ATTACKS = ("loss", "reference model", "village's truth")
# DP-SGD: the documents are whole stories, which show another crop each time.
TARGETS = (8.0, 2.0)  # epsilon
DELTA, CLIP, DP_LR = 1e-5, 0.3, 1e-2
DP_STEPS, DP_EXPECTED, DP_CONTEXT, DP_WIDTH = 60, 128, 64, 48


@dataclass
class Secret:
    """One canary in one trained model. condition: what the model read; written: its greedy completion."""

    condition: str
    seed: int
    name: str
    digits: str
    count: int
    rank: int
    written: str

    @property
    def exposure(self):
        return canaries.exposure(self.rank)


@dataclass
class Member:
    """One attack on one model: area under the ROC curve, and members found while 1 % of others are accused."""

    epochs: int
    attack: str
    seed: int
    seen: float
    unseen: float
    area: float
    found: float


@dataclass
class Cost:
    """One model trained with (or, epsilon inf, without) DP-SGD; bits per character on all test stories."""

    epsilon: float
    noise: float
    seed: int
    steps: int
    parameters: int
    bits: float


def told(condition, seed, model, some):
    """The `Secret` of each canary in a trained model."""
    rows = []
    for c in some:
        place = canaries.rank(canaries.candidate_log_p(model, tokenizer(), c.prefix), c.digits)
        written = canaries.completion(model, tokenizer(), c.prefix)
        rows.append(Secret(condition, seed, c.name, c.digits, c.count, place, written))
    return rows


def read_times(epochs):
    """The name of the condition "the texts were read so many times"."""
    return "read once" if epochs == 1 else f"read {epochs} times"


def measure_copies(seed):
    some = canaries.canaries(seed)
    documents = canaries.plant(cards()[:N_CARDS], some)
    return [row for epochs in EPOCHS for row in told(read_times(epochs), seed, learn(documents, epochs, seed), some)]


CLEANED = {
    "as it is": list,
    "exact duplicates out": duplicates.without_exact,
    "near duplicates out": lambda documents: duplicates.without_near(documents, NEAR),
}
NEAR = 0.7  # two villagers' sentences share less than this, two writings of one sentence more


def measure_duplicates(seed, epochs=3):
    some = canaries.canaries(seed)
    documents = [*cards()[:N_CARDS], *canaries.copies(some)]
    return [
        row
        for name, clean in CLEANED.items()
        for row in told(name, seed, learn(clean(documents), epochs, seed), some)
    ]


def measure_members(seed, truth):
    """The `Member` rows of one seed. truth: the unavoidable nats per character of each card, by its text."""
    members, elsewhere, others = member_sets()

    def losses(model):
        return [membership.losses(model, tokenizer(), some) for some in (members, others)]

    reference = losses(learn(elsewhere, REFERENCE_EPOCHS, seed))
    rows = []
    for epochs in MEMBER_EPOCHS:
        seen, unseen = losses(learn(members, epochs, seed))
        ease = {
            "loss": (0, 0),
            "reference model": reference,
            "village's truth": [np.array([truth[text] for text in some]) for some in (members, others)],
        }
        for attack in ATTACKS:
            scores = ease[attack][0] - seen, ease[attack][1] - unseen
            place = membership.area(*scores), membership.found_at(*scores)
            told_losses = bits(seen.mean()), bits(unseen.mean())
            rows.append(Member(epochs, attack, seed, *(round(float(x), 4) for x in (*told_losses, *place))))
    return rows


def member_sets():
    """Cards of the target, of the reference, and of neither; no text stands in two of them."""
    every = list(dict.fromkeys(cards()))
    members, elsewhere = every[:N_MEMBERS], every[N_MEMBERS : N_MEMBERS + REFERENCE_CARDS]
    used = {*members, *elsewhere}
    others = [text for text in dict.fromkeys((*cards("test"), *cards("validation"))) if text not in used]
    return members, elsewhere, others[:N_MEMBERS]


def true_nats():
    """{card: nats per character that no model can avoid}."""
    members, _, others = member_sets()
    wanted, found = {*members, *others}, {}
    for split in village.SPLITS:
        for story in village.load_stories(split):
            text = card(story)
            if text in wanted and text not in found:
                found[text] = math.log(2) * opening_bits(story, len(text)) / (len(text) + 1)
    return found


def measure_private(seed, targets=(math.inf, *TARGETS), say=print):
    some = canaries.canaries(seed)
    documents = canaries.plant(village.load_stories("train"), some)
    ids = [tokenizer().encode(text) for text in documents]
    rows, costs = [], []
    for target in targets:
        model = build(seed, DP_CONTEXT, DP_WIDTH)
        crops = dp.Crops(ids, tokenizer().end_id, DP_CONTEXT, DP_EXPECTED, seed)
        private = math.isfinite(target)
        noise = dp.noise_for(target, crops.rate, DP_STEPS, DELTA) if private else 0.0
        dp.train(model, crops, DP_STEPS, CLIP if private else None, noise, DP_LR, seed)
        score = bits_per_character(model, tokenizer(), village.load_stories("test"))
        costs.append(Cost(target, noise, seed, DP_STEPS, model.n_parameters, round(float(score), 4)))
        say(costs[-1])
        rows += told(privately(target), seed, model, some)
    return rows, costs


def privately(epsilon):
    """The name of the condition "trained with DP-SGD to this epsilon"."""
    return f"epsilon {epsilon:g}" if math.isfinite(epsilon) else "without DP"


# --- the files ---

FILES = {"copies": Secret, "duplicates": Secret, "members": Member, "private": Secret, "cost": Cost}


def read(part):
    """The rows of one part: copies, duplicates, members, private or cost.

    Raises KeyError for another name, FileNotFoundError where the table was not made yet.
    """
    how = "private" if part == "cost" else part
    missing = f"there is no table of {part} yet: make it with `python -m lmlib.privacy --make {how}`"
    return read_rows(FILES[part], DATA / f"{part}.csv", missing)


def make(part, say=print):
    """Measure one part with every seed and write its file, after each seed what there is."""
    rows, costs, truth = [], [], true_nats() if part == "members" else None
    for seed in SEEDS:
        if part == "private":
            found, more = measure_private(seed, say=say)
            costs += more
            write_rows(costs, DATA / "cost.csv")
        else:
            found = {
                "copies": measure_copies,
                "duplicates": measure_duplicates,
                "members": lambda seed: measure_members(seed, truth),
            }[part](seed)
        rows += found
        write_rows(rows, DATA / f"{part}.csv")
        say(f"{part}, seed {seed}: {len(found)} rows")


# --- what the rows say ---


def by_count(rows):
    """{condition: {copies: exposures of all canaries and seeds}}, conditions in the order of the rows."""
    found = defaultdict(lambda: defaultdict(list))
    for row in rows:
        found[row.condition][row.count].append(row.exposure)
    return {condition: dict(sorted(counts.items())) for condition, counts in found.items()}


def seed_means(rows, condition, count):
    """The mean exposure over the canaries with `count` copies, for each seed: a list."""
    seeds = sorted({row.seed for row in rows})
    return [
        mean(r.exposure for r in rows if (r.condition, r.count, r.seed) == (condition, count, seed)) for seed in seeds
    ]


def by_spread(rows, condition, counts=(8, 16)):
    """{how the copies were written: exposures} of the secrets with these counts in the part "duplicates"."""
    places = {(seed, c.name): i for seed in SEEDS for i, c in enumerate(canaries.canaries(seed))}
    found = {"word for word": [], "in eight writings": []}
    for row in rows:
        if row.condition == condition and row.count in counts:
            found["word for word" if places[row.seed, row.name] % 2 else "in eight writings"].append(row.exposure)
    return found


def extracted(rows, condition, count):
    """(how many of these secrets the likeliest completion gives away in full, how many there are)."""
    some = [row for row in rows if (row.condition, row.count) == (condition, count)]
    return sum(row.written.startswith(row.digits) for row in some), len(some)
