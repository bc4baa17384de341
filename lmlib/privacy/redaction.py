"""Personal data found by patterns, and a notice board whose truth is known to measure them on.

A pattern finds what is written as its author thought of it. The board writes mail addresses, telephone numbers and
the village's identity numbers in several ways, some of which people use and patterns do not know. Addresses lie under
example.org, which belongs to nobody (RFC 2606), and telephone numbers under 555-01, which is kept for fiction.
"""

import random
import re
from dataclasses import dataclass

KINDS = ("mail", "phone", "id")
PATTERNS = {
    "mail": re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),
    "phone": re.compile(r"(?<!\w)(?:\+\d{1,3}[ -]?)?(?:\(\d{3}\)[ -]?)?\d{3}[ .-]?\d{4}(?!\w)"),
    "id": re.compile(r"\bVM-?\d{6}\b"),
}


@dataclass(frozen=True)
class Span:
    """A piece of personal data: characters start to end (not included) of a text, and its kind."""

    start: int
    end: int
    kind: str


@dataclass(frozen=True)
class Notice:
    """A notice with its personal data. writing: how that is written, or which harmless number it has instead."""

    text: str
    spans: tuple
    writing: str


def find(text, patterns=PATTERNS):
    """The spans that the patterns find, from left to right; where two overlap, the kind named first in KINDS wins."""
    found = []
    for kind, pattern in patterns.items():
        for match in pattern.finditer(text):
            if not any(match.start() < span.end and span.start < match.end() for span in found):
                found.append(Span(match.start(), match.end(), kind))
    return sorted(found, key=lambda span: span.start)


def redact(text, patterns=PATTERNS):
    """The text with [MAIL], [PHONE] or [ID] in the place of what was found."""
    for span in reversed(find(text, patterns)):
        text = f"{text[: span.start]}[{span.kind.upper()}]{text[span.end :]}"
    return text


def scores(notices, patterns=PATTERNS):
    """{kind: (found rightly, found, there)}; a span is right where start, end and kind are."""
    counts = {kind: [0, 0, 0] for kind in KINDS}
    for notice in notices:
        found = find(notice.text, patterns)
        for span in found:
            counts[span.kind][0] += span in notice.spans
            counts[span.kind][1] += 1
        for span in notice.spans:
            counts[span.kind][2] += 1
    return {kind: tuple(numbers) for kind, numbers in counts.items()}


_DIGITS = "zero one two three four five six seven eight nine".split()
_NAMES = "Anna Bruno Clara Emma Hugo Leo Nora Rosa Tom Victor".split()
_OPENINGS = {
    "mail": (
        "Write to {{}} about the fair.",
        "{} has lost an umbrella: mail to {{}}.",
        "Ask {} for a seat: {{}}.",
    ),
    "phone": ("{} buys old boats, call {{}}.", "For honey ask {}, {{}}.", "{} is out; ring {{}} after lunch."),
    "id": ("The pass of {} has the number {{}}.", "{} signed as {{}}.", "Found: papers of {}, {{}}."),
    "year": ("The bridge was built in {{}}.", "{} was born in {{}}."),
    "amount": ("{} sold {{}} apples.", "The roof costs {{}} coins."),
    "long number": ("{} asks who has ticket {{}}.", "Seeds of sort {{}} are in."),
}


def _mail(chance, name):
    user, place = name.lower(), ("mill", "school", "inn", "forge")[int(chance() * 4)]
    return {
        "plain": f"{user}@{place}.example.org",
        "with a dot and a plus": f"{user}.{place}+fair@example.org",
        "(at) and (dot)": f"{user} (at) {place} (dot) example (dot) org",
        "in words": f"{user} at {place} dot example dot org",
    }


def _phone(chance, name):
    last = f"{int(chance() * 100):02}"
    spelled = " ".join(_DIGITS[int(d)] for d in f"55501{last}")
    return {
        "with a hyphen": f"555-01{last}",
        "in one": f"55501{last}",
        "with country and area": f"+1 (207) 555-01{last}",
        "in groups": f"555 01 {last}",
        "in words": spelled,
    }


def _id(chance, name):
    number = f"{int(chance() * 10**6):06}"
    return {
        "with a hyphen": f"VM-{number}",
        "in one": f"VM{number}",
        "small letters": f"vm-{number}",
        "in two parts": f"VM {number[:3]} {number[3:]}",
    }


def _harmless(chance, name):
    return {
        "year": f"{1800 + int(chance() * 120)}",
        "amount": f"{100 + int(chance() * 900)},000",
        "long number": f"{100 + int(chance() * 900)}-{int(chance() * 10**4):04}",
    }


_WRITERS = {"mail": _mail, "phone": _phone, "id": _id, "none": _harmless}


def board(n=400, seed=0):
    """`n` notices, each with one mail address, telephone number, identity number, or a harmless number instead."""
    generator = random.Random(f"notices {seed}")
    chance, notices = generator.random, []

    def one_of(items):
        return items[int(chance() * len(items))]

    for _ in range(n):
        kind, name = one_of((*KINDS, "none")), one_of(_NAMES)
        writing, value = one_of(list(_WRITERS[kind](chance, name).items()))
        opening = one_of(_OPENINGS[writing if kind == "none" else kind])
        before, after = opening.format(name).split("{}")
        spans = () if kind == "none" else (Span(len(before), len(before) + len(value), kind),)
        notices.append(Notice(before + value + after, spans, f"{kind}, {writing}"))
    return notices
