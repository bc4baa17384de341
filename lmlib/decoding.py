"""From scores to the distribution that a token is drawn from: temperature, and four ways to leave tokens out.

The order is that of the `transformers` library, so the same settings give the same distribution:

    repetition penalty  ->  temperature  ->  top-k  ->  top-p  ->  min-p  ->  softmax
"""

import math
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Decoding:
    """Settings of a draw; as they stand here they change nothing.

    temperature: scores are divided by it before softmax; below 1 favours what is likely, 0 gives all to the
        likeliest token (greedy).
    top_k: only so many of the likeliest tokens stay (Fan et al. 2018, section 5).
    top_p: only the smallest set of likeliest tokens stays whose probabilities reach this sum (Holtzman et al. 2020,
        section 3.1).
    min_p: only tokens stay that have at least this share of the likeliest one's probability (Nguyen et al. 2025,
        section 3).
    repetition_penalty: the score of a token that stands in the text already is divided by this, or multiplied
        where it is negative (Keskar et al. 2019, section 4.1).

    Raises ValueError, naming the setting, for a value outside of its range.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    repetition_penalty: float = 1.0

    def __post_init__(self):
        if not 0 <= self.temperature < math.inf:
            raise ValueError(f"temperature is {self.temperature}: give 0 (greedy) or a number above it")
        if self.top_k is not None and self.top_k < 1:
            raise ValueError(f"top_k is {self.top_k}: give 1 or more, or None to keep all tokens")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise ValueError(f"top_p is {self.top_p}: give a probability above 0, at most 1")
        if self.min_p is not None and not 0 <= self.min_p <= 1:
            raise ValueError(f"min_p is {self.min_p}: give a share from 0 to 1")
        if not 0 < self.repetition_penalty < math.inf:
            raise ValueError(
                f"repetition_penalty is {self.repetition_penalty}: give a number above 0; 1 does nothing"
            )

    def distribution(self, scores, ids=()):
        """The probabilities from scores (vocab_size,) and the ids so far: a tensor (vocab_size,), float64.

        scores: logits, or logarithms of probabilities. Of several texts at once: scores (texts, vocab_size), and a
        list of ids for each. Raises ValueError for a top_k above the vocabulary.
        """
        scores, vocab_size = scores.double(), scores.size(-1)
        if self.top_k is not None and self.top_k > vocab_size:
            raise ValueError(f"top_k is {self.top_k}, but the model knows {vocab_size} tokens: give at most that")
        if self.repetition_penalty != 1:
            scores = penalise(scores, ids, self.repetition_penalty)
        if self.temperature == 0:
            return torch.nn.functional.one_hot(scores.argmax(-1), vocab_size).double()
        # The highest score becomes 0 before the division, so that no temperature is too small for float64.
        scores = (scores - scores.amax(-1, keepdim=True)) / self.temperature
        if self.top_k is not None:
            scores = keep_top_k(scores, self.top_k)
        if self.top_p is not None:
            scores = keep_top_p(scores, self.top_p)
        if self.min_p is not None:
            scores = keep_min_p(scores, self.min_p)
        return scores.softmax(-1)


def penalise(scores, ids, penalty):
    """The scores (..., vocab_size) with those of the tokens in `ids` made smaller, for a penalty above 1.

    ids: a list, or a list of lists for scores of several texts.
    """
    seen = torch.zeros_like(scores, dtype=torch.bool)
    for row, text in zip(seen.view(-1, scores.size(-1)), [ids] if scores.ndim == 1 else ids):
        row[torch.as_tensor(list(text), dtype=torch.long)] = True
    return torch.where(seen, torch.where(scores < 0, scores * penalty, scores / penalty), scores)


def keep_top_k(scores, k):
    """The k highest of scores (..., vocab_size); all others become -inf."""
    values, kept = scores.topk(k)
    return torch.full_like(scores, -math.inf).scatter(-1, kept, values)


def keep_top_p(scores, p):
    """The fewest highest scores whose probabilities sum to p or more; all others become -inf."""
    ordered, order = scores.sort(descending=True, stable=True)
    probability = ordered.softmax(-1)
    before = probability.cumsum(-1) - probability  # what the likelier tokens reach together without this one
    out = before >= p
    out[..., 0] = False  # the likeliest always stays
    return scores.masked_fill(torch.zeros_like(out).scatter(-1, order, out), -math.inf)


def keep_min_p(scores, share):
    """The scores with at least `share` of the highest one's probability; all others become -inf."""
    probability = scores.softmax(-1)
    return scores.masked_fill(probability < share * probability.amax(-1, keepdim=True), -math.inf)
