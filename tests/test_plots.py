"""The course's figures: fonts, colours, charts, and the sentences that say what they show."""

import base64
import io
import math
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from fontTools.ttLib import TTFont
from helpers import ROOT
from PIL import Image
from views import STRICT

from lmlib import plots
from lmlib.plots import bars, curves

sys.path.insert(0, str(ROOT / "tools"))
from make_fonts import used_han  # noqa: E402

pytestmark = STRICT
FONTS = ROOT / "lmlib" / "fonts"

ROWS = [
    {"model": "GPT", "bits": 1.09, "spread": 0.01, "note": "0.8 M parameters"},
    {"model": "unigram", "bits": 4.21},
    {"model": "LSTM", "bits": 1.25, "spread": 0.02},
    {"model": "a feed-forward window", "bits": 1.62, "spread": 0.02},
]
TOKENS = list("abcdefghijklmno \n")
P = np.arange(1, 18) / np.arange(1, 18).sum()
TRUTH = np.roll(P, 3)
TEXT = "Été: une forêt. ✓ ≥ ½\nThe bees, the kettle and the mill."


def history(train, valid=(), every=10):
    steps = list(range(1, len(train) + 1))
    return SimpleNamespace(
        steps=steps,
        train_loss=list(train),
        valid_steps=[every * (i + 1) for i in range(len(valid))],
        valid_loss=list(valid),
    )


FALLING = history([1 + 3 * math.exp(-i / 20) for i in range(100)], [2.0, 1.5, 1.2, 1.4, 1.6])

CHARTS = {
    "scoreboard": lambda: plots.scoreboard(ROWS, 0.97, uniform=5.9, highlight="GPT"),
    "scoreboard cut": lambda: plots.scoreboard(ROWS[2:], 0.97, uniform=9.0),
    "training": lambda: plots.training_curve(FALLING, floor=0.9),
    "distribution": lambda: plots.distribution(TOKENS, P, truth=TRUTH, chosen="a"),
    "one series": lambda: plots.distribution(TOKENS, P),
    "strip": lambda: plots.surprise_strip(TEXT, np.linspace(0, 12, len(TEXT))),
    "reliability": lambda: plots.reliability([0.1, 0.5, 0.9], [0.2, 0.5, 0.7], [10, 0, 30]),
}


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


# ---------------------------------------------------------------------------------------- fonts and colours


def characters(name):
    return set(map(chr, TTFont(FONTS / name).getBestCmap()))


def test_every_chinese_character_in_use_is_in_the_shipped_font():
    have = characters("LessonsSansSC-Regular.otf")
    missing = {c: str(path) for c, path in used_han().items() if c not in have}
    assert not missing, f"run python tools/make_fonts.py: {missing}"


@pytest.mark.parametrize("name", ["LessonsSans-Regular.ttf", "LessonsSans-Bold.ttf"])
def test_latin_font_has_accents_and_signs(name):
    assert not set("éèêëàâçîïôùûüœŒÉÀæñßłőş·−×≥≤≈√Σ→←↑↓✓✗␣↵▶½") - characters(name)


def test_fonts_are_small_renamed_and_licensed():
    files = list(FONTS.glob("*.[to]tf"))
    assert sum(f.stat().st_size for f in files) < 300_000
    for file in files:
        assert TTFont(file)["name"].getDebugName(1).startswith("Lessons Sans")
        licence = (FONTS / f"{file.stem.split('-')[0]}-OFL.txt").read_text(encoding="utf-8")
        assert "SIL OPEN FONT LICENSE Version 1.1" in licence


def test_a_character_that_no_font_has_is_an_error_in_tests():
    fig, _ = plots.figure(title="\U00030000")
    with pytest.raises(UserWarning, match="Glyph"):
        plots.png_of(fig)


def test_bold_chinese_makes_no_complaint(caplog):
    fig, ax = plots.figure(title="村庄 bold")
    ax.set_xlabel("村庄", weight="bold")
    plots.png_of(fig)
    assert not caplog.records


