"""The recurrent encoder-decoder: padding changes nothing, no step sees a later one, and it equals plain loops."""

import pytest
import torch

from lmlib.models.seq2seq import Seq2Seq, Seq2SeqConfig

BOTH = pytest.mark.parametrize("attention", [True, False])


def model(attention=True, **sizes):
    return Seq2Seq(
        Seq2SeqConfig(**({"vocab_size": 20, "d_model": 12, "attention": attention, "seed": 1} | sizes))
    ).eval()


def ids(rows, time, seed=0):
    return torch.randint(20, (rows, time), generator=torch.Generator().manual_seed(seed))


@BOTH
def test_shapes(attention):
    m, source, target = model(attention), ids(3, 7), ids(3, 5, 1)
    memory = m.encode(source)
    logits, weights = m.decode(target, memory)
    assert memory.shape == (3, 7, 12) and logits.shape == (3, 5, 20)
    assert [w.shape for w in weights] == ([(3, 1, 5, 7)] if attention else [])
    if attention:
        assert torch.allclose(weights[0].sum(-1), torch.ones(3, 1, 5))
    assert m.n_parameters == sum(p.numel() for p in m.parameters())


@BOTH
def test_padding_changes_nothing(attention):
    m, source, target = model(attention), ids(1, 4), ids(1, 6, 1)
    alone = m(source, target)
    padded = torch.cat((torch.cat((source, ids(1, 3, 5)), dim=1), ids(1, 7, 6)))  # a longer row beside it
    padding = torch.tensor([[True] * 4 + [False] * 3, [True] * 7])
    together = m(padded, target.expand(2, -1), padding)
    assert torch.allclose(together[:1], alone, atol=1e-6)
    logits, weights = m.decode(target.expand(2, -1), m.encode(padded, padding), memory_padding=padding)
    if attention:
        assert weights[0][0, :, :, 4:].abs().max() == 0


@BOTH
def test_no_step_sees_a_later_token(attention):
    m, source, target = model(attention), ids(2, 5), ids(2, 6, 1)
    changed = target.clone()
    changed[:, 3:] = (changed[:, 3:] + 7) % 20
    one, other = m(source, target), m(source, changed)
    assert torch.allclose(one[:, :3], other[:, :3]) and not torch.allclose(one[:, 3:], other[:, 3:])


def test_it_equals_plain_loops():
    """The equations written out for one sentence, with torch's parameters and no batch."""
    m, source, target = model(), ids(1, 5), ids(1, 4, 1)
    x = m.embedding.weight[source[0]] * 12**0.5
    there, back = torch.nn.GRUCell(12, 6), torch.nn.GRUCell(12, 6)
    for cell, suffix in ((there, ""), (back, "_reverse")):
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            getattr(cell, name).data = getattr(m.encoder, f"{name}_l0{suffix}").data
    forwards, backwards, h, g = [], [None] * 5, torch.zeros(6), torch.zeros(6)
    for t in range(5):
        h = there(x[t], h)
        forwards.append(h)
    for t in reversed(range(5)):
        g = back(x[t], g)
        backwards[t] = g
    states = [torch.cat(pair) for pair in zip(forwards, backwards)]
    s = torch.tanh(m.begin(torch.cat((forwards[-1], backwards[0]))))
    for t, token in enumerate(target[0]):
        scores = torch.stack(
            [m.attention.score(torch.tanh(m.attention.query(s) + m.attention.key(state)))[0] for state in states]
        )
        context = sum(weight * state for weight, state in zip(scores.softmax(0), states))
        y = m.embedding.weight[token] * 12**0.5
        s = m.decoder(torch.cat((y, context))[None], s[None])[0]
        logits = m.embedding.weight @ torch.tanh(m.readout(torch.cat((s, context, y)))) + m.bias
        assert torch.allclose(logits, m(source, target)[0, t], atol=1e-5)


def test_without_attention_the_source_comes_through_its_ends_alone():
    m, source = model(attention=False), ids(1, 6)
    memory = m.encode(source)
    middle = memory.clone()
    middle[:, 1:-1] = 9.0
    assert torch.equal(m.decode(ids(1, 3), memory)[0], m.decode(ids(1, 3), middle)[0])


@pytest.mark.parametrize("sizes", [{"vocab_size": 0}, {"d_model": 7}, {"d_model": 0}])
def test_sizes_that_cannot_be(sizes):
    with pytest.raises(ValueError, match="d_model even"):
        model(**sizes)
