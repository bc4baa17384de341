"""Attention of every head against the model's own, induction and previous-token scores against loops."""

import pytest
import torch

from lmlib.induction import behind_the_same, heads_of, induction_scores, previous_scores, repeated, without_head
from lmlib.models.gpt import GPT, GPTConfig

FORMS = [
    {},
    {"conv_width": 3},
    {"n_kv_heads": 1},
    {"positions": "learned", "norm": "layer", "activation": "gelu", "qk_norm": False, "bias": True},
]


def noisy(**parts):
    model = GPT(GPTConfig(20, context=24, n_layers=2, n_heads=2, d_model=16, **parts)).eval()
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.2 * torch.randn(p.shape, generator=torch.Generator().manual_seed(3)))
    return model


@pytest.mark.parametrize("parts", FORMS)
def test_the_weights_are_the_models_own(parts):
    """Weights times values, through the output matrix, must be what the layer itself puts out."""
    model, ids = noisy(**parts), torch.randint(20, (3, 12), generator=torch.Generator().manual_seed(0))
    seen = []
    hooks = [
        block.attention.register_forward_hook(lambda layer, inputs, out: seen.append((layer, inputs[0], out)))
        for block in model.blocks
    ]
    with torch.inference_mode():
        model(ids)
    for hook in hooks:
        hook.remove()
    weights = heads_of(model, ids)
    assert weights.shape == (3, 2, 2, 12, 12)
    assert weights.sum(-1) == pytest.approx(torch.ones(3, 2, 2, 12), abs=1e-5) and weights.triu(1).abs().max() == 0
    for number, (layer, x, out) in enumerate(seen):
        with torch.inference_mode():
            qkv = layer.qkv(x)
            qkv = layer.near(qkv) if layer.config.conv_width > 1 else qkv
            v = qkv.unflatten(-1, (-1, 8)).transpose(1, 2)[:, -layer.n_kv_heads :]
            v = v.repeat_interleave(2 // layer.n_kv_heads, dim=1)
            mine = layer.out((weights[:, number] @ v).transpose(1, 2).flatten(2))
        assert mine == pytest.approx(out, abs=1e-5)


def test_the_model_is_left_as_it_was():
    model = noisy().train()
    heads_of(model, torch.zeros(1, 3, dtype=torch.long))
    assert model.training and not model.blocks[0].attention._forward_pre_hooks


def test_repeated_rows_hold_different_tokens_twice():
    ids = repeated(5, 8, 20, torch.Generator().manual_seed(0))
    assert torch.equal(ids[:, :8], ids[:, 8:]) and all(len(set(row.tolist())) == 8 for row in ids)
    with pytest.raises(ValueError, match="21 different tokens cannot be drawn from 20"):
        repeated(1, 21, 20, torch.Generator())


@pytest.mark.parametrize("asked", [slice(None), slice(4, None, 2)])
def test_scores_are_those_of_loops(asked):
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(4, (3, 9), generator=generator)
    weights = torch.rand(3, 2, 2, 9, 9, generator=generator).tril()
    sums, befores = [], []
    for b in range(3):
        for q in range(9)[asked]:
            goals = [k for k in range(1, q + 1) if ids[b, k - 1] == ids[b, q]]
            assert behind_the_same(ids)[b, q].nonzero()[:, 0].tolist() == goals
            if goals:
                sums.append(weights[b, :, :, q, goals].sum(-1))
            if q:
                befores.append(weights[b, :, :, q, q - 1])
    assert induction_scores(weights, ids, asked) == pytest.approx(torch.stack(sums).mean(0), abs=1e-6)
    asked = slice(1, None) if asked == slice(None) else asked
    assert previous_scores(weights, asked) == pytest.approx(torch.stack(befores).mean(0), abs=1e-6)


def test_a_perfect_head_has_score_one():
    ids = repeated(2, 5, 20, torch.Generator().manual_seed(0))
    weights = behind_the_same(ids).double()[:, None, None]
    assert induction_scores(weights, ids).item() == 1
    assert previous_scores(torch.eye(10).roll(-1, 1)[None, None, None]).item() == 1


def test_a_silent_head_is_one_whose_columns_are_zero():
    model, ids = noisy(), torch.randint(20, (2, 9), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        before = model(ids)
        with without_head(model, 1, 0):
            silent = model(ids)
        again = model(ids)
        model.blocks[1].attention.out.weight[:, :8] = 0
        zeroed = model(ids)
    assert torch.equal(before, again) and (before - silent).abs().max() > 1e-3
    assert silent == pytest.approx(zeroed, abs=1e-5)
