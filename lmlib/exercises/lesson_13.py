"""The exercises of lesson 13: hit rate, NDCG, one step of the forward filter, co-occurrence, a split, negatives."""

import math

import numpy as np
from sklearn.metrics import ndcg_score

from lmlib.exercises.engine import exercise

# -- hit rate ------------------------------------------------------------------------------------------------


@exercise(
    minutes=10,
    difficulty=1,
    hints=[
        "For each row: which items may be recommended at all? Sort those by score, take k, and look for the target.",
        "scores = row.copy(); scores[list(have)] = -np.inf; best = np.argsort(-scores)[:k]; a hit if target in best.",
    ],
)
def hit_rate(scores, have, targets, k):
    """Hit rate at k over the full catalogue, (13.1): the share of rows whose target is among the k best items.

    scores: numpy array (n, items), no two equal in a row; higher is better. have: a list of n sets, what each
    customer has already: that is never recommended. targets: (n,), what each picked next, not in her set. k: at least
    1.

    With scores [[5, 4, 3]], have [{0}], targets [2] and k 1 it is 0: item 1 is recommended. With k 2 it is 1.
    """
    hits = 0
    for row, owned, target in zip(scores, have, targets):
        candidates = [item for item in range(len(row)) if item not in owned]
        better = sum(row[item] > row[target] for item in candidates)
        hits += better < k
    return hits / len(scores)


@hit_rate.example
def _():
    return (np.array([[5.0, 4.0, 3.0]]), [{0}], np.array([2]), 1), 0.0


@hit_rate.example
def _():
    return (np.array([[5.0, 4.0, 3.0], [1.0, 2.0, 9.0]]), [{0}, set()], np.array([2, 0]), 2), 0.5


@hit_rate.fresh
def _(rng):
    n, items = int(rng.integers(2, 7)), int(rng.integers(8, 14))
    scores = np.array([rng.permutation(items) for _ in range(n)]) / 2 - items / 3  # some above 0, some below
    have, targets = [], []
    for row in scores:
        best = [int(i) for i in np.argsort(-row)]
        targets.append(best.pop(int(rng.integers(0, 6))))
        have.append({best[i] for i in rng.choice(5, int(rng.integers(0, 4)), replace=False)})
    return scores, have, np.array(targets), int(rng.integers(1, 5))


@hit_rate.variant
def by_sorting(scores, have, targets, k):
    hits = []
    for row, owned, target in zip(scores, have, targets):
        best = [item for item in np.argsort(-row) if item not in owned][:k]
        hits.append(target in best)
    return np.mean(hits)


@hit_rate.misconception(
    "What she has already takes places in your list. She has it: leave it out before you take the k best."
)
def owned_items_recommended(scores, have, targets, k):
    return np.mean([target in np.argsort(-row)[:k] for row, target in zip(scores, targets)])


@hit_rate.misconception(
    "A score of 0 is not the lowest: scores may be negative, and then what she has comes first. Use -np.inf."
)
def zero_for_what_she_has(scores, have, targets, k):
    hits = []
    for row, owned, target in zip(scores, have, targets):
        row = row.copy()
        row[list(owned)] = 0
        hits.append(target in np.argsort(-row)[:k])
    return np.mean(hits)


@hit_rate.misconception("You took the k worst: `np.argsort` puts the smallest first. Sort -scores.")
def the_worst_first(scores, have, targets, k):
    return hit_rate.reference(-scores, have, targets, k)


@hit_rate.misconception("That is the number of hits. The hit rate is their share of all rows.")
def number_of_hits(scores, have, targets, k):
    return hit_rate.reference(scores, have, targets, k) * len(scores)


@hit_rate.misconception("Your list is one item short: rank k counts, too (ranks begin at 1).")
def one_short(scores, have, targets, k):
    return hit_rate.reference(scores, have, targets, k - 1)


