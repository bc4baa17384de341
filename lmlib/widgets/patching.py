"""The patching view: put one vector of one text's run into another text's run, and see what becomes of the answer."""

import html

import ipywidgets as W
import numpy as np
from matplotlib.patches import Rectangle

from .. import plots
from ..inside import Patching
from .base import SHOW, QuickPanel, QuickView, across

SHOWN = 24  # places in one picture: the last ones of a longer text
WRITTEN = 0.1  # from here on a cell has its number
RUNS = ("second text", "patched", "first text")


class PatchView(QuickView):
    """Two texts of equally many tokens. Behind each layer and at each place, the second text's vector is replaced by
    the first's: how far does the answer go from the second text's to the first's?

    model, tokenizer: a `GPT` and its tokenizer. texts: both, each ends before its answer. answers: the two tokens
    that are compared, such as (" Rosa", " Anna"); default: the likeliest after each text. layer, place: the patch
    looked at first, layers from 0 (before the first), places counted back from the last, which is -1.

    Raises ValueError for an empty text, for texts of different lengths, for one beyond the context, for two equal
    answers, and for a layer or place that is not there.

    >>> PatchView(model, tokenizer, ("Rosa came. Anna said: Good day,", "Anna came. Rosa said: Good day,"))
    """

    def __init__(self, model, tokenizer, texts, *, answers=None, layer=0, place=-1):
        self.model, self.tokenizer, self.answers = model, tokenizer, answers
        self.read(texts)
        layers, places = self.shares.shape
        if not 0 <= layer < layers:
            raise ValueError(f"there is no layer {layer}: choose one from 0 (before the first) to {layers - 1}")
        if not -places <= place < 0:
            raise ValueError(f"there is no place {place}: choose one from {-places} to -1, the last")
        self.layer, self.place = layer, places + place

    # ------------------------------------------------------------------ numbers

    def read(self, texts):
        """Take two texts; nothing changes where they cannot be read."""
        if not all(text.strip() for text in texts):
            raise ValueError("there is nothing to read: give two beginnings of stories")
        ids = [[self.tokenizer.end_id, *self.tokenizer.encode(text)] for text in texts]
        found = Patching(self.model, ids, (0, 0))  # refuses texts that do not fit together
        logits = found.source_logits[0, -1], found.base_logits[0, -1]
        if self.answers is None:
            answers = tuple(int(row.argmax()) for row in logits)
        else:
            answers = tuple(self.tokenizer.encode(answer)[0] for answer in self.answers)
        if answers[0] == answers[1]:
            raise ValueError(
                f"both texts go on with {plots.spoken(self.tokenizer.token(answers[0]).strip())}: change one of them "
                "until the answers differ"
            )
        found.answers = answers
        self.found, self.texts = found, tuple(texts)
        self.names = [self.tokenizer.token(id).strip(" ") for id in answers]
        self.shares, self.p = self.compute(found)
        read = [["start", *self.tokenizer.tokens(text)][-self.shares.shape[1] :] for text in texts]
        self.tokens = [(a, b) for a, b in zip(*read)]
        self.layer = min(getattr(self, "layer", 0), len(self.shares) - 1)
        self.place = min(getattr(self, "place", SHOWN), self.shares.shape[1] - 1)

    @staticmethod
    def compute(found):
        """The share of the way, (layers, places), and the probabilities of both answers, (layers, places, 2)."""
        last = found.ids.size(1)
        places, shares, p = range(max(0, last - SHOWN), last), [], []
        for layer in range(len(found.model.blocks) + 1):
            logits = found.patched(f"stream {layer}", places)
            shares.append(found.share(logits).numpy())
            p.append(logits[:, -1].softmax(-1)[:, list(found.answers)].numpy())
        return np.stack(shares), np.stack(p)

    def of_runs(self):
        """The probabilities of both answers in the second text, in the patched run, in the first: (3, 2)."""
        ends = (
            run[0, -1].softmax(-1)[list(self.found.answers)]
            for run in (self.found.base_logits, self.found.source_logits)
        )
        base, source = (row.numpy() for row in ends)
        return np.stack([base, self.p[self.layer, self.place], source])

    def strongest(self, layer):
        """The place that moves the answer most when it is patched behind this layer."""
        return int(self.shares[layer].argmax())

    # ------------------------------------------------------- picture and sentence

    def _layer_name(self, layer):
        return "before layer 1" if layer == 0 else f"behind layer {layer}"

    def _place_name(self, place):
        first, second = (_face(token) for token in self.tokens[place])
        return first if first == second else f"{first}/{second}"

    def title(self):
        share, place = self.shares[self.layer, self.place], self._place_name(self.place)
        return f"Patched {self._layer_name(self.layer)} at “{place}”: {share:z.0%} of the way to {self.names[0]}"

    def alt(self):
        share, runs = self.shares[self.layer, self.place], self.of_runs()
        told = ", ".join(
            f"{name} {self.names[0]} {row[0]:.2f} and {self.names[1]} {row[1]:.2f}" for name, row in zip(RUNS, runs)
        )
        best = "; ".join(
            f"{self._layer_name(layer)} “{self._place_name(self.strongest(layer))}” "
            f"({self.shares[layer, self.strongest(layer)]:z.2f})"
            for layer in range(len(self.shares))
        )
        return (
            f"The vector {self._layer_name(self.layer)} at “{self._place_name(self.place)}”, put from the first text "
            f"into the second, moves the answer {share:z.2f} of the way. Probabilities: {told}. "
            f"Strongest places: {best}."
        )

    def _picture(self, title=None):
        """The figure, and what moves in it."""
        fig, (top, low) = plots.figure(2, 1, title=title, height=4.9, gridspec_kw={"height_ratios": [2.2, 1.5]})
        layers, places = self.shares.shape
        top.imshow(self.shares, vmin=-1, vmax=1, cmap=plots.diverging(), aspect="auto", interpolation="nearest")
        for layer in range(layers):
            for place in range(places):
                share = self.shares[layer, place]
                if abs(share) >= WRITTEN:
                    colour = plots.COLOUR["paper" if abs(share) > 0.55 else "ink"]
                    text = (
                        f"{share:.2f}".replace("0.", ".") if abs(share) < 0.995 else f"{share:.1f}".replace(".0", "")
                    )
                    top.text(place, layer, text, ha="center", va="center", size=8, color=colour)
        top.set_xticks(
            range(places), [self._place_name(place) for place in range(places)], rotation=90, size=8, parse_math=False
        )
        top.set_yticks(range(layers), [self._layer_name(layer) for layer in range(layers)], size=9)
        top.set(xlabel="patched place: first text / second text", xlim=(-0.5, places - 0.5))
        top.set_ylim(layers - 0.5, -0.5)
        top.tick_params(length=0)
        low.set(xlim=(0, 1.16), ylim=(2.6, -0.6), xticks=[0, 0.5, 1], xlabel="probability of the next token")
        low.set_yticks(range(3), RUNS, size=9)
        for ax in (top, low):
            ax.grid(visible=False)
        return fig, Artists(top, low, self.names)

    # ------------------------------------------------------------------- widget

    def build(self):
        return PatchPanel(self)


