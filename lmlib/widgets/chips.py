"""Token chips: the pieces into which a tokenizer cuts a text, and the number of each."""

import html
from dataclasses import dataclass
from functools import lru_cache

import ipywidgets as W
from matplotlib import font_manager, rcParams
from matplotlib.patches import FancyBboxPatch

from .. import plots
from ..text import BPETokenizer
from .base import HERE, Panel, View, across

MOST = 1000  # chips drawn in the page: beyond that nobody reads them and the browser gets slow
UNKNOWN_SIGN = "✗"


@dataclass
class Cut:
    """A text cut by one tokenizer. `pieces`, `ids`, `unknown` and `half` have one entry a token.

    pieces: what is written on a chip; unknown: the vocabulary lacks it; half: bytes of a character cut in two;
    characters: length of the text; vocabulary: number of tokens that there are; exact: decoding gives the text.
    """

    pieces: list[str]
    ids: list[int]
    unknown: list[bool]
    half: list[bool]
    characters: int
    vocabulary: int
    exact: bool

    def __len__(self):
        return len(self.ids)

    def sentence(self):
        """`34 characters → 9 tokens, 3.8 characters a token; vocabulary 1,500; …`"""
        counts = f"{_count(self.characters, 'character')} → {_count(len(self), 'token')}"
        if self.ids:
            counts += f", {self.characters / len(self):.1f} characters a token"
        back = f"the text comes back exactly: {'yes' if self.exact else 'no'}"
        return f"{counts}; vocabulary {self.vocabulary:,}; {back}, unknown: {sum(self.unknown)}"


def _count(number, what):
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def written(piece):
    """A piece as a chip shows it: blanks and line ends as signs, what has no shape by its number."""
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in plots.visible(piece))


class TokenChips(View):
    """A text cut into tokens by several tokenizers, in the learner's hands.

    tokenizers: mapping from name to tokenizer; each has `encode`, `decode`, `tokens` and a length, as those of
        `lmlib.text` have. A `BPETokenizer` gets a slider: what it does with its first merges alone.
    name: the tokenizer shown first (default: the first); merges: how many of its merges (default: all).

    Raises ValueError where there is no tokenizer, none of that name, or the text cannot be encoded.

    >>> TokenChips("The cat sat.", {"characters": chars, "words": words, "BPE": bpe})    # as the last line of a cell
    """

    def __init__(self, text, tokenizers, *, name=None, merges=None):
        if not tokenizers:
            raise ValueError("There is no tokenizer: give a mapping from names to tokenizers.")
        self.text, self.tokenizers = text, dict(tokenizers)
        self.name = next(iter(self.tokenizers)) if name is None else name
        self._with = lru_cache(maxsize=64)(self._tokenizer)  # the slider passes the same counts again and again
        self.merges = merges
        self.compute(self.text, self.name, self.merges)

    # ------------------------------------------------------------------ numbers

    def n_merges(self, name):
        """How many merges the tokenizer has; None for one that does not work by merges."""
        tokenizer = self.tokenizers[name]
        return len(tokenizer.merges) if isinstance(tokenizer, BPETokenizer) else None

    def _tokenizer(self, name, merges):
        if name not in self.tokenizers:
            raise ValueError(f"There is no tokenizer {name!r}: take one of {', '.join(self.tokenizers)}.")
        tokenizer, most = self.tokenizers[name], self.n_merges(name)
        if merges is None or most is None or merges == most:
            return tokenizer
        if not 0 <= merges <= most:
            raise ValueError(f"{name!r} has {most:,} merges, so {merges:,} cannot be done: take 0 to {most:,}.")
        return BPETokenizer(tokenizer.merges[:merges], tokenizer.end)

    def compute(self, text, name, merges=None):
        """The text cut by that tokenizer, with its first `merges` merges (None: all). Returns a `Cut`."""
        tokenizer = self._with(name, merges)
        ids, pieces = tokenizer.encode(text), _cut_out(tokenizer, text)
        unknown = _unknown_id(tokenizer)
        return Cut(
            pieces=[written(piece) for piece in pieces],
            ids=ids,
            unknown=[id == unknown for id in ids],
            half=[_is_half(tokenizer, id) for id in ids],
            characters=len(text),
            vocabulary=len(tokenizer),
            exact=tokenizer.decode(ids) == text,
        )

    def last_merge(self, name, merges):
        """What the last of the first `merges` merges joined, as a sentence; "" where there is none."""
        if not self.n_merges(name) or merges == 0:
            return ""
        tokenizer = self._with(name, merges)
        left, right = (written(tokenizer.token(id)) for id in tokenizer.merges[-1])
        return f"Merge {len(tokenizer.merges):,} joins {left} and {right}."

    def rows(self):
        """What the picture shows: [(caption, Cut)]: every tokenizer, or one BPE at 0, 20 and all merges."""
        names, most = list(self.tokenizers), self.n_merges(self.name)
        if len(names) > 1 or most is None:
            return [(name, self.compute(self.text, name)) for name in names]
        stages = sorted({0, min(20, most), most})
        return [(f"{self.name}, {_count(k, 'merge')}", self.compute(self.text, self.name, k)) for k in stages]

    # ------------------------------------------------------- picture and sentence

    def alt(self):
        parts = [f"{caption}: {_count(len(cut), 'token')}{_losses(cut)}" for caption, cut in self.rows()]
        text = self.text if len(self.text) <= 40 else self.text[:39] + "…"
        return (
            f"The {_count(len(self.text), 'character')} '{plots.visible(text)}' cut into tokens: {'; '.join(parts)}."
        )

    def figure(self):
        """A row of chips for each tokenizer (or stage of BPE), the id under each chip."""
        rows = self.rows()
        counts = ", ".join(f"{len(cut):,} ({caption})" for caption, cut in rows)
        return draw_rows(rows, f"{_count(len(self.text), 'character')}, as tokens: {counts}")

    # ------------------------------------------------------------------- widget

    def build(self):
        return ChipsPanel(self)


