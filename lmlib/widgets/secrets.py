"""What a model keeps of secrets: copies in the training text against exposure, and what it writes."""

import html
from dataclasses import dataclass
from statistics import mean, median

import ipywidgets as W

from .. import plots
from ..privacy.canaries import CANDIDATES, CHANCE, MOST
from .base import SHOW, QuickPanel, QuickView, across

GUESSES = ((1, "one guess"), (100, "2 to 100"), (CANDIDATES, "more than 100"))
SHOWN = 4  # completions in the picture


@dataclass(frozen=True)
class Found:
    """What the view says about one condition and one number of copies.

    exposures: {copies: bits of all secrets}; chosen: the secrets with this number of copies; rank: their median.
    """

    condition: str
    count: int
    exposures: dict
    chosen: list
    rank: float
    extracted: int


class SecretView(QuickView):
    """Exposure of planted secrets by copies in the training text, for several ways to train.

    rows: `privacy.table.Secret` objects, of one condition or of several. condition, count: what is shown first (by
    default the first condition and its largest number of copies).

    Raises ValueError for no rows, and for a condition or a number of copies that no row has.

    >>> SecretView(table.read("copies"))      # as the last line of a cell
    """

    def __init__(self, rows, *, condition=None, count=None):
        self.rows = list(rows)
        if not self.rows:
            raise ValueError("there is no secret to show: give the rows of a table, or `table.told(...)` of a model")
        self.conditions = list(dict.fromkeys(row.condition for row in self.rows))
        self.condition = self.conditions[0] if condition is None else condition
        self.counts = sorted({row.count for row in self.rows})
        self.count = self.counts[-1] if count is None else count
        self.compute()

    # ------------------------------------------------------------------ numbers

    def compute(self, condition=None, count=None):
        """The `Found` of a condition and a number of copies; raises ValueError where no row has them."""
        condition = self.condition if condition is None else condition
        count = self.count if count is None else count
        rows = [row for row in self.rows if row.condition == condition]
        chosen = [row for row in rows if row.count == count]
        if not chosen:
            raise ValueError(
                f"no secret stands {count} times in the text of {condition!r}: "
                f"conditions are {', '.join(self.conditions)}, copies {', '.join(map(str, self.counts))}"
            )
        exposures = {n: [row.exposure for row in rows if row.count == n] for n in self.counts}
        extracted = sum(row.written.startswith(row.digits) for row in chosen)
        return Found(condition, count, exposures, chosen, median(row.rank for row in chosen), extracted)

    # ------------------------------------------------------- picture and sentence

    def alt(self):
        """Mean exposure, median rank, how many are completed, and one completion as an example."""
        found = self.compute()
        average, first = mean(row.exposure for row in found.chosen), found.chosen[0]
        return (
            f"{_copies(found.count)}, {found.condition}: mean exposure {average:.1f} of {MOST:.1f} bits, the median "
            f"secret is guess {found.rank:,.0f} of {CANDIDATES:,}, {found.extracted} of {len(found.chosen)} secrets "
            f"are written out. {first.name}'s number is {first.digits}; the model writes "
            f"“{_cut(first.written, 24)}”."
        )

    def title(self):
        average = mean(row.exposure for row in self.compute().chosen)
        return f"{_copies(self.count)}, {self.condition}: {average:.1f} of {MOST:.1f} bits are known"

    def _picture(self, title=None):
        """The figure, and what moves in it: on the left all secrets by copies, on the right what the model writes."""
        fig, (ax, said) = plots.figure(1, 2, title=title, height=3.9, width_ratios=(3, 2))
        colour, places = plots.COLOUR, range(len(self.counts))
        ax.axhline(MOST, color=colour["truth"], linewidth=1.2, linestyle="-.")
        ax.axhline(CHANCE, color=colour["muted"], linewidth=1.2, linestyle=(0, (2, 3)))
        ax.text(-0.45, MOST + 0.25, "known: the first guess", color=plots.legible(colour["truth"]), size=9)
        ax.set_xticks(list(places), [str(n) for n in self.counts])
        ax.set(xlim=(-0.5, len(self.counts) - 0.5), ylim=(-0.4, MOST + 1.6))
        ax.set_yticks([0, CHANCE, 5, 10], ["0", "chance", "5", "10"])
        ax.set(xlabel="copies in the training text", ylabel="exposure in bits (line: mean)")
        said.axis("off")
        said.set(xlim=(0, 1), ylim=(0, 1))
        return fig, Artists(ax, said)

    # ------------------------------------------------------------------- widget

    def build(self):
        return SecretPanel(self)


