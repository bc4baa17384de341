"""The picture view: what the GPT says of a picture, where each word looked, and what it paints of the sentence."""

import html
import random

import ipywidgets as W
import numpy as np
from matplotlib.patheffects import withStroke

from .. import plots
from ..pictures.look import say_and_look
from ..pictures.painter import paint
from ..village import pictures as village
from .base import SHOW, QuickPanel, QuickView, across

CORNERS = ("upper left", "upper right", "lower left", "lower right")
ALL = "all heads"
TALL = 4.3  # inches


class PictureView(QuickView):
    """A sentence is painted by the village; the model says what it sees, and paints the sentence itself.

    model, stream: the GPT of lesson 19 and its `Stream`. sentence: what is shown first; later the learner's own.
    seed: which of the sentence's pictures. word: the word of the caption looked at more closely, counted from 0
    (default: the first kind of thing that is named). head: (layer, head), both from 0, or None for the mean of all.

    Raises ValueError for a sentence that the village does not paint, and for a word or head that is not there.

    >>> PictureView(model, stream, "a red cat left of a blue house")      # as the last line of a cell
    """

    def __init__(self, model, stream, sentence, *, seed=0, word=None, head=None):
        self.model, self.stream, self.seed, self.head, self.word = model, stream, seed, head, 0
        layers, heads = model.config.n_layers, model.config.n_heads
        if head is not None and not (0 <= head[0] < layers and 0 <= head[1] < heads):
            raise ValueError(
                f"there is no head {head}: there are {layers} layers with {heads} heads each, from (0, 0)"
            )
        self.read(sentence)
        if word is not None:
            if not 0 <= word < len(self.words):
                raise ValueError(f"there is no word {word}: the caption has the words 0 to {len(self.words) - 1}")
            self.word = word

    # ------------------------------------------------------------------ numbers

    def read(self, sentence, seed=None):
        """Take a sentence; nothing changes where it cannot be painted."""
        seed = self.seed if seed is None else seed
        painted = village.paint(sentence, random.Random(seed).random)
        self.words, self.probabilities, self.weights = say_and_look(self.model, self.stream, painted)
        self.drawn = paint(self.model, self.stream, [" ".join(sentence.split())], seed=seed)[0]
        self.sentence, self.painted, self.seed = " ".join(sentence.split()), painted, seed
        names = [place for place, word in enumerate(self.words) if word.removesuffix("s") in village.KINDS]
        self.word = names[0] if names else 0

    @property
    def caption(self):
        return " ".join(self.words)

    @property
    def true(self):
        """Is the caption true of the painted picture?"""
        return self.caption in village.read(self.painted)

    @property
    def verdict(self):
        """What the exact reader says of the model's own picture."""
        found = village.read(self.drawn)
        if self.sentence in found:
            return "the reader agrees"
        return f"the reader sees {found[0]}" if found else "the reader sees no scene"

    def looks(self):
        """The weight on each pixel when the word was chosen, (64,)."""
        weights = self.weights[self.word]  # (layers, heads, 64)
        return weights.mean((0, 1)) if self.head is None else weights[self.head]

    def corners(self):
        """The weight on each quarter of the picture: upper left, upper right, lower left, lower right."""
        square = self.looks().reshape(2, village.QUARTER, 2, village.QUARTER)
        return square.sum((1, 3)).flatten()

    def corner(self):
        """The quarter that gets most."""
        return int(self.corners().argmax())

    # ------------------------------------------------------- picture and sentence

    def _where(self):
        return ALL if self.head is None else f"layer {self.head[0] + 1}, head {self.head[1] + 1}"

    def title(self):
        said = f"It says “{self.caption}”, {'which is true' if self.true else 'which is not true'}"
        return f"{said}; for “{self.words[self.word]}” it looks most {CORNERS[self.corner()]}" if self.words else said

    def alt(self):
        text = f"Painted: “{self.sentence}”. The model says “{self.caption}”, {'true' if self.true else 'not true'}. "
        if self.words:
            shares = self.corners()
            text += (
                f"Choosing word {self.word + 1}, “{self.words[self.word]}” (probability "
                f"{self.probabilities[self.word]:.2f}), {self._where()} put {shares[self.corner()]:.2f} on the "
                f"{CORNERS[self.corner()]} quarter and {1 - shares.sum():.2f} on marks and words. "
            )
        return text + f"Told the sentence, it paints a picture of its own: {self.verdict}."

    def _picture(self, title=None):
        fig, (left, right) = plots.figure(1, 2, title=title, height=TALL + (0.6 if title else 0.3))
        plots.draw_picture(left, self.painted)
        plots.draw_picture(right, self.drawn)
        left.set_title("painted; rings: where it looks", loc="left", size=10, weight="normal")
        right.set_title(f"its own painting: {self.verdict}", loc="left", size=10, weight="normal")
        return fig, Artists(left)

    # ------------------------------------------------------------------- widget

    def build(self):
        return PicturePanel(self)


