"""Several processes train as one: the same gradients and losses, one writer, and a loss of one that is told."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from helpers import ROOT

from lmlib.__main__ import main
from lmlib.models.gpt import GPT, GPTConfig
from lmlib.training import DocumentBatches, StreamBatches, TokenBatches, fit, load_checkpoint, next_token_loss
from lmlib.training.data import IGNORE
from lmlib.training.distributed import Team

TINY = ["--d-model", "16", "--layers", "1", "--heads", "2", "--context", "16", "--batch-size", "5"]
several = pytest.mark.skipif(os.name == "nt" or not dist.is_available(), reason="torch has no gloo here")


def gpt():
    return GPT(GPTConfig(vocab_size=11, context=20, n_layers=1, n_heads=2, d_model=8))


def texts(number):
    """Rows of very different lengths, so that the pieces of a batch have different numbers of targets."""
    return [[(i * i + d) % 10 for i in range(1 + 3 * d % 17)] for d in range(number)]


def documents():
    return DocumentBatches(texts(23), end_id=10, batch_size=5)


def tokens():
    return TokenBatches([(i * i) % 11 for i in range(300)], context=8, batch_size=3)


CASES = {
    "windows": (tokens, {}),
    "documents": (documents, {}),
    "documents in pieces": (documents, {"accumulate": 2}),
    "more processes than rows": (lambda: TokenBatches(range(11), context=8, batch_size=1), {"optimizer": "adamw"}),
}


def losses(case):
    make, options = CASES[case]
    history = fit(gpt(), make(), make(), steps=12, eval_every=5, progress=False, **options)
    return {"train": history.train_loss, "valid": history.valid_loss, "tokens": history.tokens}


def torchrun(*words, **options):
    """Start two processes that run a module or a script."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *words]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    environment.pop("LMLIB_TRACEBACK", None)
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


@several
def test_two_processes_have_the_losses_of_one(tmp_path):
    process = torchrun(__file__, str(tmp_path))
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    both = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2)]
    assert both[0] == both[1]  # the processes agree in every digit
    for case in CASES:
        alone = losses(case)
        assert both[0][case]["tokens"] == alone["tokens"]
        for kind in ("train", "valid"):
            assert both[0][case][kind] == pytest.approx(alone[kind], abs=1e-4), case


def train(corpus, out, *options):
    return ["train", "--corpus", str(corpus), "--out", str(out), *TINY, *map(str, options)]


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "rhyme.txt"
    path.write_text("One, two, buckle my shoe;\nthree, four, knock at the door;\n" * 40, encoding="utf-8")
    return path


def workers(process):
    """The ids of torchrun's processes by rank, as soon as both are there."""
    found = {}
    for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
        for setting in Path(f"/proc/{child}/environ").read_bytes().decode().split("\0"):
            if setting.startswith("RANK="):
                found[int(setting.removeprefix("RANK="))] = int(child)
    return found


@several
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds the processes in /proc, as Linux has it")
@pytest.mark.parametrize("killed", [0, 1])
def test_a_killed_process_ends_the_run_and_the_checkpoint_goes_on(corpus, tmp_path, killed):
    out = tmp_path / "model"
    process = torchrun("-m", "lmlib", *train(corpus, out, "--steps", 1_000_000, "--eval-every", 10))
    try:
        start = time.monotonic()
        while not (out / "state.json").exists():
            assert process.poll() is None and time.monotonic() - start < 90, process.communicate()
            time.sleep(0.05)
        os.kill(workers(process)[killed], signal.SIGKILL)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    step = load_checkpoint(out)[2]["step"]
    said = [line for line in err.splitlines() if "python -m lmlib train:" in line]
    assert process.returncode != 0 and len(said) == 1, err
    assert f"the checkpoint of step {step}" in said[0] and "--resume" in said[0] and str(out) in said[0]
    assert main(train(corpus, out, "--steps", step + 5, "--resume")) == 0
    assert load_checkpoint(out)[2]["step"] == step + 5


@several
def test_an_error_that_all_have_is_told_once_and_a_good_run_too(corpus, tmp_path):
    wrong = torchrun("-m", "lmlib", *train(corpus, tmp_path / "m", "--steps", 3, "--heads", 3))
    right = torchrun("-m", "lmlib", *train(corpus, tmp_path / "n", "--steps", 3))
    _, err = wrong.communicate(timeout=120)
    assert wrong.returncode != 0 and err.count("python -m lmlib train: d_model (16) must be a multiple") == 1, err
    out, err = right.communicate(timeout=120)
    assert right.returncode == 0 and out.count("3 steps") == out.count("saved in") == 1, err


# --- pieces of a batch, in one process ---


def gradients(loss_of):
    model = gpt()
    loss_of(model)
    return torch.cat([p.grad.flatten() for p in model.parameters()])


@pytest.mark.parametrize(("size", "parts"), [(1, 2), (1, 9), (2, 1), (2, 2), (7, 1)])
@pytest.mark.parametrize("make", [tokens, documents], ids=["windows", "documents"])
def test_weighted_pieces_give_the_gradients_of_the_batch(make, size, parts):
    batch = make().batch(4)
    with torch.no_grad():
        model = gpt()
        torch.nn.init.normal_(model.head.weight)  # or most gradients would be zero
    state = model.state_dict()

    def whole(model):
        model.load_state_dict(state)
        next_token_loss(model, batch).backward()

    def in_pieces(model):
        model.load_state_dict(state)
        for rank in range(size):
            for piece, weight in Team(rank, size).pieces(batch, parts):
                (next_token_loss(model, piece) * weight).backward()

    torch.testing.assert_close(gradients(in_pieces), gradients(whole), atol=1e-6, rtol=1e-5)


def test_the_weights_are_shares_of_the_targets():
    targets = torch.tensor([[1, 2, 3], [4, IGNORE, IGNORE]])
    batch = torch.zeros_like(targets), targets
    assert [weight for _, weight in Team().pieces(batch, 2)] == [0.75, 0.25]
    assert [Team(rank, 2).pieces(batch)[0][1] for rank in range(2)] == [0.75, 0.25]
    assert [Team(rank, 3).pieces(batch)[0][1] for rank in range(3)] == [0.75, 0.25, 0.0]
    assert Team().pieces(batch) == [(batch, None)]


@pytest.mark.parametrize("make", [tokens, documents], ids=["windows", "documents"])
def test_accumulating_trains_the_same_model(make):
    one, other = gpt(), gpt()
    histories = [fit(m, make(), steps=10, accumulate=n, progress=False) for m, n in ((one, 1), (other, 3))]
    assert histories[0].train_loss == pytest.approx(histories[1].train_loss, abs=1e-5)
    assert histories[0].tokens == histories[1].tokens


def test_what_cannot_be_cut_is_explained():
    with pytest.raises(ValueError, match="at least 1"):
        fit(gpt(), tokens(), steps=1, accumulate=0, progress=False)
    from lmlib.models.recurrent import RecurrentConfig, RecurrentLM

    stream = StreamBatches([i % 11 for i in range(100)], context=8, batch_size=2)
    with pytest.raises(ValueError, match="cannot be cut"):
        fit(RecurrentLM(RecurrentConfig(vocab_size=11, d_model=8)), stream, steps=1, accumulate=2, progress=False)


if __name__ == "__main__":  # one of the two processes of the first test
    from lmlib.training.distributed import joined

    with joined() as us:
        found = {case: losses(case) for case in CASES}
        (Path(sys.argv[1]) / f"{us.rank}.json").write_text(json.dumps(found))
