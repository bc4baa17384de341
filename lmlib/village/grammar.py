"""Sentences with choices, written by a `Writer` and read back, with exact probabilities, by a `Reader`.

A story is a program that calls two verbs of its narrator `h`:

    h.say(form, **known)      one sentence, nothing left open
    h.choose(options)         one of several sentences; some of their slots may be open, each with its own law

A form is one sentence in every language of the village, with the same slots in each, in whatever order that
language wants. The slots that are open are independent of each other, so their order costs nothing: the same
story has the same bits in every language. The same program runs under two narrators:

    Writer   draws the choices from a seeded generator and writes the story in all languages at once
    Reader   is given a text in one language, finds the only choices that can have made it, and adds up
             their exact probabilities, or the exact law of the character that comes next

No two sets of choices give the same text; the Reader checks that at every sentence it reads. So
-log2 p(text) is the sum of the choices' bits, and the entropy of the text is the entropy of the choices.
"""

import math
import random
import re
from dataclasses import dataclass, field
from functools import cache, cached_property

LANGUAGES = ("en", "zh", "fr")
END = "<|end|>"  # the mark that follows the last character of every story

_ITEM = re.compile(r"\{(\w+)\?([^|}]*)\|([^}]*)\}|\{(\w+)(?::(\w+))?(?:@(\w+))?\}|([^{]+)")


@dataclass(frozen=True)
class Slot:
    """A gap in a sentence: `{item:own@who}` is the slot `item` in its form `own`, agreeing with `who`."""

    name: str
    variant: str = ""
    agrees_with: str = ""


@dataclass(frozen=True)
class Agreement:
    """`{who?he|she}`: the first text if the slot's value is masculine in this language, else the second."""

    name: str
    masculine: str
    feminine: str


@cache
def parse(template):
    """The items of a sentence template: texts, slots and agreements."""
    items, position = [], 0
    for match in _ITEM.finditer(template):
        if match.start() != position:
            break
        position = match.end()
        name, masculine, feminine, slot, variant, agrees, text = match.groups()
        if text is not None:
            items.append(text)
        elif slot:
            items.append(Slot(slot, variant or "", agrees or ""))
        else:
            items.append(Agreement(name, masculine, feminine))
    if position != len(template):
        raise ValueError(f"the sentence form {template!r} has a brace that does not fit at character {position}")
    return tuple(items)


@dataclass(frozen=True)
class Law:
    """A choice that is still open: values and their probabilities."""

    values: tuple
    probabilities: tuple

    @cached_property
    def entropy(self):
        """In bits."""
        return -sum(p * math.log2(p) for p in self.probabilities)


def one_of(values, weights=None):
    """An open slot: one of `values`, evenly or with these relative weights."""
    values = tuple(values)
    weights = tuple(weights) if weights else (1,) * len(values)
    total = sum(weights)
    return Law(values, tuple(w / total for w in weights))


def zipf(values, shift=1):
    """An open slot whose r-th value (r = 0, 1 ...) has weight 1 / (r + shift): few common, many rare."""
    return one_of(values, [1 / (r + shift) for r in range(len(values))])


@dataclass(frozen=True)
class Option:
    """One sentence that may come next: its weight among the options, its form, what its slots hold.

    `then` is called with the values of the slots after the sentence was told: it changes the world.
    """

    weight: float
    form: str
    slots: dict = field(default_factory=dict)
    then: object = None


@dataclass
class Told:
    """A sentence that was told: its form, the values of all slots, and which of them were open."""

    form: str
    values: dict
    open: tuple
    bits: float


def _piece(item, values, lang):
    if isinstance(item, str):
        return item
    value = values[item.name]
    if isinstance(item, Agreement):
        return item.feminine if value.feminine(lang) else item.masculine
    partner = values[item.agrees_with] if item.agrees_with else None
    return value.text(lang, item.variant, partner)


def _lead(form, lang, started):
    """What stands between this sentence and the one before: nothing, a blank, or a new line."""
    if not started:
        return ""
    return "\n" if form.new_paragraph else ("" if lang == "zh" else " ")


def _capital(text, lang):
    return text[:1].upper() + text[1:] if lang != "zh" else text


@dataclass(frozen=True)
class Form:
    """One sentence in every language. A form that opens a scene starts a new paragraph."""

    name: str
    en: str
    zh: str
    fr: str
    new_paragraph: bool = False

    def items(self, lang):
        return parse(getattr(self, lang))


class Narrator:
    """What a story program talks to. Subclasses decide where the choices come from."""

    def __init__(self, forms):
        self.forms = forms
        self.bits = 0.0  # -log2 of the probability of all that was told so far
        self.told = []

    def say(self, form, **known):
        """Tell one sentence in which nothing is open."""
        return self.choose([Option(1, form, known)])

    def choose(self, options):
        """Tell one of the options; returns what was Told."""
        options = [o for o in options if o.weight > 0]
        total = sum(o.weight for o in options)
        option, told = self._decide(options, [o.weight / total for o in options])
        self.bits += told.bits
        self.told.append(told)
        if option.then:
            option.then(told.values)
        return told


