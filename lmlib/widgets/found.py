"""What views share whose numbers are found at once, and whose picture is drawn anew at each change."""

import ipywidgets as W

from .. import plots
from .base import SHOW, AskingPanel, View, across


class FoundView(View):
    """`compute()` gives what is found. A subclass says it (`told(found)`), names it (`headline(found)`), draws it
    (`_picture(found, title)`) in a figure of so many inches (`height`), and says which answer is `right(found)`.
    """

    def alt(self):
        return self.told(self.compute())

    def title(self):
        return self.headline(self.compute())

    def figure(self):
        found = self.compute()
        return self._picture(found, self.headline(found))


class FoundPanel(AskingPanel):
    """The panel of a `FoundView`. says: what stands before the right answer."""

    says = ""

    def _ask(self):
        self.answer.value = None
        self._cover(*plots.figure(height=self.view.height))

    def _answered(self, answer):
        found = self.view.compute()
        right = self.view.right(found)
        self._show(found, "" if answer == SHOW else f"{'✓ Yes' if answer == right else '✗ No'}, {self.says}{right}. ")

    def _show(self, found, verdict=""):
        self.image.value = plots.png_of(self.view._picture(found))
        self._say(verdict + self.view.told(found))


class TextPanel(FoundPanel):
    """One text, a guess, then the picture; a new text is a new question. name: of the text's box."""

    def __init__(self, view, options, name):
        super().__init__(view, options)
        self.text = W.Text(value=view.text, description=name, continuous_update=False, **across("4em"))
        self._ask()
        self.text.observe(self._safely(self._new_text), "value")
        self.children = [self.text, self.question, self.answer, self.sentence, self.image, self.guard]

    def _new_text(self, change):
        self.view.compute(change["new"])  # a text that will not do is refused here, nothing changed
        self.view.text = change["new"]
        self._ask()
