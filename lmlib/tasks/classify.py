"""Classifiers of texts with one face: `logits(texts)`, `probabilities(texts)`, `contributions(text)`.

`Counted` counts runs of words and weighs them (logistic regression), `Neural` reads them with a `TextClassifier`.
"""

from collections import Counter

import numpy as np
import torch
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from lmlib.models.classifier import ClassifierConfig, LabelledBatches, TextClassifier, label_loss
from lmlib.text.vocabulary import Vocabulary
from lmlib.training import fit

from .sentiment import words as all_words

PAD = "<pad>"


def sigmoid(x):
    """1 / (1 + e^-x), without overflow."""
    return 0.5 * (1 + np.tanh(0.5 * np.asarray(x, dtype=float)))


def runs(found, n):
    """All runs of 1 to n neighbouring words, as strings."""
    return [" ".join(found[i : i + size]) for size in range(1, n + 1) for i in range(len(found) - size + 1)]


class Classifier:
    """What both have in common. words: function of a text, gives its words."""

    words = staticmethod(all_words)

    def logits(self, texts):
        raise NotImplementedError

    def probabilities(self, texts):
        """The probability of label 1 for each text, an array."""
        return sigmoid(self.logits(texts))

    def knows(self, word):
        """Was this word in the training texts (often enough)?"""
        raise NotImplementedError

    def contributions(self, text):
        """(words, how much each moves the logit): above 0 towards praise."""
        raise NotImplementedError


class Counted(Classifier):
    """Logistic regression on the counts of runs of up to n words; C: scikit-learn's, less holds weights smaller."""

    def __init__(self, n=1, C=1.0, words=all_words, min_count=1):
        self.n, self.words = n, words
        self.counter = CountVectorizer(analyzer=lambda text: runs(self.words(text), n), min_df=min_count)
        self.regression = LogisticRegression(C=C, max_iter=2000)

    def fit(self, texts, labels):
        self.regression.fit(self.counter.fit_transform(texts), labels)
        self.weights = dict(zip(self.counter.get_feature_names_out(), self.regression.coef_[0]))
        self.bias = float(self.regression.intercept_[0])
        return self

    def logits(self, texts):
        return self.regression.decision_function(self.counter.transform(texts))

    def knows(self, word):
        return word in self.weights

    def contributions(self, text):
        """Exact: with the bias they add up to the logit. The words of a run share its weight evenly."""
        found = self.words(text)
        values = np.zeros(len(found))
        for size in range(1, self.n + 1):
            for i in range(len(found) - size + 1):
                values[i : i + size] += self.weights.get(" ".join(found[i : i + size]), 0.0) / size
        return found, values


class Neural(Classifier):
    """A `TextClassifier` with its vocabulary."""

    def __init__(self, model, vocabulary, words=all_words):
        self.model, self.vocabulary, self.words = model, vocabulary, words

    @classmethod
    def train(cls, kind, train, valid, *, steps, words=all_words, min_count=2, seed=0, progress=False, **settings):
        """Train one on `Examples` for `steps` batches; returns it, with its training's `history`.

        Words seen fewer than `min_count` times count as unknown. settings: `batch_size`, `lr`, and those of
        `ClassifierConfig`.
        """
        batch_size, lr = settings.pop("batch_size", 32), settings.pop("lr", None)
        counts = Counter(word for example in train for word in words(example.text))
        vocabulary = Vocabulary(counts, specials=[PAD], min_count=min_count)
        config = ClassifierConfig(kind, len(vocabulary), vocabulary.id(PAD), seed=seed, **settings)
        self = cls(TextClassifier(config), vocabulary, words)
        batches = [
            LabelledBatches(
                [self.ids(example.text) for example in part], [e.label for e in part], config.pad_id, size, seed
            )
            for part, size in ((train, batch_size), (valid, 128))
        ]
        self.history = fit(self.model, *batches, steps=steps, loss=label_loss, lr=lr, seed=seed, progress=progress)
        return self

    def ids(self, text):
        """The ids of a text, cut to what the model can read."""
        return [self.vocabulary.id(word) for word in self.words(text)][: self.model.config.context]

    def logits(self, texts):
        return self._logits([self.ids(text) for text in texts])

    @torch.inference_mode()
    def _logits(self, rows):
        batches = LabelledBatches(rows, [0] * len(rows), self.model.config.pad_id, 128)
        return torch.cat([self.model(ids) for ids, _ in batches.all_batches()]).double().numpy()

    def knows(self, word):
        return word in self.vocabulary

    def contributions(self, text):
        """By leaving out: how much the logit falls when this word is taken away and the others close up."""
        ids = self.ids(text)
        whole, *rest = self._logits([ids, *(ids[:i] + ids[i + 1 :] for i in range(len(ids)))])
        return self.words(text)[: len(ids)], whole - np.array(rest)

    @torch.inference_mode()
    def shares(self, text):
        """(words, the share of each place in the pooled vector): for attention its last weights."""
        _, share = self.model.look(torch.tensor([self.ids(text)]))
        return self.words(text)[: share.size(1)], share[0].numpy()
