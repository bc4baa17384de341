"""The GPT x-ray: what each layer would already say, at each place of a text of the learner's own.

The residual stream between two layers is read as if it were the last one: through the last norm and the head
(nostalgebraist 2020, "interpreting GPT: the logit lens").
"""

import html
from dataclasses import dataclass

import ipywidgets as W
import numpy as np
import torch
from matplotlib.patches import Rectangle

from .. import plots
from .base import SHOW, QuickPanel, QuickView, across

ROWS = 12  # places in one picture: the last ones of a longer text


@dataclass
class Lens:
    """What each layer says: `probabilities` is (layers, places, vocab), the first row that of the embedding.

    read: the tokens, one a place. names: the vocabulary.
    """

    read: list[str]
    names: list[str]
    probabilities: np.ndarray

    @property
    def layers(self):
        return ["before", *(f"layer {i}" for i in range(1, len(self.probabilities)))]

    @property
    def best(self):
        """The likeliest token's id by layer and place, (layers, places)."""
        return self.probabilities.argmax(-1)

    def of_answer(self, place):
        """The probability, layer by layer, of the token that the last layer finds likeliest: (layers,)."""
        return self.probabilities[:, place, self.best[-1, place]]

    def settled(self, place):
        """The first layer from which on the likeliest token is the last layer's."""
        same = self.best[:, place] == self.best[-1, place]
        return len(same) - int(np.argmin(same[::-1])) if not same.all() else 0


@torch.inference_mode()
def lens_of(model, tokenizer, text):
    """The `Lens` of a `GPT` on a text, which is read behind the start mark; only its last places are kept.

    Raises ValueError for an empty text, and for one longer than the model's context.
    """
    if not text.strip():
        raise ValueError("there is nothing to read: type the beginning of a story")
    ids = [tokenizer.end_id, *tokenizer.encode(text)]
    streams = []
    hooks = [model.blocks[0].register_forward_pre_hook(lambda _, inputs: streams.append(inputs[0]))]
    hooks += [block.register_forward_hook(lambda _, inputs, out: streams.append(out)) for block in model.blocks]
    training = model.training
    try:
        model.eval()
        model(torch.tensor([ids], device=model.embedding.weight.device))
    finally:
        model.train(training)
        for hook in hooks:
            hook.remove()
    kept = torch.stack([stream[0, -ROWS:] for stream in streams])  # (layers, places, d_model)
    read = ["start", *tokenizer.tokens(text)][-ROWS:]
    names = [tokenizer.token(id) for id in range(len(tokenizer))]
    return Lens(read, names, model.read_out(kept).softmax(-1).cpu().numpy())


class GPTXray(QuickView):
    """Read every layer of a GPT: a row for each place, a column for each layer, in it the likeliest next token.

    model, tokenizer: a `GPT` and its tokenizer. text: what is read first; later the learner's own. place: the row
    looked at more closely, counted from 0 (default: the last).

    Raises ValueError for an empty text, one beyond the context, and a place that is not there.

    >>> GPTXray(model, tokenizer, "Once upon a")      # as the last line of a cell
    """

    def __init__(self, model, tokenizer, text, *, place=None):
        self.model, self.tokenizer = model, tokenizer
        self.read(text)
        if place is not None and not 0 <= place < len(self.found.read):
            raise ValueError(f"there is no place {place}: this text has the places 0 to {len(self.found.read) - 1}")
        self.place = len(self.found.read) - 1 if place is None else place

    # ------------------------------------------------------------------ numbers

    def compute(self, text):
        """The `Lens` on a text."""
        return lens_of(self.model, self.tokenizer, text)

    def read(self, text):
        """Take a text; nothing changes where it cannot be read."""
        self.found, self.text = self.compute(text), text
        self.place = len(self.found.read) - 1

    def came(self, place):
        """The token that stands behind a place of the text, or None behind the last."""
        return self.found.read[place + 1] if place + 1 < len(self.found.read) else None

    # ------------------------------------------------------- picture and sentence

    def _answer(self):
        return self.found.names[self.found.best[-1, self.place]]

    def title(self):
        settled = self.found.settled(self.place)
        since = "before the first layer" if settled == 0 else f"from layer {settled} on"
        return f"After {_spoken(self.found.read[self.place])}: the answer {_spoken(self._answer())} stands {since}"

    def alt(self):
        found = self.found
        best = found.best[:, self.place]
        said = [
            f"{name} {_spoken(found.names[id])} ({found.probabilities[i, self.place, id]:.2f})"
            for i, (name, id) in enumerate(zip(found.layers, best))
        ]
        came = self.came(self.place)
        behind = f" In the text {_spoken(came)} follows." if came else ""
        return f"After {_spoken(found.read[self.place])}, each layer's likeliest token: {', '.join(said)}.{behind}"

    def _tall(self):
        """Inches for the table."""
        return 0.26 * (len(self.found.read) + 1)

    def _picture(self, title=None):
        """The figure, and what moves in it."""
        tall, found = self._tall(), self.found
        fig, (table, low) = plots.figure(
            2, 1, title=title, height=tall + 2.3, gridspec_kw={"height_ratios": [tall, 1.3]}
        )
        columns, rows = len(found.layers), len(found.read)
        best, size = found.best, 9 if len(found.layers) < 6 else 7.5
        strength = np.take_along_axis(found.probabilities, best[..., None], -1)[..., 0].T  # (places, layers)
        table.imshow(0.3 * strength, vmin=0, vmax=1, cmap=plots.sequential(), aspect="auto")  # pale: text lies on it
        for place in range(rows):
            for layer in range(columns):
                word = _face(found.names[best[layer, place]])
                mark = " ✓" if found.names[best[layer, place]] == self.came(place) else ""
                text = f"{_short(word)}{mark}  {strength[place, layer]:.2f}"
                table.text(layer, place, text, ha="center", va="center", size=size, parse_math=False)
        table.set_xticks(range(columns), found.layers)
        table.xaxis.tick_top()
        table.set_yticks(range(rows), [_short(_face(token)) for token in found.read], parse_math=False)
        table.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5), ylabel="has just read")
        table.tick_params(length=0)
        table.grid(visible=False)
        low.set(xlim=(-0.5, columns - 0.5), ylim=(0, 1.08), yticks=[0, 0.5, 1], ylabel="probability")
        low.set_xticks(range(columns), found.layers)
        return fig, Artists(table, low, columns)

    # ------------------------------------------------------------------- widget

    def build(self):
        return XrayPanel(self)


