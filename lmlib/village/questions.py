"""Little stories of the village with a question each, whose answer the world behind them knows.

People go, find, take, give, put down and hide things; the world keeps who is where and who has what, and the lines
that said so. An answer rests on one to three lines, or the story does not tell it. The text is in the format of the
bAbI tasks (Weston et al. 2015): numbered lines, and after the question a tab, the answer, a tab, the numbers of the
lines that it rests on.

    print(babi("test", 2))      two stories with their questions

The same on every machine: all chance comes from `random.Random(seed).random()`. Each kind of question has every
answer equally often, so whoever knows the question alone is right one time in eight where a place or a person is
asked for.
"""

from itertools import accumulate, count
from random import Random

from . import words as w

PEOPLE = tuple(person.name for person in w.PEOPLE[:8])
PLACES = w.PLACES[:8]
COLOURS = tuple(colour.en for colour in w.COLOURS[:8])
BAGS = ("basket", "box", "bucket")
NOUNS = ("key", "hat", "kite", "book", "lantern", "scarf", "cup", "flute")
NOISE = ("It began to rain.", "A dog barked.", "The bell rang.", "The sun came out.", "Far away, somebody sang.")
UNKNOWN = "unknown"  # what stands for the answer where the story does not tell it

# The splits: how many stories, how many lines each may have, and where the seeds begin.
SPLITS = {
    "train": (7680, 5, 8, 10_000_000),
    "validation": (384, 5, 8, 20_000_000),
    "test": (768, 5, 8, 30_000_000),
    "test-16": (384, 16, 16, 40_000_000),
    "test-32": (384, 32, 32, 50_000_000),
    "archive": (300, 5, 8, 60_000_000),
}
# How often what happens, relative to each other, where it can happen.
WEIGHTS = {"go": 5, "have": 3, "lie": 2, "take": 3, "give": 3, "down": 1, "into": 3, "out": 1, "noise": 1}
FORMS = {
    "go": ("{p} went to {l}.", "{p} walked to {l}.", "{p} hurried to {l}."),
    "have": ("{p} had a {t}.", "{p} found a {t}.", "{p} bought a {t}."),
    "lie": ("A {t} lay {at}.", "There was a {t} {at}."),
    "take": ("{p} took the {t}.", "{p} picked up the {t}."),
    "give": ("{p} gave the {t} to {q}.", "{p} gave {q} the {t}.", "{p} handed the {t} to {q}."),
    "down": ("{p} put down the {t}.", "{p} left the {t} there."),
    "into": ("{p} put the {t} into the {b}.", "{p} hid the {t} in the {b}."),
    "out": ("{p} took the {t} out of the {b}.",),
}
ASKED = {
    "where person": "Where is {p}?",
    "where thing": "Where is the {t}?",
    "who": "Who has the {t}?",
    "what": "What is {p} carrying?",
}
# The kinds of question by the number of lines that the answer rests on, as often as they stand here: about a third of
# the questions for a person's or a thing's place have no answer.
KINDS = (
    ("where thing", "where person", "where thing", "where thing"),
    ("where person", "who", "where person", "where thing", "where person", "what"),
    ("where thing", "who"),
    ("where thing",),
)


