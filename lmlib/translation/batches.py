"""Batches of sentence pairs, and the loss on them: what `fit` needs to train a translator.

A batch is (source, padding, written, targets), each with one row a pair:

    source   The cat sleeps . [end]        padding   True where there is text
    written  [end] Le chat dort .          what the decoder reads: the truth, one place later ("teacher forcing")
    targets  Le chat dort . [end]          what it must write; IGNORE where the row is over
"""

import torch
import torch.nn.functional as F

from lmlib.models.batching import IGNORE, ByLength
from lmlib.training.data import DocumentBatches


class PairBatches(DocumentBatches):
    """`Pair`s as ids, those of like length together, as `DocumentBatches` has them.

    longest: pairs with a text of more tokens are left out (`left_out` counts them); None keeps all.
    Raises ValueError where no pair is left.
    """

    def __init__(self, pairs, tokenizer, batch_size=64, seed=0, longest=None):
        end = tokenizer.end_id
        rows = [
            (torch.tensor([*tokenizer.encode(p.source), end]), torch.tensor([end, *tokenizer.encode(p.target), end]))
            for p in pairs
        ]
        kept = [(s, t) for s, t in rows if longest is None or max(len(s) - 1, len(t) - 2) <= longest]
        if not kept:
            raise ValueError("there are no pairs to train on: give at least one that is short enough")
        self.left_out = len(rows) - len(kept)
        self.rows = sorted(kept, key=lambda row: (len(row[1]), len(row[0])))
        self.order = ByLength([len(target) for _, target in self.rows], batch_size, seed)
        self.end_id, self.batch_size, self.seed = end, batch_size, seed

    def _padded(self, rows):
        sources, targets = zip(*rows)
        source, padding = pad(sources, self.end_id)
        written, _ = pad([ids[:-1] for ids in targets], self.end_id)
        return source, padding, written, pad([ids[1:] for ids in targets], IGNORE)[0]


def pad(rows, filler):
    """Rows of ids as one tensor (rows, longest), filled up at the end, and True where there is text."""
    ids = torch.nn.utils.rnn.pad_sequence(list(rows), batch_first=True, padding_value=filler)
    lengths = torch.tensor([len(row) for row in rows])
    return ids, torch.arange(ids.size(1)) < lengths[:, None]


def translation_loss(model, batch):
    """Mean surprise of the target's next token, in nats, when the decoder reads the truth; padding counts nowhere."""
    source, padding, written, targets = batch
    logits = model(source, written, padding)  # (batch, time, vocab_size)
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORE)
