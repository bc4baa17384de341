"""Classifiers: padding changes nothing, order matters where it should, contributions add up, they learn."""

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from lmlib.models.classifier import KINDS, ClassifierConfig, LabelledBatches, TextClassifier, label_loss
from lmlib.tasks.classify import Counted, Neural, runs, sigmoid
from lmlib.tasks.sentiment import Review, words

PAD = 1


def classifier(kind, **settings):
    return TextClassifier(ClassifierConfig(kind, 30, PAD, d_model=16, **settings)).eval()


def rows(*texts):
    longest = max(map(len, texts))
    return torch.tensor([list(ids) + [PAD] * (longest - len(ids)) for ids in texts])


def test_positions_that_nobody_knows():
    with pytest.raises(ValueError, match="choose rotary or sinusoidal"):
        classifier("attention", positions="none")


# --- the network --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("positions", ["rotary", "sinusoidal"])
def test_what_fills_a_row_changes_nothing(kind, positions):
    model = classifier(kind, positions=positions)
    alone = torch.cat([model(rows(ids)) for ids in ([2, 3, 4], [5] * 9, [7])])
    together = model(rows([2, 3, 4], [5] * 9, [7]))
    assert torch.allclose(alone, together, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("positions", ["rotary", "sinusoidal"])
def test_only_the_mean_is_blind_to_order(kind, positions):
    model = classifier(kind, positions=positions)
    one, other = model(rows([2, 3, 4, 5], [5, 3, 2, 4]))
    assert torch.allclose(one, other, atol=1e-6) == (kind == "mean")


@pytest.mark.parametrize("kind", KINDS)
def test_shares_add_up_and_padding_has_none(kind):
    _, share = classifier(kind).look(rows([2, 3, 4], [5, 6, 7, 8, 9]))
    assert share.sum(1).tolist() == pytest.approx([1, 1], abs=1e-6)
    assert share[0, 3:].abs().sum() == 0
    if kind == "mean":
        assert share[0, :3].tolist() == pytest.approx([1 / 3] * 3)
    if kind == "lstm":
        assert share.argmax(1).tolist() == [2, 4]


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_without_words_has_a_logit(kind):
    model = classifier(kind)
    empty = model(torch.full((1, 1), PAD))
    assert torch.isfinite(empty).all()
    assert torch.allclose(empty, model.head.bias)


@pytest.mark.parametrize("kind", KINDS)
def test_every_weight_learns(kind):
    model = classifier(kind).train()
    model.zero_grad()
    label_loss(model, (rows([2, 3, 4], [5, 6, 7, 8, 9]), torch.tensor([1.0, 0.0]))).backward()
    assert all(p.grad is not None for p in model.parameters())


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="no classifier is called 'rnn': choose one of mean, lstm, attention"):
        classifier("rnn")


def test_the_loss_is_the_surprise_of_the_labels():
    logits, labels = torch.tensor([0.3, -2.0]), torch.tensor([1.0, 0.0])
    expected = -(torch.log(torch.sigmoid(logits[0])) + torch.log(1 - torch.sigmoid(logits[1]))) / 2
    assert label_loss(lambda ids: logits, (None, labels)) == pytest.approx(expected.item(), abs=1e-6)


# --- batches ------------------------------------------------------------------------------------------------------


def test_every_text_comes_once_an_epoch_with_its_label():
    texts = [[10 + i] * (1 + i % 7) for i in range(20)]
    batches = LabelledBatches(texts, [i % 2 for i in range(20)], PAD, batch_size=6, seed=3)
    for epoch in range(2):
        seen = {}
        for step in range(batches.steps_per_epoch):
            ids, labels = batches.batch(epoch * batches.steps_per_epoch + step)
            assert ids.shape[0] == len(labels) <= 6
            for row, label in zip(ids.tolist(), labels.tolist()):
                seen[row[0] - 10] = (label, row.count(row[0]))
        assert seen == {i: (i % 2, 1 + i % 7) for i in range(20)}
    assert [labels.tolist() for _, labels in batches.all_batches()][0] == [0, 1, 0, 1, 0, 1]
    assert torch.equal(batches.batch(5)[0], LabelledBatches(texts, [0] * 20, PAD, 6, 3).batch(5)[0])


