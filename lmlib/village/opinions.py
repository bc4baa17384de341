"""What the villagers think: short opinions whose verdict is known, praise (1) or blame (0).

They come in pairs of opposite verdicts, in four kinds:

    plain                every word says it: "The soup was splendid and the bread was good."
    negation             a word and the one before it say it: "The soup was not bad."
    contrast             two clauses; 'but', 'although' and their like say which of the two is the verdict
    contrast + negation  the same, and 'never' turns both clauses round, or one of them

The pairs of the last two kinds are twins: the same words, and the same runs of up to LONGEST_RUN words, equally
often, whether punctuation marks count as words or not. Both clauses hold the same words on either side of the two
words that twins exchange, at least LONGEST_RUN - 1 of them, so no run of LONGEST_RUN words tells which stood in which
clause.
"""

import random

from . import words as w

KINDS = ("plain", "negation", "contrast", "contrast + negation")
TWINS = KINDS[2:]
LONGEST_RUN = 4  # twins agree in all n-grams up to this n

# Pairs, and the seed of each split. In the "new ..." splits all pairs are twins: the adjectives were met in plain
# and negated opinions only, the connectives nowhere.
SPLITS = {
    "train": (3000, 1100),
    "validation": (500, 1101),
    "test": (1000, 1102),
    "new adjective": (500, 1103),
    "new connective": (500, 1104),
}
PATTERN = tuple(KINDS[i] for i in (0, 2, 3, 0, 2, 3, 0, 2, 3, 1))  # the kinds of ten pairs: 3, 1, 3, 3

GOOD = "good wonderful excellent lovely splendid delightful pleasant fine superb perfect marvellous great".split()
BAD = "bad dreadful awful poor terrible disappointing dull miserable horrible unpleasant dismal weak".split()
NEW_GOOD, NEW_BAD = "charming admirable glorious".split(), "shabby lousy mediocre".split()

INNS = tuple(
    f"the {colour.en.title()} {noun.title()}"
    for colour in w.COLOURS
    for noun in [animal.grown.en for animal in w.ANIMALS] + [thing.en for thing in w.THINGS]
)
EVENTS = ("the fair", "the wedding", "the dance", "the boat race", "the circus")
ASPECTS = {
    "inn": "soup bread breakfast cider bed room fire music welcome view pie cheese".split(),
    "stall": "honey cheese fruit bread wool tea cider service fish choice".split(),
    "workshop": "work service advice finish help timing".split(),
    "event": "music dancing food show cider singing parade".split(),
}

ADVERBS = ("very", "really", "quite", "simply", "truly")
NEGATIONS = ("not", "never", "hardly")
VERBS = {1: ("loved", "enjoyed", "praised", "admired"), 0: ("hated", "disliked", "regretted", "cursed")}
ENDS = {
    1: ("We went home happy.", "Everybody smiled.", "It is worth every coin.", "My whole family sang."),
    0: ("We went home angry.", "Everybody sighed.", "It is a waste of coins.", "My whole family grumbled."),
}
NEUTRAL = ("We were there in {season}.", "It was a {weather} day.", "I went with my {relative}.")

# What stands around the words that twins exchange: LONGEST_RUN - 1 words or more before, and as many behind.
BEFORE = ("turned out to be", "seemed to all of us", "was, to my mind,", "proved in the end", "struck us all as")
BEHIND = ("for the money", "on that day", "for our village", "by any measure", "at that price", "in every way")
ABOUT = ("was something that we", "was something my family", "is a thing people here", "was something my neighbours")
THOUGHT = ("found to be", "thought of as", "heard described as", "used to call")  # these stand between the two words

# (form, the clause that counts, 0 or 1); 'although' and 'even if' decide by where they stand
SECOND_COUNTS = ("{}, but {}.", "{}, yet {}.", "{}; however, {}.", "although {}, {}.", "even if {}, {}.")
FIRST_COUNTS = ("{}, although {}.", "{}, even if {}.")
NEW_CONNECTIVES = (("{}, still {}.",), ("{}, though {}.",))


class _Lot:
    """Chance of our own: `random()` of a seeded generator, the same on every machine and Python."""

    def __init__(self, seed):
        self.random = random.Random(seed).random

    def one(self, values):
        return values[int(self.random() * len(values))]

    def two(self, values):
        """Two different ones."""
        first = self.one(values)
        return first, self.one([value for value in values if value != first])


def opinions(split="train"):
    """The opinions of a split, a list of (text, label, kind); numbers 2i and 2i + 1 are a pair.

    No text stands in two splits, and none twice. Raises KeyError for a split that does not exist.
    """
    n_pairs, seed = SPLITS[split]
    lot, pairs, told = _Lot(seed), [], set()
    if split != "train":
        told.update(text for text, _, _ in opinions("train"))
    while len(pairs) < n_pairs:
        pattern = TWINS if split.startswith("new") else PATTERN
        pair = _pair(lot, pattern[len(pairs) % len(pattern)], split)
        texts = {text for text, _, _ in pair}
        if len(texts) == 2 and not texts & told:
            told |= texts
            pairs.append(pair)
    return [opinion for pair in pairs for opinion in pair]


