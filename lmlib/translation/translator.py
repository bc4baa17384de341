"""From a trained model to a translator: text in, text out, greedily or by beam search, with its attention."""

import torch
import torch.nn.functional as F

from lmlib.beam import beam_search
from lmlib.text.tokenizers import WORD

from .batches import pad

END = "end"  # how the end mark is shown


class Translator:
    """A model with the verbs `encode` and `decode` (`Transformer`, `Seq2Seq`) and the tokenizer it was trained with.

    max_tokens: a translation that has not ended by then is cut off.
    """

    def __init__(self, model, tokenizer, max_tokens=80):
        self.model, self.tokenizer, self.max_tokens = model.eval(), tokenizer, max_tokens

    def read(self, texts):
        """What the encoder makes of some texts: (memory, padding). Raises ValueError for an empty text."""
        if not all(text.strip() for text in texts):
            raise ValueError("there is nothing to translate: type a sentence")
        end = self.tokenizer.end_id
        source, padding = pad([torch.tensor([*self.tokenizer.encode(text), end]) for text in texts], end)
        return self.model.encode(source, padding), padding

    @torch.inference_mode()
    def translate(self, texts, batch_size=100):
        """Greedy translations, a list of strings: at each step the likeliest token, until the end mark."""
        texts, out = list(texts), {}
        by_length = sorted(range(len(texts)), key=lambda i: len(texts[i]))  # those of like length end together
        for first in range(0, len(texts), batch_size):
            places = by_length[first : first + batch_size]
            for i, ids in zip(places, self.write(*self.read([texts[i] for i in places]))):
                out[i] = self.tokenizer.decode(ids)
        return [out[i] for i in range(len(texts))]

    @torch.inference_mode()
    def write(self, memory, padding):
        """Greedy translations of what was read: a list of lists of ids, without the end mark."""
        n, end = len(memory), self.tokenizer.end_id
        written = torch.full((n, 1), end)
        going, done = torch.arange(n), [None] * n
        for _ in range(self.max_tokens):
            logits, _ = self.model.decode(written, memory, memory_padding=padding)
            token = logits[:, -1].argmax(-1)
            for row in (token == end).nonzero().flatten().tolist():
                done[going[row]] = written[row, 1:].tolist()
            on = token != end
            written = torch.cat((written, token[:, None]), dim=1)[on]
            memory, padding, going = memory[on], padding[on], going[on]  # those that ended are not computed any more
            if not len(going):
                break
        for row, place in enumerate(going.tolist()):
            done[place] = written[row, 1:].tolist()
        return done

    @torch.inference_mode()
    def beam(self, text, n_beams=4, length_penalty=1.0):
        """The translations that a beam finds, the best first: pairs (text, `beam.Hypothesis`)."""
        memory, padding = self.read([text])

        def step(ids):  # (beams, time) -> (beams, vocab_size)
            n = len(ids)
            logits, _ = self.model.decode(
                ids, memory.expand(n, -1, -1), memory_padding=padding.expand(n, -1).contiguous()
            )
            return logits[:, -1].log_softmax(-1)

        end = self.tokenizer.end_id
        found = beam_search(step, [end], end, n_beams, self.max_tokens, length_penalty)
        return [(self.tokenizer.decode(hypothesis.ids), hypothesis) for hypothesis in found]

    @torch.inference_mode()
    def log_p(self, source, target):
        """The natural logarithm of the probability that the model gives to a translation, its end included."""
        logits, ids, _ = self._told(source, target)
        return -F.cross_entropy(logits, ids, reduction="sum").item()

    @torch.inference_mode()
    def guesses(self, source, target):
        """The likeliest token at each place when the decoder reads the truth: ids (time,), and the true ones."""
        logits, ids, _ = self._told(source, target)
        return logits.argmax(-1), ids

    @torch.inference_mode()
    def look(self, source, target=None):
        """Who looks where: (target tokens, source tokens, weights). target: None takes the model's own translation.

        weights: a list with one tensor (heads, target time, source time) for each layer of the decoder; row t are the
        weights with which token t was written, the end mark the last.
        """
        target = self.translate([source])[0] if target is None else target
        _, _, weights = self._told(source, target)
        tokens = self.tokenizer.tokens
        return [*tokens(target), END], [*tokens(source), END], [layer[0] for layer in weights]

    def _told(self, source, target):
        memory, padding = self.read([source])
        ids = torch.tensor([*self.tokenizer.encode(target), self.tokenizer.end_id])
        written = torch.cat((ids[-1:], ids[:-1]))[None]
        logits, weights = self.model.decode(written, memory, memory_padding=padding)
        return logits[0], ids, weights

    def strange(self, text):
        """(words, characters) that the vocabulary lacks: the words are spelled, the characters cannot be read."""
        vocabulary = self.tokenizer.vocabulary
        words = [word.strip() for word in WORD.findall(text) if word not in vocabulary and len(word.strip()) > 1]
        return words, sorted({c for c in text if c not in vocabulary})
