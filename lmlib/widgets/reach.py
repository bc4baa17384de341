"""Memory reach: which words of a text still move a model's prediction, and how far back the influence goes."""

import html
from dataclasses import dataclass

import ipywidgets as W
import numpy as np
import torch
from matplotlib.collections import PolyCollection
from matplotlib.patches import Rectangle
from torch import nn

from .. import plots
from .base import SHOW, QuickPanel, QuickView, across

MOST = 120  # tokens of a text that can be looked at
LEAST = 1e-6  # below a millionth of the largest influence a line ends
NOTICEABLE = 0.01  # share of the largest influence from which on a word counts as remembered
ANSWERS = [("up to 4", (0, 4)), ("5 to 16", (5, 16)), ("17 to 64", (17, 64)), ("further", (65, MOST))]
START = "start"


def influence(model, ids):
    """How much each token read moves what a neural model says next: (time,), not negative.

    The length of the gradient of log p(likeliest next token) with respect to each token's vector, as the model's
    first embedding gives it: a change of length 1 in that vector changes log p by about so many nats at most.
    Raises ValueError for a model without an embedding.
    """
    embedding = next((module for module in model.modules() if isinstance(module, nn.Embedding)), None)
    if embedding is None:
        raise ValueError("This model has no nn.Embedding whose vectors could be moved: give a function instead.")
    vectors, training = [], model.training

    def keep(module, inputs, output):
        vectors.append(output.detach().requires_grad_())
        return vectors[-1]

    hook = embedding.register_forward_hook(keep)
    model.eval()  # no dropout
    try:
        with torch.enable_grad():
            logits = model(torch.tensor([ids], device=embedding.weight.device))[0, -1]
            (slope,) = torch.autograd.grad(logits.double().log_softmax(-1).max(), vectors[0])
    finally:
        hook.remove()
        model.train(training)
    return slope[0].double().norm(dim=-1).cpu().numpy()


@dataclass
class Influence:
    """What moves one prediction. `sizes[i]` belongs to `words[i]`; the last word is the one just read."""

    words: list[str]
    sizes: np.ndarray

    @property
    def by_distance(self):
        """Shares of the largest influence, from the word just read (distance 0) backwards."""
        largest = self.sizes.max()
        return (self.sizes / largest if largest > 0 else self.sizes)[::-1]

    @property
    def reach(self):
        """How many words back the furthest one stands that has 1 % of the largest influence or more."""
        return int(np.flatnonzero(self.by_distance >= NOTICEABLE).max(initial=0))


