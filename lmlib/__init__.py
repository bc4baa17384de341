"""Helpers of the course Little Language Models. Import the room you need: `from lmlib import village`."""

import os

__version__ = "0.1.0"

# torch keeps compiled code for every length of text that its LSTM has met, a thousand at most: hundreds of MB where
# each batch has a length of its own. Sixteen are enough for a model's layers; oneDNN reads this when first used.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "16")
