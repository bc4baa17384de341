"""Bars that lie: the scoreboard of all models, and what may come next."""

import numpy as np

from .style import COLOUR, bare, beside, figure, spoken, visible


def scoreboard(rows, floor, *, uniform=None, highlight=None, title=None):
    """Horizontal bars, one a model: bits per character, split into what chance costs anybody and the rest.

    rows: mappings with "model" and "bits" (bits per character), and where known "spread" (half the length of
        the whisker, e.g. the standard deviation over seeds) and "note" (small print: "0.4 M parameters").
    floor: entropy of the text in bits per character, the least that any model can reach on average.
    uniform: bits per character of knowing nothing, log2 of the number of characters; one more bar.
    highlight: name of the model that the lesson is about.
    Bars more than three times as long as the middle one are cut open, or the good models would all look alike; the
    number at a bar's end is the true one.
    Raises ValueError without rows.
    """
    rows = _sorted_rows(rows, uniform)
    limit = _limit([row["bits"] for row in rows])
    fig, ax = figure(title=title or scoreboard_title(rows, floor), height=1.35 + 0.36 * len(rows))
    for y, row in enumerate(rows):
        end, spread = row["bits"], row.get("spread") or 0
        colour = "focus" if row["model"] == highlight else "grey" if row.get("reference") else "model"
        if end > limit:
            end, spread = limit, 0
        ax.barh(y, min(floor, end), color=COLOUR["pale"], height=0.62)
        ax.barh(y, end - floor, left=floor, color=COLOUR[colour], height=0.62)
        if spread:
            ax.errorbar(end, y, xerr=spread, color=COLOUR["ink"], capsize=3, linewidth=1.2, linestyle="none")
        if row["bits"] > limit:
            for x in (0.94 * limit, 0.957 * limit):  # two slanting cuts say that the bar goes on
                cut = [x, x + 0.012 * limit], [y + 0.4, y - 0.4]
                ax.plot(*cut, color=COLOUR["paper"], linewidth=2, linestyle="-")
        beside(ax, _digits(row["bits"]), end + spread, y, weight="bold", color=COLOUR["ink"])
        beside(ax, row.get("note") or "", end + spread, y, away=42, size=9)
    names = ax.set_yticks(range(len(rows)), [row["model"] for row in rows])
    for tick, row in zip(names, rows, strict=True):
        marked = row["model"] == highlight
        tick.label1.set(color=COLOUR["focus" if marked else "ink"], weight="bold" if marked else "normal")
    ax.axvline(floor, color=COLOUR["floor"], linewidth=2, linestyle="-")
    text = f"floor {_digits(floor)}: the text's own chance"
    beside(ax, text, floor, -0.62, color=COLOUR["floor"], weight="bold", size=10)
    ax.set_ylim(len(rows) - 0.45, -0.95)
    ax.set_xlim(0, limit * (1.3 if any(row.get("note") for row in rows) else 1.12))
    ax.set_xlabel("bits per character (less is better)")
    bare(ax)
    return fig


