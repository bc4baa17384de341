"""A small simulated village, and the stories told of it in English, Chinese and French.

Everything a story says is a choice with a known probability, so the village knows what no real text can tell:
how surprising each character *has* to be. No model can do better on average, and that floor stands on the
course's scoreboard.

    story(seed)                                one story, the same for the same seed on every machine
    load_stories("train")                      the stories that ship with the course
    bits_per_character("test")                 the floor: what a perfect reader would still be surprised by
    next_character_probabilities("It was a ")  the truth at any point of any story
"""

from .corpus import DATA, SPLITS, bits_per_character, load_stories, seeds
from .grammar import END, LANGUAGES
from .truth import (
    character_bits,
    character_laws,
    entropy_per_character,
    next_character_probabilities,
    reads_until,
    story,
    story_bits,
    write,
)

__all__ = [
    "DATA",
    "END",
    "LANGUAGES",
    "SPLITS",
    "bits_per_character",
    "character_bits",
    "character_laws",
    "entropy_per_character",
    "load_stories",
    "next_character_probabilities",
    "reads_until",
    "seeds",
    "story",
    "story_bits",
    "write",
]
