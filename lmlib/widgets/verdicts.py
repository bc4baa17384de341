"""Several classifiers read one text: what each says, and which words moved it."""

import html

import ipywidgets as W
import numpy as np

from .. import plots
from .base import SHOW, Guard, Panel, View, picture

MOST = 44  # words in one picture: more could not be read
SAYS = ("blame", "praise")


class VerdictView(View):
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

    def alt(self):
        return _sentence(self.compute())

    def title(self):
        return _title(self.compute())

    def figure(self):
        found = self.compute()
        return self._picture(found, _title(found))

    def _picture(self, found, title=None):
        """One row of bars for each classifier over the same words: up towards praise, down towards blame."""
        n = len(found)
        fig, axes = plots.figure(n, 1, title=title, height=1.7 + 1.05 * n, sharex=True, squeeze=False)
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


def _sentence(found):
    """One sentence a classifier: its verdict and the words that moved it most; then what they do not know."""
    parts = []
    for name, p, words, values, _ in found:
        order = [i for i in np.argsort(-abs(values), kind="stable")[:3] if abs(values[i]) >= 0.005]
        moved = ", ".join(f"“{words[i]}” {values[i]:+.2f}" for i in order)
        parts.append(f"{name} says {_verdict(p)}" + (f" (most: {moved})" if moved else " (no word moves it)"))
    sentence = "; ".join(parts) + "."
    for name, _, _, _, unknown in found:
        if unknown:
            sentence += f" {name} does not know {', '.join(unknown[:4])}{' and more' if len(unknown) > 4 else ''}."
    return sentence


def _title(found):
    said = {SAYS[p > 0.5] for _, p, *_ in found}
    if len(said) == 1:
        who = "All" if len(found) > 1 else found[0][0]
        return f"{who} say {said.pop()}" if len(found) > 1 else f"{who} says {said.pop()}"
    praise = [name for name, p, *_ in found if p > 0.5]
    blame = [name for name, p, *_ in found if p <= 0.5]
    return f"Praise, says {' and '.join(praise)}; blame, says {' and '.join(blame)}"


class VerdictPanel(Panel):
    """The live view: a text, a guess, then the bars. A new text is a new question."""

    lines = 4

    def __init__(self, view):
        self.view, self._found, self._asking = view, None, False
        wide, named = W.Layout(width="100%", max_width="792px"), {"description_width": "4em"}
        self.text = W.Text(value=view.text, description="Opinion", continuous_update=False, layout=wide, style=named)
        self.question = W.HTML(
            f"<b>Predict first.</b> What will <b>{html.escape(view.asked)}</b> say of this opinion? And is it right?"
        )
        self.answer = W.ToggleButtons(options=[*SAYS, SHOW], value=None, style={"button_width": "auto"})
        self.answer.add_class("lm-answer")
        self.sentence = W.HTML()
        self.sentence.add_class("lm-live")
        self.image, self.guard = picture(), Guard()
        self._ask()
        self.text.observe(self._safely(self._new_text), "value")
        self.answer.observe(self._safely(self._answered), "value")
        super().__init__([self.text, self.question, self.answer, self.sentence, self.image, self.guard])

    def _ask(self):
        self._asking, self.answer.value, self._asking = True, None, False
        self._cover(*plots.figure(height=1.7 + 1.05 * len(self.view.classifiers)))

    def _new_text(self, change):
        self.view.compute(change["new"])  # a text that cannot be judged is refused here, nothing changed
        self.view.text = change["new"]
        self._ask()

    def _answered(self, change):
        if change["new"] is None or self._asking:
            return
        found = self.view.compute()
        self.image.value = plots.png_of(self.view._picture(found))
        p = next(p for name, p, *_ in found if name == self.view.asked)
        verdict = ""
        if change["new"] != SHOW:
            right = change["new"] == SAYS[p > 0.5]
            verdict = f"{'✓ Yes' if right else '✗ No'}, it says {SAYS[p > 0.5]}. "
        self._say(verdict + _sentence(found))
