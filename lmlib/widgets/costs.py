"""What would it cost? Sizes of a GPT, a text and a machine; memory, time, energy and money follow."""

import math

import ipywidgets as W
from matplotlib.patches import Rectangle

from .. import cost, plots
from ..models.gpt import GPTConfig
from .base import SHOW, QuickPanel, QuickView, across

WIDTHS = tuple(64 * 2**i for i in range(9))  # to 16,384
LAYERS = (2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 80, 96, 128)
BATCHES = (1, 2, 4, 8, 16, 32, 64)
TOKENS = tuple(m * 10**e for e in range(6, 14) for m in (1, 3))
DEVICES = tuple(4**i for i in range(8))  # to 16,384
LOW, HIGH = 1e6, 1e14  # bytes, the ends of the picture's scale
FACTORS = (2, 4, 8)
PARTS = ("weights", "gradients", "optimizer", "activations")
SHOWN = ("weights", "gradients", "Adam, copy", "activations")


def spelt(number):
    """A large number in words: 1_300_000_000 is "1.3 billion"."""
    if not math.isfinite(number):
        return "no end of"
    for size, name in ((1e24, "septillion"), (1e21, "sextillion"), (1e18, "quintillion"), (1e15, "quadrillion"),
                       (1e12, "trillion"), (1e9, "billion"), (1e6, "million")):  # fmt: skip
        if number >= size * 0.9995:
            return f"{number / size:.3g} {name}"
    if 0 < number < 0.001:
        return "less than 0.001"
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def as_bytes(number):
    """Bytes with their unit, powers of ten as data sheets have them: 2.4e9 is "2.4 GB"."""
    for size, name in ((1e15, "PB"), (1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if number >= size * 0.9995:
            return f"{number / size:.3g} {name}"
    return f"{number:.0f} B"


def as_time(hours):
    """Hours in the unit that fits: seconds, minutes, hours, days or years."""
    for size, name in ((24 * 365, "years"), (24, "days"), (1, "hours"), (1 / 60, "minutes")):
        if hours >= size:
            return f"{hours / size:,.3g} {name}" if hours / size < 1000 else f"{hours / size:,.0f} {name}"
    seconds = hours * cost.HOUR
    return f"{seconds:.2g} seconds" if seconds >= 0.001 else "less than 0.001 seconds"


def _factor(n):
    """How many times as much: "×3.5", and "÷4,000" for what shrinks much."""
    if n < 0.1:
        return f"÷{spelt(1 / n)}"
    return f"×{n:,.3g}" if n < 1000 else f"×{spelt(n)}"


class CostView(QuickView):
    """Memory, operations, time, energy and money of training a GPT of GPT-2's form with Adam in mixed precision.

    d_model, layers; batch: texts of `context` tokens that one device reads at once; tokens: read in all; hardware:
    a name in `cost.HARDWARE`; devices: so many of it, each with the whole model and texts of its own. utilisation,
    overhead: see `cost.hours` and `cost.kilowatt_hours`. Raises ValueError for sizes that are not on offer.

    >>> CostView(d_model=1024, layers=24, hardware="A100")      # as the last line of a cell
    """

    def __init__(
        self,
        *,
        d_model=1024,
        layers=24,
        batch=4,
        tokens=10**10,
        hardware="A100",
        devices=1,
        vocab_size=50_257,
        context=1024,
        utilisation=0.4,
        overhead=1.1,
    ):
        if hardware not in cost.HARDWARE:
            raise ValueError(f"no hardware is called {hardware!r}: choose one of {', '.join(cost.HARDWARE)}")
        offers = {"d_model": WIDTHS, "layers": LAYERS, "batch": BATCHES, "tokens": TOKENS, "devices": DEVICES}
        sizes = {"d_model": d_model, "layers": layers, "batch": batch, "tokens": tokens, "devices": devices}
        for name, value in sizes.items():
            if value not in offers[name]:
                raise ValueError(f"{name} is {value}: choose one of {', '.join(map(str, offers[name]))}")
            setattr(self, name, value)
        self.hardware, self.vocab_size, self.context = hardware, vocab_size, context
        self.utilisation, self.overhead = utilisation, overhead
        self.before = None  # what `compute` said before the last change

    # ------------------------------------------------------------------ numbers

    def config(self, d_model=None):
        """The GPT of these sizes, a head for each 64 numbers."""
        d = d_model or self.d_model
        return GPTConfig.gpt2(self.vocab_size, context=self.context, n_layers=self.layers, n_heads=d // 64, d_model=d)

    def per_token(self, d_model=None):
        """Operations of training for one token."""
        return cost.training_flops(self.config(d_model), 1, self.context) / self.context

    def compute(self):
        """A dict of numbers: parameters, flops, bytes (a `cost.Memory`), hours, energy (kWh), dollars."""
        config, machine = self.config(), cost.HARDWARE[self.hardware]
        flops = self.per_token() * self.tokens
        hours = cost.hours(flops, machine, self.utilisation, self.devices)
        return {
            "parameters": sum(cost.parameters(config).values()),
            "flops": flops,
            "bytes": cost.memory(config, self.batch, self.context, "mixed"),
            "hours": hours,
            "energy": cost.kilowatt_hours(hours * self.devices, machine, self.overhead),
            "dollars": hours * self.devices * machine.dollars,
        }

    def change(self, **sizes):
        """Set sizes by name; `before` then holds what it cost."""
        self.before = self.compute()
        for name, value in sizes.items():
            setattr(self, name, value)

    def fits(self):
        """Does one device hold the training?"""
        return self.compute()["bytes"].total <= cost.HARDWARE[self.hardware].memory

    def doubled(self):
        """By how much the operations for a token grow when the width doubles."""
        return self.per_token(2 * self.d_model) / self.per_token()

    # ------------------------------------------------------- picture and sentence

    def title(self):
        now, machine = self.compute(), cost.HARDWARE[self.hardware]
        said = "fits into" if self.fits() else "does not fit into"
        return (
            f"{spelt(now['parameters'])} parameters: {as_bytes(now['bytes'].total)} {said} "
            f"{as_bytes(machine.memory)}, {as_time(now['hours'])}"
        )

    def lines(self):
        """[(what, how much, how many times the setting before)] for the right half of the picture."""
        now, old = self.compute(), self.before
        said = {
            "parameters": spelt(now["parameters"]),
            "flops": spelt(now["flops"]),
            "hours": as_time(now["hours"]),
            "energy": f"{spelt(now['energy'])} kWh",
            "dollars": f"{spelt(now['dollars'])} dollars",
        }
        names = {"flops": "operations", "hours": "time", "dollars": "rent"}
        times = {key: now[key] / old[key] if old and old[key] else 1.0 for key in said}
        shown = {key: "" if abs(n - 1) < 5e-4 or not n else _factor(n) for key, n in times.items()}
        return [(names.get(key, key), said[key], shown[key]) for key in said]

    def alt(self):
        now, machine = self.compute(), cost.HARDWARE[self.hardware]
        n = f"{self.devices:,} devices" if self.devices > 1 else "one device"
        return (
            f"Width {self.d_model:,}, {self.layers} layers, {spelt(self.tokens)} tokens on {n} ({machine.name}): "
            f"{spelt(now['parameters'])} parameters, {spelt(now['flops'])} operations, "
            f"{as_bytes(now['bytes'].total)} each ({'fits' if self.fits() else 'does not fit'}), "
            f"{as_time(now['hours'])}, {spelt(now['energy'])} kWh, {spelt(now['dollars'])} dollars."
        )

    def _picture(self, title=None):
        """The figure, and what moves in it."""
        fig, (left, right) = plots.figure(1, 2, title=title, height=3.3, gridspec_kw={"width_ratios": [1.35, 1]})
        left.set(xscale="log", xlim=(LOW, HIGH), ylim=(len(PARTS) + 0.6, -0.7), yticks=range(len(PARTS) + 1))
        left.set_yticklabels([*SHOWN, "together"])
        left.set_xticks([1e6, 1e9, 1e12], ["1 MB", "1 GB", "1 TB"])
        left.minorticks_off()
        left.set_xlabel("memory of one device")
        plots.bare(left)
        right.set(xlim=(0, 1), ylim=(4.6, -0.7))
        right.axis("off")
        return fig, Artists(left, right)

    # ------------------------------------------------------------------- widget

    def build(self):
        return CostPanel(self)


class Artists:
    """What moves: a bar and its number for each part of the memory, the device's limit, and five lines of figures."""

    def __init__(self, left, right):
        colour = plots.COLOUR
        self.bars, self.numbers = [], []
        for i in range(len(PARTS) + 1):
            role = "model" if i < len(PARTS) else "hidden"
            bar = Rectangle(
                (LOW, i - 0.34), LOW, 0.68, facecolor=colour[role], hatch=None if i < len(PARTS) else "//"
            )
            bar.set_edgecolor(colour["paper"])
            self.bars.append(left.add_patch(bar))
            number = left.text(LOW, i, "", va="center", size=9, color=colour["ink"])
            number.set_bbox(
                {"facecolor": colour["paper"], "edgecolor": "none", "pad": 1.0}
            )  # the limit runs behind it
            self.numbers.append(number)
        self.limit = left.axvline(LOW, color=colour["focus"], linestyle="--", linewidth=1.6)
        self.note = left.text(LOW, -0.6, "", color=colour["focus"], size=9, weight="bold", va="center")
        self.figures = []
        for i in range(5):
            what = right.text(0.0, i, "", va="center", size=9.5, color=colour["muted"])
            much = right.text(0.34, i, "", va="center", size=10, color=colour["ink"], weight="bold")
            times = right.text(0.34, i + 0.38, "", va="center", size=8.5, color=colour["focus"])
            self.figures.append((what, much, times))

    def moving(self):
        return [*self.bars, self.limit, *self.numbers, self.note, *(text for line in self.figures for text in line)]

    def update(self, view):
        bytes_ = view.compute()["bytes"]
        for bar, number, size in zip(self.bars, self.numbers, [*(getattr(bytes_, p) for p in PARTS), bytes_.total]):
            bar.set_width(max(size, LOW * 1.05) - LOW)
            number.set(text=as_bytes(size), x=max(size, LOW * 1.05) * 1.3)
        limit = cost.HARDWARE[view.hardware].memory
        self.limit.set_xdata([limit, limit])
        self.note.set(text=f"limit {as_bytes(limit)}", x=limit * 1.25)
        for texts, line in zip(self.figures, view.lines()):
            for text, said in zip(texts, line):
                text.set_text(said)


class CostPanel(QuickPanel):
    """The live view: a guess first; after that every slider answers at once."""

    def __init__(self, view):
        super().__init__(view, [*((f"{n} times", n) for n in FACTORS), (SHOW, SHOW)])
        self._doubled, look = view.doubled(), across()  # the question is asked for the sizes of the start
        self.question.value = (
            f"<b>Predict first.</b> Width {view.d_model:,}, {view.layers} layers. You double the width. About how "
            "many times as many operations does each token then cost?"
        )

        def slider(name, options, text, write="{:,}".format):
            made = W.SelectionSlider(
                options=[(write(value), value) for value in options],
                value=getattr(view, name), description=text, continuous_update=True, **look,
            )  # fmt: skip
            made.observe(self._safely(lambda change: self._changed(name, change["new"])), "value")
            return made

        self.sliders = {
            "d_model": slider("d_model", WIDTHS, "Width"),
            "layers": slider("layers", LAYERS, "Layers"),
            "batch": slider("batch", BATCHES, "Texts at once"),
            "tokens": slider("tokens", TOKENS, "Tokens", spelt),
            "devices": slider("devices", DEVICES, "Devices"),
        }
        self.machine = W.ToggleButtons(
            options=list(cost.HARDWARE), value=view.hardware, description="Hardware",
            style={"button_width": "auto", **look["style"]},
        )  # fmt: skip
        self._cover(*plots.figure(height=3.3))
        self.machine.observe(self._safely(lambda change: self._changed("hardware", change["new"])), "value")
        self.children = [
            self.question, self.answer, *self.sliders.values(), self.machine, self.sentence, self.image, self.guard,
        ]  # fmt: skip

    def _answered(self, answer):
        verdict = ""
        if answer != SHOW:
            found = self._doubled
            right = min(FACTORS, key=lambda n: abs(math.log(n / found)))
            mark = "✓ Yes" if answer == right else "✗ No"
            verdict = (
                f"{mark}, {found:.2g} times: the matrices of the layers grow in both directions, the head in one. "
            )
        self._open()
        self._show(verdict)

    def _changed(self, name, value):
        self.view.change(**{name: value})
        self._show()
