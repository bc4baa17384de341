"""What will she pick next? The five best of several recommenders, side by side, and the truth, where it is known."""

import html

import ipywidgets as W
import numpy as np

from .. import plots
from ..ranking import top
from .base import SHOW, QuickPanel, QuickView, across

LISTED = 5  # goods in each list
MOST = 5  # lists in one picture, the truth's among them
SHOWN = 8  # of a history, the last so many goods are written out
TRUTH = "best possible"
NOBODY = "somebody new"
LETTERS = 21  # of a good's name


class PicksView(QuickView):
    """Lists of the five goods that several recommenders think likeliest, for one history.

    goods: the goods' names. histories: mapping from a customer's name to what she picked, oldest first (numbers of
    goods). models: mapping from a recommender's name to an object with `scores(histories) -> (n, goods)`.
    truth: a function of one history that gives the true probability of each good, or None where nobody knows it. With
    it the view shows what each list is worth: the sum of its goods' true probabilities, its chance of a hit.
    customer: whose history is shown first (default: the first).

    Raises ValueError where there is nothing to show, too many lists, or goods that there are not.

    >>> PicksView(histories.goods, {"customer 7": [3, 17, 4]}, {"popularity": popularity})    # last line of a cell
    """

    def __init__(self, goods, histories, models, truth=None, *, customer=None):
        self.goods, self.truth = [str(name) for name in goods], truth
        if not models or not histories:
            raise ValueError("there is nothing to show: give at least one recommender and one history")
        if len(models) + (truth is not None) > MOST:
            raise ValueError(f"{len(models)} recommenders do not fit into one picture: give at most {MOST - 1}")
        self.models = dict(models)
        self.histories = {str(name): [int(good) for good in picks] for name, picks in histories.items()}
        for name, picks in self.histories.items():
            self._check(picks, name)
        self.customer = next(iter(self.histories)) if customer is None else str(customer)
        if self.customer not in self.histories:
            raise ValueError(f"there is no history of {customer!r}: take one of {', '.join(self.histories)}")
        self.picks = list(self.histories[self.customer])
        self.compute()

    def _check(self, picks, name):
        wrong = [good for good in picks if not 0 <= good < len(self.goods)]
        if wrong:
            raise ValueError(
                f"{name}: there is no good {wrong[0]}, but there are the goods 0 to {len(self.goods) - 1}"
            )
        if len(picks) > len(self.goods) - LISTED:
            raise ValueError(f"{name} has nearly all goods: {LISTED} must be left to recommend")

    # ------------------------------------------------------------------ numbers

    def compute(self):
        """The lists for the history in hand: mapping from name to (goods, their true probabilities or None)."""
        picks = self.picks
        p = None if self.truth is None else np.asarray(self.truth(picks), dtype=float)
        scores = {name: model.scores([picks]) for name, model in self.models.items()}
        if p is not None:
            scores[TRUTH] = p[None]
        lists = {name: top(score, [picks], LISTED)[0] for name, score in scores.items()}
        return {name: (items, None if p is None else p[items]) for name, items in lists.items()}

    def add(self, name):
        """She picks one more good, by its name. Raises ValueError for a name that there is not, or that she has."""
        if name not in self.goods:
            raise ValueError(f"nothing here is called {name!r}: choose a name from the list")
        good = self.goods.index(name)
        if good in self.picks:
            raise ValueError(f"she has the {name} already, and nobody buys a thing twice here: choose another one")
        self._check([*self.picks, good], self.customer)
        self.picks.append(good)

    def choose(self, customer):
        """Go to another customer, or to NOBODY, who has picked nothing yet."""
        self.customer, self.picks = customer, list(self.histories.get(customer, ()))

    # ------------------------------------------------------- picture and sentence

    def title(self):
        lists = self.compute()
        if self.truth is None:
            first = {name: items[0] for name, (items, _) in lists.items()}
            n = len(set(first.values()))
            what = (
                "All agree on the likeliest one"
                if n == 1
                else f"{len(first)} recommenders, {n} different first picks"
            )
            return what if len(first) > 1 else f"{next(iter(first))} would offer these five"
        worth = {name: p.sum() for name, (_, p) in lists.items()}
        best = max(self.models, key=worth.get)
        return f"Five by {best} hold {worth[best]:.0%} of the chances, the best possible {worth[TRUTH]:.0%}"

    def alt(self):
        told = []
        for name, (items, p) in self.compute().items():
            goods = ", ".join(self.goods[item] for item in items)
            told.append(f"{name}{'' if p is None else f' ({p.sum():.0%})'}: {goods}")
        return f"After {self._so_far()}, what next? {'; '.join(told)}."

    def _so_far(self):
        names = [self.goods[good] for good in self.picks[-SHOWN:]]
        if not names:
            return "nothing yet"
        return ("…, " if len(self.picks) > SHOWN else "") + ", ".join(names)

    def _picture(self, title=None):
        """The figure, and what moves in it."""
        names = [*self.models, *([TRUTH] if self.truth is not None else [])]
        fig, axes = plots.figure(1, len(names), title=title, height=3.5, squeeze=False)
        if self.truth is not None:
            note = "bar: true probability of the pick · ✓: one of the best possible five"
            fig.supxlabel(note, x=0.01, ha="left", size=8, color=plots.COLOUR["muted"])
        artists = Artists(axes[0], names, self.truth is not None)
        artists.update(self)
        return fig, artists

    # ------------------------------------------------------------------- widget

    def build(self):
        return PicksPanel(self)


