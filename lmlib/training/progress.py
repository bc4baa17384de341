"""What a training shows while it runs: a bar and a curve in a notebook, one line in a terminal.

In a notebook two displays are updated in place, so nothing flickers or jumps, and what is saved is the final
curve. They are redrawn at most once a second: a picture costs a few hundredths of a second.
"""

import os
import sys
import time

from tqdm import tqdm

from .. import plots


def in_notebook():
    """True in a Jupyter kernel."""
    shell = sys.modules.get("IPython") and sys.modules["IPython"].get_ipython()
    return bool(shell) and hasattr(shell, "kernel")


class Progress:
    """Shows the `history` of a training. `done` is the share that is done, 0 to 1."""

    def __init__(self, history, show):
        self.history = history
        self.kind = "none" if not show else "notebook" if in_notebook() else "terminal"
        self.last = self.start = time.monotonic()
        self.redraws = 1.0  # seconds between two pictures
        if self.kind == "terminal":
            self.bar = tqdm(total=100, bar_format="{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining} {postfix}")
            self.bar.set_description("training")
        elif self.kind == "notebook":
            from IPython.display import HTML, display

            self.line = display(HTML("<small>training starts</small>"), display_id=True)
            self.picture = None

    def due(self):
        """Is it time to show something? (So that the loss is read from the machine no more often than that.)"""
        return self.kind != "none" and time.monotonic() - self.last > self.redraws

    def update(self, done, final=False):
        """Show where the training stands."""
        if self.kind == "none":
            return
        self.last = time.monotonic()
        text = self._sentence(done)
        if self.kind == "terminal":
            self.bar.n = round(100 * done)
            self.bar.set_postfix_str(text)
            if final:
                self.bar.close()
        else:
            self._show(done, text, final)

    def _sentence(self, done):
        h = self.history
        parts = [f"step {h.steps[-1]}" if h.steps else "step 0"]
        if h.train_loss:
            parts.append(f"loss {plots.smooth(h.train_loss)[-1]:.3f}")
        if h.valid_loss:
            parts.append(f"validation {h.valid_loss[-1]:.3f}")
        return ", ".join(parts)

    def _show(self, done, text, final):
        from IPython.display import HTML, display

        elapsed = time.monotonic() - self.start
        left = "" if final or not done else f", about {elapsed / done * (1 - done):.0f} s left"
        bar = "" if final else f'<progress value="{done:.3f}" max="1" aria-label="training"></progress> '
        self.line.update(HTML(f"<small>{bar}{text}{left}</small>"))
        if not self.history.steps or (os.environ.get("LM_STATIC") and not final):
            return
        alt = plots.training_curve_alt(self.history)
        data, metadata = plots.picture_bundle(plots.png_of(plots.training_curve(self.history), 1), alt)
        if self.picture is None:
            self.picture = display(data, metadata=metadata, raw=True, display_id=True)
        else:
            self.picture.update(data, metadata=metadata, raw=True)
        self.last = time.monotonic()
