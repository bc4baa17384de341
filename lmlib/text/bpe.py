"""Byte-pair encoding: the pieces of text that GPT-2 and most models after it read.

Start with the 256 bytes as tokens. Find the pair of neighbours that occurs most often and make it a new
token; repeat. Frequent words end up as one token, rare words as a few, and since every text is bytes, no text
is ever unknown. Sources: Gage 1994 (the compression scheme); Sennrich, Haddow and Birch 2016, section 3.2
(its use for words); Radford et al. 2019, section 2.2 (bytes instead of characters, and the split into words
used here).

The file reads from top to bottom: bytes and their glyphs, splitting into words, learning merges, the
tokenizer.
"""

from collections import Counter, defaultdict
from heapq import heapify, heappop, heappush
from itertools import pairwise
from pathlib import Path

import regex

from lmlib.text.vocabulary import END, as_texts, check_ids, read_json, write_json

# -- bytes and their glyphs ----------------------------------------------------------------------------------

# Files of merges are text, so each byte needs a visible character. GPT-2 lets the 188 bytes that are visible
# in Latin-1 stand for themselves and gives the others the characters from U+0100 on: a blank is written "Ġ",
# a line feed "Ċ". The ids of the bytes follow the order of these glyphs, in GPT-2 and in the `tokenizers`
# library: "!" is 0, "a" is 64, and the blank, seen last, is 220.
_VISIBLE = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
BYTE_ORDER = _VISIBLE + [byte for byte in range(256) if byte not in _VISIBLE]
BYTE_IDS = sorted(range(256), key=BYTE_ORDER.__getitem__)  # the inverse: BYTE_IDS[byte] is the byte's id
GLYPHS = {byte: chr(byte) if byte in _VISIBLE else chr(0x100 + i - 188) for i, byte in enumerate(BYTE_ORDER)}
BYTES = {glyph: byte for byte, glyph in GLYPHS.items()}


def to_glyphs(token: bytes) -> str:
    """The token as files of merges write it: `to_glyphs(b" the")` is "Ġthe"."""
    return "".join(GLYPHS[byte] for byte in token)


def from_glyphs(glyphs: str) -> bytes:
    """The inverse of `to_glyphs`. Raises KeyError for a character that stands for no byte."""
    return bytes(BYTES[glyph] for glyph in glyphs)


# -- splitting into words ------------------------------------------------------------------------------------

# GPT-2's rule. Merges never cross the border of such a "word": else "dog." and "dog!" would become tokens. A
# word keeps the blank before it. Of a run of blanks the last one goes to the word that follows (`\s+(?!\S)`).
WORD = regex.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")


def count_words(texts: list[str]) -> Counter:
    """How often each word occurs, as `{"word": count}`. No word crosses from one text into the next."""
    return Counter(word for text in texts for word in WORD.findall(text))


def _utf8(word: str) -> bytes:
    try:
        return word.encode("utf-8")
    except UnicodeEncodeError as problem:
        half = word[problem.start]
        raise ValueError(
            f"The text holds {half!r}, half a character (a lone surrogate), which no bytes can stand for: "
            "remove such halves with lmlib.text.strip_control_characters."
        ) from None


# -- learning merges -----------------------------------------------------------------------------------------

NOTHING = -1  # stands between two words, and where a token was swallowed by its left neighbour


def learn_merges(words: dict[bytes, int], n_merges: int, min_count: int = 1) -> list[tuple[int, int]]:
    """Learn up to `n_merges` merges from words and their counts: pairs of ids, the first learned first.

    Merge number i makes the token with id 256 + i. Ties: of the pairs that occur most often, the one with the
    smallest left id wins, then the one with the smallest right id. This is the rule of the `tokenizers`
    library. "aaa" counts as two pairs (a, a), though only the left one can be merged. Learning ends early
    when no pair occurs `min_count` times.

    A merge changes only its neighbourhood, so nothing is ever counted twice. We keep, for every pair, its
    count and the places where it stands. Each distinct word is stored once and weighs as much as it is
    frequent.
    """
    # All words in one row, NOTHING between them. Tokens vanish from the row as merges swallow them, so each
    # place knows its left and right neighbour.
    ids, weight = [NOTHING], [0]
    for word, count in words.items():
        ids += [BYTE_IDS[byte] for byte in word] + [NOTHING]
        weight += [count] * (len(word) + 1)
    left = list(range(-1, len(ids) - 1))
    right = list(range(1, len(ids) + 1))

    counts, places = Counter(), defaultdict(list)
    for i, pair in enumerate(pairwise(ids)):
        if NOTHING not in pair:
            counts[pair] += weight[i]
            places[pair].append(i)

    # The heap gives the pair with the largest count. Counts in it may be out of date, but only too large: a
    # pair gains occurrences in the moment when the newer of its tokens is made, and from then on it only
    # loses some.
    heap = [(-count, pair) for pair, count in counts.items()]
    heapify(heap)

    merges = []
    while heap and len(merges) < n_merges:
        count, pair = heappop(heap)
        if -count != counts[pair]:
            heappush(heap, (-counts[pair], pair))
            continue
        if -count < max(min_count, 1):
            break
        new = 256 + len(merges)
        merges.append(pair)

        a, b = pair
        born = set()
        for i in places.pop(pair):  # from left to right
            j = right[i]
            if ids[i] != a or ids[j] != b:
                continue  # the place is out of date: another merge took one of the two
            before, after = left[i], right[j]
            ids[i], ids[j] = new, NOTHING
            right[i], left[after] = after, i
            if (x := ids[before]) != NOTHING:  # x a b  becomes  x new
                counts[x, a] -= weight[i]
                counts[x, new] += weight[i]
                places[x, new].append(before)
                born.add((x, new))
            if (y := ids[after]) != NOTHING:  # a b y  becomes  new y
                counts[b, y] -= weight[i]
                counts[new, y] += weight[i]
                places[new, y].append(i)
                born.add((new, y))
        for newborn in born:
            heappush(heap, (-counts[newborn], newborn))
    return merges


