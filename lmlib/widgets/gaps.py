"""The gap view: what stands in the gap of a text, guessed from the left side alone and from both sides."""

import html

import numpy as np

from .. import plots
from .base import SHOW
from .texts import TextPanel, TextView

TOP = 7  # words in each picture
SAME, OTHER = "the same word", "different words"


class GapView(TextView):
    """Several models guess the word in a gap ___ of one text, each with its likeliest words.

    fillers: mapping from a name to a function of a text with one gap, which returns (words, probabilities): the
    `law` of `lmlib.pretraining.Filler`. What it cannot fill it refuses with a ValueError, which is shown.

    Raises ValueError for fewer than two fillers and for a text that cannot be filled.

    >>> GapView({"left side": left.law, "both sides": both.law}, "The soup was ___.")     # as the last line of a cell
    """

    height = 3.3  # inches

    def __init__(self, fillers, text):
        if len(fillers) < 2:
            raise ValueError(
                "there is nothing to compare: give at least two fillers, a mapping from names to functions"
            )
        self.fillers, self.text = dict(fillers), text
        self.compute()

    # ------------------------------------------------------------------ numbers

    def compute(self, text=None):
        """For each filler (name, its TOP likeliest words, their probabilities).

        Raises ValueError, in a sentence for the reader, for a text that cannot be filled.
        """
        found = []
        for name, fill in self.fillers.items():
            words, p = fill(self.text if text is None else text)
            order = np.argsort(-np.asarray(p), kind="stable")[:TOP]
            found.append((name, [words[i] for i in order], np.asarray(p)[order]))
        return found

    # ------------------------------------------------------- picture and sentence

    def told(self, found):
        """One sentence: the three likeliest words of each filler."""
        parts = [
            f"{name} says " + ", ".join(f"“{word}” {share:.2f}" for word, share in zip(words[:3], p))
            for name, words, p in found
        ]
        return "; ".join(parts) + "."

    def right(self, found):
        return SAME if len({words[0] for _, words, _ in found}) == 1 else OTHER

    def headline(self, found):
        if self.right(found) == SAME:
            return f"All would write “{found[0][1][0]}” first"
        return "; ".join(f"{name}: “{words[0]}”" for name, words, _ in found)

    def _picture(self, found, title=None):
        """A chart of lying bars for each filler, side by side, all on one scale."""
        fig, axes = plots.figure(1, len(found), title=title, height=self.height, sharex=True)
        most = max(p.max() for _, _, p in found)
        for ax, (name, words, p) in zip(axes, found):
            last = name == found[-1][0]  # the one that sees most: it stands out by colour and is plain, not hatched
            look = (
                {"color": plots.COLOUR["model"]} if last else {"color": plots.COLOUR["alternative"], "hatch": "///"}
            )
            ax.barh(range(len(words)), p, height=0.7, edgecolor=plots.COLOUR["paper"], **look)
            for y, share in enumerate(p):
                plots.beside(ax, plots.bars.share(share), share, y, size=9)
            ax.set_yticks(range(len(words)), words)
            ax.set(ylim=(TOP - 0.4, -0.6), xlim=(0, 1.25 * most), xticks=[])
            plots.bare(ax)
            ax.set_title(name, loc="left", size=10.5, weight="bold", color=plots.COLOUR["ink"])
        return fig

    # ------------------------------------------------------------------- widget

    def build(self):
        return GapPanel(self)


class GapPanel(TextPanel):
    def __init__(self, view):
        super().__init__(view, [SAME, OTHER, SHOW], "Text")
        who = html.escape(" and ".join(view.fillers))
        self.question.value = f"<b>Predict first.</b> Which word comes first at the gap, for {who}?"
