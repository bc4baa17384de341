"""Several classifiers read one text: what each says, and which words moved it."""

import html

import numpy as np

from .. import plots
from .base import SHOW
from .texts import TextPanel, TextView

MOST = 44  # words in one picture: more could not be read
SAYS = ("blame", "praise")


class VerdictView(TextView):
    """A text and the verdicts of several classifiers, each with the share of every word.

    classifiers: mapping from a name to an object with `probabilities(texts)` (of praise), `contributions(text)` and
    `knows(word)`, as in `lmlib.tasks.classify`. asked: the one that the question is about (default: the last).

    Raises ValueError for no classifier, a name that is none of theirs, and a text that cannot be shown.

    >>> VerdictView({"counts": counted, "LSTM": lstm}, "The soup was never bad.")      # as the last line of a cell
    """

    def __init__(self, classifiers, text, *, asked=None):
        if not classifiers:
            raise ValueError("there is no classifier: give a mapping from names to classifiers")
        self.classifiers = dict(classifiers)
        self.asked = list(self.classifiers)[-1] if asked is None else asked
        if self.asked not in self.classifiers:
            raise ValueError(f"no classifier is called {self.asked!r}: take one of {', '.join(self.classifiers)}")
        self.text = text
        self.compute()

    # ------------------------------------------------------------------ numbers

    def compute(self, text=None):
        """For each classifier (name, probability of praise, words, contributions, words that it does not know).

        Raises ValueError, in a sentence for the reader, for a text without words or with too many.
        """
        text = self.text if text is None else text
        found = []
        for name, classifier in self.classifiers.items():
            words = classifier.words(text)
            if not any(any(map(str.isalnum, word)) for word in words):
                raise ValueError("there is no word in this text: type an opinion, such as The soup was good.")
            if len(words) > MOST:
                raise ValueError(
                    f"this text has {len(words)} words and marks, the picture room for {MOST}: shorten it"
                )
            unknown = [word for word in dict.fromkeys(words) if not classifier.knows(word)]
            words, values = classifier.contributions(text)
            found.append((name, float(classifier.probabilities([text])[0]), words, np.asarray(values), unknown))
        return found

    # ------------------------------------------------------- picture and sentence

    def told(self, found):
        """One sentence a classifier: its verdict and the words that moved it most; then what they do not know."""
        parts = []
        for name, p, words, values, _ in found:
            order = [i for i in np.argsort(-abs(values), kind="stable")[:3] if abs(values[i]) >= 0.005]
            moved = ", ".join(f"“{words[i]}” {values[i]:+.2f}" for i in order)
            parts.append(f"{name} says {_verdict(p)}" + (f" (most: {moved})" if moved else " (no word moves it)"))
        sentence = "; ".join(parts) + "."
        for name, _, _, _, unknown in found:
            if unknown:
                more = " and more" if len(unknown) > 4 else ""
                sentence += f" {name} does not know {', '.join(unknown[:4])}{more}."
        return sentence

    def headline(self, found):
        said = {SAYS[p > 0.5] for _, p, *_ in found}
        if len(said) == 1:
            return f"{'All say' if len(found) > 1 else f'{found[0][0]} says'} {said.pop()}"
        praise = [name for name, p, *_ in found if p > 0.5]
        blame = [name for name, p, *_ in found if p <= 0.5]
        return f"Praise, says {' and '.join(praise)}; blame, says {' and '.join(blame)}"

    def right(self, found):
        return next(SAYS[p > 0.5] for name, p, *_ in found if name == self.asked)

    @property
    def height(self):
        """Inches."""
        return 1.7 + 1.05 * len(self.classifiers)

    def _picture(self, found, title=None):
        """One row of bars for each classifier over the same words: up towards praise, down towards blame."""
        n = len(found)
        fig, axes = plots.figure(n, 1, title=title, height=self.height, sharex=True, squeeze=False)
        colour = plots.COLOUR
        for ax, (name, p, words, values, _) in zip(axes[:, 0], found):
            x = np.arange(len(words))
            up = np.asarray(values) >= 0
            ax.bar(x[up], values[up], color=colour["model"], width=0.8)
            ax.bar(
                x[~up], values[~up], color=colour["alternative"], hatch="///", edgecolor=colour["paper"], width=0.8
            )
            ax.axhline(0, color=colour["ink"], linewidth=0.8, linestyle="-")
            most = max(abs(values).max(), 0.5)
            ax.set_ylim(-1.15 * most, 1.15 * most)
            ax.set_yticks([-most, most], [f"blame −{most:.1f}", f"praise +{most:.1f}"], size=8.5)
            ax.grid(visible=False)
            ax.set_title(f"{name}: {_verdict(p)}", loc="left", size=10.5, weight="bold", color=colour["ink"], pad=3)
        longest = max(len(words) for _, _, words, _, _ in found)
        labels = next(words for _, _, words, _, _ in found if len(words) == longest)
        axes[-1, 0].set_xticks(range(longest), labels, rotation=90, size=9)
        axes[-1, 0].set_xlim(-0.6, longest - 0.4)
        return fig

    # ------------------------------------------------------------------- widget

    def build(self):
        return VerdictPanel(self)


def _verdict(p):
    """'praise, 0.93', with the probability of what is said."""
    return f"{SAYS[p > 0.5]}, {max(p, 1 - p):.2f}"


class VerdictPanel(TextPanel):
    lines, says = 4, "it says "

    def __init__(self, view):
        super().__init__(view, [*SAYS, SHOW], "Opinion")
        self.question.value = (
            f"<b>Predict first.</b> What will <b>{html.escape(view.asked)}</b> say of this opinion? And is it right?"
        )