def _unknown_id(tokenizer):
    vocabulary = getattr(tokenizer, "vocabulary", None)
    unknown = getattr(vocabulary, "unknown", None)
    return None if unknown is None else vocabulary.id(unknown)


def _cut_out(tokenizer, text):
    """The pieces of the text, an unknown one as it stands there: `tokens` would say "<unk>", which piece ever."""
    return getattr(tokenizer, "_pieces", tokenizer.tokens)(text)


def _is_half(tokenizer, id):
    """Whether the token of a byte-level tokenizer is no whole characters."""
    if not isinstance(tokenizer, BPETokenizer):
        return False
    try:
        tokenizer.token_bytes[id].decode("utf-8")
    except UnicodeDecodeError:
        return True
    return False


def _losses(cut):
    said = f", {sum(cut.unknown)} unknown" if any(cut.unknown) else ""
    return said if cut.exact else f"{said}, the text does not come back"


# ---------------------------------------------------------------------------------------------- still picture

SIZE, ID_SIZE = 11, 8  # points
PAD, GAP, LINE, CAPTION = 4, 3, 36, 40  # points: beside the writing, between chips, per line, per caption
COLOURS = ("model", "truth", "alternative")  # blue, teal, amber, in turn


def draw_rows(rows, title, most_lines=4):
    """Chips in rows with a caption each. Lines wrap; after `most_lines` lines it says how many are left."""
    fig, ax = plots.figure()  # sets the fonts, which what follows measures
    width = fig.get_figwidth() * 72
    laid = [(caption, cut, *flow(cut, width - 12, most_lines)) for caption, cut in rows]
    top = 12 + 19 * len(plots.wrap(title, width - 18, rcParams["axes.titlesize"], weight="bold"))
    height = top + sum(CAPTION + LINE * lines for _, _, _, lines in laid) + 6
    fig.set_figheight(height / 72)
    plots.headline(fig, title).set_y(1 - 8 / height)
    fig.set_layout_engine("none")  # one unit of the axes is one point, so that chips fit their writing
    ax.set_position([0, 0, 1, 1])
    ax.set(xlim=(0, width), ylim=(height, 0))
    ax.axis("off")
    y = top
    for caption, cut, places, lines in laid:
        ax.text(6, y + 15, drawable(caption), weight="bold", color=plots.COLOUR["ink"], size=10)
        ax.text(6, y + 30, cut.sentence(), color=plots.COLOUR["muted"], size=9)
        for i, (x, line, wide) in enumerate(places):
            _draw_chip(ax, cut, i, x + 6, y + CAPTION + LINE * line, wide)
        if len(places) < len(cut):
            x, line, wide = places[-1]
            rest = f"… {len(cut) - len(places):,} more"
            ax.text(x + wide + 14, y + CAPTION + LINE * line + 12, rest, color=plots.COLOUR["muted"], size=10)
        y += CAPTION + LINE * lines
    return fig