@hit_rate.misconception("Your list is one item too long: the k best are those at the places 0 to k - 1.")
def one_too_long(scores, have, targets, k):
    return hit_rate.reference(scores, have, targets, k + 1)


@hit_rate.misconception(
    "You ranked the target among some of the items only. Each rival left out makes the rank better than it is: rank "
    "it among all."
)
def among_half_of_the_items(scores, have, targets, k):
    hits = []
    for row, owned, target in zip(scores, have, targets):
        rivals = [item for item in range(0, len(row), 2) if item not in owned]
        hits.append(sum(row[item] > row[target] for item in rivals) < k)
    return np.mean(hits)


@hit_rate.misconception("That is precision: hits over n times k. A hit rate is hits over n.")
def divided_by_k(scores, have, targets, k):
    return hit_rate.reference(scores, have, targets, k) / k


# -- NDCG ----------------------------------------------------------------------------------------------------


@exercise(
    minutes=5,
    difficulty=1,
    hints=[
        "One number for each rank: 0 beyond k, else 1 over a logarithm. What must the logarithm be for rank 1?",
        "np.mean([1 / np.log2(1 + r) if r <= k else 0 for r in ranks])",
    ],
)
def ndcg(ranks, k):
    """NDCG at k with one right item in each list, (13.2): the mean over all ranks.

    ranks: numpy array (n,) of whole numbers, at least one; rank 1 is the first place of a list. k: at least 1.

    For ranks [1, 3, 11] and k 10 it is (1 + 1/2 + 0) / 3 = 0.5: log2(1 + 3) is 2, and rank 11 is beyond k.
    """
    gains = np.where(ranks <= k, 1 / np.log2(1 + ranks), 0.0)
    return gains.mean()


@ndcg.example
def _():
    return (np.array([1, 3, 11]), 10), 0.5


@ndcg.example
def _():
    return (np.array([7, 2]), 7), (1 / 3 + 1 / math.log2(3)) / 2


@ndcg.fresh
def _(rng):
    k = int(rng.integers(1, 9))
    return np.append(rng.integers(1, 14, size=int(rng.integers(1, 8))), [k, k + 1, 1]), k


@ndcg.truth
def _(ranks, k):
    values = []
    for rank in ranks:
        relevance = np.zeros(max(ranks) + 2)
        relevance[rank - 1] = 1
        values.append(ndcg_score([relevance], [-np.arange(len(relevance), dtype=float)], k=k))
    return float(np.mean(values))


@ndcg.variant
def one_by_one(ranks, k):
    return sum(math.log(2) / math.log(1 + rank) for rank in ranks if rank <= k) / len(ranks)


@ndcg.misconception("The logarithm has the base 2 (`np.log2`), so that rank 1 is worth exactly 1.")
def natural_logarithm(ranks, k):
    return np.mean(np.where(ranks <= k, 1 / np.log(1 + ranks), 0.0))


@ndcg.misconception("Ranks begin at 1 here, so it is log2(1 + rank). With 2 + rank the first place is worth 0.63.")
def ranks_from_zero(ranks, k):
    return np.mean(np.where(ranks <= k, 1 / np.log2(2 + ranks), 0.0))


@ndcg.misconception("Ranks beyond k are worth nothing: the list ends there.")
def no_end_of_the_list(ranks, k):
    return np.mean(1 / np.log2(1 + ranks))


@ndcg.misconception(
    "That is the reciprocal rank, 1 / rank. NDCG lets a place's worth fall more slowly, 1 / log2(1 + rank)."
)
def reciprocal_rank(ranks, k):
    return np.mean(np.where(ranks <= k, 1 / ranks, 0.0))


@ndcg.misconception("You added the gains up; take their mean.")
def sum_of_gains(ranks, k):
    return np.sum(np.where(ranks <= k, 1 / np.log2(1 + ranks), 0.0))


@ndcg.misconception("The mean is over all lists, those without a hit, too; you left these out.")
def mean_over_hits(ranks, k):
    hits = ranks[ranks <= k]
    return np.mean(1 / np.log2(1 + hits)) if len(hits) else 0.0


