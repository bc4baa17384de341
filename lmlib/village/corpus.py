"""The stories that ship with the course: data/village/<language>/<split>.txt, one blank line between two."""

from functools import cache
from pathlib import Path

from .grammar import LANGUAGES
from .truth import story_bits

DATA = Path(__file__).resolve().parents[2] / "data" / "village"
SPLITS = {
    "train": 2500,
    "validation": 250,
    "test": 250,
}  # stories; the same story has the same number in each language
_FIRST_SEED = {"train": 0, "validation": 1_000_000, "test": 2_000_000}


def seeds(split):
    """The seeds of the stories of a split."""
    if split not in SPLITS:
        raise ValueError(f"the village has the splits {', '.join(SPLITS)}; choose one of these, not {split!r}")
    return range(_FIRST_SEED[split], _FIRST_SEED[split] + SPLITS[split])


def load_stories(split="train", lang="en"):
    """The stories of a split in one language, as a list of strings.

    Raises ValueError for an unknown split or language, FileNotFoundError where the data folder is incomplete.
    """
    seeds(split)
    if lang not in LANGUAGES:
        raise ValueError(f"the village is told in {', '.join(LANGUAGES)}; choose one of these, not {lang!r}")
    path = DATA / lang / f"{split}.txt"
    if not path.exists():
        raise FileNotFoundError(
            f"{path.name} of the village is missing from {path.parent}; "
            "run `python -m lmlib.village` in the course's folder to write it again"
        )
    return path.read_text(encoding="utf-8").rstrip("\n").split("\n\n")


@cache
def bits_per_character(split="test", lang="en"):
    """The floor: the exact bits of a split's stories over their characters, end marks counted as one each.

    This is the loss, on this very text, of a reader who knows everything about the village.
    """
    stories = load_stories(split, lang)
    return sum(story_bits(text, lang) for text in stories) / sum(len(text) + 1 for text in stories)
