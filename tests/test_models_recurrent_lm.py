"""The recurrent language model: its memory, its two ways to run, and a training that carries the state."""

import numpy as np
import pytest
import torch

from lmlib import models
from lmlib.generate import generate
from lmlib.metrics import token_nats
from lmlib.models.recurrent import Carried, RecurrentConfig, RecurrentLM
from lmlib.text import CharTokenizer
from lmlib.training import DocumentBatches, StreamBatches, fit, load_checkpoint, next_token_loss
from lmlib.training.loop import validation_loss

KINDS = [("rnn", False), ("gru", False), ("lstm", False), ("lstm", True)]
IDS = torch.randint(7, (3, 12), generator=torch.Generator().manual_seed(0))


def small(cell="lstm", attention=False, **sizes):
    config = RecurrentConfig(7, cell, d_model=8, attention=attention, **sizes)
    model = RecurrentLM(config).eval()
    if attention:
        torch.nn.init.normal_(model.look_back.out.weight, generator=torch.Generator().manual_seed(1))
    return model


@pytest.mark.parametrize("cell, attention", KINDS)
def test_reading_in_parts_is_reading_at_once(cell, attention):
    model = small(cell, attention, n_layers=2)
    cache = model.new_cache()
    parts = [model(part, cache) for part in IDS.split([1, 5, 6], dim=1)]
    torch.testing.assert_close(torch.cat(parts, 1), model(IDS))
    assert cache.length == 12


@pytest.mark.parametrize("cell, attention", KINDS)
def test_nothing_depends_on_what_comes_later(cell, attention):
    model, changed = small(cell, attention), IDS.clone()
    changed[:, 8] = (changed[:, 8] + 1) % 7
    before, after = model(IDS), model(changed)
    torch.testing.assert_close(before[:, :8], after[:, :8], rtol=0, atol=0)
    assert not torch.allclose(before[:, 8:], after[:, 8:])


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_by_hand_and_fused_are_the_same_numbers(cell):
    fused, by_hand = small(cell, n_layers=2), small(cell, n_layers=2, fused=False)
    by_hand.layer.take_weights(fused.layer)
    by_hand.embedding.load_state_dict(fused.embedding.state_dict())
    torch.testing.assert_close(by_hand(IDS), fused(IDS))


def test_attention_looks_back_where_the_lstm_alone_cannot():
    """With the recurrent weights at zero the LSTM forgets everything; with attention the first token still counts."""
    for attention in (False, True):
        model = small("lstm", attention)
        with torch.no_grad():
            model.layer.weight_hh_l0.zero_()
            model.layer.bias_ih_l0[8:16].fill_(-50.0)  # the forget gate is shut
        changed = IDS.clone()
        changed[:, 0] = (changed[:, 0] + 1) % 7
        assert torch.allclose(model(IDS)[:, -1], model(changed)[:, -1]) is not attention


def test_it_scores_and_writes_like_every_model():
    tokenizer = CharTokenizer.train("abcd")
    model = RecurrentLM(RecurrentConfig(len(tokenizer), d_model=8)).eval()
    (nats,) = token_nats(model, tokenizer, ["abca"])
    ids = [tokenizer.end_id, *tokenizer.encode("abca"), tokenizer.end_id]
    slow = [-np.log(model.next_probabilities(ids[:i])[ids[i]]) for i in range(1, len(ids))]
    np.testing.assert_allclose(nats, slow, rtol=1e-5)
    assert generate(model, tokenizer, "ab", max_tokens=5, seed=1) == generate(
        model, tokenizer, "ab", max_tokens=5, seed=1
    )


def test_build_and_describe():
    model = small("gru", n_layers=2)
    assert models.build(models.describe(model)).config == model.config


def test_mistakes_get_one_clear_sentence():
    with pytest.raises(ValueError, match="no recurrent cell is called 'elman'"):
        RecurrentLM(RecurrentConfig(7, "elman"))
    with pytest.raises(ValueError, match="at least 1"):
        RecurrentLM(RecurrentConfig(0))
    with pytest.raises(ValueError, match="at least one"):
        small()(IDS[:, :0])
    with pytest.raises(ValueError, match="this model knows 0 to 6"):
        small()(IDS + 7)


# -- streams ------------------------------------------------------------------------------------------------


