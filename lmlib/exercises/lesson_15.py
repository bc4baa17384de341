"""The exercises of lesson 15: what is possible, an induction head as a program, its score, a reader of rules, a
calibration mended.
"""

import itertools
import math

import numpy as np
import torch

from lmlib import induction
from lmlib.exercises.chance import pick
from lmlib.exercises.engine import exercise

# -- the best possible share of right answers --------------------------------------------------------------------


@exercise(
    minutes=5,
    difficulty=1,
    hints=[
        "The word asked for is missing from one example with probability 1 - 1 / n_used. From all of them?",
        "seen = 1 - (1 - 1 / n_used) ** shots; where it was not seen, one guess in n_labels is right.",
    ],
)
def best_share(n_used, n_labels, shots):
    """The largest possible share of right answers behind `shots` examples, (15.2). Return a float.

    A text uses n_used words. Each example, and the question, takes one of them by lot, all equally likely, and again
    and again the same. A word has the same label in the whole text, one of n_labels, all equally likely.

    best_share(2, 4, 1) is 0.625: the word was seen with 1/2, and of the other half a quarter is right by luck.
    """
    seen = 1 - (1 - 1 / n_used) ** shots
    return seen + (1 - seen) / n_labels


@best_share.example
def _():
    return (2, 4, 1), 0.625


@best_share.example
def _():
    return (6, 4, 0), 0.25


@best_share.example
def _():
    return (2, 2, 2), 3 / 4 + 1 / 8


@best_share.fresh
def _(rng):
    return int(rng.integers(1, 5)), int(rng.integers(2, 6)), int(rng.integers(0, 6))


@best_share.truth
def _(n_used, n_labels, shots):
    """Every row of words that can be drawn, one by one."""
    rows = list(itertools.product(range(n_used), repeat=shots + 1))
    return sum(1 if row[-1] in row[:-1] else 1 / n_labels for row in rows) / len(rows)


@best_share.variant
def one_example_after_the_other(n_used, n_labels, shots):
    missing = 1.0
    for _ in range(shots):
        missing *= (n_used - 1) / n_used
    return 1 - missing * (1 - 1 / n_labels)


@best_share.misconception("You forgot luck: a word that was not seen is guessed rightly one time in n_labels.")
def no_luck(n_used, n_labels, shots):
    return 1 - (1 - 1 / n_used) ** shots


@best_share.misconception(
    "Examples repeat words: two examples need not show two different words. Multiply the chances of missing it."
)
def no_repeats(n_used, n_labels, shots):
    seen = min(1.0, shots / n_used)
    return seen + (1 - seen) / n_labels


@best_share.misconception("The question is no example: with 0 shots nothing was seen. Take the power `shots`.")
def the_question_counts(n_used, n_labels, shots):
    return best_share.reference(n_used, n_labels, shots + 1)


@best_share.misconception(
    "You added chance to everything. Only the words that were NOT seen are guessed: weigh the luck by 1 - seen."
)
def luck_for_all(n_used, n_labels, shots):
    return 1 - (1 - 1 / n_used) ** shots + 1 / n_labels


# -- an induction head as a program --------------------------------------------------------------------------------


@exercise(
    minutes=10,
    difficulty=1,
    hints=[
        "Go back from the end: which is the nearest earlier place that holds the same token as the last one?",
        "for i in range(len(tokens) - 2, -1, -1): where tokens[i] == tokens[-1], return tokens[i + 1].",
    ],
)
def continue_text(tokens):
    """What an induction head foretells: find the last token earlier in the text, return what stood behind it.

    tokens: a list of strings, at least one. Of several earlier places the LATEST counts. Return None where the token
    did not stand before.

    continue_text(["kite", "A", "drum", "B", "kite"]) is "A". continue_text(["a", "b"]) is None.
    continue_text(["a", "a"]) is "a".
    """
    for i in range(len(tokens) - 2, -1, -1):
        if tokens[i] == tokens[-1]:
            return tokens[i + 1]
    return None


@continue_text.example
def _():
    return (["kite", "A", "drum", "B", "kite"],), "A"


@continue_text.example
def _():
    return (["a", "b"],), None


@continue_text.example
def _():
    return (["a", "a"],), "a"


@continue_text.example
def _():
    return (["kite", "A", "kite", "C", "drum", "B", "kite"],), "C"


@continue_text.fresh
def _(rng):
    return ([pick(rng, ["a", "b", "c", "d"]) for _ in range(int(rng.integers(1, 9)))],)


