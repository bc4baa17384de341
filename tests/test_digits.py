"""Digits as tokens: documents by hand, likelihoods against the model's own steps, Bayes' rule, the shipped model."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.naive_bayes import CategoricalNB

from lmlib.models.gpt import GPT, GPTConfig
from lmlib.pictures import digits


@pytest.fixture(scope="module")
def model():
    torch.set_num_threads(1)
    model = GPT(GPTConfig(27, context=65, n_layers=1, n_heads=2, d_model=16)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.2, generator=torch.Generator().manual_seed(0))
    return model


def test_the_split_is_by_order():
    pixels, labels, test_pixels, test_labels = digits.load_digits()
    found = load_digits()
    assert pixels.shape == (1437, 64) and test_pixels.shape == (360, 64)
    assert (np.concatenate((pixels, test_pixels)) == found.data).all()
    assert (np.concatenate((labels, test_labels)) == found.target).all()
    assert pixels.min() == 0 and pixels.max() == 16 < digits.LEVELS


def test_documents_by_hand():
    ids = digits.documents(np.array([[0, 5, *[16] * 62]]), [3])
    assert ids.tolist() == [[20, 0, 5, *[16] * 62]]
    batch = digits.DigitBatches(np.array([[0, 5, *[16] * 62]]), [3], batch_size=2).batch(0)
    assert batch[0].tolist() == [[20, 0, 5, *[16] * 61]] * 2 and batch[1].tolist() == [[0, 5, *[16] * 62]] * 2


def test_batches_are_drawn_from_all_pictures_and_the_same_again():
    pixels, labels, _, _ = digits.load_digits()
    one, two = (digits.DigitBatches(pixels, labels, seed=4) for _ in range(2))
    assert torch.equal(one.batch(7)[0], two.batch(7)[0]) and not torch.equal(one.batch(7)[0], one.batch(8)[0])
    assert sum(len(inputs) for inputs, _ in one.all_batches()) == 1437


def test_likelihoods_are_the_models_own_step_by_step(model):
    _, _, pixels, _ = digits.load_digits()
    found = digits.log_likelihoods(model, pixels[:3], batch_size=2)
    for picture, label in ((0, 3), (2, 9)):
        ids, total = [17 + label], 0.0
        for pixel in pixels[picture].tolist():
            p = model.next_probabilities(ids)[:17]
            total += np.log(p[pixel] / p.sum())  # a pixel is never a label
            ids.append(pixel)
        assert np.isclose(found[picture, label], total, atol=1e-3)


def test_bits_per_pixel_by_hand():
    """Two pictures; under one label p is 2^-64 (one bit a pixel), under all others 0."""
    log_p = np.full((2, 10), -1e9)
    log_p[:, 4] = -64 * np.log(2)
    assert np.isclose(digits.bits_per_pixel(log_p), 1 + np.log2(10) / 64)
    assert digits.classify(log_p).tolist() == [4, 4]


def test_tables_are_a_naive_bayes():
    pixels, labels, test_pixels, _ = digits.load_digits()
    ours = digits.Tables(pixels, labels, start=0.1).log_likelihoods(test_pixels[:50])
    theirs = CategoricalNB(alpha=0.1, fit_prior=False, min_categories=17).fit(pixels, labels)
    joint = theirs.predict_joint_log_proba(test_pixels[:50]) + np.log(10)
    assert np.allclose(ours, joint)


def test_a_table_of_neighbours_adds_up_to_one():
    pixels, labels, _, _ = digits.load_digits()
    table = digits.Tables(pixels[:200], labels[:200], neighbour=True)
    assert np.allclose(np.exp(table.law).sum(-1), 1)
    by_hand = table.law[3, 0, 0, 2] + sum(table.law[3, t, 2, 2] for t in range(1, 64))
    assert np.isclose(table.log_likelihoods(np.full((1, 64), 2))[0, 3], by_hand)


def test_drawing_gives_pixels_and_the_same_for_the_same_seed(model):
    drawn = digits.draw(model, [1, 2, 3], seed=5)
    assert drawn.shape == (3, 64) and drawn.min() >= 0 and drawn.max() <= 16
    assert (drawn == digits.draw(model, [1, 2, 3], seed=5)).all()
    assert (drawn != digits.draw(model, [1, 2, 3], seed=6)).any()


def test_the_shipped_model_reads_digits_better_than_pixels_that_know_nothing_of_each_other():
    shipped, facts = digits.load()
    pixels, labels, test_pixels, test_labels = digits.load_digits()
    some = slice(0, 120)
    log_p = digits.log_likelihoods(shipped, test_pixels[some])
    alone = digits.Tables(pixels, labels).log_likelihoods(test_pixels[some])
    right, baseline = ((digits.classify(x) == test_labels[some]).mean() for x in (log_p, alone))
    assert right > 0.9 and right > baseline
    assert digits.bits_per_pixel(log_p) < digits.bits_per_pixel(alone) - 0.2
    assert facts["command"].startswith("python -m lmlib.pictures --train digits")