def test_streams_go_on_where_they_ended():
    batches = StreamBatches(range(27), context=5, batch_size=2)
    assert batches.steps_per_epoch == 3  # 13 tokens a row: 5, 5 and 3
    inputs, targets = (torch.cat(parts, 1) for parts in zip(*map(batches.batch, range(3))))
    assert inputs.tolist() == [list(range(13)), list(range(13, 26))]
    assert torch.equal(targets, inputs + 1)
    assert [batches.starts_anew(step) for step in range(7)] == [True, False, False] * 2 + [True]
    assert torch.equal(batches.batch(4)[0], batches.batch(1)[0])
    with pytest.raises(ValueError, match="cannot be read in 30 parts"):
        StreamBatches(range(20), 5, 30)


@pytest.mark.parametrize("cell, attention", KINDS)
def test_validation_carries_the_state(cell, attention):
    """So the loss over short pieces is the loss over the whole rows."""
    model = small(cell, attention)
    ids = torch.randint(7, (81,), generator=torch.Generator().manual_seed(2))
    whole = validation_loss(model, StreamBatches(ids, 80, 2), next_token_loss)
    assert validation_loss(model, StreamBatches(ids, 7, 2), next_token_loss) == pytest.approx(whole, rel=1e-5)


def test_training_carries_the_state_and_cuts_the_gradient():
    """The first steps of fit, with its own state, against a loop that is written out."""
    ids = torch.randint(7, (61,), generator=torch.Generator().manual_seed(3))
    batches = StreamBatches(ids, 6, 2)
    fitted, looped = small("lstm"), small("lstm")
    how = {"optimizer": "adamw", "lr": 0.01, "schedule": lambda done: 1.0, "clip": None}
    history = fit(fitted, batches, steps=8, progress=False, **how)
    optimizer = torch.optim.AdamW(looped.parameters(), lr=0.01, betas=(0.9, 0.98), weight_decay=0.0)
    losses, state = [], None
    for step in range(8):
        inputs, targets = batches.batch(step)
        if step % batches.steps_per_epoch == 0:
            state = None
        h, state = looped.layer(looped.embedding(inputs), state)
        state = tuple(part.detach() for part in state)
        logits = h @ looped.embedding.weight.T + looped.bias
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    np.testing.assert_allclose(history.train_loss, losses, rtol=2e-5)


def test_a_resumed_training_has_its_state_back(tmp_path):
    ids = torch.randint(7, (101,), generator=torch.Generator().manual_seed(4))

    def train(folder, stop=None, resume=False):
        batches = StreamBatches(ids, 6, 2)
        original, seen = batches.batch, []

        def batch(step):
            seen.append(step)
            if stop is not None and step == stop:
                raise KeyboardInterrupt
            return original(step)

        batches.batch = batch
        model = small("lstm", attention=True)
        fit(model, batches, steps=12, optimizer="adamw", lr=0.01, out=folder, resume=resume, progress=False)
        return model

    whole = train(tmp_path / "whole")
    train(tmp_path / "parts", stop=5)
    resumed = train(tmp_path / "parts", resume=True)
    for a, b in zip(whole.parameters(), resumed.parameters()):
        assert torch.equal(a, b)
    loaded = load_checkpoint(tmp_path / "parts")[0]
    torch.testing.assert_close(loaded(IDS), resumed(IDS), rtol=0, atol=0)


def test_a_model_without_memory_is_refused():
    class Forgetful(torch.nn.Linear):
        pass

    with pytest.raises(ValueError, match="has no new_cache"):
        fit(Forgetful(1, 1), StreamBatches(range(20), 3, 2), steps=1, progress=False)


def test_what_is_carried_can_be_stored():
    for state in (torch.ones(1, 2, 3), (torch.ones(1, 2, 3), torch.zeros(1, 2, 3))):
        one, other = Carried(), Carried()
        one.state, one.past, one.length = state, torch.ones(2, 4, 3), 4
        other.fill(one.tensors(), one.length)
        assert other.length == 4 and torch.equal(other.past, one.past)
        assert type(other.state) is type(state)


def test_documents_still_train():
    documents = [[1, 2, 3, 4] * 3] * 8
    model = small("gru")
    history = fit(model, DocumentBatches(documents, 0, 4), steps=40, optimizer="adamw", lr=0.03, progress=False)
    assert history.train_loss[-1] < 0.5 * history.train_loss[0]