# -- the tokenizer -------------------------------------------------------------------------------------------


class BPETokenizer:
    """Byte-level BPE with GPT-2's split into words.

    Ids: 0 to 255 are the bytes (in the order of BYTE_ORDER), then one id per merge in the order learned, and
    last, as `end_id`, the special token that marks the end of a document. `encode` never makes it from text
    and `decode` leaves it out.

    Trained on the same texts, it has the merges and ids of the `tokenizers` library (pre-tokenizer
    `ByteLevel(add_prefix_space=False)`, trainer with `initial_alphabet=ByteLevel.alphabet()`, `min_frequency`
    for our `min_count`, and the end mark added after training); ties are broken as `learn_merges` says.

    `merges` lists pairs of ids; `token_bytes[id]` is what a token stands for. Raises ValueError for merges
    that use a token before it exists, or make one twice.
    """

    kind = "bpe"
    CACHE_SIZE = 50_000  # words: text repeats itself, so most words are merged only once

    def __init__(self, merges: list[tuple[int, int]] = (), end: str = END):
        self.end = end
        self.merges = [tuple(pair) for pair in merges]
        self.token_bytes = [bytes([byte]) for byte in BYTE_ORDER]
        for n, (a, b) in enumerate(self.merges, start=1):
            if not (0 <= a < len(self.token_bytes) and 0 <= b < len(self.token_bytes)):
                raise ValueError(f"Merge {n} joins the ids {a} and {b}, but one of them does not exist yet.")
            self.token_bytes.append(self.token_bytes[a] + self.token_bytes[b])
        if len(set(self.token_bytes)) < len(self.token_bytes):
            twice = Counter(self.token_bytes).most_common(1)[0][0]
            raise ValueError(f"The merges make the token {to_glyphs(twice)!r} twice; each may be made once.")
        self._merged = {pair: 256 + i for i, pair in enumerate(self.merges)}
        self._cache = {}

    @classmethod
    def train(cls, texts, vocab_size: int, min_count: int = 1) -> "BPETokenizer":
        """Learn from a text or a list of texts until there are `vocab_size` tokens, the end mark included.

        So there are `vocab_size` - 257 merges, or fewer where no pair is left that occurs `min_count` times.
        Raises ValueError for a `vocab_size` below 257.
        """
        if vocab_size < 257:
            raise ValueError(
                f"vocab_size={vocab_size} is too small: the 256 bytes and the end mark need at least 257."
            )
        words = {_utf8(word): count for word, count in count_words(as_texts(texts)).items()}
        return cls(learn_merges(words, vocab_size - 257, min_count))

    @classmethod
    def from_gpt2(cls, merges_path) -> "BPETokenizer":
        """GPT-2's own tokenizer, 50,257 tokens, from its published merges file (`vocab.bpe`)."""
        path = Path(merges_path)
        if not path.is_file():
            raise FileNotFoundError(f"There is no file {path}: give the path of GPT-2's vocab.bpe.")
        try:
            version, *lines = path.read_text(encoding="utf-8").rstrip("\n").split("\n")
        except UnicodeDecodeError:
            version = ""
        if not version.startswith("#version"):
            raise ValueError(f"{path} is not a file of BPE merges: its first line lacks #version.")
        return cls._from_lines(lines, end="<|endoftext|>", path=path)

    # -- text to ids and back

    def encode(self, text: str) -> list[int]:
        """The ids of a text. Raises ValueError for half a character (a lone surrogate): it has no bytes."""
        return self._encode(text, _utf8)

    def encode_bytes(self, data: bytes) -> list[int]:
        """The ids of any bytes. For bytes that are UTF-8 text, the same as `encode` of the text."""
        # Bytes that are not UTF-8 travel through the split as stand-in characters and come back as
        # themselves.
        text = data.decode("utf-8", errors="surrogateescape")
        return self._encode(text, lambda word: word.encode("utf-8", errors="surrogateescape"))

    def _encode(self, text, to_bytes) -> list[int]:
        ids = []
        for word in WORD.findall(text):
            word_ids = self._cache.get(word)
            if word_ids is None:
                word_ids = self._merge(to_bytes(word))
                if len(self._cache) >= self.CACHE_SIZE:
                    self._cache.clear()
                self._cache[word] = word_ids
            ids += word_ids
        return ids

    def _merge(self, word: bytes) -> list[int]:
        """Apply the merges to one word: always the merge learned first, and of its places the leftmost.

        A merge learned earlier makes a smaller id, so the smallest id that a pair can make is the next to
        make. The heap holds (id to make, place); as in `learn_merges`, each place knows its neighbours.
        """
        ids = [BYTE_IDS[byte] for byte in word]
        ids.append(NOTHING)  # right of the last token, and by ids[-1] also left of the first
        left = list(range(-1, len(word)))
        right = list(range(1, len(word) + 2))
        merged = self._merged
        heap = [(merged[pair], i) for i, pair in enumerate(pairwise(ids)) if pair in merged]
        heapify(heap)
        while heap:
            new, i = heappop(heap)
            j = right[i]
            if merged.get((ids[i], ids[j])) != new:
                continue  # the place is out of date: another merge took one of the two
            before, after = left[i], right[j]
            ids[i], ids[j] = new, NOTHING
            right[i], left[after] = after, i
            for place, pair in ((before, (ids[before], new)), (i, (new, ids[after]))):
                if pair in merged:
                    heappush(heap, (merged[pair], place))
        return [id for id in ids if id != NOTHING]

    def decode(self, ids, errors: str = "replace") -> str:
        """The text of the ids, without end marks.

        A token may hold half a character, so ids that a model made up need not be UTF-8. What cannot be read
        becomes U+FFFD, or raises UnicodeDecodeError with errors="strict". Raises ValueError for an id that
        does not exist.
        """
        return self.decode_bytes(ids).decode("utf-8", errors=errors)

    def decode_bytes(self, ids) -> bytes:
        """The bytes of the ids, without end marks: for all bytes, the inverse of `encode_bytes`."""
        ids = check_ids(ids, len(self))
        return b"".join(self.token_bytes[id] for id in ids if id != self.end_id)

    def tokens(self, text: str) -> list[str]:
        """The pieces of a text as shown to people; of half a character its bytes, like "\\xe4\\xbd"."""
        return [self.token(id) for id in self.encode(text)]

    def token(self, id: int) -> str:
        """One token as shown to people. Raises ValueError for an id that does not exist."""
        (id,) = check_ids([id], len(self))
        if id == self.end_id:
            return self.end
        return self.token_bytes[id].decode("utf-8", errors="backslashreplace")

    @property
    def end_id(self) -> int:
        return len(self.token_bytes)

    @property
    def vocab_size(self) -> int:
        return len(self)

    def __len__(self) -> int:
        return len(self.token_bytes) + 1

    def __repr__(self) -> str:
        return f"<BPETokenizer: {len(self):,} tokens (256 bytes, {len(self.merges):,} merges, {self.end})>"

    # -- files

    def save(self, path) -> None:
        """Write the merges as JSON, tokens in glyphs: {"kind": "bpe", "merges": ["Ġ t", "h e", ...]}."""
        lines = [" ".join(to_glyphs(self.token_bytes[id]) for id in pair) for pair in self.merges]
        write_json(path, {"kind": self.kind, "end": self.end, "merges": lines})

    @classmethod
    def load(cls, path) -> "BPETokenizer":
        """Read what `save` wrote. Raises ValueError for a file that is damaged or of another kind."""
        content = read_json(path, cls.kind, {"end": str, "merges": list})
        return cls._from_lines(content["merges"], end=content["end"], path=path)

    @classmethod
    def _from_lines(cls, lines, end, path) -> "BPETokenizer":
        """Turn lines like "Ġ t" (two tokens in glyphs) into pairs of ids."""
        ids = {bytes([byte]): id for id, byte in enumerate(BYTE_ORDER)}
        merges = []
        for n, line in enumerate(lines, start=1):
            try:
                a, b = (from_glyphs(glyphs) for glyphs in line.split(" "))
                merges.append((ids[a], ids[b]))
            except (AttributeError, KeyError, ValueError):
                raise ValueError(
                    f"{path} is damaged: its merge {n}, {line!r}, does not name two tokens made before it."
                ) from None
            ids[a + b] = 256 + len(merges) - 1
        try:
            return cls(merges, end=end)
        except ValueError as problem:
            raise ValueError(f"{path} is damaged: {problem}") from None
