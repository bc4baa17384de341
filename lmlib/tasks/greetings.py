"""Pairs of stories that are alike but for who goes and who greets: a fact that lesson 16 looks for inside a GPT.

    ... At noon, Clara went to the mill. Nora came along and waved. “Good day,      -> Clara
    ... At noon, Nora went to the mill. Clara came along and waved. “Good day,      -> Nora

Both people were introduced before, and both are named once in the scene, so whoever counts names cannot tell: the
answer is the one who is there already. (Wang et al. 2022 ask GPT-2 this of made-up sentences, "indirect object
identification".) Both are women, or both are men, so that no 'she' gives the answer away, and both names are one
token, so that a place in one story is the same place in the other. That only one name is possible is checked with
the village's own rules.
"""

from dataclasses import dataclass
from functools import cache
from os.path import commonprefix

from .. import village
from ..village import words as w

FIRST_SEED = 4_000_000  # stories that stand in no split
# Ways to begin the scene, and in short what stands at each place of it, from the first name on.
SCENES = {
    "went": ("{goer} went to the {place}.", ["GOER", "went", "to", "the", "place", "."]),
    "hurried": ("{goer} hurried to the {place}.", ["GOER", "hurried", "to", "the", "place", "."]),
    "quiet": ("it was quiet {at} when {goer} came.", ["GOER", "came", "."]),
}
GREETED = "{} {} came along and waved. “Good day,"
_REST = ["GREETER", "came", "along", "and", "waved", ".", "“", "Good", "day", ","]
PLACES = SCENES["went"][1] + _REST


def places(scene="went"):
    """The names of the last tokens of a pair's texts, from the first name of the scene on: a list of strings."""
    return SCENES[scene][1] + _REST


@dataclass(frozen=True)
class Greeting:
    """Two beginnings of stories that end before a name. `text` goes on with `answer`, `other_text` with `other`."""

    text: str
    other_text: str
    answer: str
    other: str

    @property
    def names(self):
        return self.answer, self.other

    def ids(self, tokenizer):
        """The tokens of both texts behind the start mark, equally many: two lists."""
        return tuple([tokenizer.end_id, *tokenizer.encode(text)] for text in (self.text, self.other_text))

    def answer_ids(self, tokenizer):
        """The ids of both answers."""
        return tuple(tokenizer.encode(f" {name}")[0] for name in self.names)


def _one_token(name, tokenizer):
    return len(tokenizer.encode(f" {name}")) == 1


@cache
def greeting(seed, tokenizer, scene="went"):
    """The `Greeting` made of the first lines of the story of this seed, or None where it has no two such people."""
    told = village.write(seed)
    opening = told.texts["en"].split("\n")[0]
    people = [one.values["who"] for one in told.told if one.form.startswith("live")]
    known = [person for person in people if _one_token(person.name, tokenizer)]
    alike = [(a, b) for i, a in enumerate(known) for b in known[i + 1 :] if a.female == b.female]
    if not alike:
        return None
    pair = [person.name for person in alike[seed % len(alike)]]
    if seed // 2 % 2:  # the one who was introduced first must not always be the answer
        pair.reverse()
    # a first scene is at one of the first four times of the day
    time, place = w.TIMES[seed % 4].text("en"), w.PLACES[seed % len(w.PLACES)]
    same = len(commonprefix(pair))
    texts = []
    for goer, greeter in (pair, pair[::-1]):
        scenery = SCENES[scene][0].format(goer=goer, place=place.en, at=place.text("en", "at"))
        text = f"{opening}\n{time}, {GREETED.format(scenery, greeter)}"
        if village.next_character_probabilities(f"{text} {goer[:same]}") != {goer[same]: 1.0}:
            return None
        texts.append(text)
    found = Greeting(*texts, *pair)
    first, second = found.ids(tokenizer)
    alike = len(first) == len(second) and sum(a != b for a, b in zip(first, second)) == 2
    return found if alike and tokenizer.tokens(texts[0])[-len(places(scene))].strip() == pair[0] else None


def greetings(n, seed, tokenizer, scene="went"):
    """`n` pairs of stories, others for each seed, the same on every machine; scene: one of SCENES."""
    if scene not in SCENES:
        raise ValueError(f"no scene begins with {scene!r}: choose one of {', '.join(SCENES)}")
    found, number = [], FIRST_SEED + 10_000 * seed
    while len(found) < n:
        one = greeting(number, tokenizer, scene)
        number += 1
        if one is not None:
            found.append(one)
    return found