class World:
    """Three people, four places, two things and a bag, all of them numbers; and what has happened so far.

    still: a person who never goes anywhere. at: person -> (place, line). things: thing -> ("held", person, lines),
    ("lies", place, lines) or ("in", bag, lines); the bag is a thing, too. lines: what happened, one (verb, slots) a
    line.
    """

    BAG = 2

    def __init__(self, draw, still=None):
        self.draw, self.still, self.at, self.things, self.lines = draw, still, {}, {}, []

    def one_of(self, items):
        return items[int(self.draw() * len(items))]

    def choices(self, verb):
        """The ways in which something may happen now: the slots of each."""
        if verb == "noise":
            return [{}]
        if verb == "lie":
            return [{"t": t, "l": place} for t in range(3) if t not in self.things for place in range(4)]
        if verb == "go":
            movers = [p for p in range(3) if p != self.still]
            return [{"p": p, "l": place} for p in movers for place in range(4) if self.here(p) != place]
        found = [{"p": p, "t": t} for p in range(3) for t in range(3) if self._may(verb, p, t)]
        if verb == "give":
            return [
                {**slots, "q": q}
                for slots in found
                for q in range(3)
                if q != slots["p"] and self._meet(q, slots["p"])
            ]
        return found

    def here(self, p):
        """Where a person is known to be, or None."""
        return self.at.get(p, (None,))[0]

    def _may(self, verb, p, t):
        how, whose, _ = self.things.get(t, (None, None, ()))
        last, about = self.lines[-1] if self.lines else ("", {})
        if verb == "have":
            return how is None
        if verb == "take":
            return how == "lies" and whose == self.here(p) and not (last == "down" and about["t"] == t)
        if verb == "out":
            return how == "in" and self._reaches(p, self.BAG)
        held = how == "held" and whose == p
        if verb == "into":
            return held and t != self.BAG and self._reaches(p, self.BAG)
        if verb == "down":
            return held and self.here(p) is not None and not (last == "take" and about["t"] == t)
        return held  # give

    def _meet(self, p, q):
        return self.here(p) is not None and self.here(p) == self.here(q)

    def _reaches(self, p, t):
        how, whose, _ = self.things.get(t, (None, None, ()))
        return (how == "held" and whose == p) or (how == "lies" and whose == self.here(p))

    def step(self):
        """Let something happen: one line more."""
        choices = []
        while not choices:  # what cannot happen now is drawn again
            at = self.draw() * sum(WEIGHTS.values())
            verb = next(verb for verb, most in zip(WEIGHTS, accumulate(WEIGHTS.values())) if at < most)
            choices = self.choices(verb)
        slots, line = self.one_of(choices), len(self.lines)
        self.lines.append((verb, slots))
        p, t = slots.get("p"), slots.get("t")
        if verb == "go":
            self.at[p] = (slots["l"], line)
        elif verb in ("have", "take", "out"):
            self.things[t] = ("held", p, (line,))
        elif verb == "give":
            self.things[t] = ("held", slots["q"], (line,))
        elif verb == "lie":
            self.things[t] = ("lies", slots["l"], (line,))
        elif verb == "down":
            place, came = self.at[p]
            self.things[t] = ("lies", place, (came, line))
        elif verb == "into":
            self.things[t] = ("in", self.BAG, (line,))

    def place_of(self, t):
        """(place, the lines that say so) of a thing, or (None, ())."""
        how, whose, lines = self.things.get(t, (None, None, ()))
        if how == "lies":
            return whose, lines
        place, more = self.at.get(whose, (None, None)) if how == "held" else (None, None)
        if how == "in":
            place, more = self.place_of(whose)
            return (place, (*lines, *more)) if place is not None else (None, ())
        return (place, (*lines, more)) if place is not None else (None, ())

    def holder_of(self, t):
        """(person, the lines that say so) of who has a thing; (None, None) where it lies somewhere."""
        how, whose, lines = self.things.get(t, (None, None, ()))
        if how == "in":
            person, more = self.holder_of(whose)
            return person, (*lines, *more) if person is not None else more
        return (None, None) if how == "lies" else (whose, lines)

    def questions(self):
        """All that can be asked now: (kind, slots, answer or None, lines that it rests on)."""
        for p in range(3):
            place, line = self.at.get(p, (None, None))
            yield "where person", {"p": p}, place, () if line is None else (line,)
            held = [t for t, (how, whose, _) in self.things.items() if how == "held" and whose == p]
            if len(held) == 1 and held != [self.BAG]:
                yield "what", {"p": p}, held[0], self.things[held[0]][2]
        for t in range(3):
            yield "where thing", {"t": t}, *self.place_of(t)
            person, lines = self.holder_of(t)
            if lines is not None:  # of what lies somewhere it is known that nobody has it: not asked
                yield "who", {"t": t}, person, lines


def _one(draw, facts, kind, answer, n_lines):
    """A world in which such a question can be asked, with the question: (world, slots, answer slot, lines)."""
    while True:
        world = World(draw, still=2 if facts == 0 else None)
        for _ in range(n_lines):
            world.step()
        found = [
            question
            for question in world.questions()
            if question[0] == kind and len(question[3]) == facts and (question[2] is None) == (facts == 0)
        ]
        if facts == 0:  # whoever or whatever the story does not name is asked for seldom: that would be too easy
            named = {slots[key] for _, slots in world.lines for key in ("p", "q") if key in slots}
            fair = [q for q in found if q[1].get("p") in named or q[1].get("t") in world.things]
            found = fair or (found if draw() < 0.2 else [])
        if found:
            return world, *world.one_of(found)[1:]


def _names(draw, n, items):
    """n different items, drawn by lot."""
    items = list(items)
    return [items.pop(int(draw() * len(items))) for _ in range(n)]