def _face(token):
    return plots.visible(token.strip(" ") or token)


class Artists:
    """What moves: the frame around the patched cell, two bars for each run and their numbers."""

    def __init__(self, top, low, names):
        colour, self.names = plots.COLOUR, names
        self.frame = top.add_patch(Rectangle((0, 0), 1, 1, fill=False, edgecolor=colour["focus"], linewidth=2.4))
        self.frame.set_clip_on(False)
        look = {"height": 0.34, "edgecolor": colour["paper"]}
        at = np.arange(3)
        self.bars = (
            low.barh(at - 0.19, np.zeros(3), color=colour["model"], **look),
            low.barh(at + 0.19, np.zeros(3), color=colour["alternative"], hatch="///", **look),
        )
        self.numbers = [[low.text(0, y + side, "", va="center", size=9) for y in at] for side in (-0.19, 0.19)]

    def moving(self):
        return [self.frame, *self.bars[0], *self.bars[1], *self.numbers[0], *self.numbers[1]]

    def update(self, view):
        self.frame.set_xy((view.place - 0.5, view.layer - 0.5))
        runs = view.of_runs()
        for which, (bars, numbers) in enumerate(zip(self.bars, self.numbers)):
            for bar, number, p in zip(bars, numbers, runs[:, which]):
                bar.set_width(p)
                number.set_x(p + 0.012)
                number.set_text(f"{self.names[which]} {p:.2f}")


class PatchPanel(QuickPanel):
    """The live view. New texts ask for a guess first; after that every control answers at once."""

    lines = 6

    def __init__(self, view):
        super().__init__(view)
        look = across()
        self.first, self.second = (
            W.Textarea(value=text, description=name, continuous_update=False, rows=5, **look)
            for text, name in zip(view.texts, ("First text", "Second text"))
        )
        self.question.layout = look["layout"]
        self.layer = W.IntSlider(value=view.layer, min=0, max=len(view.shares) - 1, description="Layer", **look)
        self.place = W.IntSlider(value=0, min=0, max=1, description="Place", **look)
        self._ask()
        for box in (self.first, self.second):
            box.observe(self._safely(self._new_text), "value")
        self.layer.observe(self._safely(self._new_cell), "value")
        self.place.observe(self._safely(self._new_cell), "value")
        self.children = [
            self.first, self.second, self.question, self.answer, self.layer, self.place, self.sentence,
            self.image, self.guard,
        ]  # fmt: skip

    def _ask(self):
        """New texts: a new question, and the picture covered."""
        view = self.view
        self._asked = min(1, len(view.shares) - 1)  # behind the first layer
        best, n = view.strongest(self._asked), view.shares.shape[1]
        differing = [place for place, (a, b) in enumerate(view.tokens) if a != b]
        places = sorted({best, n - 1, *differing[:2], *((best + n * k // 4) % n for k in (1, 2))})
        self.question.value = (
            f"<b>Predict first.</b> The vector {view._layer_name(self._asked)} is put from the first text into the "
            "second, at one place. At which place does that move the answer most towards "
            f"{html.escape(view.names[0])}?"
        )
        self._offer([*((f" {place}: {view._place_name(place)} ", place) for place in places), (SHOW, SHOW)])
        with self._quietly():
            self.place.max = max(1, n - 1)
            self.place.value, self.layer.value = view.place, view.layer
        self._cover(*plots.figure(height=4.9))

    def _answered(self, answer):
        if answer != SHOW:  # show what was asked for
            with self._quietly():
                self.layer.value = self.view.layer = self._asked
                self.place.value = self.view.place = self.view.strongest(self._asked)
        super()._answered(answer)

    def _verdict(self):
        """What became of the guess; it was made for one cell, so elsewhere it is left out."""
        best = self.view.strongest(self._asked)
        if self.answer.value in (None, SHOW) or (self.view.layer, self.view.place) != (self._asked, best):
            return ""
        said = f"{best}, “{self.view._place_name(best)}”"
        return f"✓ Yes, {said}. " if self.answer.value == best else f"✗ No, {said}. "

    def _new_text(self, change):
        self.view.read((self.first.value, self.second.value))  # what cannot be read is refused, nothing is changed
        self._ask()

    def _new_cell(self, change):
        self.view.layer = self.layer.value
        self.view.place = min(self.place.value, self.view.shares.shape[1] - 1)
        self._show()
