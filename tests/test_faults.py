"""Faults with real causes: full disks, signals, read-only folders, odd machines. Nothing is lost, nothing lies."""

import contextlib
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest
import torch
from helpers import ROOT
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook
from test_training_faults import batches, gpt, same

from lmlib import fetch
from lmlib.lessons.group import memory_group
from lmlib.training import CheckpointError, fit, load_checkpoint, load_shipped, save_checkpoint

posix = pytest.mark.skipif(os.name == "nt", reason="signals, users and limits of POSIX")


def is_root():
    return hasattr(os, "geteuid") and os.geteuid() == 0


def python(code, *arguments, preexec=None, before=(), timeout=240, **environment):
    """Run a program with the course on its path: (exit status, what it printed on both channels)."""
    env = {k: v for k, v in (os.environ | environment).items() if v is not None}
    env["PYTHONPATH"] = os.pathsep.join([str(ROOT), env.get("PYTHONPATH", "")])
    env.setdefault("OMP_NUM_THREADS", "1")
    done = subprocess.run(
        [*before, sys.executable, *(["-c", code] if code else []), *map(str, arguments)],
        env=env,
        cwd=environment.get("PWD", ROOT),
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        preexec_fn=preexec,
        timeout=timeout,
    )
    return done.returncode, done.stdout + done.stderr


# -- a disk that is really full -------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 200 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "none", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip("a small disk can only be made by root, where mounting is allowed")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@posix
@pytest.mark.skipif(not is_root(), reason="a small disk can only be made by root")
def test_a_full_disk_keeps_the_older_checkpoint(small_disk):
    torch.manual_seed(1)
    small = gpt()
    save_checkpoint(small_disk / "model", small, step=1)
    (small_disk / "filler").write_bytes(b"x" * (os.statvfs(small_disk).f_bavail * 4096 - 4096))
    with pytest.raises(CheckpointError, match="No space left.*untouched"):
        save_checkpoint(small_disk / "model", gpt(), step=2, note="x" * 9000)
    model, _, state = load_checkpoint(small_disk / "model")
    assert state["step"] == 1 and same(model, small)
    (small_disk / "filler").unlink()
    save_checkpoint(small_disk / "model", gpt(), step=2)
    assert load_checkpoint(small_disk / "model")[2]["step"] == 2


@posix
@pytest.mark.skipif(not is_root(), reason="a small disk can only be made by root")
def test_a_full_disk_does_not_end_a_training(small_disk, capsys):
    class Watched:
        def batch(self, step):
            if step == 4:
                room = os.statvfs(small_disk).f_bavail * 4096
                (small_disk / "filler").write_bytes(b"x" * max(0, room - 4096))
            if step == 7:
                (small_disk / "filler").unlink()
            return batches().batch(step)

    model, whole = gpt(), gpt()
    fit(whole, batches(), batches(), steps=10, progress=False)
    options = {"steps": 10, "eval_every": 1, "progress": False, "keep_best": False}
    assert fit(model, Watched(), out=small_disk / "model", **options).steps[-1] == 10
    assert "No space left" in capsys.readouterr().out
    assert same(model, whole) and load_checkpoint(small_disk / "model")[2]["step"] == 10


@posix
@pytest.mark.skipif(not is_root(), reason="a small disk can only be made by root")
def test_a_full_disk_breaks_no_download(small_disk, tmp_path, monkeypatch):
    import functools
    import http.server

    content = os.urandom(400_000)
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "big.bin").write_bytes(content)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path / "files")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("LMLIB_CACHE", str(small_disk))
    file = fetch.RemoteFile(
        "big", hashlib.sha256(content).hexdigest(), f"http://127.0.0.1:{server.server_port}/big.bin"
    )
    try:
        with pytest.raises(fetch.DatasetError, match="No space left"):
            fetch.fetch(file)
        assert not [p for p in small_disk.rglob("*") if p.is_file()]
        monkeypatch.setenv("LMLIB_CACHE", str(tmp_path / "cache"))
        assert fetch.fetch(file)[0].read_bytes() == content
    finally:
        server.shutdown()
        server.server_close()


# -- signals --------------------------------------------------------------------------------------------------


