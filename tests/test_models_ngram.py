"""The n-gram model against a dictionary of counts, formulas done by hand, and figures measured elsewhere."""

from collections import Counter, defaultdict
from fractions import Fraction

import numpy as np
import pytest
from helpers import shared_data
from scipy.optimize import minimize

from lmlib.models.ngram import NGram
from lmlib.models.smoothing import SMOOTHINGS, best_lambdas, discount
from lmlib.text import CharTokenizer

END = 0


class Dictionary:
    """Every smoothing from its definition, in exact fractions: slow, and with no cleverness that could be wrong."""

    def __init__(self, order, vocab_size, documents, smoothing="witten-bell", lam=Fraction(1, 2)):
        self.order, self.vocab_size, self.smoothing, self.lam = order, vocab_size, smoothing, lam
        self.seen = Counter()  # n-grams of all lengths up to the order, as tuples
        self.before = defaultdict(set)  # which tokens stood before an n-gram
        self.opened = Counter()  # how often an n-gram was the beginning of a document, its mark included
        for ids in documents:
            row = (END, *ids, END)
            for i in range(1, len(row)):
                for first in range(max(0, i - order + 1), i + 1):
                    gram = row[first : i + 1]
                    self.seen[gram] += 1
                    if first == 0:
                        self.opened[gram] += 1
                    else:
                        self.before[gram].add(row[first - 1])
        self.followers = defaultdict(dict)
        for gram in self.seen:
            self.followers[gram[:-1]][gram[-1]] = self.count(gram)

    def count(self, gram):
        if self.smoothing == "kneser-ney" and len(gram) < self.order:
            return len(self.before[gram]) + self.opened[gram]
        return self.seen[gram]

    def discount(self, length):
        counts = [self.count(gram) for gram in self.seen if len(gram) == length]
        n1, n2 = counts.count(1), counts.count(2)
        return Fraction(n1, n1 + 2 * n2) if n1 and n2 else Fraction(1, 2)

    def p(self, token, ids):
        if self.smoothing == "add-one":
            counts = (
                self.followers.get(tuple(ids[len(ids) - self.order + 1 :]), {}) if len(ids) >= self.order - 1 else {}
            )
            return Fraction(counts.get(token, 0) + 1, sum(counts.values()) + self.vocab_size)
        p = Fraction(1, self.vocab_size)
        for n in range(min(self.order, len(ids) + 1)):
            counts = self.followers.get(tuple(ids[len(ids) - n :]))
            if counts is None:
                return p
            count, total, types = counts.get(token, 0), sum(counts.values()), len(counts)
            if self.smoothing == "witten-bell":
                p = (count + types * p) / (total + types)
            elif self.smoothing == "interpolation":
                p = (1 - self.lam) * Fraction(count, total) + self.lam * p
            else:
                d = self.discount(n + 1)
                p = max(count - d, Fraction(0)) / total + d * types / total * p
        return p


def random_documents(seed, n=40, vocab_size=6):
    generator = np.random.default_rng(seed)
    # Skewed, so that many n-grams repeat and some tokens never occur; empty documents too.
    return [(generator.geometric(0.5, generator.integers(0, 15)) % (vocab_size - 1) + 1).tolist() for _ in range(n)]


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
@pytest.mark.parametrize("order", [1, 2, 3, 5, 9])
def test_equals_a_dictionary_of_counts(order, smoothing):
    seen, fresh = random_documents(1), random_documents(2, n=12)
    truth = Dictionary(order, 6, seen, smoothing)
    model = NGram(order, 6, END, smoothing).fit(seen)
    for ids, log_p in zip(fresh, model.log_probabilities(fresh)):
        row = [END, *ids, END]
        expected = [float(truth.p(row[i], row[:i])) for i in range(1, len(row))]
        assert np.exp(log_p) == pytest.approx(expected, rel=1e-12)
        for i in range(1, len(row) + 1):  # behind an end mark too: a context that nothing ever followed
            expected = [float(truth.p(token, row[:i])) for token in range(6)]
            assert model.next_probabilities(row[:i]) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_order_zero_knows_nothing(smoothing):
    model = NGram(0, 6, END, smoothing).fit(random_documents(1))
    assert np.exp(model.log_probabilities([[1, 2]])[0]) == pytest.approx([1 / 6] * 3)
    assert model.next_probabilities([END, 3]) == pytest.approx([1 / 6] * 6)


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


def test_interpolation_by_hand():
    # 1 2 1 1, then the end. One token: 1 three times of 5, 2 and the end once. After 1: 1, 2 and the end, once each.
    model = NGram(2, 4, END, "interpolation", lam=0.25).fit([[1, 2, 1, 1]])
    unigram = 0.75 * np.array([1, 3, 1, 0]) / 5 + 0.25 / 4
    assert model.next_probabilities([1]) == pytest.approx(0.75 * np.array([1, 1, 1, 0]) / 3 + 0.25 * unigram)
    assert model.next_probabilities([3]) == pytest.approx(unigram)
    # All by the counts: what was never seen is impossible.
    unsmoothed = NGram(2, 4, END, "interpolation", lam=0).fit([[1, 2, 1, 1]])
    assert unsmoothed.log_probabilities([[1, 3]])[0].tolist() == [0, -np.inf, pytest.approx(np.log(1 / 5))]