def contrast(one, other):
    """WCAG 2.2, relative luminance and contrast ratio."""

    def luminance(colour):
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return np.dot(linear, [0.2126, 0.7152, 0.0722])

    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_colours_stand_out_from_the_paper(theme):
    plots.setup(theme)
    for role in set(plots.COLOUR) - {"paper", "grid", "pale"}:
        least = 4.5 if role in ("ink", "muted") else 3
        assert contrast(plots.COLOUR[role], plots.COLOUR["paper"]) >= least, role


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_is_written_in_a_colour_can_be_read(theme):
    plots.setup(theme)
    paper = plots.COLOUR["paper"]
    for role, colour in plots.COLOUR.items():
        written = plots.legible(colour)
        assert contrast(written, paper) >= 4.5, role
        assert (written == colour) == (contrast(colour, paper) >= 4.55), role
    _, ax = plots.figure()
    label = plots.beside(ax, "floor", 0, 0, color=plots.COLOUR["floor"])
    assert label.get_color() == plots.legible(plots.COLOUR["floor"])


def test_setup_changes_the_colours_in_place_and_refuses_other_themes():
    colours, before = plots.COLOUR, plots.COLOUR["model"]
    plots.setup("dark")
    assert colours is plots.COLOUR and colours["model"] != before
    assert pixels(plots.png_of(plots.figure()[0]))[0, 0].sum() < 100
    with pytest.raises(ValueError, match="light"):
        plots.setup("sepia")
    assert colours["model"] != before  # nothing half changed


def test_colour_maps_start_at_the_paper():
    assert plots.sequential()(0.0)[:3] == pytest.approx((1, 1, 1))
    assert plots.diverging()(0.5)[:3] == pytest.approx((1, 1, 1), abs=0.01)


# ------------------------------------------------------------------------------------------ showing a figure


def test_png_is_opaque_and_792_pixels_wide():
    image = Image.open(io.BytesIO(plots.png_of(plots.figure()[0])))
    assert image.format == "PNG" and image.mode == "RGB" and image.width == 792


