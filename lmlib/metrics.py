"""How good is a language model? One ruler for all of them, whatever their tokens are.

A model gives each token of a text a probability. Minus the logarithm of that probability is its surprise, in
nats (natural logarithm) or in bits (base 2): 1 nat is 1.4427 bits. Sums of surprise do not depend on how a
text was cut into tokens, and divided by the number of *characters* they compare models with different tokens.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch.nn.utils.rnn import pad_sequence

BITS_PER_NAT = 1 / math.log(2)


def bits(nats):
    """Nats in bits."""
    return nats * BITS_PER_NAT


def perplexity(nats_per_token):
    """e to the mean surprise in nats: among how many equally likely tokens the model wavers on average."""
    return math.exp(nats_per_token)


def token_nats(model, tokenizer, documents, batch_size=16):
    """The surprise of every token of every document, in nats: a list of arrays, one for each document.

    Each document is read from its own start mark, and its last number is the surprise of the end mark. Every
    token is predicted once. A model with a context of C tokens sees at least C / 2 of them before the one it
    predicts, once there are as many: longer documents are read in windows that overlap by half.

    `model` is a counted one (`log_probabilities(documents)`), a neural one (`forward(ids) -> logits`, all of the
    document at once where it has no `config.context`), or anything with `next_probabilities(ids)`.
    """
    ids = [tokenizer.encode(text) for text in documents]
    if hasattr(model, "log_probabilities"):
        return [-log_p for log_p in model.log_probabilities(ids)]
    marked = [[tokenizer.end_id, *document, tokenizer.end_id] for document in ids]
    if not isinstance(model, torch.nn.Module):
        return [-np.log([model.next_probabilities(m[:i])[m[i]] for i in range(1, len(m))]) for m in marked]
    return _neural_nats(model, marked, batch_size)


def _neural_nats(model, marked, batch_size):
    """The same from batches of windows: rows of like length side by side, the shorter ones padded."""
    marked = [torch.tensor(ids) for ids in marked]
    context = getattr(getattr(model, "config", None), "context", None) or max(map(len, marked))
    rows = [(d, start, first) for d, ids in enumerate(marked) for start, first in windows(len(ids), context)]
    rows.sort(key=lambda row: min(len(marked[row[0]]) - row[1], context + 1))
    nats = [np.empty(len(ids) - 1) for ids in marked]
    device = next(model.parameters()).device
    training = model.training
    model.eval()
    with torch.inference_mode():
        for i in range(0, len(rows), batch_size):
            some = rows[i : i + batch_size]
            read = [marked[d][start : start + context + 1] for d, start, _ in some]
            padded = pad_sequence(read, batch_first=True).to(device)
            logits = model(padded[:, :-1]).transpose(1, 2).float()
            surprise = F.cross_entropy(logits, padded[:, 1:], reduction="none").cpu().numpy()
            for (d, start, first), ids, row in zip(some, read, surprise):
                last = start + len(ids) - 1  # the surprise of the token at place i is the number i - 1
                nats[d][first - 1 : last] = row[first - 1 - start : last - start]
    model.train(training)
    return nats


def windows(length, context):
    """How to read a document of `length` tokens, its start mark included, `context` tokens at a time.

    Pairs (start, first): read from place `start`, count the predictions from place `first` on. In the first
    window all count, in every later one those behind its first half: the others were counted before.
    """
    start, first = 0, 1
    while first < length:
        yield start, first
        first = start + context + 1
        start += max(1, context // 2)


def bits_per_character(model, tokenizer, documents, batch_size=16):
    """Bits of all documents, end marks included, over their characters, each end mark counted as one more.

    Raises ValueError for no documents, and where the tokenizer loses characters: what it cannot write back it
    was never asked to predict, and the number would flatter the model.
    """
    if isinstance(documents, str) or not documents:
        raise ValueError("give a list of documents, with at least one in it")
    for text in documents:
        if tokenizer.decode(tokenizer.encode(text)) != text:
            raise ValueError(
                "the tokenizer does not give this text back, so bits per character would be too low: "
                'train it on more text, or with unknown="spell"'
            )
    nats = sum(surprise.sum() for surprise in token_nats(model, tokenizer, documents, batch_size))
    return bits(nats) / sum(len(text) + 1 for text in documents)


def reliability(probabilities, hits, bins=10):
    """When the model says 70 %, is it right in 70 % of the cases?

    probabilities, hits: what was said, and whether it came true, one each for every prediction. Bin m of M holds
    what was said in ((m - 1) / M, m / M]. Returns three arrays, without the empty bins: mean probability, share of
    hits, count. Guo et al. 2017, "On Calibration of Modern Neural Networks", section 2.
    Raises ValueError where the two do not fit together, are empty, or are no probabilities.
    """
    said, hits = np.asarray(probabilities, float), np.asarray(hits, float)
    if said.shape != hits.shape or said.ndim != 1 or not said.size:
        raise ValueError("give one truth value for each probability, and at least one")
    if not (0 <= said.min() and said.max() <= 1):
        raise ValueError("a probability lies between 0 and 1: give softmax's output, not its input")
    place = (np.ceil(said * bins).astype(int) - 1).clip(min=0)
    count = np.bincount(place, minlength=bins)
    full = count > 0
    mean = np.bincount(place, said, bins)[full] / count[full]
    share = np.bincount(place, hits, bins)[full] / count[full]
    return mean, share, count[full]


def expected_calibration_error(probabilities, hits, bins=10):
    """The mean distance between said and seen over all predictions, 0 to 1. Guo et al. 2017, equation 3."""
    mean, share, count = reliability(probabilities, hits, bins)
    return float((abs(mean - share) * count).sum() / count.sum())
