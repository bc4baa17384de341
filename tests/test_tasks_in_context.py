"""Texts with rules made anew: what stands in them, what is best possible, who copies, against brute force."""

import pytest
import torch

from lmlib.tasks.in_context import IGNORE, LABELS, NOUNS, TaskBatches, Things, Words, share_right
from lmlib.training.checkpoint import load_shipped


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_a_text_of_words_keeps_its_labels():
    task = Words()
    episodes = task.draw(50, generator())
    for ids, answers, fresh in zip(episodes.ids, episodes.answers, episodes.fresh):
        said = task.text(ids).split()
        labels, earlier = {}, []
        for word, label, answer, new in zip(said[::2], said[1::2], answers, fresh):
            assert labels.setdefault(word, label) == label == LABELS[answer]
            assert bool(new) == (word not in earlier)
            earlier.append(word)
        assert len(labels) <= 6
    assert task.encode(task.text(ids)) == ids.tolist()


def test_labels_are_new_in_each_text_or_fixed():
    def labels_of(task):
        pairs = set()
        for ids in task.draw(500, generator()).ids:
            pairs |= set(zip(ids[::2].tolist(), ids[1::2].tolist()))
        return pairs

    assert len(labels_of(Words(fixed=True))) == len(NOUNS) and len(labels_of(Words())) == 4 * len(NOUNS)


@pytest.mark.parametrize("shots", [0, 1, 5, 15])
def test_the_best_share_is_what_who_remembers_gets(shots):
    task = Words()
    episodes = task.draw(8000, generator(1))
    seen = (~episodes.fresh[:, shots]).double().mean().item()
    assert seen + (1 - seen) / 4 == pytest.approx(task.best(shots), abs=0.02)


def test_words_that_are_unknown_are_named():
    with pytest.raises(ValueError, match="'house' is no word of this task"):
        Words().encode("kite A house B")


def test_the_model_of_the_village_knows_all_nouns():
    _, tokenizer, _ = load_shipped("village-gpt")
    assert all("<unk>" not in map(tokenizer.token, tokenizer.encode(f" {noun}")) for noun in NOUNS)


def test_the_rule_of_a_text_gives_its_labels():
    task = Things()
    for kind in ("old", "new"):
        episodes = task.draw(200, generator(), kind)
        given = task.labels(task.values(episodes)).gather(2, episodes.rules[:, None, None].expand(-1, 12, 1))[..., 0]
        assert (given == episodes.answers).all()
        assert task.chosen(kind)[episodes.rules].all()
    assert len(task.rules) == 756 and 0.7 < task.old.double().mean() < 0.8


def test_rules_by_hand():
    task = Things()
    for number in (0, 300, 755):
        feature, meaning = task.rules[number]
        values = torch.tensor([[[0, 1, 2], [3, 3, 0]]])
        expected = [meaning[(0, 1, 2)[feature]], meaning[(3, 3, 0)[feature]]]
        assert task.labels(values)[0, :, number].tolist() == expected


@pytest.mark.parametrize("rules, wrong", [("all", 0.0), ("old", 0.0), ("all", 0.3)])
def test_the_ideal_reader_is_bayes_theorem(rules, wrong):
    """Against loops over rules, on two short texts."""
    task = Things(shots=4)
    episodes = task.draw(2, generator(3))
    values, found = task.values(episodes), task.ideal(episodes, rules, wrong)
    for text in range(2):
        for shot in range(4):
            votes = [0.0] * 4
            for number, (feature, meaning) in enumerate(task.rules):
                weight = float(task.chosen(rules)[number])
                for before in range(shot):
                    right = meaning[values[text, before, feature]] == episodes.answers[text, before]
                    weight *= (1 - wrong) * float(right) + wrong / 4
                votes[meaning[values[text, shot, feature]]] += weight
            assert found[text, shot].tolist() == pytest.approx([v / sum(votes) for v in votes], abs=1e-9)


def test_the_copier_by_hand():
    task = Things(shots=4)
    values = torch.tensor([[[0, 0, 0], [0, 0, 1], [3, 3, 3], [0, 0, 2]]])
    copied = task.copier(task.episodes(values, torch.tensor([[1, 2, 0, 3]])))
    assert copied[0, 0].tolist() == [0, 0, 0, 0]  # nothing to copy
    assert copied[0, 1].tolist() == [0, 1, 0, 0]
    assert copied[0, 3].tolist() == [0, 0.5, 0.5, 0]  # two are equally similar


def test_learning_beats_copying_and_remembering_the_rules():
    """Of 756 rules a quarter is new: who only knows the others, or only copies, must fall behind."""
    task = Things()
    episodes = task.draw(300, generator(4), "new")
    last = episodes.fresh[:, -1]
    shares = [
        share_right(p[:, -1], episodes.answers[:, -1])[last].mean()
        for p in (task.ideal(episodes), task.copier(episodes), task.ideal(episodes, "old"))
    ]
    assert shares[0] > 0.93 and shares[1] < 0.8 and shares[2] < 0.5


@pytest.mark.parametrize("task", [Words(), Things()])
def test_only_labels_are_targets(task):
    inputs, targets = TaskBatches(task, 8).batch(5)
    again, _ = TaskBatches(task, 8).batch(5)
    other, _ = TaskBatches(task, 8, seed=1).batch(5)
    assert torch.equal(inputs, again) and not torch.equal(inputs, other)
    counted = targets != IGNORE
    assert counted.sum(1).tolist() == [task.shots] * 8
    assert (targets[counted] >= task.first_label).all()
    assert (inputs[:, 1:][counted[:, :-1]] == targets[:, :-1][counted[:, :-1]]).all()  # the token that comes next


def test_share_right_by_hand():
    p = torch.tensor([[0.1, 0.6, 0.3], [0.4, 0.4, 0.2], [0.5, 0.3, 0.2]])
    assert share_right(p, torch.tensor([1, 0, 2])).tolist() == [1, 0.5, 0]
