"""Word vectors: counted (co-occurrence, PPMI, SVD) or learnt (skip-gram with negative sampling), and asked.

documents = [words_of(text) for text in texts]
vocabulary = Vocabulary(Counter(chain(*documents)), unknown=None, min_count=5)
ids = ids_of(documents, vocabulary)
vectors, _ = train_skipgram(ids, len(vocabulary))
Embedding(vectors, list(vocabulary)).nearest("cat")
"""

import difflib
import json
import re
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import safetensors
import scipy.sparse
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file
from tqdm.auto import tqdm

# -- from a text to numbers ----------------------------------------------------------------------------------

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")


def words_of(text):
    """The words of a text, in order and in lower case: runs of letters, with ' or - only inside a word."""
    return _WORD.findall(text.lower())


def ids_of(documents, vocabulary):
    """Each list of words as an array of ids; words that the vocabulary lacks are left out, as word2vec does."""
    return [np.array([vocabulary.id(word) for word in words if word in vocabulary], np.int64) for words in documents]


# -- counting ------------------------------------------------------------------------------------------------


def cooccurrence(documents_ids, vocab_size, window=5, weighting="flat"):
    """How often word j stood within `window` words of word i: a symmetric sparse array (vocab, vocab)."""
    weights = {"flat": lambda d: 1.0, "harmonic": lambda d: 1 / d}
    if weighting not in weights:
        raise ValueError(f"weighting is 'flat' or 'harmonic', not {weighting!r}")
    ids, document = _flat(documents_ids)
    counts = scipy.sparse.csr_array((vocab_size, vocab_size))
    for d in range(1, window + 1):
        near = document[d:] == document[:-d]
        left, right = ids[:-d][near], ids[d:][near]
        seen = scipy.sparse.coo_array((np.full(len(left), weights[weighting](d)), (left, right)), counts.shape)
        counts = counts + seen.tocsr()
    return (counts + counts.T).tocsr()


def _flat(documents_ids):
    """All ids in one array, and for each the number of its document."""
    lengths = [len(ids) for ids in documents_ids]
    ids = np.concatenate([np.asarray(ids, np.int64) for ids in documents_ids]) if lengths else np.zeros(0, np.int64)
    return ids, np.repeat(np.arange(len(lengths)), lengths)


def ppmi(counts, context_power=0.75, shift=0.0):
    """Positive pointwise mutual information of a table of counts, in nats: max(0, PMI - shift), sparse."""
    counts = scipy.sparse.coo_array(counts)
    words = np.asarray(counts.sum(axis=1)).ravel()
    contexts = np.asarray(counts.sum(axis=0)).ravel() ** context_power
    pmi = np.log(counts.data * contexts.sum() / (words[counts.row] * contexts[counts.col])) - shift
    kept = pmi > 0
    return scipy.sparse.csr_array((pmi[kept], (counts.row[kept], counts.col[kept])), counts.shape)


def svd_vectors(matrix, dim, power=0.5):
    """The `dim` strongest directions of a table, as vectors U S^power: (vocab, dim)."""
    start = np.random.default_rng(0).standard_normal(min(matrix.shape))
    u, s, _ = scipy.sparse.linalg.svds(scipy.sparse.csr_array(matrix, dtype=float), k=dim, v0=start)
    u, s = u[:, ::-1], s[::-1]
    signs = np.sign(u[np.abs(u).argmax(axis=0), np.arange(dim)])
    return (u * signs * s**power).astype(np.float32)


# -- learning ------------------------------------------------------------------------------------------------

BLOCK = 128  # centre words learnt from at once
NOISE_WORDS = 128  # noise words drawn for each block


