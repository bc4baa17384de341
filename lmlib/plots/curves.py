"""Lines and dots: the loss while a model trains, and whether its probabilities come true."""

import math

import numpy as np
from matplotlib.ticker import MaxNLocator

from .style import COLOUR, beside, figure, legible


def smooth(values, over=None):
    """Exponential moving average over about `over` values, its start unbiased (Kingma & Ba 2015, section 3).

    Without `over`: an eighth of the values so far, at most 16, so that the line shows the trend and does not lag
    where a loss falls steeply, at the beginning.
    """
    average, weight, out = 0.0, 0.0, []
    for n, value in enumerate(values):
        keep = 1 - 1 / (over or max(1, min(16, n / 8)))
        average = keep * average + (1 - keep) * value
        weight = keep * weight + (1 - keep)
        out.append(average / weight)
    return out


def training_curve(history, *, title=None, unit="nats per token", floor=None):
    """Training loss (thin: every step, bold: smoothed) and validation loss (dashed) over the steps.

    history: anything with `steps`, `train_loss`, and where there was validation `valid_steps`, `valid_loss`.
    floor: the least loss possible, in the same unit as the losses.
    """
    steps, train = np.asarray(history.steps), np.asarray(history.train_loss, dtype=float)
    valid_steps, valid = np.asarray(history.valid_steps), np.asarray(history.valid_loss, dtype=float)
    fig, ax = figure(title=title or training_title(history), height=3.8)
    good = np.isfinite(train)
    ends = []  # (y, text, colour) of the labels at the right end
    if good.any():
        ax.plot(steps[good], train[good], color=COLOUR["train"], linewidth=0.8, alpha=0.35, linestyle="-")
        smoothed = smooth(train[good])
        ax.plot(steps[good], smoothed, color=COLOUR["train"], linestyle="-")
        ends.append((smoothed[-1], f"train {smoothed[-1]:.2f}", COLOUR["train"]))
    good = np.isfinite(valid)
    if good.any():
        ax.plot(valid_steps[good], valid[good], color=COLOUR["valid"], linestyle="--", marker="o", markersize=4)
        best = np.flatnonzero(good)[np.argmin(valid[good])]
        ax.plot(
            valid_steps[best],
            valid[best],
            marker="o",
            markersize=10,
            color=COLOUR["valid"],
            markerfacecolor="none",
            markeredgewidth=1.6,
            linestyle="none",
        )
        ends.append((valid[good][-1], f"valid {valid[good][-1]:.2f}", COLOUR["valid"]))
    if floor is not None:
        ax.axhline(floor, color=COLOUR["floor"], linestyle="-.", linewidth=1.6)
        ends.append((floor, f"floor {floor:.2f}", COLOUR["floor"]))
    # The first steps of a training dwarf all that follows: leave the very top of the start out.
    shown = np.concatenate([train[np.isfinite(train)], valid[np.isfinite(valid)]])
    if len(shown):
        low = min(shown.min(), math.inf if floor is None else floor)
        high = shown.max()
        ax.set_ylim(low - 0.06 * (high - low or 1), high + 0.04 * (high - low or 1))
    _label_ends(ax, ends)
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    ax.set_xlabel("step")
    ax.set_ylabel(f"loss ({unit})")
    return fig


def _label_ends(ax, ends):
    """Write each label beside the end of its line, at least one line of writing apart."""
    low, high = ax.get_ylim()
    apart = 0.075 * (high - low)
    previous = -math.inf
    for y, text, colour in sorted(ends):
        previous = max(y, previous + apart)
        right = ax.get_yaxis_transform()  # x in parts of the axes, y in data
        beside(ax, text, 1, previous, xycoords=right, color=colour, weight="bold")


def _last(losses):
    """The end of the smoothed line."""
    finite = [loss for loss in losses if math.isfinite(loss)]
    return smooth(finite)[-1] if finite else math.nan