@continue_text.truth
def _(tokens):
    ids = torch.tensor([[tokens.index(token) for token in tokens]])
    places = induction.behind_the_same(ids)[0, -1].nonzero()[:, 0].tolist()
    return tokens[places[-1]] if places else None


@continue_text.variant
def by_pairs(tokens):
    behind = {}
    for first, second in zip(tokens, tokens[1:]):
        behind[first] = second
    return behind.get(tokens[-1])


@continue_text.misconception(
    "You took the first place where the token stands. Of several the latest counts: search from the end."
)
def the_first_place(tokens):
    place = tokens.index(tokens[-1])
    return tokens[place + 1] if place < len(tokens) - 1 else None


@continue_text.misconception("You returned the token that was found. What stood BEHIND it is asked for.")
def the_match_itself(tokens):
    return tokens[-1] if tokens[-1] in tokens[:-1] else None


@continue_text.misconception("That is the token BEFORE the place found; take the one behind it.")
def the_token_before(tokens):
    for i in range(len(tokens) - 2, -1, -1):
        if tokens[i] == tokens[-1]:
            return tokens[i - 1] if i else None
    return None


@continue_text.misconception(
    "You took what stood behind the token most often. This head looks at one place, the latest."
)
def the_most_frequent(tokens):
    behind = [b for a, b in zip(tokens, tokens[1:]) if a == tokens[-1]]
    return max(sorted(set(behind)), key=behind.count) if behind else None


# -- the induction score -------------------------------------------------------------------------------------------


def _texts(rng):
    n = int(rng.integers(2, 8))
    tokens = [pick(rng, ["a", "b", "c"]) for _ in range(n)]
    raw = np.tril(rng.random((n, n)) ** 2 + 0.01)
    return (raw / raw.sum(1, keepdims=True)).round(3), tokens


@exercise(
    minutes=15,
    difficulty=2,
    hints=[
        "For each query: at which keys does the token before the key equal the query's token? Sum these.",
        "For query q: goals = [k for k in range(1, q + 1) if tokens[k - 1] == tokens[q]]; where there are any, sum "
        "weights[q, k] over them; at the end the mean of these sums.",
    ],
)
def induction_score(weights, tokens):
    """How much is a head an induction head? Its mean weight behind earlier occurrences, (15.4). Return a float.

    weights: numpy array (n, n), a row for each query; tokens: n strings, that of each place. For each query, sum the
    weights of all keys (up to the query itself) that stand directly behind an earlier place with the query's token.
    Return the mean of these sums over the queries whose token stood before; 0.0 where there are none.

    For tokens ["a", "b", "a"] only query 2 counts; its goal is key 1, which stands behind the first "a".
    """
    sums = []
    for q in range(len(tokens)):
        goals = [k for k in range(1, q + 1) if tokens[k - 1] == tokens[q]]
        if goals:
            sums.append(sum(weights[q, k] for k in goals))
    return float(np.mean(sums)) if sums else 0.0


@induction_score.example
def _():
    return (np.array([[1.0, 0, 0], [0.5, 0.5, 0], [0.1, 0.7, 0.2]]), ["a", "b", "a"]), 0.7


@induction_score.example
def _():
    return (np.array([[1.0, 0], [0.4, 0.6]]), ["a", "b"]), 0.0


@induction_score.example
def _():
    return (np.array([[1.0, 0, 0], [0.4, 0.6, 0], [0.1, 0.2, 0.7]]), ["a", "a", "a"]), (0.6 + 0.9) / 2


@induction_score.fresh
def _(rng):
    return _texts(rng)


@induction_score.truth
def _(weights, tokens):
    ids = torch.tensor([["abc".index(token) for token in tokens]])
    if not induction.behind_the_same(ids).any():
        return 0.0
    return induction.induction_scores(torch.tensor(weights)[None, None, None], ids).item()


@induction_score.variant
def by_a_mask(weights, tokens):
    same = np.array([[a == b for b in tokens] for a in tokens])
    goal = np.zeros(same.shape, dtype=bool)
    goal[:, 1:] = same[:, :-1]
    goal = np.tril(goal)
    counted = goal.any(1)
    return float((weights * goal).sum(1)[counted].mean()) if counted.any() else 0.0