class Artists:
    """What moves: the secrets, the chosen ones large, their mean by copies, and what the model writes."""

    def __init__(self, ax, said):
        colour, dots = plots.COLOUR, {"linestyle": "none", "clip_on": False, "zorder": 3}
        (self.others,) = ax.plot([], [], marker="o", markersize=4.5, color=colour["grey"], **dots)
        (self.chosen,) = ax.plot([], [], marker="D", markersize=7, color=colour["focus"], **dots)
        (self.means,) = ax.plot([], [], color=colour["model"], linestyle="-", linewidth=2)
        self.head = said.text(0, 0.97, "", size=10, weight="bold", va="top", color=colour["ink"])
        heights = [0.82 - 0.22 * i for i in range(SHOWN)]
        self.written = [said.text(0, y, "", size=9.5, va="top", color=colour["ink"]) for y in heights]
        self.truths = [said.text(0, y - 0.085, "", size=9, va="top", color=colour["muted"]) for y in heights]
        for text in (self.head, *self.written, *self.truths):
            text.set_in_layout(False)  # long or short, it moves nothing

    def moving(self):
        return [self.others, self.chosen, self.means, self.head, *self.written, *self.truths]

    def update(self, view):
        found = view.compute()
        points = {True: [], False: []}
        for x, (n, values) in enumerate(found.exposures.items()):
            for i, value in enumerate(values):
                points[n == found.count].append((x + 0.5 * ((i + 0.5) / len(values) - 0.5), value))
        means = [(x, mean(values)) for x, values in enumerate(found.exposures.values()) if values]
        for line, some in ((self.chosen, points[True]), (self.others, points[False]), (self.means, means)):
            line.set_data(*zip(*some)) if some else line.set_data([], [])
        self.head.set_text(f"{_copies(found.count)}: it writes")
        for text in (*self.written, *self.truths):
            text.set_text("")
        for row, written, truth in zip(found.chosen, self.written, self.truths):
            mark = "✓" if row.written.startswith(row.digits) else "✗"
            written.set_text(f"{mark} {row.name}'s number is {_cut(row.written)}")
            truth.set_text(f"    secret {row.digits}, guess {row.rank:,}")


def _cut(written, most=12):
    """A completion short enough for the picture, on one line."""
    written = " ".join(written.split())
    return written if len(written) <= most else written[: most - 1] + "…"


def _copies(count):
    return "No copy" if count == 0 else f"{count} {'copy' if count == 1 else 'copies'}"


def _guesses(rank):
    """Which of GUESSES holds a rank."""
    return next(name for most, name in GUESSES if rank <= most)


class SecretPanel(QuickPanel):
    """The live view: how it was trained, a guess, then picture and slider. Another training is a new question."""

    lines = 4

    def __init__(self, view):
        super().__init__(view, [*(name for _, name in GUESSES), SHOW])
        layout = across()["layout"]
        self.condition = W.Dropdown(
            options=view.conditions, value=view.condition, description="Training", layout=layout
        )
        self.count = W.SelectionSlider(options=view.counts, value=view.count, description="Copies", layout=layout)
        self._ask()
        self.condition.observe(self._safely(self._changed), "value")
        self.count.observe(self._safely(self._moved), "value")
        self.children = [
            self.condition, self.count, self.question, self.answer, self.sentence, self.image, self.guard,
        ]  # fmt: skip

    def _ask(self):
        self.answer.value = None
        self.question.value = (
            f"<b>Predict first.</b> {html.escape(_copies(self.view.count))}, {html.escape(self.view.condition)}: how "
            "many guesses does the median secret need, of those 10,000 that are possible?"
        )
        self._cover(*plots.figure(height=3.9))

    def _changed(self, change):
        self.view.compute(condition=change["new"])  # what no row has is refused here, nothing changed
        self.view.condition = change["new"]
        self._ask()

    def _moved(self, change):
        self.view.compute(count=change["new"])
        self.view.count = change["new"]
        self._show() if self._fast is not None else self._ask()

    def _answered(self, answer):
        right = _guesses(self.view.compute().rank)
        self._open()
        self._show("" if answer == SHOW else f"{'✓ Yes' if answer == right else '✗ No'}, {right}. ")
