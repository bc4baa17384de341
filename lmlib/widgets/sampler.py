"""The sampler: what comes next, how temperature changes that, and the text that follows from it."""

import asyncio
import html
from dataclasses import dataclass

import ipywidgets as W
import numpy as np

from .. import plots
from ..plots.bars import draw_distribution, leading, share
from .base import SHOW, AskingPanel, FastFigure, View, across


def reweigh(probabilities, temperature):
    """Probabilities at a temperature: softmax(logits / T), which is p^(1/T) divided by its sum.

    At T = 1 they stay, towards 0 all goes to the likeliest, above 1 they even out.
    Raises ValueError unless T > 0.
    """
    if not temperature > 0:
        raise ValueError("A temperature must be above 0.")
    with np.errstate(divide="ignore"):
        logits = np.log(np.asarray(probabilities, dtype=float)) / temperature
    weights = np.exp(logits - logits.max())
    return weights / weights.sum()


@dataclass
class NextCharacter:
    """What may follow a prompt: tokens, their probabilities at temperature 1, and the true ones if known."""

    tokens: list
    probabilities: np.ndarray
    truth: np.ndarray | None


class Sampler(View):
    """Ask a language model what comes next, at any temperature.

    next_distribution: function of the text so far, returns a mapping character -> probability.
    generate: function of text so far, temperature and seed, returns the text that the model writes after it.
    truth: like next_distribution, the true probabilities; a ValueError means 'not a text of this world', and
        then the hatched bars are left out.

    >>> Sampler(next_distribution, generate, prompt="The cat sat on the ")      # as the last line of a cell
    """

    def __init__(self, next_distribution, generate, *, prompt="", temperature=1.0, seed=0, top=7, truth=None):
        self.next_distribution, self.generate, self.true_distribution = next_distribution, generate, truth
        self.prompt, self.temperature, self.seed, self.top = prompt, float(temperature), int(seed), top
        self._known = {}  # prompt -> NextCharacter: the slider asks the model nothing

    # ------------------------------------------------------------------ numbers

    def next(self, prompt):
        """What may follow `prompt`; the model is asked once for each prompt."""
        if prompt not in self._known:
            model = self.next_distribution(prompt)
            tokens = list(model)
            probabilities = np.array([model[token] for token in tokens])
            self._known[prompt] = NextCharacter(tokens, probabilities, self._truth(prompt, tokens))
        return self._known[prompt]

    def _truth(self, prompt, tokens):
        if self.true_distribution is None:
            return None
        try:
            truth = self.true_distribution(prompt)
        except ValueError:
            return None
        return np.array([truth.get(token, 0.0) for token in tokens])

    def compute(self, prompt=None, temperature=None):
        """(tokens, probabilities at the temperature, true probabilities or None), the likeliest first."""
        found = self.next(self.prompt if prompt is None else prompt)
        order = np.argsort(-found.probabilities, kind="stable")
        truth = None if found.truth is None else found.truth[order]
        temperature = self.temperature if temperature is None else temperature
        return [found.tokens[i] for i in order], reweigh(found.probabilities[order], temperature), truth

    def choices(self):
        """The three characters that the question offers: the likeliest, in the order of the alphabet."""
        return sorted(self.compute(temperature=1.0)[0][:3])

    def write(self):
        """What the model writes after the prompt, at this temperature and seed."""
        return self.generate(self.prompt, self.temperature, self.seed).removeprefix(self.prompt)

    # ------------------------------------------------------- picture and sentence

    def alt(self):
        tokens, p, truth = self.compute()
        sentence = plots.distribution_alt(tokens, p, truth=truth).removeprefix("What comes next: ")
        return f"After '{_end(self.prompt)}' at temperature {self.temperature:.2f} comes {sentence}"

    def _bars(self, ax):
        tokens, p, truth = self.compute()
        names, series = leading(tokens, p, truth=truth, top=self.top)
        drawn = draw_distribution(ax, names, series)
        ax.set_xticks(np.linspace(0, 1, 6))
        ax.set_xlim(0, 1.2)  # always the same scale: a bar's length means the same at any temperature
        return drawn

    def _height(self):
        return 1.15 + (0.38 if self.true_distribution is not None else 0.31) * (self.top + 1)

    def figure(self):
        """The distribution, and under it the text that the model writes."""
        height = self._height()
        tokens, p, _ = self.compute()
        likeliest = f"{plots.spoken(tokens[0])} is likeliest: {p[0]:.2f} at temperature {self.temperature:.1f}"
        title = f"After '{_end(self.prompt)}', {likeliest}"
        fig, (bars, text) = plots.figure(
            2, 1, title=title, height=height + 1.2, gridspec_kw={"height_ratios": [height, 0.9]}
        )
        self._bars(bars)
        text.axis("off")
        written = plots.wrap(self.prompt.replace("\n", " ") + "|" + self.write().replace("\n", " "), 440, 11)
        text.text(0, 1, "\n".join(written[:4]), va="top", color=plots.COLOUR["ink"], linespacing=1.5)
        return fig

    # ------------------------------------------------------------------- widget

    def build(self):
        return SamplerPanel(self)


