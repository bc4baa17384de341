"""The translation view: type a sentence, read its translation, and see where the model looked for each word."""

from .attention import LONGEST, Attention, AttentionView, _spoken


class TranslationView(AttentionView):
    """A translator's attention over a sentence of the learner's own: a row for each token that it wrote.

    translator: a `translation.Translator`. text: what is translated first. layer: which layer of the decoder (by
    default the last); head, heads: as in `AttentionView`; query: which token of the translation, the last where it is
    shorter.

    Raises ValueError for an empty text, for characters that the model has never seen, for a text that is too long,
    and for a model without attention. Words that are new to the model are spelled, and the sentence says so.

    >>> TranslationView(translator, "Clara had a red umbrella.")      # as the last line of a cell
    """

    def __init__(self, translator, text, *, layer=-1, head=0, query=None, heads=None):
        self.translator, self.layer = translator, layer
        super().__init__(self.translate, text, head=head, heads=heads)
        if query is not None:  # nobody knows beforehand how long the translation will be
            self.query = min(max(query, 0), len(self.found.queries) - 1)

    def read(self, text):
        super().read(text)
        self.written, self.spelled = self._told

    def translate(self, text):
        """The `Attention` of a text's translation; nothing of the view changes where there is none."""
        words, characters = self.translator.strange(text)
        if characters:
            raise ValueError(f"this model has never seen the character {characters[0]!r}: leave it out")
        written = self.translator.translate([text])[0]
        rows, columns, weights = self.translator.look(text, written)
        if not weights:
            raise ValueError("this model does not look back: take one with attention")
        if len(columns) > LONGEST:
            raise ValueError(f"this view shows {LONGEST} tokens at most: give a shorter sentence")
        self._told = written, words
        # A translation that is longer is shown up to there: a badly trained model may write without end.
        return Attention(rows[:LONGEST], columns, weights[self.layer][:, :LONGEST].numpy())

    def alt(self):
        parts = [f"“{self.text}” becomes “{self.written}”"]
        if self.spelled:
            new = ", ".join(self.spelled)
            parts.append(f"new to the model, and read letter by letter: {new}")
        return f"{'; '.join(parts)}. {super().alt()}"

    def title(self):
        asks, best = self.found.queries[self.query], self.found.ranking(self.head, self.query)[0]
        weight = self.found.weights[self.head, self.query, best]
        return f"To write {_spoken(asks)} the model looks most at {_spoken(self.found.keys[best])} ({weight:.2f})"