@posix
def test_ctrl_c_at_twenty_random_moments(tmp_path):
    """A real SIGINT to this process, from before the first step to within a checkpoint's writing."""
    rng, reached = random.Random(0), []
    options = {"schedule": lambda done: 0.5, "progress": False}
    while len(reached) < 20 or sum(step > 0 for step in reached) < 15:
        i = len(reached)
        assert i < 100, "hardly ever a step was done: this test would test nothing"
        folder, wait = tmp_path / str(i), rng.uniform(0.0, 0.4) * (1 + i / 20)  # a busy machine takes its time
        over = threading.Event()

        def press(wait=wait, over=over):
            if not over.wait(wait):
                os.kill(os.getpid(), signal.SIGINT)

        watch = threading.Thread(target=press)
        model = gpt()
        try:
            watch.start()
            history = fit(model, batches(), batches(), steps=10**6, eval_every=3, out=folder, **options)
            step = history.steps[-1] if history.steps else 0
            assert history.interrupted
        except KeyboardInterrupt:  # before the first step or after the last: then there is nothing to keep
            step = 0
        finally:
            over.set()
            watch.join()
        reached.append(step)
        if step:
            saved, _, state = load_checkpoint(folder)
            assert state["step"] <= step and (i % 5 or same_as_uninterrupted(folder, step, options))


FIRST = """
import os, signal, sys, threading
import torch
from lmlib.models.gpt import GPT, GPTConfig
from lmlib.training import TokenBatches, fit

model = GPT(GPTConfig(vocab_size=9, context=8, n_layers=1, n_heads=1, d_model=8))
batches = TokenBatches(list(range(9)) * 20, context=8, batch_size=2)
assert "torch._dynamo" not in sys.modules, "torch imports it already: this test tests nothing"
threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    fit(model, batches, steps=10**6, progress=False)
except KeyboardInterrupt:
    pass
print(len(fit(model, batches, steps=3, progress=False).train_loss))
"""


@posix
def test_ctrl_c_while_torch_still_imports():
    """The first optimizer makes torch import for a second or so; interrupted there, no later training would start."""
    assert python(FIRST) == (0, "3\n")


def same_as_uninterrupted(folder, step, options):
    resumed, whole = gpt(), gpt()
    fit(resumed, batches(), steps=step + 2, out=folder, resume=True, **options)
    fit(whole, batches(), steps=step + 2, **options)
    return same(resumed, whole)


TRAINS = """
import sys
sys.path.insert(0, "tests")
import torch
torch.set_num_threads(1)
from test_training_faults import gpt, batches
from lmlib.training import fit
print("ready", flush=True)
fit(gpt(), batches(), batches(), steps=10**9, eval_every=1, out=sys.argv[1], progress=False)
"""


@posix
def test_killed_in_the_middle_of_a_training(tmp_path):
    """As a kernel dies: without a last word. What was saved loads, and the training goes on from there."""
    for round_ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", TRAINS, str(tmp_path / "m")], cwd=ROOT, stdout=subprocess.PIPE, text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        try:
            assert process.stdout.readline() == "ready\n"
            end = time.monotonic() + 60
            while not (tmp_path / "m" / "state.json").exists() and time.monotonic() < end:
                time.sleep(0.01)
            time.sleep(0.1 + 0.037 * round_)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
            process.stdout.close()
        _, _, state = load_checkpoint(tmp_path / "m")
        history = fit(gpt(), batches(), steps=state["step"] + 2, out=tmp_path / "m", resume=True, progress=False)
        assert history.steps[-1] == state["step"] + 2


# -- other machines -------------------------------------------------------------------------------------------

SAMPLE = """
import sys
from lmlib.__main__ import main
sys.exit(main(["sample", "data/checkpoints/village-gpt", "--prompt", "It was a ", "--tokens", "30", "--seed", "3"]))
"""
WHERE = "from lmlib import fetch, solved; print(fetch.cache_folder()); print(solved.folder())"


@pytest.fixture(scope="module")
def usual_story():
    status, said = python(SAMPLE)
    assert status == 0 and said.startswith("It was a "), said
    return said


@pytest.mark.parametrize(
    "environment",
    [
        {"LC_ALL": "C", "LANG": None, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"LC_ALL": "tr_TR.UTF-8", "TZ": "Pacific/Kiritimati"},
        {"TZ": "Asia/Kathmandu", "PYTHONHASHSEED": "7"},
        {"HOME": None, "USERPROFILE": None},
        {"HOME": "/nonexistent/nowhere"},
    ],
    ids=["C locale", "Turkish, Kiritimati", "Kathmandu", "no home", "a home that is not there"],
)
def test_the_same_story_on_an_odd_machine(environment, usual_story):
    status, said = python(SAMPLE, **environment)
    assert (status, said) == (0, usual_story)


