"""Small pictures of the village: what a sentence says, painted in 8 x 8 pixels, and a reader that makes no mistake.

    paint("a red cat left of a blue house", lot)     64 pixels, row by row: numbers of the PALETTE, 0 is the ground
    read(picture)                                    every sentence that is true of a picture
    twin("a red cat left of a blue house")           the same words, and the opposite arrangement

A picture has four quarters of 4 x 4 pixels. A thing of 3 x 3 pixels stands in a quarter in one of four places, so one
sentence has many pictures, and how many is known: what the picture must surprise anybody by can be computed exactly.
Two things stand side by side or one above the other, and differ in colour and in kind. Of such a picture two
sentences are true, "a red cat left of a blue house" and "a blue house right of a red cat".

Eight of the 48 things, `HELD_OUT`, are left out of the pictures to learn from: each kind and each colour is seen
there, but not these pairs. `random.Random(seed).random()` is the only source of chance, so all is the same on every
machine.
"""

import math
import random
from dataclasses import dataclass
from functools import cache
from itertools import product

SIDE, QUARTER, SHAPE = 8, 4, 3  # pixels
COLOURS = ("red", "blue", "green", "yellow", "pink", "white")
PALETTE = ("ground", *COLOURS)
LETTERS = ".rbgypw"  # of the palette, for pictures that are written
SHAPES = {
    "house": (".#.", "###", "###"),
    "tree": ("###", "###", ".#."),
    "cat": ("#.#", "###", ".#."),
    "boat": ("#..", "##.", "###"),
    "kite": (".#.", "###", ".#."),
    "key": ("##.", "##.", "..#"),
    "cup": ("#.#", "#.#", "###"),
    "hat": (".#.", ".#.", "###"),
}
KINDS = tuple(SHAPES)
NUMBERS = ("one", "two", "three", "four")
RELATIONS = ("left of", "right of", "above", "below")
OPPOSITE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}
THINGS = tuple(product(COLOURS, KINDS))
HELD_OUT = tuple((COLOURS[i % len(COLOURS)], kind) for i, kind in enumerate(KINDS))
KNOWN = tuple(thing for thing in THINGS if thing not in HELD_OUT)
PAIRS = 0.75  # so many of all pictures show two different things; the others show one to four alike
SEEDS = {"validation": 1901, "test": 1902, "unseen": 1903}
SIZES = {"validation": 64, "test": 200, "unseen": 200}
LESSON = 1900  # the seed of the pictures to learn from


def one_of(lot, values):
    """One of the values, each with the same chance; lot: a function such as `random.Random(seed).random`."""
    return values[int(lot() * len(values))]


# -- sentences ---------------------------------------------------------------------------------------------------


def pair(first, relation, second):
    """The sentence of two things, each (colour, kind)."""
    return f"a {' '.join(first)} {relation} a {' '.join(second)}"


def count(number, thing):
    """The sentence of 1 to 4 things alike."""
    return f"{NUMBERS[number - 1]} {' '.join(thing)}{'s' if number > 1 else ''}"


@dataclass(frozen=True)
class Said:
    """What a sentence says: `things`, one or two (colour, kind); a `relation` of two, or the `number` of one."""

    things: tuple
    relation: str = ""
    number: int = 0


def understand(sentence):
    """The `Said` of a sentence. Raises ValueError, with two sentences that would do, for any other."""
    said = _SENTENCES.get(" ".join(sentence.split()))
    if said is None:
        raise ValueError(
            f"nobody in the village paints {_short(sentence)!r}: say, for example, 'a red cat left of a blue house' "
            f"or 'two green keys' (colours: {', '.join(COLOURS)}; "
            f"kinds: {', '.join(KINDS)}; two things differ in both)"
        )
    return said


def _short(sentence, most=60):
    return sentence if len(sentence) <= most else sentence[: most - 1] + "…"


def _all_sentences():
    for thing in THINGS:
        for number in range(1, 5):
            yield count(number, thing), Said((thing,), number=number)
    for first, second in product(THINGS, THINGS):
        if first[0] != second[0] and first[1] != second[1]:
            for relation in RELATIONS:
                yield pair(first, relation, second), Said((first, second), relation)


_SENTENCES = dict(_all_sentences())


def twin(sentence):
    """The same words with the two things exchanged: what is true of the one sentence's pictures is not of the
    other's.

    Raises ValueError for a sentence of one kind of thing, which has no twin.
    """
    said = understand(sentence)
    if not said.relation:
        raise ValueError(f"{sentence!r} has no twin: it takes two things to exchange")
    return pair(said.things[1], said.relation, said.things[0])


