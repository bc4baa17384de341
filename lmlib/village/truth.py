"""What the village knows of its own stories: their probability, and the law of every next character."""

import math

from .forms import FORMS
from .grammar import END, LANGUAGES, EndOfText, Reader, Writer
from .tale import Tale


def _language(lang):
    if lang not in LANGUAGES:
        raise ValueError(f"the village is told in {', '.join(LANGUAGES)}; choose one of these, not {lang!r}")
    return lang


def write(seed):
    """Tell the story of this seed in all languages: a `Writer` with `.texts`, `.bits`, `.entropy`, `.spans`.

    `.spans` aligns the languages: for each slot of each sentence, where it stands in each text.
    """
    writer = Writer(FORMS, seed)
    Tale(writer).tell()
    return writer


def story(seed, lang="en"):
    """The story of this seed in one language, as a string."""
    return write(seed).texts[_language(lang)]


def _read(text, lang, every_character=False):
    reader = Reader(FORMS, text, _language(lang), every_character)
    Tale(reader).tell()
    reader.finish()
    return reader


def story_bits(text, lang="en"):
    """-log2 of the probability of a whole story, in bits.

    Raises ValueError where the text is not a whole story of the village.
    """
    try:
        return _read(text, lang).bits
    except EndOfText:
        raise ValueError("the story stops before its end; give the whole story, without its end mark") from None


def next_character_probabilities(prefix, lang="en"):
    """The true law of what comes after `prefix`: a dict of character (or `END`) to probability; it sums to 1.

    Raises ValueError where no story of the village begins with `prefix`.
    """
    try:
        _read(prefix, lang)
    except EndOfText as stop:
        return stop.following
    return {END: 1.0}


def character_laws(text, lang="en"):
    """The law of every character of a whole story given all before it, and at last that of its end mark."""
    return [*_read(text, lang, every_character=True).laws, {END: 1.0}]


def character_bits(text, lang="en"):
    """The unavoidable surprise of every character of a whole story and of its end mark, in bits."""
    return [-math.log2(law[c]) + 0.0 for c, law in zip([*text, END], character_laws(text, lang), strict=True)]


def reads_until(text, lang="en"):
    """How many characters of `text` could begin a story of the village (all of them, if it is one).

    Where a model's story leaves the village's grammar, or contradicts what it told before, this is the place.
    """
    reader = Reader(FORMS, text, _language(lang))
    try:
        Tale(reader).tell()
    except EndOfText:
        return len(text)
    except ValueError:
        good, bad = reader.position, len(text)
        while bad - good > 1:  # whatever begins a story has prefixes that begin one too, so halving finds the place
            middle = (good + bad) // 2
            try:
                Tale(Reader(FORMS, text[:middle], lang)).tell()
                good = middle
            except EndOfText:
                good = middle
            except ValueError:
                bad = middle
        return good
    return reader.position


def entropy_per_character(n_stories, lang="en", first_seed=0):
    """The village's entropy, in bits per character (end marks counted), from `n_stories` told stories.

    E[bits] / E[characters] by the renewal-reward theorem (Ross, Stochastic Processes, section 3.6). The
    bits of a story are taken as the sum of the entropies of the choices met in it: right on average, and
    less noisy than what those choices happened to be.
    """
    told = [write(first_seed + i) for i in range(n_stories)]
    return sum(t.entropy for t in told) / sum(len(t.texts[_language(lang)]) + 1 for t in told)
