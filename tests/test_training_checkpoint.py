"""Checkpoints: what was saved comes back, damage is noticed, and a crash leaves the older one whole."""

import json
import signal
import subprocess
import sys
import time

import pytest
import torch
from helpers import ROOT

from lmlib.models.gpt import GPT, GPTConfig
from lmlib.text import BPETokenizer, CharTokenizer, WordTokenizer
from lmlib.training import CheckpointError, load_checkpoint, make_optimizers, save_checkpoint
from lmlib.training.checkpoint import pack_optimizers, read_state, read_tensors, unpack_optimizers

TEXT = "the miller lends the baker a mill, 磨坊主 借 给 面包师"
TOKENIZER = CharTokenizer.train(TEXT)


def gpt(seed=0, **sizes):
    config = {"vocab_size": len(TOKENIZER), "context": 8, "n_layers": 1, "n_heads": 2, "d_model": 8, "seed": seed}
    return GPT(GPTConfig(**config | sizes))


def save(folder, seed=0, **facts):
    save_checkpoint(folder, gpt(seed), TOKENIZER, {"memory": torch.arange(5.0)}, step=12, **facts)


def is_model(model, seed):
    truth = gpt(seed).state_dict()
    return all(torch.equal(truth[name], value) for name, value in model.state_dict().items())


@pytest.mark.parametrize("tokenizer", [TOKENIZER, WordTokenizer.train(TEXT), BPETokenizer.train(TEXT, 270)])
@pytest.mark.parametrize("tied", [False, True])
def test_what_was_saved_comes_back(tmp_path, tokenizer, tied):
    model = gpt(7, dropout=0.2, tied_head=tied)
    save_checkpoint(tmp_path / "a" / "b", model, tokenizer, corpus="mill", losses=[1.5, 0.1 + 0.2])
    found, its_tokenizer, state = load_checkpoint(tmp_path / "a" / "b")
    assert found.config == model.config and not found.training
    for name, value in model.state_dict().items():
        assert torch.equal(found.state_dict()[name], value)
    assert type(its_tokenizer) is type(tokenizer)
    assert its_tokenizer.encode(TEXT) == tokenizer.encode(TEXT) and len(its_tokenizer) == len(tokenizer)
    assert state["corpus"] == "mill" and state["losses"] == [1.5, 0.1 + 0.2]


def test_a_model_may_have_no_tokenizer(tmp_path):
    save_checkpoint(tmp_path, gpt())
    assert load_checkpoint(tmp_path)[1] is None


def test_the_next_save_leaves_no_old_files(tmp_path):
    for seed in range(3):
        save(tmp_path, seed)
        (tmp_path / ".weights-0123.safetensors.part").write_bytes(b"left behind by a crash")
        (tmp_path / "notes.txt").write_text("the learner's own")
    save(tmp_path, 3)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert [name.split("-")[0] for name in names] == ["notes.txt", "resume", "state.json", "tokenizer", "weights"]
    assert is_model(load_checkpoint(tmp_path)[0], 3)


def test_nothing_is_pickled(tmp_path):
    save(tmp_path)
    for path in tmp_path.iterdir():
        content = path.read_bytes()
        if path.suffix == ".safetensors":
            header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
            assert all(set(entry) == {"dtype", "shape", "data_offsets"} for entry in header.values())
        else:
            json.loads(content)
    for name in ("checkpoint", "loop", "history"):
        source = (ROOT / "lmlib" / "training" / f"{name}.py").read_text(encoding="utf-8")
        assert "torch.save" not in source and "torch.load" not in source and "import pickle" not in source