def _limit(lengths):
    """Where the longest bars are cut; lengths: from long to short."""
    whole = [length for length in lengths if length <= 3 * lengths[len(lengths) // 2]]
    return lengths[0] if len(whole) == len(lengths) else 1.35 * whole[0]


def _digits(bits):
    """Good models differ in the third digit."""
    return f"{bits:.2f}" if bits >= 1 else f"{bits:.3f}"


def _sorted_rows(rows, uniform):
    rows = [dict(row) for row in rows]
    if not rows:
        raise ValueError("The scoreboard needs at least one row with 'model' and 'bits'.")
    if uniform is not None:
        rows.append({"model": "knowing nothing", "bits": float(uniform), "reference": True})
    return sorted(rows, key=lambda row: -row["bits"])


def scoreboard_title(rows, floor):
    """The finding: who is best, and how far from the floor."""
    best = min(rows, key=lambda row: row["bits"])
    return f"{best['model']} comes closest: {_digits(best['bits'] - floor)} bits per character above the floor"


def scoreboard_alt(rows, floor, *, uniform=None):
    """One sentence: every model's bits per character from worst to best, and the floor."""
    rows = _sorted_rows(rows, uniform)
    listed = ", ".join(f"{row['model']} {_digits(row['bits'])}" for row in rows)
    return f"Bits per character, from worst to best: {listed}; the floor is {_digits(floor)}."


def distribution(tokens, probabilities, *, truth=None, chosen=None, top=10, title=None):
    """Horizontal bars: what may come next, the likeliest first, the rest in one last bar.

    tokens: what the probabilities belong to; probabilities: one number each, summing to 1.
    truth: the true probabilities of the same tokens, drawn as a second, hatched bar.
    chosen: the token that was drawn or that came; its row is marked with an arrow.
    Raises ValueError unless there is one probability for each token.
    """
    names, series = leading(tokens, probabilities, truth=truth, chosen=chosen, top=top)
    height = 1.3 + (0.40 if truth is not None else 0.31) * len(names)
    fig, ax = figure(title=title or distribution_title(tokens, probabilities), height=height)
    draw_distribution(ax, names, series)
    widest = 1.22 * max(max(values) for values in series)  # room for the numbers
    ax.set_xticks([x for x in ax.get_xticks() if x <= min(1, widest)])
    ax.set_xlim(0, widest)
    return fig


def draw_distribution(ax, names, series):
    """Draw the bars on `ax`. Returns, for each bar of the first series, the bar and the texts at its end."""
    looks = [
        ("model", dict(color=COLOUR["model"])),
        ("truth", dict(color=COLOUR["truth"], hatch="///", edgecolor=COLOUR["paper"])),
    ]
    two = len(series) == 2
    thick = 0.38 if two else 0.66
    rows = []
    for s, values in enumerate(series):
        who, look = looks[s]
        places = np.arange(len(names)) + (s - 0.5) * thick * two
        bars = ax.barh(places, values, height=thick, **look)
        for bar, value, y in zip(bars, values, places, strict=True):
            rows.append((bar, [beside(ax, share(value), value, y, size=9 if two else 10)]))
        if two:  # the first pair of bars says which is which
            name = beside(ax, who, values[0], places[0], away=44, size=9, weight="bold", color=look["color"])
            rows[-len(names)][1].append(name)
    ticks = ax.set_yticks(range(len(names)), names)
    for tick, name in zip(ticks, names, strict=True):
        marked = name.startswith("▶")
        tick.label1.set(color=COLOUR["focus" if marked else "ink"], weight="bold" if marked else "normal")
        tick.label1.set_size(12)  # a comma must be seen
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_xlabel("probability of coming next")
    bare(ax)
    return rows[: len(names)]


def leading(tokens, probabilities, *, truth=None, chosen=None, top=10):
    """Names and series of the rows that are drawn: the likeliest `top`, the chosen one, the rest summed."""
    tokens = list(tokens)
    series = [np.asarray(p, dtype=float) for p in (probabilities, truth) if p is not None]
    if any(len(p) != len(tokens) for p in series):
        raise ValueError("Give one probability for each token.")
    order = list(np.argsort(-series[0], kind="stable")[:top])
    if chosen in tokens and tokens.index(chosen) not in order:
        order[-1] = tokens.index(chosen)
    names = [("▶ " if tokens[i] == chosen else "") + visible(tokens[i]) for i in order]
    rows = [list(p[order]) for p in series]
    others = len(tokens) - len(order)
    if others:
        names.append(f"{others} others" if others > 1 else "1 other")
        for row, p in zip(rows, series, strict=True):
            row.append(max(0.0, float(p.sum() - p[order].sum())))
    return names, rows


def share(p):
    """A probability as it is written beside a bar: three digits, and never a plain 0 for what can happen."""
    if 0 < p < 0.001:
        return "<0.001"
    return f"{p:.3f}"


def distribution_title(tokens, probabilities):
    best = int(np.argmax(probabilities))
    return f"{_capital(spoken(tokens[best]))} comes next with probability {probabilities[best]:.2f}"


def _capital(text):
    return text[:1].upper() + text[1:]


def distribution_alt(tokens, probabilities, *, truth=None, chosen=None):
    """One sentence: the likeliest tokens (at most three), the true probability of the first, the chosen."""
    order = np.argsort(-np.asarray(probabilities, dtype=float), kind="stable")[:3]
    order = [i for i in order if i == order[0] or probabilities[i] >= 0.005]  # 0.00 would say nothing
    text = "What comes next: " + ", ".join(f"{spoken(tokens[i])} {probabilities[i]:.2f}" for i in order)
    if truth is not None:
        text += f"; truly, {spoken(tokens[order[0]])} has {truth[order[0]]:.2f}"
    if chosen is not None:
        text += f"; chosen: {spoken(chosen)}"
    return text + "."
