"""What is wrong with a translation? Each difference from the reference is called by its kind.

Where the true alignment is known (the village), a wrong word is a wrong name, colour, thing and so on. One sentence
may have several errors; each kind counts once a sentence.
"""

import difflib
import re
from functools import cache

from lmlib.text.tokenizers import WORD

ORDER = "word order"
MISSING, ADDED, OTHER, AGREEMENT = "words missing", "words added", "other words", "agreement"


def errors(pair, output, target="zh"):
    """The kinds of errors in an output, a sorted list without repetitions; empty if it equals the reference.

    "wrong name" (pronoun, colour, thing, place, number, word): something else stands in its gap. "agreement": in
    French, the right word in a wrong gender. "words missing", "words added", "word order": as they say. "other
    words": another wording outside of the gaps.
    """
    if output == pair.target:
        return []
    right, wrong = WORD.findall(pair.target), WORD.findall(output)
    if sorted(w.strip().lower() for w in right) == sorted(w.strip().lower() for w in wrong):
        return [ORDER]
    starts = [0]
    for word in right:
        starts.append(starts[-1] + len(word))
    found = set()
    matcher = difflib.SequenceMatcher(a=right, b=wrong, autojunk=False)
    for operation, a, b, c, d in matcher.get_opcodes():
        if operation == "equal":
            continue
        if target == "fr" and plain("".join(right[a:b])) == plain("".join(wrong[c:d])):
            found.add(AGREEMENT)
            continue
        hit = _gaps(pair, starts[a], starts[b])
        if operation == "insert":
            found |= {f"wrong {kind}" for kind, whole, inside in hit if inside} or {ADDED}
        elif operation == "delete" and all(whole for _, whole, _ in hit):
            found.add(MISSING)
        else:
            found |= {f"wrong {kind}" for kind, *_ in hit} or {OTHER}
    return sorted(found)


def _gaps(pair, start, end):
    """(kind, does [start, end) cover all of it, does it lie strictly inside) of each gap of the target it touches."""
    touched = []
    for link in pair.alignment or ():
        first, last = link.target
        if start < last and first < end or start == end and first < start < last:
            touched.append((link.kind, start <= first + 1 and last <= end, first < start and end < last))
    return touched


# --- agreement in French ------------------------------------------------------------------------------------


@cache
def _masculine():
    """Of the village's words: each feminine form to its masculine one."""
    from lmlib.village import words as w

    pairs = {"une": "un", "sa": "son", "ma": "mon"}
    for value in vars(w).values():
        for word in value if isinstance(value, tuple) else ():
            if isinstance(word, w.Role):
                pairs[word.fr[1]] = word.fr[0]
            elif isinstance(word, w.Colour):
                pairs[word.fr_feminine] = word.fr
    return pairs


def plain(text):
    """A French text without what agrees in it: articles, possessives, adjectives, participles in one form."""
    text = text.lower().strip()
    text = re.sub(r"\b(de la\b|de l'|du\b|des\b|d')", "de ", text)
    text = re.sub(r"(\bà la\b|\bà l'|\bau\b|\baux\b)", "à ", text)
    text = re.sub(r"\b(la\b|les\b|l')", "le ", text)
    words = (_masculine().get(word, word) for word in text.split())
    return " ".join(re.sub(r"(?<=\w\w)e?s?$", "", word) for word in words)
