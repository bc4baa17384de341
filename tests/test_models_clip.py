"""Matching pictures and sentences: patches against a convolution, the loss against torch, twins, a small live run."""

import pytest
import torch
import torch.nn.functional as F

from lmlib.models.clip import Matcher, MatcherConfig, PatchEmbedding, contrastive_loss, patches_of
from lmlib.pictures import matching
from lmlib.village import pictures as village


@pytest.mark.parametrize("channels, height, width, size", [(1, 4, 4, 2), (7, 8, 8, 2), (3, 6, 9, 3), (2, 4, 6, 1)])
def test_patches_are_those_of_unfold(channels, height, width, size):
    x = torch.randn(2, channels, height, width)
    assert torch.equal(patches_of(x, size), F.unfold(x, size, stride=size).transpose(1, 2))


@pytest.mark.parametrize("channels, size", [(1, 2), (7, 4)])
def test_the_patch_embedding_is_a_convolution(channels, size):
    ours, x = PatchEmbedding(channels, size, 5), torch.randn(3, channels, 8, 8)
    conv = torch.nn.Conv2d(channels, 5, size, stride=size)
    with torch.no_grad():
        conv.weight.copy_(ours.linear.weight.view_as(conv.weight))
        conv.bias.copy_(ours.linear.bias)
    mine, theirs = ours(x), conv(x).flatten(2).transpose(1, 2)
    assert torch.allclose(mine, theirs, atol=1e-5)
    mine.square().sum().backward()
    theirs.square().sum().backward()
    assert torch.allclose(ours.linear.weight.grad.view_as(conv.weight), conv.weight.grad, atol=1e-3)
    assert torch.allclose(ours.linear.bias.grad, conv.bias.grad, atol=1e-3)


@pytest.mark.parametrize("name", matching.MATCHERS)
def test_vectors_have_length_one_and_do_not_depend_on_the_batch(name):
    model = matching.new_matcher(name).eval()
    pictures, sentences = matching.MatchingBatches(6).batch(0)
    vectors = model.pictures(pictures), model.sentences(sentences)
    for whole, alone in zip(vectors, (model.pictures(pictures[2:3]), model.sentences(sentences[2:3]))):
        assert torch.allclose(whole.norm(dim=1), torch.ones(6), atol=1e-5)
        assert torch.allclose(whole[2:3], alone, atol=1e-5)
    assert torch.allclose(model(pictures, sentences), model.scale * vectors[0] @ vectors[1].T, atol=1e-4)


def test_padding_is_not_read():
    model = matching.new_matcher("ordered").eval()
    sentence = matching.sentences_tensor(["a red cat above a blue house"])
    longer = F.pad(sentence[:, :7], (0, 1))
    assert sentence.tolist() == longer.tolist()
    with torch.no_grad():
        model.words.weight[0] = 9.0  # whatever stands in the padding's row
        changed = model.sentences(sentence)
        model.words.weight[0] = 0.0
        assert torch.allclose(changed, model.sentences(sentence), atol=1e-5)


def test_the_loss_is_cross_entropy_both_ways():
    scores = torch.randn(5, 5)
    right = torch.arange(5)
    by_torch = (F.cross_entropy(scores, right) + F.cross_entropy(scores.T, right)) / 2
    assert torch.isclose(contrastive_loss(lambda a, b: scores, (None, None)), by_torch)


def test_the_scale_begins_as_in_the_paper_and_ends_at_100():
    model = Matcher(MatcherConfig(10, 7))
    assert abs(model.scale.item() - 1 / 0.07) < 1e-4
    with torch.no_grad():
        model.log_scale.fill_(9.0)
    assert model.scale.item() == 100


def test_a_bag_gives_a_sentence_and_its_twin_one_vector():
    model = matching.new_matcher("bag of parts", seed=3).eval()
    scenes = matching.pairs_of("test")[:20]
    a = model.sentences(matching.sentences_tensor([s.sentence for s in scenes]))
    b = model.sentences(matching.sentences_tensor([village.twin(s.sentence) for s in scenes]))
    assert torch.allclose(a, b, atol=1e-5)
    assert matching.twin_scores(model, scenes) == (0, 0, 0)


def test_twins_are_counted_as_winoground_does():
    tables = torch.tensor([[[2.0, 1], [3, 4]], [[5, 1], [2, 6]], [[1, 1], [1, 1]], [[2, 3], [1, 4]]])
    assert matching.twin_counts(tables) == (0.5, 0.5, 0.25)
    by_lot = matching.twin_counts(torch.rand(40_000, 2, 2, generator=torch.Generator().manual_seed(0)), tie=0.0)
    assert all(abs(found - wanted) < 0.01 for found, wanted in zip(by_lot, (1 / 4, 1 / 4, 1 / 6)))


def test_batches_with_twins_hold_every_scene_twice():
    pictures, sentences = matching.MatchingBatches(8, seed=1, twins=True).batch(3)
    assert pictures.shape == (8, 64) and sentences.shape == (8, matching.LONGEST)
    for i in range(4):
        assert village.swap(pictures[i].tolist()) == tuple(pictures[i + 4].tolist())
        assert sorted(sentences[i].tolist()) == sorted(sentences[i + 4].tolist())
    again = matching.MatchingBatches(8, seed=1, twins=True).batch(3)
    assert torch.equal(pictures, again[0]) and torch.equal(sentences, again[1])
    assert not torch.equal(pictures, matching.MatchingBatches(8, seed=2, twins=True).batch(3)[0])


def test_a_short_training_finds_more_than_chance():
    torch.set_num_threads(1)
    model, history = matching.train("bag of parts", steps=40)
    scenes = matching.pairs_of("test")[:60]
    assert history.train_loss[-1] < history.train_loss[0] - 1
    assert min(matching.retrieval(model, scenes)) > 4 / 60
    assert matching.twin_scores(model, scenes)[2] == 0


def test_retrieval_by_hand(monkeypatch):
    """Of three scenes two find their sentence; 'the other way to say it' counts as right, too."""
    scenes = [
        village.Scene(s, village.pictures_of(s)[0])
        for s in ("a red cat left of a blue house", "a blue house right of a red cat", "a pink hat above a green cup")
    ]
    table = torch.tensor([[0.0, 1, 0], [0, 0, 1], [0, 0, 2]])
    monkeypatch.setattr(matching, "scores", lambda *_: table)
    assert matching.retrieval(None, scenes) == (2 / 3, 1.0)