@ndcg.misconception("Rank k itself still counts: the list has k places.")
def last_place_left_out(ranks, k):
    return np.mean(np.where(ranks < k, 1 / np.log2(1 + ranks), 0.0))


# -- one step of the forward filter --------------------------------------------------------------------------


@exercise(
    minutes=15,
    difficulty=2,
    hints=[
        "Two things happen, in this order: she picks (a mood that likes the item becomes more believable), then the "
        "mood may change.",
        "seen = belief * laws[:, item]; after = seen / seen.sum(); the belief before the next pick is after @ moves.",
    ],
)
def filter_step(belief, laws, moves, item):
    """One step of the forward filter, (13.3): the belief in each mood before the next pick. Return (moods,).

    belief: numpy array (moods,), P(mood) before this pick. laws: (moods, items), the probability of each item in each
    mood. moves: (moods, moods), from a row's mood to a column's; rows add up to 1. item: what she picked.

    With belief [0.5, 0.5], laws [[0.9, 0.1], [0.3, 0.7]], moves [[1, 0], [0, 1]] and item 0 it is [0.75, 0.25].
    """
    seen = belief * laws[:, item]
    return seen / seen.sum() @ moves


@filter_step.example
def _():
    return (np.array([0.5, 0.5]), np.array([[0.9, 0.1], [0.3, 0.7]]), np.eye(2), 0), np.array([0.75, 0.25])


@filter_step.example
def _():
    laws, moves = np.array([[0.9, 0.1], [0.3, 0.7]]), np.array([[0.8, 0.2], [0.4, 0.6]])
    return (np.array([0.5, 0.5]), laws, moves, 0), np.array([0.7, 0.3])


@filter_step.fresh
def _(rng):
    moods, items = int(rng.integers(2, 5)), int(rng.integers(2, 6))
    belief, laws = rng.dirichlet(np.ones(moods)), rng.dirichlet(np.ones(items), size=moods)
    return belief, laws, rng.dirichlet(np.ones(moods), size=moods), int(rng.integers(0, items))


@filter_step.truth
def _(belief, laws, moves, item):
    joint = np.zeros((len(belief), len(belief)))  # P(mood now, mood next, this item)
    for now in range(len(belief)):
        for then in range(len(belief)):
            joint[now, then] = belief[now] * laws[now, item] * moves[now, then]
    return joint.sum(axis=0) / joint.sum()


@filter_step.variant
def with_einsum(belief, laws, moves, item):
    out = np.einsum("i,i,ij->j", belief, laws[:, item], moves)
    return out / np.sum(out)


@filter_step.misconception("The mood may change before the next pick: multiply by `moves` at the end.")
def mood_never_changes(belief, laws, moves, item):
    seen = belief * laws[:, item]
    return seen / seen.sum()


@filter_step.misconception("You did not use what she picked: it makes the moods that like it more believable.")
def pick_ignored(belief, laws, moves, item):
    return belief @ moves


@filter_step.misconception(
    "The order is wrong: the belief is that before this pick, so she picks first, and then the mood may change."
)
def moves_first(belief, laws, moves, item):
    seen = (belief @ moves) * laws[:, item]
    return seen / seen.sum()


@filter_step.misconception("It does not add up to 1: divide by the sum, the probability of this pick.")
def not_normalised(belief, laws, moves, item):
    return (belief * laws[:, item]) @ moves


@filter_step.misconception(
    "Your table of moves is turned round: `moves[i, j]` goes from i to j, so it is belief @ moves, not moves @ "
    "belief."
)
def moves_backwards(belief, laws, moves, item):
    seen = belief * laws[:, item]
    after = moves @ seen
    return after / after.sum()


@filter_step.misconception(
    "A belief and a law are multiplied, not added: both must be so for her to be in this mood and pick this item."
)
def added(belief, laws, moves, item):
    seen = belief + laws[:, item]
    return seen / seen.sum() @ moves


