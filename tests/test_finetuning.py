"""Lesson 14's fine-tuning: what was pre-trained against starting from scratch, frozen and LoRA, the tables."""

from statistics import mean

import numpy as np
import pytest
import torch

from lmlib import finetuning, pretraining, sentences
from lmlib.finetuning import LABELS, METHODS, SEEDS, Frozen, Row, learn, some_labels
from lmlib.praise import by_kind
from lmlib.tasks import sentiment


@pytest.fixture(scope="module")
def shipped():
    model, words = pretraining.load()
    return model.bert, words


def test_some_labels_are_drawn_by_lot_and_from_train():
    train = {e.text for e in sentiment.load("village", "train") if e.kind in finetuning.KINDS}
    for seed in (0, 1):
        some = some_labels(200, seed)
        assert len({e.text for e in some}) == 200 and {e.text for e in some} <= train
        assert some == some_labels(200, seed)
    assert some_labels(20, 0) != some_labels(20, 1)


def test_the_claim_holds_in_a_short_run(shipped):
    """20 labels: counted vectors and a network that read are ahead of random ones; the copied one stays as it was."""
    bert, words = shipped
    labels, share = some_labels(20, 0), {}
    for method in ("from scratch", "word vectors", "full"):
        share[method] = by_kind(learn(method, bert, words, labels, seed=0), finetuning.test_opinions())["all"]
    assert share["word vectors"] > share["from scratch"] + 0.04 and share["full"] > share["from scratch"] + 0.1
    before = {name: value.clone() for name, value in bert.state_dict().items()}
    tuned = learn("full", bert, words, labels, steps=3)
    assert all(torch.equal(value, before[name]) for name, value in bert.state_dict().items())
    assert not torch.equal(tuned.model.bert.token.weight, bert.token.weight)


def test_lora_trains_a_thin_share_and_nothing_else(shipped):
    bert, words = shipped
    tuned = learn("LoRA", bert, words, some_labels(20, 0), steps=3)
    c = bert.config
    assert tuned.trained == c.n_layers * 2 * 2 * c.d_model * finetuning.RANK + c.d_model + 1
    after = tuned.model.bert.state_dict()
    same = [torch.equal(value, after[name]) for name, value in bert.state_dict().items() if name in after]
    assert all(same) and len(same) > 20


def test_frozen_is_logistic_regression_on_means(shipped):
    bert, words = shipped
    examples = some_labels(60, 3)
    frozen = Frozen(bert, words).fit(examples)
    text = examples[0].text
    with torch.no_grad():
        x = bert(torch.tensor([words.encode(text)]))[0].double().mean(0).numpy()
    logit = x @ frozen.regression.coef_[0] + frozen.regression.intercept_[0]
    assert frozen.logits([text, examples[1].text])[0] == pytest.approx(logit, abs=1e-4)
    assert np.allclose(
        Frozen(bert, words, cls=True).vectors([text]), bert(torch.tensor([words.encode(text)]))[:, 0].detach()
    )


def test_the_table_is_whole_and_says_what_the_lesson_says():
    rows, found = finetuning.read(), finetuning.accuracies(finetuning.read())
    kinds = {*finetuning.KINDS, "all"}
    assert set(found) == {(m, n, k) for m in METHODS for n in LABELS for k in kinds}
    assert all(len(values) == len(SEEDS) for values in found.values())
    assert len(rows) == len(METHODS) * len(LABELS) * len(kinds) * len(SEEDS)
    # with every seed what has read is ahead, and with 200 labels of the other with 2,000
    for n in LABELS:
        assert min(found["full", n, "all"]) > max(found["from scratch", n, "all"])
    assert min(found["full", 200, "all"]) > max(found["from scratch", 2000, "all"])
    assert min(found["full", 200, "negation"]) > max(found["from scratch", 2000, "negation"])
    # the gain is largest in the middle, and counted vectors have a part of it
    few, some, many = (mean(found["full", n, "all"]) - mean(found["from scratch", n, "all"]) for n in LABELS)
    assert some > few > many
    assert min(found["word vectors", 20, "all"]) > max(found["from scratch", 20, "all"])
    # with 20 labels nobody can turn a word round, and what looks at words alone never learns it
    assert all(mean(found[method, 20, "negation"]) < 0.5 for method in METHODS)
    assert max(found["counts of words", 2000, "negation"]) < 0.3
    assert max(found["frozen", 2000, "negation"]) < min(found["full", 200, "negation"])


def test_the_rows_that_need_no_network_are_measured_again():
    test = finetuning.test_opinions()
    for n in (20, 200):
        found = by_kind(learn("counts of words", None, None, some_labels(n, 1)), test)
        for row in finetuning.read(method="counts of words", labels=n, seed=1):
            assert row.accuracy == pytest.approx(found[row.kind], abs=2e-3)


def test_the_printed_table_by_hand():
    rows = [Row("full", 20, seed, "all", share) for seed, share in enumerate((0.5, 0.7, 0.6))]
    assert finetuning.text(rows).splitlines()[-1].split() == ["full", "0.600", "±", "0.100"]


# --- real reviews ---


def test_the_real_table_says_what_the_lesson_says():
    rows = sentences.read()
    found = {}
    for row in rows:
        found.setdefault((row.data, row.method, row.labels), []).append(row.accuracy)
    labels = sorted({row.labels for row in rows if row.data == "sst2"})
    assert labels == [20, 200, 2000, 6920]
    for n in labels[:2]:  # where labels are few
        assert mean(found["sst2", "frozen vectors", n]) > mean(found["sst2", "counts of words", n]) + 0.05
    assert found["sst2", "counts of words", 6920] == [pytest.approx(0.8122, abs=1e-4)]  # as lesson 11's table has it


def test_the_recorded_search_finds_what_was_asked():
    rows = sentences.read_search()
    best = {}
    for row in rows:
        best.setdefault(row.question, row)
        assert row.cosine <= best[row.question].cosine
    assert tuple(best) == sentences.QUESTIONS and {row.sentence for row in rows} == set(sentences.SENTENCES)
    assert best["When is the wedding?"].sentence == "They marry on Saturday."


class Lengths:
    """An encoder whose vectors are unit vectors at an angle that grows with a text's length."""

    def encode(self, texts):
        angle = torch.tensor([len(text) / 20 for text in texts])
        return torch.stack((angle.cos(), angle.sin()), dim=1)


def test_search_and_table_with_an_encoder_by_hand(monkeypatch):
    found = sentences.search(Lengths(), ["four"], ["four", "seven77", "eleven12345"])
    assert [row.sentence for row in found] == ["four", "seven77", "eleven12345"]
    assert found[1].cosine == pytest.approx(np.cos(3 / 20), abs=1e-4)
    reviews = [sentiment.Review("good" if i % 2 else "a bad and long text", i % 2, "x") for i in range(240)]
    monkeypatch.setattr(sentiment, "load", lambda data, split: reviews)
    monkeypatch.setattr(sentences, "LABELS", (20, None))
    rows = sentences.measure(Lengths(), say=lambda row: None)
    assert len(rows) == 2 * (3 + 1) and {row.labels for row in rows} == {20, 240}
    assert all(row.accuracy == 1 for row in rows) and "1.000" in sentences.text(rows)
