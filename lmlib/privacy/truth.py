"""How surprising the beginning of a story has to be: what a perfect reference model would say of it."""

from .. import village
from ..village.grammar import Reader
from ..village.truth import FORMS, Tale


class _Reached(Exception):
    """The asked-for place was reached: nothing behind it counts."""


class _Opening(Reader):
    """Reads a story up to a place between two choices."""

    def __init__(self, story, n):
        super().__init__(FORMS, story, "en")
        self.n = n

    def _decide(self, options, probabilities):
        if self.position >= self.n:
            raise _Reached
        return super()._decide(options, probabilities)


def opening_bits(story, n):
    """-log2 of the probability of the first `n` characters of an English story of the village.

    Quick where `n` lies between two choices of the narrator, else by `village.character_bits`, some hundred times
    slower. Raises ValueError where the text is no story.
    """
    reader = _Opening(story, n)
    try:
        Tale(reader).tell()
    except _Reached:
        pass
    return reader.bits if reader.position == n else sum(village.character_bits(story)[:n])
