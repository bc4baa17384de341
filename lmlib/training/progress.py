"""What a training shows while it runs: a bar and a curve in a notebook, one line in a terminal.

In a notebook two displays are updated in place, so nothing flickers or jumps, and what is saved is the final
curve. They are redrawn by time, not by step: at most once a second, and less often where drawing is slow.
"""

import os
import sys
import time

from tqdm import tqdm

RECENT = 200  # losses that the smoothed number is made of: it forgets older ones anyway


def in_notebook():
    """True in a Jupyter kernel."""
    shell = sys.modules.get("IPython") and sys.modules["IPython"].get_ipython()
    return bool(shell) and hasattr(shell, "kernel")


def duration(seconds):
    """A time as people say it: "40 s", "3 min 20 s", "2 h 5 min"."""
    minutes, seconds = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
    return f"{minutes // 60} h {minutes % 60} min"


class Progress:
    """Shows the `history` of a training, from the share `done` (0 to 1) at which it starts or goes on.

    unit: of the losses, for the curve's axis. A context manager: however the training ends, the last picture shows
    where.
    """

    def __init__(self, history, show, done=0.0, unit="nats per token"):
        self.history, self.done, self.first, self.unit = history, done, done, unit
        self.kind = "none" if not show else "notebook" if in_notebook() else "terminal"
        self.static = bool(os.environ.get("LM_STATIC"))  # one picture at the end, for pages that nobody watches
        self.pause = 1.0  # seconds between two pictures
        self.line = self.picture = self.bar = None

    def __enter__(self):
        self.start = self.last = time.monotonic()
        if self.kind == "terminal" and not self.static:
            form = "training: {percentage:3.0f}% {bar:30}{postfix}"  # tqdm begins the postfix with a comma
            self.bar = tqdm(total=100, initial=round(100 * self.done), bar_format=form)
        elif self.kind == "notebook":
            from IPython.display import HTML, display

            self.line = display(HTML("<small>training starts</small>"), display_id=True)
        return self

    def __exit__(self, *error):
        self._draw(final=True)
        if self.bar is not None:
            self.bar.close()

    def due(self):
        """Is it time to show something? (So that the loss is read from the machine no more often than that.)"""
        return self.kind != "none" and time.monotonic() - self.last > self.pause

    def update(self, done, draw=True):
        """Show where the training stands; with draw=False only remember it for the last picture."""
        self.done = done
        if draw and not self.static:
            self._draw()

    def say(self, text):
        """A sentence that stays."""
        if self.bar is not None:
            self.bar.clear()  # the bar comes back below the sentence
        print(text)

    def _draw(self, final=False):
        began = time.monotonic()
        if self.bar is not None:
            self.bar.n = round(100 * self.done)
            self.bar.set_postfix_str(self._sentence(final))
        elif self.kind == "notebook":
            self._show(final)
        self.last = time.monotonic()
        self.pause = max(1.0, 20 * (self.last - began))  # so that drawing takes a twentieth of the time at most

    def _sentence(self, final):
        from .. import plots

        h = self.history
        parts = [f"step {h.steps[-1]}" if h.steps else "step 0"]
        if h.train_loss:
            parts.append(f"loss {plots.smooth(h.train_loss[-RECENT:])[-1]:.3f}")
        if h.valid_loss:
            parts.append(f"validation {h.valid_loss[-1]:.3f}")
        passed, gained = time.monotonic() - self.start, self.done - self.first
        if final:
            parts.append(duration(passed))
        elif gained > 0:
            parts.append(f"{duration(passed / gained * (1 - self.done))} left")
        return ", ".join(parts)

    def _show(self, final):
        from IPython.display import HTML, display

        from .. import plots

        bar = f'<progress value="{self.done:.3f}" max="1" aria-label="training"></progress> ' * (not final)
        self.line.update(HTML(f"<small>{bar}{self._sentence(final)}</small>"))
        if not self.history.steps:
            return
        alt = plots.training_curve_alt(self.history)
        curve = plots.training_curve(self.history, unit=self.unit)
        data, metadata = plots.picture_bundle(plots.png_of(curve, 1), alt)
        if self.picture is None:
            self.picture = display(data, metadata=metadata, raw=True, display_id=True)
        else:
            self.picture.update(data, metadata=metadata, raw=True)
