"""Recommenders: counts by brute force, least squares by its own gradient, networks that do not look ahead."""

import numpy as np
import pytest
import torch

from lmlib.models import recommender as m
from lmlib.models.gpt import GPT, GPTConfig
from lmlib.models.recurrent import RecurrentConfig, RecurrentLM
from lmlib.recommendation import HistoryBatches
from lmlib.training import fit
from lmlib.training.data import IGNORE

HISTORIES = [(0, 1, 2), (1, 2, 3), (2, 0), (4,), (3, 1, 0, 2)]


def drawn(n=60, items=12, seed=0):
    rng = np.random.default_rng(seed)
    return [tuple(rng.permutation(items)[: rng.integers(2, 8)].tolist()) for _ in range(n)]


def test_popularity_counts_people():
    assert m.Popularity([*HISTORIES, (4, 4)], 5).scores([(), (1,)]).tolist() == [[3, 3, 4, 2, 2]] * 2


def test_cooccurrence_is_that_of_brute_force():
    counts = m.cooccurrence(HISTORIES, 5)
    for a in range(5):
        for b in range(5):
            assert counts[a, b] == (a != b) * sum(a in history and b in history for history in HISTORIES)


def test_item_to_item_is_the_cosine_of_the_buyers():
    histories = drawn()
    has = np.array([[item in history for item in range(12)] for history in histories], dtype=float)
    unit = has / np.linalg.norm(has, axis=0)
    expected = unit.T @ unit - np.eye(12)
    model = m.ItemKNN(histories, 12)
    assert model.similarity == pytest.approx(expected)
    assert model.scores([(3, 5)])[0] == pytest.approx(expected[3] + expected[5])
    assert m.ItemKNN(histories, 12, recency=0.5).scores([(3, 5)])[0] == pytest.approx(expected[3] / 2 + expected[5])


def test_markov_counts_what_followed():
    model = m.Markov(HISTORIES, 5, prior=0.0001)
    followers = np.array([sum((2, i) in zip(h, h[1:]) for h in HISTORIES) for i in range(5)])
    assert model.scores([(4, 2)])[0] == pytest.approx(followers / followers.sum(), abs=1e-3)
    assert m.Markov(HISTORIES, 5).transition.sum(axis=1) == pytest.approx(np.ones(5))
    assert model.scores([()])[0] == pytest.approx(np.array([3, 3, 4, 2, 1]) / 13)


def loss_of(has, people, items, alpha, reg):
    weight = 1 + alpha * has
    return (weight * (has - people @ items.T) ** 2).sum() + reg * ((people**2).sum() + (items**2).sum())


def test_a_half_step_leaves_no_slope():
    histories = drawn()
    table = m.incidence(histories, 12)
    items = np.random.default_rng(0).normal(size=(12, 3))
    people = torch.from_numpy(m.half_step(table, items, 2.0, 0.5)).requires_grad_()
    has = torch.from_numpy(table.toarray())
    loss_of(has, people, torch.from_numpy(items), 2.0, 0.5).backward()
    assert people.grad.abs().max() < 1e-9


def test_each_round_of_least_squares_lowers_the_loss():
    histories = drawn()
    has = m.incidence(histories, 12).toarray()
    losses = []
    for rounds in (1, 2, 5, 20):
        model = m.MatrixFactorization(histories, 12, dim=3, rounds=rounds)
        losses.append(loss_of(has, model.people, model.items, model.alpha, model.reg))
    assert losses == sorted(losses, reverse=True)


def test_factors_find_groups_that_share_no_pair():
    """Two groups of goods, bought by two groups of people: who has one of a group gets the others of that group."""
    rng = np.random.default_rng(0)
    histories = [tuple((6 * (i % 2) + rng.permutation(6)[:3]).tolist()) for i in range(80)]
    scores = m.MatrixFactorization(histories, 12, dim=4).scores([(0,), (7,)])
    assert scores[0, 1:6].min() > scores[0, 6:].max() and scores[1, [6, 8, 9, 10, 11]].min() > scores[1, :6].max()
    scores = m.Item2Vec(histories, 12, epochs=20).scores([(0,), (7,)])
    assert scores[0, 1:6].min() > scores[0, 6:].max() and scores[1, [6, 8, 9, 10, 11]].min() > scores[1, :6].max()


def test_item2vec_with_nothing_known_is_the_noise():
    model = m.Item2Vec(drawn(), 12, epochs=1)
    counts = m.Popularity(drawn(), 12).counts ** 0.75
    assert np.exp(model.scores([()])[0]) == pytest.approx(counts / counts.sum())


def test_a_batch_predicts_each_pick_and_no_end():
    batches = HistoryBatches([(3, 1, 2), (4,)], start=9, batch_size=2)
    inputs, targets = next(iter(batches.all_batches()))
    assert inputs.tolist() == [[9, 9, 9], [9, 3, 1]]
    assert targets.tolist() == [[4, IGNORE, IGNORE], [3, 1, 2]]


def test_for_validation_the_last_pick_alone_is_predicted():
    batches = HistoryBatches([(3, 1, 2), (4,), tuple(range(8))], 9, batch_size=3, context=4, last_only=True)
    kept = [
        (inputs[r][targets[r] != IGNORE].tolist(), targets[r][targets[r] != IGNORE].tolist())
        for inputs, targets in batches.all_batches()
        for r in range(len(inputs))
    ]
    assert kept == [([9], [4]), ([1], [2]), ([6], [7])]


def test_long_histories_are_cut_and_each_pick_is_predicted_once():
    batches = HistoryBatches([tuple(range(10))], 99, batch_size=1, context=4)
    told = [t for _, targets in batches.all_batches() for t in targets.flatten().tolist() if t != IGNORE]
    assert sorted(told) == list(range(10))


@pytest.mark.parametrize("kind", ["gru", "gpt"])
def test_a_networks_scores_are_its_logits_whatever_stands_beside(kind):
    if kind == "gru":
        network = RecurrentLM(RecurrentConfig(13, cell="gru", d_model=8))
    else:
        network = GPT(GPTConfig(13, context=6, n_layers=1, n_heads=2, d_model=8, start="gpt2"))
    model = m.SequenceModel(network, 12, context=6)
    histories = [(1, 2, 3), (), (4,), tuple(range(12))]
    together = model.scores(histories, batch_size=3)
    assert together.shape == (4, 12)
    for history, row in zip(histories, together):
        ids = [12, *history][-6:]
        with torch.inference_mode():
            alone = network(torch.tensor([ids]))[0, -1, :12]
        assert row == pytest.approx(alone.numpy(), abs=1e-5)


def test_a_network_learns_what_follows_what():
    histories = [tuple((start + i) % 12 for i in range(6)) for start in range(12)]
    network = RecurrentLM(RecurrentConfig(13, cell="gru", d_model=16))
    fit(network, HistoryBatches(histories, 12, batch_size=12), steps=60, progress=False)
    scores = m.SequenceModel(network, 12).scores([(3, 4), (9, 10)])
    assert scores.argmax(axis=1).tolist() == [5, 11]


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="item numbers go from 0 to 5, but there are 5 items"):
        m.Popularity([(0, 5)], 5)
    with pytest.raises(ValueError, match="recency is a number above 0"):
        m.ItemKNN(HISTORIES, 5, recency=0)
    with pytest.raises(ValueError, match="nothing to predict"):
        HistoryBatches([()], 9)
