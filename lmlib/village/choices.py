"""What villagers buy at the market: one thing after the other, in moods that change and that nobody sees.

A customer is in one of eight moods. Before each purchase the mood stays or changes (`MOVES`), then she picks one of
200 goods by the mood's own law (`LAWS`), but nothing twice. That is a hidden Markov model, so the best possible
prediction of her next pick is known exactly: the forward filter (Rabiner 1989, section III.A) keeps the probability
of each mood given all that she has bought.

    write("market")                    6,000 customers, 180 goods on sale
    write("spring")                    500 other customers, and 20 new goods beside the old ones
    next_item_probabilities(bought)    the truth: the probability of every good to be picked next

All weights are whole numbers and `random.Random(seed).random()` is the only source of chance, so the purchases are
the same on every machine.
"""

import random
from bisect import bisect
from dataclasses import dataclass
from functools import cache
from itertools import accumulate

import numpy as np

STALLS = {
    "wool": ("hat", "scarf", "coat", "blanket", "button"),
    "kitchen": ("cup", "spoon", "bottle", "bucket", "basket"),
    "toys": ("kite", "marble", "sledge", "drum", "flute"),
    "lamps": ("lantern", "candle", "mirror", "box", "bell"),
    "travel": ("map", "compass", "umbrella", "rope", "book"),
}
COLOURS = ("red", "blue", "green", "white", "yellow", "black", "brown", "golden")


@dataclass(frozen=True)
class Good:
    """One thing on sale, in one colour, at one stall."""

    stall: str
    thing: str
    colour: str

    @property
    def name(self):
        return f"{self.colour} {self.thing}"


GOODS = tuple(
    Good(stall, thing, colour) for stall, things in STALLS.items() for thing in things for colour in COLOURS
)
NEW = tuple(range(1, len(GOODS), 10))  # one good in ten is sold in spring for the first time; every stall has some

# A mood: how much it likes each stall, and each colour; what is not named counts 1.
MOODS = {
    "cosy": ({"wool": 24, "lamps": 6}, {"red": 8, "brown": 6}),
    "festive": ({"lamps": 24, "kitchen": 6}, {"golden": 8, "white": 6}),
    "wandering": ({"travel": 24, "wool": 4}, {"green": 8, "blue": 6}),
    "playful": ({"toys": 24, "lamps": 4}, {"yellow": 8, "red": 6}),
    "tidy": ({"kitchen": 24, "wool": 6}, {"white": 8, "blue": 6}),
    "gloomy": ({"travel": 12, "lamps": 12}, {"black": 10, "brown": 4}),
    "thrifty": ({"kitchen": 12, "wool": 12}, {"brown": 8, "green": 6}),
    "dreamy": ({"toys": 12, "travel": 12}, {"blue": 8, "golden": 6}),
}
# Of 1,000: the mood stays, goes on to one of the two that like to follow it, or becomes any.
STAYS, FOLLOWS, ANY = 880, (60, 28), 4
FOLLOWERS = {
    "cosy": ("festive", "dreamy"),
    "festive": ("playful", "tidy"),
    "wandering": ("gloomy", "cosy"),
    "playful": ("wandering", "festive"),
    "tidy": ("thrifty", "gloomy"),
    "gloomy": ("cosy", "dreamy"),
    "thrifty": ("wandering", "tidy"),
    "dreamy": ("playful", "thrifty"),
}
SHORTEST, LONGEST = 8, 24  # purchases of one customer
MARKET_DAYS = 360
SETS = {"market": (6000, 0), "spring": (500, 1_000_000)}  # customers, seed of the first


def _weights():
    """Whole-number weights (moods, goods): how popular the good is, how much the mood likes it, and a whim."""
    chance = random.Random(13)
    rank = sorted(range(len(GOODS)), key=lambda i: (chance.random(), i))
    popularity = [0] * len(GOODS)
    for place, i in enumerate(rank):
        popularity[i] = 12_000 // (place + 12)
    rows = []
    for stalls, colours in MOODS.values():
        likes = [stalls.get(good.stall, 1) * colours.get(good.colour, 1) for good in GOODS]
        whims = [6 if chance.random() < 0.25 else 1 for _ in GOODS]
        rows.append([p * like * whim for p, like, whim in zip(popularity, likes, whims)])
    return rows


def _moves():
    """Whole-number weights (moods, moods): from a row's mood to a column's; each row adds up to 1,000."""
    names = list(MOODS)
    rows = []
    for mood in names:
        row = [ANY] * len(names)
        row[names.index(mood)] += STAYS
        for follower, weight in zip(FOLLOWERS[mood], FOLLOWS):
            row[names.index(follower)] += weight
        rows.append(row)
    return rows


_WEIGHTS, _MOVE_WEIGHTS = _weights(), _moves()
MOVES = np.array(_MOVE_WEIGHTS) / 1000  # (moods, moods)
START = np.full(len(MOODS), 1 / len(MOODS))  # each mood begins as often as any other