@induction_score.misconception(
    "That is the weight on the SAME token. An induction head looks at what stands behind it: one key further."
)
def on_the_same_token(weights, tokens):
    sums = [
        sum(weights[q, k] for k in range(q) if tokens[k] == tokens[q])
        for q in range(len(tokens))
        if tokens[q] in tokens[:q]
    ]
    return float(np.mean(sums)) if sums else 0.0


@induction_score.misconception("The mean goes over the queries whose token stood before, not over all queries.")
def over_all_queries(weights, tokens):
    return sum(
        weights[q, k] for q in range(len(tokens)) for k in range(1, q + 1) if tokens[k - 1] == tokens[q]
    ) / len(tokens)


@induction_score.misconception("Where the token stood several times, the weights behind all these places are summed.")
def only_the_latest(weights, tokens):
    sums = []
    for q in range(len(tokens)):
        goals = [k for k in range(1, q + 1) if tokens[k - 1] == tokens[q]]
        if goals:
            sums.append(weights[q, goals[-1]])
    return float(np.mean(sums)) if sums else 0.0


@induction_score.misconception(
    "The key may be the query itself: in 'a a' the second a stands behind the first. Let k run up to q."
)
def never_itself(weights, tokens):
    sums = []
    for q in range(len(tokens)):
        goals = [k for k in range(1, q) if tokens[k - 1] == tokens[q]]
        if goals:
            sums.append(sum(weights[q, k] for k in goals))
    return float(np.mean(sums)) if sums else 0.0


# -- a reader that knows the rules -----------------------------------------------------------------------------------


@exercise(
    minutes=20,
    difficulty=3,
    hints=[
        "Each rule begins with weight 1. An example multiplies it: by 1 - wrong where the rule gives its label, by "
        "wrong where it does not.",
        "weights = [math.prod(1 - wrong if rule[thing] == label else wrong for thing, label in examples) for rule in "
        "rules]; the answer is the weight of the rules that give the thing asked for 1, divided by all weights.",
    ],
)
def by_rules(examples, asked, rules, wrong):
    """What Bayes' theorem says of the thing asked for, (15.3). Return P(label 1), a float.

    examples: a list of (thing, label) pairs, label 0 or 1. rules: a list of dictionaries {thing: label}, all equally
    likely before any example. wrong: the chance that an example's label is turned over, between 0 and 1 and neither.

    With rules [{"kite": 1, "key": 0}, {"kite": 1, "key": 1}], one example ("key", 0) and wrong 0.1 the first rule has
    weight 0.9 and the second 0.1: asked for "key" it is 0.1, for "kite" 1.0.
    """
    weights = [math.prod(1 - wrong if rule[t] == label else wrong for t, label in examples) for rule in rules]
    return sum(weight for weight, rule in zip(weights, rules) if rule[asked] == 1) / sum(weights)


_TWO = [{"kite": 1, "key": 0}, {"kite": 1, "key": 1}]


@by_rules.example
def _():
    return ([("key", 0)], "key", _TWO, 0.1), 0.1


@by_rules.example
def _():
    return ([("key", 0)], "kite", _TWO, 0.1), 1.0


@by_rules.example
def _():
    return ([("key", 1), ("key", 1)], "key", _TWO, 0.25), 0.9


@by_rules.example
def _():
    return ([], "key", [{"key": 0}, {"key": 1}, {"key": 0}], 0.3), 1 / 3


@by_rules.fresh
def _(rng):
    things = ["kite", "key", "drum"]
    rules = [{t: int(rng.integers(2)) for t in things} for _ in range(int(rng.integers(2, 6)))]
    examples = [(pick(rng, things), int(rng.integers(2))) for _ in range(int(rng.integers(0, 6)))]
    return examples, pick(rng, things), rules, pick(rng, [0.1, 0.2, 0.4])


@by_rules.variant
def one_example_at_a_time(examples, asked, rules, wrong):
    belief = np.full(len(rules), 1 / len(rules))
    for thing, label in examples:
        belief = belief * [1 - wrong if rule[thing] == label else wrong for rule in rules]
        belief = belief / belief.sum()
    return float(belief @ [rule[asked] for rule in rules])


@by_rules.misconception(
    "You struck out every rule that one example contradicts. With wrong labels about, a rule only loses weight."
)
def strikes_out(examples, asked, rules, wrong):
    left = [rule for rule in rules if all(rule[t] == label for t, label in examples)] or rules
    return sum(rule[asked] for rule in left) / len(left)


