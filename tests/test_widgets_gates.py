"""The gate board: its numbers against torch's own LSTM, its callbacks, its still forms."""

import numpy as np
import pytest
import torch
from views import STRICT, AskingView, pixels, said

from lmlib import plots
from lmlib.models.lstm import LSTM
from lmlib.models.recurrent import RecurrentConfig, RecurrentLM
from lmlib.text import WordTokenizer
from lmlib.widgets import GateBoard
from lmlib.widgets.gates import LONGEST, SHOW

pytestmark = STRICT

CORPUS = ["the cat sat on the mat.\nthe hat is on the cat."] * 3
TEXT = "the cat sat on the mat"


@pytest.fixture(scope="module")
def tokenizer():
    return WordTokenizer.train(CORPUS)


@pytest.fixture(scope="module")
def model(tokenizer):
    model = RecurrentLM(RecurrentConfig(len(tokenizer), cell="lstm", d_model=8))
    with torch.no_grad():
        for p in model.parameters():
            p.normal_(generator=torch.Generator().manual_seed(3))
    return model.eval()


@pytest.fixture
def view(model, tokenizer):
    return GateBoard(model, tokenizer, TEXT, unit=2, units={2: "hats"})


# ------------------------------------------------------------------------------------------------- numbers


def test_hidden_and_cell_are_torchs(view, model, tokenizer):
    """The fused layer is the witness: fed one token more each time, it shows every hidden and cell state."""
    run = view.compute()
    ids = [tokenizer.end_id, *tokenizer.encode(TEXT)]
    for t in range(1, len(ids)):
        with torch.no_grad():
            _, (h, c) = model.layer(model.embedding(torch.tensor([ids[: t + 1]])))
        assert run.hidden[t - 1] == pytest.approx(h.flatten().numpy(), abs=1e-6)
        assert run.cell[t - 1] == pytest.approx(c.flatten().numpy(), abs=1e-6)


def test_the_parts_make_the_cell(view):
    run = view.compute()
    before, after = run.cell[:-1], run.cell[1:]
    assert after == pytest.approx(run.forget[1:] * before + run.input[1:] * run.candidate[1:], abs=1e-6)
    assert run.hidden == pytest.approx(run.output * np.tanh(run.cell), abs=1e-6)


def test_a_gate_held_at_one_only_adds_up(view):
    run = view.compute(held=1.0)
    assert (run.forget[:, 2] == 1).all() and not (run.forget[:, 3] == 1).any()
    steps = np.diff(run.cell[:, 2])
    assert steps == pytest.approx((run.input * run.candidate)[1:, 2], abs=1e-5)


def test_a_gate_held_at_zero_remembers_nothing(view):
    run = view.compute(held=0.0)
    assert run.cell[:, 2] == pytest.approx((run.input * run.candidate)[:, 2], abs=1e-6)


def test_our_own_layer_gives_the_same(view, model, tokenizer):
    ours = RecurrentLM(model.config)
    ours.load_state_dict(model.state_dict())
    ours.layer = LSTM(8, 8).take_weights(model.layer)
    other = GateBoard(ours, tokenizer, TEXT, unit=2)
    assert other.compute().cell == pytest.approx(view.compute().cell, abs=1e-6)


def test_the_biggest_step_is_where_the_cell_moves_most(view):
    cell = [0.0, *view.compute().cell[:, 2]]
    moves = [abs(b - a) for a, b in zip(cell, cell[1:])]
    assert view.biggest_step() == moves.index(max(moves))
    assert f"unit 2 (hats) moves most at {plots.spoken(view.tokens[view.biggest_step()])}" in view.title()


def test_the_sentence_has_the_numbers_of_its_token(view):
    view.step = 1
    run = view.compute()
    assert view.alt().startswith(f"Unit 2 (hats) after {plots.spoken(view.tokens[1])}: forget gate")
    assert f"forget gate {run.forget[1, 2]:.2f}" in view.alt() and f"cell {run.cell[1, 2]:.2f}" in view.alt()
    view.held = 0.5
    assert f"left free the cell would be {run.cell[1, 2]:.2f}" in view.alt()
    assert f"cell {view.compute(0.5).cell[1, 2]:.2f}" in view.alt()


