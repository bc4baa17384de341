"""The commands: train a tiny model on a file, go on, let it write; and errors that are one sentence."""

import subprocess
import sys

import pytest
from helpers import ROOT

from lmlib.__main__ import COMMANDS, main
from lmlib.training import load_checkpoint

TINY = ["--d-model", "16", "--layers", "1", "--heads", "2", "--context", "16", "--batch-size", "4"]


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "rhyme.txt"
    path.write_text("One, two, buckle my shoe;\nthree, four, knock at the door;\n" * 40, encoding="utf-8")
    return path


def train(corpus, out, *options):
    return main(["train", "--corpus", str(corpus), "--out", str(out), *TINY, *map(str, options)])


def test_train_then_sample_then_resume(corpus, tmp_path, capsys):
    out = tmp_path / "model"
    assert train(corpus, out, "--steps", 5) == 0
    said = capsys.readouterr().out
    assert "5 steps" in said and "bits per character" in said and f"sample {out}" in said
    model, tokenizer, state = load_checkpoint(out)
    assert (model.config.d_model, model.config.n_layers, model.config.context) == (16, 1, 16)
    assert state["step"] == 5 and state["corpus"] == str(corpus)

    sample = ["sample", str(out), "--prompt", "One, ", "--tokens", "30", "--seed", "3"]
    assert main(sample) == 0
    text = capsys.readouterr().out
    assert text.startswith("One, ") and text.endswith("\n") and 6 < len(text) <= 36
    assert main(sample) == 0
    assert capsys.readouterr().out == text
    assert main([*sample, "--beam", "2"]) == 0
    assert capsys.readouterr().out.startswith("One, ")
    assert main([*sample, "--beam", "0"]) == 1 and "give 1 (greedy) or more" in capsys.readouterr().err

    assert train(corpus, out, "--steps", 12, "--resume") == 0
    assert "12 steps" in capsys.readouterr().out
    again, its_tokenizer, state = load_checkpoint(out)
    assert state["step"] == 12 and again.config == model.config
    assert its_tokenizer.encode("One, two") == tokenizer.encode("One, two")


def test_train_stops_after_some_time(corpus, tmp_path, capsys):
    assert train(corpus, tmp_path / "model", "--minutes", 0.005) == 0
    assert load_checkpoint(tmp_path / "model")[2]["step"] >= 1


@pytest.mark.parametrize("kind", ["word", "bpe"])
def test_other_tokenizers(corpus, tmp_path, capsys, kind):
    out = tmp_path / "model"
    assert train(corpus, out, "--steps", 2, "--tokenizer", kind, "--vocab-size", 270, "--context", 4) == 0
    assert load_checkpoint(out)[1].kind == kind
    assert main(["sample", str(out), "--tokens", "5"]) == 0


def test_bits_per_character_are_those_of_the_whole_validation_text(corpus, tmp_path, capsys):
    """An untrained GPT gives all tokens the same chance: log2 of their number for every character."""
    import math

    from lmlib import datasets, models, recipes

    prepared = recipes.prepare(str(corpus), context=16)
    size = len(prepared.tokenizer)
    model = models.build({"model": "gpt", "vocab_size": size, "context": 16, "n_heads": 2, "d_model": 8})
    nats, bits = prepared.score(model)
    assert prepared.documents == datasets.from_file(corpus, "validation").documents
    assert nats == pytest.approx(math.log(size)) and bits == pytest.approx(math.log2(size))


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["train", "--corpus", "nowhere.txt", "--out", "{tmp}/m", "--steps", "1"], "nowhere.txt"),
        (["train", "--corpus", "{corpus}", "--out", "{corpus}", "--steps", "1", *TINY], "another folder"),
        (["train", "--corpus", "{corpus}", "--out", "{tmp}/m", "--steps", "1", "--heads", "3"], "n_heads"),
        (
            ["train", "--corpus", "{corpus}", "--out", "{tmp}/m", "--steps", "1", "--context", "5000"],
            "shorter context",
        ),
        (["train", "--corpus", "{corpus}", "--out", "{tmp}/m", "--steps", "0", *TINY], "above 0"),
        (["train", "--corpus", "{corpus}", "--out", "{tmp}/m", "--minutes", "0", *TINY], "above 0"),
        (["train", "--corpus", "{corpus}", "--out", "{tmp}/m", "--minutes", "-1", *TINY], "above 0"),
        (["train", "--corpus", "{corpus}", "--out", "{tmp}/m", "--steps", "1", "--resume"], "no checkpoint"),
        (["sample", "{tmp}/nothing"], "no checkpoint"),
        (["sample", "{tmp}/nothing", "--temperature", "-1"], "no checkpoint"),
        (["sample", "{bare}"], "tokenizer"),
        (["data", "--fetch", "nothing-of-this-name"], "nothing-of-this-name"),
    ],
)
def test_an_error_is_one_sentence(corpus, tmp_path, capsys, monkeypatch, argv, words):
    from lmlib import models
    from lmlib.training import save_checkpoint

    monkeypatch.delenv("LMLIB_TRACEBACK", raising=False)
    bare = tmp_path / "bare"
    save_checkpoint(bare, models.build({"model": "gpt", "vocab_size": 5, "n_heads": 2, "d_model": 8}))
    assert main([word.format(tmp=tmp_path, corpus=corpus, bare=bare) for word in argv]) == 1
    said = capsys.readouterr().err.strip()
    assert words in said and "Traceback" not in said and "\n" not in said


def test_a_damaged_checkpoint_is_named(corpus, tmp_path, capsys):
    out = tmp_path / "model"
    train(corpus, out, "--steps", 1)
    (path,) = out.glob("weights-*")
    path.write_bytes(path.read_bytes()[:-1])
    capsys.readouterr()
    for argv in (
        ["sample", str(out)],
        ["train", "--corpus", str(corpus), "--out", str(out), "--steps", "2", "--resume"],
    ):
        assert main(argv) == 1
        assert path.name in capsys.readouterr().err


def test_without_a_command_there_is_help(capsys):
    assert main([]) == 0
    said = capsys.readouterr().out
    for name, command in COMMANDS.items():
        assert name in said and command.__doc__.split("\n")[0] in said
    assert main(["--help"]) == 0
    assert main(["trian"]) == 2


def test_each_command_has_help(capsys):
    for name in COMMANDS:
        try:
            code = main([name, "--help"])
        except SystemExit as stop:  # this is how argparse ends
            code = stop.code
        assert code == 0 and "usage" in capsys.readouterr().out


def test_from_a_shell(tmp_path):
    run = [sys.executable, "-m", "lmlib", "sample", str(tmp_path)]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("python -m lmlib sample: there is no checkpoint") and done.stderr.count("\n") == 1
