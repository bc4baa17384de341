"""The ruler, measured: against entropies known beforehand, calculations by hand, and one token at a time."""

import math

import numpy as np
import pytest
import torch

from lmlib import metrics
from lmlib.models.gpt import GPT, GPTConfig
from lmlib.models.ngram import NGram
from lmlib.text import BPETokenizer, CharTokenizer, WordTokenizer

# A language of five texts. Its entropy is 15/8 bits for each text, whatever one calls a token.
LANGUAGE = {"the cat sat": 1 / 2, "the cats": 1 / 4, "sat, the rat": 1 / 8, "那只猫坐着": 1 / 16, "那只": 1 / 16}
TEXTS = list(LANGUAGE)
TOKENIZERS = {
    "char": CharTokenizer.train(TEXTS),
    "word": WordTokenizer.train(TEXTS),
    "spelled": WordTokenizer.train(TEXTS, min_count=2),
    "bytes": BPETokenizer.train(TEXTS, 257),
    "bpe": BPETokenizer.train(TEXTS, 275),
}


class Oracle:
    """Knows the probability of every whole text of a language, and from that the law of every next token."""

    def __init__(self, language, tokenizer):
        end = tokenizer.end_id
        self.rows = [([end, *tokenizer.encode(text), end], p) for text, p in language.items()]
        self.vocab_size = len(tokenizer)

    def next_probabilities(self, ids):
        mass = np.zeros(self.vocab_size)
        for row, p in self.rows:
            if row[: len(ids)] == list(ids):
                mass[row[len(ids)]] += p
        return mass / mass.sum() if mass.any() else np.full(self.vocab_size, 1 / self.vocab_size)


class Recurrent(torch.nn.Module):
    """A model without a context: it reads all there is."""

    def __init__(self, vocab_size):
        super().__init__()
        generator = torch.Generator().manual_seed(7)
        self.weight = torch.nn.Parameter(torch.randn(vocab_size, vocab_size, generator=generator))

    def forward(self, ids):
        weights = 0.9 ** torch.arange(ids.size(1))
        seen = torch.nn.functional.one_hot(ids, len(self.weight)).float()
        return (seen * weights[:, None]).cumsum(1) @ self.weight


def random_gpt(vocab_size, context, seed=1, dropout=0.0):
    model = GPT(GPTConfig(vocab_size, context, n_layers=2, n_heads=2, d_model=16, dropout=dropout)).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in model.parameters():
            p.normal_(std=0.5, generator=generator)
    return model


# -- bits per character -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_who_knows_the_truth_scores_the_entropy_with_any_tokenizer(kind):
    tokenizer = TOKENIZERS[kind]
    oracle = Oracle(LANGUAGE, tokenizer)
    sample = [text for text, p in LANGUAGE.items() for _ in range(round(16 * p))]  # as often as it is likely
    entropy = sum(-p * math.log2(p) for p in LANGUAGE.values())
    characters = sum(p * (len(text) + 1) for text, p in LANGUAGE.items())
    assert entropy == 15 / 8
    assert metrics.bits_per_character(oracle, tokenizer, sample) == pytest.approx(entropy / characters)
    for text, p in LANGUAGE.items():
        (nats,) = metrics.token_nats(oracle, tokenizer, [text])
        assert metrics.bits(nats.sum()) == pytest.approx(-math.log2(p))
        assert len(nats) == len(tokenizer.encode(text)) + 1


def test_independent_letters_by_hand():
    # a with 1/2, b with 1/4, the end with 1/4: "aab" and its end cost 1 + 1 + 2 + 2 bits for 4 characters
    tokenizer = CharTokenizer.train("ab")
    a, b = tokenizer.encode("ab")

    class Letters:
        def next_probabilities(self, ids):
            p = np.zeros(len(tokenizer))
            p[[a, b, tokenizer.end_id]] = 1 / 2, 1 / 4, 1 / 4
            return p

    assert metrics.bits_per_character(Letters(), tokenizer, ["aab"]) == pytest.approx(6 / 4)
    assert metrics.bits_per_character(Letters(), tokenizer, [""]) == pytest.approx(2)


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_an_untrained_gpt_wavers_among_all_tokens(kind):
    tokenizer = TOKENIZERS[kind]
    model = GPT(GPTConfig(len(tokenizer), 64, 2, 2, 16))
    n_tokens = sum(len(tokenizer.encode(text)) + 1 for text in TEXTS)
    expected = n_tokens * math.log2(len(tokenizer)) / sum(len(text) + 1 for text in TEXTS)
    assert metrics.bits_per_character(model, tokenizer, TEXTS) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("kind", ["char", "bpe"])
@pytest.mark.parametrize("batch_size", [1, 2, 16])
def test_padded_batches_equal_one_token_at_a_time(kind, batch_size):
    tokenizer = TOKENIZERS[kind]
    documents = ["", "the cat sat", "a", "那只猫坐着 the cats", "sat sat sat sat"] if kind == "bpe" else TEXTS
    for model in (random_gpt(len(tokenizer), 64), Recurrent(len(tokenizer))):
        found = metrics.token_nats(model, tokenizer, documents, batch_size)
        for text, nats in zip(documents, found):
            row = [tokenizer.end_id, *tokenizer.encode(text), tokenizer.end_id]
            with torch.no_grad():
                laws = [model(torch.tensor([row[:i]]))[0, -1].log_softmax(-1) for i in range(1, len(row))]
            assert nats == pytest.approx([-float(law[i]) for law, i in zip(laws, row[1:])], abs=1e-4)