@posix
def test_without_a_home_there_is_still_a_place_to_keep_things():
    status, said = python(WHERE, HOME=None, LMLIB_CACHE=None, LMLIB_PROGRESS=None)
    assert status == 0 and all(line.startswith("/") for line in said.splitlines()), said


@posix
def test_one_core_and_little_memory(usual_story):
    """One core, and 1.5 GB of address space: torch alone asks for most of a gigabyte of it."""
    resource = pytest.importorskip("resource")
    if torch.version.cuda:
        pytest.skip("this build of torch maps NVIDIA's libraries, which alone take more address space")

    def limits():
        resource.setrlimit(resource.RLIMIT_AS, (3 << 29, 3 << 29))
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

    status, said = python(SAMPLE, preexec=limits)
    assert (status, said) == (0, usual_story)


LESSON = """
import torch
from lmlib import datasets, plots
from lmlib.metrics import bits_per_character
from lmlib.models.recurrent import RecurrentConfig, RecurrentLM
from lmlib.text import WordTokenizer
from lmlib.training import DocumentBatches, fit
torch.set_num_threads(1)
train, valid = (datasets.load("village", split).documents for split in ("train", "validation"))
words = WordTokenizer.train(train, min_count=3)
batches = DocumentBatches([words.encode(story) for story in train], words.end_id, batch_size=8)
model = RecurrentLM(RecurrentConfig(len(words), d_model=128, attention=True, n_heads=4))
history = fit(model, batches, steps=20, lr=0.1, progress=False)
print(f"{bits_per_character(model, words, valid[:10]):.2f}")
"""


@posix
def test_one_core_and_one_gigabyte():
    """Lesson 06's model, on one core in a group of Linux that gets 1 GB: what is over is killed."""
    with contextlib.ExitStack() as stack:
        try:
            enter = stack.enter_context(memory_group(1, f"lmlib-test-{os.getpid()}"))
        except RuntimeError as problem:
            pytest.skip(str(problem))

        def limits():
            enter()
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

        status, said = python("block = b'x' * (5 << 28); print('never')", preexec=limits)
        if status != -signal.SIGKILL:
            pytest.skip("what is over goes to the disk on this machine, and is not killed")
        status, said = python(LESSON, preexec=limits)
    assert status == 0 and 0 < float(said) < 1.5, said


LENGTHS = """
import re, sys
import torch
import lmlib
from torch import nn
torch.set_num_threads(1)

def held():
    return int(re.search(r"VmRSS:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024

layer = nn.LSTM(64, 64, batch_first=True)
for length in range(50, 200):
    layer(torch.zeros(2, length, 64))[0].sum().backward()
    if length == 70:
        before = held()
print(held() - before)
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="the account of memory is Linux's")
def test_texts_of_many_lengths_leave_no_code_behind():
    """torch keeps compiled code for each length of text, unless `lmlib` bounds it: see lmlib/frugal.py."""
    kept, bounded = (float(python(LENGTHS, ONEDNN_PRIMITIVE_CACHE_CAPACITY=n)[1]) for n in ("1024", None))
    if kept < 10:
        pytest.skip("this torch keeps none")
    assert bounded < kept / 4


HEAP = """
import re
blocks = [bytearray(100_000) for _ in range(2000)]
last = blocks.pop()  # the heap's end: behind it nothing is free, so what lies below it is kept
del blocks
"""
HELD = r"""print(int(re.search(r"VmRSS:\s+(\d+)", open("/proc/self/status").read())[1]) / 1024)"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems' libraries have their own ways")
def test_a_notebook_gives_memory_back_after_each_cell():
    held, paths = [], os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    for room in ("pass", "import lmlib"):
        nb = new_notebook(cells=[new_code_cell(code) for code in (room, HEAP, HELD)])
        client = NotebookClient(nb, timeout=120, kernel_name="python3")
        client.execute(env=os.environ | {"PYTHONPATH": paths}, stderr=subprocess.DEVNULL)
        held.append(float(nb.cells[-1].outputs[0]["text"]))
    if held[0] < 150:
        pytest.skip("this C library keeps nothing")
    assert held[1] < held[0] - 150


