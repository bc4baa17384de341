"""What all interactive views share: numbers, picture and sentence first, the widget around them last."""

import html
import os
from contextlib import contextmanager
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


class QuickView(View):
    """A view whose figure is laid out once: `_picture(title)` gives it, and its artists, which have `moving()` and
    `update(view)`.
    """

    def figure(self):
        fig, artists = self._picture(self.title())
        artists.update(self)
        return fig


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


def across(names="7em"):
    """Layout and style of a control that is as wide as a picture, with so much room for its name."""
    return {
        "layout": ipywidgets.Layout(width="100%", max_width="792px"),
        "style": {"description_width": names},
    }


class Panel(ipywidgets.VBox):
    """A live view, with `sentence` and `guard`; a subclass adds the rest, and hands its callbacks to `_safely`.

    lines: room for so many lines of the sentence, so that what stands below it never moves.
    """

    lines = 3
    _setting = False  # while the panel itself moves its controls

    def __init__(self, view):
        super().__init__()
        self.view, self.sentence, self.guard = view, ipywidgets.HTML(), Guard()
        self.sentence.add_class("lm-live")

    def _safely(self, action):
        """An exception in a callback would be swallowed: say it where the learner looks."""

        def run(*event):
            if self._setting:
                return
            try:
                action(*event)
            except Exception as problem:
                self._say(str(problem) or type(problem).__name__)

        return run

    @contextmanager
    def _quietly(self):
        """What the panel itself does to its controls is no deed of the learner: no callback runs."""
        self._setting = True
        try:
            yield
        finally:
            self._setting = False

    def _say(self, sentence):
        height = f"{1.6 * self.lines:.1f}em"
        self.sentence.value = (
            f'<div style="min-height:{height};max-width:792px;line-height:1.6">{html.escape(sentence)}</div>'
        )
        self.guard.alt = sentence


class AskingPanel(Panel):
    """A panel that asks before it shows: `question`, `answer` (buttons) and `image` besides.

    options: the answers on offer. A subclass says in `_answered(answer)` what one does.
    """

    def __init__(self, view, options=(SHOW,)):
        super().__init__(view)
        self.question, self.image = ipywidgets.HTML(), picture()
        self.answer = ipywidgets.ToggleButtons(options=options, value=None, style={"button_width": "auto"})
        self.answer.add_class("lm-answer")
        self.answer.observe(self._safely(self._on_answer), "value")

    def _offer(self, options):
        """Ask anew, with these answers."""
        with self._quietly():  # new options select the first of them for a moment: that is no answer
            self.answer.options = options
            self.answer.value = None

    def _on_answer(self, change):
        if change["new"] is not None:
            self._answered(change["new"])

    def _answered(self, answer):
        raise NotImplementedError

    def _cover(self, fig, ax):
        """Until the question is answered, an empty figure as large as what will come, so that nothing jumps."""
        ax.axis("off")
        ax.text(0.5, 0.5, "Answer the question above, then look.", ha="center", color=plots.COLOUR["muted"])
        self.image.value = plots.png_of(fig)
        self._say("Answer the question, then the picture appears.")


class QuickPanel(AskingPanel):
    """The panel of a `QuickView`: it draws only what moves."""

    _fast = None  # the drawn figure, once the question is answered

    def _cover(self, fig, ax):
        self._fast = None
        super()._cover(fig, ax)

    def _open(self):
        if self._fast is None:
            fig, self._artists = self.view._picture()
            self._fast = FastFigure(fig, self._artists.moving())

    def _answered(self, answer):
        self._open()
        self._show()

    def _show(self, verdict=""):
        if self._fast is None:  # not answered yet
            return
        self._artists.update(self.view)
        self.image.value = self._fast.png()
        self._say((verdict or self._verdict()) + self.view.alt())

    def _verdict(self):
        """What became of the guess, as long as what it was made for is shown."""
        return ""
