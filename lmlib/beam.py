"""Beam search: follow several beginnings at once, and keep those that the model finds likeliest as a whole.

    found = beam_search(step, [begin_id], end_id, n_beams=4)     # of any model that gives a next token's probability
    texts = beam_texts(model, tokenizer, "Clara had", n_beams=4)  # of a language model

A sum of logarithms falls with every token, so of two endings the shorter one is favoured. Therefore endings are
compared by log p / length ** length_penalty (as in `transformers`): 0 compares sums, 1 means per token.
Wu et al. 2016, section 7, has ((5 + length) / 6) ** alpha in the denominator; both were made for translation.
"""

from dataclasses import dataclass

import torch

from .generate import _taken_back
from .many import CachedStep


@dataclass(frozen=True)
class Hypothesis:
    """One ending that beam search found.

    ids: what was written, without the start and without the end mark; log_p: the natural logarithm of its
    probability, the end mark's included where it `ended`; score: log_p over the length to the power of the penalty,
    the end mark counted.
    """

    ids: list
    log_p: float
    score: float
    ended: bool


def beam_search(step, start, end_id, n_beams=4, max_tokens=100, length_penalty=1.0):
    """The best endings that a beam of `n_beams` finds: `Hypothesis` objects, at most `n_beams`, the best first.

    step: a function from ids (beams, time), int64, to the logarithms of the next tokens' probabilities (beams,
    vocab_size). It may be called with fewer rows than beams, and the rows of a call continue rows of the call before
    in any order. start: a list of ids, at least one; end_id: the id that ends a text.
    max_tokens: what has not ended by then is returned as it is. length_penalty: see this file's head.

    It ends when no text that still grows can beat those that ended: with `early_stopping="never"` the `transformers`
    library finds the same. With one beam and length_penalty=0 it is greedy. Raises ValueError for a setting out of
    its range, an empty start, and for numbers from `step` that are no logarithms of probabilities.
    """
    if n_beams < 1:
        raise ValueError(f"n_beams is {n_beams}: give 1 (greedy) or more")
    if max_tokens < 1:
        raise ValueError(f"max_tokens is {max_tokens}: give 1 or more")
    if not len(start):
        raise ValueError("a search begins after a token: give at least the start mark")
    beams, log_p, ended = torch.tensor([list(start)]), torch.zeros(1, dtype=torch.float64), []
    for length in range(1, max_tokens + 1):
        total = log_p[:, None] + _checked(step(beams), len(beams))  # (beams, vocab_size)
        # Of each beam one continuation ends the text: among twice as many as beams, enough go on.
        best, place = total.flatten().topk(min(2 * n_beams, total.numel()))
        best, place = best[best.isfinite()], place[best.isfinite()]  # an impossible text is no text
        parent, token = place // total.size(1), place % total.size(1)
        rows = torch.cat((beams[parent], token[:, None]), dim=1)
        for i in range(min(n_beams, len(rows))):
            if token[i] == end_id or length == max_tokens:
                ids, over = rows[i, len(start) :].tolist(), bool(token[i] == end_id)
                score = best[i].item() / length**length_penalty
                ended.append(Hypothesis(ids[:-1] if over else ids, best[i].item(), score, over))
        ended = sorted(ended, key=lambda hypothesis: -hypothesis.score)[:n_beams]
        on = (token != end_id).nonzero().flatten()[:n_beams]
        beams, log_p = rows[on], best[on]
        if not len(beams):
            break
        # log p only falls; divided by a power of the length it may rise, at most as far as at the greatest length.
        most = log_p[0].item() / (max_tokens if length_penalty > 0 else length) ** length_penalty
        if len(ended) == n_beams and most <= ended[-1].score:
            break
    return ended


def _checked(log_p, n_rows):
    """Refuse what is no row of logarithms of probabilities for each beam."""
    if log_p.ndim != 2 or len(log_p) != n_rows:
        raise ValueError(f"step got {n_rows} rows of ids and gave {tuple(log_p.shape)}: give (rows, vocab_size)")
    log_p = log_p.double().cpu()
    if not (log_p.logsumexp(-1) < 1e-3).all():
        raise ValueError("step's numbers are no logarithms of probabilities: take log_softmax of the logits")
    return log_p


def beam_texts(model, tokenizer, prompt="", n_beams=4, max_tokens=300, length_penalty=1.0):
    """What a language model writes after `prompt`, by beam search: pairs (text, Hypothesis), the best first.

    The prompt is not repeated. As in `generate`, its last word is taken back and spelled again by the model, which
    costs nothing where that is the only way to spell it. Raises ValueError as `beam_search` does.
    """
    kept, rest, spelled = _taken_back(tokenizer, prompt)
    start, read = [tokenizer.end_id, *kept], CachedStep(model)

    def step(ids):
        log_p = read(ids).double().log_softmax(-1)
        if rest:
            written = [b"".join(spelled[token] for token in row) for row in ids[:, len(start) :].tolist()]
            fits = [[_fits(text, piece, rest) for piece in spelled] for text in written]
            log_p = log_p.masked_fill(~torch.tensor(fits), -torch.inf)
        return log_p

    found = beam_search(step, start, tokenizer.end_id, n_beams, max_tokens, length_penalty)
    return [(tokenizer.decode(hypothesis.ids)[len(rest.decode()) :], hypothesis) for hypothesis in found]


def _fits(text, piece, rest):
    """May this piece follow the text, where all of it must begin with `rest`?"""
    left = rest[len(text) :]
    return not left or bool(piece) and (left.startswith(piece) or piece.startswith(left))
