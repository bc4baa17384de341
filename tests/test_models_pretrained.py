"""Our GPT against GPT-2 and Llama of the `transformers` library: logits, gradients, cache, padding."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from lmlib.fetch import DatasetError
from lmlib.models.gpt import GPT, GPTConfig
from lmlib.models.pretrained import PRETRAINED, gpt2_weights, llama_weights

SIZES = [  # vocab_size, context, n_layers, n_heads, d_model
    (17, 12, 1, 1, 8),
    (50, 16, 2, 2, 12),
    (33, 24, 3, 4, 32),
    (101, 20, 2, 3, 48),
    (64, 32, 4, 8, 64),
]


def gpt2_pair(vocab_size, context, n_layers, n_heads, d_model):
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(d_model)
    theirs = GPT2LMHeadModel(
        GPT2Config(vocab_size=vocab_size, n_positions=context, n_layer=n_layers, n_head=n_heads, n_embd=d_model,
                   bos_token_id=0, eos_token_id=0, attn_pdrop=0, embd_pdrop=0, resid_pdrop=0)
    ).double().eval()  # fmt: skip
    sizes = {"context": context, "n_layers": n_layers, "n_heads": n_heads, "d_model": d_model}
    return theirs, GPT(GPTConfig.gpt2(vocab_size, **sizes)), gpt2_weights


def llama_pair(vocab_size, context, n_layers, n_heads, d_model):
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(d_model)
    kv = 1 if n_heads % 2 else n_heads // 2
    theirs = LlamaForCausalLM(
        LlamaConfig(vocab_size=vocab_size, max_position_embeddings=context, num_hidden_layers=n_layers,
                    num_attention_heads=n_heads, num_key_value_heads=kv, hidden_size=d_model, rms_norm_eps=1e-5,
                    intermediate_size=3 * d_model, tie_word_embeddings=True, bos_token_id=0, eos_token_id=0)
    ).double().eval()  # fmt: skip
    sizes = {"context": context, "n_layers": n_layers, "n_heads": n_heads, "d_model": d_model}
    config = GPTConfig.llama(vocab_size, **sizes, n_kv_heads=kv, hidden=3 * d_model, tied_head=True)
    return theirs, GPT(config), llama_weights


@pytest.fixture(
    params=[(make, sizes) for make in (gpt2_pair, llama_pair) for sizes in SIZES],
    ids=lambda p: f"{p[0].__name__}-{p[1][4]}",
)
def pair(request):
    """Their model and ours with the same weights, none of them at a special value."""
    make, sizes = request.param
    theirs, ours, convert = make(*sizes)
    with torch.no_grad():
        for p in theirs.parameters():
            p.add_(torch.randn_like(p), alpha=0.2)
    ours.double().load_state_dict(convert(theirs.state_dict()))
    return theirs, ours.eval(), convert


def some_ids(model, batch, time):
    generator = torch.Generator().manual_seed(7)
    return torch.randint(model.config.vocab_size, (batch, time), generator=generator)


def test_logits_and_gradients_are_theirs(pair):
    theirs, ours, convert = pair
    ids = some_ids(ours, 3, ours.config.context)
    expected, found = theirs(ids).logits, ours(ids)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    for logits in (expected, found):
        F.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten()).backward()
    gradients = convert({name: p.grad for name, p in theirs.named_parameters()})
    assert gradients.keys() == dict(ours.named_parameters()).keys()
    for name, p in ours.named_parameters():
        torch.testing.assert_close(p.grad, gradients[name], atol=1e-6, rtol=1e-4, msg=lambda m, n=name: f"{n}: {m}")


@torch.no_grad()
def test_with_a_cache_the_logits_are_still_theirs(pair):
    theirs, ours, _ = pair
    ids = some_ids(ours, 2, 12)
    expected, cache = theirs(ids).logits, ours.new_cache()
    found = torch.cat([ours(part, cache) for part in ids.split([5, 1, 1, 3, 2], dim=1)], dim=1)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_rows_of_unlike_length_padded_on_the_left_are_theirs_and_as_if_alone(pair):
    theirs, ours, _ = pair
    ids = some_ids(ours, 3, 10)
    real = torch.arange(10) >= torch.tensor([[0], [4], [9]])
    place = (real.cumsum(1) - 1).clamp(min=0)
    expected = theirs(ids, attention_mask=real.long(), position_ids=place).logits
    found = ours(ids, real=real)
    torch.testing.assert_close(found[real], expected[real], atol=1e-5, rtol=1e-5)
    for row, own, start in zip(ids, found, (0, 4, 9)):
        torch.testing.assert_close(own[start:], ours(row[None, start:])[0], atol=1e-8, rtol=1e-8)
    cache = ours.new_cache()
    first = ours(ids[:, :7], cache, real=real[:, :7])
    rest = [ours(ids[:, i : i + 1], cache, real=real[:, i : i + 1]) for i in (7, 8, 9)]
    torch.testing.assert_close(torch.cat([first, *rest], dim=1)[real], found[real], atol=1e-8, rtol=1e-8)


def test_padding_on_the_right_changes_no_real_token_and_no_gradient_is_lost():
    model = GPT(GPTConfig(11, context=12, n_layers=2, n_heads=2, d_model=16, start="gpt2")).double()
    ids, real = some_ids(model, 2, 9), torch.arange(9) < torch.tensor([[9], [4]])
    padded = model(ids, real=real)
    torch.testing.assert_close(padded[1, :4], model(ids[1:, :4])[0])
    padded[real].sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters())


def test_the_start_is_that_of_gpt2():
    """Radford et al. 2019, section 2.3: the layers' outputs smaller by the root of their number."""
    model = GPT(GPTConfig.gpt2(500, context=64, n_layers=8, n_heads=4, d_model=128))
    spread = {name: float(p.detach().std()) for name, p in model.named_parameters() if p.dim() == 2}
    for name, found in spread.items():
        expected = 0.02 / 4 if name.endswith(("out.weight", "down.weight")) else 0.02
        assert found == pytest.approx(0.01 if name == "position.weight" else expected, rel=0.05), name
    assert all(not p.any() for name, p in model.named_parameters() if name.endswith("bias"))


def test_the_published_sizes_make_as_many_numbers_as_the_published_file_has():
    config = PRETRAINED["gpt2"][1]
    one, two = (GPT(replace(config, n_layers=n)).n_parameters for n in (1, 2))
    assert one + (config.n_layers - 1) * (two - one) == 124_439_808


def test_offline_the_published_weights_say_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("LMLIB_OFFLINE", "1")
    monkeypatch.setenv("LMLIB_CACHE", str(tmp_path))
    with pytest.raises(DatasetError, match="gpt2 is not in the cache .* unset it to download"):
        GPT.from_pretrained("gpt2")
    with pytest.raises(ValueError, match="no published model is called 'gpt5'"):
        GPT.from_pretrained("gpt5")


@pytest.mark.parametrize(
    "wrong",
    [{"norm": "batch"}, {"positions": "absolute"}, {"activation": "tanh"}, {"start": "ones"},
     {"n_kv_heads": 3}, {"n_kv_heads": 0}, {"hidden": 0}],
    ids=str,
)  # fmt: skip
def test_wrong_parts_get_one_sentence(wrong):
    with pytest.raises(ValueError, match="choose one of|at least 1|cannot share"):
        GPT(GPTConfig(11, **wrong))
