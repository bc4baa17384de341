"""Helpers of the course Little Language Models. Import the room you need: `from lmlib import village`."""

__version__ = "0.1.0"
