"""The RNN stepper: a text read word by word; the hidden state, the prediction, and what an empty state would say."""

import html
import math
from dataclasses import dataclass

import ipywidgets as W
import numpy as np
import torch
from matplotlib.patches import Rectangle

from .. import plots
from ..plots.bars import share
from .base import SHOW, QuickPanel, QuickView, across

MOST = 40  # steps that fit side by side
START = "start"  # how the end mark is written, which stands before every document


def runner(model):
    """The function of a recurrent language model that the stepper asks: ids -> (states, probabilities).

    ids: a list; states (steps, hidden): the last layer's hidden states, from an empty state on; probabilities
    (steps, vocabulary) of the next token. Raises ValueError for a model without a recurrent layer.
    """
    if not hasattr(model, "layer") or not hasattr(model, "embedding"):
        raise ValueError("This model has no recurrent layer: give a RecurrentLM, or a function as `runner` makes it.")

    @torch.inference_mode()
    def run(ids):
        training = model.training
        model.eval()  # no dropout
        ids = torch.tensor([ids], device=next(model.parameters()).device)
        states, _ = model.layer(model.embedding(ids))
        probabilities = model(ids).double().softmax(-1)
        model.train(training)
        return states[0].cpu().numpy(), probabilities[0].cpu().numpy()

    return run


@dataclass
class Reading:
    """A text, read step by step. Step t reads `words[t]`, and `words[t + 1]` is what came next (None at the end).

    states (steps, hidden); with_state and without (steps, vocabulary): p of the next token, from all that was read,
    and from this word alone with an empty state before it.
    """

    words: list[str]
    ids: list[int]
    states: np.ndarray
    with_state: np.ndarray
    without: np.ndarray

    def __len__(self):
        return len(self.words)

    def next_id(self, step):
        """The id that came after this step, or None at the end of the text."""
        return self.ids[step + 1] if step + 1 < len(self.ids) else None


