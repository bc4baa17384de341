"""Every figure of the course: one style (`style.py`) and the charts that several lessons use.

Each chart returns a figure, and its twin `<name>_alt` says the same in one sentence, from the same data.

from lmlib import plots
fig, ax = plots.figure(title="Loss falls")
ax.plot(losses, color=plots.COLOUR["train"])
plots.show(fig, alt="The loss falls from 4.1 to 1.3 in 400 steps.")
"""

from .bars import distribution, distribution_alt, scoreboard, scoreboard_alt
from .curves import reliability, reliability_alt, smooth, training_curve, training_curve_alt
from .pixels import INK, draw_picture, greys, pictures, pictures_alt
from .strips import surprise_strip, surprise_strip_alt
from .style import (
    COLOUR,
    bare,
    beside,
    diverging,
    figure,
    headline,
    legible,
    picture_bundle,
    png_of,
    sequential,
    setup,
    show,
    spoken,
    text_width,
    visible,
    wrap,
)

__all__ = [
    "bare",
    "beside",
    "COLOUR",
    "INK",
    "distribution",
    "distribution_alt",
    "diverging",
    "draw_picture",
    "figure",
    "greys",
    "headline",
    "legible",
    "picture_bundle",
    "pictures",
    "pictures_alt",
    "png_of",
    "reliability",
    "reliability_alt",
    "scoreboard",
    "scoreboard_alt",
    "sequential",
    "setup",
    "show",
    "smooth",
    "spoken",
    "surprise_strip",
    "surprise_strip_alt",
    "text_width",
    "training_curve",
    "training_curve_alt",
    "visible",
    "wrap",
]
