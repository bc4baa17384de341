"""Costs by formula against what torch counts: parameters and operations exactly, memory nearly."""

import gc
import weakref

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from lmlib import cost
from lmlib.models.gpt import GPT, GPTConfig
from lmlib.training import next_token_loss

SIZES = {"context": 48, "n_layers": 2, "n_heads": 4, "d_model": 16}
FORMS = {
    "default": GPTConfig(31, **SIZES),
    "course": GPTConfig(31, **SIZES, tied_head=True, conv_width=3),
    "gpt2": GPTConfig.gpt2(31, **SIZES),
    "llama": GPTConfig.llama(31, **SIZES, n_kv_heads=2, hidden=40),
    "mixed": GPTConfig(31, **SIZES, norm="layer", bias=True, activation="swiglu", positions="learned"),
    "bare": GPTConfig(31, **SIZES, qk_norm=False, positions="none"),
    "one head of keys": GPTConfig(31, **SIZES, n_kv_heads=1, conv_width=2),
}
each_form = pytest.mark.parametrize("config", FORMS.values(), ids=FORMS.keys())


def batch(n=3, time=40):
    ids = torch.randint(0, 31, (n, time + 1), generator=torch.Generator().manual_seed(0))
    return ids[:, :-1], ids[:, 1:]


@each_form
def test_parameters_are_exact(config):
    found = cost.parameters(config)
    assert sum(found.values()) == GPT(config).n_parameters
    assert min(found.values()) > 0


def test_parameters_of_published_models():
    """GPT-2's smallest and largest (Radford et al. 2019, as released), GPT-3 (Brown et al. 2020, table 2.1)."""
    for sizes, n in (((12, 12, 768), 124_439_808), ((48, 25, 1600), 1_557_611_200)):
        config = GPTConfig.gpt2(
            50_257, context=1024, **dict(zip(("n_layers", "n_heads", "d_model"), sizes, strict=True))
        )
        assert sum(cost.parameters(config).values()) == n
    gpt3 = GPTConfig.gpt2(50_257, context=2048, n_layers=96, n_heads=96, d_model=12_288)
    assert sum(cost.parameters(gpt3).values()) == pytest.approx(175e9, rel=0.005)


@each_form
def test_operations_are_those_that_torch_counts(config):
    model = GPT(config)
    # The fused attention of processors is not on torch's list: ask for plain products.
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        loss = next_token_loss(model, batch())
    assert counter.get_total_flops() == cost.forward_flops(config, 3, 40)
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        loss = next_token_loss(model, batch())
        loss.backward()
    assert counter.get_total_flops() == cost.training_flops(config, 3, 40)


@each_form
def test_the_model_counts_alike_but_for_norms(config):
    """`flops_per_token` counts every weight, also the few that are in no product of matrices."""
    here = cost.training_flops(config, 1, config.context) / config.context
    assert here <= GPT(config).flops_per_token < 1.06 * here


@each_form
def test_activations_are_nearly_those_that_autograd_keeps(config):
    model = GPT(config)
    kept = cost.saved_bytes(model, lambda: next_token_loss(model, batch()))
    assert 4 * cost.activations(config, 3, 40) == pytest.approx(kept, rel=0.03)


def test_tensors_that_share_memory_count_once():
    weight = torch.nn.Linear(4, 4, bias=False)
    x = torch.randn(10, 4, requires_grad=True)
    assert cost.saved_bytes(weight, lambda: weight(x).sum()) == 160  # the weight itself is left out
    assert cost.saved_bytes(weight, lambda: (weight(x) + weight(x.view(5, 2, 4)).view(10, 4)).sum()) == 160


def test_what_was_counted_is_let_go():
    gone = []

    def loss():
        y = torch.ones(100, requires_grad=True).exp()  # autograd keeps exp's own result
        weakref.finalize(y, gone.append, True)
        return y.sum()

    assert cost.saved_bytes(torch.nn.Linear(1, 1), loss) == 400
    gc.collect()
    assert gone


def test_live_bytes_by_hand():
    x = torch.ones(100)
    with cost.LiveBytes() as live:
        y = x + 1  # 400 bytes
        z = y.view(10, 10)  # nothing new
        y.add_(1)  # in place
        assert (live.now, live.peak) == (400, 400)
        w = z * 2
        del w
        assert (live.now, live.peak) == (400, 800)
        del y
        assert live.now == 400  # the view still holds it
        del z
        assert live.now == 0


def test_state_after_an_adam_step_is_sixteen_bytes_a_parameter():
    config = FORMS["course"]
    model = GPT(config)
    optimizer = torch.optim.Adam(model.parameters())
    with cost.LiveBytes() as live:
        next_token_loss(model, batch()).backward()
        optimizer.step()
    memory = cost.memory(config, 3, 40)
    assert live.now + memory.weights == pytest.approx(16 * model.n_parameters, rel=0.01)
    assert live.peak + memory.weights <= memory.total * 1.05


def test_memory_in_mixed_precision():
    config = FORMS["gpt2"]
    full, mixed = cost.memory(config, 3, 40), cost.memory(config, 3, 40, "mixed")
    assert full.weights + full.gradients + full.optimizer == mixed.weights + mixed.gradients + mixed.optimizer
    assert mixed.activations * 2 == full.activations
    assert full.total == 16 * GPT(config).n_parameters + full.activations
    with pytest.raises(ValueError, match="no precision is called 'int4': choose one of float32, mixed"):
        cost.memory(config, 1, 1, "int4")


def test_work_counts_calls_and_bytes_without_views():
    x = torch.ones(100)
    with cost.Work() as work:
        (x.view(10, 10).t() + 1).sum()
    assert work.calls == 2
    assert work.bytes == (400 + 400) + (400 + 4)


def test_seconds_takes_the_least_of_the_rounds(monkeypatch):
    now = iter([0.0, 0.0, 5.0, 5.0, 5.0, 7.0])  # two rounds of one action each: 5 and 2 seconds
    monkeypatch.setattr(cost.clock, "process_time", lambda: next(now))
    assert cost.seconds(lambda: None, least=0.2, rounds=2) == 2.0


def test_hours_energy_and_a_published_case():
    machine = cost.Hardware("x", rate=1e12, bandwidth=1e9, memory=1e9, watts=500, dollars=2.0)
    assert cost.hours(3.6e15, machine, 0.5, 2) == pytest.approx(1.0)
    assert cost.kilowatt_hours(10, machine, 1.2) == pytest.approx(6.0)
    for utilisation in (0, 1.1, 40):
        with pytest.raises(ValueError, match="share of the highest rate"):
            cost.hours(1, machine, utilisation)
    # GPT-3, Patterson et al. 2021, table 4: 1,287 MWh, 14.8 days on 10,000 V100
    v100 = cost.Hardware("V100", 24.6e12, 0.9e12, 32e9, 330, 0.0)
    hours = cost.hours(3.14e23, v100, 1.0)
    assert hours / 24 / 10_000 == pytest.approx(14.8, abs=0.05)
    assert cost.kilowatt_hours(hours, v100, 1.1) / 1000 == pytest.approx(1287, abs=1)
