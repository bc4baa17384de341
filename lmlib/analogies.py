"""How good are word vectors? Analogies and neighbours, each beside what chance and a simple rule would score."""

from dataclasses import dataclass

import numpy as np

RESAMPLES = 1000


@dataclass
class AnalogyScore:
    """How many analogies of one category were answered right, and what would have been expected without meaning."""

    right: int
    asked: int
    left_out: int  # questions with a word that has no vector
    chance: float  # share expected of a random guess among the allowed candidates
    in_column: float  # share expected of a guesser who knows the answers of the category, but not which is which
    nearest_to_c: int  # right answers of "the word nearest to c", which never looks at a and b
    band: tuple[float, float]  # 95 % of the share, when the pairs are drawn again (bootstrap)

    @property
    def share(self):
        return self.right / self.asked if self.asked else float("nan")


def score_analogies(embedding, questions, candidates=None, method="add", seed=0):
    """Ask every question "a is to b as c is to d" and count the right answers: {category: AnalogyScore}.

    questions: {category: [(a, b, c, d), ...]}, such as `village.meaning.analogies()`. candidates: the words that may
    be answers (default: all words of the embedding); a, b and c never may. The key "all" holds all categories.
    """
    candidates = list(embedding.words) if candidates is None else [word for word in candidates if word in embedding]
    rows = np.array([embedding.index[word] for word in candidates], dtype=int)
    place = {word: at for at, word in enumerate(candidates)}
    tables = {}
    for category, asked in questions.items():
        known = [q for q in asked if all(word in embedding for word in q) and q[3] in place and q[3] not in q[:3]]
        tables[category] = _answers(embedding, known, rows, place, method), known, len(asked) - len(known)
    scores = {category: _score(*table, seed) for category, table in tables.items()}
    if tables:
        parts, known, left_out = zip(*tables.values())
        together = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
        scores["all"] = _score(together, sum(known, []), sum(left_out), seed)
    return scores


def _answers(embedding, questions, rows, place, method):
    """For each question: right?, right by "nearest to c"?, chance, chance in the column; four arrays."""
    if not questions:
        return {key: np.zeros(0) for key in ("right", "nearest", "chance", "in_column")}
    a, b, c = (embedding.unit[[embedding.index[q[i]] for q in questions]] for i in range(3))  # (questions, dim)
    right_place = np.array([place[q[3]] for q in questions])
    column = {q[3] for q in questions}
    unit = embedding.unit[rows]  # (candidates, dim)
    to_a, to_b, to_c = (unit @ x.T for x in (a, b, c))  # (candidates, questions)
    if method == "add":  # 3CosAdd
        closeness = to_b - to_a + to_c
    else:  # 3CosMul: cosines moved to 0 ... 1, then multiplied and divided
        to_a, to_b, to_c = ((x + 1) / 2 for x in (to_a, to_b, to_c))
        closeness = to_b * to_c / (to_a + 0.001)
    for number, q in enumerate(questions):
        for word in q[:3]:
            if word in place:
                closeness[place[word], number] = to_c[place[word], number] = -np.inf
    allowed = np.isfinite(closeness).sum(axis=0)
    return {
        "right": closeness.argmax(axis=0) == right_place,
        "nearest": to_c.argmax(axis=0) == right_place,
        "chance": 1 / allowed,
        "in_column": np.array([1 / len(column - set(q[:3])) for q in questions]),
    }


def _score(answers, questions, left_out, seed):
    right = answers["right"]
    mean = {key: float(answers[key].mean()) if len(right) else float("nan") for key in answers}
    return AnalogyScore(
        right=int(right.sum()),
        asked=len(right),
        left_out=left_out,
        chance=mean["chance"],
        in_column=mean["in_column"],
        nearest_to_c=int(answers["nearest"].sum()),
        band=_band_over_pairs(right, questions, seed),
    )


def _band_over_pairs(right, questions, seed):
    """Questions share their pairs, so they are no independent trials: draw the pairs again, not the questions."""
    if not len(right):
        return (float("nan"), float("nan"))
    numbers = {pair: n for n, pair in enumerate(dict.fromkeys(p for q in questions for p in (q[:2], q[2:])))}
    first, second = (np.array([numbers[q[i : i + 2]] for q in questions]) for i in (0, 2))
    drawn = np.random.default_rng(seed).multinomial(len(numbers), np.full(len(numbers), 1 / len(numbers)), RESAMPLES)
    weights = drawn[:, first] * drawn[:, second]  # (resamples, questions)
    weights = weights[weights.sum(axis=1) > 0]
    low, high = np.quantile(weights @ right / weights.sum(axis=1), [0.025, 0.975])
    return (float(low), float(high))


@dataclass
class NeighbourScore:
    """How often a word's nearest words are of its own kind."""

    precision: float
    words: int
    chance: float  # the same share for neighbours drawn at random
    band: tuple[float, float]  # 95 % of the precision, when the words are drawn again (bootstrap)


def score_neighbours(embedding, kinds, k=5, candidates=None, seed=0):
    """The share of a word's k nearest words that are of its kind: {kind: NeighbourScore}, and "all".

    kinds: {kind: [word, ...]}, such as `village.meaning.kinds()`. candidates: the words that may be neighbours
    (default: all words of the embedding). Of a kind with fewer than k other words, only that many neighbours count.
    """
    candidates = list(embedding.words) if candidates is None else [word for word in candidates if word in embedding]
    unit = embedding.unit[[embedding.index[word] for word in candidates]]
    place = {word: at for at, word in enumerate(candidates)}
    found, expected = {}, {}
    for kind, words in kinds.items():
        own = [word for word in words if word in place]
        if len(own) < 2:
            continue
        is_own = np.zeros(len(candidates), bool)
        is_own[[place[word] for word in own]] = True
        closeness = unit[is_own] @ unit.T  # (own, candidates)
        closeness[np.arange(len(own)), np.flatnonzero(is_own)] = -np.inf  # a word is no neighbour of itself
        nearest = np.argsort(-closeness, axis=1, kind="stable")[:, : min(k, len(own) - 1)]
        found[kind] = is_own[nearest].mean(axis=1)  # (own,)
        expected[kind] = np.full(len(own), (len(own) - 1) / (len(candidates) - 1))
    if found:
        found["all"], expected["all"] = (np.concatenate(list(x.values())) for x in (found, expected))
    rng = np.random.default_rng(seed)
    scores = {}
    for kind, shares in found.items():
        drawn = shares[rng.integers(0, len(shares), (RESAMPLES, len(shares)))].mean(axis=1)
        low, high = np.quantile(drawn, [0.025, 0.975])
        scores[kind] = NeighbourScore(
            float(shares.mean()), len(shares), float(expected[kind].mean()), (float(low), float(high))
        )
    return scores
