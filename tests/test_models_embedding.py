"""Word vectors: tables against torch, counts by brute force, PPMI by hand, skip-gram against autograd."""

import math
from collections import Counter

import numpy as np
import pytest
import scipy.sparse
import torch
import torch.nn.functional as F
from torch import nn

from lmlib.models import embedding as module
from lmlib.models.embedding import Embedding, cooccurrence, ids_of, ppmi, svd_vectors, train_skipgram, words_of
from lmlib.text import Vocabulary

# -- from a text to numbers ----------------------------------------------------------------------------------


def test_words_are_runs_of_letters_in_lower_case():
    assert words_of("“Don’t,” said Anna-Lee's aunt – in 1912.") == ["don’t", "said", "anna-lee's", "aunt", "in"]
    assert words_of("Été 狗! _x_ -a- b2b") == ["été", "狗", "x", "a", "b", "b"]
    assert words_of("") == []


def test_words_outside_the_vocabulary_are_left_out():
    vocabulary = Vocabulary(Counter("aabbbc"), unknown=None, min_count=2)
    documents = ids_of([list("abc"), list("cc"), list("ba")], vocabulary)
    assert [ids.tolist() for ids in documents] == [
        [vocabulary.id("a"), vocabulary.id("b")],
        [],
        documents[2].tolist(),
    ]
    assert documents[2].tolist() == documents[0].tolist()[::-1]


# -- an embedding is a row of a table ------------------------------------------------------------------------


def test_one_hot_times_table_is_torchs_lookup_gradients_included():
    torch.manual_seed(0)
    table = torch.randn(7, 3, requires_grad=True)
    layer = nn.Embedding.from_pretrained(table.detach().clone(), freeze=False)
    ids, weights = torch.tensor([[2, 0, 2], [6, 2, 1]]), torch.randn(2, 3, 3)
    product, lookup = F.one_hot(ids, 7).float() @ table, layer(ids)
    (product * weights).sum().backward()
    (lookup * weights).sum().backward()
    torch.testing.assert_close(product, lookup, rtol=0, atol=0)
    torch.testing.assert_close(table.grad, layer.weight.grad)
    assert table.grad[3:6].abs().sum() == 0  # rows never looked up


def test_vector_is_the_lookup_of_torch():
    vectors, words = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32), list("abcde")
    layer = nn.Embedding.from_pretrained(torch.tensor(vectors))
    for row, word in enumerate(words):
        assert np.array_equal(Embedding(vectors, words).vector(word), layer(torch.tensor(row)).numpy())


# -- counting ------------------------------------------------------------------------------------------------


def counted_pair_by_pair(documents, n, window, weight):
    counts = np.zeros((n, n))
    for ids in documents:
        for i, word in enumerate(ids):
            for j, other in enumerate(ids):
                if i != j and abs(i - j) <= window:
                    counts[word, other] += weight(abs(i - j))
    return counts


@pytest.mark.parametrize("weighting, weight", [("flat", lambda d: 1), ("harmonic", lambda d: 1 / d)])
@pytest.mark.parametrize("window", [1, 2, 5, 50])
def test_cooccurrence_by_brute_force(window, weighting, weight):
    rng = np.random.default_rng(window)
    documents = [rng.integers(0, 6, length) for length in (0, 1, 2, 9, 30)]
    counts = cooccurrence(documents, 6, window, weighting)
    assert counts.shape == (6, 6)
    np.testing.assert_allclose(counts.toarray(), counted_pair_by_pair(documents, 6, window, weight))


def test_cooccurrence_stops_at_the_end_of_a_document():
    apart, together = [[0], [1]], [[0, 1]]
    assert cooccurrence(apart, 2).toarray().tolist() == [[0, 0], [0, 0]]
    assert cooccurrence(together, 2).toarray().tolist() == [[0, 1], [1, 0]]
    assert cooccurrence([], 2).toarray().tolist() == [[0, 0], [0, 0]]
    with pytest.raises(ValueError, match="'flat' or 'harmonic', not 'linear'"):
        cooccurrence(together, 2, weighting="linear")


def test_ppmi_worked_out_by_hand():
    """p(w) = 3/4, 1/4; p(c) = 1/2, 1/2; so the ratios are (1/2) / (3/8), (1/4) / (3/8), 0 and (1/4) / (1/8)."""
    counts = np.array([[2, 1], [0, 1]])
    np.testing.assert_allclose(ppmi(counts, 1).toarray(), [[math.log(4 / 3), 0], [0, math.log(2)]])
    np.testing.assert_allclose(ppmi(counts, 1, shift=0.5).toarray(), [[0, 0], [0, math.log(2) - 0.5]])
    # with the power 1/2 the contexts, seen 1 and 4 times, weigh 1/3 and 2/3
    np.testing.assert_allclose(ppmi(np.array([[1, 0], [0, 4]]), 0.5).toarray(), np.diag(np.log([3, 1.5])))


