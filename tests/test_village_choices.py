"""The market: the same purchases everywhere, and a truth that agrees with brute force and with what is bought."""

import hashlib
import itertools

import numpy as np
import pytest

from lmlib.village import choices
from lmlib.village.choices import GOODS, MOODS, MOVES, NEW, START, laws, next_item_probabilities, on_sale, write


def digest(which):
    told = "\n".join(f"{visit.goods} {visit.days} {visit.moods}" for visit in write(which))
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def probability(bought, which="market"):
    """Of a whole history, summed over all rows of moods, pick by pick as the head of the file tells it."""
    law, total = laws(which), 0.0
    for moods in itertools.product(range(len(MOODS)), repeat=len(bought)):
        p = START[moods[0]]
        for place, (mood, good) in enumerate(zip(moods, bought)):
            if place:
                p *= MOVES[moods[place - 1], mood]
            p *= law[mood, good] / (1 - sum(law[mood, had] for had in bought[:place]))
        total += p
    return total


def test_the_purchases_are_the_same_on_every_machine():
    assert digest("market") == "df19a3bc52446253"
    assert digest("spring") == "3e9dcf854740c5c0"


def test_what_is_bought_is_on_sale_once_and_in_time_order():
    for which in ("market", "spring"):
        for visit in write(which):
            assert len(visit.goods) == len(visit.days) == len(visit.moods)
            assert choices.SHORTEST <= len(visit.goods) <= choices.LONGEST
            assert len(set(visit.goods)) == len(visit.goods) and on_sale(which)[list(visit.goods)].all()
            assert all(a < b for a, b in zip(visit.days, visit.days[1:]))


def test_goods_have_names_of_their_own_and_new_ones_are_at_every_stall():
    assert len({good.name for good in GOODS}) == len(GOODS) == 200
    assert {GOODS[good].stall for good in NEW} == set(choices.STALLS) and len(NEW) == 20
    bought = {good for visit in write("spring") for good in visit.goods}
    assert bought >= set(NEW) and not {good for visit in write("market") for good in visit.goods} & set(NEW)


def test_moods_like_what_their_table_says():
    law = laws("spring")
    for mood, (stalls, colours) in zip(law, MOODS.values()):
        for what, liked in (("stall", stalls), ("colour", colours)):
            those = [getattr(good, what) == max(liked, key=liked.get) for good in GOODS]
            assert mood[those].sum() > 1.2 * law[:, those].sum(axis=1).mean()


def test_moves_are_probabilities():
    assert MOVES.shape == (8, 8) and np.allclose(MOVES.sum(axis=1), 1) and (MOVES > 0).all()
    moods = [pair for visit in write() for pair in zip(visit.moods, visit.moods[1:])]
    stays = np.mean([a == b for a, b in moods])
    assert stays == pytest.approx(np.mean(np.diag(MOVES)), abs=0.01)


@pytest.mark.parametrize("bought", [(), (0,), (0, 87), (5, 199, 33), (40, 2, 3)])
def test_the_truth_is_that_of_brute_force(bought):
    p = next_item_probabilities(bought, "spring")
    assert p.sum() == pytest.approx(1) and all(p[good] == 0 for good in bought)
    whole = probability(bought, "spring") if bought else 1.0
    for good in (1, 17, 60, 120):
        assert p[good] == pytest.approx(probability((*bought, good), "spring") / whole)


def test_goods_that_are_not_on_sale_have_no_chance():
    assert next_item_probabilities([0])[list(NEW)].sum() == 0
    assert next_item_probabilities([0], "spring")[list(NEW)].sum() > 0


def test_beliefs_follow_the_moods():
    """The believed mood is the true one far more often than the one in eight of a guess."""
    right = []
    for visit in write()[:300]:
        beliefs = choices.mood_beliefs(visit.goods)
        assert beliefs.shape == (len(visit.goods) + 1, 8) and np.allclose(beliefs.sum(axis=1), 1)
        right += list(beliefs[1:-1].argmax(axis=1) == np.array(visit.moods[1:]))
    assert np.mean(right) > 0.5


def test_hits_come_as_often_as_the_truth_says():
    """Of all last picks, so many are among the ten likeliest; the spread is that of a sum of coin flips."""
    said, came = [], []
    for visit in write():
        p = next_item_probabilities(visit.goods[:-1])
        best = np.argsort(-p)[:10]
        said.append(p[best].sum())
        came.append(visit.goods[-1] in best)
    said = np.array(said)
    error = np.sqrt((said * (1 - said)).sum()) / len(said)
    assert abs(np.mean(came) - said.mean()) < 4 * error


@pytest.mark.parametrize("before, after", [((), (4, 9)), ((7, 60), (32,)), ((12,), (5, 90, 44)), ((3, 8), ())])
def test_with_the_future_known_the_truth_is_the_chain_rules(before, after):
    def chain(bought):
        return np.prod([next_item_probabilities(bought[:i])[good] for i, good in enumerate(bought)])

    p = choices.probabilities_between(before, after)
    free = [good for good in range(len(GOODS)) if on_sale()[good] and good not in (*before, *after)]
    expected = np.zeros(len(GOODS))
    for good in free:
        expected[good] = chain((*before, good, *after))
    assert p == pytest.approx(expected / expected.sum())


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="bought twice"):
        next_item_probabilities([4, 4])
    with pytest.raises(ValueError, match="good 1 is not on sale in 'market'"):
        next_item_probabilities([NEW[0]])
    for good in (200, -1):
        with pytest.raises(ValueError, match="not on sale"):
            next_item_probabilities([good], "spring")
    with pytest.raises(ValueError, match="good 31 is not on sale"):
        choices.probabilities_between([7], [31])
    for call in (write, laws, on_sale):
        with pytest.raises(ValueError, match="market, spring"):
            call("autumn")