def true_sentences(sentence):
    """All sentences that are true of a sentence's pictures: itself, and the other way to say it of two things."""
    said = understand(sentence)
    if not said.relation:
        return (sentence,)
    return sentence, pair(said.things[1], OPPOSITE[said.relation], said.things[0])


# -- pictures ----------------------------------------------------------------------------------------------------


def draw(things, places):
    """The 64 pixels of things (colour, kind) at places (quarter 0 to 3, row 0 or 1, column 0 or 1 within it)."""
    pixels = [0] * SIDE**2
    for (colour, kind), (quarter, down, right) in zip(things, places):
        top, left = QUARTER * (quarter // 2) + down, QUARTER * (quarter % 2) + right
        for y, x in product(range(SHAPE), range(SHAPE)):
            if SHAPES[kind][y][x] == "#":
                pixels[SIDE * (top + y) + left + x] = PALETTE.index(colour)
    return tuple(pixels)


def _quarters(said):
    """Every way to give the things their quarters, as tuples of quarters; with the things, one for each."""
    if not said.relation:
        ways = [q for q in product(range(4), repeat=said.number) if all(a < b for a, b in zip(q, q[1:]))]
        return said.things * said.number, ways
    things = said.things if said.relation in ("left of", "above") else said.things[::-1]
    return things, [(0, 1), (2, 3)] if said.relation.endswith("of") else [(0, 2), (1, 3)]


def pictures_of(sentence):
    """Every picture of a sentence, all equally likely: 32 of two things; 16, 96, 256, 256 of one to four."""
    things, ways = _quarters(understand(sentence))
    shifts = list(product(range(2), range(2)))
    return [
        draw(things, [(quarter, *shift) for quarter, shift in zip(way, moved)])
        for way in ways
        for moved in product(shifts, repeat=len(things))
    ]


def n_pictures(sentence):
    """How many pictures a sentence has; see `pictures_of`."""
    things, ways = _quarters(understand(sentence))
    return len(ways) * 4 ** len(things)


def paint(sentence, lot):
    """One picture of a sentence: 64 numbers. Raises ValueError for a sentence that the village does not know.

    lot: a function such as `random.Random(seed).random`.
    """
    things, ways = _quarters(understand(sentence))
    return draw(things, [(quarter, int(2 * lot()), int(2 * lot())) for quarter in one_of(lot, ways)])


def _looks():
    """{the 16 pixels of a quarter: (colour, kind), or None for the ground alone}."""
    looks = {(0,) * QUARTER**2: None}
    for thing, down, right in product(THINGS, range(2), range(2)):
        picture = draw([thing], [(0, down, right)])
        looks[_quarter_of(picture, 0)] = thing
    return looks


def _quarter_of(picture, quarter):
    top, left = QUARTER * (quarter // 2), QUARTER * (quarter % 2)
    return tuple(picture[SIDE * (top + y) + left + x] for y in range(QUARTER) for x in range(QUARTER))


def things_in(picture):
    """What stands in each quarter: four times (colour, kind) or None. Raises ValueError for anything else."""
    picture = tuple(picture)
    if len(picture) != SIDE**2:
        raise ValueError(f"a picture has {SIDE**2} pixels, this one {len(picture)}")
    found = [_LOOKS.get(_quarter_of(picture, quarter), "?") for quarter in range(4)]
    if "?" in found:
        raise ValueError(f"quarter {found.index('?')} shows no thing that the village knows")
    return tuple(found)


_LOOKS = _looks()


def read(picture):
    """Every sentence that is true of a picture: one of things alike, two of two things, none of what is no scene."""
    try:
        found = things_in(picture)
    except ValueError:
        return ()
    where = [quarter for quarter, thing in enumerate(found) if thing]
    things = [found[quarter] for quarter in where]
    if things and len(set(things)) == 1:
        return (count(len(things), things[0]),)
    relation = {(0, 1): "left of", (2, 3): "left of", (0, 2): "above", (1, 3): "above"}.get(tuple(where))
    sentence = pair(things[0], relation, things[1]) if relation else None
    return true_sentences(sentence) if sentence in _SENTENCES else ()


def swap(picture):
    """The twin of a picture of two things: they change places. Raises ValueError for any other picture."""
    said = [understand(sentence) for sentence in read(picture)]
    if not said or not said[0].relation:
        raise ValueError("this picture has no twin: it takes two things to exchange")
    where = [quarter for quarter, thing in enumerate(things_in(picture)) if thing]
    shifts = []
    for quarter in where:
        pixels = _quarter_of(picture, quarter)
        rows = [any(pixels[QUARTER * y : QUARTER * (y + 1)]) for y in range(QUARTER)]
        columns = [any(pixels[x::QUARTER]) for x in range(QUARTER)]
        shifts.append((quarter, rows.index(True), columns.index(True)))
    first, second = (things_in(picture)[quarter] for quarter in where)
    return draw([second, first], shifts)


def text_of(picture):
    """The picture in letters, a line for each row: '.' is the ground, 'r' red, and so on (see LETTERS)."""
    letters = [LETTERS[pixel] for pixel in picture]
    return "\n".join(" ".join(letters[SIDE * y : SIDE * (y + 1)]) for y in range(SIDE))


# -- scenes, questions, chance -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scene:
    """A sentence, and one picture of it."""

    sentence: str
    picture: tuple

    @property
    def pair(self):
        return bool(understand(self.sentence).relation)


def scene(lot, things=KNOWN, must=THINGS):
    """A scene drawn by lot of some things, at least one of them in `must`."""
    while True:  # what does not fit is drawn again: so all that fits stays equally likely
        two = lot() < PAIRS
        first, second = one_of(lot, things), one_of(lot, things) if two else None
        if two and (first[0] == second[0] or first[1] == second[1]):
            continue
        if first not in must and second not in must:
            continue
        sentence = pair(first, one_of(lot, RELATIONS), second) if two else count(1 + int(4 * lot()), first)
        return Scene(sentence, paint(sentence, lot))


def scenes(split):
    """The scenes of "validation" or "test" (things known from the lesson) or "unseen" (a held-out thing in each)."""
    if split not in SEEDS:
        raise ValueError(f"there are no pictures called {split!r}: choose one of {', '.join(SEEDS)}")
    lot = random.Random(SEEDS[split]).random
    unseen = split == "unseen"
    return [scene(lot, THINGS if unseen else KNOWN, HELD_OUT if unseen else THINGS) for _ in range(SIZES[split])]


def lesson(seed, tested=None):
    """Scenes to learn from, without end; none shows a picture of `tested` (a set; default: those of all splits)."""
    if tested is None:
        tested = {shown.picture for split in SEEDS for shown in scenes(split)}
    lot = random.Random(LESSON + 1000 * seed).random
    while True:
        shown = scene(lot)
        if shown.picture not in tested:
            yield shown


def questions(sentence):
    """All questions about a sentence's pictures, as (question, answer): each has one right answer, of one word."""
    said = understand(sentence)
    if not said.relation:
        colour, kind = said.things[0]
        return [("how many", NUMBERS[said.number - 1]), ("what kind", kind), ("what colour", colour)]
    (first_colour, first), (second_colour, second) = said.things
    opposite = OPPOSITE[said.relation]
    return [
        (f"what colour is the {first}", first_colour),
        (f"what colour is the {second}", second_colour),
        (f"what is {said.relation} the {second}", first),
        (f"what is {opposite} the {first}", second),
        (f"is the {first} {said.relation} the {second}", "yes"),
        (f"is the {first} {opposite} the {second}", "no"),
    ]


def surprise(picture):
    """-log2 of the chance that `scene`, of KNOWN things, paints just this picture; inf where it cannot."""
    sentences = read(picture)
    if not sentences:
        return math.inf
    said = understand(sentences[0])
    if any(thing not in KNOWN for thing in said.things):
        return math.inf
    if not said.relation:
        return -math.log2(_alike() / (len(KNOWN) * 4 * n_pictures(sentences[0])))
    return -math.log2((1 - _alike()) * len(sentences) / (_ordered() * len(RELATIONS) * n_pictures(sentences[0])))


@cache
def _ordered():
    """How many ordered pairs of KNOWN things differ in colour and kind."""
    return sum(a[0] != b[0] and a[1] != b[1] for a, b in product(KNOWN, KNOWN))


@cache
def _alike():
    """The share of scenes with things alike: more than 1 - PAIRS, because pairs that do not fit are drawn again."""
    fits = _ordered() / len(KNOWN) ** 2
    return (1 - PAIRS) / (1 - PAIRS + PAIRS * fits)


def entropy():
    """The least that pictures of KNOWN things surprise anybody by on average, in bits a picture."""
    pairs = -math.log2((1 - _alike()) * 2 / (_ordered() * len(RELATIONS) * 32))
    alike = [-math.log2(_alike() / (len(KNOWN) * 4 * ways)) for ways in (16, 96, 256, 256)]
    return (1 - _alike()) * pairs + _alike() * sum(alike) / 4