@contextmanager
def _one_thread():
    """A block is too small to be shared out: on a busy machine two threads wait for each other ten times as long."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@torch.inference_mode()
@_one_thread()
def train_skipgram(
    documents_ids,
    vocab_size,
    dim=50,
    window=5,
    negatives=5,
    epochs=5,
    lr=0.2,
    subsample=1e-3,
    seed=0,
    progress=False,
    on_epoch=None,
):
    """Skip-gram with negative sampling: (W_in, W_out), two arrays (vocab_size, dim); the word vectors are W_in.

    Each word w is to tell the words c near it from noise words n (Mikolov et al. 2013b, equation 4):

        loss = -log sigmoid(v_w . u_c) - negatives * mean over n of log sigmoid(-v_w . u_n)        in nats

    where v is a row of W_in and u one of W_out. n is drawn in proportion to count^0.75. As in word2vec, each centre
    has a window of its own, drawn from 1 ... `window`, and a word of frequency f is kept with probability
    sqrt(subsample / f) + subsample / f (None: all are kept). Two things differ. word2vec learns pair by pair; here
    all pairs of a block of text share their noise words, so that one product of matrices holds every score of the
    block. And its step falls in a straight line; ours is Adagrad's.

    documents_ids: one list or array of ids for each document. progress: show a bar. on_epoch: called after each
    epoch with (epoch, mean loss of a pair, W_in so far). Raises ValueError where no two words are near each other,
    and FloatingPointError where `lr` is so large that the vectors overflow.
    """
    if max(map(len, documents_ids), default=0) < 2:
        raise ValueError("No two words are near each other: give documents of two words or more.")
    ids, document = _flat(documents_ids)
    counts = np.bincount(ids, minlength=vocab_size)
    noise = counts**0.75 / (counts**0.75).sum()
    ratio = np.inf if subsample is None else subsample * len(ids) / np.maximum(counts, 1)
    keep = np.minimum(1, np.sqrt(ratio) + ratio) * np.ones(vocab_size)

    distance = (torch.arange(BLOCK)[:, None] + window - torch.arange(BLOCK + 2 * window)).abs()
    distance[distance == 0] = window + 1  # a word is not its own neighbour

    rng = np.random.default_rng(seed)
    w_in = torch.from_numpy(rng.uniform(-0.5 / dim, 0.5 / dim, (vocab_size, dim)).astype(np.float32))
    w_out = torch.zeros(vocab_size, dim)
    squares_in, squares_out = torch.full((2, vocab_size, 1), 1e-8)
    for epoch in tqdm(range(epochs), disable=not progress, unit="epoch"):
        kept = _reordered(document, rng)
        kept = kept[rng.random(len(kept)) < keep[ids[kept]]]
        padded, inside = (torch.from_numpy(np.pad(x[kept], window, constant_values=-1)) for x in (ids, document))
        reach = torch.from_numpy(rng.integers(1, window + 1, len(kept)))
        drawn = torch.from_numpy(rng.choice(vocab_size, NOISE_WORDS * (len(kept) // BLOCK + 1), p=noise))
        total, n_pairs = 0.0, 0
        for at in range(0, len(kept), BLOCK):
            centres = slice(at + window, min(at + BLOCK, len(kept)) + window)
            around = slice(at, centres.stop + window)  # the centres, and `window` places on both sides
            c, o = padded[centres], padded[around].clamp(min=0)
            n = drawn[at * NOISE_WORDS // BLOCK :][:NOISE_WORDS]

            near = distance[: len(c), : len(o)] <= reach[at : at + BLOCK, None]
            near &= inside[centres, None] == inside[around]
            weight = near.sum(1, keepdim=True) * (negatives / NOISE_WORDS)  # of a noise word, for each centre

            v, u = w_in[c], w_out[torch.cat((o, n))]  # (block, dim), (around + noise, dim)
            scores = v @ u.T  # (block, around + noise)
            slope = torch.sigmoid(scores)  # of the loss, for each score
            slope[:, : len(o)].sub_(1).mul_(near)
            slope[:, len(o) :].mul_(weight)
            _adagrad(w_in, squares_in, c, slope @ u, lr)
            _adagrad(w_out, squares_out, torch.cat((o, n)), slope.T @ v, lr)
            if on_epoch is not None:
                total += float((F.softplus(-scores[:, : len(o)]) * near).sum())
                total += float((F.softplus(scores[:, len(o) :]) * weight).sum())
                n_pairs += int(near.sum())
        if not torch.isfinite(w_in).all():
            raise FloatingPointError(f"The vectors overflowed in epoch {epoch + 1}: take a smaller lr than {lr}.")
        if on_epoch is not None:
            on_epoch(epoch, total / max(n_pairs, 1), w_in.numpy().copy())
    return w_in.numpy(), w_out.numpy()


def _adagrad(w, squares, rows, gradients, lr):
    """One step of Adagrad (Duchi et al. 2011) for the rows that a block touched, with one step length for a row.

    A word that stands often in a block gets a large sum of gradients, and a small step for each.
    """
    rows, place = rows.unique(return_inverse=True)
    g = torch.zeros(len(rows), w.shape[1]).index_add_(0, place, gradients)
    squares[rows] += g.square().mean(1, keepdim=True)
    w[rows] -= lr * g / squares[rows].sqrt()


def _reordered(document, rng):
    """The places of all words, documents in random order, the words inside each in theirs."""
    order = rng.permutation(document[-1] + 1 if len(document) else 0)
    return np.argsort(order[document], kind="stable")


# -- asking --------------------------------------------------------------------------------------------------


class Embedding:
    """A vector for every word: `vectors` (n_words, dim), and the `words` in the same order."""

    def __init__(self, vectors, words):
        vectors = np.asarray(vectors, np.float32)
        words = list(words)
        if vectors.ndim != 2 or len(vectors) != len(words):
            raise ValueError(f"vectors of shape {vectors.shape} do not fit {len(words)} words: give one row a word.")
        self.vectors, self.words = vectors, words
        self.index = {word: row for row, word in enumerate(words)}
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        self.unit = vectors / np.maximum(lengths, 1e-12)  # (n_words, dim), each of length 1

    def row(self, word):
        """The number of a word's row. Raises ValueError, with words spelt alike, for a word that has none."""
        if word not in self.index:
            alike = difflib.get_close_matches(str(word), self.words, n=3)
            hint = f"did you mean {', '.join(alike)}?" if alike else "choose one of its words."
            raise ValueError(f"{word!r} has no vector among these {len(self.words):,} words: {hint}")
        return self.index[word]

    def vector(self, word):
        """The vector of a word, (dim,)."""
        return self.vectors[self.row(word)]

    def nearest(self, word_or_vector, k=10, exclude=()):
        """The k words whose vectors point most nearly its way: [(word, cosine), ...], without the word itself."""
        left_out = [self.row(word) for word in exclude]
        if isinstance(word_or_vector, str):
            left_out.append(self.row(word_or_vector))
            query = self.vector(word_or_vector)
        else:
            query = np.asarray(word_or_vector, np.float32)
        cosines = self.unit @ (query / max(np.linalg.norm(query), 1e-12))
        cosines[left_out] = -np.inf
        best = np.argsort(-cosines, kind="stable")[:k]
        return [(self.words[row], float(cosines[row])) for row in best if cosines[row] > -np.inf]

    def analogy(self, a, b, c, k=5):
        """a is to b as c is to what? The words nearest to b - a + c (unit vectors), a, b and c left out."""
        target = self.unit[self.row(b)] - self.unit[self.row(a)] + self.unit[self.row(c)]
        return self.nearest(target, k, exclude=(a, b, c))

    def save(self, path):
        """Write one safetensors file; the words stand in its header, as JSON."""
        save_file({"vectors": self.vectors}, path, metadata={"words": json.dumps(self.words)})

    @classmethod
    def load(cls, path):
        """Read what `save` wrote."""
        if not Path(path).is_file():
            raise FileNotFoundError(f"There is no file {path}: check the path, or train and save first.")
        with safetensors.safe_open(path, "numpy") as file:
            return cls(file.get_tensor("vectors"), json.loads(file.metadata()["words"]))

    def __len__(self):
        return len(self.words)

    def __contains__(self, word):
        return word in self.index
