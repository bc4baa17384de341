"""From a model to a text: draw a token, put it behind the text, and ask again.

Works with every language model of the course: neural ones (`forward(ids) -> logits`) and counted ones
(`next_probabilities(ids)`). `ids` is always all that the model reads, the start mark `tokenizer.end_id` included.

A model with a context of C tokens reads all ids while they fit. When they no longer do, the older half of the
window is forgotten and the newer half is read again; so at least C / 2 tokens are in sight, and the reading again
costs little, for it is due only once in C / 2 tokens.
"""

import heapq
import math
from contextlib import contextmanager

import torch

from .decoding import Decoding


def next_distribution(model, ids, temperature=1.0, top_k=None, **settings):
    """The probabilities from which `generate` draws the token after `ids`: a tensor (vocab_size,), float64.

    temperature, top_k and further settings: see `Decoding`. Raises ValueError for a setting out of its range.
    """
    decoding = Decoding(temperature, top_k, **settings)
    with _evaluating(model):
        return decoding.distribution(Reader(model, ids).scores(), ids)


class Reader:
    """A text that grows, and the scores of what may come next. What was read once is kept where the model can."""

    def __init__(self, model, ids):
        self.model, self.ids = model, list(ids)
        self.counted = not isinstance(model, torch.nn.Module)
        self.context = getattr(getattr(model, "config", None), "context", None) or math.inf
        self.start, self.cache = 0, None

    @torch.inference_mode()
    def scores(self):
        """Of every next token, (vocab_size,): logits, or the logarithms of probabilities."""
        if self.counted:
            return torch.as_tensor(self.model.next_probabilities(self.ids)).log()
        while len(self.ids) - self.start > self.context:
            self.start += max(1, self.context // 2)
            self.cache = None
        window = self.ids[self.start :]
        device = next(self.model.parameters()).device
        if not hasattr(self.model, "new_cache"):
            logits = self.model(torch.tensor([window], device=device))
        else:
            self.cache = self.cache or self.model.new_cache()
            logits = self.model(torch.tensor([window[self.cache.length :]], device=device), self.cache)
        return logits[0, -1].cpu()


@contextmanager
def _evaluating(model):
    """Within, a neural model drops nothing out; afterwards it is as it was."""
    training = getattr(model, "training", False)
    if training:
        model.eval()
    try:
        yield
    finally:
        if training:
            model.train()


def draw(p, generator):
    """A token drawn from the probabilities p (vocab_size,): where their running sum passes a random number."""
    running = p.cumsum(0)
    random = torch.rand(1, generator=generator, dtype=torch.float64) * running[-1]
    complete = torch.searchsorted(running, running[-1:])  # rounding must not carry us behind the last possible token
    return min(int(torch.searchsorted(running, random, right=True)), int(complete))


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
    stop=(),
    **settings,
):
    """The text that the model writes after `prompt` (the prompt itself is not repeated).

    It stops after `max_tokens` tokens, with `stop_at_end` where the model ends the document, and in front of the
    first of the texts in `stop` (a text or several). The same seed gives the same text. `on_token(text)` is called
    with each piece of text as soon as it is certain: usually one token, several where only together they are a
    character, or might become a text to stop at. temperature, top_k and further settings: see `Decoding`. Raises
    ValueError for a setting out of its range, and for an empty text to stop at.

    A prompt may stop in the middle of a word ("the gard"), or with a blank. Cut into tokens as it is, its end would
    be a token that the model never saw there. So its last word is taken back, and the model spells it again.
    """
    decoding = Decoding(temperature, top_k, **settings)
    stops = (stop,) if isinstance(stop, str) else tuple(stop)
    if "" in stops:
        raise ValueError("an empty text to stop at would end every text at once: give at least one character")
    held = max(map(len, stops), default=1) - 1  # so many characters may be the beginning of one of them
    generator = torch.Generator().manual_seed(seed)
    kept, rest, spelled = _taken_back(tokenizer, prompt)
    reader = Reader(model, [tokenizer.end_id, *kept])
    written, shown, lead, end = [], 0, len(rest.decode()), None
    with _evaluating(model):
        while len(written) < max_tokens and end is None:
            scores = reader.scores()
            if rest:  # the prompt's last word, spelled once more by the model, and perhaps carried on
                fits = [bool(t) and (rest.startswith(t) or t.startswith(rest)) for t in spelled]
                scores = scores.masked_fill(~torch.tensor(fits), -math.inf)
            token = draw(decoding.distribution(scores, reader.ids), generator)
            if token == tokenizer.end_id and stop_at_end:
                break
            reader.ids.append(token)
            written.append(token)
            rest = rest[len(spelled[token]) :]
            if not (on_token or stops) or rest:
                continue
            text = tokenizer.decode(written)[lead:]
            end = min((place for s in stops if (place := text.find(s)) >= 0), default=None)
            # U+FFFD at the end: perhaps the first bytes of a character whose other bytes are yet to come
            if on_token and end is None and not text.endswith("\ufffd") and len(text) - held > shown:
                on_token(text[shown : len(text) - held])
                shown = len(text) - held
    text = tokenizer.decode(written)[lead:][:end]
    if on_token and text[shown:]:
        on_token(text[shown:])
    return text