def test_figures_need_no_pyplot():
    code = (
        "import sys; from lmlib import plots; f, a = plots.figure(title='x'); a.plot([1]); plots.png_of(f);"
        "sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_show_gives_picture_metadata_and_a_visible_sentence(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, **more: shown.append((data, more)))
    plots.show(plots.figure()[0], alt="a < b costs $3 & more")
    (picture, more), (line, _) = shown
    assert set(picture) == {"image/png", "text/plain"}
    assert base64.b64decode(picture["image/png"]).startswith(b"\x89PNG")
    assert picture["text/plain"] == line["text/plain"] == "a < b costs $3 & more"
    assert more["metadata"] == {"image/png": {"alt": "a < b costs $3 & more"}}
    assert line["text/html"] == "<small>a &lt; b costs <span>$</span>3 &amp; more</small>"


@pytest.mark.parametrize("alt", [None, "", "  ", 3])
def test_show_wants_a_sentence(alt, monkeypatch):
    monkeypatch.setattr("IPython.display.display", lambda *a, **k: pytest.fail("shown without a sentence"))
    with pytest.raises(ValueError, match="sentence"):
        plots.show(plots.figure()[0], alt=alt)


def test_wrap_keeps_the_words_and_the_width():
    text = "Losses fall, and this title is so long that it needs several lines, 村庄里的故事 too"
    fig, ax = plots.figure()
    renderer = fig.canvas.get_renderer()
    lines = plots.wrap(text, 150, 11)
    assert " ".join(lines) == text and len(lines) > 2
    for line in lines:
        pixels_wide = ax.text(0, 0, line, size=11).get_window_extent(renderer).width
        assert pixels_wide <= 150 * fig.dpi / 72 * 1.03


def test_visible_and_spoken():
    assert plots.visible("a b\n") == "a␣b↵"
    assert plots.spoken(" ") == "a blank" and plots.spoken("é") == "'é'"


# ---------------------------------------------------------------------------------------------------- charts


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", CHARTS)
def test_chart_is_drawn_and_all_its_writing_is_inside(name, theme):
    plots.setup(theme)
    fig = CHARTS[name]()
    image = pixels(plots.png_of(fig))
    assert np.mean(np.abs(image - image[0, 0]).sum(axis=2) > 60) > 0.01, "blank"
    for text in writing(fig):
        box = text.get_window_extent(fig.canvas.get_renderer())
        assert box.x0 >= 0 and box.y0 >= 0, text.get_text()
        assert box.x1 <= fig.bbox.x1 + 1 and box.y1 <= fig.bbox.y1 + 1, text.get_text()


def writing(fig):
    """Every text that the figure shows: title, labels, and those ticks that are within the axes."""
    yield from fig.texts
    for ax in fig.axes:
        yield from ax.texts
        for axis in (ax.xaxis, ax.yaxis) if ax.axison else ():
            yield axis.label
            low, high = sorted(axis.get_view_interval())
            yield from (tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high)


def test_scoreboard_splits_each_bar_at_the_floor_and_sorts():
    fig = plots.scoreboard(ROWS, 0.97, uniform=4.5)
    ax = fig.axes[0]
    ends = [p.get_x() + p.get_width() for p in ax.patches[1::2]]
    assert ends == pytest.approx([4.5, 4.21, 1.62, 1.25, 1.09])
    assert [p.get_width() for p in ax.patches[0::2]] == pytest.approx([0.97] * 5)
    assert "GPT" in fig._suptitle.get_text() and "0.120" in fig._suptitle.get_text()


def test_scoreboard_cuts_a_bar_that_would_dwarf_the_others_but_prints_its_number():
    ax = plots.scoreboard(ROWS[2:], 0.97, uniform=9.0).axes[0]
    assert max(p.get_x() + p.get_width() for p in ax.patches) < 2.5
    assert "9.00" in [t.get_text() for t in ax.texts]


def test_scoreboard_cuts_all_bars_beside_which_good_models_would_look_alike():
    rows = [{"model": str(bits), "bits": bits} for bits in (5.98, 4.45, 3.23, 0.85, 0.43, 0.37, 0.31, 0.29, 0.23)]
    ax = plots.scoreboard(rows, 0.16).axes[0]
    ends = [p.get_x() + p.get_width() for p in ax.patches[1::2]]
    assert ends == pytest.approx([1.35 * 0.85] * 3 + [0.85, 0.43, 0.37, 0.31, 0.29, 0.23])
    assert [t.get_text() for t in ax.texts if t.get_weight() == "bold"][:4] == ["5.98", "4.45", "3.23", "0.850"]


def test_scoreboard_alt_lists_all_models_and_the_floor():
    alt = plots.scoreboard_alt(ROWS, 0.97, uniform=5.9)
    assert alt == (
        "Bits per character, from worst to best: knowing nothing 5.90, unigram 4.21, "
        "a feed-forward window 1.62, LSTM 1.25, GPT 1.09; the floor is 0.970."
    )
    with pytest.raises(ValueError, match="at least one row"):
        plots.scoreboard([], 0.97)


def test_distribution_rows_sum_to_one_and_keep_the_chosen():
    names, series = bars.leading(TOKENS, P, truth=TRUTH, chosen="a", top=5)
    assert names == ["↵", "␣", "o", "n", "▶ a", "12 others"]
    assert [sum(values) for values in series] == pytest.approx([1, 1])
    assert series[1][0] == TRUTH[TOKENS.index("\n")]
    names, _ = bars.leading(["x", "y"], [0.25, 0.75])
    assert names == ["y", "x"]
    with pytest.raises(ValueError, match="one probability for each token"):
        plots.distribution(["x", "y"], [1.0])


def test_distribution_alt():
    alt = plots.distribution_alt(["e", " ", "x"], [0.7, 0.299, 0.001], truth=[0.5, 0.5, 0], chosen="x")
    assert alt == "What comes next: 'e' 0.70, a blank 0.30; truly, 'e' has 0.50; chosen: 'x'."
    assert bars.share(0.0001) == "<0.001" and bars.share(0) == "0.000"


def test_surprise_strip_draws_height_and_number_of_every_character():
    bits = [0.01, 4.0, 16.0, math.inf]
    ax = plots.surprise_strip("a b\n", bits, columns=2, top=8).axes[0]
    assert [p.get_height() for p in ax.patches] == pytest.approx([0.01 / 8, 0.5, 1, 1])
    texts = [t.get_text() for t in ax.texts]
    assert texts == ["a", "4.0", "␣", "16.0", "b", "∞", "↵"]
    assert ax.texts[1].get_position()[1] > ax.texts[3].get_position()[1] > -2  # the second line stands lower
    with pytest.raises(ValueError, match="each character"):
        plots.surprise_strip("ab", [1.0])
    with pytest.raises(ValueError, match="no text"):
        plots.surprise_strip("", [])


def test_surprise_strip_alt_names_the_worst_and_what_was_before():
    alt = plots.surprise_strip_alt("ab c", [1.0, 0.0, 0.5, 6.5], most=2)
    assert alt == (
        "Surprise at each of 4 characters, 2.00 bits on average; most at 'c' after 'ab␣' (6.5), "
        "'a' after nothing (1.0)."
    )


def test_smooth_is_the_weighted_mean_of_all_before():
    values = [3.0, 1.0, 4.0, 1.0, 5.0]
    keep = 1 - 1 / 4
    for n, smoothed in enumerate(plots.smooth(values, over=4), 1):
        weights = keep ** np.arange(n)[::-1]
        assert smoothed == pytest.approx(np.average(values[:n], weights=weights))


@pytest.mark.parametrize(
    "run, finding",
    [
        (FALLING, "Validation loss fell to 1.20 at step 30, then rose: the model overfits"),
        (history([2, 1], [1.5, 1.1]), "Validation loss fell to 1.10"),
        (history([2, 1], [0.69, 0.003, 0.012]), "Validation loss fell to 0.00"),
        (history([2.0, 2.0]), "Training loss fell to 2.00"),
        (history([2.0, math.nan, 1.0]), "Training broke: the loss is no number from step 2"),
        (history([]), "Nothing trained yet"),
    ],
)
def test_training_curve_states_what_happened(run, finding):
    assert plots.png_of(plots.training_curve(run))
    assert curves.training_title(run) == finding
    assert plots.training_curve_alt(run).endswith(".")


def test_training_curve_alt_has_the_numbers():
    alt = plots.training_curve_alt(history([4.0, 2.0, 2.0], [3.0, 2.5, 2.75]))
    assert alt == "Loss over 3 training steps: training from 4.00 to 2.00, validation at best 2.50 at step 20."


def test_labels_at_the_end_of_lines_do_not_overlap():
    fig = plots.training_curve(history([2, 1.0], [1.01, 1.01], every=1), floor=0.99)
    plots.png_of(fig)
    boxes = [t.get_window_extent(fig.canvas.get_renderer()) for t in fig.axes[0].texts]
    assert len(boxes) == 3
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_reliability_says_the_weighted_gap():
    alt = plots.reliability_alt([0.1, 0.5, 0.9], [0.2, 0.0, 0.7], [10, 0, 30])
    assert f"{100 * (10 * 0.1 + 30 * 0.2) / 40:.1f} percentage points" in alt
    assert "0.90 was said and 0.70 came true" in alt
    with pytest.raises(ValueError, match="no prediction"):
        plots.reliability([0.1], [0.1], [0])
