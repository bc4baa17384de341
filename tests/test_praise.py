"""The table of lesson 11: what it measures, and that the sentences of the lesson are true of it."""

from statistics import mean

import numpy as np
import pytest

from lmlib import praise
from lmlib.measured import write_rows
from lmlib.praise import Row
from lmlib.tasks import sentiment
from lmlib.tasks.sentiment import Review


class Says:
    """A classifier that says praise where a word stands."""

    def __init__(self, word):
        self.word = word

    def probabilities(self, texts):
        return np.array([0.9 if self.word in text else 0.1 for text in texts])


def test_accuracy_by_kind():
    examples = [Review("good", 1, "a"), Review("bad", 1, "a"), Review("bad", 0, "b")]
    assert praise.by_kind(Says("good"), examples) == {"a": 0.5, "b": 1.0, "all": pytest.approx(2 / 3)}


def test_without_stop_words():
    assert praise.without_stop_words("The soup was never bad, but not good!") == ["soup", "bad", "good"]


def test_new_connectives_are_told_apart():
    found = praise.new_connectives()
    assert sum(map(len, found.values())) == len(sentiment.load("village", "new connective"))
    assert all(word in example.text for word, some in found.items() for example in some)
    assert all(sum(e.label for e in some) * 2 == len(some) for some in found.values())


# --- the table ----------------------------------------------------------------------------------------------------


def village(**only):
    return praise.accuracies(praise.read(data="village", **({"removed": "nothing"} | only)))


def test_the_table_is_whole():
    for data in praise.SETTINGS:
        rows = praise.read(data=data)
        assert len({(r.model, r.removed, r.seed, r.kind) for r in rows}) == len(rows) > 0
        assert all(0 <= row.accuracy <= 1 for row in rows)
    for name in praise.NAMES.values():
        assert {row.seed for row in praise.read(model=name, data="village", removed="nothing")} == set(praise.SEEDS)
    listed = [(name, removed, seed) for name, removed, seed, _ in praise._models("village")]
    rows = praise.read(data="village")
    assert {(row.model, row.removed, row.seed) for row in rows} == set(listed)


def test_counters_up_to_four_are_right_in_exactly_one_half_of_the_twins():
    for removed in ("nothing", "punctuation"):  # without stop words the twins' clauses are shorter
        for (model, kind), values in village(removed=removed).items():
            if kind in sentiment.TWINS and (model in ("counts of words", "mean of vectors") or model[-1:] in "234"):
                assert values == [0.5] * len(values), (model, kind)


def test_readers_can_pass_the_wall():
    """Both with every seed, as the lesson says."""
    found = village()
    for kind in sentiment.TWINS:
        assert min(*found["LSTM", kind], *found["attention", kind]) > 0.95


def test_attention_is_told_the_distances_unless_one_asks_for_other_positions():
    """The lesson says that its attention has rotary positions, and how to train the one that stays at the wall."""
    for data in praise.SETTINGS:
        assert praise.SETTINGS[data]["attention"]["positions"] == "rotary"
    for asked in ({}, {"positions": "sinusoidal"}):
        config = praise.network("attention", steps=1, d_model=8, n_layers=1, **asked).model.config
        assert config.positions == asked.get("positions", "rotary")


def test_one_classifier_is_measured_again_and_the_others_stay(tmp_path, monkeypatch):
    path, models, before = tmp_path / "table.csv", praise._models, praise.read()
    write_rows(before, path)
    monkeypatch.setattr(praise, "TABLE", path)
    monkeypatch.setattr(praise.read, "__defaults__", (path,))
    monkeypatch.setattr(praise, "_models", lambda data: [(*key, lambda: Says("good")) for *key, _ in models(data)])
    praise.main(["--make", "village", "--only", "counts of words"])
    after = praise.read()
    assert [(r.data, r.model, r.kind) for r in after] == [(r.data, r.model, r.kind) for r in before]
    assert {(a.data, a.model) for a, b in zip(after, before) if a != b} == {("village", "counts of words")}


def test_counts_are_measured_again():
    """These need no seed: the numbers in the table are these numbers."""
    found = praise.by_kind(praise.counts(2), sentiment.load("village", "test"))
    rows = {row.kind: row.accuracy for row in praise.read(data="village", removed="nothing")
            if row.model == "counts of runs up to 2"}  # fmt: skip
    for kind, accuracy in found.items():
        assert rows[kind] == pytest.approx(accuracy, abs=0.005)


def test_stop_words_are_needed_for_twins_and_not_for_plain_words():
    kept, gone = village(), village(removed="stop words too")
    assert max(gone["LSTM", "contrast"]) < 0.6 < min(kept["LSTM", "contrast"])
    assert mean(gone["counts of words", "plain"]) >= mean(kept["counts of words", "plain"])
    pairs = "counts of runs up to 2", "negation"
    assert mean(gone[pairs]) < 0.6 < 0.98 < mean(kept[pairs])


def test_an_unknown_connective_is_taken_for_but():
    found = village()
    assert min(found["LSTM", "new: still"]) > 0.8 and max(found["LSTM", "new: though"]) < 0.2
    assert min(found["attention", "new: still"]) > 0.8 and max(found["attention", "new: though"]) < 0.2


def test_new_adjectives_are_carried_over_and_by_attention_less():
    found = village()
    assert min(found["LSTM", "new adjective"]) > 0.98
    assert 0.85 < min(found["attention", "new adjective"])
    assert max(found["attention", "new adjective"]) < min(found["LSTM", "new adjective"])


def test_written_rows_are_read_back(tmp_path):
    rows = [Row("village", "LSTM", "nothing", 1, "plain", 0.5), Row("sst2", "LSTM", "nothing", 0, "all", 0.75)]
    write_rows(rows, tmp_path / "table.csv")
    assert praise.read(tmp_path / "table.csv") == rows
    assert praise.read(tmp_path / "table.csv", data="sst2") == rows[1:]
    with pytest.raises(FileNotFoundError, match="lmlib.praise --make"):
        praise.read(tmp_path / "none.csv")


# --- what is printed and drawn ------------------------------------------------------------------------------------

ROWS = [
    Row("village", model, "nothing", seed, kind, value + 0.1 * seed)
    for model, value, seeds in (("counts of words", 0.5, 1), ("LSTM", 0.6, 2))
    for seed in range(seeds)
    for kind in sentiment.KINDS
]


def test_the_printed_table():
    head, first, second = praise.text(ROWS).splitlines()
    assert head.split() == ["plain", "negation", "contrast", "contrast", "+", "negation"]
    assert first.split() == ["counts", "of", "words"] + ["0.500"] * 4
    assert second.split() == ["LSTM"] + ["0.650", "±", "0.050"] * 4


@pytest.mark.filterwarnings("error:constrained_layout")
def test_the_figure_says_what_the_table_says():
    fig, sentence = praise.figure(ROWS)
    assert "LSTM 0.65, 0.65, 0.65, 0.65" in sentence and "counts of words 0.50" in sentence
    assert praise.figure_title(ROWS) == "On twins the best counter is right in 50%, the best reader in 65%"
    assert len(fig.axes) == 4
    dots = [line.get_xdata() for line in fig.axes[0].lines if len(line.get_xdata()) == 2]
    assert any(list(x) == pytest.approx([0.6, 0.7]) for x in dots)


def test_the_command_prints_the_table(capsys):
    praise.main([])
    printed = capsys.readouterr().out
    assert "village, test, removed: nothing" in printed and "sst2, test, removed: stop words too" in printed