def flow(cut, width, most_lines):
    """Where the chips stand: ([(x, line, width)] of those that fit, number of lines), in points."""
    places, x, line = [], 0.0, 0
    for i in range(len(cut)):
        wide = _chip_width(cut, i)
        last = line == most_lines - 1 and i < len(cut) - 1
        if x and x + wide > width - (80 if last else 0):  # room for "… 123 more"
            if line == most_lines - 1:
                break
            x, line = 0.0, line + 1
        places.append((x, line, wide))
        x += wide + GAP
    return places, line + 1


def _face(cut, i):
    sign = UNKNOWN_SIGN if cut.unknown[i] else ""
    return drawable(sign + cut.pieces[i])


def _chip_width(cut, i):
    face = plots.text_width(_face(cut, i), 9 if cut.half[i] else SIZE)
    return max(face + 2 * PAD, plots.text_width(f"{cut.ids[i]}", ID_SIZE) + 1, 10)


def _draw_chip(ax, cut, i, x, y, wide):
    colour = plots.COLOUR["focus" if cut.unknown[i] else COLOURS[i % 3]]
    line = "--" if cut.unknown[i] else ":" if cut.half[i] else "-"
    look = dict(boxstyle="round,pad=0,rounding_size=3", edgecolor=colour, linewidth=1.1, linestyle=line)
    ground = "none" if cut.unknown[i] else (colour, 0.15)
    ax.add_patch(FancyBboxPatch((x, y), wide, 17, facecolor=ground, **look))
    size = 9 if cut.half[i] else SIZE
    middle = dict(x=x + wide / 2, ha="center")
    ax.text(y=y + 12.5, s=_face(cut, i), size=size, color=plots.COLOUR["ink"], parse_math=False, **middle)
    ax.text(y=y + 27, s=f"{cut.ids[i]}", size=ID_SIZE, color=plots.COLOUR["muted"], **middle)


def drawable(text):
    """The text with a square for each character that no font of the figure has."""
    return "".join(c if _in_fonts(c, tuple(rcParams["font.family"])) else "□" for c in text)


@lru_cache(maxsize=4096)
def _in_fonts(character, families):
    paths = (font_manager.findfont(font_manager.FontProperties(family=[name])) for name in families)
    return any(font_manager.get_font(path).get_char_index(ord(character)) for path in paths)


# --------------------------------------------------------------------------------------------------- the page


def chips_html(cut, most=MOST):
    """The chips as HTML: a list whose items hold the piece and, under it, the id."""
    items = []
    for i in range(min(len(cut), most)):
        kind = " lm-lost" if cut.unknown[i] else " lm-half" if cut.half[i] else ""
        face = html.escape((UNKNOWN_SIGN if cut.unknown[i] else "") + cut.pieces[i])
        items.append(f'<li class="lm-{i % 3}{kind}"><b>{face}</b><small>{cut.ids[i]}</small></li>')
    return f'<ol class="lm-chips" aria-label="tokens, and under each its id">{"".join(items)}</ol>'


def notes(cut, most=MOST):
    """What the signs on these chips mean; "" where there are none."""
    said = []
    if any(cut.unknown):
        said.append(f"{UNKNOWN_SIGN} with a dashed border: not in the vocabulary; the model sees only the id.")
    if any(cut.half):
        said.append("Dotted border: bytes of a character that is cut, such as \\xe4\\xb8.")
    if len(cut) > most:
        said.append(f"The first {most:,} of {len(cut):,} chips are drawn.")
    return " ".join(said)


