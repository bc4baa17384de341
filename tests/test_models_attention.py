"""Attention by hand is torch's: outputs, weights, and the gradients of all that goes in and is learned."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lmlib.models.attention import (
    AdditiveAttention,
    MultiHeadAttention,
    causal_mask,
    dot_product_attention,
)

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}
GENERATOR = torch.Generator()


def draw(*shape, dtype=torch.float64):
    return torch.randn(shape, generator=GENERATOR, dtype=dtype)


@pytest.fixture(autouse=True)
def seed():
    GENERATOR.manual_seed(0)


def masks(batch, queries, keys):
    """No mask, causal, padding of some keys, and any mask that lets each query look somewhere."""
    anywhere = torch.rand(batch, queries, keys, generator=GENERATOR) < 0.6
    anywhere[..., 0] = True
    padding = torch.arange(keys) < torch.randint(1, keys + 1, (batch, 1), generator=GENERATOR)
    return {"none": None, "causal": causal_mask(queries, keys), "padding": padding[:, None], "any": anywhere}


def gradients(output, inputs, weights):
    return torch.autograd.grad((output * weights).sum(), inputs)


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("kind", ["none", "causal", "padding", "any"])
@pytest.mark.parametrize("batch, queries, keys, d", [(1, 1, 1, 1), (2, 5, 5, 8), (3, 1, 9, 4), (2, 4, 7, 16)])
def test_dot_product_is_torchs(batch, queries, keys, d, kind, dtype):
    mask = masks(batch, queries, keys)[kind]
    parts = [draw(batch, n, d, dtype=dtype).requires_grad_() for n in (queries, keys, keys)]
    weights = draw(batch, queries, d, dtype=dtype)
    got, shares = dot_product_attention(*parts, mask)
    right = F.scaled_dot_product_attention(*parts, mask)
    torch.testing.assert_close(got, right, atol=TOLERANCE[dtype], rtol=0)
    torch.testing.assert_close(shares.sum(-1), torch.ones_like(shares[..., 0]))
    for ours, theirs in zip(gradients(got, parts, weights), gradients(right, parts, weights)):
        torch.testing.assert_close(ours, theirs, atol=TOLERANCE[dtype] * 10, rtol=0)


def test_a_query_that_may_look_nowhere_gets_zeros():
    mask = torch.tensor([[True, False], [False, False]])
    parts = [draw(1, 2, 3).requires_grad_() for _ in range(3)]
    output, weights = dot_product_attention(*parts, mask)
    assert weights[0, 1].tolist() == [0, 0] and output[0, 1].tolist() == [0, 0, 0]
    assert weights[0, 0].tolist() == [1, 0]
    for gradient in torch.autograd.grad(output.sum(), parts):
        assert gradient.isfinite().all()


def test_dot_product_by_hand():
    """Scores (0, ln 3) after scaling: weights 1/4 and 3/4, so the output is 1/4 * 8 + 3/4 * 4 = 5."""
    query = torch.tensor([[[math.log(3) * 2, 0.0, 0.0, 0.0]]])
    key = torch.tensor([[[0.0, 1, 1, 1], [1, 0, 0, 0]]])
    output, weights = dot_product_attention(query, key, torch.tensor([[[8.0], [4.0]]]))
    assert weights.flatten().tolist() == pytest.approx([0.25, 0.75])
    assert output.item() == pytest.approx(5.0)


def test_causal_mask():
    assert causal_mask(2).tolist() == [[True, False], [True, True]]
    assert causal_mask(2, 4).tolist() == [[True, True, True, False], [True] * 4], "the last query sees all keys"
    torch.testing.assert_close(causal_mask(5), nn.Transformer.generate_square_subsequent_mask(5) == 0)


def test_additive_attention_by_loops():
    attention = AdditiveAttention(3, 4, 5).double()
    query, key, value = draw(2, 3, 3), draw(2, 6, 4), draw(2, 6, 7)
    output, weights = attention(query, key, value)
    for b in range(2):
        for q in range(3):
            scores = [
                attention.score.weight[0]
                @ torch.tanh(attention.query.weight @ query[b, q] + attention.key.weight @ key[b, k])
                for k in range(6)
            ]
            shares = torch.stack(scores).softmax(0)
            torch.testing.assert_close(weights[b, q], shares)
            torch.testing.assert_close(output[b, q], sum(s * v for s, v in zip(shares, value[b])))


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("mask", ["none", "causal", "padding", "both"])
@pytest.mark.parametrize(
    "batch, queries, keys, d_model, n_heads", [(1, 1, 1, 2, 1), (3, 6, 6, 8, 2), (2, 4, 9, 12, 4)]
)
def test_many_heads_are_torchs(batch, queries, keys, d_model, n_heads, mask, bias, dtype):
    torch.manual_seed(0)
    theirs = nn.MultiheadAttention(d_model, n_heads, bias=bias, batch_first=True).to(dtype)
    if bias:
        nn.init.normal_(theirs.in_proj_bias), nn.init.normal_(theirs.out_proj.bias)
    ours = MultiHeadAttention(d_model, n_heads, bias=bias).to(dtype).take_weights(theirs)
    inputs = [draw(batch, n, d_model, dtype=dtype).requires_grad_() for n in (queries, keys, keys)]
    causal = causal_mask(queries, keys) if mask in ("causal", "both") else None
    seen = torch.arange(keys) < torch.randint(1, keys + 1, (batch, 1), generator=GENERATOR)
    padding = seen if mask in ("padding", "both") else None
    got, shares = ours(*inputs, mask=causal, padding=padding)
    flip = {"attn_mask": causal, "key_padding_mask": padding}
    flip = {name: None if value is None else ~value for name, value in flip.items()}
    right, their_shares = theirs(*inputs, average_attn_weights=False, **flip)
    torch.testing.assert_close(got, right, atol=TOLERANCE[dtype], rtol=0)
    torch.testing.assert_close(shares, their_shares, atol=TOLERANCE[dtype], rtol=0)
    weights = draw(batch, queries, d_model, dtype=dtype)
    learned = {
        "in_proj_weight": [part.weight for part in (ours.query, ours.key, ours.value)],
        "out_proj.weight": [ours.out.weight],
    }
    if bias:
        learned["in_proj_bias"] = [part.bias for part in (ours.query, ours.key, ours.value)]
        learned["out_proj.bias"] = [ours.out.bias]
    named = dict(theirs.named_parameters())
    pairs = [(inputs, inputs)] + [(parts, [named[name]]) for name, parts in learned.items()]
    for our_parts, their_parts in pairs:
        own = gradients(ours(*inputs, mask=causal, padding=padding)[0], our_parts, weights)
        other = gradients(theirs(*inputs, average_attn_weights=False, **flip)[0], their_parts, weights)
        if len(other) == 1:  # torch keeps the three matrices as one
            own = [torch.cat(own)]
        for a, b in zip(own, other, strict=True):
            torch.testing.assert_close(a, b, atol=TOLERANCE[dtype] * 10, rtol=0)


def test_self_attention_is_the_default():
    attention, x = MultiHeadAttention(8, 2).double(), draw(2, 5, 8)
    torch.testing.assert_close(attention(x), attention(x, x, x))


def test_a_mask_for_each_text():
    attention, x = MultiHeadAttention(8, 2).double(), draw(2, 5, 8)
    mask = torch.stack([causal_mask(5), torch.ones(5, 5, dtype=torch.bool)])
    output, weights = attention(x, mask=mask)
    torch.testing.assert_close(output[0], attention(x[:1], mask=causal_mask(5))[0][0])
    torch.testing.assert_close(output[1], attention(x[1:])[0][0])


def test_mistakes_get_one_clear_sentence():
    with pytest.raises(ValueError, match="shared out evenly among 3 heads"):
        MultiHeadAttention(8, 3)
    with pytest.raises(ValueError, match=r"the key has the shape \(2, 8\)"):
        MultiHeadAttention(8, 2)(draw(2, 5, 8), draw(2, 8))
    with pytest.raises(ValueError, match="of one length"):
        dot_product_attention(draw(1, 2, 3), draw(1, 2, 4), draw(1, 2, 4))
    with pytest.raises(ValueError, match="each key has one value"):
        dot_product_attention(draw(1, 2, 3), draw(1, 2, 3), draw(1, 5, 3))
    with pytest.raises(TypeError, match="True where a query may look"):
        dot_product_attention(draw(1, 2, 3), draw(1, 2, 3), draw(1, 2, 3), torch.ones(2, 2))
