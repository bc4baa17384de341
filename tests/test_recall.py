"""The recall task: what a sequence is, that only memory can solve it, and that its table is what it measures."""

import statistics

import pytest
import torch

from lmlib import recall
from lmlib.measured import write_rows
from lmlib.recall import CHANCE, DISTANCES, KINDS, N_VALUES, QUERY, SEEDS, Reader, Row


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


class Remembers(torch.nn.Module):
    """Knows the token `back` places before the query, and nothing else."""

    def __init__(self, back):
        super().__init__()
        self.back = back

    def forward(self, ids):
        return torch.nn.functional.one_hot(ids[:, -1 - self.back] % N_VALUES, N_VALUES).float()


# --- the task ---


@pytest.mark.parametrize("distance", [1, 2, 9, 300])
def test_a_sequence_is_a_value_fillers_and_the_query(distance):
    ids, answers = recall.batch(200, distance, generator())
    assert ids.shape == (200, distance + 1) and answers.shape == (200,)
    assert torch.equal(ids[:, 0], answers) and set(answers.tolist()) == set(range(N_VALUES))
    fillers = ids[:, 1:-1]
    assert set(fillers.flatten().tolist()) <= set(range(N_VALUES, QUERY))
    assert torch.all(ids[:, -1] == QUERY)


def test_the_same_generator_draws_the_same_batch_and_goes_on():
    a, b = generator(1), generator(1)
    first = recall.batch(8, 5, a)[0]
    assert torch.equal(first, recall.batch(8, 5, b)[0])
    assert not torch.equal(first, recall.batch(8, 5, a)[0])


def test_there_is_no_answer_before_its_question():
    with pytest.raises(ValueError, match="1 token or more after the value"):
        recall.batch(3, 0, generator())


def test_whoever_remembers_is_always_right_and_others_one_time_in_ten():
    assert recall.accuracy(Remembers(7), 7, n=500) == 1.0
    assert recall.accuracy(Remembers(6), 7, n=5000) == pytest.approx(CHANCE, abs=0.02)
    assert recall.accuracy(Remembers(0), 7, n=5000) == pytest.approx(CHANCE, abs=0.02)


# --- the readers ---


@pytest.mark.parametrize("kind", KINDS)
def test_a_reader_answers_and_learns_with_every_weight(kind):
    model = Reader(kind, d_model=8, seed=3)
    ids, _ = recall.batch(5, 4, generator())
    logits = model(ids)
    assert logits.shape == (5, N_VALUES)
    logits.square().sum().backward()
    assert all(p.grad is not None for p in model.parameters())


def test_attention_knows_no_order_and_the_others_do():
    ids, _ = recall.batch(6, 8, generator())
    mixed = torch.cat((ids[:, :1], ids[:, 1:-1].flip(1), ids[:, -1:]), 1)
    for kind in KINDS:
        model = Reader(kind)
        assert torch.allclose(model(ids), model(mixed), atol=1e-6) == (kind == "attention"), kind


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="no reader is called 'transformer': choose one of rnn"):
        Reader("transformer")


def test_training_is_repeatable_and_helps():
    one, other = (recall.train("attention", seed=0, steps=150, longest=4) for _ in range(2))
    assert all(map(torch.equal, one.parameters(), other.parameters()))
    assert recall.accuracy(one, 3, n=300) > 0.6 > recall.accuracy(Reader("attention"), 3, n=300)


def test_no_batch_of_training_is_longer_than_asked():
    seen = []

    class Spy(Reader):
        def forward(self, ids):
            seen.append(ids.size(1) - 1)
            return super().forward(ids)

    recall.learn(Spy("rnn"), seed=0, steps=60, longest=10)
    assert min(seen) == 2 and max(seen) == 10 and len(seen) == 60


# --- the table ---


@pytest.mark.parametrize("longest", [recall.SHORT, recall.LONG])
def test_the_table_has_every_kind_seed_and_distance_once(longest):
    rows = recall.read(longest=longest)
    expected = {(kind, seed, distance) for kind in KINDS for seed in SEEDS for distance in DISTANCES}
    assert {(row.kind, row.seed, row.distance) for row in rows} == expected
    assert len(rows) == len(expected)
    assert all(0 <= row.accuracy <= 1 and row.longest == longest for row in rows)


def test_a_row_is_measured_again():
    again = {row.distance: row.accuracy for row in recall.measure("rnn", 1)}
    for row in recall.read():
        if (row.kind, row.seed) == ("rnn", 1):  # other machines round otherwise, and training makes more of it
            assert again[row.distance] == pytest.approx(row.accuracy, abs=0.15)


def test_the_rnn_forgets_what_the_lstm_and_attention_keep():
    """What the lessons say in words."""
    worst = {
        kind: [row.accuracy for row in recall.read() if row.kind == kind and row.distance >= 100] for kind in KINDS
    }
    assert max(worst["rnn"]) < min(worst["lstm"]) and statistics.mean(worst["gru"]) < min(worst["lstm"])
    assert min(worst["attention"]) == 1.0


def test_written_rows_are_read_back(tmp_path):
    rows = [Row("rnn", 0, 2, 0.5), Row("lstm", 1, 300, 1.0, 300)]
    write_rows(rows, tmp_path / "table.csv")
    assert recall.read(tmp_path / "table.csv") == rows[:1]
    assert recall.read(tmp_path / "table.csv", longest=300) == rows[1:]
    with pytest.raises(FileNotFoundError, match="lmlib.recall --make"):
        recall.read(tmp_path / "none.csv")


def test_reach_is_the_distance_before_the_first_failure():
    shares = {2: (1.0, 1.0), 5: (0.4, 0.8), 10: (0.1, 0.7), 30: (1.0, 1.0)}
    rows = [Row("rnn", seed, d, share) for d, pair in shares.items() for seed, share in enumerate(pair)]
    assert recall.reach(rows, "rnn", at_least=0.5) == 5
    assert recall.reach(rows, "rnn", at_least=0.3) == 30
    assert recall.reach(rows, "gru") == 0


# --- the figure ---


def test_the_figure_says_what_the_table_says():
    rows = [Row(kind, seed, d, 0.9 - 0.1 * seed) for kind in KINDS for seed in (0, 1) for d in (2, 30)]
    fig, sentence = recall.figure(rows=rows, new=[("mine", {2: 0.31, 30: 0.11})])
    assert "RNN 0.85 at 30" in sentence and "mine 0.11 at 30" in sentence and "chance is 0.10" in sentence
    labels = [text.get_text() for text in fig.axes[0].texts]
    assert {"RNN", "GRU", "LSTM", "attention", "mine", "chance"} <= set(labels)
    curve = next(line for line in fig.axes[0].lines if len(line.get_xdata()) == 2)
    assert list(curve.get_ydata()) == pytest.approx([0.85, 0.85])


def test_labels_do_not_lie_on_each_other():
    rows = [Row(kind, 0, d, 1.0) for kind in KINDS for d in (2, 300)]
    fig, _ = recall.figure(rows=rows)
    heights = sorted(text.xy[1] for text in fig.axes[0].texts)
    assert min(b - a for a, b in zip(heights, heights[1:])) > 0.06


def test_the_command_prints_both_tables(capsys):
    recall.main([])
    printed = capsys.readouterr().out
    assert printed.count("Share of right answers") == 2 and "Trained up to 300" in printed
