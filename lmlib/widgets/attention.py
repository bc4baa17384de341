"""The attention view: who looks at whom, head by head, in a text of the learner's own."""

import html
from dataclasses import dataclass

import ipywidgets as W
import numpy as np
import torch
from matplotlib.collections import PolyCollection
from matplotlib.patches import Rectangle

from .. import plots
from ..models.attention import causal_mask
from .base import SHOW, QuickPanel, QuickView, across

LONGEST = 40  # queries or keys in one picture: more could not be read
BELOW = 2.5  # inches for the bars and for all that is written
WRITTEN = 0.05  # from here on a bar has its number
START = "start"


@dataclass
class Attention:
    """Who looks at whom. `weights` is (heads, queries, keys), each row adds up to 1.

    allowed: True where a query may look, (queries, keys); None lets all look everywhere.
    Raises ValueError for weights of another shape, and for weight where no query may look.
    """

    queries: list[str]
    keys: list[str]
    weights: np.ndarray
    allowed: np.ndarray | None = None

    def __post_init__(self):
        self.weights = np.asarray(self.weights, dtype=float)
        shape = (len(self.queries), len(self.keys))
        if self.weights.ndim != 3 or self.weights.shape[1:] != shape or not self.weights.size:
            raise ValueError(f"the weights have the shape {self.weights.shape}, not (heads, {shape[0]}, {shape[1]})")
        self.allowed = np.ones(shape, dtype=bool) if self.allowed is None else np.asarray(self.allowed, dtype=bool)
        if self.allowed.shape != shape:
            raise ValueError(f"the mask has the shape {self.allowed.shape}, not {shape}")
        if (np.abs(self.weights[:, ~self.allowed]) > 1e-6).any():
            raise ValueError("there is weight where no query may look: the mask does not belong to these weights")

    def ranking(self, head, query):
        """The keys that a query may see, from the largest weight to the smallest."""
        order = np.argsort(-self.weights[head, query], kind="stable")
        return [int(key) for key in order if self.allowed[query, key]]


@torch.inference_mode()
def attention_of(model, tokenizer, text):
    """The `Attention` of a `RecurrentLM` that looks back, over the start mark and the tokens of a text.

    Raises ValueError for a model without attention, and for an empty text.
    """
    if getattr(model, "look_back", None) is None:
        raise ValueError("this model does not look back: take RecurrentLM with attention=True, or give a function")
    if not text.strip():
        raise ValueError("there is nothing to read: type a sentence")
    tokens = [START, *tokenizer.tokens(text)][:LONGEST]
    ids = [tokenizer.end_id, *tokenizer.encode(text)][:LONGEST]
    states, _ = model.layer(model.embedding(torch.tensor([ids], device=model.bias.device)))  # (1, time, d_model)
    allowed = causal_mask(len(ids), device=states.device)
    _, weights = model.look_back(states, mask=allowed)  # (1, heads, time, time)
    return Attention(tokens, tokens, weights[0].cpu().numpy(), allowed.cpu().numpy())