# ------------------------------------------------------------------------------------------------ bad input


def test_what_cannot_be_shown_is_said(model, tokenizer):
    with pytest.raises(ValueError, match="type a sentence"):
        GateBoard(model, tokenizer, "  ")
    with pytest.raises(ValueError, match="units 0 to 7"):
        GateBoard(model, tokenizer, TEXT, unit=8)
    with pytest.raises(ValueError, match="from 0 to 1"):
        GateBoard(model, tokenizer, TEXT, held=1.5)
    rnn = RecurrentLM(RecurrentConfig(len(tokenizer), cell="rnn", d_model=8))
    with pytest.raises(ValueError, match="LSTM with one layer, not RNN"):
        GateBoard(rnn, tokenizer, TEXT)
    deep = RecurrentLM(RecurrentConfig(len(tokenizer), cell="lstm", d_model=8, n_layers=2))
    with pytest.raises(ValueError, match="take an LSTM with one layer"):
        GateBoard(deep, tokenizer, TEXT)


def test_a_long_text_is_cut(model, tokenizer):
    assert len(GateBoard(model, tokenizer, "the cat sat on the mat. " * 20).tokens) == LONGEST


# ---------------------------------------------------------------------------------------------- still forms


def test_the_picture_has_every_token(view):
    fig = view.figure()
    names = [label.get_text() for label in fig.axes[1].get_xticklabels()]
    assert names == ["the", "cat", "sat", "on", "the", "mat"]
    assert pixels(plots.png_of(fig)).shape[1] == 792


def test_units_and_held_gates_make_other_pictures(view):
    first = pixels(plots.png_of(view.figure()))
    view.held = 1.0
    second = pixels(plots.png_of(view.figure()))
    assert (first != second).any()


# ------------------------------------------------------------------------------------------------ the panel


def test_the_picture_is_covered_until_answered(view):
    panel = view.build()
    covered = panel.image.value
    panel.step.value = 0
    assert panel.image.value == covered
    panel.answer.value = SHOW
    assert panel.image.value != covered and "forget gate" in said(panel)


def test_right_and_wrong_answers(view):
    panel = view.build()
    right = view.biggest_step()
    wrong = next(value for _, value in panel.answer.options if value not in (right, SHOW))
    panel.answer.value = wrong
    assert "✗" in said(panel) and f"token {right}" in said(panel)
    panel.answer.value = right
    assert "✓ Yes" in said(panel)


def test_controls_move_picture_and_sentence(view):
    panel = view.build()
    panel.answer.value = SHOW
    for control, value, word in ((panel.unit, 5, "Unit 5"), (panel.step, 0, "'the'"), (panel.held, 1.0, "left free")):
        before = panel.image.value
        control.value = value
        assert panel.image.value != before and word in said(panel)
    panel.known[0].click()
    assert panel.unit.value == 2 and "hats" in said(panel)


def test_the_blitted_picture_is_the_drawn_one(view):
    """After a walk over units and steps the quick picture equals one drawn from nothing."""
    panel = view.build()
    panel.answer.value = SHOW
    for unit in (0, 5, 3):
        panel.unit.value = unit
    panel.step.value = 2

    def differing(unit):
        view.unit = unit
        fig, _ = view._picture()
        return (np.abs(pixels(panel.image.value) - pixels(plots.png_of(fig))).max(axis=2) > 2).mean()

    assert differing(3) < 0.005  # the frame's thin line lies over or under the grid
    assert differing(5) > 0.05


def test_a_new_text_asks_again_and_a_bad_one_loses_nothing(view):
    panel = view.build()
    panel.answer.value = SHOW
    panel.text.value = "the hat is on"
    assert panel.answer.value is None and view.tokens[-1].strip() == "on" and panel.step.max == 3
    panel.text.value = "   "
    assert "type a sentence" in said(panel) and len(view.tokens) == 4


def test_any_held_value_has_its_button(model, tokenizer):
    panel = GateBoard(model, tokenizer, TEXT, held=0.7).build()
    assert panel.held.value == 0.7


class TestTheView(AskingView):
    pass
