"""The shots view: what a model answers behind 0, 1, 2 ... examples, and at which examples one head looks."""

import html

import ipywidgets as W
import numpy as np
import torch

from .. import plots
from ..induction import heads_of
from .base import SHOW, QuickPanel, QuickView, across

MOST = 12  # examples in one picture: more could not be read
AT_ONCE, WITH_IT, LATER = "with 0 examples", "when it was an example", "later, or never"


class ShotsView(QuickView):
    """Examples one after the other: the probabilities of the labels, and the attention of one head on each example.

    model: a `GPT` trained on texts of `task` (see `tasks.in_context`). examples: a text such as "kite A drum C";
    question: what is asked, such as "kite". head: (layer, head), counted from 0. shots: how many examples are shown
    at first (default: all).

    Raises ValueError for words that the task does not have, for examples that are not whole, for more than 12 of
    them, for a head that the model does not have, and for shots beyond the examples.

    >>> ShotsView(model, Words(), "kite A drum C key B", "kite", head=(1, 0))      # as the last line of a cell
    """

    def __init__(self, model, task, examples, question, *, head=(0, 0), shots=None):
        self.model, self.task, self.head = model, task, tuple(head)
        layers, heads = model.config.n_layers, model.config.n_heads
        if not (0 <= self.head[0] < layers and 0 <= self.head[1] < heads):
            raise ValueError(f"there is no head {self.head}: the model has {layers} layers with {heads} heads each")
        self.read(examples, question)
        if shots is not None and not 0 <= shots <= self.n:
            raise ValueError(f"shots is {shots}: there are {self.n} examples")
        self.shots = self.n if shots is None else shots

    # ------------------------------------------------------------------ numbers

    def read(self, examples, question):
        """Take other examples and another question; nothing changes where they cannot be read."""
        task, each = self.task, self.task.per_example
        ids, asked = task.encode(examples), task.encode(question)
        rows = [ids[i : i + each] for i in range(0, len(ids), each)]
        if not rows or len(rows) > MOST:
            raise ValueError(f"give 1 to {MOST} examples, not {len(rows)}")
        if any(
            len(row) != each or [i >= task.first_label for i in row] != [False] * (each - 1) + [True] for row in rows
        ):
            raise ValueError(
                f"each example is {each - 1} word{'s' * (each > 2)} and a label, such as {self._form()!r}"
            )
        if len(asked) != each - 1 or max(asked) >= task.first_label:
            raise ValueError(f"the question is {each - 1} word{'s' * (each > 2)}, such as {self._form(False)!r}")
        self.rows, self.asked, self.n = rows, asked, len(rows)
        found = [self.compute(shots) for shots in range(self.n + 1)]
        self.probabilities = np.stack([p for p, _ in found])  # (shots + 1, labels)
        self.weights = np.stack([w for _, w in found])  # (shots + 1, examples)
        self.shots = min(getattr(self, "shots", self.n), self.n)

    def _form(self, label=True):
        task = self.task
        firsts = [task.asked[i * len(task.asked) // (task.per_example - 1)] for i in range(task.per_example - 1)]
        return " ".join([*firsts, task.names[task.first_label]] if label else firsts)

    def compute(self, shots):
        """(labels,) probabilities, and (examples,) the head's weight on each example's label; 0 where not shown."""
        ids = torch.tensor([[*(i for row in self.rows[:shots] for i in row), *self.asked]])
        with torch.inference_mode():
            p = self.model(ids)[0, -1, self.task.first_label :].softmax(-1).numpy()
        each, weights = self.task.per_example, np.zeros(self.n)
        row = heads_of(self.model, ids)[0, self.head[0], self.head[1], -1].numpy()
        weights[:shots] = row[each - 1 : shots * each : each]
        return p, weights

    def known_from(self):
        """The fewest examples behind which one label has more than one half and keeps it; None where none has."""
        best = self.probabilities[-1].argmax()
        sure = self.probabilities[:, best] > 0.5
        return None if not sure[-1] else int(len(sure) - np.argmin(sure[::-1])) if not sure.all() else 0

    def shown_from(self):
        """The fewest examples among which is the thing that is asked for; None where it is in none."""
        return next((i + 1 for i, row in enumerate(self.rows) if row[:-1] == self.asked), None)

    # ------------------------------------------------------- picture and sentence

    @property
    def labels(self):
        return self.task.names[self.task.first_label :]

    def title(self):
        p = self.probabilities[self.shots]
        said = f"{self.task.text(self.asked)}: {self.labels[p.argmax()]} with {p.max():.2f}"
        return f"{_examples(self.shots)} shown, {said}"

    def alt(self):
        p, weights = self.probabilities[self.shots], self.weights[self.shots]
        said = ", ".join(f"{name} {value:.2f}" for name, value in zip(self.labels, p))
        text = f"{_examples(self.shots)} shown; asked for {self.task.text(self.asked)}, the model says {said}."
        if self.shots:
            best = int(weights.argmax())
            text += f" The head looks most at the label of example {best + 1}, {self.task.text(self.rows[best])}"
            text += f" ({weights[best]:.2f}), and with {weights.sum():.2f} at labels altogether."
        return text

    def _tall(self):
        """The picture's height in inches."""
        return 1.5 + 0.28 * max(self.n, len(self.labels))

    def _picture(self, title=None):
        """The figure, and what moves in it."""
        fig, (left, right) = plots.figure(
            1, 2, title=title, height=self._tall(), gridspec_kw={"width_ratios": [1.35, 1]}
        )
        for ax, n, label in ((left, self.n, "attention of the head"), (right, len(self.labels), "probability")):
            ax.set(xlim=(0, 1.18), ylim=(n - 0.45, -0.55), xticks=[0, 0.5, 1], xlabel=label)
            plots.bare(ax)
        left.set_yticks(range(self.n), [self.task.text(row) for row in self.rows])
        right.set_yticks(range(len(self.labels)), self.labels)
        look = {"loc": "left", "size": 9, "weight": "normal", "color": plots.COLOUR["muted"]}
        left.set_title("examples; hatched: not shown yet", **look)
        right.set_title(f"answer for: {self.task.text(self.asked)}", **look)
        return fig, Artists(left, right, self)

    # ------------------------------------------------------------------- widget

    def build(self):
        return ShotsPanel(self)


def _examples(n):
    return f"{n} example{'' if n == 1 else 's'}"


class Artists:
    """What moves: the bars of both sides, their numbers, and the veils over examples that are not shown yet."""

    def __init__(self, left, right, view):
        colour = plots.COLOUR
        self.looks = left.barh(range(view.n), np.zeros(view.n), height=0.66, color=colour["attention"])
        n = len(view.labels)
        self.says = right.barh(range(n), np.zeros(n), height=0.66, color=colour["model"])
        self.numbers = [
            [ax.text(0, y, "", va="center", size=9, color=colour["muted"]) for y in range(m)]
            for ax, m in ((left, view.n), (right, n))
        ]
        self.veils = left.barh(range(view.n), np.zeros(view.n), height=0.9, color=colour["pale"], hatch="////")
        for veil in self.veils:
            veil.set_edgecolor(colour["paper"])

    def moving(self):
        return [*self.veils, *self.looks, *self.says, *(number for side in self.numbers for number in side)]

    def update(self, view):
        weights, p = view.weights[view.shots], view.probabilities[view.shots]
        for bars, numbers, values in ((self.looks, self.numbers[0], weights), (self.says, self.numbers[1], p)):
            for i, (bar, number, value) in enumerate(zip(bars, numbers, values)):
                shown = bars is self.says or i < view.shots
                bar.set_width(value if shown else 0)
                number.set_x(value + 0.02)
                number.set_text(f"{value:.2f}" if shown else "")
        for i, veil in enumerate(self.veils):
            veil.set_width(0 if i < view.shots else 1.18)


class ShotsPanel(QuickPanel):
    """The live view: a guess first; then the slider, and the learner's own examples."""

    def __init__(self, view):
        super().__init__(view, [AT_ONCE, WITH_IT, LATER, SHOW])
        look = across()
        self.slider = W.IntSlider(value=view.shots, min=0, max=view.n, description="Shots", **look)
        examples = " ".join(view.task.text(row) for row in view.rows)
        self.examples = W.Text(value=examples, description="Examples", continuous_update=False, **look)
        self.asks = W.Text(
            value=view.task.text(view.asked), description="Question", continuous_update=False, style=look["style"]
        )
        self._ask()
        self._cover(*plots.figure(height=view._tall()))
        self.slider.observe(self._safely(self._new_shots), "value")
        for box in (self.examples, self.asks):
            box.observe(self._safely(self._new_text), "value")
        self.children = [
            self.examples, self.asks, self.question, self.answer, self.slider, self.sentence, self.image, self.guard,
        ]  # fmt: skip

    def _ask(self):
        """The question for this text; an answer that was given was one for another."""
        asked = html.escape(self.view.task.text(self.view.asked))
        self.question.value = (
            "<b>Predict first.</b> The examples are shown one after the other. From when on does the model give one "
            f"label for <i>{asked}</i> more than one half?"
        )
        self.answer.value = None

    def _verdict(self):
        """What became of the guess."""
        view = self.view
        if self.answer.value in (None, SHOW):
            return ""
        known, shown = view.known_from(), view.shown_from()
        right = AT_ONCE if known == 0 else WITH_IT if known is not None and known == shown else LATER
        when = "never" if known is None else f"with {_examples(known)}"
        return f"{'✓ Yes' if self.answer.value == right else '✗ No'}, {when}. "

    def _new_shots(self, change):
        self.view.shots = change["new"]
        self._show()

    def _new_text(self, change):
        self.view.read(self.examples.value, self.asks.value)
        self._ask()
        self.slider.max = self.view.n
        self.slider.value = self.view.shots = self.view.n
        if self._fast is None:  # not answered yet
            self._cover(*plots.figure(height=self.view._tall()))
            return
        self._fast = None
        self._open()
        self._show()