def short(name):
    """A name that fits over its bar."""
    return name if len(name) <= LETTERS else name[: LETTERS - 1].rstrip() + "…"


class Artists:
    """What moves: in each list the goods' names, a bar for the true probability of each, and the list's worth."""

    def __init__(self, axes, names, known):
        colour, self.known, self.rows, self.worth = plots.COLOUR, known, {}, {}
        for ax, name in zip(axes, names):
            ax.set(xlim=(0, 1), ylim=(LISTED - 0.1, -0.75))
            ax.axis("off")
            role = "truth" if name == TRUTH else "model"
            ax.text(0, -0.5, name, color=plots.legible(colour[role]), weight="bold", size=10)
            look = dict(height=0.22, color=colour[role], hatch="///" if name == TRUTH else None)
            bars = ax.barh(np.arange(LISTED) + 0.36, 0.0, edgecolor=colour["paper"], **look)
            texts = [ax.text(0, place + 0.14, "", size=9, color=colour["ink"]) for place in range(LISTED)]
            self.rows[name] = list(zip(bars, texts))
            self.worth[name] = ax.text(0, LISTED - 0.15, "", size=9, color=colour["muted"])

    def moving(self):
        return [artist for rows in self.rows.values() for row in rows for artist in row] + list(self.worth.values())

    def update(self, view):
        lists = view.compute()
        best = set(lists[TRUTH][0]) if self.known else set()
        longest = max(p.max() for _, p in lists.values()) if self.known else 1.0
        for name, (items, p) in lists.items():
            for place, (bar, text) in enumerate(self.rows[name]):
                item = items[place]
                marked = name != TRUTH and item in best
                text.set_text(("✓ " if marked else "") + short(view.goods[item]))
                text.set_weight("bold" if marked else "normal")
                bar.set_width(0.95 * p[place] / longest if self.known else 0.0)
            self.worth[name].set_text(f"together {p.sum():.0%}" if self.known else "")


class PicksPanel(QuickPanel):
    """The live view. Each customer asks for a guess first; after that one can let her pick more."""

    lines = 6

    def __init__(self, view):
        super().__init__(view)
        look = across()
        self.who = W.Dropdown(
            options=[*view.histories, *([] if NOBODY in view.histories else [NOBODY])],
            value=view.customer, description="Customer", style=look["style"],
        )  # fmt: skip
        # room for two lines, so that what stands below never moves
        self.question.layout = W.Layout(width="100%", max_width="792px", min_height="56px")
        self.more = W.Combobox(
            options=view.goods, placeholder="type or choose a good, then Enter", description="She picks",
            continuous_update=False, ensure_option=False, style=look["style"],
            layout=W.Layout(width="27em", max_width="100%"),
        )  # fmt: skip
        self._ask()
        self.who.observe(self._safely(self._new_customer), "value")
        self.more.observe(self._safely(self._picked), "value")
        self.children = [self.who, self.question, self.answer, self.more, self.sentence, self.image, self.guard]

    def _ask(self):
        """A customer: a question, four answers, and the picture covered."""
        view, lists = self.view, self.view.compute()
        judge = TRUTH if view.truth is not None else list(view.models)[-1]
        self._right = view.goods[lists[judge][0][0]]
        others = [
            view.goods[item] for place in range(LISTED) for items, _ in lists.values() for item in [items[place]]
        ]
        options = list(dict.fromkeys([self._right, *others]))[:4]
        by = "" if view.truth is not None else f" by {html.escape(judge)}"
        self.question.value = (
            f"<b>Predict first.</b> She has, oldest first: {html.escape(view._so_far())}. Which of these four is the "
            f"likeliest next pick{by}?"
        )
        self._asked = list(view.picks)
        self._offer([*sorted(options), SHOW])
        self._empty()
        self._cover(*plots.figure(height=3.5))

    def _empty(self):
        with self._quietly():
            self.more.value = ""

    def _verdict(self):
        """What became of the guess; it was made for one history, so after a further pick it is left out."""
        if self.answer.value in (None, SHOW) or self.view.picks != self._asked:
            return ""
        mark = "✓ Yes" if self.answer.value == self._right else "✗ No"
        return f"{mark}, the {self._right} is the likeliest. "

    def _new_customer(self, change):
        self.view.choose(change["new"])
        self._ask()

    def _picked(self, change):
        if not change["new"]:
            return
        if self._fast is None:
            raise ValueError("Answer the question first; then let her pick more.")
        self.view.add(change["new"])
        self._empty()
        self._show()
