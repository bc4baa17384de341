"""How good is a language model? One ruler for all of them, whatever their tokens are.

A model gives each token of a text a probability. Minus the logarithm of that probability is its surprise, in
nats (natural logarithm) or in bits (base 2): 1 nat is 1.4427 bits. Sums of surprise do not depend on how a
text was cut into tokens, and divided by the number of *characters* they compare models with different tokens.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F

BITS_PER_NAT = 1 / math.log(2)


def bits(nats):
    """Nats in bits."""
    return nats * BITS_PER_NAT


def perplexity(nats_per_token):
    """e to the mean surprise in nats: among how many equally likely tokens the model wavers on average."""
    return math.exp(nats_per_token)


def nats_per_document(model, tokenizer, documents, batch_size=16):
    """The surprise of each whole document, end mark included, in nats: an array (n_documents,).

    Every token is predicted once, from its own document alone. A model with a context of C tokens sees at least
    C / 2 tokens before the one it predicts, once there are as many: longer documents are read in windows that
    overlap by half. `model` is an n-gram model (`log_probabilities`) or a neural one (`forward(ids) -> logits`).
    """
    ids = [tokenizer.encode(text) for text in documents]
    if hasattr(model, "log_probabilities"):
        return np.array([-p.sum() for p in model.log_probabilities(ids)])
    context = getattr(model.config, "context", None) or max(map(len, ids)) + 1
    rows = []  # (document, ids read, first place whose prediction counts)
    for d, document in enumerate(ids):
        marked = [tokenizer.end_id, *document, tokenizer.end_id]
        step = max(1, context // 2)
        start, counted = 0, 0
        while counted < len(marked) - 1:
            window = marked[start : start + context + 1]
            rows.append((d, window, counted - start))
            counted = start + len(window) - 1
            start += step
    rows.sort(key=lambda row: len(row[1]))  # rows of like length together: little padding
    total = np.zeros(len(ids))
    was_training = model.training
    model.eval()
    with torch.inference_mode():
        for i in range(0, len(rows), batch_size):
            some = rows[i : i + batch_size]
            longest = max(len(window) for _, window, _ in some)
            padded = torch.full((len(some), longest), tokenizer.end_id)
            for r, (_, window, _) in enumerate(some):
                padded[r, : len(window)] = torch.tensor(window)
            logits = model(padded[:, :-1])
            surprise = F.cross_entropy(logits.transpose(1, 2).float(), padded[:, 1:], reduction="none")
            for r, (d, window, first) in enumerate(some):
                total[d] += surprise[r, first : len(window) - 1].double().sum().item()
    model.train(was_training)
    return total


def bits_per_character(model, tokenizer, documents, batch_size=16):
    """Bits of all documents, end marks included, over their characters, each end mark counted as one more.

    Raises ValueError for no documents, and where the tokenizer loses characters: what it cannot write back it
    was never asked to predict, and the number would flatter the model.
    """
    if not documents:
        raise ValueError("there is nothing to measure: give at least one document")
    for text in documents:
        if tokenizer.decode(tokenizer.encode(text)) != text:
            raise ValueError(
                "the tokenizer does not give this text back, so bits per character would be too low: "
                'train it on more text, or with unknown="spell"'
            )
    nats = nats_per_document(model, tokenizer, documents, batch_size).sum()
    return bits(nats) / sum(len(text) + 1 for text in documents)


def reliability(probabilities, hits, n_bins=10):
    """When the model says 70 %, is it right in 70 % of cases?

    probabilities, hits: one number and one truth value for each prediction. Returns per bin of equal width:
    mean probability, share of hits, count (empty bins are left out). Guo et al. 2017, section 2.
    """
    probabilities, hits = np.asarray(probabilities, float), np.asarray(hits, float)
    if probabilities.shape != hits.shape or probabilities.ndim != 1:
        raise ValueError("give one truth value for each probability")
    place = np.minimum((probabilities * n_bins).astype(int), n_bins - 1)
    count = np.bincount(place, minlength=n_bins)
    full = count > 0
    predicted = np.bincount(place, probabilities, n_bins)[full] / count[full]
    observed = np.bincount(place, hits, n_bins)[full] / count[full]
    return predicted, observed, count[full]


def expected_calibration_error(probabilities, hits, n_bins=10):
    """The mean gap between said and seen over all predictions. Guo et al. 2017, equation 3."""
    predicted, observed, count = reliability(probabilities, hits, n_bins)
    return float((abs(predicted - observed) * count).sum() / count.sum())