@pytest.mark.parametrize("context", [1, 2, 3, 4, 7, 16])
def test_windows_count_every_token_once_with_half_a_context(context):
    for length in range(2, 60):
        counted = []
        for start, first in metrics.windows(length, context):
            places = range(first, min(start + context + 1, length))
            assert places and all(1 <= place - start <= context for place in places)  # it fits, and it reads some
            assert all(place - start >= min(place, context / 2) for place in places)
            counted += places
        assert counted == list(range(1, length))


@pytest.mark.parametrize("context", [1, 5, 8])
def test_long_documents_are_read_in_windows(context):
    tokenizer = TOKENIZERS["char"]
    model, text = random_gpt(len(tokenizer), context), "the cat sat, the rat sat, the cats"
    row = [tokenizer.end_id, *tokenizer.encode(text), tokenizer.end_id]
    expected = []
    for start, first in metrics.windows(len(row), context):
        for place in range(first, min(start + context + 1, len(row))):
            expected.append(-math.log(model.next_probabilities(row[start:place])[row[place]]))
    for batch_size in (1, 3):
        (nats,) = metrics.token_nats(model, tokenizer, [text], batch_size)
        assert nats == pytest.approx(expected, abs=1e-4)


def test_counted_models_are_measured_alike_by_both_ways():
    tokenizer = TOKENIZERS["bpe"]
    model = NGram(3, len(tokenizer), tokenizer.end_id).fit([tokenizer.encode(text) for text in TEXTS[:3]])

    class Slow:
        next_probabilities = model.next_probabilities

    fast, slow = (metrics.bits_per_character(m, tokenizer, TEXTS) for m in (model, Slow()))
    assert fast == pytest.approx(slow)


def test_measuring_drops_nothing_out_and_leaves_the_model_as_it_was():
    tokenizer = TOKENIZERS["char"]
    model = random_gpt(len(tokenizer), 8, dropout=0.5)
    bits = metrics.bits_per_character(model, tokenizer, TEXTS)
    assert metrics.bits_per_character(model.train(), tokenizer, TEXTS) == bits
    assert model.training and all(p.grad is None for p in model.parameters())


def test_what_would_flatter_the_model_is_refused():
    tokenizer = WordTokenizer.train(TEXTS, unknown="token")
    with pytest.raises(ValueError, match="does not give this text back"):
        metrics.bits_per_character(Oracle(LANGUAGE, tokenizer), tokenizer, ["the dog"])
    for nothing in ([], "a text"):
        with pytest.raises(ValueError, match="list of documents"):
            metrics.bits_per_character(Oracle(LANGUAGE, tokenizer), tokenizer, nothing)


def test_units():
    assert metrics.bits(math.log(2)) == pytest.approx(1)
    assert metrics.perplexity(math.log(8)) == pytest.approx(8)


# -- calibration --------------------------------------------------------------------------------------------


def test_calibration_by_hand():
    said = [0.1, 0.2, 0.15, 0.8, 0.9, 1.0, 0.6]
    hits = [False, True, False, True, True, False, True]
    # Two bins. Up to 0.5: said 0.15 on average, seen 1/3. Above: said 0.825, seen 3/4.
    mean, share, count = metrics.reliability(said, hits, bins=2)
    assert mean == pytest.approx([0.15, 0.825])
    assert share == pytest.approx([1 / 3, 3 / 4])
    assert count.tolist() == [3, 4]
    expected = 3 / 7 * (1 / 3 - 0.15) + 4 / 7 * (0.825 - 3 / 4)
    assert metrics.expected_calibration_error(said, hits, bins=2) == pytest.approx(expected)


def test_bins_hold_their_upper_end():
    mean, _, count = metrics.reliability([0.0, 0.25, 0.26, 0.5, 0.75, 1.0], [1] * 6, bins=4)
    assert count.tolist() == [2, 2, 1, 1]
    assert mean == pytest.approx([0.125, 0.38, 0.75, 1.0])


def test_calibration_error_tells_honest_from_boastful():
    generator = np.random.default_rng(3)
    said = generator.random(20_000)
    assert metrics.expected_calibration_error(said, generator.random(20_000) < said) < 0.02
    boast = metrics.expected_calibration_error(said, generator.random(20_000) < said**2)
    assert boast == pytest.approx(1 / 6, abs=0.02)  # the mean of p - p^2


def test_calibration_refuses_what_is_no_probability():
    with pytest.raises(ValueError, match="between 0 and 1"):
        metrics.reliability([1.2], [True])
    with pytest.raises(ValueError, match="between 0 and 1"):
        metrics.reliability([float("nan")], [True])
    for hits in ([True, False], [[True]], []):
        with pytest.raises(ValueError, match="one truth value"):
            metrics.reliability([0.5] if hits else [], hits)