class MemoryReach(QuickView):
    """Which words does a model still feel? A bar under each word, and the influence against the distance.

    models: mapping from name to model: a neural language model (ids (batch, time) -> logits) with an embedding, or
        a function from a list of ids to one number for each. name: the one shown first (default: the last).
    tokenizer: the one that all of them read; place: after which token they predict (default: the last).

    Raises ValueError where there is no model, none of that name, no such place, or the text has more than 119 tokens.

    >>> MemoryReach({"window of 8": feed_forward, "RNN": rnn}, tokenizer, text)      # as the last line of a cell
    """

    def __init__(self, models, tokenizer, text, *, name=None, place=None):
        if not models:
            raise ValueError("There is no model: give a mapping from names to models.")
        self.models, self.tokenizer = dict(models), tokenizer
        self.name = list(self.models)[-1] if name is None else name
        if self.name not in self.models:
            raise ValueError(f"There is no model {self.name!r}: take one of {', '.join(self.models)}.")
        self.read(text, place)

    # ------------------------------------------------------------------ numbers

    def read(self, text, place=None):
        """Take another text, and predict after the token at `place` (0 is the start; default: the last)."""
        ids = [self.tokenizer.end_id, *self.tokenizer.encode(text)]
        if len(ids) > MOST:
            raise ValueError(f"The text has {len(ids) - 1} tokens, and {MOST - 1} can be shown: shorten it.")
        place = len(ids) - 1 if place is None else place
        if not 0 <= place < len(ids):
            raise ValueError(f"There is no place {place}: this text has the places 0 to {len(ids) - 1}.")
        self.text, self.ids, self.place = text, ids, place
        self.words = [START, *self.tokenizer.tokens(text)]
        self._known = {}  # (name, place) -> Influence: moving to and fro asks the model once

    def compute(self, name, place):
        """The influence of all words up to `place` on this model's next prediction; returns an `Influence`."""
        if (name, place) not in self._known:
            model, ids = self.models[name], self.ids[: place + 1]
            sizes = influence(model, ids) if isinstance(model, nn.Module) else np.asarray(model(ids), float)
            if sizes.shape != (len(ids),):
                raise ValueError(
                    f"{name!r} must give one number for each of the {len(ids)} tokens, not {sizes.shape}."
                )
            self._known[name, place] = Influence(self.words[: place + 1], sizes)
        return self._known[name, place]

    # ------------------------------------------------------- picture and sentence

    def alt(self):
        reaches = ", ".join(f"{name} {self.compute(name, self.place).reach}" for name in self.models)
        said = f"Predicting after {_quoted(self.words[self.place])}, {_count(self.place)} after the start. "
        return said + f"Words back to the furthest one with 1 % of the largest influence: {reaches}."

    def title(self):
        found = self.compute(self.name, self.place)
        return f"{self.name}: beyond {_count(found.reach)} back, no word has 1 % of the largest influence"

    def _tall(self):
        """The height of the text's lines, in inches."""
        return LINE / 72 * _flow(self.words)[1] + 0.1

    def _picture(self, title=None):
        """The figure with everything that does not change, and what moves in it."""
        places, lines = _flow(self.words)
        tall = self._tall()
        fig, (top, low) = plots.figure(
            2, 1, title=title, height=tall + BELOW, gridspec_kw={"height_ratios": [tall, 2.9]}
        )
        top.set(xlim=(0, WIDTH), ylim=(lines * LINE, -2))
        top.axis("off")
        for word, (x, line, wide) in zip(self.words, places):
            at = dict(x=x + wide / 2, y=line * LINE + 9, ha="center", va="center")
            top.text(s=_face(word), size=SIZE, parse_math=False, color=plots.COLOUR["ink"], **at)
        # What changes is few artists: bars under the words, a veil over words not read yet, a frame.
        bars = top.add_collection(PolyCollection([], facecolor=plots.COLOUR["gradient"], linewidth=0))
        veil = top.add_collection(PolyCollection([], facecolor=(plots.COLOUR["paper"], 0.75), linewidth=0))
        frame = top.add_patch(Rectangle((0, 0), 1, 17, fill=False, edgecolor=plots.COLOUR["focus"], linewidth=1.5))
        curves = {}
        for i, name in enumerate(self.models):
            role, dashes = LOOKS[i % len(LOOKS)]
            (line,) = low.plot([], [], color=plots.COLOUR[role], linestyle=dashes)
            label = plots.beside(low, name, 0, 1, color=plots.COLOUR[role], size=9)
            curves[name] = line, label
        low.axhline(NOTICEABLE, color=plots.COLOUR["muted"], linewidth=1, linestyle=(0, (2, 3)))
        low.annotate(
            "1 %",
            (1, NOTICEABLE),
            xycoords=("axes fraction", "data"),
            ha="right",
            va="bottom",
            size=8,
            color=plots.COLOUR["muted"],
        )
        longest = max(10, len(self.words) - 1)
        low.set(xlim=(-0.02 * longest, 1.2 * longest), ylim=(LEAST * 0.5, 2))
        low.set_yscale("log")
        low.set_yticks([1, 1e-2, 1e-4, 1e-6], ["1", "0.01", "0.0001", "≤ 0.000001"])
        low.minorticks_off()
        low.set(xlabel="words back from the one just read", ylabel="influence\n(1 = the largest)")
        return fig, Artists(places, bars, veil, frame, curves)

    # ------------------------------------------------------------------- widget

    def build(self):
        return ReachPanel(self)


