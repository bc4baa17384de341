"""The decoding explorer: which tokens each setting leaves, what they weigh then, and what is written with that."""

import html
from dataclasses import dataclass

import ipywidgets as W
import numpy as np
from matplotlib.patches import Rectangle

from .. import plots
from ..decoding import Decoding
from ..generate import Reader, generate
from ..plots.bars import share
from .base import SHOW, QuickPanel, View, across

ANSWERS = [("1", (1, 1)), ("2 to 5", (2, 5)), ("6 to 20", (6, 20)), ("21 to 100", (21, 100)), ("more", (101, 10**9))]
OFF = {"temperature": 1.0, "top_k": None, "top_p": None, "min_p": None, "repetition_penalty": 1.0}
NAMES = {"top_k": "top-k", "top_p": "top-p", "min_p": "min-p", "repetition_penalty": "penalty"}
COUNTS = (1, 2, 3, 5, 8, 12, 20, 40, 80, 150, 300, 600)  # what the slider of top-k offers
END = "(end)"


@dataclass
class Cut:
    """Every token, the model's likeliest first: its text, its probability before and after the settings."""

    tokens: list
    before: np.ndarray
    after: np.ndarray

    @property
    def kept(self):
        return self.after > 0


class DecodingExplorer(View):
    """Change temperature, top-k, top-p, min-p and the repetition penalty, see what stays, and read what it writes.

    model, tokenizer: any language model of the course. settings: those of `lmlib.decoding.Decoding`. top: bars shown;
    texts, tokens: how many continuations, and how long; reads_until: a function of a text that says how many of its
    characters are credible (`village.reads_until`), to mark where a continuation goes wrong.

    Raises ValueError for a setting out of its range and for a prompt that ends with a blank.

    >>> DecodingExplorer(model, tokenizer, "Clara went to the", top_p=0.9)      # as the last line of a cell
    """

    def __init__(
        self, model, tokenizer, prompt="", *, top=9, texts=10, tokens=16, seed=0, reads_until=None, **settings
    ):
        self.model, self.tokenizer, self.prompt, self.top = model, tokenizer, prompt, top
        self.texts, self.tokens, self.seed, self.reads_until = texts, tokens, seed, reads_until
        self.settings = OFF | settings
        self._known = {}  # prompt -> ids and scores: a slider asks the model nothing
        Decoding(**self.settings)
        self.read(prompt)

    # ------------------------------------------------------------------ numbers

    def read(self, prompt):
        """The ids of a prompt, and the scores (vocab_size,) of what may follow; the model is asked once."""
        if prompt.endswith((" ", "\t")):
            raise ValueError("take away the blank at the end: the next token brings its own")
        if prompt not in self._known:
            ids = [self.tokenizer.end_id, *self.tokenizer.encode(prompt)]
            self._known[prompt] = ids, Reader(self.model, ids).scores()
        return self._known[prompt]

    def compute(self, **settings):
        """The Cut with the view's settings, and those given here in their place."""
        ids, scores = self.read(self.prompt)
        before = Decoding().distribution(scores).numpy()
        after = Decoding(**self.settings | settings).distribution(scores, ids).numpy()
        order = np.argsort(-before, kind="stable")
        names = [END if i == self.tokenizer.end_id else self.tokenizer.decode([i]) for i in order.tolist()]
        return Cut(names, before[order], after[order])

    def write(self):
        """Continuations of the prompt with the settings, each with the number of its credible characters, or None."""
        told = []
        for i in range(self.texts):
            text = generate(
                self.model, self.tokenizer, self.prompt, self.tokens, seed=self.seed + i, **self.settings
            ).replace("\n", " ")
            good = None
            if self.reads_until:
                good = max(0, self.reads_until(self.prompt + text) - len(self.prompt))
            told.append((text, good))
        return told

    # ------------------------------------------------------- picture and sentence

    def said(self):
        """The settings in words, without those that are off."""
        on = [f"temperature {self.settings['temperature']:g}"]
        on += [f"{NAMES[k]} {v:g}" for k, v in self.settings.items() if k in NAMES and v != OFF[k]]
        return ", ".join(on)

    def alt(self):
        cut = self.compute()
        kept = int(cut.kept.sum())
        words = [
            f"{plots.spoken(cut.tokens[i])} {cut.before[i]:.2f} to {cut.after[i]:.2f}"
            for i in np.argsort(-cut.before, kind="stable")[:3]
        ]
        sentence = (
            f"After '{_end(self.prompt)}' with {self.said()}: {kept:,} of {len(cut.tokens):,} tokens "
            f"{'stays' if kept == 1 else 'stay'}, which had {cut.before[cut.kept].sum():.3f} of the probability. "
            f"The model's likeliest, before and after: {', '.join(words)}."
        )
        gone = np.flatnonzero(~cut.kept)
        if len(gone):
            sentence += f" The first one cut is {plots.spoken(cut.tokens[gone[0]])} ({share(cut.before[gone[0]])})."
        return sentence

    def title(self):
        cut = self.compute()
        kept = int(cut.kept.sum())
        return f"With {self.said()}, {kept:,} of {len(cut.tokens):,} tokens {'stays' if kept == 1 else 'stay'}"

    def height(self):
        return 1.35 + 0.3 * (self.top + 1)

    def figure(self):
        """The bars, and under them the continuations."""
        height, lines = self.height(), 0.21 * self.texts + 0.35
        fig, (bars, text) = plots.figure(
            2, 1, title=self.title(), height=height + lines, gridspec_kw={"height_ratios": [height, lines]}
        )
        Bars(bars, self)
        text.axis("off")
        written = "\n".join(_clip(_marked(text, good), 82) for text, good in self.write())
        head = f"{self.texts} continuations of '{_end(self.prompt)}'"
        head += "; | marks where one goes wrong" if self.reads_until else ""
        text.text(0, 1.02, head, va="top", color=plots.COLOUR["muted"], size=9)
        text.text(0, 0.9, written, va="top", color=plots.COLOUR["ink"], size=9.5, linespacing=1.45)
        return fig

    def _picture(self):
        """The bars alone, and what moves in them."""
        fig, ax = plots.figure(height=self.height())
        return fig, Bars(ax, self)

    # ------------------------------------------------------------------- widget

    def build(self):
        return DecodingPanel(self)


