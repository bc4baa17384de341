"""The exercises of lesson 02: cosines, table sizes, PPMI, analogies, a faulty embedding, the loss of skip-gram."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.metrics.pairwise import cosine_similarity
from torch import nn

from lmlib.exercises.engine import exercise

# -- cosines of every pair -----------------------------------------------------------------------------------


@exercise(
    minutes=10,
    difficulty=1,
    hints=[
        "If all rows had length 1, the cosines of all pairs would be one matrix product. So make them so first.",
        "lengths = np.linalg.norm(X, axis=1, keepdims=True) has the shape (n, 1); where a length is 0, divide by 1.",
    ],
)
def cosine_matrix(X):
    """The cosine of every pair of rows.

    X: a NumPy array (n, d), one vector a row. Result: (n, n), at [i, j] the cosine of the angle between rows i and j.
    A row of zeros has no direction: its cosine with every row, itself included, is 0.

    cosine_matrix(np.array([[3.0, 4.0], [4.0, 3.0]])) is array([[1.0, 0.96], [0.96, 1.0]])
    """
    lengths = np.linalg.norm(X, axis=1, keepdims=True)  # (n, 1)
    directions = X / np.where(lengths == 0, 1, lengths)  # (n, d)
    return directions @ directions.T


@cosine_matrix.example
def _():
    return (np.array([[3.0, 4.0], [4.0, 3.0]]),), np.array([[1.0, 0.96], [0.96, 1.0]])


@cosine_matrix.example
def _():
    X = np.array([[2.0, 0.0, 0.0], [0.0, 0.0, 0.0], [-1.0, 0.0, 0.0]])
    return (X,), np.array([[1.0, 0.0, -1.0], [0.0, 0.0, 0.0], [-1.0, 0.0, 1.0]])


@cosine_matrix.fresh
def _(rng):
    X = rng.normal(size=(rng.integers(1, 6), rng.integers(1, 5)))
    if rng.random() < 0.3:
        X[rng.integers(len(X))] = 0
    return (X,)


@cosine_matrix.truth
def _(X):
    return cosine_similarity(X)


@cosine_matrix.variant
def pair_by_pair(X):
    n = len(X)
    result = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            lengths = math.sqrt((X[i] ** 2).sum() * (X[j] ** 2).sum())
            result[i, j] = X[i] @ X[j] / lengths if lengths else 0
    return result


@cosine_matrix.misconception(
    "These are dot products. A long vector has large ones with everything; the cosine divides by both lengths."
)
def dot_products(X):
    return X @ X.T


@cosine_matrix.misconception(
    "You divided each column by its length. The vectors are the rows: take the length along axis=1."
)
def lengths_of_columns(X):
    lengths = np.linalg.norm(X, axis=0, keepdims=True)
    directions = X / np.where(lengths == 0, 1, lengths)
    return directions @ directions.T


@cosine_matrix.misconception("A row of zeros gave nan, because 0 was divided by 0. The task says what its cosine is.")
def zero_over_zero(X):
    with np.errstate(invalid="ignore"):
        directions = X / np.linalg.norm(X, axis=1, keepdims=True)
        return directions @ directions.T


@cosine_matrix.misconception(
    "You divided by the length of one of the two vectors only, so that the matrix is not symmetric."
)
def one_length_only(X):
    lengths = np.linalg.norm(X, axis=1, keepdims=True)
    return (X / np.where(lengths == 0, 1, lengths)) @ X.T


@cosine_matrix.misconception("That is 1 minus the cosine, the cosine distance. Asked for is the cosine itself.")
def cosine_distance(X):
    lengths = np.linalg.norm(X, axis=1, keepdims=True)
    directions = X / np.where(lengths == 0, 1, lengths)
    return 1 - directions @ directions.T


# -- the size of a table -------------------------------------------------------------------------------------


@exercise(
    minutes=5,
    difficulty=1,
    hints=[
        "The input table has a row of d numbers for each word. How many numbers has the output layer, a linear layer "
        "from d numbers to one score per word, with its bias?",
        "Tied means that both use the same table. The bias is a vector of its own, and stays.",
    ],
)
def table_parameters(vocab_size, d, tied):
    """The number of parameters that a language model spends on its vocabulary.

    At its input stands an embedding table; at its output a linear layer with a bias, from d numbers to a score for
    each of the vocab_size words. Where `tied` is True, both use the same table (the output layer keeps its bias).

    table_parameters(10, 3, False) is 70
    table_parameters(10, 3, True) is 40
    """
    tables = 1 if tied else 2
    return tables * vocab_size * d + vocab_size


@table_parameters.example
def _():
    return (10, 3, False), 70


@table_parameters.example
def _():
    return (10, 3, True), 40


@table_parameters.fresh
def _(rng):
    return int(rng.integers(2, 200)), int(rng.integers(1, 40)), bool(rng.integers(2))


@table_parameters.truth
def _(vocab_size, d, tied):
    table, output = nn.Embedding(vocab_size, d), nn.Linear(d, vocab_size)
    if tied:
        output.weight = table.weight
    return sum(p.numel() for p in nn.ModuleList([table, output]).parameters())  # a shared one is counted once


@table_parameters.variant
def layer_by_layer(vocab_size, d, tied):
    embedding, bias = vocab_size * d, vocab_size
    return embedding + bias + (0 if tied else embedding)


@table_parameters.misconception(
    "You counted one table. Untied, the output layer has a table of its own, as large as the input's."
)
def always_tied(vocab_size, d, tied):
    return vocab_size * d + vocab_size


@table_parameters.misconception("You forgot the output's bias: one number for each word of the vocabulary.")
def without_the_bias(vocab_size, d, tied):
    return (1 if tied else 2) * vocab_size * d


@table_parameters.misconception(
    "You gave the bias d numbers. The output layer's bias is added to its scores, and there is one for each word."
)
def bias_of_size_d(vocab_size, d, tied):
    return (1 if tied else 2) * vocab_size * d + d


@table_parameters.misconception(
    "You took the one-hot vector for the embedding. A table has d numbers a word, not vocab_size: that is its point."
)
def one_hot_size(vocab_size, d, tied):
    return (1 if tied else 2) * vocab_size * vocab_size + vocab_size


# -- PPMI from counts ----------------------------------------------------------------------------------------


@exercise(
    minutes=15,
    difficulty=2,
    hints=[
        "Sum the counts along each axis and over both. A pair that was never seen has no logarithm: start from a "
        "matrix of zeros, and fill in where counts > 0.",
        "expected = counts.sum(1, keepdims=True) * counts.sum(0, keepdims=True) / counts.sum(). Where counts > 0, "
        "the result is max(0, log(counts / expected)).",
    ],
)
def ppmi_matrix(counts):
    """The positive pointwise mutual information of a table of co-occurrence counts, in nats (natural logarithm).

    counts: a NumPy array (words, contexts) of whole numbers from 0 up, not all 0. Result: floats, of the same shape:
    max(0, log(p(w, c) / (p(w) p(c)))), and 0 where a pair was never seen.

    ppmi_matrix(np.array([[2, 0], [0, 2]])) is array([[0.6931, 0.0], [0.0, 0.6931]]), since log(0.5 / 0.25) = log 2
    """
    words = counts.sum(axis=1, keepdims=True)  # (words, 1)
    contexts = counts.sum(axis=0, keepdims=True)  # (1, contexts)
    expected = words * contexts / counts.sum()  # (words, contexts)
    result = np.zeros(counts.shape)
    seen = counts > 0
    result[seen] = np.log(counts[seen] / expected[seen])
    return np.maximum(result, 0)


@ppmi_matrix.example
def _():
    return (np.array([[2, 0], [0, 2]]),), np.array([[math.log(2), 0.0], [0.0, math.log(2)]])


@ppmi_matrix.example
def _():  # p(w) = 3/4, 1/4; p(c) = 1/2, 1/2
    counts = np.array([[2, 1], [0, 1]])
    return (counts,), np.array([[math.log(4 / 3), 0.0], [0.0, math.log(2)]])


@ppmi_matrix.fresh
def _(rng):
    n = rng.integers(2, 5)
    shape = (n, n) if rng.random() < 0.6 else (n, rng.integers(2, 5))
    counts = rng.poisson(1.5, shape)
    counts[0, -1] += 1  # never all zero
    if rng.random() < 0.2:
        counts[-1] = 0  # a word without any context
        counts[0, 0] += 2
    return (counts,)


@ppmi_matrix.truth
def _(counts):
    total = int(counts.sum())
    result = np.zeros(counts.shape)
    for i, j in np.argwhere(counts):
        p_i, p_j = counts[i].sum() / total, counts[:, j].sum() / total
        result[i, j] = max(0.0, math.log(counts[i, j] / total / (p_i * p_j)))
    return result


@ppmi_matrix.variant
def with_probabilities(counts):
    p = counts / counts.sum()
    independent = np.outer(p.sum(axis=1), p.sum(axis=0))
    ratio = np.divide(p, independent, out=np.ones_like(p), where=p > 0)
    return np.log(np.maximum(ratio, 1))


@ppmi_matrix.misconception(
    "You left the negative values in. That is PMI; the first P of PPMI cuts off everything below 0."
)
def not_clipped(counts):
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True) / counts.sum()
    result = np.zeros(counts.shape)
    result[counts > 0] = np.log(counts[counts > 0] / expected[counts > 0])
    return result


@ppmi_matrix.misconception("Your values are in bits (base 2). The task asks for nats: use np.log.")
def in_bits(counts):
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True) / counts.sum()
    result = np.zeros(counts.shape)
    result[counts > 0] = np.log2(counts[counts > 0] / expected[counts > 0])
    return np.maximum(result, 0)


@ppmi_matrix.misconception(
    "You added 1 to every count to avoid log 0. That changes every value; a pair never seen simply gets 0."
)
def added_one(counts):
    counts = counts + 1
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True) / counts.sum()
    return np.maximum(np.log(counts / expected), 0)


@ppmi_matrix.misconception(
    "Your formula lacks the total: p(w) p(c) divides by it twice and p(w, c) once, so one factor remains. Without it "
    "every logarithm is negative, and everything is cut off."
)
def without_the_total(counts):
    both = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True)
    result = np.zeros(counts.shape)
    result[counts > 0] = np.log(counts[counts > 0] / both[counts > 0])
    return np.maximum(result, 0)


@ppmi_matrix.misconception(
    "You swapped the sums: at row i and column j stands a word i, whose count is the sum of row i, and a context j, "
    "whose count is the sum of column j."
)
def swapped_sums(counts):
    if counts.shape[0] != counts.shape[1]:
        raise ValueError("operands could not be broadcast together")
    expected = counts.sum(axis=0)[:, None] * counts.sum(axis=1)[None, :] / counts.sum()
    result = np.zeros(counts.shape)
    seen = (counts > 0) & (expected > 0)
    result[seen] = np.log(counts[seen] / expected[seen])
    return np.maximum(result, 0)


# -- analogies -----------------------------------------------------------------------------------------------


@exercise(
    minutes=15,
    difficulty=2,
    hints=[
        "Make every vector length 1. The target is the vector of b minus that of a plus that of c. Which of the "
        "other words has the largest cosine with it?",
        "scores = V @ target. Before np.argmax, set scores of a, b and c to -np.inf: they may not be the answer.",
    ],
)
def solve_analogy(V, words, a, b, c):
    """Answer "a is to b as c is to …?" with a word: the one whose cosine with (b - a + c) is largest.

    V: a NumPy array (n, d), the vector of words[i] in row i; no row is 0. words: a list of n different words.
    First make all vectors length 1. The words a, b and c are not allowed as the answer.
    Of two words that are equally near, take the first.

    With the vectors man (3, 0), king (3, 4), woman (-3, 0), queen (-3, 4), river (1, -5):
    solve_analogy(V, words, "man", "king", "woman") is "queen"
    """
    V = V / np.linalg.norm(V, axis=1, keepdims=True)
    i, j, k = words.index(a), words.index(b), words.index(c)
    scores = V @ (V[j] - V[i] + V[k])
    scores[[i, j, k]] = -np.inf
    return words[int(np.argmax(scores))]


@solve_analogy.example
def _():
    V = np.array([[3.0, 0.0], [3.0, 4.0], [-3.0, 0.0], [-3.0, 4.0], [1.0, -5.0]])
    return (V, ["man", "king", "woman", "queen", "river"], "man", "king", "woman"), "queen"


@solve_analogy.fresh
def _(rng):
    words = [
        str(word) for word in rng.permutation(["man", "king", "woman", "queen", "dog", "puppy", "cat", "kitten"])
    ]
    V = rng.normal(size=(len(words), int(rng.integers(2, 5)))) * rng.uniform(0.3, 5, (len(words), 1))
    a, b, c = (str(word) for word in rng.choice(words, 3, replace=False))
    return V, words, a, b, c


@solve_analogy.truth
def _(V, words, a, b, c):
    vector = {word: row / math.sqrt(sum(x * x for x in row)) for word, row in zip(words, V)}
    target = vector[b] - vector[a] + vector[c]
    return max((word for word in words if word not in (a, b, c)), key=lambda word: float(vector[word] @ target))


@solve_analogy.variant
def with_a_loop(V, words, a, b, c):
    vector = dict(zip(words, F.normalize(torch.as_tensor(V), dim=1)))
    target = vector[b] - vector[a] + vector[c]
    best, best_score = None, -math.inf
    for word, v in vector.items():
        score = F.cosine_similarity(v, target, dim=0).item()
        if word not in {a, b, c} and score > best_score:
            best, best_score = word, score
    return best


@solve_analogy.misconception(
    "You let a, b and c be the answer. The nearest word to b - a + c is very often b or c itself; published figures "
    "leave the three out."
)
def inputs_not_excluded(V, words, a, b, c):
    V = V / np.linalg.norm(V, axis=1, keepdims=True)
    return words[int(np.argmax(V @ (V[words.index(b)] - V[words.index(a)] + V[words.index(c)])))]


@solve_analogy.misconception(
    "You left out c only. The word b, too, is nearly always among the nearest, and a may be: leave out all three."
)
def only_c_excluded(V, words, a, b, c):
    V = V / np.linalg.norm(V, axis=1, keepdims=True)
    scores = V @ (V[words.index(b)] - V[words.index(a)] + V[words.index(c)])
    scores[words.index(c)] = -np.inf
    return words[int(np.argmax(scores))]


@solve_analogy.misconception(
    "The sign is turned round: you went from b to a. The way from a to b is b - a, and it starts at c."
)
def sign_turned(V, words, a, b, c):
    V = V / np.linalg.norm(V, axis=1, keepdims=True)
    i, j, k = words.index(a), words.index(b), words.index(c)
    scores = V @ (V[i] - V[j] + V[k])
    scores[[i, j, k]] = -np.inf
    return words[int(np.argmax(scores))]


@solve_analogy.misconception(
    "You took plain dot products. A long vector wins then, whatever its direction; make all vectors length 1 first."
)
def dot_product(V, words, a, b, c):
    i, j, k = words.index(a), words.index(b), words.index(c)
    scores = V @ (V[j] - V[i] + V[k])
    scores[[i, j, k]] = -np.inf
    return words[int(np.argmax(scores))]


@solve_analogy.misconception(
    "You made the vectors length 1 for the comparison, but added and subtracted the long ones: whichever of a, b and "
    "c is longest then decides. Make them length 1 before you do anything else."
)
def target_of_raw_vectors(V, words, a, b, c):
    i, j, k = words.index(a), words.index(b), words.index(c)
    scores = V / np.linalg.norm(V, axis=1, keepdims=True) @ (V[j] - V[i] + V[k])
    scores[[i, j, k]] = -np.inf
    return words[int(np.argmax(scores))]


@solve_analogy.misconception(
    "You took the nearest word to c, and never used a and b. That is the baseline which analogies must beat."
)
def nearest_to_c(V, words, a, b, c):
    V = V / np.linalg.norm(V, axis=1, keepdims=True)
    scores = V @ V[words.index(c)]
    scores[[words.index(word) for word in (a, b, c)]] = -np.inf
    return words[int(np.argmax(scores))]


# -- spot the errors: the article's embedding ----------------------------------------------------------------


@exercise(
    minutes=10,
    difficulty=2,
    hints=[
        "An embedding is a row of a table. What does the table hold there, and what comes out of your function?",
        "The probabilities of one example are over the words. Which dimension of (batch, vocab) sums to 1?",
    ],
)
def embed_and_predict(ids, E, W):
    """Spot the two errors. A popular article writes an embedding as softmax(W e), and its code follows.

    ids: a torch tensor (batch,) of whole numbers. E: the input table (vocab, d). W: the output table (vocab, d).
    Result: two tensors. The embeddings (batch, d): row ids[i] of E. And the probabilities of the next word
    (batch, vocab): the softmax of the dot products of each embedding with every row of W.

    With E = [[1, 0], [0, 2]] and W = [[1, 1], [1, 1]], embed_and_predict(torch.tensor([1]), E, W)
    is ([[0, 2]], [[0.5, 0.5]])
    """
    one_hot = F.one_hot(ids, num_classes=len(E)).to(E.dtype)  # (batch, vocab)
    e = one_hot @ E  # (batch, d)
    return e, torch.softmax(e @ W.T, dim=1)  # (batch, vocab)


@embed_and_predict.start
def _(ids, E, W):
    one_hot = F.one_hot(ids, num_classes=len(E)).to(E.dtype)  # (batch, vocab)
    e = torch.softmax(one_hot @ E, dim=1)  # (batch, d)
    return e, torch.softmax(e @ W.T, dim=0)  # (batch, vocab)


@embed_and_predict.example
def _():
    E, W = torch.tensor([[1.0, 0.0], [0.0, 2.0]]), torch.ones(2, 2)
    return (torch.tensor([1]), E, W), (torch.tensor([[0.0, 2.0]]), torch.tensor([[0.5, 0.5]]))


@embed_and_predict.fresh
def _(rng):
    vocab, d = rng.integers(2, 7), rng.integers(1, 5)
    ids = torch.as_tensor(rng.integers(0, vocab, rng.integers(1, 5)))
    return ids, *(torch.as_tensor(rng.normal(size=(vocab, d)), dtype=torch.float32) for _ in range(2))


@embed_and_predict.truth
def _(ids, E, W):
    table, output = nn.Embedding.from_pretrained(E), nn.Linear(E.shape[1], len(E), bias=False)
    with torch.no_grad():
        output.weight.copy_(W)
        e = table(ids)
        return e, F.cross_entropy(
            output(e).repeat_interleave(len(E), 0), torch.arange(len(E)).repeat(len(ids)), reduction="none"
        ).neg().exp().reshape(len(ids), len(E))


@embed_and_predict.variant
def by_lookup(ids, E, W):
    e = E[ids]
    scores = e @ W.T
    weights = torch.exp(scores - scores.amax(dim=1, keepdim=True))
    return e, weights / weights.sum(dim=1, keepdim=True)


@embed_and_predict.misconception(
    "Your embedding is still a softmax: every number of it is positive and they sum to 1, so that no two words could "
    "ever point in opposite directions. The row of the table is the embedding, as it stands."
)
def softmax_in_the_embedding(ids, E, W):
    e = torch.softmax(E[ids], dim=1)
    return e, torch.softmax(e @ W.T, dim=1)


@embed_and_predict.misconception(
    "The probabilities sum to 1 over the batch, so that one prediction depends on its neighbours. They must sum "
    "to 1 over the words: dim=1."
)
def softmax_over_the_batch(ids, E, W):
    e = E[ids]
    return e, torch.softmax(e @ W.T, dim=0)


@embed_and_predict.misconception(
    "Your embedding is right, but now the output has no softmax at all: dot products are scores, not probabilities."
)
def no_softmax_at_all(ids, E, W):
    return E[ids], E[ids] @ W.T


@embed_and_predict.misconception(
    "You compared the embedding with the rows of E. Here the output has a table of its own, W (with W = E the tables "
    "would be tied)."
)
def tied_by_mistake(ids, E, W):
    return E[ids], torch.softmax(E[ids] @ E.T, dim=1)


# -- the loss of skip-gram, and its gradient -----------------------------------------------------------------


@exercise(
    minutes=25,
    difficulty=3,
    hints=[
        "log σ(s) has the derivative 1 - σ(s), and log σ(-s) has -σ(s). Write the loss, then one gradient at a time.",
        "With p = σ(u · v) and q = σ(N v), of shape (k,): the gradient for v is (p - 1) u + Nᵀ q, for u it is "
        "(p - 1) v, for the rows of N it is the outer product of q and v.",
    ],
)
def skipgram_loss(v, u, N):
    """The loss of one pair in skip-gram with negative sampling, and its gradients.

    v: NumPy array (d,), the vector of the centre word. u: (d,), the context vector of the word that was there.
    N: (k, d), the context vectors of k words drawn by lot. The loss is
    -log σ(u · v) - (the sum over the rows n of N of) log σ(-n · v), in nats, with σ(x) = 1 / (1 + exp(-x)).
    Result: (loss, its gradient for v (d,), for u (d,), for N (k, d)).

    With v = [0.0], u = [1.0], N = [[2.0]] it is (2 log 2, [0.5], [0.0], [[0.0]]):
    both σ are 0.5, and the gradient for v is (0.5 - 1) · 1 + 0.5 · 2 = 0.5
    """
    p = 1 / (1 + np.exp(-(u @ v)))  # should be 1
    q = 1 / (1 + np.exp(-(N @ v)))  # (k,): should be 0
    loss = -np.log(p) - np.log(1 - q).sum()
    return loss, (p - 1) * u + q @ N, (p - 1) * v, np.outer(q, v)


@skipgram_loss.example
def _():
    right = 2 * math.log(2), np.array([0.5]), np.array([0.0]), np.array([[0.0]])
    return (np.array([0.0]), np.array([1.0]), np.array([[2.0]])), right


@skipgram_loss.fresh
def _(rng):
    d, k = rng.integers(1, 5), rng.integers(1, 5)
    return rng.normal(size=d), rng.normal(size=d), rng.normal(size=(k, d))


@skipgram_loss.truth
def _(v, u, N):
    v, u, N = (torch.tensor(x, requires_grad=True) for x in (v, u, N))
    loss = -F.logsigmoid(u @ v) - F.logsigmoid(-(N @ v)).sum()
    loss.backward()
    return loss.item(), v.grad.numpy(), u.grad.numpy(), N.grad.numpy()


@skipgram_loss.variant
def row_by_row(v, u, N):
    error = 1 / (1 + np.exp(-(u @ v))) - 1
    loss, for_v, for_N = np.log1p(np.exp(-(u @ v))), error * u, np.zeros(N.shape)
    for i, n in enumerate(N):
        q = 1 / (1 + np.exp(-(n @ v)))
        loss += np.log1p(np.exp(n @ v))
        for_v = for_v + q * n
        for_N[i] = q * v
    return loss, for_v, error * v, for_N


@skipgram_loss.misconception(
    "You used log σ(n · v) for the drawn words, as for the real one, so that they are pulled near. They must be "
    "pushed away: log σ(-n · v)."
)
def negatives_pulled(v, u, N):
    p, q = 1 / (1 + np.exp(-(u @ v))), 1 / (1 + np.exp(-(N @ v)))
    return -np.log(p) - np.log(q).sum(), (p - 1) * u + (q - 1) @ N, (p - 1) * v, np.outer(q - 1, v)


@skipgram_loss.misconception(
    "You took the mean over the drawn words. The loss has their sum: each counts as much as the real one."
)
def mean_of_negatives(v, u, N):
    p, q, k = 1 / (1 + np.exp(-(u @ v))), 1 / (1 + np.exp(-(N @ v))), max(len(N), 1)
    return -np.log(p) - np.log(1 - q).sum() / k, (p - 1) * u + q @ N / k, (p - 1) * v, np.outer(q, v) / k


@skipgram_loss.misconception(
    "Your gradients have the wrong sign. They belong to the objective that the paper makes large; the loss is minus "
    "that, and is made small."
)
def gradient_of_the_objective(v, u, N):
    p, q = 1 / (1 + np.exp(-(u @ v))), 1 / (1 + np.exp(-(N @ v)))
    return -np.log(p) - np.log(1 - q).sum(), (1 - p) * u - q @ N, (1 - p) * v, -np.outer(q, v)


@skipgram_loss.misconception(
    "For the real word you used p where the derivative gives p - 1: the gradient must vanish when p is 1, not when "
    "it is 0."
)
def error_without_target(v, u, N):
    p, q = 1 / (1 + np.exp(-(u @ v))), 1 / (1 + np.exp(-(N @ v)))
    return -np.log(p) - np.log(1 - q).sum(), p * u + q @ N, p * v, np.outer(q, v)


@skipgram_loss.misconception(
    "The gradient for v lacks what comes from the drawn words: v stands in every term of the loss."
)
def v_only_from_the_real_word(v, u, N):
    p, q = 1 / (1 + np.exp(-(u @ v))), 1 / (1 + np.exp(-(N @ v)))
    return -np.log(p) - np.log(1 - q).sum(), (p - 1) * u, (p - 1) * v, np.outer(q, v)
