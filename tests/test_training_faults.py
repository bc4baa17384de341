"""Ctrl-C at any moment, a disk that fills up, files that are none: nothing that was reached is lost."""

import os
import signal
import subprocess
import sys
import threading

import pytest
import torch
from helpers import ROOT

from lmlib.models.gpt import GPT, GPTConfig
from lmlib.training import (
    CheckpointError,
    DocumentBatches,
    History,
    TokenBatches,
    fit,
    load_checkpoint,
    save_checkpoint,
)
from lmlib.training.loop import whole_step

IDS = [(i * i) % 7 for i in range(400)]


def gpt():
    return GPT(GPTConfig(vocab_size=7, context=8, n_layers=1, n_heads=2, d_model=8, dropout=0.1))


def batches():
    return TokenBatches(IDS, context=8, batch_size=4)


def same(one, two):
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters()))


TRAINS = """
import sys
sys.path[:0] = {paths!r}
import torch
torch.set_num_threads(1)
from test_training_faults import gpt, batches
from lmlib.training import fit
real = batches()
class Watched:
    def batch(self, step):
        if step == 5:
            print("ready", flush=True)
        return real.batch(step)
history = fit(gpt(), Watched(), steps=10**9, out={folder!r}, progress=False, schedule=lambda done: 0.5)
print(history.interrupted, history.steps[-1])
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C to a whole console, this test's too")
def test_a_real_ctrl_c_leaves_a_checkpoint_that_goes_on_exactly(tmp_path):
    code = TRAINS.format(paths=[str(ROOT), str(ROOT / "tests")], folder=str(tmp_path))
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        text, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    interrupted, step = text.splitlines()[-1].split()
    step = int(step)
    assert interrupted == "True" and process.returncode == 0
    resumed, whole = gpt(), gpt()
    options = {"steps": step + 3, "schedule": lambda done: 0.5, "progress": False}
    fit(resumed, batches(), out=tmp_path, resume=True, **options)
    fit(whole, batches(), **options)
    assert same(resumed, whole)


def test_ctrl_c_waits_for_the_end_of_a_step():
    done = []
    with pytest.raises(KeyboardInterrupt):
        with whole_step():
            signal.raise_signal(signal.SIGINT)
            done.append("the whole step")
        done.append("and no more")
    assert done == ["the whole step"]
    with pytest.raises(KeyboardInterrupt):  # and Ctrl-C works as before
        signal.raise_signal(signal.SIGINT)


def test_a_training_may_run_in_a_thread():
    histories = []
    work = threading.Thread(target=lambda: histories.append(fit(gpt(), batches(), steps=3, progress=False)))
    work.start()
    work.join()
    assert histories[0].steps == [1, 2, 3]


class FullDisk:
    """From the moment it is `full`, nothing can be written."""

    def __init__(self, monkeypatch):
        self.full, replace = False, os.replace

        def checked(a, b):
            if self.full:
                raise OSError(28, "No space left on device")
            replace(a, b)

        monkeypatch.setattr("lmlib.training.checkpoint.os.replace", checked)


@pytest.mark.parametrize("made_room", [False, True])
def test_a_disk_that_fills_up_does_not_end_the_training(tmp_path, monkeypatch, capsys, made_room):
    disk = FullDisk(monkeypatch)

    class Watched:
        def batch(self, step):
            disk.full = step >= 4 and not (made_room and step >= 8)
            return batches().batch(step)

    model, whole = gpt(), gpt()
    fit(whole, batches(), batches(), steps=10, progress=False)
    options = {"steps": 10, "eval_every": 1, "out": tmp_path, "progress": False, "keep_best": False}
    if made_room:
        assert fit(model, Watched(), **options).steps[-1] == 10
        assert load_checkpoint(tmp_path)[2]["step"] == 10
    else:
        with pytest.raises(CheckpointError, match="No space left.*in memory"):
            fit(model, Watched(), **options)
        assert load_checkpoint(tmp_path)[2]["step"] == 4  # the older checkpoint is whole
        assert not list(tmp_path.glob(".*"))  # and half a file takes up no room
    assert same(model, whole) and not model.training
    assert capsys.readouterr().out.count("the training goes on") == 1  # said once, not every time


def test_other_errors_pass_and_leave_the_model_ready(tmp_path):
    def loss(model, batch):
        raise ZeroDivisionError("a slip in the loss")

    model = gpt()
    with pytest.raises(ZeroDivisionError, match="slip"):
        fit(model, batches(), steps=3, loss=loss, progress=False)
    assert not model.training and all(p.grad is None for p in model.parameters())


def test_a_sweep_takes_only_what_checkpoints_left(tmp_path):
    mine = ["weights-of-my-bread.txt", "tokenizer-notes.md", ".hidden.part", "resume-2026.pdf"]
    for name in mine:
        (tmp_path / name).write_text("mine")
    for _ in range(2):
        save_checkpoint(tmp_path, gpt(), resume={"a": torch.zeros(1)})
    assert all((tmp_path / name).read_text() == "mine" for name in mine)


def test_a_history_that_is_none_is_explained(tmp_path):
    path = tmp_path / "history.json"
    for content in ("", "[1, 2]", '{"steps": [1], "colour": 3}', "\udcff"):
        path.write_bytes(content.encode("utf-8", "surrogateescape"))
        with pytest.raises(ValueError, match="holds no history"):
            History.load(path)


def test_the_best_step_is_one_that_has_a_loss():
    history = History(valid_steps=[1, 2, 3], valid_loss=[2.0, float("nan"), 1.0])
    assert (history.best_valid, history.best_step) == (1.0, 3)


@pytest.mark.parametrize("sizes", [{"context": 0}, {"context": 4, "batch_size": 0}])
def test_sizes_below_one_are_explained(sizes):
    with pytest.raises(ValueError, match="must be 1 or more"):
        TokenBatches(IDS, **sizes)
    with pytest.raises(ValueError, match="must be 1 or more"):
        DocumentBatches([IDS], 7, **sizes)