def test_kneser_ney_by_hand():
    # Pairs, with E for the mark: E1, 12, 21, 11, 1E, all once. Before 1 stood E, 2 and 1; before 2 only 1; before E
    # only 1. So the counts of single tokens are E 1, 1 3, 2 1, 3 0. Nothing has the count 2: D is 1/2 everywhere.
    model = NGram(2, 4, END, "kneser-ney").fit([[1, 2, 1, 1]])
    unigram = np.array([0.5 + 0.375, 2.5 + 0.375, 0.5 + 0.375, 0.375]) / 5
    assert model.next_probabilities([3]) == pytest.approx(unigram)
    assert model.next_probabilities([1]) == pytest.approx(np.array([0.5, 0.5, 0.5, 0]) / 3 + 0.5 * unigram)
    assert model.next_probabilities([2]) == pytest.approx(np.array([0, 0.5, 0, 0]) + 0.5 * unigram)
    other = NGram(2, 4, END, "kneser-ney", discount=0.8).fit([[1, 2, 1, 1]])
    unigram = np.array([0.2 + 0.6, 2.2 + 0.6, 0.2 + 0.6, 0.6]) / 5
    assert other.next_probabilities([2]) == pytest.approx(np.array([0, 0.2, 0, 0]) + 0.8 * unigram)


def test_kneser_ney_does_not_expect_francisco_without_san():
    # Token 2 came five times, always after 1; token 3 three times, after 1, 4 and 5.
    documents = [[1, 2], [1, 2], [1, 2], [1, 2], [1, 2], [1, 3], [4, 3], [5, 3]]
    by_count = NGram(2, 7, END, "interpolation").fit(documents).next_probabilities([6])
    by_contexts = NGram(2, 7, END, "kneser-ney").fit(documents).next_probabilities([6])
    assert by_count[2] > by_count[3] and by_contexts[2] < by_contexts[3]


def test_discount_by_hand():
    assert discount(np.array([1, 2, 1, 5, 1, 2])) == 3 / (3 + 2 * 2)
    assert discount(np.array([1, 1, 3])) == discount(np.array([2, 2, 3])) == 0.5


def test_best_lambdas_make_held_out_documents_likeliest():
    """Expectation-maximisation finds what SciPy's general search finds."""
    generator = np.random.default_rng(0)
    documents = []
    for _ in range(80):  # each token is mostly the sum of the two before, so that all levels are of use
        ids = [1, 2]
        while len(ids) < 12:
            ids.append(int((ids[-1] + ids[-2]) % 5 + 1 if generator.random() < 0.7 else generator.integers(1, 6)))
        documents.append(ids)
    train, held_out = documents[:40], documents[40:]

    def nats(lams):
        for level, lam in zip(model.levels, lams):
            level.share = lam
        return -sum(log_p.sum() for log_p in model.log_probabilities(held_out))

    model = NGram(3, 6, END, "interpolation").fit(train, held_out)
    found = [level.share for level in model.levels]
    truth = minimize(nats, [0.5] * 3, bounds=[(0.001, 0.999)] * 3)
    assert nats(found) == pytest.approx(truth.fun, abs=1e-3)
    assert found == pytest.approx(truth.x, abs=0.01)


def test_one_lambda_by_hand():
    # Of four held-out tokens, two are as the counts say for sure, two were never seen. With l for lam, the
    # likelihood (1 - l + l / 4)^2 (l / 4)^2 is largest where (1 - 3 l / 4) l is: at l = 2 / 3.
    lams = best_lambdas(np.array([[1, 1, 0, 0]]), np.ones((1, 4), bool), 1 / 4)
    assert lams == pytest.approx([2 / 3], abs=1e-6)


def test_lambdas_of_contexts_that_are_not_in_held_out_text_stay():
    model = NGram(3, 6, END, "interpolation").fit([[1, 2, 3]], held_out=[[4, 4]])
    assert model.levels[2].share == 0.5
    assert all(0 < level.share < 1 for level in model.levels)


def test_lambdas_stay_finite_where_nothing_needs_smoothing():
    documents = [[1, 2, 3, 4]] * 3
    model = NGram(5, 6, END, "interpolation").fit(documents, held_out=documents)
    assert model.levels[1].share == 0.001  # pairs say all; what is handed to them by longer contexts is as good
    assert np.exp(model.log_probabilities(documents)[0]) == pytest.approx([1] * 5, abs=0.001)
    assert np.isfinite(model.log_probabilities([[5, 5, 1]])[0]).all()


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_probabilities_sum_to_one_and_are_never_zero(smoothing):
    model = NGram(4, 6, END, smoothing).fit(random_documents(3))
    unseen = [[5, 5, 5, 5, 5], [END, END, END], []]
    for ids in random_documents(4) + unseen:
        p = model.next_probabilities([END, *ids])
        assert p.sum() == pytest.approx(1, abs=1e-12) and p.min() > 0


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
    with pytest.raises(ValueError, match="choose one of add-one, interpolation, witten-bell, kneser-ney"):
        NGram(2, 5, END, smoothing="good-turing")
    with pytest.raises(ValueError, match="between 0 and 1"):
        NGram(2, 5, END, "interpolation", lam=1.5)
    with pytest.raises(ValueError, match="between 0 and 1"):
        NGram(2, 5, END, "kneser-ney", discount=-0.1)
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