def test_ppmi_by_the_formula_on_random_counts():
    counts = np.random.default_rng(0).poisson(0.7, (8, 8))
    counts[3] = 0  # a word without company
    p = counts / counts.sum()
    contexts = counts.sum(0) ** 0.75 / (counts.sum(0) ** 0.75).sum()
    right = np.zeros((8, 8))
    for i, j in np.argwhere(counts):
        right[i, j] = max(0, math.log(p[i, j] / (p[i].sum() * contexts[j])))
    sparse = ppmi(scipy.sparse.csr_array(counts))
    np.testing.assert_allclose(sparse.toarray(), right, atol=1e-12)
    assert (sparse.data > 0).all()  # nothing is stored that is 0


def test_svd_vectors_give_the_best_matrix_of_that_rank():
    """Eckart and Young: what rank k misses are exactly the squares of the singular values left out."""
    rng = np.random.default_rng(1)
    half = rng.random((9, 9))
    matrix = half @ half.T  # symmetric and positive, so that U S U' is the matrix
    singular = np.linalg.svd(matrix, compute_uv=False)
    for k in (1, 3, 8):
        vectors = svd_vectors(matrix, k).astype(float)
        missed = ((matrix - vectors @ vectors.T) ** 2).sum()
        assert missed == pytest.approx((singular[k:] ** 2).sum(), rel=1e-4, abs=1e-9)
    np.testing.assert_allclose(np.linalg.norm(svd_vectors(matrix, 4, power=1), axis=0), singular[:4], rtol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(svd_vectors(matrix, 4, power=0), axis=0), 1, rtol=1e-5)


def test_svd_vectors_are_the_same_every_time_and_sparse_or_dense():
    matrix = np.random.default_rng(2).poisson(0.5, (12, 12)).astype(float)
    once = svd_vectors(matrix, 4)
    assert once.dtype == np.float32 and once.shape == (12, 4)
    assert np.array_equal(once, svd_vectors(matrix, 4))
    np.testing.assert_allclose(once, svd_vectors(scipy.sparse.csr_array(matrix), 4), atol=1e-6)
    assert (once[np.abs(once).argmax(axis=0), range(4)] > 0).all()  # no direction comes out mirrored


# -- learning ------------------------------------------------------------------------------------------------


def text_with_two_worlds(n=120, seed=0):
    """Words 0 to 4 stand only beside one another, and so do 5 to 9."""
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 5, 30) + 5 * (i % 2) for i in range(n)]


def test_skipgram_goes_down_the_gradient_of_autograd():
    """A text of one block: the random numbers are drawn again, the loss is written pair by pair, torch derives it."""
    ids, n_words, dim, k, lr, epochs = np.array([0, 1, 2, 1, 3, 2]), 5, 3, 4, 0.1, 3
    rng = np.random.default_rng(3)
    v = torch.tensor(rng.uniform(-0.5 / dim, 0.5 / dim, (n_words, dim)), dtype=torch.float32, requires_grad=True)
    u = torch.zeros(n_words, dim, requires_grad=True)
    squares = {v: torch.full((n_words, 1), 1e-8), u: torch.full((n_words, 1), 1e-8)}
    counts, losses = np.bincount(ids, minlength=n_words) ** 0.75, []
    for _ in range(epochs):
        rng.permutation(1), rng.random(len(ids))  # the order of the documents, the words kept: all
        reach = rng.integers(1, 3, len(ids))
        noise = torch.tensor(rng.choice(n_words, module.NOISE_WORDS, p=counts / counts.sum()))
        loss, pairs = torch.zeros(()), 0
        for i, centre in enumerate(ids):
            for j, other in enumerate(ids):
                if i != j and abs(i - j) <= reach[i]:
                    loss = loss - F.logsigmoid(v[centre] @ u[other])
                    loss = loss - k * F.logsigmoid(-(u[noise] @ v[centre])).mean()
                    pairs += 1
        loss.backward()
        losses.append(loss.item() / pairs)
        with torch.no_grad():
            for w in (v, u):  # Adagrad, with one step length for a row
                squares[w] += w.grad.square().mean(1, keepdim=True)
                w -= lr * w.grad / squares[w].sqrt()
                w.grad = None

    said = []
    found = train_skipgram([ids], n_words, dim, window=2, negatives=k, epochs=epochs, lr=lr, subsample=None, seed=3,
                           on_epoch=lambda epoch, loss, _: said.append(loss))  # fmt: skip
    assert said == pytest.approx(losses, rel=1e-5) and said[0] == pytest.approx((1 + k) * math.log(2))
    for ours, theirs in zip(found, (v, u)):
        np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-4, atol=1e-6)


