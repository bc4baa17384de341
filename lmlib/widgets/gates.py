"""The gate board: what one unit of an LSTM keeps, writes and shows at each token, and what if it could not forget."""

import html
from dataclasses import dataclass

import ipywidgets as W
import numpy as np
import torch

from .. import plots
from ..models.lstm import LSTM
from .base import SHOW, QuickPanel, QuickView, across

GATES = ("forget", "input", "output")
LONGEST = 60  # tokens in one picture: more could not be read


@dataclass
class Run:
    """Every number of an LSTM on its way over a text: each array is (time, hidden_size)."""

    forget: np.ndarray
    input: np.ndarray
    output: np.ndarray
    candidate: np.ndarray
    cell: np.ndarray
    hidden: np.ndarray


@torch.inference_mode()
def run_gates(cell, x, unit=None, held=None):
    """Run an `LSTMCell` over the vectors x (time, input_size) from a state of zeros, and note all it did: a Run.

    held: a number from 0 to 1 at which the forget gate of `unit` is held, whatever the cell computes for it.
    """
    n = cell.hidden_size
    h = c = x.new_zeros(1, n)
    given, parts = cell.from_input(x), []
    for t in range(len(x)):
        i, f, g, o = (given[t : t + 1] + cell.from_state(h)).chunk(4, dim=-1)  # each (1, hidden_size)
        i, f, o, g = i.sigmoid(), f.sigmoid(), o.sigmoid(), g.tanh()  # (5.1), (5.2)
        if held is not None:
            f[:, unit] = held
        c = f * c + i * g  # (5.3)
        h = o * c.tanh()  # (5.4)
        parts.append(torch.stack((f, i, o, g, c, h)).squeeze(1))
    return Run(*torch.stack(parts, dim=1).cpu().numpy())


def cell_of(layer):
    """The `LSTMCell` of a one-layer, one-way LSTM of torch or of this course.

    Raises ValueError for any other layer.
    """
    if isinstance(layer, torch.nn.LSTM):
        if layer.num_layers > 1 or layer.bidirectional:
            raise ValueError("the gate board shows one layer that reads forwards: take an LSTM with one layer")
        copy = LSTM(layer.input_size, layer.hidden_size).to(layer.weight_ih_l0)
        return copy.take_weights(layer).cells[0]
    if isinstance(layer, LSTM) and len(layer.cells) == 1:
        return layer.cells[0]
    raise ValueError(f"the gate board shows an LSTM with one layer, not {type(layer).__name__}")


