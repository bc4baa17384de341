"""The feed-forward model against a loop over windows, written out number by number."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from lmlib import models
from lmlib.generate import generate
from lmlib.metrics import bits_per_character, token_nats
from lmlib.models.mlp import FeedForward, FeedForwardConfig
from lmlib.text import CharTokenizer
from lmlib.training import DocumentBatches, fit, load_checkpoint, save_checkpoint
from lmlib.training.optim import hidden_matrices

CONFIG = FeedForwardConfig(vocab_size=11, window=4, d_embedding=3, hidden=5)


def random_model(seed=1, **sizes):
    """A model with no weight at zero: what starts at zero would hide mistakes."""
    model = FeedForward(FeedForwardConfig(**(vars(CONFIG) | sizes))).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in model.parameters():
            p.normal_(generator=generator)
    return model


def random_ids(batch, time, seed=2):
    return torch.randint(11, (batch, time), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("window", [1, 2, 4, 9])
def test_every_place_equals_a_loop_over_windows(window):
    """Bengio et al. 2003, equation 1, with W = 0: b + U tanh(d + H x), in plain Python."""
    model, ids = random_model(window=window), random_ids(2, 7)
    with torch.no_grad():
        found = model(ids).double()
    vectors, big_h, d, big_u, b = (p.double().tolist() for p in model.parameters())
    for row in range(2):
        for place in range(7):
            x = []
            for i in range(place - window + 1, place + 1):
                x += vectors[ids[row, i]] if i >= 0 else [0.0, 0.0, 0.0]
            h = [math.tanh(d[j] + sum(w * a for w, a in zip(big_h[j], x, strict=True))) for j in range(5)]
            logits = [b[k] + sum(u * a for u, a in zip(big_u[k], h, strict=True)) for k in range(11)]
            assert found[row, place].tolist() == pytest.approx(logits, abs=1e-4)


def test_a_token_changes_the_next_window_places_and_no_other():
    model, ids = random_model(), random_ids(1, 12)
    with torch.no_grad():
        before = model(ids)
        for place in range(12):
            changed = ids.clone()
            changed[:, place] = (ids[:, place] + 1) % 11
            moved = (model(changed) - before).abs().amax(-1)[0]
            assert [i for i in range(12) if moved[i] > 0] == list(range(place, min(place + 4, 12)))


def test_gradient_reaches_every_parameter():
    model, ids = random_model().train(), random_ids(4, 12)
    model(ids).square().sum().backward()
    for name, p in model.named_parameters():
        rows = ids.unique() if name == "embedding.weight" else slice(None)  # tokens that were not read have none
        assert p.grad[rows].abs().sum(-1).min() > 0, name


def test_it_starts_out_knowing_nothing_and_inputs_of_tanh_are_about_one():
    model = FeedForward(FeedForwardConfig(vocab_size=200, window=8, d_embedding=32, hidden=256))
    ids = torch.randint(200, (4, 50), generator=torch.Generator().manual_seed(3))
    into_tanh = []
    model.inner.register_forward_hook(lambda layer, x, y: into_tanh.append(y))
    with torch.no_grad():
        assert torch.equal(model(ids), torch.zeros(4, 50, 200))
    assert into_tanh[0][:, 8:].std().item() == pytest.approx(1, abs=0.1)


def test_dropout_only_while_training():
    model, ids = random_model(dropout=0.5), random_ids(1, 12)
    with torch.no_grad():
        assert torch.equal(model(ids), model(ids))
        with torch.random.fork_rng():
            assert not torch.equal(model.train()(ids), model(ids))


def test_next_probabilities():
    model, ids = random_model(dropout=0.5).train(), random_ids(1, 12)[0].tolist()
    found = model.next_probabilities(ids)
    assert model.training  # as it was before
    with torch.no_grad():
        expected = model.eval()(torch.tensor([ids]))[0, -1].softmax(-1)
    assert found == pytest.approx(expected.numpy(), abs=1e-6) and found.sum() == pytest.approx(1)
    assert np.array_equal(model.next_probabilities(ids[-4:]), found)  # the window is all that it sees
    short = model(torch.tensor([ids[:2]]))[0, -1].softmax(-1)
    assert model.next_probabilities(ids[:2]) == pytest.approx(short.detach().numpy(), abs=1e-6)


def test_sizes_are_counted_right():
    model = FeedForward(CONFIG)
    assert model.n_parameters == 11 * 3 + (4 * 3 + 1) * 5 + (5 + 1) * 11
    with FlopCounterMode(display=False) as counter:
        model(random_ids(4, 32)).sum().backward()
    assert counter.get_total_flops() == 4 * 32 * model.flops_per_token


def test_muon_trains_the_hidden_layer_alone():
    model = FeedForward(CONFIG)
    assert [p is model.inner.weight for p in hidden_matrices(model)] == [True]


TEXTS = ["the cat sat on the mat", "the dog sat", "a cat", "the mat", "a dog sat on a mat"]
TOKENIZER = CharTokenizer.train(TEXTS)


@pytest.fixture(scope="module")
def trained():
    model = FeedForward(FeedForwardConfig(len(TOKENIZER), window=5, d_embedding=8, hidden=32))
    batches = DocumentBatches([TOKENIZER.encode(text) for text in TEXTS], TOKENIZER.end_id, batch_size=5)
    history = fit(model, batches, batches, steps=150, progress=False)
    return model, history


def test_fit_metrics_and_generate_take_it_as_it_is(trained):
    model, history = trained
    assert history.valid_loss[-1] < 0.3 < history.valid_loss[0]
    nats = token_nats(model, TOKENIZER, TEXTS)
    one_by_one = []
    for text in TEXTS:
        ids = [TOKENIZER.end_id, *TOKENIZER.encode(text), TOKENIZER.end_id]
        one_by_one.append([-math.log(model.next_probabilities(ids[:i])[ids[i]]) for i in range(1, len(ids))])
    for found, expected in zip(nats, one_by_one, strict=True):
        assert found == pytest.approx(np.array(expected), abs=1e-4)
    expected = sum(map(sum, one_by_one)) / math.log(2) / sum(len(text) + 1 for text in TEXTS)
    assert bits_per_character(model, TOKENIZER, TEXTS) == pytest.approx(expected, abs=1e-4)
    assert generate(model, TOKENIZER, "the dog s", temperature=0) == "at"


def test_checkpoint_gives_the_same_model_back(trained, tmp_path):
    model, _ = trained
    save_checkpoint(tmp_path, model, TOKENIZER)
    twin, tokenizer, state = load_checkpoint(tmp_path)
    assert state["model"] == {"model": "feedforward", **vars(model.config)}
    ids = torch.tensor([tokenizer.encode("the cat")])
    with torch.no_grad():
        assert torch.equal(twin(ids), model(ids))


def test_it_equals_its_twin_made_of_a_convolution():
    """The same layer in other words: a convolution over time whose kernel is as long as the window."""
    model, ids = random_model(), random_ids(2, 9)
    conv = torch.nn.Conv1d(3, 5, kernel_size=4)
    with torch.no_grad():
        conv.weight.copy_(model.inner.weight.view(5, 4, 3).transpose(1, 2))
        conv.bias.copy_(model.inner.bias)
        x = F.pad(model.embedding(ids).transpose(1, 2), (3, 0))
        torch.testing.assert_close(model.head(conv(x).transpose(1, 2).tanh()), model(ids), atol=1e-5, rtol=1e-4)


def test_wrong_input_gets_one_sentence():
    model = random_model()
    with pytest.raises(ValueError, match="at least one"):
        model.next_probabilities([])
    with pytest.raises(ValueError, match="knows 0 to 10"):
        model(torch.tensor([[11]]))
    with pytest.raises(ValueError, match="at least 1"):
        FeedForward(FeedForwardConfig(5, window=0))
    with pytest.raises(ValueError, match="do not describe a feedforward"):
        models.build({"model": "feedforward", "width": 3})
