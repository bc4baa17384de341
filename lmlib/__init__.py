"""Helpers of the course Little Language Models. Import the room you need: `from lmlib import village`."""

from . import frugal  # noqa: F401  (what it does on import must come before torch is used)

__version__ = "0.1.0"
