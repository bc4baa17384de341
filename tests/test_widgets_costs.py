"""The view of costs: numbers by formula, refusals in a sentence, the question, callbacks, still forms."""

import pytest
from views import STRICT, AskingView, pixels, said

from lmlib import cost
from lmlib.widgets import CostView
from lmlib.widgets.costs import BATCHES, DEVICES, LAYERS, SHOW, TOKENS, WIDTHS, as_bytes, as_time, spelt

pytestmark = STRICT


@pytest.fixture
def view():
    return CostView(d_model=1024, layers=24)


# ------------------------------------------------------------------------------------------------- numbers


def test_numbers_are_spelt():
    assert [spelt(n) for n in (355e6, 1.3e9, 3.14e23, 23.7, 1049, 0, 7.2e-5)] == [
        "355 million", "1.3 billion", "314 sextillion", "23.7", "1,049", "0", "less than 0.001",
    ]  # fmt: skip
    assert [as_bytes(n) for n in (12, 2.4e9, 999_999_999, 5e15)] == ["12 B", "2.4 GB", "1 GB", "5 PB"]
    assert [as_time(h) for h in (1e-8, 1 / 3600, 0.5, 3, 48, 24 * 365 * 2, 24 * 365 * 5e6)] == [
        "less than 0.001 seconds", "1 seconds", "30 minutes", "3 hours", "2 days", "2 years", "5,000,000 years",
    ]  # fmt: skip


def test_the_sum_is_that_of_the_formulas(view):
    now, config = view.compute(), view.config()
    assert now["parameters"] == 354_823_168  # GPT-2 medium, as released
    assert now["flops"] == pytest.approx(
        6 * (now["parameters"] - 1024**2) * 1e10 + 12 * 24 * 1024 * 1024e10, rel=2e-3
    )
    assert now["bytes"] == cost.memory(config, 4, 1024, "mixed")
    assert now["hours"] == pytest.approx(now["flops"] / (312e12 * 0.4) / 3600)
    assert now["energy"] == pytest.approx(now["hours"] * 0.4 * 1.1)
    assert now["dollars"] == pytest.approx(now["hours"] * 1.5)


def test_more_devices_save_time_but_no_energy(view):
    before = view.compute()
    view.change(devices=16)
    after = view.compute()
    assert after["hours"] == pytest.approx(before["hours"] / 16)
    assert after["energy"] == pytest.approx(before["energy"])
    assert dict((what, factor) for what, _, factor in view.lines()) == {
        "parameters": "", "operations": "", "time": "÷16", "energy": "", "rent": "",
    }  # fmt: skip


def test_doubling_the_width_is_nearly_four_times_the_operations(view):
    assert 3 < view.doubled() < 4
    assert CostView(d_model=8192, layers=96).doubled() == pytest.approx(4, rel=0.05)


def test_title_and_sentence_agree_with_the_limit(view):
    assert "fits into 80 GB" in view.title() and "(fits)" in view.alt()
    view.change(d_model=4096)
    assert "does not fit into 80 GB" in view.title() and "(does not fit)" in view.alt()
    assert not view.fits()


@pytest.mark.parametrize(
    "sizes, words",
    [
        ({"hardware": "abacus"}, "no hardware is called 'abacus': choose one of laptop"),
        ({"d_model": 100}, "d_model is 100: choose one of 64"),
        ({"tokens": 5}, "tokens is 5"),
    ],
)
def test_what_is_not_on_offer_is_refused(sizes, words):
    with pytest.raises(ValueError, match=words):
        CostView(**sizes)


# ------------------------------------------------------------------------------------------------- picture


def test_bars_end_at_their_bytes(view):
    fig, artists = view._picture()
    artists.update(view)
    memory = view.compute()["bytes"]
    ends = [bar.get_x() + bar.get_width() for bar in artists.bars]
    assert ends == pytest.approx(
        [memory.weights, memory.gradients, memory.optimizer, memory.activations, memory.total]
    )
    assert artists.limit.get_xdata()[0] == 80e9
    assert artists.bars[-1].get_hatch(), "not by colour alone"


@pytest.mark.parametrize("hardware", list(cost.HARDWARE))
def test_the_smallest_and_the_largest_can_be_drawn(hardware):
    for pick in (0, -1):
        view = CostView(
            d_model=WIDTHS[pick], layers=LAYERS[pick], batch=BATCHES[pick], tokens=TOKENS[pick],
            devices=DEVICES[pick], hardware=hardware,
        )  # fmt: skip
        assert pixels(view.static()).shape[1] == 792
        assert len(view.alt()) < 330


# --------------------------------------------------------------------------------------------------- panel


def test_nothing_is_shown_before_the_answer(view):
    panel = view.build()
    covered = panel.image.value
    panel.sliders["layers"].value = 48
    assert panel.image.value == covered and "parameters" not in said(panel)


@pytest.mark.parametrize("answer, mark", [(2, "✗ No, 3.5 times"), (4, "✓ Yes, 3.5 times"), (8, "✗ No, 3.5 times")])
def test_an_answer_is_judged(view, answer, mark):
    panel = view.build()
    panel.answer.value = answer
    assert said(panel).startswith(mark) and said(panel).endswith(view.alt())


def test_the_answer_is_one_for_the_sizes_of_the_question(view):
    panel = view.build()
    panel.sliders["d_model"].value = WIDTHS[-1]
    panel.answer.value = 2
    assert said(panel).startswith("✗ No, 3.5 times")


def test_sliders_and_hardware_change_view_picture_and_sentence(view):
    panel = view.build()
    panel.answer.value = SHOW
    for name, value in {"d_model": 2048, "layers": 12, "batch": 8, "tokens": 10**9, "devices": 4}.items():
        shown = panel.image.value
        panel.sliders[name].value = value
        assert getattr(view, name) == value and panel.image.value != shown
        assert said(panel) == view.alt()
    panel.machine.value = "H100"
    assert view.hardware == "H100" and "H100" in said(panel)


class TestTheView(AskingView):
    pass
