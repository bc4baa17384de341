"""The bench runs, compares what is comparable, and says what it measured. Nothing here asserts a time."""

import math

import pytest
import torch
from helpers import shared_data

from lmlib import bench, models, recipes
from lmlib.__main__ import main
from lmlib.bench import Run, generation, read, training, twins, write, write_on
from lmlib.models.gpt import GPT, GPTConfig
from lmlib.training import make_optimizers
from lmlib.training.loop import fit


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "rhyme.txt"
    path.write_text("One, two, buckle my shoe;\nthree, four, knock at the door;\n" * 80, encoding="utf-8")
    return str(path)


def test_the_trainings_in_small(corpus):
    lines = []
    runs = training(corpus, steps=4, long=True, minute=0.02, show=lines.append)
    assert len(runs) == 5 and len(lines) == 6
    assert [run.goal for run in runs] == [None, 1.88, 1.65, 1.50, 1.4697]
    for run in runs:
        assert math.isfinite(run.loss) and run.seconds > 0 and run.curve
        assert run.curve[-1][1] == pytest.approx(run.loss)  # the last point of the curve is the figure in the table
    assert runs[0].tokens == 4 * 12 * 64


def test_every_figure_is_of_the_whole_validation_text(corpus):
    """An untrained GPT gives all characters the same chance, so its loss is ln of their number, in any window."""
    prepared = recipes.prepare(corpus, "char", context=64)
    for name in ("nanogpt-cpu", "fast"):
        preset = recipes.preset(name)
        corpus_of = recipes.prepare(corpus, "char", context=preset.context)
        seen = sum(int(targets.numel()) for _, targets in corpus_of.valid.all_batches())
        assert seen == sum(map(len, prepared.documents))  # every character once; the first one follows the end mark


def test_the_baseline_has_nanogpts_settings():
    preset = recipes.preset("nanogpt-cpu")
    sizes = {"vocab_size": 65, "context": preset.context}
    model = models.build({"model": "gpt", **preset.model, **sizes})
    assert (preset.context, preset.batch_size, preset.steps) == (64, 12, 2000)
    # Its README counts 0.80 million parameters without the positions for 65 characters.
    assert model.n_parameters - model.position.weight.numel() == 65 * 128 + 4 * (12 * 128**2 + 2 * 128) + 128
    (optimizer,) = preset.training["optimizer"](model)
    decay, plain = optimizer.param_groups
    assert (decay["weight_decay"], plain["weight_decay"]) == (0.1, 0.0)
    assert all(p.ndim == 2 for p in decay["params"]) and all(p.ndim == 1 for p in plain["params"])
    assert sum(len(g["params"]) for g in optimizer.param_groups) == len(list(model.parameters()))
    assert decay["betas"] == (0.9, 0.99) and decay["lr"] == decay["base_lr"] == 1e-3
    rate = preset.training["schedule"]
    assert rate(0.05) == pytest.approx(1) and rate(1.0) == pytest.approx(0.1)
    assert rate(0.525) == pytest.approx(0.55)  # half way down the cosine
    assert rate(0.025) == pytest.approx(0.5, abs=0.03)


def test_a_function_may_make_the_optimizers(corpus):
    """And fit then takes the same steps as with the name."""
    prepared = recipes.prepare(corpus, "char", context=16, batch_size=2)
    losses = []
    for optimizer in ("muon", lambda model: make_optimizers(model, "muon")):
        config = GPTConfig(vocab_size=len(prepared.tokenizer), context=16, n_layers=1, n_heads=2, d_model=8)
        losses.append(fit(GPT(config), prepared.train, steps=5, optimizer=optimizer, progress=False).train_loss)
    assert losses[0] == losses[1]


def test_a_preset_is_a_copy_and_flags_go_before():
    preset = recipes.preset("nanogpt-cpu").but({"d_model": 64, "lr": None, "context": 32, "optimizer": "muon"})
    assert (preset.model["d_model"], preset.context, preset.batch_size) == (64, 32, 12)
    assert preset.training["optimizer"] == "muon" and "lr" not in preset.training
    assert recipes.preset("nanogpt-cpu").model["d_model"] == 128
    sizes = [
        models.build({"model": "gpt", "vocab_size": 65, "context": p.context, **p.model}).n_parameters
        for p in (recipes.preset("fast", seconds) for seconds in (10, 60, 300, 900))
    ]
    assert sizes == sorted(sizes) and sizes[0] < sizes[-1]


