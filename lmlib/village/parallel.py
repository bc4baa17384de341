"""Sentences of the village in all its languages side by side, with the truth about what translates what.

A story is written in English, Chinese and French from the same choices, sentence by sentence. So its sentences
align one to one, and within a sentence each gap that was filled (a name, a colour, a place) stands somewhere in every
language: that is the true alignment.
"""

from dataclasses import dataclass

from . import words as w
from .forms import FORMS
from .grammar import LANGUAGES, Slot, Writer, _capital, _piece
from .tale import Tale

KINDS = ("name", "pronoun", "colour", "thing", "place", "number", "word")


@dataclass(frozen=True)
class Gap:
    """What a sentence says in every language: kind is one of KINDS, spans its place in each, [start, end)."""

    kind: str
    spans: dict[str, tuple[int, int]]


@dataclass(frozen=True)
class Sentence:
    """One sentence form, filled: its texts by language, and its gaps in the order of the English text.

    A gap that a language leaves out (French says *lui* without a gap) lacks that language in its spans.
    """

    form: str
    texts: dict[str, str]
    gaps: tuple[Gap, ...]


def sentences(seed):
    """The sentences of the story of this seed, in order; the same on every machine."""
    cutter = _Cutter(FORMS, seed)
    Tale(cutter).tell()
    return cutter.sentences


class _Cutter(Writer):
    """Writes a story as `Writer` does, but keeps its sentences apart."""

    def __init__(self, forms, seed):
        super().__init__(forms, seed)
        self.sentences = []

    def _write(self, form, values):
        texts, spans = {}, {}
        for lang in LANGUAGES:
            text = ""
            for i, item in enumerate(form.items(lang)):
                piece = _piece(item, values, lang)
                if (
                    isinstance(item, Slot) and item.variant != "measure"
                ):  # Chinese: a piece of the word, apart from it
                    for kind, start, end in _parts(item, values[item.name], piece, lang):
                        # a slot that stands twice in a sentence counts where it stands first
                        spans.setdefault((item.name, kind), {}).setdefault(lang, (len(text) + start, len(text) + end))
                text += _capital(piece, lang) if i == 0 else piece
            texts[lang] = text
        gaps = [Gap(kind, found) for (_, kind), found in spans.items()]  # English is the first language
        self.sentences.append(Sentence(form.name, texts, tuple(gaps)))


def _parts(slot, value, piece, lang):
    """Yield (kind, start, end) for what a filled slot says; a thing with its colour says two things."""
    if isinstance(value, w.Item):
        feminine = lang == "fr" and value.thing.fr_feminine
        colour = value.colour.fr_feminine if feminine else getattr(value.colour, lang)
        for kind, word in (("colour", colour), ("thing", getattr(value.thing, lang))):
            start = piece.index(word)
            yield kind, start, start + len(word)
    else:
        yield _kind(slot, value), 0, len(piece)


def _kind(slot, value):
    if isinstance(value, w.Pronoun) or slot.variant in ("obj", "his"):
        return "pronoun"
    if isinstance(value, w.Person) or slot.name == "name":
        return "name"
    if isinstance(value, w.Place) or slot.name in ("home", "spot", "door"):
        return "place"
    return "number" if slot.name in ("n", "m") else "word"
