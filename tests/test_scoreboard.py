"""The scoreboard: its table is what its recipes measure."""

import math

import pytest

from lmlib import scoreboard, village
from lmlib.metrics import bits_per_character
from lmlib.scoreboard import RECIPES, UNIGRAM, Row
from lmlib.training import load_checkpoint, load_shipped


@pytest.fixture(scope="module")
def rows():
    return {row.model: row for row in scoreboard.read()}


def test_every_recipe_has_its_row(rows):
    assert set(rows) == set(RECIPES)
    for name, (lesson, _, chance) in RECIPES.items():
        assert rows[name].lesson == lesson
        assert rows[name].seeds == (3 if chance else 1)
        assert (rows[name].spread > 0) == chance


@pytest.mark.parametrize("name", ["uniform over characters", UNIGRAM, "bigram, characters"])
def test_rows_are_measured_again(name, rows):
    bits, parameters, _, _ = RECIPES[name][1](0)
    assert rows[name].bits == pytest.approx(bits, abs=1e-4)
    assert rows[name].parameters == parameters


def test_uniform_row_is_the_logarithm_of_the_alphabet(rows):
    characters = set("".join(village.load_stories("train")))
    # the end mark and the unknown token are symbols, too
    assert rows["uniform over characters"].bits == pytest.approx(math.log2(len(characters) + 2), abs=1e-4)


def test_nothing_is_below_the_floor_and_memory_helps(rows):
    floor = village.bits_per_character("test")
    assert all(row.bits > floor for row in rows.values())
    assert rows["GPT"].bits + 3 * rows["GPT"].spread < rows["5-gram, words"].bits < rows[UNIGRAM].bits


def test_written_rows_are_read_back(tmp_path, rows):
    path = tmp_path / "table.csv"
    scoreboard.write(rows.values(), path)
    assert {row.model: row for row in scoreboard.read(path)} == rows
    assert path.read_bytes() == scoreboard.TABLE.read_bytes()


def test_share_of_the_way():
    row = Row("half way", "03", 1, 0.0, 1.0, 3.0, 0.0, 1)
    assert row.share(unigram=5.0, floor=1.0) == 0.5


def test_printed_table_has_all_rows_and_the_floor(rows, capsys):
    assert scoreboard.main([]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in rows)
    assert printed.splitlines()[-1].split()[:2] == ["the", "floor"]


def test_the_shipped_network_is_the_one_of_its_row(rows):
    model, tokenizer, facts = load_shipped("village-attention")
    row = rows["LSTM with attention, words"]
    assert model.n_parameters == row.parameters
    bits = bits_per_character(model, tokenizer, village.load_stories("test"))
    assert bits == pytest.approx(facts["test"]["bits_per_character"], abs=1e-3)
    assert abs(bits - row.bits) < 3 * row.spread
    assert facts["command"].startswith('python -m lmlib scoreboard --keep "LSTM with attention, words"')


def test_a_kept_network_can_be_loaded_again(tmp_path, monkeypatch):
    monkeypatch.setattr(scoreboard, "EPOCHS", 1 / 300)  # a step or two
    scoreboard.keep("feed-forward, words", tmp_path / "net")
    model, tokenizer, facts = load_checkpoint(tmp_path / "net")
    assert model.config.window == 8 and len(tokenizer) == model.config.vocab_size
    assert facts["step"] >= 1


def test_errors_are_one_sentence(tmp_path):
    with pytest.raises(ValueError, match="is no network of the scoreboard: choose one of feed-forward, words"):
        scoreboard.keep("5-gram, words", tmp_path)

    with pytest.raises(FileNotFoundError, match="scoreboard --make"):
        scoreboard.read(tmp_path / "none.csv")
    with pytest.raises(ValueError, match="no row is called 'gtp'"):
        scoreboard.make(["gtp"])


def test_more_stories_come_from_the_generator_and_are_read_once(tmp_path, monkeypatch):
    trained = {}

    def fit(model, batches, *_, steps, **__):
        trained["steps"], trained["texts"] = steps, len(batches.rows)
        return type("History", (), {"steps": [1], "tokens": 1, "seconds": 1.0})

    monkeypatch.setattr("lmlib.training.fit", fit)
    monkeypatch.setattr("lmlib.metrics.bits_per_character", lambda *_: 0.25)
    scoreboard.keep("GPT", tmp_path / "kept", stories=9)
    assert trained == {"steps": 3, "texts": 9}  # batches of 4, 4 and 1
    _, _, facts = load_checkpoint(tmp_path / "kept")
    assert facts["command"].endswith("--stories 9") and facts["test"] == {"bits_per_character": 0.25}
    with pytest.raises(ValueError, match="give 1 to 1,000,000"):
        scoreboard.keep("GPT", tmp_path / "kept", stories=0)


def test_the_shipped_gpt_has_the_form_of_its_row_and_read_more(rows):
    model, tokenizer, facts = load_shipped("village-gpt")
    assert model.n_parameters == rows["GPT"].parameters
    bits = bits_per_character(model, tokenizer, village.load_stories("test")[:50])
    assert bits == pytest.approx(facts["test"]["bits_per_character"], abs=0.02)
    assert facts["test"]["bits_per_character"] < rows["GPT"].bits
