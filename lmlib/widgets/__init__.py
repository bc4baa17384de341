"""Interactive views: change one thing, see numbers and picture move together.

Each view takes plain functions and numbers, so it works with the model that you have just built. Each can
also say what it shows (`alt()`) and draw it (`static()`): that is what a page without a running kernel shows,
and with `LM_STATIC=1` in the environment it is all.
"""

from .attention import AttentionView
from .chips import TokenChips
from .costs import CostView
from .decoding import DecodingExplorer
from .embedding_map import EmbeddingMap
from .gaps import GapView
from .gates import GateBoard
from .guess import GuessGame
from .patching import PatchView
from .pixels import PictureView
from .positions import PositionView
from .reach import MemoryReach
from .reading import ReadingView
from .sampler import Sampler
from .secrets import SecretView
from .shots import ShotsView
from .stepper import RNNStepper
from .translation import TranslationView
from .verdicts import VerdictView
from .xray import GPTXray

__all__ = [
    "AttentionView",
    "CostView",
    "DecodingExplorer",
    "EmbeddingMap",
    "GPTXray",
    "GapView",
    "GateBoard",
    "GuessGame",
    "MemoryReach",
    "PatchView",
    "PictureView",
    "PositionView",
    "ReadingView",
    "RNNStepper",
    "Sampler",
    "SecretView",
    "ShotsView",
    "TokenChips",
    "TranslationView",
    "VerdictView",
]