def _end(text, length=34):
    """The end of a text, as a title quotes it."""
    end = text if len(text) <= length else "…" + text[-length:]
    return end.replace("\n", "↵") or "nothing"


def _marked(text, good):
    return text.strip() if good is None or good >= len(text) else (text[:good] + "|" + text[good:]).strip()


def _clip(text, length):
    return text if len(text) <= length else text[: length - 1] + "…"


class Bars:
    """For each of the likeliest tokens a wide pale bar (before) and a narrow one (after); what is cut is hatched."""

    def __init__(self, ax, view):
        cut = view.compute()
        n = min(view.top, len(cut.tokens))
        names = [plots.visible(token) for token in cut.tokens[:n]]
        rest = len(cut.tokens) - n
        names += [f"{rest:,} others"] if rest else []
        self.n, self.rows = n, []
        colour = plots.COLOUR
        for y in range(len(names)):
            ax.barh(y, self._sums(cut.before)[y], height=0.72, color=colour["pale"])
            hatched = Rectangle((0, y - 0.36), 0, 0.72, hatch="////", facecolor="none", edgecolor=colour["focus"])
            hatched.set_linewidth(1)
            ax.add_patch(hatched)
            (bar,) = ax.barh(y, 0, height=0.32, color=colour["model"])
            self.rows.append((hatched, bar, plots.beside(ax, "", 0, y, size=9.5)))
        ticks = ax.set_yticks(range(len(names)), names)
        for tick in ticks:
            tick.label1.set_size(11)
        ax.set_ylim(len(names) - 0.4, -0.6)
        ax.set_xlim(0, 1.32)
        ax.set_xticks(np.linspace(0, 1, 6))
        ax.set_xlabel("probability of coming next")
        said = "wide and pale: the model's own; narrow and blue: with the settings; hatched: cut"
        ax.set_title(said, loc="left", size=9, weight="normal", color=colour["muted"])
        plots.bare(ax)
        self.update(view)

    def _sums(self, p):
        """Of the shown tokens, and of all others together."""
        return [*p[: self.n], *([p[self.n :].sum()] if len(p) > self.n else [])]

    def moving(self):
        return [artist for row in self.rows for artist in row]

    def update(self, view):
        cut = view.compute()
        before, after = self._sums(cut.before), self._sums(cut.after)
        others = int(cut.kept[self.n :].sum())
        for i, (hatched, bar, text) in enumerate(self.rows):
            gone = cut.kept[i] == 0 if i < self.n else others == 0
            hatched.set_width(max(before[i], 0.012))  # a bar too short to be seen is hatched, too
            hatched.set_visible(bool(gone))
            bar.set_width(after[i])
            text.xy = (max(before[i], after[i], 0.012 if gone else 0), i)
            told = f"{share(before[i])}, cut" if gone else f"{share(before[i])} → {share(after[i])}"
            if i == self.n and not gone and others < len(cut.tokens) - self.n:
                told += f" ({others:,} stay)"
            text.set_text(told)