class GateBoard(QuickView):
    """Look at one unit of an LSTM while it reads a text: its three gates and its cell.

    model: a language model with `embedding` and an LSTM of one layer as `layer` (`RecurrentLM` with cell "lstm").
    tokenizer: the one that the model was trained with. text: what is read first; later the learner's own.
    unit: the unit shown. step: the token whose numbers stand in the sentence, counted from 0.
    units: names of units worth a look, {number: "what it seems to follow"}.
    held: hold the unit's forget gate at this number (0 to 1); None lets it move.

    Raises ValueError for an empty text, a unit that is not there, a gate held outside of 0 to 1, and a model
    with no LSTM.

    >>> GateBoard(model, tokenizer, "“Good day,” said Anna.", unit=7)      # as the last line of a cell
    """

    def __init__(self, model, tokenizer, text, *, unit=0, step=None, units=None, held=None):
        self.model, self.tokenizer, self.units = model, tokenizer, dict(units or {})
        self.cell = cell_of(model.layer)
        for number in (unit, *self.units):
            self.check_unit(number)
        if held is not None and not 0 <= held <= 1:
            raise ValueError(f"a gate is a number from 0 to 1, so it cannot be held at {held}")
        self.unit, self.held = unit, held
        self.read(text)
        self.step = len(self.tokens) - 1 if step is None else min(step, len(self.tokens) - 1)

    # ------------------------------------------------------------------ numbers

    def check_unit(self, unit):
        if not 0 <= unit < self.cell.hidden_size:
            raise ValueError(f"there is no unit {unit}: this LSTM has the units 0 to {self.cell.hidden_size - 1}")

    @torch.inference_mode()
    def read(self, text):
        """Take a text; nothing changes where it cannot be read."""
        tokens = self.tokenizer.tokens(text)[:LONGEST] if text.strip() else []
        if not tokens:
            raise ValueError("there is nothing to read: type a sentence")
        ids = [self.tokenizer.end_id, *self.tokenizer.encode(text)[:LONGEST]]
        weight = self.model.embedding.weight
        self.vectors = self.model.embedding(torch.tensor(ids, device=weight.device))  # (1 + time, d_model)
        self.tokens, self.text, self._runs = tokens, text, {}
        self.step = min(getattr(self, "step", LONGEST), len(tokens) - 1)

    def compute(self, held=None):
        """The Run over the text's tokens; `held` as in `run_gates`. What was computed once is not computed again."""
        which = None if held is None else (self.unit, held)  # left free, all units belong to one run
        if which not in self._runs:
            run = run_gates(self.cell, self.vectors, self.unit, held)
            # the end mark, which starts every document, is read but not shown
            self._runs[which] = Run(*(part[1:] for part in vars(run).values()))
        return self._runs[which]

    # ------------------------------------------------------- picture and sentence

    def biggest_step(self):
        """The place where the unit's cell changes most."""
        cell = self.compute().cell[:, self.unit]
        return int(np.abs(np.diff(cell, prepend=0.0)).argmax())

    def alt(self):
        free = self.compute()
        t, u = self.step, self.unit
        said = f"Unit {u}{self._named()} after {plots.spoken(self.tokens[t])}: "
        run = free if self.held is None else self.compute(self.held)
        gates = ", ".join(f"{name} gate {getattr(run, name)[t, u]:.2f}" for name in GATES)
        said += (
            f"{gates}, candidate {run.candidate[t, u]:.2f}, cell {run.cell[t, u]:.2f}, hidden {run.hidden[t, u]:.2f}"
        )
        if self.held is not None:
            said += f"; with its forget gate left free the cell would be {free.cell[t, u]:.2f}"
        return said + "."

    def _named(self):
        return f" ({self.units[self.unit]})" if self.unit in self.units else ""

    def title(self):
        place = self.biggest_step()
        return f"The cell of unit {self.unit}{self._named()} moves most at {plots.spoken(self.tokens[place])}"

    def _picture(self, title=None):
        """The figure, and what moves in it."""
        n = len(self.tokens)
        ratios = {"height_ratios": [2.1, 1]}
        fig, (top, low) = plots.figure(2, 1, title=title, height=4.4, sharex=True, gridspec_kw=ratios)
        top.set_ylabel("cell")
        top.tick_params(labelbottom=False)
        top.yaxis.set_major_formatter("{x:+.1f}")  # labels of one width: the layout stays right for every unit
        low.set_yticks(range(3), [f"{name} gate" for name in GATES])
        names = [plots.visible(token).strip("␣") or "␣" for token in self.tokens]
        low.set_xticks(range(n), names, rotation=90, size=9 if n <= 40 else 7.5)
        low.set_xlabel("light: the gate is closed (0); dark: it is open (1)")
        low.grid(visible=False)
        low.set_xlim(-0.5, n - 0.5)
        artists = Artists(top, low, n)
        artists.update(self)
        return fig, artists

    # ------------------------------------------------------------------- widget

    def build(self):
        return GatePanel(self)