@filter_step.misconception("You forgot what was believed before: multiply the law by the belief.")
def belief_forgotten(belief, laws, moves, item):
    return laws[:, item] / laws[:, item].sum() @ moves


# -- co-occurrence -------------------------------------------------------------------------------------------


@exercise(
    minutes=10,
    difficulty=1,
    hints=[
        "Each basket adds 1 to each pair of two different items in it, in both orders.",
        "With a table `has` (baskets, items) of 0 and 1, `has.T @ has` counts all pairs; then fill the diagonal "
        "with 0.",
    ],
)
def together(baskets, n_items):
    """In how many baskets do two items lie together? Return a numpy array (n_items, n_items) of counts.

    baskets: a list of lists of item numbers, no item twice in a basket. The table is symmetric; an item beside itself
    counts nothing.

    together([[0, 1, 2], [2, 0]], 3) is [[0, 1, 2], [1, 0, 1], [2, 1, 0]]
    """
    counts = np.zeros((n_items, n_items))
    for basket in baskets:
        for a in basket:
            for b in basket:
                counts[a, b] += a != b
    return counts


@together.example
def _():
    return ([[0, 1, 2], [2, 0]], 3), np.array([[0.0, 1, 2], [1, 0, 1], [2, 1, 0]])


@together.example
def _():
    return ([[], [1]], 2), np.zeros((2, 2))


@together.fresh
def _(rng):
    n = int(rng.integers(3, 7))
    sizes = rng.integers(0, n + 1, size=int(rng.integers(1, 6)))
    return [rng.permutation(n)[:size].tolist() for size in [n, *sizes]], n


@together.truth
def _(baskets, n_items):
    return np.array(
        [[float(sum(a in basket and b in basket for basket in baskets) * (a != b)) for b in range(n_items)]
         for a in range(n_items)]
    )  # fmt: skip


@together.variant
def by_a_product(baskets, n_items):
    has = np.zeros((len(baskets), n_items))
    for row, basket in enumerate(baskets):
        has[row, basket] = 1
    counts = has.T @ has
    return counts - np.diag(np.diag(counts))


@together.misconception(
    "An item is counted beside itself. On the diagonal that gives each item its own popularity, and it would "
    "recommend "
    "itself."
)
def beside_itself(baskets, n_items):
    has = np.array([[item in basket for item in range(n_items)] for basket in baskets], dtype=float)
    return has.T @ has


@together.misconception(
    "Each pair counts in both orders: the table is symmetric. Yours counts the one that came first."
)
def one_order_only(baskets, n_items):
    counts = np.zeros((n_items, n_items))
    for basket in baskets:
        for place, a in enumerate(basket):
            for b in basket[place + 1 :]:
                counts[a, b] += 1
    return counts


@together.misconception("You counted neighbours only. Two items of one basket count, however far apart they lie.")
def neighbours_only(baskets, n_items):
    counts = np.zeros((n_items, n_items))
    for basket in baskets:
        for a, b in zip(basket, basket[1:]):
            counts[a, b] += 1
            counts[b, a] += 1
    return counts


@together.misconception(
    "You counted the places in the basket: the row and the column are the items' numbers, not where they lie."
)
def places_for_items(baskets, n_items):
    return together.reference([range(len(basket)) for basket in baskets], n_items)


@together.misconception(
    "Each pair is counted twice in each order: a basket adds 1 to (a, b) and 1 to (b, a), no more."
)
def twice(baskets, n_items):
    return 2 * together.reference(baskets, n_items)


@together.misconception("The counts are in how many baskets: you only say whether there is one.")
def whether_at_all(baskets, n_items):
    return np.minimum(together.reference(baskets, n_items), 1)


# -- a split without a leak ----------------------------------------------------------------------------------