class DecodingPanel(QuickPanel):
    """The live explorer: a guess first; after that every slider moves the bars at once, and a button writes."""

    def __init__(self, view):
        super().__init__(view, [*ANSWERS, (SHOW, SHOW)])
        look = across("8em")
        self.text = W.Text(value=view.prompt, description="Text so far", continuous_update=False, **look)
        settings = view.settings
        counts = [("all", 0), *((str(k), k) for k in reversed(_counts(view)))]
        self.sliders = {
            "temperature": W.FloatSlider(
                value=settings["temperature"], min=0, max=2.5, step=0.05, description="Temperature", **look
            ),
            "top_k": W.SelectionSlider(options=counts, value=settings["top_k"] or 0, description="Top-k", **look),
            "top_p": W.FloatSlider(
                value=settings["top_p"] or 1, min=0.05, max=1, step=0.01, description="Top-p", **look
            ),
            "min_p": W.FloatSlider(
                value=settings["min_p"] or 0, min=0, max=1, step=0.01, description="Min-p", **look
            ),
            "repetition_penalty": W.FloatSlider(
                value=settings["repetition_penalty"], min=1, max=2, step=0.05, description="Penalty", **look
            ),
        }
        self.button = W.Button(description=f"Write {_number(view.texts)}", tooltip="Other ones at each press")
        self.written = W.HTML()
        self._ask()
        self.text.observe(self._safely(self._new_text), "value")
        for name, slider in self.sliders.items():
            slider.observe(self._safely(self._slid(name)), "value")
        self.button.on_click(self._safely(self._write))
        self.children = [
            self.text, self.question, self.answer, self.sentence, *self.sliders.values(), self.image, self.button,
            self.written, self.guard,
        ]  # fmt: skip

    def _ask(self):
        """A question, and nothing that would betray its answer."""
        self._asked = self.view.said()
        self.question.value = (
            f"<b>Predict first.</b> After <code>{html.escape(_end(self.view.prompt))}</code> with {self._asked}: how "
            f"many of the {len(self.view.tokenizer):,} tokens stay?"
        )
        self.answer.value = None
        self._list([])
        self._cover(*plots.figure(height=self.view.height()))

    def _new_text(self, change):
        self.view.read(change["new"])  # a text that cannot be read is refused here, nothing changed
        self.view.prompt = change["new"]
        self._ask()

    def _verdict(self):
        """What became of the guess; it was made for one setting, so elsewhere it is left out."""
        if self.answer.value in (None, SHOW) or self.view.said() != self._asked:
            return ""
        kept, (low, high) = int(self.view.compute().kept.sum()), self.answer.value
        return f"✓ Yes, {kept:,}. " if low <= kept <= high else f"✗ No, {kept:,}. "

    def _slid(self, name):
        def new_value(change):
            value = change["new"]
            off = {"top_k": 0, "top_p": 1, "min_p": 0}.get(name)  # at this end the filter lets everything pass
            self.view.settings[name] = None if value == off and off is not None else value
            self._show()

        return new_value

    def _write(self, _button):
        if self._fast is None:
            self._say("Answer the question first.")
            return
        self._list(self.view.write())
        self.view.seed += self.view.texts

    def _list(self, told):
        rows = []
        for text, good in told:
            good = len(text) if good is None else good
            wrong = f'<s style="opacity:.7">{html.escape(text[good:])}</s>' if text[good:] else ""
            rows.append(f"<li>{html.escape(text[:good])}{wrong}</li>")
        note = ""
        if told:
            note = f"<small>{html.escape(self.view.said())}"
            note += "; struck: from there on no story goes like this" if self.view.reads_until else ""
            note += "</small>"
        self.written.value = (
            f'<div style="min-height:19em;max-width:792px;line-height:1.5"><ol>{"".join(rows)}</ol>{note}</div>'
        )


def _counts(view):
    """What the slider of top-k offers: never more than there are tokens, and what is set now."""
    counts = {k for k in COUNTS if k < len(view.tokenizer)}
    return sorted(counts | ({view.settings["top_k"]} - {None}))


def _number(n):
    return {3: "three", 5: "five", 10: "ten"}.get(n, str(n))