class RNNStepper(QuickView):
    """Read a text word by word, and see what the state carries from step to step.

    model: a `RecurrentLM`, or a function ids -> (states (steps, hidden), probabilities (steps, vocabulary)).
    tokenizer: its tokenizer; step: the first step shown (default: the last); units: how many units are drawn.

    >>> RNNStepper(model, tokenizer, "She never went out without her")      # as the last line of a cell
    """

    def __init__(self, model, tokenizer, text, *, step=None, units=24, top=5):
        self.run = runner(model) if isinstance(model, torch.nn.Module) else model
        self.tokenizer, self.units, self.top = tokenizer, units, top
        self._alone = {}  # id -> probabilities after this token alone
        self.read(text, step)

    # ------------------------------------------------------------------ numbers

    def compute(self, text):
        """Read a text; returns a `Reading`. Raises ValueError where it has more than 40 steps."""
        words = [START, *self.tokenizer.tokens(text)]
        ids = [self.tokenizer.end_id, *self.tokenizer.encode(text)]
        if len(ids) > MOST:
            raise ValueError(f"The text has {len(ids) - 1} tokens, and {MOST - 1} fit side by side: shorten it.")
        states, with_state = self.run(ids)
        for id in ids:
            if id not in self._alone:
                self._alone[id] = self.run([id])[1][0]
        return Reading(words, ids, states, with_state, np.array([self._alone[id] for id in ids]))

    def read(self, text, step=None):
        """Take another text, at this step (default: the last)."""
        self.reading = self.compute(text)
        self.text = text
        self.step = len(self.reading) - 1 if step is None else step
        if not 0 <= self.step < len(self.reading):
            raise ValueError(f"There is no step {self.step}: this text has the steps 0 to {len(self.reading) - 1}.")

    def guesses(self, step):
        """The likeliest next tokens at a step: [(token, p with the state, p with an empty state)]."""
        p, alone = self.reading.with_state[step], self.reading.without[step]
        order = np.argsort(-p, kind="stable")[: self.top]
        return [(self._name(i), float(p[i]), float(alone[i])) for i in order]

    def same_guess(self, step):
        """Is the likeliest next token the same with an empty state?"""
        return int(self.reading.with_state[step].argmax()) == int(self.reading.without[step].argmax())

    def _name(self, id):
        return (
            "the end" if id == self.tokenizer.end_id else plots.visible(self.tokenizer.decode([int(id)]).strip(" "))
        )

    def surprise(self, step):
        """Bits of what came next, with the state and with an empty one; None at the end of the text."""
        came = self.reading.next_id(step)
        if came is None:
            return None
        return tuple(-math.log2(p[step, came]) for p in (self.reading.with_state, self.reading.without))

    # ------------------------------------------------------- picture and sentence

    def alt(self):
        word, (token, p, _) = self.reading.words[self.step], self.guesses(self.step)[0]
        alone = int(self.reading.without[self.step].argmax())
        told = f"Step {self.step}, read {_quoted(word)}: likeliest next is '{token}', {p:.2f}"
        told += f"; with an empty state '{self._name(alone)}', {self.reading.without[self.step, alone]:.2f}."
        if (bits := self.surprise(self.step)) is not None:
            came = _quoted(self.reading.words[self.step + 1])
            told += f" Next came {came}: {bits[0]:.1f} bits, with an empty state {bits[1]:.1f}."
        return told

    def title(self):
        same = "the same" if self.same_guess(self.step) else "another one"
        return f"With an empty state, the best guess after {_quoted(self.reading.words[self.step])} would be {same}"

    def _picture(self, title=None):
        """The figure with everything that does not change, and what moves in it."""
        fig, (top, low) = plots.figure(2, 1, title=title, height=5.0, gridspec_kw={"height_ratios": [1.2, 1]})
        n, units = len(self.reading), min(self.units, self.reading.states.shape[1])
        states = self.reading.states[:, :units].T  # (units, steps)
        look = {"cmap": plots.diverging(), "vmin": -1, "vmax": 1, "aspect": "auto", "interpolation": "nearest"}
        image = top.imshow(states, **look)
        # What is not read yet lies under a sheet of paper: to move that is quicker than to draw the states anew.
        cover = Rectangle((0, -0.5), n, units, facecolor=plots.COLOUR["paper"], linewidth=0)
        top.add_patch(cover)
        frame = Rectangle((0, -0.5), 1, units, fill=False, edgecolor=plots.COLOUR["ink"], linewidth=3, clip_on=False)
        top.add_patch(frame)
        top.set_xticks(range(n), [plots.visible(w.strip(" ")) for w in self.reading.words])
        top.tick_params(axis="x", rotation=60 if n > 8 else 0, labelsize=9 if n <= 25 else 8)
        top.set_yticks([0, units - 1], ["1", str(units)])
        top.set(ylabel="unit of the state", xlim=(-0.5, max(n, 4) - 0.5))
        top.grid(visible=False)
        bars = fig.colorbar(image, ax=top, ticks=[-1, 0, 1], pad=0.01, fraction=0.03)
        bars.outline.set_visible(False)
        rows = [_row(low, y) for y in range(self.top)]
        low.set(xlim=(0, 1.15), ylim=(self.top - 0.4, -0.6), xlabel="probability of coming next")
        low.set_xticks(np.linspace(0, 1, 6))
        low.set_yticks(range(self.top), ["counterclockwise"] * self.top, alpha=0)  # keeps room for the names
        plots.bare(low)
        key = dict(xycoords="axes fraction", ha="right", va="bottom", size=9, weight="bold", annotation_clip=False)
        low.annotate("plain: with the state", (1, 0.16), color=plots.COLOUR["model"], **key)
        low.annotate(
            "hatched: with an empty state", (1, 0.04), color=plots.legible(plots.COLOUR["alternative"]), **key
        )
        return fig, Artists(cover, frame, rows)

    # ------------------------------------------------------------------- widget

    def build(self):
        return StepperPanel(self)


