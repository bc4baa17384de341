"""The lesson's table: what is measured, how it is kept, and that what ships is complete."""

import csv
import math
from itertools import product

import pytest

from lmlib.measured import write_rows
from lmlib.tasks.translation import Link, Pair
from lmlib.text import WordTokenizer
from lmlib.translation import table
from lmlib.translation.__main__ import main
from lmlib.translation.errors import AGREEMENT, errors
from lmlib.translation.table import (
    ERRORS,
    KINDS,
    SEEDS,
    TARGETS,
    ErrorRow,
    Row,
    build,
    rare_names,
    read,
    unseen,
)

MEASURED = pytest.mark.skipif(
    not table.TABLE.exists(), reason="the table was not made yet: see lmlib/translation/table.py"
)


def a_row(**changes):
    values = dict(
        zip(Row.__dataclass_fields__, ("village", "zh", "attention", 0, 9, 5, 3.0, 1.5, 40.0, 50.0, 0.25, 0.5))
    )
    return Row(**(values | {"tested": 10} | changes))


def test_rows_survive_the_file(tmp_path):
    rows = [a_row(), a_row(model="one vector", bleu=1.25), a_row(data="multi30k", target="de", rare=math.nan)]
    path = tmp_path / "t.csv"
    write_rows(rows, path)
    back = read(path)
    assert list(map(repr, back)) == list(map(repr, rows))  # NaN does not equal itself
    assert math.isnan(back[2].rare) and isinstance(back[0].seed, int)


def test_without_a_table_the_command_says_what_to_do(tmp_path, monkeypatch, capsys):
    with pytest.raises(FileNotFoundError, match="--make"):
        read(tmp_path / "none.csv")
    monkeypatch.setattr(table.read, "__defaults__", (tmp_path / "none.csv", Row))
    assert main([]) == 1 and "--make" in capsys.readouterr().err


@MEASURED
def test_what_ships_was_measured_with_every_seed():
    rows = [row for row in read() if row.data == "village"]
    assert sorted((r.target, r.model, r.seed) for r in rows) == sorted(product(TARGETS, KINDS, SEEDS))
    for row in rows:
        assert 0 <= row.exact <= 1 and 0 <= row.rare <= 1 and 0 <= row.bleu <= 100 and row.tested > 100
    with open(table.TABLE, encoding="utf-8") as file:
        assert next(csv.reader(file)) == list(Row.__dataclass_fields__)


@MEASURED
def test_the_errors_belong_to_the_rows():
    shares = read(ERRORS, ErrorRow)
    rows = {(r.target, r.model, r.seed): r for r in read() if r.data == "village"}
    assert {(s.target, s.model, s.seed) for s in shares} <= set(rows)
    for key, row in rows.items():
        these = [s.share for s in shares if (s.target, s.model, s.seed) == key]
        # a sentence that is not exact has at least one error, and no kind counts twice
        assert max(these) - 1e-3 <= 1 - row.exact <= sum(these) + 1e-3


def test_models_by_name():
    for kind in KINDS:
        model = build(kind, 50, seed=1, d_model=8)
        assert model.n_parameters > 0 and (kind == "attention") == bool(getattr(model, "attention", None))
    with pytest.raises(ValueError, match="no translator"):
        build("lstm", 50)


def test_unseen_and_rare():
    train = [Pair("a b", "x"), Pair("c", "y")]
    assert unseen([Pair("a b", "z"), Pair("d", "x")], train) == [Pair("d", "x")]
    pair = Pair("Safe, Zorando.", "好，佐尔安多。", (Link("name", (6, 13), (2, 6)),))
    assert rare_names([pair], WordTokenizer.train(["Safe, Tom."])) == [(pair, "佐尔安多")]
    assert rare_names([pair], WordTokenizer.train(["Safe, Zorando."])) == []


def test_one_small_measurement(monkeypatch):
    small = table.load("village", "test", "fr")
    parts = {"train": small[:300], "test": small[300:420]}
    monkeypatch.setattr(table, "load", lambda data, split, target: parts[split])
    monkeypatch.setattr(table, "build", lambda kind, size, seed: build(kind, size, seed, d_model=16))
    table._village.cache_clear()
    try:
        row, shares, said = table.measure("attention", "fr", 0, steps=2, every=10)
    finally:
        table._village.cache_clear()
    assert row.steps == 2 and row.tested == len(unseen(parts["test"], parts["train"])[::10]) and row.exact == 0
    assert shares and all(0 < share.share <= 1 for share in shares)
    assert said == []  # after two steps nothing is right but for a gender


def row_of(target, model, seed, **changes):
    return a_row(target=target, model=model, seed=seed, **changes)


def test_making_one_language_leaves_the_other_rows_alone(tmp_path, monkeypatch):
    for name in ("TABLE", "ERRORS", "AGREEMENTS"):
        monkeypatch.setattr(table, name, tmp_path / f"{name}.csv")
    monkeypatch.setattr(table.read, "__defaults__", (table.TABLE, Row))
    real = a_row(data="multi30k", target="de", bleu=33.0)
    old = [row_of("zh", "attention", 0, bleu=12.0), row_of("fr", "attention", 0, bleu=13.0), real]
    write_rows(old, table.TABLE)
    write_rows([ErrorRow("zh", "attention", 0, "word order", 0.5)], table.ERRORS)

    def measured(kind, target, seed):
        sentence = table.Sentence(target, kind, seed, "a lamp", "un lampe", "une lampe")
        return row_of(target, kind, seed), [ErrorRow(target, kind, seed, "agreement", 0.5)], [sentence] * 9

    monkeypatch.setattr(table, "measure", measured)
    table.make(["fr"], say=lambda text: None)
    rows = read()
    assert [(row.data, row.target, row.bleu) for row in rows if row.target != "fr"] == [
        ("village", "zh", 12.0),
        ("multi30k", "de", 33.0),
    ]
    assert rows[0].target == "zh" and rows[-1] == real or math.isnan(rows[-1].rare)
    assert [(r.model, r.seed, r.bleu) for r in rows if r.target == "fr"] == [
        (*key, 40.0) for key in product(KINDS, SEEDS)
    ]
    assert {(s.target, s.kind) for s in read(table.ERRORS, ErrorRow)} == {("zh", "word order"), ("fr", "agreement")}
    assert len(read(table.AGREEMENTS, table.Sentence)) == len(KINDS) * table.MOST


def mean_of(target, model, column):
    values = [
        getattr(row, column) for row in read() if (row.data, row.target, row.model) == ("village", target, model)
    ]
    return sum(values) / len(values)


@MEASURED
@pytest.mark.parametrize("target", TARGETS)
def test_attention_beats_one_vector_with_every_seed(target):
    rows = [row for row in read() if (row.data, row.target) == ("village", target)]
    worst = min(row.exact for row in rows if row.model == "attention")
    assert worst > max(row.exact for row in rows if row.model == "one vector") + 0.2
    assert mean_of(target, "one vector", "loss") > 1.5 * mean_of(target, "attention", "loss")


def test_agreement_sentences_differ_in_gender_alone():
    sentences = read(table.AGREEMENTS, table.Sentence)
    assert {sentence.target for sentence in sentences} == {"fr"}
    for sentence in sentences:
        assert sentence.output != sentence.right
        assert errors(Pair(sentence.source, sentence.right), sentence.output, "fr") == [AGREEMENT]


@MEASURED
def test_real_sentences_were_measured():
    [row] = [row for row in read() if row.data == "multi30k"]
    assert row.target == "de" and row.tested == 1000 and row.steps == 2000 and math.isnan(row.rare)
    assert 20 < row.bleu < 45