def on_sale(which="market"):
    """True for each good that is on sale, (goods,). Raises ValueError for an unknown set."""
    _known(which)
    sale = np.ones(len(GOODS), dtype=bool)
    if which == "market":
        sale[list(NEW)] = False
    return sale


@cache
def laws(which="market"):
    """The probability of each good in each mood before anything was bought, (moods, goods)."""
    weights = np.array(_WEIGHTS, dtype=float) * on_sale(which)
    return weights / weights.sum(axis=1, keepdims=True)


# --- the simulation -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Visit:
    """All that one customer buys: goods by number, the day of each, and the mood, which no model may see."""

    goods: tuple
    days: tuple
    moods: tuple


def _draw(chance, totals):
    """A place, drawn by whole-number weights that are given as running totals."""
    return bisect(totals, int(chance.random() * totals[-1]))


@cache
def write(which="market"):
    """The purchases of all customers of a set: a tuple of `Visit`. Raises ValueError for an unknown set."""
    customers, first = _known(which)
    sale = on_sale(which)
    goods = [list(accumulate(w if s else 0 for w, s in zip(row, sale))) for row in _WEIGHTS]
    moves = [list(accumulate(row)) for row in _MOVE_WEIGHTS]
    return tuple(_visit(random.Random(first + i), goods, moves) for i in range(customers))


def _visit(chance, goods, moves):
    length = SHORTEST + int(chance.random() * (LONGEST - SHORTEST + 1))
    day, mood = 1 + int(chance.random() * MARKET_DAYS / 2), int(chance.random() * len(MOODS))
    bought, days, moods = [], [], []
    for place in range(length):
        if place:
            day += 1 + int(chance.random() * 12)
            mood = _draw(chance, moves[mood])
        pick = _draw(chance, goods[mood])
        while pick in bought:  # what she has, she does not buy again: drawing anew renormalises the law
            pick = _draw(chance, goods[mood])
        bought.append(pick)
        days.append(day)
        moods.append(mood)
    return Visit(tuple(bought), tuple(days), tuple(moods))


# --- the truth ----------------------------------------------------------------------------------------------


def mood_beliefs(bought, which="market"):
    """The forward filter: P(mood | all bought before), (len(bought) + 1, moods); row t is before pick t.

    Raises ValueError for a good that is not on sale, or bought twice: such a history cannot be.
    """
    return _filtered(bought, which)[0]


def _filtered(bought, which):
    """Beliefs before each pick, and what share of each mood's law is left then: two arrays (len + 1, moods)."""
    law = laws(which)
    belief, left = START, np.ones(len(MOODS))
    beliefs, shares, seen = [belief], [left], set()
    for good in bought:
        if not (0 <= good < len(GOODS) and law[0, good] > 0) or good in seen:
            why = "bought twice" if good in seen else f"not on sale in {which!r}"
            raise ValueError(f"good {good!r} is {why}: such a history cannot be")
        seen.add(good)
        seen_it = belief * law[:, good] / left  # P(mood, this pick | before)
        belief = (seen_it / seen_it.sum()) @ MOVES
        left = left - law[:, good]
        beliefs.append(belief)
        shares.append(left)
    return np.array(beliefs), np.array(shares)


def next_item_probabilities(bought, which="market"):
    """The truth: the probability of each good to be picked next, (goods,), given all bought before, in order.

    bought: numbers of goods; may be empty. Raises ValueError for a history that cannot be.
    """
    beliefs, left = _filtered(bought, which)
    p = (beliefs[-1] / left[-1]) @ laws(which)
    p[list(bought)] = 0.0
    return p


def probabilities_between(before, after, which="market"):
    """The probability of each good to be the one pick between `before` and `after`, (goods,): the future is known.

    No recommender can have this. It is what a test on picks that were hidden at random allows.
    """
    law = laws(which)
    beliefs, left = _filtered(before, which)
    _filtered((*before, *after), which)  # refuses what cannot be
    # What comes after depends on the hidden good, too, for it is not bought again: one column for each good.
    rest = left[-1][:, None] - law  # (moods, goods): what is left of each law when the hidden good is bought
    rests = []
    for good in after:
        rests.append(rest)
        rest = rest - law[:, [good]]
    ahead = np.ones_like(law)  # P(all that comes after | mood, hidden good), up to a factor
    for good, rest in zip(reversed(after), reversed(rests)):
        ahead = MOVES @ (ahead * law[:, [good]] / np.maximum(rest, 1e-12))
    p = ((beliefs[-1] / left[-1])[:, None] * law * ahead).sum(axis=0)
    p[[*before, *after]] = 0.0
    return p / p.sum()


def _known(which):
    if which not in SETS:
        raise ValueError(f"there are purchases of {', '.join(SETS)}; choose one of these, not {which!r}")
    return SETS[which]
