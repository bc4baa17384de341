"""Translation: batches of pairs, a translator of any encoder-decoder, scores and kinds of errors."""

from .batches import PairBatches, translation_loss
from .errors import errors
from .scores import link_hits, scores, token_spans, true_links
from .translator import Translator

__all__ = [
    "PairBatches",
    "Translator",
    "errors",
    "link_hits",
    "scores",
    "token_spans",
    "translation_loss",
    "true_links",
]