# -- damage ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["weights", "resume", "tokenizer", "state"])
def test_a_damaged_file_is_never_loaded(tmp_path, kind):
    save(tmp_path, note="a fact")
    (path,) = tmp_path.glob(f"{kind}*")
    whole = path.read_bytes()

    def read():
        load_checkpoint(tmp_path)
        read_tensors(tmp_path, read_state(tmp_path), "resume")

    read()
    key = whole.rfind(b'"sha256"') if kind == "state" else len(whole)  # without this word nothing is compared
    places = [i for i in range(0, len(whole), max(1, len(whole) // 60)) if not key <= i < key + 8]
    damaged = [whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :] for i in places]
    damaged += [whole[: len(whole) // 2], b"", whole + b"x", bytes(len(whole))]
    for content in damaged:
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match="damaged") as error:
            read()
        assert "\n" not in str(error.value)
    path.write_bytes(whole)
    read()


@pytest.mark.parametrize(
    "content", ["[]", '"text"', "null", "{}", '{"files": {}, "model": {}}', "\ufeff{}", "[" * 5000]
)
def test_a_state_that_is_no_state_is_explained(tmp_path, content):
    save(tmp_path)
    (tmp_path / "state.json").write_text(content, encoding="utf-8")
    with pytest.raises(CheckpointError, match="damaged"):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize("kind", ["weights", "tokenizer"])
def test_a_missing_file_is_named(tmp_path, kind):
    save(tmp_path)
    (path,) = tmp_path.glob(f"{kind}*")
    path.unlink()
    with pytest.raises(CheckpointError, match=f"{path.name} is missing"):
        load_checkpoint(tmp_path)


def test_a_folder_without_a_checkpoint_is_explained(tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(CheckpointError, match="there is no checkpoint in"):
            load_checkpoint(folder)


def test_a_model_that_is_not_known_or_does_not_fit_is_explained(tmp_path, monkeypatch):
    import lmlib.models

    monkeypatch.setattr(lmlib.models, "describe", lambda model: {"model": "gtp", "vocab_size": 3})
    save(tmp_path)
    with pytest.raises(CheckpointError, match="gtp"):
        load_checkpoint(tmp_path)
    monkeypatch.undo()
    other = lmlib.models.describe(gpt(d_model=16))
    monkeypatch.setattr(lmlib.models, "describe", lambda model: other)
    save(tmp_path)
    with pytest.raises(CheckpointError, match="do not fit") as error:
        load_checkpoint(tmp_path)
    assert "\n" not in str(error.value)


# -- crashes --------------------------------------------------------------------------------------------------


def test_no_room_leaves_the_older_checkpoint(tmp_path, monkeypatch):
    save(tmp_path, 1)
    import lmlib.training.checkpoint as module

    replace, calls = module.os.replace, [0]
    for fails_at in (1, 2, 3, 4):
        calls[0] = 0

        def full(a, b, fails_at=fails_at):
            calls[0] += 1
            if calls[0] == fails_at:
                raise OSError(28, "No space left on device")
            replace(a, b)

        monkeypatch.setattr(module.os, "replace", full)
        with pytest.raises(CheckpointError, match="No space left.*untouched"):
            save(tmp_path, 2)
        monkeypatch.undo()
        assert is_model(load_checkpoint(tmp_path)[0], 1)


SAVES = """
import sys
sys.path[:0] = {paths!r}
import itertools
import torch
from test_training_checkpoint import save
torch.set_num_threads(1)
print("ready", flush=True)
for seed in itertools.count():
    save({folder!r}, seed)
"""


def test_killed_while_it_saves_the_folder_always_loads(tmp_path):
    folder = tmp_path / "checkpoint"
    save(folder, 0)
    code = SAVES.format(paths=[str(ROOT), str(ROOT / "tests")], folder=str(folder))
    for round_ in range(3):
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout.readline() == "ready\n"
            time.sleep(0.15 + 0.013 * round_)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
            process.stdout.close()
        model, tokenizer, state = load_checkpoint(folder)
        assert is_model(model, model.config.seed) and tokenizer.encode(TEXT) == TOKENIZER.encode(TEXT)
        assert torch.equal(read_tensors(folder, state, "resume")["memory"], torch.arange(5.0))
    assert model.config.seed > 0  # it did save
    save(folder, 5)
    assert len(list(folder.iterdir())) == 4


# -- optimizers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["muon", "adamw"])
def test_optimizers_remember_what_they_did(name):
    def step(model, optimizers, seed):
        generator = torch.Generator().manual_seed(seed)
        for p in model.parameters():
            p.grad = torch.randn(p.shape, generator=generator)
        for optimizer in optimizers:
            optimizer.step()

    one, two = gpt(), gpt()
    first = make_optimizers(one, name)
    for seed in range(3):
        step(one, first, seed)
    second = make_optimizers(two, name)
    two.load_state_dict(one.state_dict())
    unpack_optimizers(second, pack_optimizers(first))
    step(one, first, 9)
    step(two, second, 9)
    for a, b in zip(one.parameters(), two.parameters()):
        assert torch.equal(a, b)
