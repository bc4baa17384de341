"""What all interactive views share: numbers, picture and sentence first, the widget around them last."""

import html
import os
from pathlib import Path

import anywidget
import ipywidgets
import traitlets
from IPython.display import display

from .. import plots
from ..plots.style import png_of_canvas

HERE = Path(__file__).parent
SHOW = "just show me"  # the answer of those who do not want to guess


def static_only():
    """True where pictures take the place of widgets: `LM_STATIC=1` (printed editions, tests of notebooks)."""
    return os.environ.get("LM_STATIC", "") not in ("", "0")


class View:
    """An interactive view. A subclass says what it computes, draws and says; this class shows it.

    `figure()` and `alt()` describe the view as it is when the cell runs: that is what a saved page shows.
    `build()` makes the live widget.
    """

    def figure(self):
        raise NotImplementedError

    def alt(self):
        raise NotImplementedError

    def build(self):
        raise NotImplementedError

    def static(self, path=None):
        """The picture as PNG bytes, also written to `path` where one is given."""
        png = plots.png_of(self.figure())
        if path is not None:
            Path(path).write_bytes(png)
        return png

    def _ipython_display_(self):
        if static_only():
            plots.show(self.figure(), alt=self.alt())
            return
        data, metadata = bundle(self.build(), self.static(), self.alt())
        display(data, metadata=metadata, raw=True)


def bundle(widget, png, alt):
    """One output in three forms: the widget where a kernel runs, else the picture, else the sentence."""
    picture, metadata = plots.picture_bundle(png, alt)
    live = widget._repr_mimebundle_()
    live = live[0] if isinstance(live, tuple) else live
    return {**live, **picture}, metadata


class FastFigure:
    """A figure that is laid out and drawn once; after that only its moving artists are drawn again.

    fig: a finished figure; moving: the artists that will change, in drawing order.
    """

    def __init__(self, fig, moving):
        self.canvas, self.moving = fig.canvas, moving
        self.canvas.draw()
        fig.set_layout_engine("none")  # the layout found stays, so nothing jumps
        for artist in moving:
            artist.set_animated(True)  # left out of the ground
        self.canvas.draw()
        self.ground = self.canvas.copy_from_bbox(fig.bbox)

    def png(self):
        """The figure as it is now, as PNG bytes (compressed little: time counts, not size)."""
        self.canvas.restore_region(self.ground)
        for artist in self.moving:
            artist.axes.draw_artist(artist)
        return png_of_canvas(self.canvas, compress_level=1)


class Guard(anywidget.AnyWidget):
    """Invisible: makes the controls beside it usable by keyboard and by ear.

    JupyterLab takes arrow keys and letters typed on a focused control for itself (`b` adds a cell) unless the
    control forbids it; slider handles have no name, and pictures no text. See guard.js.
    """

    _esm = HERE / "guard.js"
    alt = traitlets.Unicode("").tag(sync=True)


def picture(png=b"", width=792):
    """An image widget that is never blown up beyond its own pixels."""
    return ipywidgets.Image(value=png, format="png", layout=ipywidgets.Layout(width=f"{width}px", max_width="100%"))


class Panel(ipywidgets.VBox):
    """A live view. A subclass makes `sentence` (HTML) and `guard` (`Guard`) and hands its callbacks to `_safely`.

    lines: room for so many lines of the sentence, so that what stands below it never moves.
    """

    lines = 3

    def _safely(self, action):
        """An exception in a callback would be swallowed: say it where the learner looks."""

        def run(*event):
            try:
                action(*event)
            except Exception as problem:
                self._say(str(problem) or type(problem).__name__)

        return run

    def _cover(self, fig, ax):
        """Until the question is answered, an empty figure as large as what will come, so that nothing jumps."""
        ax.axis("off")
        ax.text(0.5, 0.5, "Answer the question above, then look.", ha="center", color=plots.COLOUR["muted"])
        self.image.value = plots.png_of(fig)
        self._say("Answer the question, then the picture appears.")

    def _say(self, sentence):
        height = f"{1.6 * self.lines:.1f}em"
        self.sentence.value = (
            f'<div style="min-height:{height};max-width:792px;line-height:1.6">{html.escape(sentence)}</div>'
        )
        self.guard.alt = sentence


class QuickPanel(Panel):
    """A panel that draws only what moves. A subclass adds `view`, whose `_picture()` gives a figure and its artists
    (`moving()`, `update(view)`), `image`, and `_verdict()`: what became of the guess.
    """

    _fast = None  # the drawn figure, once the question is answered
    _setting = False  # while the panel itself moves its controls, which is no answer

    def _open(self):
        if self._fast is None:
            fig, self._artists = self.view._picture()
            self._fast = FastFigure(fig, self._artists.moving())

    def _answered(self, change):
        if change["new"] is None or self._setting:
            return
        self._open()
        self._show()

    def _show(self):
        if self._fast is None:  # not answered yet
            return
        self._artists.update(self.view)
        self.image.value = self._fast.png()
        self._say(self._verdict() + self.view.alt())