@exercise(
    minutes=15,
    difficulty=2,
    hints=[
        "Sort each customer's picks by time first. What lies before the moment is learned from; the question is the "
        "first pick that does not.",
        "picks = sorted(picks); before = [item for time, item in picks if time < moment]; later = [item for time, "
        "item "
        "in picks if time >= moment]; a question (before, later[0]) if there is a later one.",
    ],
)
def split(customers, moment):
    """A split without a leak: return a tuple (train, questions).

    customers: a list with, for each customer, a list of (time, item), in any order, no two at the same time.
    train: for each customer, in order, the list of her items from before the moment, oldest first (it may be empty).
    questions: for each customer who picked something at the moment or later, a tuple (her list in train, the first
    item that she picked at the moment or later).

    split([[(3, 7), (1, 5), (2, 6)], [(1, 8)]], moment=2) is ([[5], [8]], [([5], 6)])
    """
    train, questions = [], []
    for picks in customers:
        picks = sorted(picks)
        before = [item for time, item in picks if time < moment]
        train.append(before)
        if len(before) < len(picks):
            questions.append((before, picks[len(before)][1]))
    return train, questions


@split.example
def _():
    return ([[(3, 7), (1, 5), (2, 6)], [(1, 8)]], 2), ([[5], [8]], [([5], 6)])


@split.example
def _():
    return ([[(5, 1), (4, 2)], []], 3), ([[], []], [([], 2)])


@split.fresh
def _(rng):
    customers = []
    for _ in range(int(rng.integers(2, 6))):
        times = rng.permutation(12)[: int(rng.integers(2, 7))]
        customers.append([(int(time), int(rng.integers(0, 50))) for time in times])
    full = [(int(time), int(rng.integers(0, 50))) for time in rng.permutation(12)]  # one who picks at every time
    return [*customers, full], int(rng.integers(3, 9))


@split.variant
def by_a_loop(customers, moment):
    train = [[item for time, item in sorted(picks, key=lambda pick: pick[0]) if time < moment] for picks in customers]
    later = [sorted(pick for pick in picks if pick[0] >= moment) for picks in customers]
    return train, [(list(before), after[0][1]) for before, after in zip(train, later) if after]


@split.misconception(
    "You asked for each customer's last pick. What she picked between the moment and then is not told, so it is not "
    "the next one; and the question is the first pick from the moment on."
)
def asks_for_the_last(customers, moment):
    train, _ = split.reference(customers, moment)
    pairs = [(before, sorted(picks)) for before, picks in zip(train, customers)]
    return train, [(before, picks[-1][1]) for before, picks in pairs if len(picks) > len(before)]


@split.misconception(
    "That is leave-last-out: each customer's last pick is held out, whenever it was. Then others' picks from after "
    "the "
    "question are learned from."
)
def leave_last_out(customers, moment):
    ordered = [[item for _, item in sorted(picks)] for picks in customers]
    return [items[:-1] for items in ordered], [(items[:-1], items[-1]) for items in ordered if items]


@split.misconception("A pick at the very moment is not before it: it belongs to the questions.")
def the_moment_itself_is_learned(customers, moment):
    return split.reference(customers, moment + 1)


@split.misconception("A pick at the very moment is a question, too: at the moment or later.")
def the_moment_itself_is_skipped(customers, moment):
    train, _ = split.reference(customers, moment)
    _, questions = split.reference([[pick for pick in picks if pick[0] != moment] for picks in customers], moment)
    return train, questions


@split.misconception(
    "Somebody without an earlier pick is a question, too, with an empty list: the shop meets new customers every day."
)
def no_new_customers(customers, moment):
    train, questions = split.reference(customers, moment)
    return train, [(before, item) for before, item in questions if before]


@split.misconception("There is one list in `train` for each customer, an empty one where she has no earlier pick.")
def empty_lists_left_out(customers, moment):
    train, questions = split.reference(customers, moment)
    return [items for items in train if items], questions


