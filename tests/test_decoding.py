"""The distribution after every setting, against the processors of the `transformers` library."""

import math

import pytest
import torch

from lmlib.decoding import Decoding, keep_top_p

SETTINGS = [
    {"temperature": 0.7},
    {"top_k": 5},
    {"top_p": 0.6},
    {"top_p": 1.0},
    {"min_p": 0.2},
    {"repetition_penalty": 1.8},
    {"repetition_penalty": 0.5},
    {"temperature": 1.7, "top_k": 12, "top_p": 0.8, "min_p": 0.05, "repetition_penalty": 1.3},
]


def theirs(scores, ids, temperature=1.0, top_k=None, top_p=None, min_p=None, repetition_penalty=1.0):
    """Their processors, one after the other, in the order of their `generate`."""
    from transformers.generation import logits_process as lp

    row, ids = scores[None].clone(), torch.tensor([ids])
    steps = [lp.RepetitionPenaltyLogitsProcessor(repetition_penalty), lp.TemperatureLogitsWarper(temperature)]
    steps += [lp.TopKLogitsWarper(top_k)] if top_k else []
    steps += [lp.TopPLogitsWarper(top_p)] if top_p else []
    steps += [lp.MinPLogitsWarper(min_p)] if min_p else []
    for step in steps:
        row = step(ids, row)
    return row[0].softmax(-1)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_the_distribution_is_that_of_transformers(settings):
    for seed in range(20):
        generator = torch.Generator().manual_seed(seed)
        scores = torch.randn(40, generator=generator, dtype=torch.float64) * 3
        ids = torch.randint(40, (15,), generator=generator).tolist()
        found = Decoding(**settings).distribution(scores, ids)
        torch.testing.assert_close(found, theirs(scores, ids, **settings))
        assert found.sum() == pytest.approx(1)


def test_top_p_by_hand():
    scores = torch.tensor([0.5, 0.2, 0.2, 0.1], dtype=torch.float64).log()
    assert Decoding(top_p=0.4).distribution(scores).tolist() == pytest.approx([1, 0, 0, 0])
    assert Decoding(top_p=0.6).distribution(scores).tolist() == pytest.approx([5 / 7, 2 / 7, 0, 0])
    assert Decoding(top_p=1e-9).distribution(scores).tolist() == pytest.approx([1, 0, 0, 0])  # one always stays


def test_min_p_by_hand():
    scores = torch.tensor([0.5, 0.3, 0.15, 0.05], dtype=torch.float64).log()
    assert Decoding(min_p=0.5).distribution(scores).tolist() == pytest.approx([5 / 8, 3 / 8, 0, 0])
    assert Decoding(min_p=1.0).distribution(scores).tolist() == pytest.approx([1, 0, 0, 0])


def test_a_penalty_makes_what_stands_there_less_likely_whatever_the_sign_of_its_score():
    scores = torch.tensor([2.0, -2.0, 0.5, -0.5])
    free, punished = Decoding().distribution(scores), Decoding(repetition_penalty=2.0).distribution(scores, [0, 1, 1])
    assert punished[0] < free[0] and punished[1] < free[1]
    expected = torch.tensor([1.0, -4.0, 0.5, -0.5]).double().softmax(-1)  # once each, however often it stands there
    torch.testing.assert_close(punished, expected)


def test_the_scores_given_are_not_changed():
    scores = torch.randn(9, generator=torch.Generator().manual_seed(0))
    before = scores.clone()
    Decoding(0.5, 3, 0.9, 0.1, 1.2).distribution(scores, [1, 2])
    assert torch.equal(scores, before)


def test_impossible_tokens_stay_impossible():
    scores = torch.tensor([1.0, -math.inf, 0.0, -math.inf])
    p = Decoding(0.5, 4, 0.99, 0.001, 1.5).distribution(scores, [0, 1])
    assert p[1] == p[3] == 0 and p.sum() == pytest.approx(1)
    assert torch.isfinite(keep_top_p(scores, 1.0)[[0, 2]]).all()


@pytest.mark.parametrize("settings", [*SETTINGS, {"temperature": 0}], ids=str)
def test_several_texts_at_once_are_each_as_alone(settings):
    generator = torch.Generator().manual_seed(3)
    scores = torch.randn(5, 40, generator=generator) * 3
    ids = torch.randint(40, (5, 7), generator=generator).tolist()
    decoding = Decoding(**settings)
    alone = torch.stack([decoding.distribution(row, text) for row, text in zip(scores, ids)])
    torch.testing.assert_close(decoding.distribution(scores, ids), alone)