class Artists:
    """What moves in the picture: the cell's line and its axis, the gates' heat map, and the mark of the step."""

    def __init__(self, top, low, n):
        colour, self.top = plots.COLOUR, top
        look = {"color": colour["focus"], "alpha": 0.22, "linewidth": 0}
        self.marks = [ax.axvspan(-0.5, 0.5, **look) for ax in (top, low)]
        self.zero = top.axhline(0, color=colour["pale"], linewidth=1, linestyle="-")
        (self.free,) = top.plot([], [], color=colour["muted"], linestyle=":", linewidth=1.8)
        (self.line,) = top.plot([], [], color=colour["hidden"], marker="o", markersize=3.5, linestyle="-")
        self.note = top.text(0.01, 0.97, "", transform=top.transAxes, va="top", color=colour["muted"], size=9)
        look = {"aspect": "auto", "cmap": plots.sequential(), "vmin": 0, "vmax": 1, "interpolation": "nearest"}
        self.heat = low.imshow(np.zeros((3, n)), **look)
        self.heat.set_zorder(0)

    def moving(self):
        return [self.top.yaxis, self.heat, *self.marks, self.zero, self.free, self.line, self.note]

    def update(self, view):
        free = view.compute()
        run = free if view.held is None else view.compute(view.held)
        cell, x = run.cell[:, view.unit], np.arange(len(view.tokens))
        self.line.set_data(x, cell)
        self.free.set_data(x, free.cell[:, view.unit])
        self.free.set_visible(view.held is not None)
        held = f"line: forget gate held at {view.held:g}; dots: left free" if view.held is not None else ""
        self.note.set_text(held)
        self.heat.set_data([getattr(run, name)[:, view.unit] for name in GATES])
        for mark in self.marks:
            mark.set_x(view.step - 0.5)
        highest = 1.25 * max(0.4, np.abs(cell).max(), np.abs(free.cell[:, view.unit]).max())
        self.top.set_ylim(-highest, highest)


class GatePanel(QuickPanel):
    """The live gate board. Every control changes one thing; picture and sentence move together."""

    HELD = {"left free": None, "held at 0": 0.0, "held at 0.5": 0.5, "held at 0.9": 0.9, "held at 1": 1.0}

    def __init__(self, view):
        super().__init__(view)
        look = across()
        self.text = W.Text(value=view.text, description="Text", continuous_update=False, **look)
        last = view.cell.hidden_size - 1
        self.unit = W.IntSlider(value=view.unit, min=0, max=last, description="Unit", **look)
        self.known = [W.Button(description=f"{unit}: {name}", layout=W.Layout(width="auto"))
                      for unit, name in view.units.items()]  # fmt: skip
        self.step = W.IntSlider(value=view.step, min=0, max=len(view.tokens) - 1, description="Token", **look)
        choices = list(self.HELD.items())
        if view.held not in self.HELD.values():
            choices.append((f"held at {view.held:g}", view.held))
        self.held = W.ToggleButtons(
            options=choices, value=view.held, description="Forget gate",
            style={"button_width": "auto", **look["style"]},
        )  # fmt: skip
        self._ask()
        self.text.observe(self._safely(self._new_text), "value")
        self.unit.observe(self._safely(self._new_unit), "value")
        self.step.observe(self._safely(self._new_step), "value")
        self.held.observe(self._safely(self._new_held), "value")
        for button, unit in zip(self.known, view.units):
            button.on_click(self._safely(lambda _, unit=unit: setattr(self.unit, "value", unit)))
        wrap = W.Layout(flex_flow="row wrap", max_width="800px")
        self.children = [
            self.text, self.question, self.answer, self.unit, W.HBox(self.known, layout=wrap),
            self.held, self.step, self.sentence, self.image, self.guard,
        ]  # fmt: skip

    # -- the question

    def _ask(self):
        """A new text: a new question, and the picture covered."""
        view, best = self.view, self.view.biggest_step()
        # the right one and three others, spread over the text
        n = len(view.tokens)
        places = sorted({best, *((best + n * k // 4) % n for k in (1, 2, 3))})
        self.question.value = (
            f"<b>Predict first.</b> At which of these tokens does the cell of unit {view.unit}"
            f"{html.escape(view._named())} move most?"
        )
        self._offer([*((f" {place}: {plots.visible(view.tokens[place])} ", place) for place in places), (SHOW, SHOW)])
        self._cover(*plots.figure(height=4.4))

    def _answered(self, answer):
        best = self.view.biggest_step()
        said = plots.spoken(self.view.tokens[best])
        verdict = f"✓ Yes, {said}. " if answer == best else f"✗ It is {said}, token {best}. "
        self._open()
        self._show("" if answer == SHOW else verdict)

    # -- what changes

    def _new_text(self, change):
        self.view.read(change["new"])
        self.step.max = len(self.view.tokens) - 1
        self._ask()

    def _new_unit(self, change):
        self.view.unit = change["new"]
        self._show() if self._fast is not None else self._ask()

    def _new_step(self, change):
        self.view.step = change["new"]
        self._show()

    def _new_held(self, change):
        self.view.held = change["new"]
        self._show()
