"""Text with numbers over it: how much each character surprised a model."""

import math

import numpy as np

from .style import COLOUR, figure, sequential, spoken, visible


def surprise_strip(text, bits, *, title=None, columns=32, top=8.0):
    """The text in lines of `columns` characters; over each a bar, as high and as strong as its surprise.

    bits: one number a character, −log2 of the probability it had. A bar ends at `top` bits; the number over
    it is always the true one. Below 0.05 bits the number is left out.
    """
    if not text:
        raise ValueError("There is no text to draw.")
    if len(text) != len(bits):
        raise ValueError("Give one number of bits for each character.")
    lines = max(1, math.ceil(len(text) / columns))
    fig, ax = figure(title=title or surprise_title(text, bits), height=0.65 + 0.92 * lines)
    colours = sequential()
    for i, (character, surprise) in enumerate(zip(text, bits, strict=True)):
        x, y = i % columns, -(i // columns) * 2.0
        height = min(float(surprise), top) / top
        # from a fifth of the scale on, so that a small bar is still to be seen
        ax.bar(x, height, bottom=y, width=0.86, color=colours(0.22 + 0.6 * height))
        if surprise >= 0.05:
            ax.text(x, y + height + 0.05, _number(surprise), ha="center", size=7.5, color=COLOUR["muted"])
        ax.text(x, y - 0.08, visible(character), ha="center", va="top", size=12, color=COLOUR["ink"])
        ax.plot([x - 0.43, x + 0.43], [y, y], color=COLOUR["pale"], linewidth=1, linestyle="-")
    ax.set_xlim(-0.6, columns - 0.4)
    highest = min(max(bits[:columns]), top) / top
    ax.set_ylim(-(lines - 1) * 2.0 - 0.62, highest + 0.3)
    ax.axis("off")
    return fig


def _number(bits):
    return "∞" if math.isinf(bits) else f"{bits:.1f}"


def surprise_title(text, bits):
    worst = int(np.argmax(bits))
    what = f"the biggest surprise is {spoken(text[worst])}, {bits[worst]:.1f}"
    return f"{np.mean(bits):.2f} bits a character; {what}"


def surprise_strip_alt(text, bits, *, most=3):
    """One sentence: the mean, and the most surprising characters with what stood before them."""
    order = np.argsort(-np.asarray(bits, dtype=float), kind="stable")[:most]
    places = [
        f"{spoken(text[i])} after {spoken(text[max(0, i - 10) : i]) if i else 'nothing'} ({bits[i]:.1f})"
        for i in order
    ]
    mean = f"Surprise at each of {len(text)} characters, {np.mean(bits):.2f} bits on average"
    return f"{mean}; most at {', '.join(places)}."
