"""What language models are used for: labelled examples by name, one file a task.

Each file has `load(name, split)`: "village" is written by the village's own generator, so the truth is known; every
other name is a real data set, pinned by its SHA-256 and fetched as `lmlib.fetch` does. Both give `Examples` of the
same type, so a lesson changes one name and nothing else.
"""

from .base import Examples

__all__ = ["Examples", "available"]


def available():
    """The names that each task's `load` knows: a dict of task to names."""
    from . import questions, recommendation, sentiment, translation

    return {
        "translation": list(translation._CATALOGUE),
        "sentiment": list(sentiment._SOURCES),
        "questions": list(questions.NAMES),
        "recommendation": list(recommendation._CATALOGUE),
    }