class Artists:
    """What moves: a ring on each pixel, its area the weight; and the caption with the chosen word in brackets."""

    def __init__(self, ax):
        places = np.arange(village.SIDE**2)
        x, y = places % village.SIDE, places // village.SIDE
        self.rings = ax.scatter(x, y, s=0, facecolor="none", edgecolor="white", linewidth=1.6)
        self.rings.set_path_effects([withStroke(linewidth=4, foreground=plots.INK)])  # to be seen on white, too
        self.text = ax.text(0, -0.03, "", transform=ax.transAxes, va="top", size=9.5, color=plots.COLOUR["ink"])

    def moving(self):
        return [self.rings, self.text]

    def update(self, view):
        if not view.words:
            self.rings.set_sizes(np.zeros(village.SIDE**2))
            self.text.set_text("it says nothing")
            return
        weights = view.looks()
        self.rings.set_sizes(np.where(weights > 0.02 * weights.max(), 420 * weights / weights.max(), 0))
        said = [f"[{word}]" if place == view.word else word for place, word in enumerate(view.words)]
        self.text.set_text(" ".join(said))


class PicturePanel(QuickPanel):
    """The live view. A new picture asks for a guess first; after that every control answers at once."""

    lines = 4

    def __init__(self, view):
        super().__init__(view, [*CORNERS, SHOW])
        look = across()
        self.text = W.Text(value=view.sentence, description="Sentence", continuous_update=False, **look)
        self.other = W.Button(description="another picture of it", layout=W.Layout(width="170px"))
        # room for two lines of the question, so that what stands below it never moves
        self.question.layout = W.Layout(width="100%", max_width="792px", min_height="56px")
        layers, heads = view.model.config.n_layers, view.model.config.n_heads
        choices = [(f"layer {y + 1}, head {h + 1}", (y, h)) for y in range(layers) for h in range(heads)]
        # a list whose chosen value is None would show nothing as chosen, hence the name
        self.head = W.Dropdown(
            options=[(ALL, ALL), *choices], value=view.head or ALL, description="Look of", style=look["style"]
        )
        self.word = W.IntSlider(value=view.word + 1, min=1, max=20, description="Word", **look)
        self._ask()
        self.text.observe(self._safely(self._new_text), "value")
        self.other.on_click(self._safely(self._another))
        self.head.observe(self._safely(self._new_head), "value")
        self.word.observe(self._safely(self._new_word), "value")
        self.children = [
            self.text, self.other, self.question, self.answer, self.word, self.head, self.sentence, self.image,
            self.guard,
        ]  # fmt: skip

    def _ask(self):
        """A new picture: a new question, and the rings not shown yet."""
        view = self.view
        word = view.words[view.word] if view.words else ""
        self._asked = (view.word, view.head)
        self.question.value = (
            f"<b>Predict first.</b> Painted is “{html.escape(view.sentence)}”, and the model says "
            f"“{html.escape(view.caption)}”. Which quarter does it look at most for the word “{html.escape(word)}” "
            f"({view._where()})?"
        )
        with self._quietly():
            self.answer.value = None
            self.word.max = max(2, len(view.words))
            self.word.value = view.word + 1
        fig, (left, right) = plots.figure(1, 2, height=TALL + 0.3)  # as large as what will come, so nothing jumps
        plots.draw_picture(left, view.painted)
        left.set_title("painted", loc="left", size=10, weight="normal")
        self._cover(fig, right)
        self._say("Answer the question, then the rings appear.")

    def _verdict(self):
        """What became of the guess; it was made for one word and head, so elsewhere it is left out."""
        if self.answer.value in (None, SHOW) or (self.view.word, self.view.head) != self._asked:
            return ""
        right = CORNERS[self.view.corner()]
        return f"✓ Yes, {right}. " if self.answer.value == right else f"✗ No, {right}. "

    def _new_text(self, change):
        self.view.read(change["new"])  # a sentence that cannot be painted is refused here, nothing is changed
        self._ask()

    def _another(self, _):
        self.view.read(self.view.sentence, self.view.seed + 1)
        self._ask()

    def _new_head(self, change):
        self.view.head = None if change["new"] == ALL else change["new"]
        self._show() if self._fast is not None else self._ask()

    def _new_word(self, change):
        self.view.word = min(change["new"], max(1, len(self.view.words))) - 1
        self._show() if self._fast is not None else self._ask()