@split.misconception("One question a customer: the first item after the moment, and none for those that follow.")
def asks_for_all_that_follow(customers, moment):
    train, _ = split.reference(customers, moment)
    rows = [(before, sorted(picks)[len(before) :]) for before, picks in zip(train, customers)]
    return train, [(before, item) for before, later in rows for _, item in later]


@split.misconception("The picks come in any order: sort them by time before you cut.")
def not_sorted(customers, moment):
    train = [[item for time, item in picks if time < moment] for picks in customers]
    later = [[item for time, item in picks if time >= moment] for picks in customers]
    return train, [(before, after[0]) for before, after in zip(train, later) if after]


@split.misconception(
    "What you learn from holds picks of the future: only what lies before the moment may be in `train`."
)
def learns_from_everything(customers, moment):
    _, questions = split.reference(customers, moment)
    return [[item for _, item in sorted(picks)] for picks in customers], questions


# -- negatives -----------------------------------------------------------------------------------------------


@exercise(
    minutes=10,
    difficulty=2,
    hints=[
        "First the weights: count to the power, and 0 for what she has. The probabilities come last: divide by the "
        "sum.",
        "weights = counts.astype(float) ** power; weights[list(have)] = 0; return weights / weights.sum().",
    ],
)
def negatives(counts, have, power):
    """With which probability is each item drawn as a negative, an example of what she did not pick? Return (items,).

    In proportion to how often it was bought, to the power (word2vec takes 0.75): with power 0 all are alike, with
    power 1 a popular item is drawn as often as it is bought. What she has is never drawn; the rest adds up to 1.

    counts: numpy array (items,) of whole numbers, at least 1. have: the set of items that she has, not all of them.

    negatives([4, 9, 1], {2}, 0.5) is [0.4, 0.6, 0]
    """
    weights = counts.astype(float) ** power
    weights[list(have)] = 0
    return weights / weights.sum()


@negatives.example
def _():
    return (np.array([4, 9, 1]), {2}, 0.5), np.array([0.4, 0.6, 0.0])


@negatives.example
def _():
    return (np.array([100, 1, 1, 1]), {0, 1}, 0.0), np.array([0.0, 0.0, 0.5, 0.5])


@negatives.fresh
def _(rng):
    n = int(rng.integers(4, 9))
    have = set(rng.permutation(n)[: int(rng.integers(1, n - 1))].tolist())
    return rng.integers(2, 60, size=n), have, float(rng.choice([0.25, 0.5, 0.75]))


@negatives.truth
def _(counts, have, power):
    total = sum(int(count) ** power for item, count in enumerate(counts) if item not in have)
    return np.array([0.0 if item in have else int(count) ** power / total for item, count in enumerate(counts)])


@negatives.variant
def with_a_mask(counts, have, power):
    free = np.array([item not in have for item in range(len(counts))])
    weights = np.exp(power * np.log(counts)) * free
    return weights / np.sum(weights)


@negatives.misconception(
    "All items are alike in your answer, whatever the power: popular ones must be drawn more often."
)
def all_alike(counts, have, power):
    return negatives.reference(counts, have, 0.0)


@negatives.misconception("The power is missing: popular items are drawn too often.")
def no_power(counts, have, power):
    return negatives.reference(counts, have, 1.0)


@negatives.misconception("Upside down: here the rare items are drawn most often.")
def rare_ones_first(counts, have, power):
    return negatives.reference(counts, have, -power)


@negatives.misconception("What she has is drawn, too: then the model learns that she would not pick what she picked.")
def owned_drawn(counts, have, power):
    return negatives.reference(counts, set(), power)


@negatives.misconception("It does not add up to 1: leave out what she has before you divide by the sum.")
def left_out_too_late(counts, have, power):
    out = negatives.reference(counts, set(), power)
    out[list(have)] = 0
    return out


@negatives.misconception(
    "You divided by the sum and then took the power: that does not add up to 1. The power comes first."
)
def power_after_the_sum(counts, have, power):
    return negatives.reference(counts, have, 1.0) ** power
