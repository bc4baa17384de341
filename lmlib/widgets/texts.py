"""What the gap view and the verdict view share: one text of the learner's, and bars that are drawn anew for it."""

import ipywidgets as W

from .. import plots
from .base import SHOW, AskingPanel, View, across


class TextView(View):
    """`compute(text)` gives what is found in a text. A subclass says it (`told(found)`), names it
    (`headline(found)`), draws it (`_picture(found, title)`, `height` inches tall) and has the answer `right(found)`.
    """

    def alt(self):
        return self.told(self.compute())

    def title(self):
        return self.headline(self.compute())

    def figure(self):
        found = self.compute()
        return self._picture(found, self.headline(found))


class TextPanel(AskingPanel):
    """The live view: a text, a guess, then the bars. A new text is a new question.

    name: of the text's box. says: what stands before the right answer.
    """

    says = ""

    def __init__(self, view, options, name):
        super().__init__(view, options)
        self.text = W.Text(value=view.text, description=name, continuous_update=False, **across("4em"))
        self._ask()
        self.text.observe(self._safely(self._new_text), "value")
        self.children = [self.text, self.question, self.answer, self.sentence, self.image, self.guard]

    def _ask(self):
        self.answer.value = None
        self._cover(*plots.figure(height=self.view.height))

    def _new_text(self, change):
        self.view.compute(change["new"])  # a text that will not do is refused here, nothing changed
        self.view.text = change["new"]
        self._ask()

    def _answered(self, answer):
        found = self.view.compute()
        self.image.value = plots.png_of(self.view._picture(found))
        right = self.view.right(found)
        verdict = "" if answer == SHOW else f"{'✓ Yes' if answer == right else '✗ No'}, {self.says}{right}. "
        self._say(verdict + self.view.told(found))
