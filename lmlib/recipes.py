"""How to train a model on a corpus: tokens, batches and sizes that fit together. The commands call this."""

from dataclasses import dataclass

from . import datasets
from .metrics import bits, bits_per_character
from .text import BPETokenizer, CharTokenizer, WordTokenizer
from .training import DocumentBatches, TokenBatches
from .training.loop import next_token_loss, validation_loss

LIVE = 20_000  # tokens of the validation text that are looked at while a model trains
TOKENIZERS = {"char": CharTokenizer, "word": WordTokenizer, "bpe": BPETokenizer}


def train_tokenizer(kind, texts, vocab_size=1500):
    """A tokenizer trained on texts: "char", "word" (words seen three times) or "bpe" of `vocab_size` tokens."""
    if kind == "char":
        return CharTokenizer.train(texts)
    if kind == "word":
        return WordTokenizer.train(texts, min_count=3)
    if kind == "bpe":
        return BPETokenizer.train(texts, vocab_size)
    raise ValueError(f"no tokenizer is called {kind!r}: choose char, word or bpe")


@dataclass
class Prepared:
    """A corpus ready to train on. `scattered` corpora have many short documents, each read from its own start."""

    tokenizer: object
    train: object
    live: object  # a part of the validation text
    valid: object  # all of it
    documents: list  # the validation documents
    scattered: bool

    def score(self, model):
        """On all of the validation text: nats per token and bits per character."""
        nats = validation_loss(model, self.valid, next_token_loss)
        model.eval()
        if self.scattered:
            return nats, bits_per_character(model, self.tokenizer, self.documents)
        n_characters = sum(map(len, self.documents))
        n_tokens = sum(len(self.tokenizer.encode(text)) for text in self.documents)
        return nats, bits(nats) * n_tokens / n_characters


def load_corpus(corpus, lang="en"):
    """Training and validation documents of a data set's name, or of a text file's path."""
    if corpus in datasets.available():
        return tuple(datasets.load(corpus, split, lang).documents for split in ("train", "validation"))
    return tuple(datasets.from_file(corpus, split).documents for split in ("train", "validation"))


def prepare(corpus, kind=None, vocab_size=1500, context=None, batch_size=None, seed=0, lang="en", tokenizer=None):
    """Load, cut into tokens, make batches. Short documents are read whole, long ones in windows of `context`.

    `tokenizer`: one that is trained already (a resumed training's); else `kind` says which to train: by default
    "bpe" for many short documents, "char" for long texts.
    """
    train, valid = load_corpus(corpus, lang)
    scattered = len(train) > 100 and max(map(len, train)) < 5_000
    tokenizer = tokenizer or train_tokenizer(kind or ("bpe" if scattered else "char"), train, vocab_size)
    ids, valid_ids = ([tokenizer.encode(text) for text in texts] for texts in (train, valid))
    end = tokenizer.end_id
    if scattered:
        size = {"context": context or 512, "batch_size": batch_size or 8}
        some = valid_ids[: max(1, LIVE // (1 + max(map(len, valid_ids))))]
        batches = [DocumentBatches(x, end, seed=seed, **size) for x in (ids, some, valid_ids)]
    else:
        # Every text begins with the end mark, as everything that a model writes does.
        train_row, valid_row = ([i for d in x for i in (end, *d)] for x in (ids, valid_ids))
        size = {"context": context or 64, "batch_size": batch_size or 16}
        batches = [TokenBatches(x, seed=seed, **size) for x in (train_row, valid_row[:LIVE], valid_row)]
    return Prepared(tokenizer, *batches, valid, scattered)
