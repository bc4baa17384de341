"""In-context learning: what the shipped tables claim, and small live runs that must point the same way."""

from statistics import mean

import pytest
import torch

from lmlib import icl
from lmlib.measured import write_rows
from lmlib.tasks.in_context import Things, Words
from lmlib.tasks.sentiment import Review
from lmlib.training.checkpoint import load_shipped


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def lasts(kind, value="seen", tested="new"):
    rows = icl.read_table("path", icl.Moment)
    return [getattr(icl.path_of(rows, kind, seed, tested)[-1], value) for seed in icl.SEEDS]


# ------------------------------------------------------------------------------------------ the shipped tables


def test_two_layers_learn_in_context_and_one_does_not():
    assert min(lasts("two layers")) > 0.95 and max(lasts("one layer")) < 0.6
    assert min(lasts("one layer that glances back")) > 0.95


def test_what_was_not_seen_stays_at_chance():
    for kind in icl.KINDS:
        assert all(abs(share - 0.25) < 0.06 for share in lasts(kind, "fresh"))


def test_the_induction_head_belongs_to_those_that_can():
    assert min(lasts("two layers", "induction")) > 3 * max(lasts("one layer", "induction"))


def test_answers_and_induction_head_come_together():
    """Within a tenth of the training; the one-layer model has neither."""
    rows = icl.read_table("path", icl.Moment)
    for seed in icl.SEEDS:
        some = icl.path_of(rows, "two layers", seed)
        steps = [m.step for m in some]
        apart = icl.moment_of(steps, [m.seen for m in some]) - icl.moment_of(steps, [m.induction for m in some])
        assert abs(apart) <= icl.STEPS / 5


def test_in_each_seed_one_head_of_a_layer_is_missed_and_its_neighbour_hardly():
    rows = icl.read_table("heads", icl.Silenced)
    assert [(r.seed, r.layer, r.head) for r in rows] == [(s, i, j) for s in icl.SEEDS for i in (0, 1) for j in (0, 1)]
    for seed in icl.SEEDS:
        first, second = ([row for row in rows if (row.seed, row.layer) == (seed, layer)] for layer in (0, 1))
        missed, spared = sorted(first, key=lambda row: -row.previous)
        assert missed.without < 0.75 and spared.without > 0.9  # who looks back is missed
        missed, spared = sorted(second, key=lambda row: row.without)
        assert missed.without < 0.75 and spared.without > 0.9
        assert spared.induction > 0.8 * missed.induction  # and yet it looks at the same place


def test_fixed_labels_are_kept_in_the_weights():
    assert min(lasts("two layers, fixed labels", "fresh", "fixed")) > 0.95
    assert max(lasts("two layers, fixed labels")) < 0.4


def test_things_are_learned_not_copied_and_not_remembered():
    rows = icl.read_table("things", icl.Shots)
    model, ideal, copier, old = (
        icl.curve(rows, name, "new")[-1] for name in ("model", "ideal", "copier", "old rules")
    )
    assert model[1] > copier[0] + 0.05 and model[1] > old[0] + 0.3 and ideal[0] > model[2] - 0.02
    assert abs(model[0] - icl.curve(rows, "model", "old")[-1][0]) < 0.08  # a new rule is as good as an old one


def test_wrong_examples_cost_right_answers():
    rows = icl.read_table("things", icl.Shots)
    for rules in ("old", "new"):
        shares = [icl.curve(rows, "model", rules, wrong)[-1][0] for wrong in icl.WRONG]
        assert shares == sorted(shares, reverse=True) and shares[-1] < shares[0] - 0.1


def test_the_reviews_are_all_there_and_no_text_of_them():
    rows = icl.read_table("reviews", icl.Reviews)
    assert sorted({row.shots for row in rows}) == [0, 1, 4]
    assert sum(row.shots == 4 for row in rows) == icl.SETS * len(icl.ORDERS) * 2
    assert all(0 <= row.right <= 1 and row.n == rows[0].n for row in rows)
    assert (icl.FOLDER / "reviews.csv").stat().st_size < 2000


def test_a_real_model_repeats_the_last_label_and_does_not_follow_swapped_ones():
    """What the lesson says of SmolLM2: the order decides, and no label's meaning is taken from the examples."""
    four = [row for row in icl.read_table("reviews", icl.Reviews) if row.shots == 4]
    said = {last: [r.praise for r in four if icl.last_label(r) == last] for last in icl.WORDS_OF_LABELS}
    assert min(said["positive"]) > max(said["negative"]) + 0.3
    true, swapped = (mean(r.right for r in four if r.labels == name) for name in ("true", "swapped"))
    assert abs(true - swapped) < 0.13 and swapped > 0.4
    zero = [r.right for r in icl.read_table("reviews", icl.Reviews) if r.shots == 0]
    assert zero[0] > true


# ------------------------------------------------------------------------------------------------ live, small


