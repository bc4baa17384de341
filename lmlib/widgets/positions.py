"""The position view: how well each place fits each other place, and whether their distance is all that counts."""

import html

import ipywidgets as W
import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.patches import Rectangle

from .. import plots
from .base import SHOW, QuickPanel, QuickView, across

MOST = 128  # places in one picture: more could not be told apart
SAME = 0.01  # scores of one distance that differ by less than this share of all scores' range count as the same
YES, NO = "it changes", "it stays the same"


def by_distance(scores):
    """For each distance key - query, from -(n - 1) to n - 1: (distances, least score, largest score)."""
    n = len(scores)
    distances = np.arange(1 - n, n)
    diagonals = [np.diagonal(scores, distance) for distance in distances]
    return distances, np.array([d.min() for d in diagonals]), np.array([d.max() for d in diagonals])


class PositionView(QuickView):
    """Scores between places: all of them as a map, and those of one query against the distance.

    scores: mapping from the name of a kind of positions to an array (n, n), a row for each query's place, a column
    for each key's; each kind is shown as shares of its largest score, whatever its sign. name: the kind shown first
    (default: the first); place: the query's place, counted from 0.

    Raises ValueError where there is no kind, none of that name, no such place, or the arrays do not fit.

    >>> PositionView({"sinusoidal": p @ p.T, "learned": e @ e.T}, place=20)      # as the last line of a cell
    """

    def __init__(self, scores, *, name=None, place=0):
        if not scores:
            raise ValueError("there are no scores: give a mapping from names to arrays (n, n)")
        self.scores = {key: np.asarray(value, dtype=float) for key, value in scores.items()}
        n = len(next(iter(self.scores.values())))
        for key, value in self.scores.items():
            if value.shape != (n, n) or not 2 <= n <= MOST:
                raise ValueError(
                    f"the scores of {key!r} have the shape {value.shape}: give all kinds the same (n, n), "
                    f"n from 2 to {MOST}"
                )
            if not np.isfinite(value).all():
                raise ValueError(f"the scores of {key!r} are not all numbers: look for nan and inf in them")
            self.scores[key] = value / (np.abs(value).max() or 1.0)
        self.n, self.name = n, next(iter(self.scores)) if name is None else name
        if self.name not in self.scores:
            raise ValueError(f"there is no kind {self.name!r}: take one of {', '.join(self.scores)}")
        if not 0 <= place < n:
            raise ValueError(f"there is no place {place}: there are the places 0 to {n - 1}")
        self.place = place

    # ------------------------------------------------------------------ numbers

    def spread(self, name=None):
        """The most by which scores of one distance differ, as a share of the range of all scores."""
        scores = self.scores[name or self.name]
        _, least, most = by_distance(scores)
        whole = scores.max() - scores.min()
        return float((most - least).max() / whole) if whole > 0 else 0.0

    def only_distance(self, name=None):
        """True where moving query and key by the same amount changes no score."""
        return self.spread(name) < SAME

    # ------------------------------------------------------- picture and sentence

    def title(self):
        said = "only the distance counts" if self.only_distance() else "the place counts, too"
        return f"{self.name[:1].upper()}{self.name[1:]}: {said}"

    def alt(self):
        row = self.scores[self.name][self.place]
        best = int(row.argmax())
        return (
            f"{self.name[:1].upper()}{self.name[1:]}: the query at place {self.place} scores highest with place "
            f"{best} ({row[best]:.2f} of the largest score), lowest with place {row.argmin()} ({row.min():.2f}). "
            f"Scores of one distance differ by at most {self.spread():.0%} of the range of all scores."
        )

    def _picture(self, title=None):
        """The figure, and what moves in it."""
        fig, (left, right) = plots.figure(1, 2, title=title, height=3.7, gridspec_kw={"width_ratios": [1, 1.25]})
        left.set(xlim=(-0.5, self.n - 0.5), ylim=(self.n - 0.5, -0.5), xlabel="place of the key")
        left.set_ylabel("place of the query")
        left.grid(visible=False)
        left.set_title("all scores", loc="left", size=9, weight="normal", color=plots.COLOUR["muted"])
        low = min(scores.min() for scores in self.scores.values())
        right.set(xlim=(1 - self.n, self.n - 1), ylim=(min(low, 0) - 0.08, 1.08))
        right.set(xlabel="distance: key minus query", ylabel="score (1: the largest)")
        right.set_title(
            "line: this query; band: all queries", loc="left", size=9, weight="normal", color=plots.COLOUR["muted"]
        )
        return fig, Artists(left, right, self.n)

    # ------------------------------------------------------------------- widget

    def build(self):
        return PositionPanel(self)


class Artists:
    """What moves: the map, the frame around the query's row, its line, and the band of all queries."""

    def __init__(self, left, right, n):
        colour = plots.COLOUR
        look = {"aspect": "equal", "cmap": plots.diverging(), "interpolation": "nearest"}
        self.heat = left.imshow(np.zeros((n, n)), vmin=-1, vmax=1, **look)
        self.frame = left.add_patch(Rectangle((-0.5, 0), n, 1, fill=False, edgecolor=colour["focus"], linewidth=2))
        self.frame.set_clip_on(False)
        self.band = right.add_collection(PolyCollection([], facecolor=colour["pale"], edgecolor=colour["grey"]))
        self.band.set_linewidth(1)  # a band without height is a line
        (self.line,) = right.plot([], [], color=colour["attention"])
        (self.itself,) = right.plot([], [], "o", color=colour["focus"], markersize=6)

    def moving(self):
        return [self.heat, self.frame, self.band, self.line, self.itself]

    def update(self, view):
        scores = view.scores[view.name]
        self.heat.set_data(scores)
        self.frame.set_y(view.place - 0.5)
        distances, least, most = by_distance(scores)
        around = np.concatenate((np.stack((distances, most), 1), np.stack((distances, least), 1)[::-1]))
        self.band.set_verts([around])
        self.line.set_data(np.arange(view.n) - view.place, scores[view.place])
        self.itself.set_data([0], [scores[view.place, view.place]])


class PositionPanel(QuickPanel):
    """The live view: a guess first; after that every control answers at once."""

    def __init__(self, view):
        super().__init__(view, [NO, YES, SHOW])
        look = across()
        there = view.n - 1 - view.place if view.place != view.n - 1 - view.place else view.n - 1
        self._asked = view.name
        self.question.value = (
            f"<b>Predict first.</b> {html.escape(view.name[:1].upper() + view.name[1:])}: the query moves from place "
            f"{view.place} to place {there}. What becomes of its scores, drawn against the distance?"
        )
        self.kind = W.ToggleButtons(
            options=list(view.scores), value=view.name, description="Kind",
            style={"button_width": "auto", **look["style"]},
        )  # fmt: skip
        self.slider = W.IntSlider(value=view.place, min=0, max=view.n - 1, description="Query at", **look)
        self._cover(*plots.figure(height=3.7))
        self.kind.observe(self._safely(self._new_kind), "value")
        self.slider.observe(self._safely(self._new_place), "value")
        self.children = [self.question, self.answer, self.kind, self.slider, self.sentence, self.image, self.guard]

    def _verdict(self):
        """What became of the guess; it was made for one kind, so elsewhere it is left out."""
        if self.answer.value in (None, SHOW) or self.view.name != self._asked:
            return ""
        right = NO if self.view.only_distance() else YES
        return f"✓ Yes, {right}. " if self.answer.value == right else f"✗ No, {right}. "

    def _new_kind(self, change):
        self.view.name = change["new"]
        self._show()

    def _new_place(self, change):
        self.view.place = change["new"]
        self._show()