def _swap(names, slot, wanted):
    """The names, with the wanted one in that slot; if it stood elsewhere, the two change places."""
    names = list(names)
    if wanted in names:
        names[names.index(wanted)] = names[slot]
    names[slot] = wanted
    return names


def _write(seed, facts, kind, turn, n_lines, dated):
    """One story: (its lines, question, answer, numbers of the lines that it rests on, counted from 1)."""
    draw = Random(seed).random
    world, asked, answer, lines = _one(draw, facts, kind, turn, n_lines)
    people, places = _names(draw, 3, PEOPLE), _names(draw, 4, PLACES)
    things = [f"{COLOURS[int(draw() * 8)]} {NOUNS[int(draw() * 8)]}" for _ in range(2)]
    if things[0] == things[1]:
        things[1] = f"{COLOURS[(COLOURS.index(things[0].split()[0]) + 1) % 8]} {things[0].split()[1]}"
    things.append(BAGS[int(draw() * 3)])
    if answer is not None:  # names are all alike to the world, so the answer may be given the name whose turn it is
        if kind.startswith("where"):
            places = _swap(places, answer, PLACES[turn % 8])
        elif kind == "who":
            people = _swap(people, answer, PEOPLE[turn % 8])
        else:
            things = _swap(things, answer, f"{COLOURS[turn % 8]} {NOUNS[turn // 8 % 8]}")

    def filled(form, slots):
        named = {"b": things[world.BAG]}
        for key, names in (("p", people), ("q", people), ("t", things)):
            if key in slots:
                named[key] = names[slots[key]]
        if "l" in slots:
            place = places[slots["l"]]
            named |= {"l": place.text("en"), "at": place.text("en", "at")}
        return form.format(**named)

    story = [
        filled(NOISE[int(draw() * len(NOISE))] if verb == "noise" else world.one_of(FORMS[verb]), slots)
        for verb, slots in world.lines
    ]
    question = filled(ASKED[kind], asked)
    if dated:
        weather, day = (table[int(draw() * len(table))].text("en") for table in (w.WEATHER, w.DAYS))
        season = w.SEASONS[int(draw() * 4)].text("en")
        story.insert(0, f"It was a {weather} {day} in {season}.")
        question = f"{question[:-1]} on the {weather} {day}?"
        lines = [line + 1 for line in lines]
    if answer is None:
        told = UNKNOWN
    else:
        told = {"who": people, "what": things}.get(kind, [place.en for place in places])[answer]
    return story, question, told, sorted(line + 1 for line in lines)


def _all(split):
    """Every story of a split, one after another."""
    _, least, most, first = SPLITS[split]
    turns = {(facts, kind): count() for facts, kinds in enumerate(KINDS) for kind in set(kinds)}
    archive = split == "archive"
    for i in count():
        facts = 1 + i % 3 if archive else i % 4
        kind = KINDS[facts][i // 4 % len(KINDS[facts])]
        n_lines = least + i // 7 % (most - least + 1)
        dated = archive or (split == "train" and i // 5 % 2 == 1)
        yield _write(first + i, facts, kind, next(turns[facts, kind]), n_lines, dated)


def _asks_for(question):
    """The words that tell which story is meant: whom or what it asks for, and the day."""
    return set(question.rstrip("?").split()) - {"Where", "Who", "What", "is", "has", "carrying", "the", "on"}


def stories(split, n=None):
    """The first n stories of a split, by default all: tuples (lines, question, answer, line numbers from 1).

    In the archive every question fits one story alone: no other has all the words that it asks for.
    Raises ValueError for a split that is not there, and for more stories than it has.
    """
    if split not in SPLITS:
        raise ValueError(f"there is no split {split!r}: take one of {', '.join(SPLITS)}")
    most = SPLITS[split][0]
    n = most if n is None else n
    if not 0 <= n <= most:
        raise ValueError(f"the split {split} has {most:,} stories, not {n:,}")
    kept, known = [], []
    for told in _all(split):
        if len(kept) == n:
            return kept
        if split == "archive":
            asked, said = _asks_for(told[1]), set(" ".join(told[0]).replace(".", "").split())
            if any(asked <= other or wanted <= said for wanted, other in known):
                continue
            known.append((asked, said))
        kept.append(told)


def babi(split, n=None):
    """The same as a text in bAbI's format; see `stories`."""
    rows = []
    for lines, question, answer, support in stories(split, n):
        rows += [f"{number} {line}" for number, line in enumerate(lines, start=1)]
        rows.append(f"{len(lines) + 1} {question}\t{answer}\t{' '.join(map(str, support))}")
    return "\n".join(rows) + "\n"