def test_texts_need_labels():
    with pytest.raises(ValueError, match="one label for each text, and at least one: here are 2, 1"):
        LabelledBatches([[2], [3]], [1], PAD)
    with pytest.raises(ValueError, match="at least one"):
        LabelledBatches([], [], PAD)


# --- counting -----------------------------------------------------------------------------------------------------

TEXTS = ["good soup", "bad soup", "not bad", "good good bread", "bad bread, bad bed", "not good"]
LABELS = [1, 0, 1, 1, 0, 0]


def test_runs():
    assert runs(["a", "b", "c"], 2) == ["a", "b", "c", "a b", "b c"]
    assert runs(["a"], 3) == ["a"] and runs([], 2) == []


@pytest.mark.parametrize("n", [1, 2, 3])
def test_counts_are_scikit_learns_n_grams(n):
    ours = Counted(n).fit(TEXTS, LABELS)
    vectorizer = CountVectorizer(ngram_range=(1, n), token_pattern=r"[\w']+|[^\w\s]")
    theirs = LogisticRegression(max_iter=2000).fit(vectorizer.fit_transform(TEXTS), LABELS)
    assert ours.logits(TEXTS) == pytest.approx(theirs.decision_function(vectorizer.transform(TEXTS)), abs=1e-3)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_contributions_and_bias_are_the_logit(n):
    counted = Counted(n).fit(TEXTS, LABELS)
    for text in (*TEXTS, "good unknown bread", "", "unknown"):
        found, values = counted.contributions(text)
        assert found == words(text)
        assert counted.bias + values.sum() == pytest.approx(counted.logits([text])[0], abs=1e-9)


def test_a_counter_knows_its_words():
    counted = Counted().fit(TEXTS, LABELS)
    assert counted.knows("good") and not counted.knows("xylophone")
    assert counted.probabilities(["good"])[0] > 0.5 > counted.probabilities(["bad"])[0]


def test_sigmoid():
    x = np.array([-800.0, -1.0, 0.0, 2.0, 800.0])
    assert sigmoid(x) == pytest.approx([0, 1 / (1 + np.e), 0.5, 1 / (1 + np.exp(-2)), 1])


# --- reading ------------------------------------------------------------------------------------------------------


def reviews(n, seed=0):
    """The first of two words decides: counting cannot see it."""
    rng = np.random.default_rng(seed)
    return [Review(" ".join(pair), label, "x") for label in rng.integers(0, 2, n).tolist()
            for pair in [("good", "bad") if label else ("bad", "good")]]  # fmt: skip


@pytest.mark.parametrize(
    "kind, positions", [("mean", "rotary"), ("lstm", "rotary"), ("attention", "rotary"), ("attention", "sinusoidal")]
)
def test_networks_learn_what_order_says_and_means_cannot(kind, positions):
    neural = Neural.train(kind, reviews(200), reviews(50, 1), steps=80, d_model=16, lr=0.01, positions=positions)
    right = (neural.probabilities(["good bad", "bad good"]) > 0.5).tolist()
    assert (right == [True, False]) == (kind != "mean")


def test_contributions_are_what_is_lost_without_the_word():
    neural = Neural.train("lstm", reviews(50), reviews(20, 1), steps=5, d_model=8)
    found, values = neural.contributions("good bad xylophone")
    assert found == ["good", "bad", "xylophone"]
    logit = dict(zip(("all", "1", "2", "3"), neural.logits(
        ["good bad xylophone", "bad xylophone", "good xylophone", "good bad"])))  # fmt: skip
    assert values == pytest.approx([logit["all"] - logit[i] for i in "123"], abs=1e-5)


def test_rare_words_are_unknown_and_long_texts_are_cut():
    examples = [*reviews(30), Review("good once", 1, "x")]
    neural = Neural.train("attention", examples, examples, steps=2, d_model=8, n_heads=2, context=5)
    assert neural.knows("good") and not neural.knows("once")
    assert neural.ids("good once bad") == [neural.vocabulary.id("good"), 0, neural.vocabulary.id("bad")]
    assert len(neural.ids("good " * 9)) == 5 and len(neural.contributions("bad " * 9)[0]) == 5
    assert len(neural.shares("bad " * 9)[0]) == 5


def test_training_is_repeatable():
    one, other = (Neural.train("lstm", reviews(50), reviews(20, 1), steps=5, d_model=8, seed=4) for _ in range(2))
    assert all(map(torch.equal, one.model.parameters(), other.model.parameters()))
