"""Lesson 14's pre-training: texts that hold no test text, gaps filled from one side and from both."""

import re

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from lmlib import pretraining
from lmlib.pretraining import GAP, SIDES, Filler, adjective_gaps, in_batches, praise_in
from lmlib.tasks import sentiment
from lmlib.training import load_checkpoint
from lmlib.training.checkpoint import read_state
from lmlib.village import opinions


@pytest.fixture(scope="module")
def fillers():
    return {sides: Filler(*pretraining.load(sides), sides) for sides in SIDES}


def test_no_labelled_text_is_among_the_unlabelled():
    some = pretraining.texts()
    assert len(set(some)) == len(some) == pretraining.TEXTS
    for split in opinions.SPLITS:
        assert not {text for text, _, _ in opinions.opinions(split)} & set(some)
    assert opinions.unlabelled(10) == some[:10], "fewer are the first of more"
    assert opinions.unlabelled(10, seed=1) != some[:10]


def test_new_words_of_the_test_splits_are_not_among_them():
    heard = set(pretraining.tokenizer().vocabulary)
    assert not {"still", "though"} & heard
    assert {"charming", "shabby"} <= heard  # in plain opinions, as in "train"


def test_gaps_by_another_way():
    """A regular expression finds the adjectives too, and the law at a gap is asked where it stands."""
    words, test = pretraining.tokenizer(), sentiment.load("village", "test")[:100]
    adjective = re.compile(r"\b(" + "|".join(sorted(pretraining.GOOD | pretraining.BAD)) + r")\b")
    expected = []
    for example in test:
        found = adjective.findall(example.text.lower())
        if len(found) > 1:
            expected.append((found[0], found[0] in pretraining.GOOD))
    gaps = adjective_gaps(test, words)
    assert [(words.token(ids[place]), praise) for ids, place, praise in gaps] == expected and len(gaps) > 50


def test_the_share_of_praise_by_hand():
    words = pretraining.tokenizer()
    law = torch.zeros(len(words))
    for word, p in (("good", 0.3), ("fine", 0.3), ("bad", 0.2), ("soup", 0.2)):
        law[words.vocabulary.id(word)] = p
    assert praise_in(law, words).item() == pytest.approx(0.75)


def test_only_one_of_the_two_sees_what_comes_after(fillers):
    text = f"Anna on the fair: The music was {GAP} and the food was "
    laws = {
        sides: [filler.law(text + end)[1] for end in ("awful.", "splendid.")] for sides, filler in fillers.items()
    }
    np.testing.assert_allclose(*laws["left side"], atol=1e-6)
    assert abs(laws["both sides"][0] - laws["both sides"][1]).sum() > 0.005
    for pair in laws.values():
        assert all(law.sum() == pytest.approx(1, abs=1e-5) and not law[:5].any() for law in pair)


def test_filled_in_batches_is_filled_alone(fillers):
    words = pretraining.tokenizer()
    gaps = adjective_gaps(sentiment.load("village", "test")[:30], words)
    for filler in fillers.values():
        together = in_batches(filler, gaps, size=7)
        alone = torch.cat([filler.laws([ids], [place]) for ids, place, _ in gaps])
        torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    "text, message",
    [
        ("no gap", "has 0 gaps: write ___"),
        ("___ ___", "has 2 gaps"),
        ("so " * 70 + "___", "the model reads 62: shorten"),
    ],
)
def test_what_cannot_be_filled_gets_one_sentence(fillers, text, message):
    with pytest.raises(ValueError, match=message):
        fillers["both sides"].law(text)


def test_the_shipped_models_fill_as_the_lesson_says(fillers):
    """Before the first adjective nothing tells praise from blame; behind it, where both are alike, much does."""
    words = pretraining.tokenizer()
    some = [e for split in ("test", "validation") for e in sentiment.load("village", split)]
    for kind, at_least, at_most in (("negation", 0.95, 1), ("contrast", 0.3, 0.7)):  # "but" was not learned
        gaps = adjective_gaps([e for e in some if e.kind == kind][:400], words)
        truth = [praise for *_, praise in gaps]
        ranked = {side: roc_auc_score(truth, praise_in(in_batches(f, gaps), words)) for side, f in fillers.items()}
        assert at_least <= ranked["both sides"] <= at_most and abs(ranked["left side"] - 0.5) < 0.15


def test_counted_vectors_bring_words_of_one_verdict_together():
    words = pretraining.tokenizer()
    rows = [words.encode(text) for text in pretraining.texts()[:6000]]
    vectors = pretraining.word_vectors(rows, words, 64)
    good, bad = (vectors[[words.vocabulary.id(w) for w in sorted(s)]] for s in (pretraining.GOOD, pretraining.BAD))
    assert (good @ good.T).mean() > (good @ bad.T).mean() + 0.2 < (bad @ bad.T).mean()
    length = vectors.norm(dim=1)
    assert not length[:5].any() and torch.allclose(length[length > 0], torch.ones(()), atol=1e-5)
    few = pretraining.word_vectors([words.encode("soup good"), words.encode("bread bad")], words, 4)
    soup, right, bread = (few[words.vocabulary.id(word)] for word in ("soup", "good", "bread"))
    assert abs(soup @ bread) < 1e-5 and right.norm() > 0.9 and not few[words.vocabulary.id("bed")].any()


def test_the_shipped_models_are_what_the_command_makes():
    for name in pretraining.CHECKPOINTS.values():
        state = read_state(pretraining.SHIPPED / name)
        assert state["step"] == pretraining.STEPS and "lmlib.pretraining --ship" in state["command"]
        size = (pretraining.SHIPPED / name / state["files"]["weights"]["file"]).stat().st_size
        assert size < 1_000_000
    for sides in SIDES:
        tokens = pretraining.load(sides)[1]
        assert list(tokens.vocabulary) == list(pretraining.tokenizer().vocabulary)


def test_a_short_training_learns_and_a_seed_is_kept_in_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("LMLIB_CACHE", str(tmp_path))
    monkeypatch.setattr(pretraining, "STEPS", 12)
    monkeypatch.setattr(pretraining, "BATCH", 4)
    few = [pretraining.tokenizer().encode(text) for text in pretraining.texts()[:400]]
    monkeypatch.setattr(pretraining, "_rows", lambda: few)
    _, history = pretraining.pretrain(steps=12)
    assert history.valid_loss[-1] < history.valid_loss[0]
    trained = []
    monkeypatch.setattr(
        pretraining, "pretrain", lambda *a, f=pretraining.pretrain, **k: trained.append(a) or f(*a, steps=2, **k)
    )
    one, two = (pretraining.with_seed("both sides", 1) for _ in range(2))
    assert len(trained) == 1 and torch.equal(one.bias, two.bias)
    (folder,) = (tmp_path / "lesson-14").iterdir()
    assert load_checkpoint(folder)[0].n_parameters == one.n_parameters
