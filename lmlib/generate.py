"""From a model to a text: draw a token, put it behind the text, and ask again.

Works with any language model of the course: neural ones (`forward(ids) -> logits`) and counted ones
(`next_probabilities(ids)`).
"""

import math

import torch


def next_logits(model, ids, end_id, cache=None, new=None):
    """Scores of every next token, (vocab_size,), after the ids of a document's beginning.

    With a `cache` (see `GPT.new_cache`) only the `new` ids that it does not hold yet are read.
    """
    if hasattr(model, "next_probabilities"):
        return torch.from_numpy(model.next_probabilities([end_id, *ids])).log()
    if cache is not None:
        return model(torch.tensor([new]), cache)[0, -1]
    context = model.config.context
    return model(torch.tensor([[end_id, *ids][-context:]]))[0, -1]


def next_distribution(logits, temperature=1.0, top_k=None):
    """Probabilities from scores (vocab_size,): softmax(logits / temperature) over the `top_k` highest scores.

    Temperature 1 is what the model learned, 0 gives everything to the highest score.
    Raises ValueError for a temperature below 0 or a top_k below 1.
    """
    if temperature < 0 or (top_k is not None and top_k < 1):
        raise ValueError("temperature must be 0 or more, and top_k at least 1")
    if temperature == 0:
        return torch.nn.functional.one_hot(logits.argmax(), logits.numel()).double()
    logits = logits.double() / temperature
    if top_k is not None and top_k < logits.numel():
        keep = logits.topk(top_k).indices
        logits = torch.full_like(logits, -math.inf).scatter(0, keep, logits[keep])
    return logits.softmax(-1)


@torch.inference_mode()
def generate(
    model,
    tokenizer,
    prompt="",
    max_tokens=300,
    temperature=1.0,
    top_k=None,
    seed=0,
    stop_at_end=True,
    on_token=None,
):
    """The text that the model writes after `prompt` (the prompt itself is not repeated).

    The same seed gives the same text. The model reads the document from its start mark; what no longer fits
    into its context is forgotten from the front. `on_token(text)` is called with each piece as it is drawn.
    """
    generator = torch.Generator().manual_seed(seed)
    ids = tokenizer.encode(prompt)
    start = len(ids)
    cache = model.new_cache() if hasattr(model, "new_cache") else None
    fresh = [tokenizer.end_id, *ids]  # what the cache does not hold yet
    if hasattr(model, "eval"):
        model.eval()
    shown = ""
    for _ in range(max_tokens):
        if cache is not None and cache.length + len(fresh) > model.config.context:
            cache = None  # a cache cannot forget its first tokens; once the window slides, read it whole each time
        logits = next_logits(model, ids, tokenizer.end_id, cache, fresh)
        p = next_distribution(logits, temperature, top_k)
        token = int(torch.multinomial(p, 1, generator=generator))
        if token == tokenizer.end_id and stop_at_end:
            break
        ids.append(token)
        fresh = [token]
        if on_token:  # a character may need several byte tokens, so show the difference, not the token
            text = tokenizer.decode(ids[start:]).rstrip("\ufffd")
            on_token(text[len(shown) :])
            shown = text
    return tokenizer.decode(ids[start:])


@torch.inference_mode()
def next_character_probabilities(model, tokenizer, prefix, end="<|end|>", smallest=1e-4, top=None):
    """The model's law of the next *character* after `prefix`: a dict of character (or `end`) to probability.

    A model of words or word pieces predicts tokens. The chance of a character is the sum over all tokens that
    put it there. Where the prefix stops inside a word, it is first cut back to the word's start, and every way
    to spell the rest in tokens is followed, as long as it is likelier than `smallest`.
    """
    spelled = _spellings(tokenizer)
    ids = tokenizer.encode(prefix)
    kept = _whole_words(tokenizer, ids, prefix)
    rest = prefix[len(tokenizer.decode(kept)) :]
    mass = {}
    paths = [(1.0, kept, "")]  # probability, ids, what they spell of `rest`
    while paths:
        p, path, text = paths.pop()
        law = next_distribution(next_logits(model, path, tokenizer.end_id)).tolist()
        for token, q in enumerate(law):
            piece = spelled[token]
            if token == tokenizer.end_id:
                if text == rest:
                    mass[end] = mass.get(end, 0.0) + p * q
                continue
            longer = text + piece
            if len(longer) > len(rest):
                if longer.startswith(rest):
                    c = longer[len(rest)]
                    mass[c] = mass.get(c, 0.0) + p * q
            elif piece and rest.startswith(longer) and p * q > smallest * (sum(mass.values()) or smallest):
                paths.append((p * q, [*path, token], longer))
    total = sum(mass.values())
    if total == 0:
        raise ValueError(f"the model cannot spell {rest!r}: give it a text of the kind that it was trained on")
    return {c: m / total for c, m in sorted(mass.items(), key=lambda item: -item[1])}


def _spellings(tokenizer):
    """What each token adds to a text; a token of half a character adds nothing that can be compared."""
    return [text if "\ufffd" not in (text := tokenizer.decode([i])) else "" for i in range(len(tokenizer))]


def _whole_words(tokenizer, ids, prefix):
    """The ids without those of the last, perhaps unfinished, word."""
    words = prefix.rstrip("\n").rsplit(" ", 1)
    cut = len(words[0]) if len(words) > 1 else 0
    kept = list(ids)
    while kept and len(tokenizer.decode(kept)) > cut:
        kept.pop()
    return kept
