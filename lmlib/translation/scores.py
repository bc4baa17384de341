"""How good are translations (BLEU and chrF by sacrebleu, exact matches), and do weights find what translates what?"""

import torch

# How BLEU cuts a text into words, by language: without blanks, "zh" takes each Chinese character.
TOKENIZE = {"zh": "zh"}


def scores(outputs, references, target):
    """A dict of BLEU and chrF (0 to 100, sacrebleu's) and exact (the share of outputs equal to their reference).

    target: the language written. Raises ValueError where there is nothing to compare, or not one output a reference.
    """
    import sacrebleu

    outputs, references = list(outputs), list(references)
    if not outputs or len(outputs) != len(references):
        raise ValueError(f"give one output a reference, at least one: here are {len(outputs)} and {len(references)}")
    return {
        "BLEU": sacrebleu.corpus_bleu(outputs, [references], tokenize=TOKENIZE.get(target, "13a")).score,
        "chrF": sacrebleu.corpus_chrf(outputs, [references]).score,
        "exact": sum(a == b for a, b in zip(outputs, references)) / len(outputs),
    }


def token_spans(pieces):
    """Where each piece of a text stands in it, [start, end) in characters, without the blank before a word."""
    spans, place = [], 0
    for piece in pieces:
        blanks = len(piece) - len(piece.lstrip())
        spans.append((place + blanks, place + len(piece)))
        place += len(piece)
    return spans


def true_links(pair, tokenizer):
    """The pair's true alignment in tokens: True where the target token's gap is the source token's.

    (target time, source time), both with a row and a column for the end mark, which belong to no gap. Raises
    ValueError for a pair whose alignment nobody knows.
    """
    if pair.alignment is None:
        raise ValueError("nobody knows the true alignment of this pair: take one of the village's")
    sides = [token_spans(_pieces(tokenizer, text)) for text in (pair.target, pair.source)]
    truth = torch.zeros(len(sides[0]) + 1, len(sides[1]) + 1, dtype=torch.bool)
    for link in pair.alignment:
        rows, columns = (
            [i for i, (start, end) in enumerate(spans) if start < gap[1] and gap[0] < end]
            for spans, gap in zip(sides, (link.target, link.source))
        )
        truth[torch.tensor(rows)[:, None], torch.tensor(columns)] = True
    return truth


def _pieces(tokenizer, text):
    pieces = tokenizer._pieces(text)
    assert "".join(pieces) == text
    return pieces


def link_hits(weights, truth):
    """Over the target tokens that belong to a gap: (how many have their largest weight inside it, how many there are,
    how many would by chance). weights and truth: (target time, source time)."""
    rows = truth.any(1)
    best = weights[rows].argmax(1)
    hits = truth[rows].gather(1, best[:, None]).sum().item()
    return hits, int(rows.sum()), truth[rows].double().mean(1).sum().item()
