"""Interactive views: change one thing, see numbers and picture move together.

Each view takes plain functions and numbers, so it works with the model that you have just built. Each can
also say what it shows (`alt()`) and draw it (`static()`): that is what a page without a running kernel shows,
and with `LM_STATIC=1` in the environment it is all.
"""

from .attention import AttentionView
from .chips import TokenChips
from .decoding import DecodingExplorer
from .embedding_map import EmbeddingMap
from .gaps import GapView
from .gates import GateBoard
from .guess import GuessGame
from .positions import PositionView
from .reach import MemoryReach
from .reading import ReadingView
from .sampler import Sampler
from .stepper import RNNStepper
from .translation import TranslationView
from .verdicts import VerdictView
from .xray import GPTXray

__all__ = [
    "AttentionView",
    "DecodingExplorer",
    "EmbeddingMap",
    "GPTXray",
    "GapView",
    "GateBoard",
    "GuessGame",
    "MemoryReach",
    "PositionView",
    "ReadingView",
    "RNNStepper",
    "Sampler",
    "TokenChips",
    "TranslationView",
    "VerdictView",
]