def _face(token):
    return plots.visible(token.strip(" ") or token)


def _short(word, most=11):
    return word if len(word) <= most else word[: most - 1] + "…"


def _spoken(token):
    return "the start" if token == "start" else plots.spoken(token.strip(" ") or token)


class Artists:
    """What moves: the frame around a row, and how likely its answer is layer by layer."""

    def __init__(self, table, low, columns):
        colour = plots.COLOUR
        self.frame = table.add_patch(
            Rectangle((-0.5, 0), columns, 1, fill=False, edgecolor=colour["focus"], linewidth=2)
        )
        self.frame.set_clip_on(False)
        self.columns = columns
        (self.line,) = low.plot(range(columns), np.zeros(columns), "o-", color=colour["model"])
        self.note = low.text(-0.45, 0.93, "", size=9, color=colour["muted"], va="center", parse_math=False)

    def moving(self):
        return [self.frame, self.line, self.note]

    def update(self, view):
        self.frame.set_y(view.place - 0.5)
        self.line.set_data(np.arange(self.columns), view.found.of_answer(view.place))
        self.note.set_text(f"the last layer's answer, {_spoken(view._answer())}")


class XrayPanel(QuickPanel):
    """The live view. A new text asks for a guess first; after that every control answers at once."""

    lines = 4

    def __init__(self, view):
        super().__init__(view)
        look = across()
        self.text = W.Text(value=view.text, description="Text", continuous_update=False, **look)
        self.place = W.IntSlider(value=0, min=0, max=1, description="Place", **look)
        self._ask()
        self.text.observe(self._safely(self._new_text), "value")
        self.place.observe(self._safely(self._new_place), "value")
        self.children = [self.text, self.question, self.answer, self.place, self.sentence, self.image, self.guard]

    def _ask(self):
        """A new text: a new question, and the picture covered."""
        view, found = self.view, self.view.found
        self._asked = view.place
        self.question.value = (
            f"<b>Predict first.</b> The last layer's answer after {html.escape(_spoken(found.read[view.place]))}: "
            "from where on is it the likeliest token?"
        )
        self._offer([*((name, i) for i, name in enumerate(found.layers)), (SHOW, SHOW)])
        with self._quietly():
            self.place.max = max(1, len(found.read) - 1)
            self.place.value = view.place
        self._cover(*plots.figure(height=view._tall() + 2.3))

    def _verdict(self):
        """What became of the guess; it was made for one place, so elsewhere it is left out."""
        if self.answer.value in (None, SHOW) or self.view.place != self._asked:
            return ""
        settled = self.view.found.settled(self.view.place)
        said = self.view.found.layers[settled]
        return f"✓ Yes, {said}. " if self.answer.value == settled else f"✗ No, {said}. "

    def _new_text(self, change):
        self.view.read(change["new"])  # a text that cannot be read is refused here, nothing is changed
        self._ask()

    def _new_place(self, change):
        self.view.place = min(change["new"], len(self.view.found.read) - 1)
        self._show()