def next_character_probabilities(model, tokenizer, prefix, end="<|end|>", smallest=1e-4):
    """What the model expects as the next *character* after `prefix`: a dict of character, or `end`, to probability.

    A model of words or pieces of words predicts tokens. The chance of a character is the sum over all tokens that
    put it there. Where the prefix may stop inside a token, its last word is taken back, and every way to spell it
    in tokens is followed, the likeliest first, as long as it has at least `smallest` of the probability found so
    far. Raises ValueError where the model cannot write the prefix at all.
    """
    kept, rest, spelled = _taken_back(tokenizer, prefix)
    found, total = {}, 0.0
    paths = [(-1.0, kept, b"")]  # a heap: minus the probability, the ids, what those behind `kept` spell
    while paths and -paths[0][0] >= smallest * total:
        minus_p, ids, spelling = heapq.heappop(paths)
        for token, q in enumerate(next_distribution(model, [tokenizer.end_id, *ids]).tolist()):
            p = -minus_p * q
            longer = spelling + spelled[token]
            character = None
            if token == tokenizer.end_id:
                character = end if spelling == rest else None
            elif longer.startswith(rest):
                character = _first_character(longer[len(rest) :])
            if p > 0 and character:
                found[character] = found.get(character, 0.0) + p
                total += p
            elif p > 0 and spelled[token] and rest.startswith(longer):
                heapq.heappush(paths, (-p, [*ids, token], longer))
            elif p > 0 and spelled[token] and longer.startswith(rest) and len(longer) < len(rest) + 4:
                # The first bytes of a character, which has at most 4: what is none by then never will be.
                heapq.heappush(paths, (-p, [*ids, token], longer))
    if total == 0:
        raise ValueError(f"the model cannot write {prefix!r}: give it a text of the kind that it was trained on")
    return {c: mass / total for c, mass in sorted(found.items(), key=lambda item: -item[1])}


def _bytes(tokenizer, token):
    """What a token adds to a text, in bytes."""
    if hasattr(tokenizer, "decode_bytes"):
        return tokenizer.decode_bytes([token])
    return tokenizer.decode([token]).encode()


def _taken_back(tokenizer, prefix):
    """The ids of the prefix without its last word, that word in bytes, and what every token spells in bytes.

    Nothing is taken back where the model could not write it again.
    """
    spelled = [_bytes(tokenizer, token) for token in range(len(tokenizer))]
    reach = max(len(piece.decode("utf-8", "replace")) for piece in spelled)
    kept = _finished(tokenizer, prefix, reach)
    rest = prefix[len(tokenizer.decode(kept)) :].encode()
    if set(rest) <= {byte for piece in spelled for byte in piece}:
        return kept, rest, spelled
    return tokenizer.encode(prefix), b"", spelled


def _finished(tokenizer, prefix, reach):
    """The ids of the prefix without its last word, or without the last `reach` characters where that is less.

    `reach` is the length of the longest token: none can begin before that and end after the prefix.
    """
    kept = tokenizer.encode(prefix)
    if reach == 1:
        return kept
    word = max((i for i, character in enumerate(prefix) if character.isspace()), default=0)
    cut = max(word, len(prefix) - reach)
    while kept and not (prefix.startswith(text := tokenizer.decode(kept)) and len(text) <= cut):
        kept.pop()
    return kept


def _first_character(data):
    """The first character of UTF-8 bytes, or "" where they do not hold all of it yet."""
    for n in range(1, min(4, len(data)) + 1):
        try:
            return data[:n].decode()
        except UnicodeDecodeError:
            pass
    return ""