class ChipsPanel(Panel):
    """The live chips. A new text asks for a guess first; after that every control answers at once."""

    def __init__(self, view):
        super().__init__(view)
        look = across()
        self.text = W.Text(value=view.text, description="Text", continuous_update=False, **look)
        self.which = W.ToggleButtons(
            options=list(view.tokenizers),
            value=view.name,
            description="Tokenizer",
            style={**look["style"], "button_width": "auto"},
        )
        most = [view.n_merges(name) for name in view.tokenizers]
        self.slider = W.IntSlider(
            value=0, min=0, max=max([n for n in most if n is not None], default=0), description="Merges done", **look
        )
        self.question = W.HTML()
        self.guess = W.Text(
            placeholder="a number, then Enter", description="Your guess", continuous_update=False,
            layout=W.Layout(width="280px"), style=look["style"],
        )  # fmt: skip
        self.show = W.Button(description="Just show me", tooltip="Show the tokens without a guess")
        self.chips = W.HTML()
        css = W.HTML(f"<style>{(HERE / 'chips.css').read_text(encoding='utf-8')}</style>")
        css.layout.display = "none"
        self._fit_slider()
        self._ask()
        self.text.observe(self._safely(self._new_text), "value")
        self.which.observe(self._safely(self._new_tokenizer), "value")
        self.slider.observe(self._safely(self._new_merges), "value")
        self.guess.observe(self._safely(self._guessed), "value")
        self.show.on_click(self._safely(self._shown))
        parts = [self.text, self.which, self.question, W.HBox([self.guess, self.show]), self.sentence, self.chips]
        if any(n is not None for n in most):
            parts.insert(2, self.slider)
        self.children = [*parts, css, self.guard]

    def _say(self, sentence, more=""):
        # room for three lines, so that the chips stay where they are
        lines = f"{html.escape(sentence)}<br><small>{html.escape(more)}</small>"
        self.sentence.value = f'<div style="min-height:4.8em;max-width:792px;line-height:1.6">{lines}</div>'

    def _ask(self):
        self._covered, self._said = True, None
        with self._quietly():
            self.guess.value = ""
        length = _count(len(self.view.text), "character")
        self.question.value = f"<b>Predict first.</b> The text has {length}. How many tokens will it be?"
        self.chips.value = '<ol class="lm-chips"></ol>'
        self._say("Answer the question, then the tokens appear.")

    def _draw(self):
        view = self.view
        cut = view.compute(view.text, view.name, view.merges)
        if self._covered:
            return
        self.chips.value = chips_html(cut)
        merge = view.last_merge(view.name, view.merges)
        self._say(f"{self._verdict()}{cut.sentence()}. {merge}", notes(cut))

    def _verdict(self):
        """What became of the guess; it was made for one tokenizer, so with another it is left out."""
        if self._said is None or self._said[1:] != (self.view.name, self.view.merges):
            return ""
        said, tokens = self._said[0], len(self.view.compute(self.view.text, self.view.name, self.view.merges))
        return f"✓ {said} it is. " if said == tokens else f"✗ You said {said}. "

    def _new_text(self, change):
        self.view.compute(change["new"], self.view.name, self.view.merges)  # refused here, nothing is changed
        self.view.text = change["new"]
        self._ask()

    def _fit_slider(self):
        """The slider as the tokenizer wants it: its merges, or out of sight (its place stays)."""
        most = self.view.n_merges(self.view.name)
        if most is not None:
            with self._quietly():
                self.slider.max = most
                self.slider.value = most if self.view.merges is None else self.view.merges
        self.slider.layout.visibility = "hidden" if most is None else "visible"

    def _new_tokenizer(self, change):
        self.view.name, self.view.merges = change["new"], None
        self._fit_slider()
        self._draw()

    def _new_merges(self, change):
        self.view.merges = change["new"]
        self._draw()

    def _guessed(self, change):
        if not change["new"].strip():
            return
        if not change["new"].strip().isdecimal():
            raise ValueError("Type a whole number, such as 12, or press 'Just show me'.")
        self._said = (int(change["new"]), self.view.name, self.view.merges)
        self._shown()

    def _shown(self, _button=None):
        self._covered = False
        self._draw()
