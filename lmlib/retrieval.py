"""Finding the right text among many by its words: BM25 (Robertson and Zaragoza 2009).

score(query, text) = sum over the query's words of  idf(word) * tf * (k1 + 1) / (tf + k1 * (1 - b + b * length /
mean))

tf: how often the word stands in the text. idf(word) = ln(1 + (N - n + 1/2) / (n + 1/2)), where n of the N texts have
the word: the form that never falls below 0.
"""

import math
import re
from collections import Counter, defaultdict

import numpy as np

_WORD = re.compile(r"[\u3400-\u9fff]+|[^\W\u3400-\u9fff]+")


def words(text):
    """What is looked up: words in lower case; of Chinese, each character and each pair of neighbours."""
    found = []
    for piece in _WORD.findall(text.lower()):
        if "\u3400" <= piece[0] <= "\u9fff":
            found += [*piece, *(a + b for a, b in zip(piece, piece[1:]))]
        else:
            found.append(piece)
    return found


class BM25:
    """An index of some texts. k1: how soon more of the same word stops counting; b: how much long texts pay.

    split: from a text to its words. Raises ValueError for no texts and for texts without any word.
    """

    def __init__(self, texts, k1=1.2, b=0.75, split=words):
        counts = [Counter(split(text)) for text in texts]
        self.lengths = np.array([sum(count.values()) for count in counts], float)
        if not self.lengths.sum():
            raise ValueError("there is no word to index: give at least one text with words in it")
        self.k1, self.b, self.split = k1, b, split
        self.postings = defaultdict(list)  # word -> (number of the text, how often), for the texts that have it
        for number, count in enumerate(counts):
            for word, n in count.items():
                self.postings[word].append((number, n))

    def __len__(self):
        return len(self.lengths)

    def idf(self, word):
        """How much a word tells: much where few texts have it."""
        n = len(self.postings.get(word, ()))
        return math.log(1 + (len(self) - n + 0.5) / (n + 0.5))

    def scores(self, query):
        """The score of each text, (texts,). A word that the query says twice counts twice."""
        found = np.zeros(len(self))
        pay = self.k1 * (1 - self.b + self.b * self.lengths / self.lengths.mean())
        for word in self.split(query):
            if word in self.postings:
                numbers, n = np.array(self.postings[word]).T
                found[numbers] += self.idf(word) * n * (self.k1 + 1) / (n + pay[numbers])
        return found

    def search(self, query, n=5):
        """The n best texts: (number, score), the best first; equal ones in their order."""
        found = self.scores(query)
        return [(int(i), float(found[i])) for i in np.argsort(-found, kind="stable")[:n]]


def ranks(scores, right):
    """The rank of the right text for each query, 1 for the best.

    scores: (queries, texts). right: the number of the right text of each query. Where texts tie, the right one comes
    last among them, so that nobody gains from giving all texts the same score.
    """
    scores, right = np.asarray(scores, float), np.asarray(right)
    own = scores[np.arange(len(right)), right][:, None]
    return (scores >= own).sum(1)