def _end(text, length=30):
    """The end of a text, as a title quotes it."""
    return plots.visible(text if len(text) <= length else "…" + text[-length:])


class SamplerPanel(AskingPanel):
    """The live sampler. Every control changes one thing; picture, numbers and sentence move together."""

    lines = 2

    def __init__(self, view):
        super().__init__(view)
        look = across()
        self.text = W.Text(value=view.prompt, description="Text so far", continuous_update=False, **look)
        self.slider = W.FloatSlider(
            value=view.temperature, min=0.1, max=2.0, step=0.05, description="Temperature", **look
        )
        self.again = W.Button(description="Draw again", tooltip="Write on with the next seed")
        self.written = W.HTML()
        self._fast = self._moving = self._timer = None
        self._ask()
        self.text.observe(self._safely(self._new_text), "value")
        self.slider.observe(self._safely(self._new_temperature), "value")
        self.again.on_click(self._safely(self._draw_again))
        self.children = [
            self.text, self.question, self.answer, self.sentence, self.slider, self.image, self.again,
            self.written, self.guard,
        ]  # fmt: skip

    def _ask(self):
        """A new text: a new question, and everything that would betray the answer covered."""
        choices = self.view.choices()
        self.question.value = (
            f"<b>Predict first.</b> Which of these is most likely to come next after "
            f"<code>{html.escape(_end(self.view.prompt))}</code>?"
        )
        names = {" ": "␣ (blank)", "\n": "↵ (line end)"}
        options = [(f" {names.get(token, token)} ", token) for token in choices]
        self._offer([*options, (SHOW, SHOW)])
        self._covered = True
        self._write_html("")
        self._cover(*plots.figure(height=self.view._height()))

    def _new_text(self, change):
        self.view.next(change["new"])  # a text that the model cannot read is refused here, nothing changed
        self.view.prompt = change["new"]
        self._ask()

    def _answered(self, answer):
        if self._covered:
            self._covered = False
            self._draw_bars()
            self._write()
        self._say(self._verdict() + self.view.alt())

    def _verdict(self):
        if self.answer.value in (None, SHOW):
            return ""
        tokens, p, _ = self.view.compute(temperature=1.0)
        said = tokens.index(self.answer.value)
        if p[said] == p[0]:  # the likeliest, or as likely
            return f"✓ Yes, {plots.spoken(tokens[said])}. "
        return f"✗ You said {plots.spoken(tokens[said])}, the model {plots.spoken(tokens[0])}. "

    def _new_temperature(self, change):
        self.view.temperature = change["new"]
        if self._covered:
            return
        self._move_bars()
        self._say(self._verdict() + self.view.alt())
        self._when_rested(self._safely(self._write))

    def _draw_again(self, _button):
        self.view.seed += 1
        if not self._covered:
            self._write()

    def _draw_bars(self):
        """A new prompt: labels change, so lay out anew; from then on only the model's bars move."""
        fig, ax = plots.figure(height=self.view._height())
        self._moving = self.view._bars(ax)
        self._fast = FastFigure(fig, [artist for bar, texts in self._moving for artist in (bar, *texts)])
        self.image.value = self._fast.png()

    def _move_bars(self):
        tokens, p, _ = self.view.compute()
        _, (values, *_) = leading(tokens, p, top=self.view.top)
        for (bar, texts), value in zip(self._moving, values, strict=True):
            bar.set_width(value)
            texts[0].set_text(share(value))
            for text in texts:
                text.xy = (value, text.xy[1])
        self.image.value = self._fast.png()

    def _write(self):
        self._write_html(self.view.write())

    def _write_html(self, text):
        view = self.view
        note = f"temperature {view.temperature:.2f}, seed {view.seed}" if text else ""
        self.written.value = (
            f'<div style="white-space:pre-wrap;height:8.5em;overflow:auto;max-width:792px;line-height:1.5">'
            f'<span style="opacity:.65">{html.escape(view.prompt)}</span><b>{html.escape(text)}</b>'
            f'<br><small style="opacity:.75">{note}</small></div>'
        )

    def _when_rested(self, action, seconds=0.3):
        """Call `action` once the slider has rested; at once where no event loop runs (a test, a script)."""
        if self._timer is not None:
            self._timer.cancel()
        try:
            self._timer = asyncio.get_running_loop().call_later(seconds, action)
        except RuntimeError:
            action()
