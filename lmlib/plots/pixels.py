"""Small pictures: the village's scenes with the letter of each colour, and grey ones."""

import numpy as np
from matplotlib.colors import to_rgb

from ..village.pictures import LETTERS, SIDE, text_of
from .style import COLOUR, figure, sequential, wrap

# The paints of a picture are the same in both themes: bright on a dark ground, each with its letter.
PAINT = ("#262B36", "#F07B52", "#5AA5F0", "#35C07A", "#F5DF55", "#E39AD3", "#F6F6F2")
INK = "#15171C"  # of the letters


def draw_picture(ax, picture, title="", *, letters=True, size=8, colour=None):
    """Draw a picture (64 numbers of the palette) on axes; returns the image."""
    image = ax.imshow(paints(picture), interpolation="nearest")
    ax.set(xticks=[], yticks=[])
    ax.grid(visible=False)
    for side in ax.spines.values():
        side.set(visible=True, color=COLOUR["pale"])
    if letters:
        for place, pixel in enumerate(picture):
            if pixel:
                at = place % SIDE, place // SIDE + 0.04
                ax.text(*at, LETTERS[pixel], ha="center", va="center", size=size, color=INK)
    if title:
        ax.set_title(title, size=size + 1, weight="normal", color=colour or COLOUR["ink"], loc="left")
    return image


def paints(picture):
    """The picture as an image, float (8, 8, 3); pixels that are missing at its end are ground."""
    picture = [*picture, *[0] * (SIDE**2 - len(picture))]
    return np.array([to_rgb(PAINT[pixel]) for pixel in picture]).reshape(SIDE, SIDE, 3)


def pictures(some, titles, *, title=None, columns=4, colours=None):
    """A figure of several pictures with a title over each: `pictures([p, q], ["one red cat", "two blue keys"])`."""
    rows = -(-len(some) // columns)
    width = 7.2 / columns
    broken = ["\n".join(wrap(text, 72 * width - 14, 9)) for text in titles]
    lines = max(text.count("\n") + 1 for text in broken)
    fig, axes = figure(rows, columns, title=title, height=0.45 + rows * (width - 0.15 + 0.16 * lines), squeeze=False)
    for place, ax in enumerate(axes.flat):
        if place < len(some):
            draw_picture(ax, some[place], broken[place], colour=colours[place] if colours else None)
        else:
            ax.axis("off")
    return fig


def pictures_alt(some, titles):
    """The pictures in words: each title, and its rows of letters."""
    told = [
        f"{text.replace(chr(10), ' ')}: {text_of(p).replace(' ', '').replace(chr(10), ' / ')}"
        for p, text in zip(some, titles)
    ]
    return f"{len(some)} pictures of 8 by 8 pixels, row by row ({', '.join(_named())}). " + "; ".join(told) + "."


def _named():
    from ..village.pictures import PALETTE

    return [f"{letter} {name}" for letter, name in zip(LETTERS, PALETTE)]


def greys(some, titles, *, title=None, columns=10, colours=None):
    """A figure of grey pictures, each 64 numbers from 0 to 16, dark where the number is large."""
    rows = -(-len(some) // columns)
    fig, axes = figure(rows, columns, title=title, height=0.5 + rows * (7.2 / columns + 0.12), squeeze=False)
    for place, ax in enumerate(axes.flat):
        ax.axis("off")
        if place < len(some):
            ax.imshow(
                np.reshape(some[place], (SIDE, SIDE)), cmap=sequential(), vmin=0, vmax=16, interpolation="nearest"
            )
            ax.set_title(titles[place], size=9, weight="normal", color=(colours or {}).get(place, COLOUR["muted"]))
    return fig
