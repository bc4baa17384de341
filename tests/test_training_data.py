"""Batches: the same for the same seed and step, and nothing left out or read twice."""

from collections import Counter

import pytest
import torch

from lmlib.training import DocumentBatches, TokenBatches
from lmlib.training.data import IGNORE

END = 99
DOCUMENTS = [list(range(10 * d, 10 * d + n)) for d, n in enumerate([3, 0, 7, 5, 5, 1, 9, 2, 4])]


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a, b))


def rows(batch):
    """The texts of a batch, padding taken away: lists of inputs and of targets."""
    for inputs, targets in zip(*batch):
        n = int((targets != IGNORE).sum())
        assert (targets[n:] == IGNORE).all()  # padding stands at the end alone
        yield inputs[:n].tolist(), targets[:n].tolist()


@pytest.mark.parametrize(
    "make",
    [
        lambda seed: TokenBatches(range(100), context=7, batch_size=4, seed=seed),
        lambda seed: DocumentBatches(DOCUMENTS, END, batch_size=2, seed=seed),
    ],
)
def test_seed_and_step_decide_the_batch(make):
    state = torch.get_rng_state()
    one, two, other = make(3), make(3), make(4)
    assert same(one.batch(17), two.batch(17))
    one.batch(5)  # whatever was drawn before does not matter
    assert same(one.batch(17), two.batch(17))
    assert any(one.batch(s)[0].tolist() != one.batch(s + 1)[0].tolist() for s in range(5))
    assert any(one.batch(s)[0].tolist() != other.batch(s)[0].tolist() for s in range(5))
    assert torch.equal(torch.get_rng_state(), state)


def test_windows_are_pieces_of_the_text_and_start_everywhere():
    ids = torch.randperm(30, generator=torch.Generator().manual_seed(0))
    batches, starts = TokenBatches(ids, context=6, batch_size=16, seed=1), Counter()
    for step in range(60):
        inputs, targets = batches.batch(step)
        assert inputs.shape == targets.shape == (16, 6)
        for i, t in zip(inputs, targets):
            place = int((ids == i[0]).nonzero())
            assert torch.equal(i, ids[place : place + 6]) and torch.equal(t, ids[place + 1 : place + 7])
            starts[place] += 1
    assert sorted(starts) == list(range(24))  # the last window ends with the last token
    assert max(starts.values()) < 2.5 * 960 / 24


@pytest.mark.parametrize("n", [8, 9, 13, 29, 64, 65])
@pytest.mark.parametrize("batch_size", [1, 3, 50])
def test_validation_predicts_every_token_after_the_first_once(n, batch_size):
    batches = TokenBatches(list(range(n)), context=7, batch_size=batch_size)
    seen = []
    for inputs, targets in batches.all_batches():
        assert inputs.size(0) <= batch_size and inputs.size(1) <= 7
        assert torch.equal(inputs + 1, targets)
        seen += targets.flatten().tolist()
    assert seen == list(range(1, n))


def test_a_short_text_is_explained():
    with pytest.raises(ValueError, match="7 tokens.*context 7"):
        TokenBatches(range(7), context=7)


@pytest.mark.parametrize("batch_size", [1, 2, 4, 100])
def test_each_epoch_reads_each_document_once_with_its_marks(batch_size):
    batches = DocumentBatches(DOCUMENTS, END, batch_size=batch_size, seed=5)
    expected = sorted(([END, *ids], [*ids, END]) for ids in DOCUMENTS)
    per_epoch = -(-len(DOCUMENTS) // batch_size)
    epochs = []
    for epoch in range(4):
        drawn = [list(rows(batches.batch(epoch * per_epoch + i))) for i in range(per_epoch)]
        assert all(len(part) <= batch_size for part in drawn)
        assert sorted(sum(drawn, [])) == expected
        epochs.append(drawn)
    assert epochs[0] != epochs[1] or batch_size == 100
    assert sorted(row for batch in batches.all_batches() for row in rows(batch)) == expected


def test_a_long_document_is_cut_and_still_predicted_once():
    batches = DocumentBatches(DOCUMENTS, END, batch_size=3, context=4)
    targets = Counter()
    for batch in batches.all_batches():
        assert batch[0].size(1) <= 4
        for i, t in rows(batch):
            assert i[1:] == t[:-1]
            targets.update(t)
    assert targets == Counter(token for ids in DOCUMENTS for token in (*ids, END))
    first_epoch = [r for s in range(-(-len(batches.rows) // 3)) for r in rows(batches.batch(s))]
    assert Counter(token for _, t in first_epoch for token in t) == targets


def test_documents_of_like_length_go_together():
    documents = [[1] * n for n in torch.randint(1, 200, (200,), generator=torch.Generator().manual_seed(2)).tolist()]
    batches = DocumentBatches(documents, END, batch_size=10)
    wasted = sum(int((batches.batch(s)[1] == IGNORE).sum()) for s in range(20))
    assert wasted < 0.15 * sum(len(ids) + 1 for ids in documents)


def test_padding_weighs_nothing():
    from lmlib.training import next_token_loss

    table = torch.randn(100, 100, generator=torch.Generator().manual_seed(0))
    (batch,) = DocumentBatches(DOCUMENTS, END, batch_size=100).all_batches()
    losses = [-table[i].log_softmax(-1)[t] for row in rows(batch) for i, t in zip(*row)]
    expected = torch.stack(losses).mean().item()
    assert next_token_loss(lambda ids: table[ids], batch).item() == pytest.approx(expected, rel=1e-5)


def test_no_documents_are_explained():
    with pytest.raises(ValueError, match="no documents"):
        DocumentBatches([], END)
