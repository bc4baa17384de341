"""Prompts with examples: the text by hand, the cached reading against a plain one, calibration by hand."""

import pytest
import torch

from lmlib.models.gpt import GPT, GPTConfig
from lmlib.prompts import Prompt, calibrated, label_probabilities


class Bytes:
    """A tokenizer of bytes in which the labels are tokens of their own."""

    def __init__(self, labels):
        self.labels = [f" {label}" for label in labels]

    def encode(self, text):
        if text in self.labels:
            return [256 + self.labels.index(text)]
        return list(text.encode())


@pytest.fixture(scope="module")
def model():
    model = GPT(GPTConfig(258, context=256, n_layers=2, n_heads=2, d_model=16, n_kv_heads=1, seed=1)).eval()
    with torch.no_grad():
        for p in model.parameters():  # nothing at zero, or all labels would be equally likely
            p.add_(0.2 * torch.randn(p.shape, generator=torch.Generator().manual_seed(2)))
    return model


LABELS = ("negative", "positive")
EXAMPLES = [("dull", 0), ("a joy", 1)]


def test_the_text_by_hand():
    prompt = Prompt(EXAMPLES, LABELS)
    assert prompt.before() == "Review: dull\nSentiment: negative\n\nReview: a joy\nSentiment: positive\n\n"
    assert prompt.question("long") == "Review: long\nSentiment:"
    assert Prompt([], LABELS).before() == ""


@pytest.mark.parametrize("examples", [[], EXAMPLES])
def test_the_examples_read_once_are_as_if_read_for_each_question(model, examples):
    prompt, tokenizer = Prompt(examples, LABELS), Bytes(LABELS)
    texts = ["good", "much too long, and dull", "x"]
    found = label_probabilities(model, tokenizer, prompt, texts, batch_size=2)
    for text, p in zip(texts, found):
        ids = tokenizer.encode(prompt.before() + prompt.question(text))
        with torch.inference_mode():
            whole = model(torch.tensor([ids]))[0, -1].double().softmax(-1)[256:]
        assert p == pytest.approx(whole / whole.sum(), abs=1e-5)
    assert (found[0] - found[1]).abs().max() > 1e-3  # the question counts


def test_labels_must_be_one_token_each(model):
    with pytest.raises(ValueError, match="negative, nice must be one token"):
        label_probabilities(model, Bytes(LABELS), Prompt([], ("negative", "nice")), ["x"])


def test_calibration_by_hand():
    p, empty = torch.tensor([[0.7, 0.3], [0.8, 0.2]]), torch.tensor([0.8, 0.2])
    assert calibrated(p, empty) == pytest.approx(torch.tensor([[0.875 / 2.375, 1.5 / 2.375], [0.5, 0.5]]))
