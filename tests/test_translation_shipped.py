"""The translator that ships: it is the table's, whole, and it translates."""

import shutil

import pytest

from lmlib.training import SHIPPED, CheckpointError
from lmlib.translation import Translator, scores, shipped, table
from lmlib.translation.__main__ import main


@pytest.fixture(scope="module")
def loaded():
    return shipped.load_translator()


def test_it_is_the_model_of_the_table(loaded):
    model, tokenizer, facts = loaded
    same = table.build("Transformer", len(tokenizer))
    assert model.config == same.config and not model.training
    assert facts["step"] == shipped.STEPS == 4 * table.STEPS and facts["target"] == "zh" and facts["seed"] == 0


def test_it_translates_new_sentences(loaded):
    model, tokenizer, _ = loaded
    pairs = table.load("village", "test", "zh")[-400:]
    pairs = [pair for pair in pairs if len(pair.source) > 30][:40]
    found = scores(Translator(model, tokenizer).translate([p.source for p in pairs]), [p.target for p in pairs], "zh")
    assert found["BLEU"] > 75 and found["exact"] > 0.4


def test_a_damaged_file_is_named(tmp_path):
    folder = shutil.copytree(SHIPPED / shipped.NAME, tmp_path / "copy")
    weights = next(folder.glob("weights-*"))
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(CheckpointError, match="damaged"):
        shipped.load_translator(folder)
    with pytest.raises(CheckpointError, match="no checkpoint"):
        shipped.load_translator(tmp_path / "none")


def test_making_it_again_writes_the_same_kind_of_folder(tmp_path, monkeypatch):
    small = table.load("village", "test", "zh")
    parts = {"train": small[:300], "test": small[300:420]}
    monkeypatch.setattr(table, "load", lambda data, split, target: parts[split])
    table._village.cache_clear()
    try:
        shipped.keep(tmp_path / "new", steps=2, say=lambda text: None)
    finally:
        table._village.cache_clear()
    model, tokenizer, facts = shipped.load_translator(tmp_path / "new")
    assert len(tokenizer) == facts["vocab_size"] and facts["step"] == 2


def test_the_command_knows_keep(monkeypatch, capsys):
    called = []
    monkeypatch.setattr("lmlib.translation.__main__.keep", lambda: called.append(True))
    assert main(["--keep"]) == 0 and called == [True]
