"""Byte-level BPE with the numbers of a published model: GPT-2's, or those of SmolLM2.

A published model knows its tokens by its own ids, so text must be cut and numbered exactly as it was in training.
The merging is `BPETokenizer`'s. What differs from model to model stands here: the numbers of the tokens, special
tokens, whether digits stand alone, and bytes that have no token at all.
"""

import json
import re
from pathlib import Path

import regex

from lmlib.text.bpe import WORD, BPETokenizer, from_glyphs, to_glyphs
from lmlib.text.vocabulary import check_ids

DIGIT = regex.compile(r"(\p{N})")


class PublishedTokenizer:
    """Text to the ids of a published model, and back.

    `ids` maps each token, written in glyphs ("Ġthe" is " the"), to its number; `merges` are lines such as "Ġt he",
    the first learned first; `specials` names the tokens that no text is cut into, and `end` the one that ends a
    document. With `split_digits` every digit is a piece of its own. What has no token is left out of the text:
    SmolLM2's vocabulary lacks 21 of the 256 bytes, rare control characters and bytes of no character in use.

    `token_bytes[id]` is what a token stands for, b"" for a special one. Raises ValueError where vocabulary, merges
    and special tokens do not fit together.
    """

    kind = "published"

    def __init__(self, ids, merges, specials=(), end="<|endoftext|>", split_digits=False):
        if sorted(ids.values()) != list(range(len(ids))):
            raise ValueError(f"the ids of {len(ids)} tokens must be 0 to {len(ids) - 1}, each once")
        if missing := [token for token in (*specials, end) if token not in ids]:
            raise ValueError(f"the special token {missing[0]!r} has no number in this vocabulary")
        self.end, self.split_digits = end, split_digits
        self.specials = {token: ids[token] for token in dict.fromkeys((*specials, end))}
        # The longest first: of two special tokens that begin alike, the longer one is meant.
        longest_first = sorted(self.specials, key=len, reverse=True)
        self._special = re.compile(f"({'|'.join(map(re.escape, longest_first))})")
        self._bpe = BPETokenizer._from_lines(merges, end, "the list of merges")
        # For each id of `_bpe` (256 bytes, then the merges in order) the published one, None where there is none.
        self._number = [ids.get(to_glyphs(token)) for token in self._bpe.token_bytes]
        if None in self._number[256:]:
            made = self._bpe.token_bytes[256 + self._number[256:].index(None)]
            raise ValueError(f"a merge makes the token {to_glyphs(made)!r}, which has no number in this vocabulary")
        absent = (token for token, number in zip(self._bpe.token_bytes, self._number) if number is None)
        self._absent = b"".join(absent)
        self.token_bytes = [b""] * len(ids)
        for token, number in ids.items():
            try:
                self.token_bytes[number] = b"" if token in self.specials else from_glyphs(token)
            except KeyError as problem:
                raise ValueError(f"the token {token!r} holds {problem}, which stands for no byte") from None

    @classmethod
    def from_gpt2(cls, encoder_path, merges_path):
        """GPT-2's own tokenizer, 50,257 tokens, from its published files `encoder.json` and `vocab.bpe`."""
        ids = json.loads(Path(encoder_path).read_text(encoding="utf-8"))
        version, *merges = Path(merges_path).read_text(encoding="utf-8").rstrip("\n").split("\n")
        if not version.startswith("#version"):
            raise ValueError(f"{merges_path} is not a file of BPE merges: its first line lacks #version.")
        return cls(ids, merges)

    # -- text to ids and back

    def encode(self, text, specials=False):
        """The ids of a text. A special token is made from its name only with `specials`.

        By default "<|im_end|>" in a text is ten ordinary characters: what a user types must not end a message.
        """
        if not specials:
            return self._encode(text)
        found = []
        for i, part in enumerate(self._special.split(text)):  # text, special, text, special, ..., text
            found += [self.specials[part]] if i % 2 else self._encode(part)
        return found

    def _encode(self, text):
        found = []
        for part in DIGIT.split(text) if self.split_digits else [text]:
            numbers = [self._number[id] for id in self._bpe.encode(part)]
            if None in numbers:
                # A byte without a token is left out before the merging, so its neighbours may still be merged.
                words = (word.encode().translate(None, self._absent) for word in WORD.findall(part))
                numbers = [self._number[id] for word in words for id in self._bpe.encode_bytes(word)]
            found += numbers
        return found

    def decode(self, ids, errors="replace"):
        """The text of the ids, without special tokens; what is no UTF-8 becomes U+FFFD (errors="strict": raises)."""
        return self.decode_bytes(ids).decode("utf-8", errors=errors)

    def decode_bytes(self, ids):
        """The bytes of the ids, without special tokens. Raises ValueError for an id that does not exist."""
        return b"".join(self.token_bytes[id] for id in check_ids(ids, len(self)))

    def token(self, id):
        """One token as shown to people; of half a character its bytes, like "\\xe4\\xbd"."""
        (id,) = check_ids([id], len(self))
        names = {number: name for name, number in self.specials.items()}
        return names.get(id) or self.token_bytes[id].decode("utf-8", errors="backslashreplace")

    def tokens(self, text, specials=False):
        """The pieces of a text as shown to people."""
        return [self.token(id) for id in self.encode(text, specials)]

    @property
    def end_id(self):
        return self.specials[self.end]

    @property
    def vocab_size(self):
        return len(self)

    def __len__(self):
        return len(self.token_bytes)

    def __repr__(self):
        parts = f"{len(self):,} tokens, {len(self._bpe.merges):,} merges, {len(self.specials)} special"
        return f"<PublishedTokenizer: {parts}>"
