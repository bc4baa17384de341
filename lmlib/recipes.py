"""How to train a model on a corpus: tokens, batches and sizes that fit together. The commands call this."""

from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial

import torch

from . import datasets
from .metrics import bits, bits_per_character
from .text import BPETokenizer, CharTokenizer, WordTokenizer
from .training import DocumentBatches, ShardBatches, Shards, TokenBatches
from .training.loop import next_token_loss, validation_loss
from .training.schedule import cosine
from .training.shards import is_shards

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
    n_tokens: int = 0  # of the validation documents, their first marks left out

    def score(self, model):
        """On all of the validation text: nats per token and bits per character."""
        nats = validation_loss(model, self.valid, next_token_loss)
        model.eval()
        if self.scattered:
            return nats, bits_per_character(model, self.tokenizer, self.documents)
        return nats, bits(nats) * self.n_tokens / sum(map(len, self.documents))


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
    if is_shards(corpus):
        return _from_shards(Shards(corpus), context or 64, batch_size or 16, seed)
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
    return Prepared(tokenizer, *batches, valid, scattered, sum(map(len, valid_ids)))


def _from_shards(shards, context, batch_size, seed):
    """A corpus from `python -m lmlib data tokenize`: its last tenth, at most a million tokens, is for validation."""
    train, valid = shards.split()
    ids = valid[:]
    size = {"context": context, "batch_size": batch_size, "seed": seed}
    batches = ShardBatches(train, **size), TokenBatches(ids[:LIVE], **size), TokenBatches(ids, **size)
    return Prepared(shards.tokenizer, *batches, [shards.tokenizer.decode(ids.tolist())], False, len(ids))


# --- presets ---


@dataclass
class Preset:
    """A model and its training, sizes that belong together. What is None is left to the corpus."""

    model: dict = field(default_factory=dict)
    context: int | None = None
    batch_size: int | None = None
    steps: int | None = None
    training: dict = field(default_factory=dict)

    def but(self, wishes):
        """The same with the settings in `wishes`, a dict, that are not None."""
        new, wishes = deepcopy(self), {key: value for key, value in wishes.items() if value is not None}
        new.model |= {key: wishes[key] for key in ("n_layers", "n_heads", "d_model", "dropout") if key in wishes}
        new.training |= {key: wishes[key] for key in ("optimizer", "lr", "weight_decay") if key in wishes}
        new.context, new.batch_size = wishes.get("context", new.context), wishes.get("batch_size", new.batch_size)
        return new


def nanogpt_adamw(model, lr=1e-3, beta2=0.99, weight_decay=0.1):
    """nanoGPT's optimizer: AdamW, and weight decay for matrices only."""
    matrices = [p for p in model.parameters() if p.ndim >= 2]
    vectors = [p for p in model.parameters() if p.ndim < 2]
    groups = [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW([g for g in groups if g["params"]], lr=lr, betas=(0.9, beta2), foreach=True)
    for group in optimizer.param_groups:
        group["base_lr"] = group["lr"]
    return [optimizer]


_NANOGPT = {  # LayerNorm without biases, learned positions, GELU, one matrix for embedding and scores
    "n_layers": 4, "n_heads": 4, "d_model": 128, "norm": "layer", "positions": "learned", "activation": "gelu",
    "qk_norm": False, "tied_head": True, "eps": 1e-5, "start": "gpt2",
}  # fmt: skip

FAST = (  # up to so many seconds: layers, d_model, context, batch size
    (40, 3, 64, 64, 8),
    (150, 2, 96, 64, 16),
    (450, 3, 96, 128, 16),
    (float("inf"), 4, 128, 128, 16),
)

PRESETS = {
    None: Preset(),
    # Karpathy 2022, nanoGPT, README "I only have a macbook": tiny Shakespeare in three minutes on a processor.
    "nanogpt-cpu": Preset(
        _NANOGPT,
        context=64,
        batch_size=12,
        steps=2000,
        training={"optimizer": nanogpt_adamw, "schedule": partial(cosine, warmup=0.05, floor=0.1)},
    ),
}


def fast(seconds):
    """The model that learns most in so many seconds on two cores: the more time, the larger.

    In a short training many steps of a small model win; in a long one what a small model cannot hold.
    """
    _, layers, d_model, context, batch_size = next(row for row in FAST if seconds <= row[0])
    sizes = {"n_layers": layers, "n_heads": d_model // 32, "d_model": d_model, "conv_width": 3}
    return Preset(sizes, context, batch_size)


def preset(name, seconds=60):
    """The preset of this name, a copy that may be changed; "fast" depends on the time there is."""
    return fast(seconds) if name == "fast" else deepcopy(PRESETS[name])