def _pair(lot, kind, split):
    """Two opinions of opposite verdicts; which comes first is drawn by lot."""
    where = lot.one(tuple(ASPECTS))
    opener = _opener(lot, where, w.PEOPLE[:30] if split == "train" else w.PEOPLE)
    if kind in TWINS:
        bodies = _twins(lot, kind, ASPECTS[where], split)
    else:
        make = _plain if kind == "plain" else _negation
        bodies = [(make(lot, ASPECTS[where], label), label) for label in (0, 1)]
    if lot.random() < 0.5:
        bodies.reverse()
    return [(f"{opener}: {body[0].upper()}{body[1:]}", label, kind) for body, label in bodies]


def _opener(lot, where, people):
    """Who speaks, of what: it says nothing about the verdict."""
    who, other = (person.name for person in lot.two(people))
    of = {
        "inn": lambda: lot.one(INNS),
        "stall": lambda: f"{other}'s stall",
        "workshop": lambda: f"{other} the {lot.one(w.JOBS).text('en')}",
        "event": lambda: lot.one(EVENTS),
    }[where]()
    return f"{who} on {of}"


def _neutral(lot):
    return lot.one(NEUTRAL).format(
        season=lot.one(w.SEASONS).text("en"),
        weather=lot.one(w.WEATHER).text("en"),
        relative=lot.one(w.RELATIVES).text("en"),
    )


def _adjectives(label):
    return GOOD + NEW_GOOD if label else BAD + NEW_BAD


def _plain(lot, aspects, label):
    """One or two sentences that all say the same."""
    adjectives = _adjectives(label)
    one, other = lot.two(aspects)
    sentence = lot.one(
        (
            lambda: f"the {one} was {lot.one(ADVERBS)} {lot.one(adjectives)}.",
            lambda: f"the {one} was {lot.one(adjectives)} and the {other} was {lot.one(adjectives)}.",
            lambda: f"I {lot.one(VERBS[label])} the {one}, and the {other} was {lot.one(adjectives)}.",
        )
    )()
    more = (lambda: "", lambda: " " + lot.one(ENDS[label]), lambda: " " + _neutral(lot))
    return sentence + lot.one(more)()


def _negation(lot, aspects, label):
    """The adjective says the opposite of the label, and the word before it takes that back."""
    adjectives = _adjectives(1 - label)
    one, other = lot.two(aspects)
    sentence = f"the {one} was {lot.one(NEGATIONS)} {lot.one(adjectives)}"
    if lot.random() < 0.3:
        sentence += f" and the {other} was {lot.one(NEGATIONS)} {lot.one(adjectives)}"
    return sentence + "." + (" " + _neutral(lot) if lot.random() < 0.4 else "")


def _twins(lot, kind, aspects, split):
    """Two texts with the same words in the same company, and opposite verdicts: [(text, label), (text, label)]."""
    one, other = lot.two(aspects)
    good, bad = (NEW_GOOD, NEW_BAD) if split == "new adjective" else (GOOD, BAD)
    counts = int(lot.random() < 0.5)  # the clause that counts
    forms = NEW_CONNECTIVES if split == "new connective" else (SECOND_COUNTS, FIRST_COUNTS)
    form = lot.one(forms[1 - counts])
    before, behind, about, thought = map(lot.one, (BEFORE, BEHIND, ABOUT, THOUGHT))
    if kind == "contrast":
        # each clause: (adverb or None, adjective)
        first, second = (None, lot.one(good)), (None, lot.one(bad))
    elif lot.random() < 0.5:  # the adjectives change places
        adverb = lot.one(("always", "never"))
        first, second = (adverb, lot.one(good)), (adverb, lot.one(bad))
    else:  # the adverbs do
        adjective = lot.one(lot.one((good, bad)))
        first, second = ("always", adjective), ("never", adjective)

    def clause(aspect, adverb, adjective):
        middle = before if adverb is None else f"{about} {adverb} {thought}"
        return f"the {aspect} {middle} {adjective} {behind}"

    twins = []
    for clauses in ((first, second), (second, first)):
        adverb, adjective = clauses[counts]
        label = int((adjective in good) != (adverb == "never"))
        twins.append((form.format(clause(one, *clauses[0]), clause(other, *clauses[1])), label))
    return twins


def _letter(lot):
    """Two texts of opposite verdicts by people who have more to say: two plain opinions of one verdict in a row."""
    where = lot.one(tuple(ASPECTS))
    opener = _opener(lot, where, w.PEOPLE[:30])
    texts = []
    for label in (0, 1):
        bodies = [_plain(lot, ASPECTS[where], label) for _ in range(2)]
        texts.append(f"{opener}: " + " ".join(body[0].upper() + body[1:] for body in bodies))
    return texts


def unlabelled(n, seed=1114):
    """n opinions as villagers write them who are not asked for a verdict: texts alone, none of them in a split.

    Half are made as those of "train" are, so people, adjectives and connectives are the same; half are longer, two
    plain opinions in a row.
    """
    told = {text for split in SPLITS for text, _, _ in opinions(split)}
    lot, texts, number = _Lot(seed), [], 0
    while len(texts) < n:
        longer, kind = number % 2, PATTERN[number // 2 % len(PATTERN)]
        for text in _letter(lot) if longer else [opinion[0] for opinion in _pair(lot, kind, "train")]:
            if text not in told:
                told.add(text)
                texts.append(text)
        number += 1
    return texts[:n]