def test_skipgram_tells_two_worlds_apart():
    vectors, _ = train_skipgram(text_with_two_worlds(), 10, dim=8, window=2, epochs=3, subsample=None)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = unit @ unit.T
    assert cosines[:5, :5].min() > 0.9 and cosines[:5, 5:].max() < 0.4


def test_a_seed_fixes_everything_and_threads_are_given_back():
    before = torch.get_num_threads()
    documents = text_with_two_worlds(20)
    one, again, other = (train_skipgram(documents, 10, dim=4, epochs=1, seed=seed) for seed in (0, 0, 1))
    assert all(np.array_equal(a, b) for a, b in zip(one, again))
    assert not np.array_equal(one[0], other[0])
    assert torch.get_num_threads() == before
    assert [w.shape for w in one] == [(10, 4)] * 2 and one[0].dtype == np.float32


def test_progress_of_epochs_is_told():
    said = []
    train_skipgram(text_with_two_worlds(20), 10, dim=4, epochs=3, subsample=None, on_epoch=lambda *f: said.append(f))
    assert [epoch for epoch, _, _ in said] == [0, 1, 2]
    losses = [loss for _, loss, _ in said]
    assert losses == sorted(losses, reverse=True) and 0 < losses[0] < 6 * math.log(2)
    assert not np.array_equal(said[0][2], said[1][2])  # each a copy of its own


# -- asking --------------------------------------------------------------------------------------------------


@pytest.fixture
def royal():
    return Embedding([[3, 0], [3, 4], [-3, 0], [-3, 4], [1, -5]], ["man", "king", "woman", "queen", "river"])


def test_nearest_by_hand(royal):
    assert royal.nearest("man", 2) == [("king", pytest.approx(0.6)), ("river", pytest.approx(1 / math.sqrt(26)))]
    assert [word for word, _ in royal.nearest([0, 2], 2)] == ["king", "queen"]  # equally near: the first comes first
    assert [word for word, _ in royal.nearest("man", 9, exclude=["king"])] == ["river", "queen", "woman"]


def test_analogy_by_hand(royal):
    """king - man + woman = (0.6 - 1 - 1, 0.8) = (-1.4, 0.8), whose cosine with queen (-0.6, 0.8) is 1.48 / √2.6."""
    assert royal.analogy("man", "king", "woman", 1) == [("queen", pytest.approx(1.48 / math.sqrt(2.6)))]
    assert {word for word, _ in royal.analogy("man", "king", "woman")} == {"queen", "river"}


def test_a_vector_of_zeros_is_near_nothing():
    embedding = Embedding(np.array([[0, 0], [1, 0], [0, 1]]), "abc")
    assert [cosine for _, cosine in embedding.nearest("a")] == [0, 0]
    assert embedding.nearest([0, 0], 1) == [("a", 0)]


def test_saved_and_read_again(royal, tmp_path):
    path = tmp_path / "vectors.safetensors"
    odd = Embedding(royal.vectors, ["é", "狗", '"', "a b", "\n"])
    odd.save(path)
    again = Embedding.load(path)
    assert again.words == odd.words and np.array_equal(again.vectors, odd.vectors) and len(again) == 5


def test_errors_are_one_clear_sentence(royal, tmp_path):
    with pytest.raises(ValueError, match=r"^'kin' has no vector among these 5 words: did you mean king\?$"):
        royal.vector("kin")
    with pytest.raises(ValueError, match=r"^'zzz' has no vector among these 5 words: choose one of its words\.$"):
        royal.analogy("man", "king", "zzz")
    with pytest.raises(ValueError, match=r"shape \(2, 3\) do not fit 1 words: give one row a word\.$"):
        Embedding(np.ones((2, 3)), ["a"])
    with pytest.raises(ValueError, match="do not fit"):
        Embedding(np.ones(3), ["a", "b", "c"])
    with pytest.raises(FileNotFoundError, match=r"check the path, or train and save first\.$"):
        Embedding.load(tmp_path / "none.safetensors")
    with pytest.raises(ValueError, match="two words"):
        train_skipgram([[0], [1]], 2)
    with pytest.raises(ValueError, match="two words"):
        train_skipgram([], 2)
    with pytest.raises(FloatingPointError, match=r"overflowed in epoch \d: take a smaller lr than 1e\+30\.$"):
        train_skipgram(text_with_two_worlds(20), 10, epochs=2, lr=1e30)
