"""Sentences and their translations by name: the village's own, with true alignments, or real ones.

load("village", "train", "zh")     English -> Chinese or French, cut from the village's stories
load("multi30k", "test", "fr")     English -> French or German, captions of photographs (Elliott et al. 2016)
load("tatoeba", "train", "zh")     English -> Chinese, sentences that learners of languages wrote down
"""

import gzip
import hashlib
import zlib
from dataclasses import dataclass

from lmlib.datasets import SPLITS, choose
from lmlib.fetch import DatasetError, RemoteFile, fetch
from lmlib.files import decode

from .base import Examples


@dataclass(frozen=True)
class Link:
    """What both texts say: kind is one of `village.parallel.KINDS`, the spans count characters, [start, end)."""

    kind: str
    source: tuple[int, int]
    target: tuple[int, int]


@dataclass(frozen=True)
class Pair:
    """A sentence and its translation. alignment: the true links, or None where nobody knows them."""

    source: str
    target: str
    alignment: tuple[Link, ...] | None = None


def load(name="village", split="train", target="zh"):
    """The `Pair`s of one split, from English into `target`, as `Examples`.

    Raises DatasetError for an unknown name, split or language, for a file that cannot be had, and for a broken one.
    """
    languages, licence, read = choose("translation data set", name, _CATALOGUE)
    choose(f"split of {name}", split, SPLITS)
    choose(f"language that {name} is translated into", target, languages)
    pairs, source = read(split, target)
    return Examples(name, split, tuple(pairs), licence, source)


# --- the village --------------------------------------------------------------------------------------------


def _village(split, target):
    from lmlib import village
    from lmlib.village.parallel import sentences

    pairs = []
    for seed in village.seeds(split):
        for sentence in sentences(seed):
            links = (
                Link(gap.kind, gap.spans["en"], gap.spans[target])
                for gap in sentence.gaps
                if {"en", target} <= gap.spans.keys()
            )
            pairs.append(Pair(sentence.texts["en"], sentence.texts[target], tuple(links)))
    return pairs, (
        f"Cut from the village's own {split} stories, {len(village.seeds(split)):,} of them, sentence by sentence; "
        "no story is in two splits, but short sentences come again."
    )


# --- Multi30k -----------------------------------------------------------------------------------------------

_MULTI30K = (
    "https://raw.githubusercontent.com/multi30k/dataset/a3d2e0d26b56f3846f66a952536ffed4e401d05a/data/task1/raw/"
)
_PARTS = {"train": "train", "validation": "val", "test": "test_2016_flickr"}
_HASHES = {
    "train.en": "d79cfa999dd4c51d2cb42499b6796d5a882c3a8a961923c25a898c90f8bbd56f",
    "train.de": "726e39b2fa9eb9ffb6dc763fb35a179f80fae06ffc5d28b6ace5faa883de28a6",
    "train.fr": "622e75069e9f4c577425c4f277116ce66e63a2401c0a2312d90073cb12379a3c",
    "val.en": "14f7d25ddd868909a9213e361768460edcacdd6ab9d1e77b92560dc10c10dc28",
    "val.de": "f0cba2f995189cf5770f29a8a9a537a3ad3f51657ad873405082ff6863a5e75a",
    "val.fr": "ca3106f1a72390591d25f6c45cb4cd39dec4cd3f123e099748a3ce5256c160e9",
    "test_2016_flickr.en": "611d361c6334bc7246101d48097c13cf5c4413c5befc793cc629934359d532d9",
    "test_2016_flickr.de": "9204244e408ccb38d2a55cfcd344df15005fc42a07a6e55ca6c52b6ababb8cc8",
    "test_2016_flickr.fr": "6d326e188d259fb1d04ac19eae3af956559b3a0b93d7635e56c90987c40c8b90",
}
MULTI30K = {
    name: RemoteFile(name=f"multi30k {name}", sha256=sha256, url=f"{_MULTI30K}{name}.gz")
    for name, sha256 in _HASHES.items()
}


def _multi30k(split, target):
    (source, served_by), (translation, _) = (fetch(MULTI30K[f"{_PARTS[split]}.{lang}"]) for lang in ("en", target))
    return side_by_side(source, translation), (
        f"Multi30k, task 1, its own {split} split (for test: 2016 Flickr), served by {served_by}."
    )


def side_by_side(source, target):
    """The `Pair`s of two gzipped text files, line by line. Raises DatasetError for files that do not fit together."""
    sources, targets = _gzipped_lines(source), _gzipped_lines(target)
    if len(sources) != len(targets):
        raise DatasetError(
            f"{source.name} has {len(sources):,} lines and {target.name} has {len(targets):,}, so nobody knows what "
            "translates what: get both files again, from one place."
        )
    return [Pair(a.strip(), b.strip()) for a, b in zip(sources, targets)]


def _gzipped_lines(path):
    try:
        content = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error):
        raise DatasetError(f"{path.name} is no whole gzip file: get it again.") from None
    return _lines(content, path)


def _lines(content, path):
    lines = decode(content, path.name).splitlines()
    if not any(line.strip() for line in lines):
        raise DatasetError(f"{path.name} holds no sentences: get it again.")
    return lines


# --- Tatoeba ------------------------------------------------------------------------------------------------

TATOEBA = RemoteFile(
    name="tatoeba English-Chinese",
    sha256="74bd3c04dfe0ec75aaaf165597b2a83c6a733d34f46b184fc21ca6b552c268d3",
    url="https://raw.githubusercontent.com/pjgao/seq2seq_keras/345f3ad6aa03988aa5deb9e5252de4f0c59cc0a2/data/cmn.txt",
)


def _tatoeba(split, target):
    path, served_by = fetch(TATOEBA)
    pairs = [pair for pair in tab_separated(path) if _split_of(pair.source) == split]
    return pairs, (
        f"Tatoeba's sentences as manythings.org had them in 2018, served by {served_by}; the hash of the English "
        "sentence decides its split (90, 5 and 5 %), so none is in two. Simplified and traditional signs are mixed."
    )


def _split_of(sentence):
    place = hashlib.sha256(sentence.encode()).digest()[0] % 20
    return {0: "validation", 1: "test"}.get(place, "train")


def tab_separated(path):
    """The `Pair`s of a file with a tab between a sentence and its translation; a third column (its origin) is left
    out.

    Raises DatasetError for lines without two sentences.
    """
    pairs = []
    for number, line in enumerate(_lines(path.read_bytes(), path), start=1):
        columns = [column.strip() for column in line.split("\t")]
        if len(columns) not in (2, 3) or not all(columns[:2]):
            raise DatasetError(
                f"Line {number} of {path.name} is {line[:40]!r}, not a sentence, a tab and its translation: mend it, "
                "or get the file again."
            )
        pairs.append(Pair(*columns[:2]))
    return pairs


_CATALOGUE = {
    "village": (("zh", "fr"), "MIT, as this course", _village),
    "multi30k": (("fr", "de"), "none stated; for research and education", _multi30k),
    "tatoeba": (("zh",), "CC BY 2.0 FR", _tatoeba),
}
