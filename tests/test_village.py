"""The village: every story has one exact probability, the same in each language."""

import itertools
import math
import re
from collections import Counter

import pytest

from lmlib import village
from lmlib.village.forms import FORMS
from lmlib.village.grammar import END, LANGUAGES, EndOfText, Form, Option, Reader, Writer, one_of
from lmlib.village.words import PEOPLE, Word

SOME = range(500_000, 500_100)  # seeds that no shipped split uses


# --- the method, against brute force on a village small enough to list ----------------------------------------------
TINY = {
    "meet": Form("meet", "{who} met {other}.", "{who}遇见{other}。", "{who} a vu {other}."),
    "size": Form("size", "{who} saw a {size} {pet}.", "{who}看见{size}的{pet}。", "{who} a vu un {pet} {size}."),
    "bye": Form("bye", "Bye, {who}.", "再见，{who}。", "Adieu, {who}."),
}
ANN, ANNA = (
    Word("Ann", "安", "Ann"),
    Word("Anna", "安娜", "Anna"),
)  # one name begins with the other, on purpose
BIG, OLD = Word("big", "大", "gros"), Word("old", "老", "vieux")
DOG, DUCK = Word("dog", "狗", "chien"), Word("duck", "鸭", "canard")


def tiny_tale(h):
    """One sentence of two kinds, then perhaps a goodbye to whoever it was about."""
    who = one_of([ANN, ANNA], [2, 1])
    told = h.choose(
        [
            Option(3, "meet", {"who": who, "other": one_of([DOG, DUCK])}),
            Option(1, "size", {"who": who, "size": one_of([BIG, OLD], [1, 4]), "pet": one_of([DOG, DUCK])}),
        ]
    )
    h.say("bye", who=told.values["who"])


def all_tiny_texts(lang):
    """Every text of the tiny village with its probability, listed by hand."""
    texts = {}
    for (who, p), (pet, q) in itertools.product([(ANN, 2 / 3), (ANNA, 1 / 3)], [(DOG, 1 / 2), (DUCK, 1 / 2)]):
        name, animal = who.text(lang), pet.text(lang)
        bye = {"en": f" Bye, {name}.", "zh": f"再见，{name}。", "fr": f" Adieu, {name}."}[lang]
        first = {
            "en": f"{name} met {animal}.",
            "zh": f"{name}遇见{animal}。",
            "fr": f"{name} a vu {animal}.",
        }[lang]
        first = first if lang == "zh" else first[0].upper() + first[1:]
        texts[first + bye] = 3 / 4 * p * q
        for size, r in ((BIG, 1 / 5), (OLD, 4 / 5)):
            big = size.text(lang)
            first = {
                "en": f"{name} saw a {big} {animal}.",
                "zh": f"{name}看见{big}的{animal}。",
                "fr": f"{name} a vu un {animal} {big}.",
            }[lang]
            texts[first + bye] = 1 / 4 * p * q * r
    return texts


@pytest.mark.parametrize("lang", LANGUAGES)
def test_reader_gives_the_listed_probability_of_every_text(lang):
    texts = all_tiny_texts(lang)
    assert sum(texts.values()) == pytest.approx(1)
    for text, p in texts.items():
        reader = Reader(TINY, text, lang)
        tiny_tale(reader)
        reader.finish()
        assert 2**-reader.bits == pytest.approx(p)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_next_character_law_is_the_marginal_of_the_listed_texts(lang):
    texts = all_tiny_texts(lang)
    for prefix in {text[:k] for text in texts for k in range(len(text))}:
        mass = Counter()
        for text, p in texts.items():
            if text.startswith(prefix):
                mass[text[len(prefix)]] += p
        with pytest.raises(EndOfText) as stop:
            tiny_tale(Reader(TINY, prefix, lang))
        expected = {c: m / sum(mass.values()) for c, m in mass.items()}
        assert stop.value.following == pytest.approx(expected), prefix


def test_writer_meets_the_listed_entropy():
    entropy = -sum(p * math.log2(p) for p in all_tiny_texts("en").values())
    n, total = 4000, 0.0
    for seed in range(n):
        writer = Writer(TINY, seed)
        tiny_tale(writer)
        total += writer.entropy
    assert total / n == pytest.approx(entropy, abs=1e-9)  # no choice here depends on another: no noise is left


def test_two_ways_to_tell_one_text_are_refused():
    twice = {
        "a": Form("a", "{x} ran.", "{x}跑。", "{x} court."),
        "b": Form("b", "Ann {y}.", "安{y}。", "Ann {y}."),
    }
    run = Word("ran", "跑", "court")
    with pytest.raises(AssertionError, match="2 ways"):
        Reader(twice, "Ann ran.", "en").choose([Option(1, "a", {"x": one_of([ANN])}), Option(1, "b", {"y": run})])


# --- the village itself ---
def test_every_language_has_the_writers_bits():
    for seed in SOME:
        told = village.write(seed)
        for lang in LANGUAGES:
            assert village.story_bits(told.texts[lang], lang) == pytest.approx(told.bits, abs=1e-8), (
                seed,
                lang,
            )


