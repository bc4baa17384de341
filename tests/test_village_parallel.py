"""Sentence pairs of the village: cut where the stories are cut, and aligned where both texts say the same."""

import pytest

from lmlib.village import words, write
from lmlib.village.parallel import KINDS, sentences

SEEDS = (0, 3, 1_000_007, 2_000_123)
TOLD = [sentence for seed in range(150) for sentence in sentences(seed)]


def spoken(gap, sentence, lang):
    start, end = gap.spans[lang]
    return sentence.texts[lang][start:end]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_sentences_of_a_story_are_the_story(seed):
    story = write(seed).texts
    told = sentences(seed)
    assert "".join(s.texts["zh"] for s in told) == story["zh"].replace("\n", "")
    for lang in ("en", "fr"):
        assert " ".join(s.texts[lang] for s in told) == story[lang].replace("\n", " ")


def test_the_same_seed_tells_the_same():
    assert sentences(5) == sentences(5) != sentences(6)


def test_gaps_lie_in_their_sentence_and_do_not_overlap():
    for s in TOLD:
        for lang, text in s.texts.items():
            spans = sorted(gap.spans[lang] for gap in s.gaps if lang in gap.spans)
            assert all(0 <= start < end <= len(text) for start, end in spans), (text, spans)
            assert all(one[1] <= other[0] for one, other in zip(spans, spans[1:])), (text, spans)


def test_every_kind_occurs_and_no_other():
    assert {gap.kind for s in TOLD for gap in s.gaps} == set(KINDS)


# --- both sides of a link say the same: asked of the village's dictionary, not of its grammar ---


def dictionary(kind):
    if kind == "colour":
        return {(c.en, lang, form) for c in words.COLOURS for lang, form in both(c)}
    if kind == "thing":
        return {(t.en, lang, form) for t in words.THINGS for lang, form in (("zh", t.zh), ("fr", t.fr))}
    return {
        (p.name, lang, form) for p in words.PEOPLE + words.STRANGERS for lang, form in (("zh", p.zh), ("fr", p.name))
    }


def both(colour):
    return ("zh", colour.zh), ("fr", colour.fr), ("fr", colour.fr_feminine)


@pytest.mark.parametrize("kind", ["colour", "thing"])
def test_colours_and_things_translate_each_other(kind):
    known, n = dictionary(kind), 0
    for s in TOLD:
        for gap in s.gaps:
            if gap.kind == kind:
                en = spoken(gap, s, "en").lower()
                for lang in ("zh", "fr"):
                    assert (en, lang, spoken(gap, s, lang).lower()) in known
                    n += 1
    assert n > 1000


def test_names_translate_each_other():
    known, n = dictionary("name"), 0
    people = {p.name for p in words.PEOPLE + words.STRANGERS}
    for s in TOLD:
        for gap in s.gaps:
            en = spoken(gap, s, "en")
            if gap.kind == "name" and en in people:  # animals have names, too
                assert (en, "zh", spoken(gap, s, "zh")) in known
                assert spoken(gap, s, "fr") in (en, f"de {en}", f"d'{en}")
                n += 1
    assert n > 1000


def test_numbers_and_pronouns_translate_each_other():
    numbers = {n.text("en"): {lang: n.text(lang) for lang in ("zh", "fr")} for n in words.NUMBERS}
    pronouns = {"he": "他", "she": "她", "him": "他", "her": "她他的", "his": "他的"}
    seen = set()
    for s in TOLD:
        for gap in s.gaps:
            en = spoken(gap, s, "en").lower()
            if gap.kind == "number":
                assert all(spoken(gap, s, lang).lower() == text for lang, text in numbers[en].items())
            if gap.kind == "pronoun" and "zh" in gap.spans:
                assert spoken(gap, s, "zh")[0] in pronouns[en]
            seen.add(gap.kind)
    assert {"number", "pronoun"} <= seen
