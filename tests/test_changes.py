"""From GPT-2 to the GPT of this course: what each row changes, and the table that ships."""

import pytest

from lmlib import changes
from lmlib.changes import CHANGES, GPT2, Row, forms, measure, read, train
from lmlib.measured import write_rows
from lmlib.models.gpt import GPT, GPTConfig


def test_the_first_form_is_gpt2_and_each_keeps_the_changes_before_it():
    found = forms()
    assert [name for name, _, _ in found] == [name for name, _, _ in CHANGES]
    sizes = {"n_layers": 1, "n_heads": 2, "d_model": 8}
    assert GPTConfig(9, **sizes, **GPT2) == GPTConfig.gpt2(9, **sizes, eps=None)
    before = found[0][1]
    for name, parts, _ in found[1:]:
        differs = {key for key in parts if parts[key] != before.get(key)}
        expected = set(next(change for known, change, _ in CHANGES if known == name))
        assert differs <= expected or name == "squared ReLU"
        if not name.startswith("or "):
            before = parts
    assert [optimizer[0] for _, _, optimizer in found] == ["adamw"] * 8 + ["muon"] * 2


def test_an_alternative_is_not_kept():
    by_name = {name: parts for name, parts, _ in forms()}
    assert by_name["or SwiGLU"]["activation"] == "swiglu" and "hidden" not in by_name["squared ReLU"]
    assert by_name["normalised queries and keys"]["activation"] == "relu2"


def test_the_last_form_is_that_of_the_scoreboard():
    from lmlib.scoreboard import RECIPES

    _, parts, (optimizer, lr) = forms()[-1]
    recipe = RECIPES["GPT"][1]
    sizes = {"vocab_size": 9, "n_layers": 1, "n_heads": 2, "d_model": 8}
    settings = {k: v for k, v in recipe.sizes.items() if k not in ("model", "context", *sizes)}
    assert GPTConfig(**sizes, **settings) == GPTConfig(**sizes, **parts)
    assert (recipe.kind, optimizer, lr) == (changes.KIND, "muon", 0.02)


def test_a_form_trains_and_is_measured(monkeypatch):
    small = {"context": 512, "n_layers": 1, "n_heads": 2, "d_model": 8}
    monkeypatch.setattr(changes, "SIZES", small)
    _, parts, optimizer = forms()[-1]
    model, tokenizer, history = train(parts, optimizer, steps=2)
    assert isinstance(model, GPT) and history.steps == [1, 2] and model.config.conv_width == 3
    monkeypatch.setattr(changes, "train", lambda *_: (model, tokenizer, history))
    monkeypatch.setattr("lmlib.village.load_stories", lambda split: ["It rained."])
    bits, n = measure(parts, optimizer, 0)
    assert bits > 1 and n == model.n_parameters


def test_the_table_that_ships_has_every_form_with_three_seeds():
    rows = read()
    assert [row.change for row in rows] == [name for name, _, _ in forms()]
    assert all(row.seeds == 3 and 0.1 < row.bits < 1 and 0 < row.spread < 0.05 for row in rows)
    # What the lesson says: all changes together are worth far more than what the seeds do.
    assert rows[0].bits - rows[-1].bits > 5 * max(row.spread for row in rows)


def test_one_row_is_made_anew_and_the_others_stay(tmp_path, monkeypatch, capsys):
    table = tmp_path / "changes.csv"
    monkeypatch.setattr(changes, "TABLE", table)
    monkeypatch.setattr(changes.read, "__defaults__", (table,))
    monkeypatch.setattr(changes, "measure", lambda parts, optimizer, seed: (0.3 + 0.01 * seed, 5))
    changes.make()
    assert [row.change for row in read()] == [name for name, _, _ in forms()]
    assert (read()[0].bits, read()[0].spread) == (0.31, 0.01)
    monkeypatch.setattr(changes, "measure", lambda parts, optimizer, seed: (0.2, 5))
    changes.make(["Muon"])
    assert [row.change for row in read() if row.bits == 0.2] == ["Muon"] and len(read()) == len(forms())
    with pytest.raises(ValueError, match="no form is called 'Adam'"):
        changes.make(["Adam"])


def test_a_table_is_read_as_it_was_written(tmp_path):
    rows = [Row("GPT-2", 5, 0.25, 0.01, 3)]
    write_rows(rows, tmp_path / "changes.csv")
    assert read(tmp_path / "changes.csv") == rows
    with pytest.raises(FileNotFoundError, match="python -m lmlib.changes"):
        read(tmp_path / "nothing.csv")