class AttentionView(QuickView):
    """Look at attention weights: a row for each query, a column for each key, and the chosen query's row as bars.

    source: a `RecurrentLM` with attention (then give its tokenizer), or a function from a text to an `Attention`.
    text: what is read first; later the learner's own. head and query: the ones shown, counted from 0 (query:
    by default the last). heads: names of the heads.

    Raises ValueError for an empty text, a model that does not look back, and a head or query that is not there.

    >>> AttentionView(model, "Clara met Nora. She", tokenizer=tokenizer, head=1)      # as the last line of a cell
    """

    def __init__(self, source, text, *, tokenizer=None, head=0, query=None, heads=None):
        self.source, self.tokenizer = source, tokenizer
        self.read(text)
        n_heads, n = len(self.found.weights), len(self.found.queries)
        if not 0 <= head < n_heads:
            raise ValueError(f"there is no head {head}: there are the heads 0 to {n_heads - 1}")
        query = n - 1 if query is None else query
        if not 0 <= query < n:
            raise ValueError(f"there is no query {query}: this text has the queries 0 to {n - 1}")
        self.names = list(heads or (f"head {h}" for h in range(n_heads)))
        if len(self.names) != n_heads:
            raise ValueError(f"there are {n_heads} heads, but {len(self.names)} names")
        self.head, self.query = head, query

    # ------------------------------------------------------------------ numbers

    def read(self, text):
        """Take a text; nothing changes where it cannot be read."""
        self.found, self.text = self.compute(text), text
        self.query = min(getattr(self, "query", LONGEST), len(self.found.queries) - 1)

    def compute(self, text):
        """The `Attention` over a text."""
        if isinstance(self.source, torch.nn.Module):
            return attention_of(self.source, self.tokenizer, text)
        found = self.source(text)
        if max(len(found.queries), len(found.keys)) > LONGEST:
            raise ValueError(f"this view shows {LONGEST} queries and keys at most: shorten the text")
        return found

    # ------------------------------------------------------- picture and sentence

    def alt(self):
        found, best = self.found, self.found.ranking(self.head, self.query)
        row = found.weights[self.head, self.query]
        parts = [f"{_spoken(found.keys[key])} (key {key}) with {row[key]:.2f}" for key in best[:3]]
        said = f"{self._named()}: query {self.query}, {_spoken(found.queries[self.query])}, looks "
        said += f"at {', '.join(parts)}"
        hidden = int((~found.allowed[self.query]).sum())
        masked = f"; the mask hides {hidden} of {len(found.keys)} keys" if hidden else ""
        return said + masked + "."

    def title(self):
        found = self.found
        best = found.ranking(self.head, self.query)[0]
        weight = found.weights[self.head, self.query, best]
        asks, answers = _spoken(found.queries[self.query]), _spoken(found.keys[best])
        return f"{self._named()}: {asks} looks most at {answers} ({weight:.2f})"

    def _named(self):
        name = self.names[self.head]
        return name[:1].upper() + name[1:]

    def _tall(self):
        """Inches for the heat map."""
        return min(3.9, max(1.6, 0.2 * len(self.found.queries)))

    def _picture(self, title=None):
        """The figure, and what moves in it."""
        rows, columns = self.found.allowed.shape
        tall = self._tall()
        fig, (top, low) = plots.figure(
            2, 1, title=title, height=tall + BELOW, sharex=True, gridspec_kw={"height_ratios": [tall, 1.4]}
        )
        size = 9 if max(rows, columns) <= 30 else 7.5
        angle = 90 if max(map(len, self.found.keys)) > 2 else 0
        top.set_yticks(range(rows), [_face(token) for token in self.found.queries], size=size, parse_math=False)
        top.tick_params(labelbottom=False)
        top.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5), ylabel="query: who looks")
        low.set_xticks(
            range(columns), [_face(t) for t in self.found.keys], rotation=angle, size=size, parse_math=False
        )
        low.set(ylim=(0, 1.18), yticks=[0, 0.5, 1], xlabel="key: who is seen", ylabel="weight")
        for ax in (top, low):
            ax.grid(visible=False)
        hidden = PolyCollection(_boxes(~self.found.allowed), facecolor="none", edgecolor=plots.COLOUR["pale"])
        hidden.set(hatch="////", linewidth=0)
        top.add_collection(hidden)
        note = f"strongest: {self.found.weights.max():.2f}" + ("; hatched: masked" if hidden.get_paths() else "")
        top.set_title(note, loc="right", size=9, weight="normal", color=plots.COLOUR["muted"])
        artists = Artists(top, low, self.found)
        artists.update(self)
        return fig, artists

    # ------------------------------------------------------------------- widget

    def build(self):
        return AttentionPanel(self)


def _face(token):
    return plots.visible(token.strip(" ") or token)


def _spoken(token):
    return "the start" if token == START else plots.spoken(token.strip(" ") or token)


def _boxes(cells):
    """Rectangles around all True cells; cells beside one another in a row share one."""
    boxes = []
    for y, row in enumerate(cells):
        edges = np.flatnonzero(np.diff(np.concatenate(([0], row.astype(int), [0]))))
        for left, right in zip(edges[::2] - 0.5, edges[1::2] - 0.5):
            boxes.append([(left, y - 0.5), (right, y - 0.5), (right, y + 0.5), (left, y + 0.5)])
    return boxes