@pytest.mark.parametrize("batch", [1, 3])
def test_both_write_the_same_tokens(batch):
    ours, theirs = twins(context=40, n_layers=2, n_heads=2, d_model=16, vocab_size=11)
    ids = torch.randint(11, (batch, 9), generator=torch.Generator().manual_seed(1))
    options = {"attention_mask": torch.ones_like(ids), "do_sample": False, "pad_token_id": 0}
    truth = theirs.generate(ids, max_new_tokens=25, **options)[:, 9:]
    assert torch.equal(write_on(ours, ids, 25), truth)
    assert len(truth.unique()) > 1  # not one token for ever
    assert write_on(ours, ids, 1).shape == (batch, 1)


def test_generation_in_small():
    lines = []
    rows = generation((1, 2), prompt=6, n=8, repeats=1, show=lines.append, n_layers=1, n_heads=2, d_model=16)
    assert [(row["batch"], row["what"]) for row in rows] == [
        (batch, what) for batch in (1, 2) for what in ("reading the prompt", "writing")
    ]
    assert all(row["same"] == 1 and row["ratio"] == pytest.approx(row["ours"] / row["theirs"]) for row in rows)
    assert len(lines) == 5


def run(name, goal, loss, seconds):
    return Run(name, goal, loss, seconds, 1000, 5000, [(seconds / 2, loss + 1), (seconds, loss)])


def test_a_row_says_whether_the_goal_was_reached():
    assert "reached 1.65" in run("fast", 1.65, 1.6, 10.0).line(20.0)
    assert "missed 1.47" in run("fast", 1.4697, 1.48, 10.0).line(20.0)
    line = run("baseline", None, 1.9, 20.0).line(20.0)
    assert "reached" not in line and "missed" not in line
    assert line.split()[1:] == ["1,000", "20.0", "1.00", "250", "1.9000"]


def test_the_ratio_is_the_first_moment_below_the_baseline(capsys):
    bench._ratios([run("baseline", None, 1.9, 20.0), run("fast", 1.88, 1.5, 10.0), run("slow", None, 2.5, 90.0)])
    assert capsys.readouterr().out == "fast: below the baseline's loss after 0.50 of its time at most\n"


def test_a_table_is_read_as_it_was_written(tmp_path):
    runs = [run("nanoGPT's settings", None, 1.9, 20.0), run("fast, a fifth", 1.88, 1.8, 4.0)]
    write(runs, tmp_path / "bench.csv")
    assert read(tmp_path / "bench.csv") == runs
    with pytest.raises(FileNotFoundError, match="lmlib bench --long --table"):
        read(tmp_path / "nothing.csv")


def test_the_picture_names_every_training():
    runs = [run("nanoGPT's settings", None, 1.9, 20.0), run("fast, a fifth", 1.88, 1.8, 4.0)]
    fig, alt = bench.figure(runs)
    (ax,) = fig.axes
    curves = [line for line in ax.lines if line.get_marker() == "o"]  # the others lead to the names
    assert [curve.get_xdata().tolist() for curve in curves] == [[10.0, 20.0], [2.0, 4.0]]
    right_end = max(max(curve.get_xdata()) for curve in curves)
    assert all(text.xy[0] > right_end for text in ax.texts), "a name stands over a curve"
    written = " ".join(text.get_text() for text in ax.texts)
    for one in runs:
        assert one.name in written and f"{one.name}: {one.loss:.3f}" in alt


def test_the_command(corpus, tmp_path, capsys, monkeypatch):
    threads = torch.get_num_threads()
    real = bench.training
    monkeypatch.setattr(bench, "training", lambda *a, **options: real(*a, **options | {"steps": 2, "minute": 0.01}))
    picture, table = tmp_path / "curves.png", tmp_path / "curves.csv"
    options = ["--corpus", corpus, "--threads", "1", "--no-generation", "--picture", str(picture)]
    options += ["--table", str(table)]
    assert main(["bench", "--quick", *options]) == 0
    said = capsys.readouterr().out
    assert "nanoGPT's settings" in said and "fast, the same time" in said and "5 minutes" not in said
    assert [one.name for one in read(table)] == [
        "nanoGPT's settings",
        "fast, a fifth of the time",
        "fast, the same time",
    ]
    assert picture.read_bytes().startswith(b"\x89PNG") and torch.get_num_threads() == threads
    for wrong in (["--threads", "0"], ["--no-training", "--picture", str(picture)], ["--corpus", "nowhere.txt"]):
        assert main(["bench", "--no-generation", *wrong]) == 1
        said = capsys.readouterr().err.strip()
        assert said.startswith("python -m lmlib bench: ") and "\n" not in said


def test_the_text_is_that_of_nanogpt():
    """1,115,394 characters of 65 kinds, of which the last tenth is for validation, to a line."""
    prepared = recipes.prepare(str(shared_data("tinyshakespeare/tinyshakespeare.txt")), "char", context=64)
    assert len(prepared.tokenizer) == 65 + 2  # and the unknown, and the end mark
    assert prepared.n_tokens == pytest.approx(111_540, abs=60)