def training_title(history):
    """The finding of a training: how far the loss fell, and what went wrong if something did."""
    train = np.asarray(history.train_loss, dtype=float)
    valid = np.asarray(history.valid_loss, dtype=float)
    broken = np.flatnonzero(~np.isfinite(train))
    if len(broken):
        return f"Training broke: the loss is no number from step {history.steps[broken[0]]}"
    if np.isfinite(valid).any():
        best = int(np.nanargmin(valid))
        text = f"Validation loss fell to {valid[best]:.2f}"
        rise, fall = valid[-1] - valid[best], valid[0] - valid[best]
        if rise > 0.01 * valid[best] and rise > 0.02 * fall:  # less is the noise of the last steps
            return f"{text} at step {history.valid_steps[best]}, then rose: the model overfits"
        return text
    if len(train):
        return f"Training loss fell to {_last(train):.2f}"
    return "Nothing trained yet"


def training_curve_alt(history):
    """One sentence: first and last training loss, best validation loss and its step."""
    if not len(history.steps):
        return "Loss over training steps: nothing trained yet."
    train = list(history.train_loss)
    text = f"Loss over {history.steps[-1]} training steps: training from {train[0]:.2f} to {_last(train):.2f}"
    valid = np.asarray(history.valid_loss, dtype=float)
    if np.isfinite(valid).any():
        best = int(np.nanargmin(valid))
        text += f", validation at best {valid[best]:.2f} at step {history.valid_steps[best]}"
    return text + "."


def reliability(predicted, observed, counts, *, title=None):
    """How often did it come, when it was said to come with probability p? On the diagonal: as often as said.

    predicted, observed: mean said probability and share of hits in each bin; counts: how many predictions in
    it (the area of a dot). Bins with no prediction are left out.
    """
    predicted, observed, counts = _bins(predicted, observed, counts)
    fig, ax = figure(title=title or reliability_title(predicted, observed, counts), width=5.0, height=4.6)
    ax.plot([0, 1], [0, 1], color=COLOUR["truth"], linestyle="-.", linewidth=1.6)
    ax.annotate(
        "said = came true",
        (0.74, 0.74),
        xytext=(8, -10),
        textcoords="offset points",
        color=legible(COLOUR["truth"]),
        weight="bold",
        size=10,
        va="top",
    )
    for p, o in zip(predicted, observed, strict=True):
        ax.plot([p, p], [p, o], color=COLOUR["focus"], linewidth=1.2, linestyle="-")
    area = 20 + 380 * counts / counts.max()
    ax.scatter(predicted, observed, s=area, color=COLOUR["model"], edgecolor=COLOUR["paper"], zorder=3)
    ax.set_xlim(-0.04, 1.04)
    ax.set_ylim(-0.04, 1.04)
    ax.set_aspect("equal")
    ax.set_xlabel("said: probability")
    ax.set_ylabel("came true: share")
    return fig


def _bins(predicted, observed, counts):
    counts = np.asarray(counts, dtype=float)
    used = counts > 0
    if not used.any():
        raise ValueError("There is no prediction to draw: all counts are 0.")
    return np.asarray(predicted, dtype=float)[used], np.asarray(observed, dtype=float)[used], counts[used]


def _calibration_gap(predicted, observed, counts):
    """Expected calibration error: |said − came true|, weighted by the number of predictions."""
    return float(np.sum(counts * np.abs(predicted - observed)) / np.sum(counts))


def reliability_title(predicted, observed, counts):
    gap = _calibration_gap(*_bins(predicted, observed, counts))
    return f"What it says comes true, {100 * gap:.1f} points off on average"


def reliability_alt(predicted, observed, counts):
    """One sentence: the mean gap, and the bin that is furthest off."""
    predicted, observed, counts = _bins(predicted, observed, counts)
    gap = _calibration_gap(predicted, observed, counts)
    worst = int(np.argmax(np.abs(predicted - observed)))
    return (
        f"Said probability against the share that came true: {100 * gap:.1f} percentage points apart "
        f"on average; furthest off where {predicted[worst]:.2f} was said and {observed[worst]:.2f} came true."
    )