class Artists:
    """What moves in the picture: the heat map, the frame around the query's row, its bars and their numbers."""

    def __init__(self, top, low, found):
        colour = plots.COLOUR
        look = {"aspect": "auto", "cmap": plots.sequential(), "interpolation": "nearest"}
        self.heat = top.imshow(np.zeros(found.allowed.shape), vmin=0, vmax=found.weights.max(), **look)
        columns = len(found.keys)
        self.frame = top.add_patch(
            Rectangle((-0.5, 0), columns, 1, fill=False, edgecolor=colour["focus"], linewidth=2)
        )
        self.frame.set_clip_on(False)
        self.bars = low.bar(range(columns), np.zeros(columns), width=0.8, color=colour["attention"])
        self.numbers = [low.text(x, 0, "", ha="center", va="bottom", size=8) for x in range(columns)]
        self.hidden = low.add_collection(PolyCollection([], facecolor="none", edgecolor=colour["pale"], hatch="////"))
        self.hidden.set_linewidth(0)

    def moving(self):
        return [self.heat, self.frame, self.hidden, *self.bars, *self.numbers]

    def update(self, view):
        weights, allowed = view.found.weights[view.head], view.found.allowed
        self.heat.set_data(np.ma.masked_array(weights, ~allowed))  # masked cells stay see-through: hatched ground
        self.frame.set_y(view.query - 0.5)
        for bar, number, weight in zip(self.bars, self.numbers, weights[view.query]):
            bar.set_height(weight)
            number.set_y(weight + 0.02)
            number.set_text(f"{weight:.2f}"[1 if weight < 0.995 else 0 :] if weight >= WRITTEN else "")
        masked = [[(x, 1.18 * (y + 0.5)) for x, y in box] for box in _boxes(~allowed[[view.query]])]
        self.hidden.set_verts(masked)


class AttentionPanel(QuickPanel):
    """The live view. A new text asks for a guess first; after that every control answers at once."""

    def __init__(self, view):
        super().__init__(view)
        look = across()
        self.text = W.Text(value=view.text, description="Text", continuous_update=False, **look)
        options = [(name, head) for head, name in enumerate(view.names)]
        self.head = W.ToggleButtons(
            options=options, value=view.head, description="Head", style={"button_width": "auto", **look["style"]}
        )
        self.query = W.IntSlider(value=view.query, min=0, max=1, description="Query", **look)
        self._ask()
        self.text.observe(self._safely(self._new_text), "value")
        self.head.observe(self._safely(self._new_head), "value")
        self.query.observe(self._safely(self._new_query), "value")
        head = [self.head] if len(view.names) > 1 else []
        self.children = [
            self.text, self.question, self.answer, *head, self.query, self.sentence, self.image, self.guard,
        ]  # fmt: skip

    # -- the question

    def _ask(self):
        """A new text: a new question, and the picture covered."""
        view = self.view
        ranking = view.found.ranking(view.head, view.query)
        best = ranking[0]
        # the right one and up to three others, spread over what the query may see
        seen = sorted(ranking)
        others = [seen[(seen.index(best) + len(seen) * k // 4) % len(seen)] for k in (1, 2, 3)]
        self._asked = (view.head, view.query)
        self.question.value = (
            f"<b>Predict first.</b> In {html.escape(view.names[view.head])}, which key gets the largest weight from "
            f"query {view.query}, {html.escape(_spoken(view.found.queries[view.query]))}?"
        )
        places = sorted({best, *others})
        self._offer([*((f" {key}: {_face(view.found.keys[key])} ", key) for key in places), (SHOW, SHOW)])
        with self._quietly():
            self.query.max = max(1, len(view.found.queries) - 1)
            self.query.value = view.query
        self._cover(*plots.figure(height=view._tall() + BELOW))

    def _verdict(self):
        """What became of the guess; it was made for one head and query, so elsewhere it is left out."""
        view = self.view
        if self.answer.value in (None, SHOW) or (view.head, view.query) != self._asked:
            return ""
        best = view.found.ranking(view.head, view.query)[0]
        said = f"{_spoken(view.found.keys[best])}, key {best}"
        return f"✓ Yes, {said}. " if self.answer.value == best else f"✗ No, {said}. "

    # -- what changes

    def _new_text(self, change):
        self.view.read(change["new"])  # a text that does not fit is refused here, nothing is changed
        self.view.query = len(self.view.found.queries) - 1
        self._ask()

    def _new_head(self, change):
        self.view.head = change["new"]
        self._show() if self._fast is not None else self._ask()

    def _new_query(self, change):
        self.view.query = min(change["new"], len(self.view.found.queries) - 1)
        self._show() if self._fast is not None else self._ask()
