"""The Transformer by hand is torch's: layers, positions and norm, in outputs and in all gradients."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lmlib.models.attention import causal_mask
from lmlib.models.transformer import (
    DecoderLayer,
    EncoderLayer,
    FeedForward,
    LayerNorm,
    RotaryAttention,
    Transformer,
    TransformerConfig,
    sinusoids,
)

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}
GENERATOR = torch.Generator()


@pytest.fixture(autouse=True)
def seed():
    GENERATOR.manual_seed(0)
    torch.manual_seed(0)


def draw(*shape, dtype=torch.float64):
    return torch.randn(shape, generator=GENERATOR, dtype=dtype)


def config(**parts):
    return TransformerConfig(7, **{"context": 9, "n_layers": 2, "n_heads": 2, "d_model": 8, "hidden": 12} | parts)


def roughened(module, dtype):
    """Random weights everywhere: fresh biases and norms are 0 and 1, and would hide a mix-up."""
    for p in module.parameters():
        nn.init.normal_(p, std=0.4, generator=GENERATOR)
    return module.to(dtype)


def same(ours, theirs, dtype, factor=1):
    torch.testing.assert_close(ours, theirs, atol=factor * TOLERANCE[dtype], rtol=factor * TOLERANCE[dtype])


def gradients(output, inputs, module, weights):
    return torch.autograd.grad((output * weights).sum(), [*inputs, *module.parameters()])


def theirs_named(module, grads, inputs):
    return dict(zip([name for name, _ in module.named_parameters()], grads[len(inputs) :]))


# ------------------------------------------------------------------------------------------------- the layers


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("masked", ["open", "causal", "padding", "both"])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
@pytest.mark.parametrize("norm", ["post", "pre"])
def test_encoder_layer_is_torchs(norm, activation, masked, dtype):
    twin = nn.TransformerEncoderLayer(
        8, 2, 12, dropout=0, activation=activation, batch_first=True, norm_first=norm == "pre"
    )
    roughened(twin, dtype)
    ours = EncoderLayer(config(norm=norm, activation=activation)).to(dtype).take_weights(twin)
    x, weights = draw(3, 5, 8, dtype=dtype).requires_grad_(), draw(3, 5, 8, dtype=dtype)
    mask = causal_mask(5) if masked in ("causal", "both") else None
    text = torch.arange(5) < torch.tensor([[5], [3], [1]]) if masked in ("padding", "both") else None
    y = ours(x, mask=mask, padding=text)
    right = twin(x, src_mask=None if mask is None else ~mask, src_key_padding_mask=None if text is None else ~text)
    same(y, right, dtype)
    mine, its = gradients(y, [x], ours, weights), gradients(right, [x], twin, weights)
    same(mine[0], its[0], dtype, 10)
    named, its = theirs_named(ours, mine, [x]), theirs_named(twin, its, [x])
    projections = [named[f"attention.{part}.weight"] for part in ("query", "key", "value")]
    same(torch.cat(projections), its["self_attn.in_proj_weight"], dtype, 10)
    pairs = {
        "attention.out": "self_attn.out_proj",
        "feed.up": "linear1",
        "feed.down": "linear2",
        "around_attention.norm": "norm1",
        "around_feed.norm": "norm2",
    }
    for a, b in pairs.items():
        for kind in ("weight", "bias"):
            same(named[f"{a}.{kind}"], its[f"{b}.{kind}"], dtype, 10)


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("masked", ["open", "causal", "causal and padding"])
@pytest.mark.parametrize("norm", ["post", "pre"])
def test_decoder_layer_is_torchs(norm, masked, dtype):
    twin = nn.TransformerDecoderLayer(8, 2, 12, dropout=0, batch_first=True, norm_first=norm == "pre")
    roughened(twin, dtype)
    ours = DecoderLayer(config(norm=norm)).to(dtype).take_weights(twin)
    x, memory = draw(3, 4, 8, dtype=dtype).requires_grad_(), draw(3, 6, 8, dtype=dtype).requires_grad_()
    mask = causal_mask(4) if "causal" in masked else None
    target, source = (
        (torch.arange(n) < torch.tensor([[n], [n - 2], [1]]) for n in (4, 6)) if "padding" in masked else (None, None)
    )
    y, seen = ours(x, memory, mask, target, source)
    right = twin(
        x,
        memory,
        tgt_mask=None if mask is None else ~mask,
        tgt_key_padding_mask=None if target is None else ~target,
        memory_key_padding_mask=None if source is None else ~source,
    )
    same(y, right, dtype)
    weights = draw(3, 4, 8, dtype=dtype)
    mine, its = gradients(y, [x, memory], ours, weights), gradients(right, [x, memory], twin, weights)
    same(mine[0], its[0], dtype, 10)
    same(mine[1], its[1], dtype, 10)
    named, its = theirs_named(ours, mine, [x, memory]), theirs_named(twin, its, [x, memory])
    for part, name in (("attention", "self_attn"), ("cross", "multihead_attn")):
        for kind in ("weight", "bias"):
            stacked = torch.cat([named[f"{part}.{which}.{kind}"] for which in ("query", "key", "value")])
            same(stacked, its[f"{name}.in_proj_{kind}"], dtype, 10)
            same(named[f"{part}.out.{kind}"], its[f"{name}.out_proj.{kind}"], dtype, 10)
    norms = {"around_attention": "norm1", "around_cross": "norm2", "around_feed": "norm3"}
    for a, b in norms.items():
        same(named[f"{a}.norm.weight"], its[f"{b}.weight"], dtype, 10)
        same(named[f"{a}.norm.bias"], its[f"{b}.bias"], dtype, 10)
    same(named["feed.up.weight"], its["linear1.weight"], dtype, 10)
    same(named["feed.down.weight"], its["linear2.weight"], dtype, 10)
    assert seen.shape == (3, 2, 4, 6)
    if source is not None:
        assert (seen.masked_select(~source[:, None, None]) == 0).all(), "padding of the source gets no weight"


@pytest.mark.parametrize("norm", ["post", "pre"])
def test_the_whole_stack_is_torchs(norm):
    """Encoder and decoder of two layers each against nn.Transformer, between our embedding and our scores."""
    c = config(norm=norm)
    ours = roughened(Transformer(c), torch.float64)
    twin = nn.Transformer(
        8, 2, 2, 2, dim_feedforward=12, dropout=0, batch_first=True, norm_first=norm == "pre", dtype=torch.float64
    )
    roughened(twin, torch.float64)
    for part, its in ((ours.encoder, twin.encoder), (ours.decoder, twin.decoder)):
        for layer, layer_twin in zip(part, its.layers):
            layer.take_weights(layer_twin)
    if norm == "pre":
        ours.encoder_norm.load_state_dict(twin.encoder.norm.state_dict())
        ours.decoder_norm.load_state_dict(twin.decoder.norm.state_dict())
    else:  # nn.Transformer ends with a norm even behind post-norm layers; the paper and we do not
        twin.encoder.norm = twin.decoder.norm = None
    source, target = (torch.randint(7, (2, n), generator=GENERATOR) for n in (6, 4))
    text = torch.arange(6) < torch.tensor([[6], [4]])
    y = ours(source, target, padding=text)
    right = twin(
        ours.embed(source),
        ours.embed(target),
        tgt_mask=~causal_mask(4),
        src_key_padding_mask=~text,
        memory_key_padding_mask=~text,
    )
    same(y, right @ ours.embedding.weight.T, torch.float64)


# -------------------------------------------------------------------------------------------- norm, feed-forward


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_layer_norm_is_torchs(dtype):
    ours, twin = LayerNorm(6), nn.LayerNorm(6)
    roughened(twin, dtype)
    ours.to(dtype).load_state_dict(twin.state_dict())
    x, weights = (3 + 2 * draw(4, 5, 6, dtype=dtype)).requires_grad_(), draw(4, 5, 6, dtype=dtype)
    same(ours(x), twin(x), dtype)
    for a, b in zip(gradients(ours(x), [x], ours, weights), gradients(twin(x), [x], twin, weights)):
        same(a, b, dtype, 10)
    flat = torch.full((1, 6), 2.0, dtype=dtype)
    same(ours(flat), ours.bias.expand(1, 6), dtype)


def test_layer_norm_by_hand():
    """[1, 3]: mean 2, deviations -1 and 1, variance 1."""
    assert LayerNorm(2, eps=0.0)(torch.tensor([[1.0, 3.0]])).tolist() == [[-1.0, 1.0]]


def test_feed_forward_knows_its_own_place_alone():
    feed = FeedForward(4, 8)
    x = draw(1, 5, 4, dtype=torch.float32)
    moved = x.clone()
    moved[0, 2] += 1
    changed = (feed(moved) - feed(x)).abs().sum(-1)[0] > 0
    assert changed.tolist() == [False, False, True, False, False]


# ------------------------------------------------------------------------------------------------ positions


def test_sinusoids_are_the_papers():
    p = sinusoids(50, 6).double().numpy()
    for place in (0, 1, 7, 49):
        for i in range(3):
            angle = place / 10_000 ** (2 * i / 6)
            assert p[place, 2 * i] == pytest.approx(math.sin(angle), abs=1e-5)
            assert p[place, 2 * i + 1] == pytest.approx(math.cos(angle), abs=1e-5)
    assert sinusoids(3, 5).shape == (3, 5), "an odd number of columns ends with a sine"


def test_similarity_of_sinusoids_depends_on_the_distance_alone():
    p = sinusoids(40, 16).double().numpy()
    similar = p @ p.T
    for distance in (0, 1, 5, 20):
        diagonal = np.diagonal(similar, distance)
        assert diagonal == pytest.approx(np.full(len(diagonal), diagonal[0]), abs=1e-4)


def test_rotary_scores_depend_on_the_distance_alone():
    """The same vector at every place: the weights of the middle query are those of any other, shifted."""
    attention = roughened(RotaryAttention(8, 2), torch.float64)
    x = draw(1, 1, 8).expand(1, 12, 8)
    weights = attention(x)[1][0]
    log = weights.log()
    for distance in (-3, 1, 4):
        steps = torch.diagonal(log, distance, -2, -1) - torch.diagonal(log, 0, -2, -1)[:, : 12 - abs(distance)]
        if distance < 0:
            steps = torch.diagonal(log, distance, -2, -1) - torch.diagonal(log, 0, -2, -1)[:, abs(distance) :]
        torch.testing.assert_close(steps, steps[:, :1].expand_as(steps), atol=1e-5, rtol=0)


def test_rotary_by_hand():
    """One head of 2 numbers that projects nothing: a query at place t and a key at s are t - s radians apart."""
    attention = RotaryAttention(2, 1).double()
    with torch.no_grad():
        for part in (attention.query, attention.key, attention.value, attention.out):
            part.weight.copy_(torch.eye(2))
            part.bias.zero_()
    x = torch.tensor([[[1.0, 0.0]] * 4], dtype=torch.float64)
    places = torch.arange(4.0, dtype=torch.float64)
    right = ((places[:, None] - places).cos() / math.sqrt(2)).softmax(-1)
    torch.testing.assert_close(attention(x)[1][0, 0], right, atol=1e-6, rtol=0)


@pytest.mark.parametrize("positions", ["none", "sinusoidal", "learned", "rotary"])
def test_without_positions_alone_the_encoder_cannot_tell_the_order(positions):
    model = roughened(Transformer(config(positions=positions)), torch.float64)
    ids, order = torch.tensor([[0, 1, 2, 3, 4]]), torch.tensor([3, 0, 4, 2, 1])
    difference = (model.encode(ids)[:, order] - model.encode(ids[:, order])).abs().max()
    assert (difference < 1e-10) == (positions == "none")


# ---------------------------------------------------------------------------------------------- the whole model


@pytest.mark.parametrize("norm", ["post", "pre", "none"])
@pytest.mark.parametrize("positions", ["sinusoidal", "learned", "rotary", "none"])
def test_nobody_looks_ahead_and_padding_is_not_read(positions, norm):
    model = roughened(Transformer(config(norm=norm, positions=positions)), torch.float64)
    source, target = (torch.randint(7, (2, 5), generator=GENERATOR) for _ in range(2))
    text = torch.arange(5) < torch.tensor([[5], [3]])
    y = model(source, target, padding=text)
    ahead = target.clone()
    ahead[:, 3] = (ahead[:, 3] + 1) % 7
    changed = (model(source, ahead, padding=text) - y).abs().amax((0, 2)) > 1e-12
    assert changed.tolist() == [False, False, False, True, True]
    filled = source.clone()
    filled[1, 3:] = (filled[1, 3:] + 1) % 7
    torch.testing.assert_close(model(filled, target, padding=text), y, atol=1e-12, rtol=0)
    alone = model(source[1:, :3], target[1:])
    torch.testing.assert_close(alone[0], y[1], atol=1e-10, rtol=0)


def test_without_a_causal_mask_it_looks_ahead():
    model = roughened(Transformer(config(causal=False)), torch.float64)
    source = torch.tensor([[1, 2, 3]])
    a, b = model(source, torch.tensor([[0, 1, 2]])), model(source, torch.tensor([[0, 1, 5]]))
    assert (a[:, 0] - b[:, 0]).abs().max() > 1e-6


def test_writing_is_choosing_the_likeliest_step_by_step():
    model = roughened(Transformer(config()), torch.float64)
    source = torch.tensor([[1, 2, 3], [6, 5, 4]])
    written = model.write(source, first=0, n=4)
    assert written.shape == (2, 4)
    read = torch.cat((torch.zeros(2, 1, dtype=torch.long), written[:, :-1]), dim=1)
    assert (model(source, read).argmax(-1) == written).all()


@pytest.mark.parametrize("left_out", [{"residual": False}, {"feed_forward": False}, {"norm": "none"}], ids=str)
def test_a_part_that_is_left_out_is_gone(left_out):
    model = Transformer(config(**left_out))
    ids = torch.tensor([[1, 2, 3]])
    loss = F.cross_entropy(model(ids, ids).flatten(0, 1), ids.flatten())
    loss.backward()
    assert all(p.grad is not None for p in model.parameters())
    names = [name for name, _ in model.named_parameters()]
    assert any("feed." in name for name in names) == ("feed_forward" not in left_out)
    assert any("norm" in name for name in names) == ("norm" not in left_out)
    if "residual" in left_out:
        layer = roughened(model.encoder[0], torch.float32)
        nn.init.zeros_(layer.feed.down.weight)
        y = layer(draw(1, 3, 8, dtype=torch.float32))
        torch.testing.assert_close(y, y[:, :1].expand_as(y), msg="what it read is still in what it gives")


def test_number_of_parameters_by_hand():
    """d = 8, hidden 12: attention 4 (64 + 8), feed-forward 96 + 12 + 96 + 8, norm 16; decoders have 3."""
    attention, feed, norm = 4 * (64 + 8), 96 + 12 + 96 + 8, 16
    encoder, decoder = attention + feed + 2 * norm, 2 * attention + feed + 3 * norm
    assert Transformer(config()).n_parameters == 7 * 8 + 2 * (encoder + decoder)


def test_the_same_seed_gives_the_same_model():
    a, b, c = (Transformer(config(seed=seed)) for seed in (1, 1, 2))
    assert torch.equal(a.encoder[0].feed.up.weight, b.encoder[0].feed.up.weight)
    assert not torch.equal(a.encoder[0].feed.up.weight, c.encoder[0].feed.up.weight)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="norm is 'middle': choose one of post, pre, none"):
        Transformer(config(norm="middle"))
    with pytest.raises(ValueError, match="must be a multiple of 4 for 2 heads with rotary"):
        Transformer(config(d_model=6, positions="rotary"))
    with pytest.raises(ValueError, match="every size of a Transformer is at least 1"):
        Transformer(config(n_layers=0))
    with pytest.raises(ValueError, match="10 tokens do not fit this model's context of 9"):
        Transformer(config()).encode(torch.zeros(1, 10, dtype=torch.long))
