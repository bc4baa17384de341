"""Two tokenizers that can be read in one sitting: one piece per character, and one piece per word.

Each has the same verbs as `BPETokenizer`: `train`, `encode`, `decode`, `tokens`, `save`, `load`.
"""

from collections import Counter

import regex

from lmlib.text.bert import BertTokenizer
from lmlib.text.bpe import BPETokenizer
from lmlib.text.vocabulary import END, UNKNOWN, Vocabulary, as_texts, check_ids, read_json, write_json

REPLACEMENT = "\ufffd"  # what Unicode writes where a character was lost


class _VocabularyTokenizer:
    """What both have in common: a vocabulary, and what becomes of a piece that is not in it.

    Id 0 is "<unk>", the unknown; id 1 (`end_id`) is the end mark "<|end|>". No text makes the end mark.
    """

    policies = ()  # the values that `unknown` may have
    end_id = 1

    def __init__(self, vocabulary: Vocabulary, unknown: str):
        if unknown not in self.policies:
            raise ValueError(f"unknown={unknown!r} is not a choice here: take one of {', '.join(self.policies)}.")
        self.vocabulary = vocabulary
        self.unknown = unknown

    def _pieces(self, text: str) -> list[str]:
        raise NotImplementedError

    def encode(self, text: str) -> list[int]:
        """The ids of a text."""
        return [self.vocabulary.id(piece) for piece in self._pieces(text)]

    def decode(self, ids) -> str:
        """The text of the ids, without end marks; the unknown becomes U+FFFD.

        Raises ValueError for an id that does not exist.
        """
        shown = [REPLACEMENT, "", *list(self.vocabulary)[2:]]
        return "".join(shown[id] for id in check_ids(ids, len(self)))

    def tokens(self, text: str) -> list[str]:
        """The pieces of a text as shown to people: "<unk>" where a piece is unknown."""
        return [self.vocabulary.token(id) for id in self.encode(text)]

    def token(self, id: int) -> str:
        """One token as shown to people. Raises ValueError for an id that does not exist."""
        return self.vocabulary.token(id)

    @property
    def vocab_size(self) -> int:
        return len(self)

    def __len__(self) -> int:
        return len(self.vocabulary)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {len(self):,} tokens, unknown={self.unknown!r}>"

    def save(self, path) -> None:
        """Write the tokenizer as JSON, whole or not at all."""
        write_json(path, {"kind": self.kind, "unknown": self.unknown, "vocabulary": self.vocabulary.to_dict()})

    @classmethod
    def load(cls, path):
        """Read what `save` wrote. Raises ValueError for a file that is damaged or of another kind."""
        content = read_json(path, cls.kind, {"unknown": str, "vocabulary": dict})
        vocabulary = Vocabulary.from_dict(content["vocabulary"], path)
        if list(vocabulary)[:2] != [UNKNOWN, END] or content["unknown"] not in cls.policies:
            raise ValueError(f"{path} is damaged: it is not what a {cls.__name__} writes; save it again.")
        return cls(vocabulary, content["unknown"])


class CharTokenizer(_VocabularyTokenizer):
    """One token per character (Unicode code point): few tokens, long sequences.

    A character that was not in the training text becomes "<unk>", and U+FFFD when decoded. With
    unknown="error", `encode` raises ValueError and names the character instead.
    """

    kind = "char"
    policies = ("token", "error")

    @classmethod
    def train(cls, texts, unknown: str = "token") -> "CharTokenizer":
        """Collect the characters of a text or a list of texts."""
        counts = Counter()
        for text in as_texts(texts):
            counts.update(text)
        return cls(Vocabulary(counts, specials=[END]), unknown)

    def _pieces(self, text):
        if self.unknown == "error":
            for position, character in enumerate(text):
                if character not in self.vocabulary:
                    raise ValueError(
                        f"The character {character!r} at position {position} was not in the training text: "
                        'remove it, or train with unknown="token".'
                    )
        return list(text)


# A Chinese character by itself | a word with the blank before it | a punctuation mark or symbol, likewise
# with the blank before it | any other white space. Every character falls under one of these, so nothing gets
# lost.
WORD = regex.compile(r"\p{Han}| ?[\w--\p{Han}]+| ?[^\w\s]|\s", regex.VERSION1)


class WordTokenizer(_VocabularyTokenizer):
    """One token per word: short sequences, a large vocabulary, and always some words that are not in it.

    A word keeps the blank before it, punctuation stands apart, each Chinese character is a word, and the
    pieces joined are the text again: "Tom's dog, 狗" gives "Tom", "'", "s", " dog", ",", " ", "狗".

    What becomes of an unknown word, `unknown`: "spell": it is spelled with characters, all of which are in
    the vocabulary. Nothing is lost, and a model pays
        for every character of it, so bits per character compare with those of other tokenizers.
    "token": it becomes "<unk>". Whatever the word was, the model predicts the same token: cheap, and its bits
        per character look better than they are.
    """

    kind = "word"
    policies = ("spell", "token")

    @classmethod
    def train(cls, texts, min_count: int = 1, max_size: int | None = None, unknown: str = "spell") -> "WordTokenizer":
        """Collect the words of a text or a list of texts.

        Words seen fewer than `min_count` times are left out, then the rarest until `max_size` tokens are
        left. Raises ValueError where `max_size` has no room for the characters that "spell" needs.
        """
        texts = as_texts(texts)
        counts = Counter(word for text in texts for word in WORD.findall(text))
        characters = set().union(*texts) if unknown == "spell" else ()
        return cls(Vocabulary(counts, UNKNOWN, [END], min_count, max_size, always=characters), unknown)

    def _pieces(self, text):
        words = WORD.findall(text)
        if self.unknown == "token":
            return words
        return [piece for word in words for piece in ([word] if word in self.vocabulary else word)]


TOKENIZERS = {cls.kind: cls for cls in (CharTokenizer, WordTokenizer, BPETokenizer, BertTokenizer)}


def load_tokenizer(path):
    """Read a tokenizer of any kind. Raises ValueError for a file that is damaged or holds no tokenizer."""
    kind = read_json(path, None, {})["kind"]
    if kind not in TOKENIZERS:
        raise ValueError(f"{path} holds the kind {kind!r}, which is no tokenizer of this course.")
    return TOKENIZERS[kind].load(path)