def _quoted(word):
    return "the start" if word == START else plots.spoken(word.strip(" ") or word)


def _row(ax, y):
    """A name and two bars, each with its number."""
    amber = dict(color=plots.COLOUR["alternative"], hatch="///", edgecolor=plots.COLOUR["paper"])
    bars = [ax.barh(y - 0.19, 0, 0.36, color=plots.COLOUR["model"])[0], ax.barh(y + 0.19, 0, 0.36, **amber)[0]]
    numbers = [ax.text(0, y + shift, "", va="center", size=8, color=plots.COLOUR["muted"]) for shift in (-0.19, 0.21)]
    name = ax.text(-0.015, y, "", ha="right", va="center", size=11, color=plots.COLOUR["ink"], parse_math=False)
    return bars, numbers, name


@dataclass
class Artists:
    """What moves: the paper over the steps not read yet, the frame of this one, and for each guess two bars, their
    numbers and its name."""

    cover: Rectangle
    frame: Rectangle
    rows: list

    def moving(self):
        found = [self.cover, self.frame]
        for bars, numbers, name in self.rows:
            found += [*bars, *numbers, name]
        return found

    def update(self, view):
        self.cover.set_x(view.step + 0.5)
        self.frame.set_x(view.step - 0.5)
        came = view.reading.next_id(view.step)
        came = None if came is None else view._name(came)
        for (bars, numbers, name), (token, *values) in zip(self.rows, view.guesses(view.step)):
            for bar, number, value in zip(bars, numbers, values):
                bar.set_width(value)
                number.set_text(share(value))
                number.set_x(value + 0.01)
            name.set_text(f"▶ {token}" if token == came else token)
            name.set(color=plots.COLOUR["focus" if token == came else "ink"])


class StepperPanel(QuickPanel):
    """The live stepper: one question for each text, then a step at a time."""

    def __init__(self, view):
        super().__init__(view, [("the same", True), ("another one", False), (SHOW, SHOW)])
        look = across()
        self.text = W.Text(value=view.text, description="Text", continuous_update=False, **look)
        self.slider = W.IntSlider(min=0, max=1, description="Step", **look)
        self.back = W.Button(description="◀ Back", tooltip="One step back")
        self.next = W.Button(description="Next ▶", tooltip="One step further")
        self._ask()
        self.text.observe(self._safely(self._new_text), "value")
        self.slider.observe(self._safely(self._new_step), "value")
        self.back.on_click(self._safely(lambda _: self._go(-1)))
        self.next.on_click(self._safely(lambda _: self._go(1)))
        steps = W.HBox([self.back, self.next])
        self.children = [
            self.text, self.question, self.answer, self.slider, steps, self.sentence, self.image, self.guard,
        ]  # fmt: skip

    def _ask(self):
        """A new text: a new question, and everything that would betray the answer covered."""
        reading = self.view.reading
        self.question.value = (
            f"<b>Predict first.</b> All but the last word, {html.escape(_quoted(reading.words[-1]))}, is forgotten: "
            "the state before it is emptied. Is the best guess for the next word the same?"
        )
        self.answer.value = None
        with self._quietly():
            self.slider.max = max(1, len(reading) - 1)
            self.slider.value = self.view.step
        self._cover(*plots.figure(height=5.0))

    def _new_text(self, change):
        self.view.read(change["new"])  # a text that does not fit is refused here, nothing is changed
        self._ask()

    def _verdict(self):
        """What became of the guess; it was made for the last step, so elsewhere it is left out."""
        last = len(self.view.reading) - 1
        if self.answer.value in (None, SHOW) or self.view.step != last:
            return ""
        same = self.view.same_guess(last)
        return ("✓ Yes. " if self.answer.value == same else "✗ No. ") if same is not None else ""

    def _new_step(self, change):
        self.view.step = min(change["new"], len(self.view.reading) - 1)
        self._show()

    def _go(self, steps):
        self.slider.value = min(max(self.slider.value + steps, 0), len(self.view.reading) - 1)
