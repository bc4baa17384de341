"""Examples in front of a question: prompts for a language model that was trained on nothing but text.

    Review: a dull film                      example, its label one of a few words
    Sentiment: negative

    Review: what a joy                       the question; the model's next word is its answer
    Sentiment:

The answer is the label with the largest probability as the next token (Brown et al. 2020, section 2.4). The same
examples stand in front of every question, so they are read once.
"""

from contextlib import contextmanager

import torch


class Prompt:
    """Examples, and the form in which they and a question are written.

    examples: (text, label) pairs, label counted from 0. labels: the words that stand for them. ask: what stands
    before a text; answer: what stands between a text and its label.
    """

    def __init__(self, examples, labels, ask="Review: ", answer="\nSentiment:"):
        self.examples, self.labels, self.ask, self.answer = list(examples), labels, ask, answer

    def before(self):
        """What stands in front of the question."""
        return "".join(f"{self.question(text)} {self.labels[label]}\n\n" for text, label in self.examples)

    def question(self, text):
        """A text with the place for its label open."""
        return f"{self.ask}{text}{self.answer}"


@torch.inference_mode()
def label_probabilities(model, tokenizer, prompt, texts, batch_size=20):
    """p of each label as the answer for each text, divided so that they add up to 1: (texts, labels), float64.

    model: a `GPT`. Raises ValueError where a label is not one token of this tokenizer, or two begin alike.
    """
    labels = [tokenizer.encode(f" {label}") for label in prompt.labels]
    if any(len(ids) != 1 for ids in labels) or len({ids[0] for ids in labels}) < len(labels):
        raise ValueError(f"each of the labels {', '.join(prompt.labels)} must be one token of its own: choose others")
    wanted = [ids[0] for ids in labels]
    before = tokenizer.encode(prompt.before()) if prompt.examples else []
    cache = model.new_cache()
    if before:
        model(torch.tensor([before]), cache)
    questions, found = [tokenizer.encode(prompt.question(text)) for text in texts], []
    for i in range(0, len(texts), batch_size):
        some = questions[i : i + batch_size]
        longest = max(map(len, some))
        ids = torch.tensor([row + [0] * (longest - len(row)) for row in some])  # behind the end: nobody looks there
        with _only_at(model, [len(row) - 1 for row in some]):
            logits = model(ids, _for_each(cache, model, len(some), longest))  # (some, 1, vocab)
        found.append(logits[:, 0, wanted].double().softmax(-1))
    return torch.cat(found)


@contextmanager
def _only_at(model, places):
    """Within, the model makes scores at one place of each row: those of a large vocabulary take long."""
    rows, places = torch.arange(len(places)), torch.tensor(places)
    hook = model.norm.register_forward_pre_hook(lambda _, inputs: (inputs[0][rows, places][:, None],))
    try:
        yield
    finally:
        hook.remove()


def _for_each(cache, model, n, more):
    """The cache of one text for `n` texts that go on from it by `more` tokens at most."""
    new = model.new_cache()
    for part, old in zip(new, cache):
        part.context = old.length + more  # room for no more than is needed
        if old.length:
            part.extend(*(kept[:, :, : old.length].expand(n, -1, -1, -1) for kept in (old.k, old.v)))
    return new


def calibrated(probabilities, without_content):
    """Probabilities divided by those of a question without content, and brought to sum 1 again, (15.6).

    probabilities: (texts, labels); without_content: (labels,), the model's answer where the text is "N/A" or the
    like. Zhao et al. 2021, section 5, with W the inverse of those probabilities and b = 0.
    """
    divided = probabilities / without_content
    return divided / divided.sum(-1, keepdim=True)