def test_a_glance_makes_one_layer_enough():
    """75 steps each, three seconds: the jump comes with the glance, and not without."""
    task, generator = Words(), torch.Generator().manual_seed(1)
    episodes, seen = task.draw(100, generator), {}
    for width in (1, 2):
        model = icl.new_model(task, n_layers=1, conv_width=width)
        icl.train(model, task, steps=75)
        seen[width] = icl.accuracies(model, task, episodes)[0]
    assert seen[2] > 0.9 and seen[1] < 0.65


def test_the_shipped_model_learns_new_rules():
    model, _, facts = load_shipped("things-gpt")
    assert facts["command"] == "python -m lmlib.icl --things" and facts["step"] == icl.THINGS_STEPS
    rows = [row for row in icl.measure_things({0: model}, n=150) if row.reader in ("model", "copier")]
    last = {(row.reader, row.rules): row.right for row in rows if row.shots == 11 and row.wrong == 0}
    assert last["model", "new"] > last["copier", "new"] + 0.05


def test_a_head_is_silenced_while_it_is_measured_and_not_longer():
    model = icl.new_model(Words(), seed=0, n_layers=2)
    icl.train(model, Words(), steps=20)  # the head of a new model is zero: nothing in it would be missed
    test = Words().draw(300, torch.Generator().manual_seed(3))
    rows = list(icl.silence_each(model, 7))
    assert [(row.seed, row.layer, row.head) for row in rows] == [(7, 0, 0), (7, 0, 1), (7, 1, 0), (7, 1, 1)]
    d = model.config.d_head
    for row in rows:
        assert row.all_heads == round(icl.accuracies(model, Words(), test)[0], 4)
        out = model.blocks[row.layer].attention.out.weight
        with torch.no_grad():
            before = out.clone()
            out[:, row.head * d : (row.head + 1) * d] = 0  # the same by way of the weights
            assert row.without == round(icl.accuracies(model, Words(), test)[0], 4)
            out.copy_(before)
    assert len({row.without for row in rows}) > 1


def test_following_a_training_looks_at_every_step_it_should():
    _, moments = icl.follow("two layers, fixed labels", 1, steps=7, every=3)
    assert [(m.step, m.tested) for m in moments] == [(s, t) for s in (0, 3, 6, 7) for t in ("new", "fixed")]
    _, again = icl.follow("two layers, fixed labels", 1, steps=7, every=3)
    assert moments == again


# ------------------------------------------------------------------------------------------------- by hand


def test_the_moment_by_hand():
    assert icl.moment_of([0, 10, 20, 30], [0.2, 0.3, 0.7, 1.0]) == 20  # half of the way from 0.2 to 1.0 is 0.6
    assert icl.moment_of([0, 10], [0.5, 0.5]) == 0
    assert icl.moment_of([0, 10, 20], [0.0, 1.0, 0.1], share=0.9) == 10


def test_rows_twice_over():
    ids = icl.repeated_pairs(Words(), 4, torch.Generator().manual_seed(0), words=5)
    assert ids.shape == (4, 20) and torch.equal(ids[:, :10], ids[:, 10:])
    assert all(len(set(row[:10:2].tolist())) == 5 for row in ids)


def test_wrong_labels_are_as_many_as_asked_for():
    task, generator = Things(), torch.Generator().manual_seed(0)
    clean = task.draw(400, generator)
    for share in (0.0, 0.5):
        noisy, answers = icl.with_wrong_labels(task, clean, share, generator)
        assert torch.equal(answers, clean.answers) and torch.equal(task.values(noisy), task.values(clean))
        wrong = (noisy.answers != answers).double().mean().item()
        assert wrong == pytest.approx(0.75 * share, abs=0.03)  # a quarter of the lots falls on the right one


def test_prompts_hold_the_labels_that_they_say():
    reviews = [Review(f"{'good' if label else 'bad'} {i}", label, "film") for i in range(30) for label in (0, 1)]
    prompts = list(icl.conditions(reviews))
    assert len(prompts) == 3 + 4 * icl.SETS
    for shots, _, order, labels, examples in prompts:
        assert len(examples) == shots
        said = [label for _, label in examples]
        true = [int(text.startswith("good")) for text, _ in examples]
        assert said == ([1 - label for label in true] if labels == "swapped" else true)
        if shots == 4:
            assert tuple(true) == icl.ORDERS[order]
        row = icl.Reviews(shots, 0, order, labels, 60, 0.5, 0.5, 0.5, 0.5)
        assert icl.last_label(row) == (icl.WORDS_OF_LABELS[said[-1]] if said else None)
    sets = [sorted(text for text, _ in p[4]) for p in prompts if p[0] == 4]
    assert len({tuple(s) for s in sets}) == icl.SETS  # the same examples in every order and with both labels


def test_a_table_that_is_missing_says_how_to_make_it(monkeypatch, tmp_path):
    monkeypatch.setattr(icl, "FOLDER", tmp_path)
    with pytest.raises(FileNotFoundError, match="make it with `python -m lmlib.icl --help`"):
        icl.read_table("path", icl.Moment)
    rows = [icl.Moment("two layers", "new", 0, 6, 1.2, 0.5, 0.25, 0.1, 0.2)]
    write_rows(rows, tmp_path / "path.csv")
    assert icl.read_table("path", icl.Moment) == rows and mean([r.seen for r in rows]) == 0.5
