"""The optimizers against the singular value decomposition, torch's AdamW, and the formula by hand."""

import pytest
import torch
from torch import nn

from lmlib.models.gpt import GPT, GPTConfig
from lmlib.training import SCHEDULES, Muon, make_optimizers
from lmlib.training.optim import orthogonalise


def random(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def gpt(**sizes):
    return GPT(GPTConfig(**{"vocab_size": 11, "context": 6, "n_layers": 2, "n_heads": 2, "d_model": 8} | sizes))


@pytest.mark.parametrize("shape", [(16, 16), (48, 16), (16, 64), (5, 20, 12), (1, 9), (9, 1)])
@pytest.mark.parametrize("size", [1.0, 1e-4, 1e5])
def test_orthogonalise_keeps_the_directions_and_evens_out_the_sizes(shape, size):
    m = size * random(*shape)
    out = orthogonalise(m)
    assert out.shape == m.shape
    u, s, v = torch.linalg.svd(m, full_matrices=False)
    polar = u @ v
    for one, truth, values in zip(
        out.reshape(-1, *shape[-2:]), polar.reshape(-1, *shape[-2:]), s.reshape(-1, s.size(-1))
    ):
        assert nn.functional.cosine_similarity(one.flatten(), truth.flatten(), dim=0) > 0.95
        found = torch.linalg.svdvals(one)
        assert found[values > 0.02 * values.norm()].min() > 0.6  # a value far below the others comes less far
        assert found.max() < 1.3


def test_orthogonalise_follows_its_polynomial():
    s = torch.tensor([0.9, 0.4, 0.15, 0.02]).double()
    u, _ = torch.linalg.qr(random(6, 4).double())
    v, _ = torch.linalg.qr(random(4, 4, seed=1).double())
    x = s / (s.norm() + 1e-7)
    for _ in range(5):
        x = 3.4445 * x - 4.775 * x**3 + 2.0315 * x**5
    torch.testing.assert_close(orthogonalise(u * s @ v), u * x @ v, atol=1e-10, rtol=0)


def test_orthogonalise_of_nothing_is_nothing():
    assert torch.equal(orthogonalise(torch.zeros(3, 5)), torch.zeros(3, 5))


def test_muon_by_hand():
    lr, beta, decay = 0.1, 0.9, 0.01
    weights = [random(6, 4), random(6, 4, seed=1), random(3, 8, seed=2)]
    params = [nn.Parameter(w.clone()) for w in weights]
    optimizer = Muon(params, lr=lr, momentum=beta, weight_decay=decay)
    momentum = [torch.zeros_like(w) for w in weights]
    for step in range(3):
        for i, p in enumerate(params):
            g = random(*p.shape, seed=10 * step + i)
            p.grad = g.clone()
            momentum[i] = beta * momentum[i] + (1 - beta) * g
            update = orthogonalise((1 - beta) * g + beta * momentum[i])
            scale = max(1, p.size(0) / p.size(1)) ** 0.5
            weights[i] = weights[i] - lr * decay * weights[i] - lr * scale * update
        optimizer.step()
        for p, w in zip(params, weights):
            torch.testing.assert_close(p.data, w, atol=1e-5, rtol=1e-5)


def test_muon_leaves_what_has_no_gradient():
    p, q = nn.Parameter(random(3, 3)), nn.Parameter(random(3, 3, seed=1))
    before, q.grad = p.detach().clone(), random(3, 3, seed=2)
    Muon([p, q]).step()
    assert torch.equal(p, before) and not torch.equal(q.detach(), random(3, 3, seed=1))


def test_adamw_is_torchs():
    ours, theirs = gpt(), gpt()
    (optimizer,) = make_optimizers(ours, "adamw", lr=1e-2, weight_decay=0.1)
    reference = torch.optim.AdamW(theirs.parameters(), lr=1e-2, betas=(0.9, 0.98), weight_decay=0.1)
    for step in range(4):
        for model in (ours, theirs):
            for i, p in enumerate(model.parameters()):
                p.grad = random(*p.shape, seed=100 * step + i)
        optimizer.step()
        reference.step()
    for a, b in zip(ours.parameters(), theirs.parameters()):
        torch.testing.assert_close(a, b, atol=1e-7, rtol=1e-6)


@pytest.mark.parametrize("name", ["muon", "adamw"])
@pytest.mark.parametrize("tied", [False, True])
def test_every_parameter_has_one_optimizer(name, tied):
    model = gpt(tied_head=tied)
    optimizers = make_optimizers(model, name)
    owned = [p for o in optimizers for group in o.param_groups for p in group["params"]]
    assert len(owned) == len(set(owned)) and set(owned) == set(model.parameters())
    inside = {p for key, p in model.named_parameters() if key.startswith("blocks") and p.ndim == 2}
    by_muon = {p for o in optimizers if isinstance(o, Muon) for group in o.param_groups for p in group["params"]}
    assert by_muon == (inside if name == "muon" else set())
    assert all(group["base_lr"] == group["lr"] for o in optimizers for group in o.param_groups)


def test_a_model_without_matrices_needs_no_muon():
    (optimizer,) = make_optimizers(nn.LayerNorm(4), "muon")
    assert isinstance(optimizer, torch.optim.AdamW)


def test_another_name_is_explained():
    with pytest.raises(ValueError, match="'sgd'.*'adamw' or 'muon'"):
        make_optimizers(gpt(), "sgd")


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_rise_to_the_full_rate_and_never_beyond(name):
    rates = [SCHEDULES[name](i / 1000) for i in range(1000)]
    assert 0 < rates[0] < 0.1 and max(rates) == pytest.approx(1, abs=1e-3) and max(rates) <= 1 and min(rates) > 0
    top = rates.index(max(rates))
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)


def test_schedules_end_where_they_say():
    assert SCHEDULES["trapezoid"](1.0) == 0 and SCHEDULES["trapezoid"](0.75) == pytest.approx(0.5)
    assert SCHEDULES["cosine"](1.0) == pytest.approx(0.1)
    assert SCHEDULES["cosine"](0.515) == pytest.approx(0.55)  # half way from warm-up to the end
    assert SCHEDULES["constant"](1.0) == 1
