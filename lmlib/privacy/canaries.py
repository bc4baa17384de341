"""Canaries: made-up secrets that are planted in a training text to measure what a model keeps of it.

Carlini et al. 2019, "The Secret Sharer", section 4. A canary is a fixed sentence with a random part. Here it is the
number of a villager who does not exist, four digits drawn by lot, so that of 10,000 possible numbers only one was
ever written. What a model knows of it, it can only know from its training text.
"""

import math
import random
from dataclasses import dataclass

import torch

from ..many import CachedStep

DIGITS = 4
CANDIDATES = 10**DIGITS  # each four-digit number, 0000 to 9999
MOST = math.log2(CANDIDATES)  # bits of exposure when the secret is the likeliest of all
CHANCE = 1 / math.log(2)  # mean exposure of a secret that the model has never seen: its rank is drawn by lot
COUNTS = (0, 1, 2, 4, 8, 16)
ALPHABET = "0123456789'"  # what canaries need and the village's own texts do not have
# None of them occurs in the village.
NAMES = (
    "Abel Bodo Cora Dita Edda Fenja Gwen Hedy Ilka Jorn Kuno Lotte Malin Nuno Otto Pia Quint Runa Sven Tilda Ulla "
    "Vesna Wanda Yaro"
).split()


@dataclass(frozen=True)
class Canary:
    """The number of one made-up villager, and how many times it stands in the training text."""

    name: str
    digits: str
    count: int

    @property
    def prefix(self):
        return f"{self.name}'s number is "

    @property
    def text(self):
        return f"{self.prefix}{self.digits}."


def canaries(seed=0, counts=COUNTS, each=4):
    """`each` canaries for every number of copies: names and digits are drawn by lot.

    Raises ValueError where there are not enough names.
    """
    if len(counts) * each > len(NAMES):
        raise ValueError(f"{len(counts)} x {each} canaries need more names than there are, {len(NAMES)}: take fewer")
    chance = random.Random(f"canaries {seed}")
    names = sorted(NAMES, key=lambda _: chance.random())
    numbers = [f"{int(chance.random() * CANDIDATES):0{DIGITS}}" for _ in names]
    wanted = [count for count in counts for _ in range(each)]
    return [Canary(*drawn) for drawn in zip(names, numbers, wanted)]


def plant(documents, some):
    """The documents, and behind them every canary as often as it says."""
    return [*documents, *(canary.text for canary in some for _ in range(canary.count))]


WRITINGS = ("{}", "Note: {}", "{} Bye.", "{} (copy)", "Again: {}", "Well, {}", "P.S. {}", "{} Yours.")


def copies(some):
    """All copies of the canaries, as they spread: half of the villagers word for word, the others in WRITINGS."""
    spread = []
    for i, canary in enumerate(some):
        for copy in range(canary.count):
            spread.append(canary.text if i % 2 else WRITINGS[copy % len(WRITINGS)].format(canary.text))
    return spread


def exposure(rank, candidates=CANDIDATES):
    """log2 of how many times fewer guesses the model leaves: (17.1). rank 1 is the likeliest of all candidates.

    Raises ValueError for a rank that is none of the candidates'.
    """
    if not 1 <= rank <= candidates:
        raise ValueError(f"of {candidates} candidates one has a rank from 1 to {candidates}, not {rank}")
    return math.log2(candidates) - math.log2(rank)


def candidate_log_p(model, tokenizer, prefix):
    """The natural logarithm of p(digits | prefix) for each candidate, 0000 first: a tensor (CANDIDATES,), float64.

    Chain rule, digit by digit: 1 + 10 + 100 + 1000 texts are read, each only where it is longer than the one before.
    """
    digits = torch.tensor([tokenizer.encode(digit) for digit in "0123456789"])  # (10, 1)
    rows = torch.tensor([[tokenizer.end_id, *tokenizer.encode(prefix)]])
    step, log_p = CachedStep(model), torch.zeros(1, dtype=torch.float64)
    for place in range(DIGITS):
        following = step(rows).double().log_softmax(-1)[:, digits[:, 0]]  # (rows, 10)
        log_p = (log_p[:, None] + following).flatten()
        if place < DIGITS - 1:
            rows = torch.cat((rows.repeat_interleave(10, 0), digits.repeat(len(rows), 1)), dim=1)
    return log_p


def rank(log_p, digits):
    """The place of a secret among all candidates, 1 for the likeliest; of equals, half count as likelier.

    Without that half, a model that finds all candidates equally likely would seem to know every secret.
    """
    own = log_p[int(digits)]
    return 1 + int((log_p > own).sum()) + int((log_p == own).sum() - 1) // 2


def exposures(model, tokenizer, some):
    """The exposure of every canary, in bits: a list of floats."""
    return [exposure(rank(candidate_log_p(model, tokenizer, c.prefix), c.digits)) for c in some]


def completion(model, tokenizer, prefix):
    """What the model writes after the prefix up to the end of the document, always the likeliest character."""
    from ..generate import generate

    return generate(model, tokenizer, prefix, max_tokens=24, temperature=0)
