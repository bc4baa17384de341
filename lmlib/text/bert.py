"""Words for a model that fills gaps: word ids between two marks, with a token for what is hidden.

The marks are those of BERT (Devlin et al. 2019, section 3): [CLS] stands first and [SEP] last, [MASK] takes the place
of a hidden word, [PAD] fills a batch, and [UNK] stands for a word that is not in the vocabulary.
"""

from collections import Counter

import regex

from lmlib.text.vocabulary import Vocabulary, as_texts, read_json, write_json

UNKNOWN, PAD, CLS, SEP, MASK = SPECIALS = ("[UNK]", "[PAD]", "[CLS]", "[SEP]", "[MASK]")

# The mark of a gap | a Chinese character by itself | a word, with what follows an apostrophe | any other mark
_WORD = regex.compile(r"\[MASK\]|\p{Han}|[\w--\p{Han}]+(?:['’][\w--\p{Han}]+)*|[^\w\s]", regex.VERSION1)


def pieces(text):
    """The words of a text in lower case, marks among them; "[MASK]" stays as it is."""
    return [piece if piece == MASK else piece.lower() for piece in _WORD.findall(text)]


class BertTokenizer:
    """One token a word, in lower case; `encode` puts [CLS] before a text and [SEP] behind it.

    Lesson 14 needs whole words, so that a gap is a word. (BERT itself cuts words into pieces: `WordPieces` in
    `lmlib.models.minilm`.)
    """

    kind = "bert"

    def __init__(self, vocabulary):
        self.vocabulary = vocabulary
        self.pad_id, self.cls_id, self.sep_id, self.mask_id = (vocabulary.id(name) for name in SPECIALS[1:])

    @classmethod
    def train(cls, texts, min_count=1):
        """Collect the words of a text or a list of texts; those seen fewer than `min_count` times are left out."""
        counts = Counter(piece for text in as_texts(texts) for piece in pieces(text))
        return cls(Vocabulary(counts, UNKNOWN, SPECIALS[1:], min_count))

    def encode(self, text, context=None):
        """[CLS], the text's ids, [SEP]: a list, at most `context` long (the end of the text is cut)."""
        found = [self.vocabulary.id(piece) for piece in pieces(text)]
        return [self.cls_id, *found[: None if context is None else context - 2], self.sep_id]

    def token(self, id):
        """One token as shown to people. Raises ValueError for an id that does not exist."""
        return self.vocabulary.token(id)

    def decode(self, ids):
        """The words of the ids, with blanks between, without [CLS], [SEP] and [PAD]."""
        return " ".join(self.token(id) for id in ids if id not in (self.cls_id, self.sep_id, self.pad_id))

    def tokens(self, text):
        """The pieces of a text as shown to people, [CLS] and [SEP] among them."""
        return [self.token(id) for id in self.encode(text)]

    @property
    def special_ids(self):
        """The ids that are no words."""
        return list(range(len(SPECIALS)))

    @property
    def vocab_size(self):
        return len(self)

    def __len__(self):
        return len(self.vocabulary)

    def __repr__(self):
        return f"<BertTokenizer: {len(self):,} tokens>"

    def save(self, path):
        """Write the tokenizer as JSON, whole or not at all."""
        write_json(path, {"kind": self.kind, "vocabulary": self.vocabulary.to_dict()})

    @classmethod
    def load(cls, path):
        """Read what `save` wrote. Raises ValueError for a file that is damaged or of another kind."""
        content = read_json(path, cls.kind, {"vocabulary": dict})
        vocabulary = Vocabulary.from_dict(content["vocabulary"], path)
        if tuple(vocabulary)[: len(SPECIALS)] != SPECIALS:
            raise ValueError(f"{path} is damaged: it is not what a BertTokenizer writes; save it again.")
        return cls(vocabulary)