@by_rules.misconception(
    "You chose the best rule and let it speak alone. All rules speak, each with its weight: that is the probability."
)
def the_best_rule_alone(examples, asked, rules, wrong):
    hits = [sum(rule[t] == label for t, label in examples) for rule in rules]
    best = [rule for rule, n in zip(rules, hits) if n == max(hits)]
    return sum(rule[asked] for rule in best) / len(best)


@by_rules.misconception("The weights do not add up to 1: divide by their sum.")
def not_divided(examples, asked, rules, wrong):
    weights = [math.prod(1 - wrong if rule[t] == label else wrong for t, label in examples) for rule in rules]
    return sum(weight for weight, rule in zip(weights, rules) if rule[asked] == 1)


@by_rules.misconception(
    "You added up how many examples fit a rule. Probabilities of independent examples are multiplied."
)
def adds_up(examples, asked, rules, wrong):
    weights = [sum(1 - wrong if rule[t] == label else wrong for t, label in examples) or 1.0 for rule in rules]
    return sum(weight for weight, rule in zip(weights, rules) if rule[asked] == 1) / sum(weights)


@by_rules.misconception(
    "You turned the answer over with probability `wrong`, too. The examples may be wrong; the rule is asked for."
)
def a_wrong_answer_too(examples, asked, rules, wrong):
    p = by_rules.reference(examples, asked, rules, wrong)
    return p * (1 - wrong) + (1 - p) * wrong


# -- a calibration, mended -------------------------------------------------------------------------------------------


@exercise(
    minutes=15,
    difficulty=2,
    hints=[
        "What should come out for the question without content itself? Both labels the same. Try it with this code.",
        "Divide each probability by that of the question without content, then divide by the sum of the results.",
    ],
)
def calibrate(p, p_empty):
    """Spot the errors: this contextual calibration, (15.6), is not right. Return a numpy array of the same length.

    p: numpy array, the probability of each label for a question; p_empty: the same for a question without content,
    such as "N/A", behind the same examples, all above 0. Each p is DIVIDED by its p_empty, then all are divided by
    their sum. So the question without content itself gets the same probability for each label.

    calibrate([0.7, 0.3], [0.8, 0.2]) is about [0.368, 0.632]: 0.875 and 1.5, divided by 2.375.
    """
    divided = p / p_empty
    return divided / divided.sum()


@calibrate.start
def _(p, p_empty):
    moved = p - p_empty + p_empty.mean()
    return moved.clip(0, 1)


@calibrate.example
def _():
    return (np.array([0.7, 0.3]), np.array([0.8, 0.2])), np.array([0.875, 1.5]) / 2.375


@calibrate.example
def _():
    return (np.array([0.8, 0.2]), np.array([0.8, 0.2])), np.array([0.5, 0.5])


@calibrate.example
def _():
    return (np.array([0.5, 0.25, 0.25]), np.array([0.5, 0.25, 0.25])), np.array([1, 1, 1]) / 3


@calibrate.fresh
def _(rng):
    n = int(rng.integers(2, 5))
    p, empty = (np.maximum(rng.dirichlet(np.full(n, 1.5)), 0.02).round(3) for _ in range(2))
    return p / p.sum(), empty / empty.sum()


@calibrate.variant
def in_logarithms(p, p_empty):
    moved = np.log(p) - np.log(p_empty)
    raised = np.exp(moved - moved.max())
    return raised / raised.sum()


@calibrate.misconception(
    "You subtracted. A label that the examples make ten times as likely must be divided by ten; a difference treats "
    "0.9 and 0.99 alike."
)
def subtracted(p, p_empty):
    moved = np.clip(p - p_empty + p_empty.mean(), 0, 1)
    return moved / moved.sum() if moved.sum() > 0 else np.full(len(p), 1 / len(p))


@calibrate.misconception("The results do not add up to 1: divide by their sum.")
def no_sum(p, p_empty):
    return p / p_empty


@calibrate.misconception("You multiplied: that makes the habit of the prompt stronger instead of taking it away.")
def multiplied(p, p_empty):
    product = p * p_empty
    return product / product.sum()


@calibrate.misconception("That is p_empty / p, upside down: the likely label would become the unlikely one.")
def upside_down(p, p_empty):
    divided = p_empty / p
    return divided / divided.sum()


@calibrate.misconception(
    "softmax takes scores, not ratios of probabilities: they are above 0 already, so divide by their sum."
)
def softmax_of_ratios(p, p_empty):
    raised = np.exp(p / p_empty)
    return raised / raised.sum()
