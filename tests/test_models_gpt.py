"""The GPT against plain loops, torch's own layers, and properties that must hold whatever the weights are."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from lmlib import models
from lmlib.models.gpt import GPT, Attention, GPTConfig, rotary_angles, rotate

CONFIG = GPTConfig(vocab_size=11, context=12, n_layers=2, n_heads=2, d_model=16)


def random_gpt(seed=1, **sizes):
    """A GPT with no weight at zero: what starts at zero would hide mistakes."""
    model = GPT(GPTConfig(**(vars(CONFIG) | sizes))).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in model.parameters():
            p.normal_(std=0.5, generator=generator)
    return model


def random_ids(batch, time, seed=2, vocab_size=11):
    return torch.randint(vocab_size, (batch, time), generator=torch.Generator().manual_seed(seed))


# -- attention ----------------------------------------------------------------------------------------------


def test_attention_equals_plain_loops():
    model = random_gpt()
    attention = model.blocks[0].attention
    x = torch.randn(2, 7, 16, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        found = attention(x, (model.cos[:7], model.sin[:7]))
    w_q, w_k, w_v = (w.double().numpy() for w in attention.qkv.weight.detach().split(16))
    w_out = attention.out.weight.detach().double().numpy()
    x = x.double().numpy()

    def prepared(vector, position):
        """One head's query or key: length sqrt(d_head), then each pair (i, i + 4) turned."""
        vector = vector / math.sqrt((vector**2).mean() + torch.finfo(torch.float32).eps)
        turned = np.empty(8)
        for i in range(4):
            angle = position * 10_000 ** (-2 * i / 8)
            a, b = vector[i], vector[i + 4]
            turned[i] = a * math.cos(angle) - b * math.sin(angle)
            turned[i + 4] = a * math.sin(angle) + b * math.cos(angle)
        return turned

    for b in range(2):
        for i in range(7):
            heads = []
            for part in (slice(0, 8), slice(8, 16)):
                q = prepared((w_q @ x[b, i])[part], i)
                scores = [q @ prepared((w_k @ x[b, j])[part], j) / math.sqrt(8) for j in range(i + 1)]
                weights = np.exp(scores) / np.exp(scores).sum()
                heads.append(sum(w * (w_v @ x[b, j])[part] for j, w in enumerate(weights)))
            assert found[b, i].numpy() == pytest.approx(w_out @ np.concatenate(heads), abs=1e-4)


def test_attention_equals_torch_multihead_attention(monkeypatch):
    """Without its two younger parts, rotation and the norm of q and k, it is nn.MultiheadAttention."""
    attention = Attention(CONFIG)
    twin = torch.nn.MultiheadAttention(16, 2, bias=False, batch_first=True)
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for p in attention.parameters():
            p.normal_(generator=generator)
        twin.in_proj_weight.copy_(attention.qkv.weight)
        twin.out_proj.weight.copy_(attention.out.weight)
    monkeypatch.setattr(F, "rms_norm", lambda x, shape: x)
    x = torch.randn(3, 9, 16, generator=generator)
    still = torch.ones(9, 4), torch.zeros(9, 4)  # cos 0, sin 0: nothing turns
    ours = attention(x, still)
    theirs, _ = twin(x, x, x, attn_mask=torch.ones(9, 9, dtype=torch.bool).triu(1), need_weights=False)
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)
    by_us, by_them = (
        torch.autograd.grad(ours.sum(), attention.qkv.weight),
        torch.autograd.grad(theirs.sum(), twin.in_proj_weight),
    )
    torch.testing.assert_close(by_us, by_them, atol=1e-3, rtol=1e-3)