@pytest.mark.parametrize("lang, seeds", [("en", SOME[:12]), ("zh", SOME[:12]), ("fr", SOME[:6])])
def test_character_laws_sum_to_one_and_multiply_to_the_story(lang, seeds):
    for seed in seeds:
        told = village.write(seed)
        laws = village.character_laws(told.texts[lang], lang)
        assert all(sum(law.values()) == pytest.approx(1) for law in laws)
        assert sum(village.character_bits(told.texts[lang], lang)) == pytest.approx(told.bits, abs=1e-7)


def test_next_character_probabilities_is_the_law_in_the_story():
    text = village.story(SOME[0])
    laws = village.character_laws(text)
    for k in range(0, len(text) + 1, 37):
        assert village.next_character_probabilities(text[:k]) == pytest.approx(laws[k])
    assert village.next_character_probabilities(text) == {END: 1.0}


@pytest.fixture(scope="module")
def many():
    """Two thousand stories that no shipped split holds."""
    return [village.write(seed) for seed in range(600_000, 602_000)]


@pytest.mark.parametrize("prefix", ["", "It was a ", "One "])
def test_told_stories_follow_the_law(prefix, many):
    """Frequencies after a prefix, over thousands of stories, against the law: chi-squared, far tail."""
    texts = [told.texts["en"] for told in many]
    following = Counter(text[len(prefix)] for text in texts if text.startswith(prefix))
    law, n = village.next_character_probabilities(prefix), sum(following.values())
    assert set(following) <= set(law)
    chi2 = sum((following[c] - n * p) ** 2 / (n * p) for c, p in law.items())
    assert chi2 < len(law) + 6 * math.sqrt(2 * len(law)), (chi2, following, law)


def test_bits_and_entropies_agree(many):
    told = many
    differences = [t.bits - t.entropy for t in told]
    mean = sum(differences) / len(told)
    spread = math.sqrt(sum((d - mean) ** 2 for d in differences) / (len(told) - 1))
    assert abs(mean) < 4 * spread / math.sqrt(len(told))


def test_the_simulator_notices_a_wrong_memory():
    for seed in SOME:
        text = village.story(seed)
        found = re.search(r"Who has the (\w+) \w+ now", text)
        if not found:
            continue
        start = found.start(1)
        colour = "blue" if found.group(1) != "blue" else "red"
        wrong = text[:start] + colour + text[found.end(1) :]
        assert start <= village.reads_until(wrong) <= start + len(colour)
        assert village.reads_until(text) == len(text)
        with pytest.raises(ValueError, match="no story of the village"):
            village.story_bits(wrong)
        return
    pytest.fail("no story asked who has a thing")


def test_every_form_is_told(many):
    used = {told.form for story in many for told in story.told}
    assert used == set(FORMS)


def test_grammar_of_the_three_languages():
    for seed in SOME:
        texts = village.write(seed).texts
        assert not re.search(r"\b[Aa] [aeiou]", texts["en"]), texts["en"]
        assert not re.search(r"\b(le|la|de|que|je|se|ne|si|du) [aeiouyéèêâîôœ]", texts["fr"], re.I), texts["fr"]
        assert not re.search(r"\b(de|à) les? |\bdes? un", texts["fr"]), texts["fr"]
        assert not re.search(r"[A-Za-z .,]", texts["zh"]), texts["zh"]
        assert "\n\n" not in "".join(texts.values())


def test_spans_align_the_languages():
    told = village.write(SOME[3])
    name, spans = next((n, s) for n, s in told.spans if n == "who" and len(s) == 3)
    pieces = {lang: told.texts[lang][slice(*spans[lang])] for lang in LANGUAGES}
    person = next(p for p in PEOPLE if p.name == pieces["en"])
    assert (pieces["zh"], pieces["fr"]) == (person.zh, person.name)


# --- what ships ---
@pytest.fixture(scope="module")
def told_again():
    """Every shipped story, told again from its seed."""
    return {split: [village.write(seed) for seed in village.seeds(split)] for split in village.SPLITS}


@pytest.mark.parametrize("split", village.SPLITS)
def test_shipped_stories_are_what_the_generator_writes(split, told_again):
    for lang in LANGUAGES:
        assert village.load_stories(split, lang) == [told.texts[lang] for told in told_again[split]]


def test_no_story_is_in_two_splits():
    stories = [text for split in village.SPLITS for text in village.load_stories(split)]
    assert len(set(stories)) == len(stories) == sum(village.SPLITS.values())


def test_floor_of_a_split_is_the_bits_of_its_stories(told_again):
    told = told_again["test"]
    for lang in LANGUAGES:
        expected = sum(t.bits for t in told) / sum(len(t.texts[lang]) + 1 for t in told)
        assert village.bits_per_character("test", lang) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    "call",
    [
        lambda: village.load_stories("training"),
        lambda: village.load_stories("train", "de"),
        lambda: village.story(1, "it"),
        lambda: village.next_character_probabilities("Once upon a time"),
        lambda: village.story_bits("It was a rainy Monday"),
        lambda: village.story_bits(village.story(1) + " More."),
    ],
)
def test_errors_are_one_sentence(call):
    with pytest.raises(ValueError) as error:
        call()
    assert len(str(error.value)) < 250 and "\n" not in str(error.value).strip()