@dataclass
class Artists:
    """What moves: bars under words, a veil over those not read yet, a frame; for each model a line and its label."""

    places: list
    bars: PolyCollection
    veil: PolyCollection
    frame: Rectangle
    curves: dict

    def moving(self):
        return [self.bars, self.veil, self.frame, *(artist for pair in self.curves.values() for artist in pair)]

    def update(self, view):
        shares = view.compute(view.name, view.place).by_distance[::-1]
        self.bars.set_verts([_bar(place, float(part)) for place, part in zip(self.places, shares)])
        self.veil.set_verts([_box(x, line * LINE, wide, 18) for x, line, wide in self.places[view.place + 1 :]])
        x, line, wide = self.places[view.place]
        self.frame.set_bounds(x, line * LINE, wide, 17)
        ends = []
        for name, (line, label) in self.curves.items():
            values = view.compute(name, view.place).by_distance
            gone = np.flatnonzero(values >= LEAST).max(initial=0) + 2  # the line ends where nothing is left
            values = values[:gone].clip(min=LEAST)
            line.set_data(np.arange(len(values)), values)
            line.set_linewidth(2.6 if name == view.name else 1.2)
            label.set_weight("bold" if name == view.name else "normal")
            ends.append((values[-1], label, len(values) - 1))
        lowest = 0.0
        for value, label, x in sorted(ends, key=lambda end: end[0]):  # labels at least one line of writing apart
            lowest = max(value, lowest * 4)
            label.xy = (x, lowest)


LOOKS = (("alternative", "--"), ("model", "-"), ("hidden", "-."), ("attention", ":"))
SIZE, LINE, WIDTH = 10.5, 30, 415  # points: letters, a line, the text's width
BELOW = 3.4  # inches for the curves under the text
DEEP = 9  # points: the bar under the word with the largest influence


def _face(word):
    return plots.visible(word.strip(" ") or word)


def _flow(words):
    """Where the words stand: ([(x, line, width)], number of lines), in points."""
    places, x, line = [], 0.0, 0
    for word in words:
        wide = plots.text_width(_face(word), SIZE) + 6
        if x and x + wide > WIDTH:
            x, line = 0.0, line + 1
        places.append((x, line, wide))
        x += wide + 1
    return places, line + 1


def _bar(place, part):
    """The corners of the bar under a word; as deep as its share of the largest influence."""
    x, line, wide = place
    return _box(x + 1, line * LINE + 19, wide - 2, DEEP * part)


def _box(x, y, wide, tall):
    return [(x, y), (x + wide, y), (x + wide, y + tall), (x, y + tall)]


def _quoted(word):
    return "the start" if word == START else plots.spoken(word.strip(" ") or word)


def _count(number):
    return f"{number} word{'' if number == 1 else 's'}"


class ReachPanel(QuickPanel):
    """The live view. A new text asks for a guess first; after that every control answers at once."""

    def __init__(self, view):
        super().__init__(view, [*ANSWERS, (SHOW, SHOW)])
        look = across()
        self.text = W.Textarea(value=view.text, description="Text", continuous_update=False, rows=3, **look)
        self.which = W.ToggleButtons(
            options=list(view.models), value=view.name, description="Model",
            style={**look["style"], "button_width": "auto"},
        )  # fmt: skip
        self.slider = W.IntSlider(min=0, max=1, description="Place", **look)
        self._ask()
        self.text.observe(self._safely(self._new_text), "value")
        self.which.observe(self._safely(self._new_model), "value")
        self.slider.observe(self._safely(self._new_place), "value")
        self.children = [
            self.text, self.which, self.question, self.answer, self.slider, self.sentence, self.image, self.guard,
        ]  # fmt: skip

    def _ask(self):
        """A new text: a new question, and the picture covered."""
        view = self.view
        self.question.value = (
            f"<b>Predict first.</b> {html.escape(view.name)} predicts what follows "
            f"{html.escape(_quoted(view.words[-1]))}. How many words back stands the furthest one that still has 1 % "
            "of the largest influence?"
        )
        self._asked = (view.name, view.place)
        self.answer.value = None
        with self._quietly():
            self.slider.max = max(1, len(view.words) - 1)
            self.slider.value = view.place
        self._cover(*plots.figure(height=view._tall() + BELOW))

    def _new_text(self, change):
        self.view.read(change["new"])  # a text that does not fit is refused here, nothing is changed
        self._ask()

    def _verdict(self):
        """What became of the guess; it was made for one model at one place, so elsewhere it is left out."""
        view = self.view
        if self.answer.value in (None, SHOW) or (view.name, view.place) != self._asked:
            return ""
        reach, (least, most) = view.compute(view.name, view.place).reach, self.answer.value
        return f"✓ Yes, {reach}. " if least <= reach <= most else f"✗ No, {reach}. "

    def _new_model(self, change):
        self.view.name = change["new"]
        self._show() if self._fast is not None else self._ask()

    def _new_place(self, change):
        self.view.place = min(change["new"], len(self.view.words) - 1)
        self._show()
