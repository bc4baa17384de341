"""The vocabulary: which tokens there are, how often each was seen, and the number (id) of each.

Models compute with numbers. The vocabulary is the two-way table between tokens and numbers. What several
tokenizers share, reading and writing their files included, stands at the end.
"""

import json
import os
from collections.abc import Iterable, Mapping
from operator import index
from pathlib import Path

UNKNOWN = "<unk>"  # stands for every token that the vocabulary lacks
END = "<|end|>"  # marks the end of a document


class Vocabulary:
    """The table of tokens, made from `counts`, a mapping from token to how often it was seen.

    Order of the ids: `unknown`, then `specials`, then by falling count; equal counts by code point ("Z" comes
    before "a"). Tokens seen fewer than `min_count` times are left out, and the rarest ones too where
    `max_size` (specials included) would be exceeded; tokens in `always` stay in any case. What is left out is
    counted as `unknown`, so `counts[unknown]` says how much of the text the vocabulary misses.

    With `unknown=None` there is no such token, and `id` raises KeyError for what is not in the table.
    Raises ValueError where `max_size` has no room for the specials and `always`.
    """

    kind = "vocabulary"

    def __init__(
        self,
        counts: Mapping[str, int],
        unknown: str | None = UNKNOWN,
        specials: Iterable[str] = (),
        min_count: int = 1,
        max_size: int | None = None,
        always: Iterable[str] = (),
    ):
        self.unknown = unknown
        self.specials = tuple(specials)
        reserved = list(dict.fromkeys(self.specials if unknown is None else [unknown, *self.specials]))
        always = set(always) - set(reserved)

        candidates = [t for t, n in counts.items() if n >= min_count and t not in always and t not in reserved]
        candidates.sort(key=lambda token: (-counts[token], token))
        if max_size is not None:
            room = max_size - len(reserved) - len(always)
            if room < 0:
                raise ValueError(
                    f"max_size={max_size} is too small: {len(reserved) + len(always)} tokens must be in "
                    "this vocabulary; choose at least that."
                )
            candidates = candidates[:room]
        kept = sorted([*candidates, *always], key=lambda token: (-counts.get(token, 0), token))

        self._tokens = [*reserved, *kept]
        self._ids = {token: id for id, token in enumerate(self._tokens)}
        self.counts = {token: counts.get(token, 0) for token in self._tokens}
        if unknown is not None:
            self.counts[unknown] += sum(n for token, n in counts.items() if token not in self._ids)

    def id(self, token: str) -> int:
        """The number of a token; of `unknown` for a token that is not in the table."""
        if token in self._ids:
            return self._ids[token]
        if self.unknown is None:
            raise KeyError(f"{token!r} is not in this vocabulary, which has no token for the unknown.")
        return self._ids[self.unknown]

    def token(self, id: int) -> str:
        """The token of a number. Raises ValueError for a number that no token has."""
        (id,) = check_ids([id], len(self))
        return self._tokens[id]

    def __contains__(self, token: str) -> bool:
        return token in self._ids

    def __len__(self) -> int:
        return len(self._tokens)

    def __iter__(self):
        """The tokens, in the order of their ids."""
        return iter(self._tokens)

    def __repr__(self) -> str:
        return f"<Vocabulary: {len(self):,} tokens, the first: {', '.join(map(repr, self._tokens[:5]))}>"

    def save(self, path) -> None:
        """Write the table as JSON, whole or not at all."""
        write_json(path, self.to_dict())

    @classmethod
    def load(cls, path) -> "Vocabulary":
        """Read what `save` wrote. Raises ValueError for a file that is damaged or of another kind."""
        return cls.from_dict(read_json(path, cls.kind, {}), path)

    def to_dict(self) -> dict:
        return {
            "kind": self.kind,
            "unknown": self.unknown,
            "specials": list(self.specials),
            "tokens": [[token, self.counts[token]] for token in self._tokens],
        }

    @classmethod
    def from_dict(cls, content: dict, path) -> "Vocabulary":
        """The inverse of `to_dict`; `path` names the file in the message where the content is damaged."""
        damaged = ValueError(f"{path} is damaged: its vocabulary is not what a vocabulary writes; save it again.")
        if not isinstance(content, dict) or content.get("kind") != cls.kind:
            raise damaged
        unknown, specials, rows = (content.get(key) for key in ("unknown", "specials", "tokens"))
        if not (unknown is None or isinstance(unknown, str)) or not is_list_of(specials, str):
            raise damaged
        if not is_list_of(rows, list) or not all([type(item) for item in row] == [str, int] for row in rows):
            raise damaged
        counts = dict(rows)
        vocabulary = cls(counts, unknown, specials, min_count=0)
        if list(vocabulary) != [token for token, _ in rows] or min(counts.values(), default=0) < 0:
            raise damaged
        return vocabulary


# -- what all tokenizers need --------------------------------------------------------------------------------


def as_texts(texts) -> list[str]:
    """One text or several, as a list of texts. Raises TypeError for anything that is not text."""
    texts = [texts] if isinstance(texts, str) else list(texts)
    for text in texts:
        if not isinstance(text, str):
            raise TypeError(f"A tokenizer learns from texts (str), not from {type(text).__name__}: decode it first.")
    return texts


def check_ids(ids, size: int) -> list[int]:
    """The ids as Python integers. Raises ValueError for one outside 0 ... size - 1."""
    ids = [index(id) for id in ids]
    for id in ids:
        if not 0 <= id < size:
            raise ValueError(f"There is no token with id {id}: this vocabulary has the ids 0 to {size - 1}.")
    return ids


def is_list_of(value, kind) -> bool:
    """Whether a value read from JSON is a list of such items alone."""
    return isinstance(value, list) and all(isinstance(item, kind) for item in value)


def write_json(path, content: dict) -> None:
    """Write a JSON file whole or not at all: first beside its place, then in one step to its place."""
    path = Path(path)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    text = json.dumps(content, ensure_ascii=False, indent=0)
    try:
        try:
            part.write_bytes(text.encode("utf-8", errors="surrogatepass"))
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as problem:
        raise OSError(
            f"{path} could not be written ({problem.strerror}) and nothing was changed: "
            "choose a folder that exists, can be written to and has room."
        ) from None


def read_json(path, kind: str | None, fields: dict) -> dict:
    """Read a JSON file with "kind": kind (None: any kind) and `fields`, a mapping from name to type.

    Raises FileNotFoundError where there is no such file and ValueError where it holds something else.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}: check the path, or train and save first.")
    try:
        content = json.loads(path.read_bytes().decode("utf-8", errors="surrogatepass"))
    except (ValueError, RecursionError):
        raise ValueError(f"{path} is damaged: it is not complete JSON; save it again.") from None
    found = content.get("kind") if isinstance(content, dict) else None
    if not isinstance(found, str):
        raise ValueError(f"{path} is JSON, but neither a tokenizer nor a vocabulary: it names no kind.")
    if kind is not None and found != kind:
        raise ValueError(f"{path} holds the kind {found!r}, not {kind!r}: load it with the class that saved it.")
    for name, type_ in fields.items():
        if not isinstance(content.get(name), type_):
            raise ValueError(f"{path} is damaged: its part {name!r} is missing or wrong; save it again.")
    return content
