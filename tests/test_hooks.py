"""Hooks: sites against the network run by hand, edits, what is left behind, attention, contributions."""

import pytest
import torch
import torch.nn.functional as F

from lmlib import hooks
from lmlib.models.gpt import GPT, GPTConfig

CONFIGS = {
    "default": GPTConfig(11, context=16, n_layers=2, n_heads=2, d_model=8, conv_width=3, tied_head=True),
    "gpt2": GPTConfig.gpt2(11, context=16, n_layers=2, n_heads=2, d_model=8),
    "llama": GPTConfig.llama(11, context=16, n_layers=2, n_heads=4, d_model=16, n_kv_heads=2),
}


def lively(config):
    """A model whose parts all do something: those that begin at zero get numbers."""
    model = GPT(config).eval()
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(1)
        for p in model.parameters():
            p.add_(0.3 * torch.randn(p.shape))
    return model


@pytest.fixture(params=CONFIGS)
def model(request):
    return lively(CONFIGS[request.param])


IDS = torch.tensor([[1, 4, 2, 9, 3], [1, 5, 2, 2, 7]])


@torch.no_grad()
def test_the_stream_is_the_sum_of_what_the_parts_add(model):
    logits, kept = hooks.record(model, IDS, list(hooks.sites(model)))
    x = model.embedding(IDS) + (model.position.weight[:5] if model.config.positions == "learned" else 0)
    assert torch.allclose(kept["stream 0"], x)
    for layer, block in enumerate(model.blocks, start=1):
        x = x + kept[f"attention {layer}"] + kept[f"feed-forward {layer}"]
        assert torch.allclose(kept[f"stream {layer}"], x, atol=1e-5)
        assert torch.allclose(block.attention.out(kept[f"heads {layer}"]), kept[f"attention {layer}"], atol=1e-5)
        assert torch.allclose(block.down(kept[f"neurons {layer}"]), kept[f"feed-forward {layer}"], atol=1e-5)
    assert torch.equal(logits, model(IDS)) and torch.allclose(model.read_out(x), logits, atol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("site", ["stream 0", "stream 1", "stream 2"])
def test_patching_everything_is_the_other_text_and_its_own_values_change_nothing(model, site):
    first, second = IDS[:1], IDS[1:]
    logits, kept = hooks.record(model, first, [site])
    assert torch.allclose(hooks.run(model, second, {site: hooks.put(kept[site])}), logits, atol=1e-5)
    assert torch.equal(hooks.run(model, first, {site: hooks.put(kept[site])}), logits)


@torch.no_grad()
def test_a_patch_at_one_place_by_hand(model):
    """Behind layer 1: run the second text's stream with one vector of the first through the rest of the network."""
    turn = (model.cos[:5], model.sin[:5]) if model.config.positions == "rotary" else None
    _, first = hooks.record(model, IDS[:1], ["stream 1"])
    _, second = hooks.record(model, IDS[1:], ["stream 1"])
    x = second["stream 1"].clone()
    x[0, 2] = first["stream 1"][0, 2]
    by_hand = model.read_out(model.blocks[1](x, turn))
    got = hooks.run(model, IDS[1:], {"stream 1": hooks.put(first["stream 1"], place=2)})
    assert torch.allclose(got, by_hand, atol=1e-5)
    assert torch.allclose(got[0, :2], model(IDS[1:])[0, :2], atol=1e-5)  # nobody looks ahead


@torch.no_grad()
def test_ablations_by_hand(model):
    part = hooks.head(model, 1)
    site, block = "heads 2", model.blocks[1]
    _, kept = hooks.record(model, IDS, [site, "stream 1"])
    vector = torch.arange(model.config.d_model, dtype=torch.float32)
    for edit, put in ((hooks.zero(part=part), 0.0), (hooks.constant(vector, part=part), vector[part])):
        heads = kept[site].clone()
        heads[..., part] = put
        x = kept["stream 1"] + block.attention.out(heads)
        x = x + block.think(block.norm2(x))
        assert torch.allclose(hooks.run(model, IDS, {site: edit}), model.read_out(x), atol=1e-4)


def test_the_model_is_left_as_it_was_even_after_a_fault(model):
    before = hooks.run(model, IDS)
    with pytest.raises(ZeroDivisionError):
        hooks.run(model, IDS, {"stream 0": lambda x: x, "stream 1": lambda x: 1 / 0})
    hooks.run(model, IDS, {name: hooks.zero() for name in hooks.sites(model)})
    assert torch.equal(hooks.run(model, IDS), before)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_an_edit_gets_a_copy_and_what_was_recorded_stays(model):
    _, kept = hooks.record(model, IDS, ["stream 1", "heads 1"])
    before = {name: values.clone() for name, values in kept.items()}
    hooks.run(model, IDS, {"stream 1": hooks.put(kept["stream 1"].flip(0), place=1), "heads 1": hooks.zero()})
    assert all(torch.equal(kept[name], before[name]) for name in kept)


def test_what_is_not_there_is_refused(model):
    with pytest.raises(ValueError, match="no site 'stream 7': choose among stream 0, heads 1"):
        hooks.run(model, IDS, {"stream 7": hooks.zero()})
    with pytest.raises(ValueError, match="no head 9: each layer has the heads 0 to"):
        hooks.head(model, 9)
    for layer in (0, 3):
        with pytest.raises(ValueError, match=f"no layer {layer}: this model has the layers 1 to 2"):
            hooks.look(model, IDS, layer)


@torch.no_grad()
@pytest.mark.parametrize("layer", [1, 2])
def test_the_weights_are_those_that_the_model_uses(model, layer):
    weights, values = hooks.look(model, IDS, layer)
    _, kept = hooks.record(model, IDS, [f"heads {layer}"])
    assert torch.allclose((weights @ values).transpose(1, 2).flatten(2), kept[f"heads {layer}"], atol=1e-5)
    assert torch.allclose(weights.sum(-1), torch.ones(2, model.config.n_heads, 5), atol=1e-6)
    assert weights.triu(1).abs().max() == 0


@torch.no_grad()
@pytest.mark.parametrize("place", [-1, 2])
def test_contributions_add_up_to_the_logits(place):
    for name in ("default", "llama"):
        model = lively(CONFIGS[name])
        head = model.embedding.weight if model.head is None else model.head.weight
        logits = model(IDS)
        for token in (0, 7):
            found = hooks.contributions(model, IDS, head[token], place)
            assert torch.allclose(sum(found.values()), logits[:, place, token], atol=1e-4)
        assert len(found) == 1 + 2 * (model.config.n_heads + 1)


@torch.no_grad()
def test_a_contribution_is_what_the_logit_loses_where_the_scale_is_kept():
    model = lively(CONFIGS["default"])
    _, kept = hooks.record(model, IDS, ["stream 2", "feed-forward 2"])
    found = hooks.contributions(model, IDS, model.embedding.weight[3])["feed-forward 2"]
    x, added = kept["stream 2"][:, -1], kept["feed-forward 2"][:, -1]
    size = (x.pow(2).mean(-1, keepdim=True) + torch.finfo(x.dtype).eps).sqrt()
    lost = F.linear((x - (x - added)) / size * model.norm.weight, model.embedding.weight)[:, 3]
    assert torch.allclose(found, lost, atol=1e-4)


def test_contributions_need_a_norm_without_mean():
    with pytest.raises(ValueError, match="RMSNorm only"):
        model = lively(CONFIGS["gpt2"])
        hooks.contributions(model, IDS, model.embedding.weight[3])
