"""The loop takes any model and any lesson: a bigram, a classifier, a model that lmlib does not know."""

import json

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lmlib.training import CheckpointError, Muon, TokenBatches, fit, load_checkpoint, save_checkpoint
from lmlib.training.optim import hidden_matrices
from lmlib.training.schedule import linear

IDS = [(i * i) % 7 for i in range(500)]


class Bigram(nn.Module):
    """A model as a learner writes it: without sizes in a `config`, and with names of its own."""

    def __init__(self, tied=False, seed=0):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.vectors = nn.Embedding(7, 5)
            self.scores = nn.Linear(5, 7, bias=not tied)
        if tied:
            self.scores.weight = self.vectors.weight

    def forward(self, ids):
        return self.scores(self.vectors(ids))


def batches():
    return TokenBatches(IDS, context=8, batch_size=8)


def test_a_bigram_learns_what_counting_gives():
    model = Bigram()
    fit(model, batches(), steps=400, optimizer="adamw", lr=0.1, progress=False)
    counts = torch.zeros(7, 7)
    for a, b in zip(IDS, IDS[1:]):
        counts[a, b] += 1
    seen = counts.sum(1) > 0
    truth = counts[seen] / counts[seen].sum(1, keepdim=True)
    found = model(torch.arange(7)[seen][None])[0].softmax(-1)
    assert (found - truth).abs().max() < 0.03


def test_the_loop_is_the_loop_that_lesson_03_writes():
    """torch's AdamW, step by step, with the linear schedule: the same weights to the last bit."""
    model, twin = Bigram(), Bigram()
    fit(model, batches(), steps=20, optimizer="adamw", lr=0.02, schedule="linear", weight_decay=0.1, progress=False)
    optimizer = torch.optim.AdamW(twin.parameters(), betas=(0.9, 0.98), weight_decay=0.1)
    for step in range(20):
        optimizer.param_groups[0]["lr"] = 0.02 * linear(step / 20)
        inputs, targets = batches().batch(step)
        optimizer.zero_grad()
        F.cross_entropy(twin(inputs).flatten(0, 1), targets.flatten()).backward()
        nn.utils.clip_grad_norm_(twin.parameters(), 1.0)
        optimizer.step()
    for a, b in zip(model.parameters(), twin.parameters()):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-7)


def test_a_classifier_with_a_loss_of_its_own():
    """Is there a 3 in the text? Batches of (ids, labels), some labels unknown (-100) in validation."""

    class Questions:
        def batch(self, step):
            ids = torch.randint(7, (16, 3), generator=torch.Generator().manual_seed(step))
            return ids, (ids == 3).any(1).long()

        def all_batches(self):
            ids, labels = self.batch(10_000)
            labels[::4] = -100
            yield ids, labels

    class Bag(nn.Module):
        def __init__(self):
            super().__init__()
            self.bag, self.head = nn.EmbeddingBag(7, 4, mode="sum"), nn.Linear(4, 2)

        def forward(self, ids):
            return self.head(self.bag(ids))

    def loss(model, batch):
        return F.cross_entropy(model(batch[0]), batch[1])

    model = Bag()
    history = fit(model, Questions(), Questions(), steps=300, lr=0.05, loss=loss, progress=False)
    assert history.best_valid < 0.1 and history.tokens == 300 * 16 * 3
    ids, labels = Questions().batch(20_000)
    assert (model(ids).argmax(1) == labels).float().mean() > 0.9


def test_a_schedule_may_be_a_function():
    asked = []

    def nothing(done):
        asked.append(done)
        return 0.0

    model, before = Bigram(), Bigram()
    fit(model, batches(), steps=4, schedule=nothing, optimizer="adamw", progress=False)
    assert asked == [0, 0.25, 0.5, 0.75]
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), before.parameters()))


# -- checkpoints of models that lmlib does not know -----------------------------------------------------------


