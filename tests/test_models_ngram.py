"""The n-gram model against a dictionary of counts, formulas done by hand, and figures measured elsewhere."""

from collections import Counter, defaultdict
from fractions import Fraction

import numpy as np
import pytest
from helpers import shared_data

from lmlib.models.ngram import NGram
from lmlib.text import CharTokenizer

END = 0


class Dictionary:
    """Witten-Bell from the definition, in exact fractions: slow, and with no cleverness that could be wrong."""

    def __init__(self, order, vocab_size, documents):
        self.order, self.vocab_size = order, vocab_size
        self.followers = defaultdict(Counter)
        for ids in documents:
            row = [END, *ids, END]
            for i in range(1, len(row)):
                for n in range(min(order, i + 1)):
                    self.followers[tuple(row[i - n : i])][row[i]] += 1

    def p(self, token, ids):
        p = Fraction(1, self.vocab_size)
        for n in range(min(self.order, len(ids) + 1)):
            counts = self.followers.get(tuple(ids[len(ids) - n :]))
            if counts is None:
                return p
            p = (counts[token] + len(counts) * p) / (counts.total() + len(counts))
        return p


def random_documents(seed, n=40, vocab_size=6):
    generator = np.random.default_rng(seed)
    # Skewed, so that many n-grams repeat and some tokens never occur; empty documents too.
    return [(generator.geometric(0.5, generator.integers(0, 15)) % (vocab_size - 1) + 1).tolist() for _ in range(n)]


@pytest.mark.parametrize("order", [0, 1, 2, 3, 5, 9])
def test_equals_a_dictionary_of_counts(order):
    seen, fresh = random_documents(1), random_documents(2)
    truth = Dictionary(order, 6, seen)
    model = NGram(order, 6, END).fit(seen)
    for ids, log_p in zip(fresh, model.log_probabilities(fresh)):
        row = [END, *ids, END]
        expected = [float(truth.p(row[i], row[:i])) for i in range(1, len(row))]
        assert np.exp(log_p) == pytest.approx(expected, rel=1e-12)
        for i in range(1, len(row) + 1):  # behind an end mark too: a context that nothing ever followed
            expected = [float(truth.p(token, row[:i])) for token in range(6)]
            assert model.next_probabilities(row[:i]) == pytest.approx(expected, rel=1e-12)


def test_witten_bell_by_hand():
    # 1 2 1 1, then the end: 1 was followed by 2, 1 and the end (three types), 2 by 1.
    model = NGram(2, 4, END).fit([[1, 2, 1, 1]])
    unigram = (np.array([1, 3, 1, 0]) + 3 / 4) / (5 + 3)
    assert model.next_probabilities([1]) == pytest.approx((np.array([1, 1, 1, 0]) + 3 * unigram) / 6)
    assert model.next_probabilities([2]) == pytest.approx((np.array([0, 1, 0, 0]) + unigram) / 2)
    assert model.next_probabilities([3]) == pytest.approx(unigram)  # never seen: the shorter context decides
    assert model.next_probabilities([]) == pytest.approx(unigram)


def test_add_one_by_hand():
    model = NGram(2, 4, END, smoothing="add-one").fit([[1, 2, 1, 1]])
    assert model.next_probabilities([1]) == pytest.approx(np.array([2, 2, 2, 1]) / 7)
    assert model.next_probabilities([3]) == pytest.approx(np.full(4, 1 / 4))
    log_p = model.log_probabilities([[1, 3]])[0]
    assert np.exp(log_p) == pytest.approx([2 / 5, 1 / 7, 1 / 4])


@pytest.mark.parametrize("smoothing", ["witten-bell", "add-one"])
def test_probabilities_sum_to_one_and_are_never_zero(smoothing):
    model = NGram(4, 6, END, smoothing).fit(random_documents(3))
    for ids in random_documents(4):
        p = model.next_probabilities([END, *ids])
        assert p.sum() == pytest.approx(1) and p.min() > 0


def test_a_document_does_not_see_the_one_before():
    documents = random_documents(5)
    model = NGram(3, 6, END).fit(documents)
    together = model.log_probabilities(documents)
    for ids, log_p in zip(documents, together):
        assert np.array_equal(model.log_probabilities([ids])[0], log_p)
        assert len(log_p) == len(ids) + 1
    again = NGram(3, 6, END).fit(documents[::-1])
    assert np.array_equal(again.log_probabilities([documents[0]])[0], together[0])


def test_documents_shorter_than_the_order():
    model = NGram(7, 3, END).fit([[1], []])
    assert model.next_probabilities([END]) == pytest.approx((np.array([1, 1, 0]) + 2 * _unigram()) / 4)
    assert len(model.log_probabilities([[1, 2, 1, 2, 1, 2, 1, 2]])[0]) == 9


def _unigram():
    return (np.array([2, 1, 0]) + 2 / 3) / 5


def test_a_large_vocabulary_does_not_overflow():
    size = 50_000
    ids = np.random.default_rng(0).integers(1, size, 2_000).tolist()
    model, truth = NGram(5, size, END).fit([ids]), Dictionary(5, size, [ids])
    row = [END, *ids]
    for i in (1, 4, 1_500):
        assert model.next_probabilities(row[:i])[row[i]] == pytest.approx(float(truth.p(row[i], row[:i])), rel=1e-12)


def test_wrong_input_gets_one_sentence():
    with pytest.raises(ValueError, match="order"):
        NGram(-1, 5, END)
    with pytest.raises(ValueError, match="choose witten-bell or add-one"):
        NGram(2, 5, END, smoothing="kneser-ney")
    with pytest.raises(ValueError, match="at least one"):
        NGram(2, 5, END).fit([])
    with pytest.raises(ValueError, match="the id 5"):
        NGram(2, 5, END).fit([[1, 5]])


def test_tiny_shakespeare():
    """Nats per character on the first 15,000 of the last tenth; the figures are from another implementation."""
    text = shared_data("tinyshakespeare/tinyshakespeare.txt").read_text(encoding="utf-8")
    tokenizer = CharTokenizer.train(text)
    cut = int(0.9 * len(text))
    train, valid = tokenizer.encode(text[:cut]), tokenizer.encode(text[cut : cut + 15_000])
    for order, nats in enumerate([3.357, 2.482, 1.953, 1.636, 1.500, 1.512], start=1):
        model = NGram(order, len(tokenizer), tokenizer.end_id).fit([train])
        assert -model.log_probabilities([valid])[0][:-1].mean() == pytest.approx(nats, abs=0.002)