@pytest.mark.parametrize("locale", [None, "C"], ids=["usual locale", "C locale"])
def test_a_folder_with_a_name_of_many_scripts(tmp_path, locale):
    folder = tmp_path / "Überraschung 模型 ñ'\" x"
    folder.mkdir()
    (folder / "mein Text.txt").write_text("Die Katze schläft. 猫在睡觉。\n" * 200, encoding="utf-8")
    more = {"LC_ALL": locale} if locale else {}
    train = ["-m", "lmlib", "train", "--corpus", folder / "mein Text.txt", "--out", folder / "modèle", "--steps", "3"]
    status, said = python("", *train, "--d-model", "16", "--layers", "1", "--heads", "2", **more)
    assert status == 0, said
    status, said = python("", "-m", "lmlib", "sample", folder / "modèle", "--prompt", "Die ", "--tokens", "5", **more)
    assert status == 0 and "Traceback" not in said, said


@posix
def test_a_home_and_a_cache_that_are_read_only(tmp_path, usual_story):
    """Lessons' code runs all the same, and what must be written says where it can't."""
    closed = tmp_path / "closed"
    closed.mkdir()
    closed.chmod(0o555)
    before = () if not is_root() else ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
    if before and not shutil.which("setpriv"):
        pytest.skip("root may write everywhere, and there is no setpriv to take that away")
    environment = {
        "HOME": str(closed),
        "LMLIB_CACHE": str(closed / "cache"),
        "LMLIB_PROGRESS": str(closed / "p"),
        "MPLCONFIGDIR": None,
        "XDG_CACHE_HOME": None,
    }
    status, said = python("open('x', 'w')", before=before, PWD=str(closed), **environment)
    assert status == 1 and "Permission denied" in said, "the folder is not closed, so this test shows nothing"
    assert python(SAMPLE, before=before, **environment) == (0, usual_story)
    solve = "from lmlib.exercises import lesson_06 as ex; ex.look.check(ex.look.reference)"
    status, said = python(solve, before=before, **environment)
    assert status == 0 and "correct" in said and "Traceback" not in said
    train = ["-m", "lmlib", "train", "--corpus", "village", "--out", closed / "m", "--steps", "1", "--layers", "1"]
    status, said = python("", *train, before=before, **environment)
    assert status == 1 and "choose another folder" in said and "Traceback" not in said
    load = "from lmlib import datasets; datasets.load('tiny-shakespeare')"
    status, said = python(load, before=before, **environment)
    assert status == 1 and "cannot be written" in said, said
    draw = "from lmlib import plots; import matplotlib.pyplot as plt; print(len(plots.png_of(plt.figure())) > 100)"
    status, said = python(draw, before=before, **environment)
    assert status == 0 and "True" in said, said


# -- bytes that rot -------------------------------------------------------------------------------------------


def test_200_flipped_bits_in_the_cache(tmp_path, monkeypatch):
    """A damaged download is told and never used, wherever the damage sits."""
    content = bytes(random.Random(1).randbytes(20_000))
    file = fetch.RemoteFile("a file", hashlib.sha256(content).hexdigest(), "https://no.such.host/folder/a.bin")
    monkeypatch.setenv("LMLIB_CACHE", str(tmp_path))
    monkeypatch.setenv("LMLIB_OFFLINE", "1")
    file.cache_path.parent.mkdir(parents=True)
    rng = random.Random(2)
    for _ in range(200):
        damaged = bytearray(content)
        damaged[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        file.cache_path.write_bytes(damaged)
        with pytest.raises(fetch.DatasetError, match="damaged"):
            fetch.fetch(file)
    file.cache_path.write_bytes(content)
    assert fetch.fetch(file) == (file.cache_path, "the cache")


def test_a_shipped_model_that_rots_is_not_used(tmp_path, monkeypatch):
    from lmlib.training import checkpoint

    shutil.copytree(checkpoint.SHIPPED / "village-gpt", tmp_path / "village-gpt")
    monkeypatch.setattr(checkpoint, "SHIPPED", tmp_path)
    load_shipped("village-gpt")
    weights = next((tmp_path / "village-gpt").glob("*.safetensors"))
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    with pytest.raises(CheckpointError, match="damaged"):
        load_shipped("village-gpt")