def test_rotary_scores_depend_on_the_distance_alone():
    cos, sin = (part.double() for part in rotary_angles(50, 8))
    q, k = torch.randn(2, 1, 1, 1, 8, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    score = [[float(rotate(q, cos[i], sin[i]).flatten() @ rotate(k, cos[j], sin[j]).flatten()) for j in range(50)]
             for i in range(50)]  # fmt: skip
    for distance in range(-49, 50):
        along = np.diagonal(score, distance)
        assert along == pytest.approx(np.full(len(along), along[0]), abs=1e-5)
    assert np.std([score[0][j] for j in range(50)]) > 0.1  # and on the distance they do depend


def test_rotary_turns_without_stretching():
    cos, sin = rotary_angles(50, 8)
    x = torch.randn(1, 1, 50, 8, generator=torch.Generator().manual_seed(6))
    torch.testing.assert_close(rotate(x, cos, sin).norm(dim=-1), x.norm(dim=-1))
    torch.testing.assert_close(rotate(x, cos, sin)[..., 0, :], x[..., 0, :])  # place 0 is not turned


# -- the whole model ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("tied", [False, True])
def test_a_later_token_changes_nothing_earlier(tied):
    model, ids = random_gpt(tied_head=tied), random_ids(2, 12)
    with torch.no_grad():
        before = model(ids)
        for place in range(12):
            changed = ids.clone()
            changed[:, place] = (ids[:, place] + 1) % 11
            after = model(changed)
            torch.testing.assert_close(after[:, :place], before[:, :place])
            assert (after[:, place:] - before[:, place:]).abs().amax(-1).min() > 1e-4  # all later ones did change


def test_rows_of_a_batch_do_not_mix():
    model, ids = random_gpt(), random_ids(3, 8)
    with torch.no_grad():
        together = model(ids)
        for row, logits in zip(ids, together):
            torch.testing.assert_close(model(row[None])[0], logits, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("pieces", [[1] * 12, [12], [5, 1, 1, 4, 1], [3, 9], [1, 11]])
def test_cache_equals_no_cache(pieces):
    model, ids = random_gpt(), random_ids(2, 12)
    cache, found = model.new_cache(), []
    with torch.no_grad():
        for part in ids.split(pieces, dim=1):
            found.append(model(part, cache))
        assert cache.length == 12
        torch.testing.assert_close(torch.cat(found, dim=1), model(ids), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("tied", [False, True])
def test_gradient_reaches_every_parameter(tied):
    model, ids = random_gpt(tied_head=tied).train(), random_ids(4, 12)
    model(ids).square().sum().backward()
    for name, p in model.named_parameters():
        if name == "embedding.weight":
            p.grad = p.grad[ids.unique()]  # rows of tokens that were not read have none
        assert p.grad.abs().amin() >= 0 and p.grad.abs().sum() > 0, name


@pytest.mark.parametrize("tied", [False, True])
def test_it_learns_a_sequence_by_heart(tied):
    model, ids = GPT(GPTConfig(**(vars(CONFIG) | {"tied_head": tied}))), random_ids(1, 13)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(150):
        loss = F.cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.05


@pytest.mark.parametrize("tied, tolerance", [(False, 1e-6), (True, 0.1)])
def test_it_starts_out_knowing_nothing(tied, tolerance):
    model, ids = GPT(GPTConfig(**(vars(CONFIG) | {"tied_head": tied}))), random_ids(4, 12)
    with torch.no_grad():
        loss = F.cross_entropy(model(ids).flatten(0, 1), random_ids(4, 12, seed=9).flatten())
    assert loss.item() == pytest.approx(math.log(11), abs=tolerance)


def test_next_probabilities():
    model, ids = random_gpt(dropout=0.5).train(), random_ids(1, 12)[0].tolist()
    found = model.next_probabilities(ids)
    assert model.training  # as it was before
    with torch.no_grad():
        expected = model.eval()(torch.tensor([ids]))[0, -1].softmax(-1)
    assert found == pytest.approx(expected.numpy(), abs=1e-6)
    assert found.sum() == pytest.approx(1) and found.shape == (11,)
    assert np.array_equal(model.next_probabilities([3] + ids), found)  # 13 tokens: the last 12 are read


def test_sizes_are_counted_right():
    model = GPT(CONFIG)
    d, layers, vocab = 16, 2, 11
    block = 3 * d * d + d * d + 2 * 4 * d * d + 2 * d
    assert model.n_parameters == 2 * vocab * d + layers * block + d
    assert model.flops_per_token == 6 * (vocab * d + layers * block + d) + 12 * layers * d * 12
    tied = GPT(GPTConfig(**(vars(CONFIG) | {"tied_head": True})))
    assert tied.n_parameters == model.n_parameters - vocab * d
    assert tied.flops_per_token == model.flops_per_token


def test_flops_equal_a_count_of_every_product():
    model = random_gpt(n_layers=3, d_model=32, context=32)
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        model(random_ids(4, 32)).sum().backward()
    gains = 6 * 7 * 32  # the seven norms' gains are no matrix products
    assert counter.get_total_flops() == 4 * 32 * (model.flops_per_token - gains)


def test_build_and_describe():
    model = random_gpt()
    twin = models.build(models.describe(model))
    twin.load_state_dict(model.state_dict())
    ids = random_ids(1, 5)
    assert torch.equal(twin(ids), model(ids))
    with pytest.raises(ValueError, match="known are gpt"):
        models.build({"model": "gtp"})
    with pytest.raises(ValueError, match="sizes"):
        models.build({"model": "gpt", "vocab": 3})


def test_wrong_input_gets_one_sentence():
    model = random_gpt()
    with pytest.raises(ValueError, match="13 tokens do not fit this model's context of 12"):
        model(random_ids(1, 13))
    cache = model.new_cache()
    model(random_ids(1, 12), cache)
    with pytest.raises(ValueError, match="13 tokens do not fit"):
        model(random_ids(1, 1), cache)
    with pytest.raises(ValueError, match="at least one"):
        model.next_probabilities([])
    with pytest.raises(ValueError, match="knows 0 to 10"):
        model(torch.tensor([[11]]))
    with pytest.raises(ValueError, match="multiple of 8"):
        GPT(GPTConfig(11, d_model=18, n_heads=4))
    with pytest.raises(ValueError, match="at least 1"):
        GPT(GPTConfig(0))