@pytest.mark.parametrize("tied", [False, True])
def test_a_model_of_ones_own_is_saved_resumed_and_filled(tmp_path, tied):
    def interrupted(model, batch, calls=[]):  # noqa: B006 -- it counts
        calls.append(1)
        if len(calls) == 8:
            raise KeyboardInterrupt
        return F.cross_entropy(model(batch[0]).flatten(0, 1), batch[1].flatten())

    whole, parted = Bigram(tied), Bigram(tied)
    fit(whole, batches(), steps=12, progress=False)
    fit(Bigram(tied), batches(), steps=12, out=tmp_path, loss=interrupted, progress=False)
    fit(parted, batches(), steps=12, out=tmp_path, resume=True, progress=False)
    found, tokenizer, state = load_checkpoint(tmp_path, model=Bigram(tied, seed=1))
    assert tokenizer is None and state["step"] == state["weights_step"] == 12
    for model in (parted, found):
        for name, value in whole.state_dict().items():
            assert torch.equal(model.state_dict()[name], value)
    with pytest.raises(CheckpointError, match="'bigram'.*as `model`"):
        load_checkpoint(tmp_path)
    with pytest.raises(CheckpointError, match="do not fit"):
        load_checkpoint(tmp_path, model=nn.Linear(2, 2))


def test_state_json_can_be_read_by_people(tmp_path):
    save_checkpoint(tmp_path, Bigram(), losses=[1.5] * 1000)
    text = (tmp_path / "state.json").read_text(encoding="utf-8")
    assert len(text.splitlines()) < 10 and json.loads(text)["losses"] == [1.5] * 1000


def test_best_weights_are_known_as_such(tmp_path):
    """A first part that did not keep the best weights must not pass its last ones off as the best."""
    data = (batches(), TokenBatches(IDS[:100], context=8))
    bad = {"lr": 3.0, "schedule": "constant", "optimizer": "adamw", "progress": False, "out": tmp_path}
    first = fit(Bigram(), *data, steps=8, eval_every=2, keep_best=False, **bad)
    assert first.best_step < 8  # it got worse
    model = Bigram()
    fit(model, *data, steps=8, eval_every=2, resume=True, **bad)
    last, _, state = load_checkpoint(tmp_path, model=Bigram())
    assert state["weights_step"] == 8
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), last.parameters()))


# -- who is trained by what -----------------------------------------------------------------------------------


def test_muon_gets_the_hidden_matrices_whatever_their_names():
    class Lesson(nn.Module):
        def __init__(self):
            super().__init__()
            self.words = nn.Embedding(9, 4)
            self.positions = nn.Embedding(5, 4)
            self.memory = nn.GRU(4, 4)
            self.filter = nn.Conv1d(4, 4, 3)
            self.tied = nn.Linear(4, 9)
            self.tied.weight = self.words.weight
            self.head = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2))
            self.headache = nn.Linear(4, 4)

    model = Lesson()
    expected = [model.memory.weight_ih_l0, model.memory.weight_hh_l0, model.headache.weight]
    assert [id(p) for p in hidden_matrices(model)] == [id(p) for p in expected]


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="this torch has no Muon of its own to compare with")
def test_muon_is_torchs_but_for_rounding():
    """torch iterates in bfloat16, we in float32: hundredths apart, and no drift."""
    shapes = [(16, 16), (16, 16), (48, 16), (16, 64)]
    generator = torch.Generator().manual_seed(0)
    ours = [nn.Parameter(torch.randn(shape, generator=generator)) for shape in shapes]
    theirs = [nn.Parameter(p.detach().clone()) for p in ours]
    mine = Muon(ours, lr=0.1, momentum=0.95, weight_decay=0.02)
    reference = torch.optim.Muon(theirs, lr=0.1, momentum=0.95, weight_decay=0.02)
    for _ in range(5):
        for a, b in zip(ours, theirs):
            before = a.detach().clone()
            a.grad = torch.randn(a.shape, generator=generator)
            b.grad = a.grad.clone()
        mine.step()
        reference.step()
    for a, b in zip(ours, theirs):
        torch.testing.assert_close(a, b, atol=0.03, rtol=0)
    assert (ours[-1] - before).norm() > 0.1