def _open_slots(option):
    return {k: v for k, v in option.slots.items() if isinstance(v, Law)}


class Writer(Narrator):
    """Writes a story in all languages at once; the same seed gives the same story everywhere."""

    def __init__(self, forms, seed):
        super().__init__(forms)
        self._uniform = random.Random(seed).random  # the one function whose values every Python version shares
        self.texts = dict.fromkeys(LANGUAGES, "")
        self.spans = []  # per slot told: its name and, per language, where it stands in the text
        self.entropy = 0.0  # the sum of the entropies of the choices met on the way, in bits

    def _draw(self, probabilities):
        u, total = self._uniform(), 0.0
        for i, p in enumerate(probabilities):
            total += p
            if u < total:
                return i
        return len(probabilities) - 1

    def _decide(self, options, probabilities):
        self.entropy -= sum(p * math.log2(p) for p in probabilities)
        self.entropy += sum(
            p * law.entropy for o, p in zip(options, probabilities, strict=True) for law in _open_slots(o).values()
        )
        i = self._draw(probabilities)
        option, p = options[i], probabilities[i]
        values, opened = dict(option.slots), _open_slots(option)
        for name, law in opened.items():
            k = self._draw(law.probabilities)
            values[name] = law.values[k]
            p *= law.probabilities[k]
        self._write(self.forms[option.form], values)
        return option, Told(option.form, values, tuple(opened), -math.log2(p))

    def _write(self, form, values):
        spans = {}
        for lang in LANGUAGES:
            text = self.texts[lang]
            text += _lead(form, lang, bool(text))
            for i, item in enumerate(form.items(lang)):
                piece = _piece(item, values, lang)
                if isinstance(item, Slot):
                    spans.setdefault(item.name, {})[lang] = (len(text), len(text) + len(piece))
                text += _capital(piece, lang) if i == 0 else piece
            self.texts[lang] = text
        self.spans += list(spans.items())


class EndOfText(Exception):
    """The text ended: `following` maps each character that can come next to its probability."""

    def __init__(self, following):
        self.following = following


class Reader(Narrator):
    """Reads a text in one language: finds its choices and their exact probability.

    With `every_character=True`, `laws` collects the law of each character given all before it.
    Raises ValueError where the text is no story of the village, and EndOfText where it stops in the middle.
    """

    def __init__(self, forms, text, lang, every_character=False):
        super().__init__(forms)
        self.text, self.lang, self.position = text, lang, 0
        self.laws = [] if every_character else None

    def _decide(self, options, probabilities):
        found, following = self._readings(options, probabilities, self.text)
        if following and not found:
            total = sum(following.values())
            raise EndOfText({c: p / total for c, p in sorted(following.items())})
        if len(found) != 1 or following:
            where = f"at character {self.position}: {self.text[self.position : self.position + 60]!r}"
            if not found:
                raise ValueError(f"this is no story of the village {where}")
            raise AssertionError(f"{len(found)} ways to tell the same sentence {where}")
        option, values, p, end = found[0]
        if self.laws is not None:
            for stop in range(self.position, end):
                _, following = self._readings(options, probabilities, self.text[:stop])
                total = sum(following.values())
                self.laws.append({c: q / total for c, q in following.items()})
        self.position = end
        return option, Told(option.form, values, tuple(_open_slots(option)), -math.log2(p))

    def _readings(self, options, probabilities, text):
        """All ways to tell the sentence here, and the characters that can follow if the text stops."""
        found, following = [], {}

        def walk(option, items, i, start, values, p, position):
            if i == len(items):
                found.append((option, values, p, position))
                return
            item = items[i]
            if isinstance(item, Slot) and isinstance(values[item.name], Law):
                law = values[item.name]
                for value, q in zip(law.values, law.probabilities, strict=True):
                    settled = {**values, item.name: value}
                    match(option, items, i, start, settled, p * q, position, _piece(item, settled, self.lang))
            else:
                match(option, items, i, start, values, p, position, _piece(item, values, self.lang))

        def match(option, items, i, start, values, p, position, piece):
            if i == 0:
                piece = start + _capital(piece, self.lang)
            if text.startswith(piece, position):
                walk(option, items, i + 1, start, values, p, position + len(piece))
            elif len(text) - position < len(piece) and piece.startswith(text[position:]):
                c = piece[len(text) - position]
                following[c] = following.get(c, 0.0) + p

        for option, p in zip(options, probabilities, strict=True):
            form = self.forms[option.form]
            start = _lead(form, self.lang, self.position > 0)
            walk(option, form.items(self.lang), 0, start, dict(option.slots), p, self.position)
        return found, following

    def finish(self):
        """Called after the story's last sentence: the text must end here too."""
        if self.position != len(self.text):
            raise ValueError(f"the story ends at character {self.position}, but the text goes on")
