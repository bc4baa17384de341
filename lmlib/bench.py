"""How quick is the course's GPT? `python -m lmlib bench` measures it against nanoGPT and `transformers`.

Training: on tiny Shakespeare, by characters, nanoGPT's settings for a processor (Karpathy 2022, the preset
"nanogpt-cpu") say how long a training takes. Then the preset "fast" gets a share of that time, and with `--long` the
5 and the 15 minutes too. Each is scored in the same way: the loss on all of the validation text, in windows of its
own context side by side, with its last weights. Time is that of the training steps, without validation.

Generation: the same random weights of GPT-2's form write the same tokens here and in `transformers`, always the
likeliest one. Reading the prompt (prefill) and writing (decode) are timed apart.
"""

import argparse
import csv
import math
import time
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import torch

from . import models, recipes
from .models.gpt import GPT, GPTConfig
from .models.pretrained import gpt2_weights
from .training import fit

# What others reached on this text, in nats per character: nanoGPT's README (Karpathy 2022), a 5-gram by counting.
NANOGPT_CPU, FIVE_GRAM, NANOGPT_GPU = 1.88, 1.50, 1.4697


@dataclass
class Run:
    # What others reached on this text, nats per character: nanoGPT (Karpathy 2022, README), a 5-gram by counting.

    name: str
    goal: float | None
    loss: float
    seconds: float
    parameters: int
    tokens: int
    curve: list  # of (seconds, validation loss)

    def line(self, unit):
        """One row of the table; times are in `unit`, the baseline's seconds, too."""
        reached = "" if self.goal is None else f"{'reached' if self.loss <= self.goal else 'missed'} {self.goal:.4g}"
        return (
            f"{self.name:<30}{self.parameters:>11,}{self.seconds:>9.1f}{self.seconds / unit:>9.2f}"
            f"{self.tokens / self.seconds:>11,.0f}{self.loss:>9.4f}  {reached}"
        )


HEADER = f"{'training':<30}{'parameters':>11}{'seconds':>9}{'share':>9}{'tokens/s':>11}{'loss':>9}  goal"


def train(name, preset, corpus_name, goal=None, seed=0, **duration):
    """Train a preset's GPT on a corpus of characters for so many `steps` or `seconds`; returns a `Run`."""
    corpus = recipes.prepare(corpus_name, "char", context=preset.context, batch_size=preset.batch_size, seed=seed)
    sizes = {"vocab_size": len(corpus.tokenizer), "context": preset.context, "seed": seed}
    model = models.build({"model": "gpt", **preset.model, **sizes})
    history = fit(
        model, corpus.train, corpus.valid, **duration, **preset.training, seed=seed, keep_best=False, progress=False
    )
    pace = history.seconds / history.steps[-1]
    curve = [(step * pace, loss) for step, loss in zip(history.valid_steps, history.valid_loss)]
    loss = corpus.score(model)[0]
    return Run(name, goal, loss, history.seconds, model.n_parameters, history.tokens, curve)


def training(corpus="tiny-shakespeare", steps=None, long=False, minute=60.0, show=print):
    """The baseline, then the fast preset within shares of its time; returns the list of runs.

    steps: of the baseline, default those of its preset. minute: seconds of one, less for a quick look.
    """
    baseline = recipes.preset("nanogpt-cpu")
    show(HEADER)
    runs = [train("nanoGPT's settings", baseline, corpus, steps=steps or baseline.steps)]
    unit = runs[0].seconds
    show(runs[0].line(unit))
    plan = [("fast, a fifth of the time", unit / 5, NANOGPT_CPU), ("fast, the same time", unit, 1.65)]
    if long:
        plan += [("fast, 5 minutes", 5 * minute, FIVE_GRAM), ("fast, 15 minutes", 15 * minute, NANOGPT_GPU)]
    for name, seconds, goal in plan:
        runs.append(train(name, recipes.fast(seconds), corpus, goal, seconds=seconds))
        show(runs[-1].line(unit))
    return runs


TABLE = Path(__file__).resolve().parents[1] / "data" / "bench.csv"
COLUMNS = ("name", "goal", "parameters", "tokens", "seconds", "loss")


def write(runs, path=TABLE):
    """Write the curves of all runs, one row a point; the last point of a run is its result."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        for run in runs:
            for seconds, loss in run.curve:
                goal = "" if run.goal is None else run.goal
                table.writerow((run.name, goal, run.parameters, run.tokens, round(seconds, 2), round(loss, 4)))


def read(path=TABLE):
    """The runs of a table that `write` made. Raises FileNotFoundError where there is none."""
    if not Path(path).exists():
        raise FileNotFoundError(f"{path} is missing: make it with `python -m lmlib bench --long --table {path}`")
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    runs = []
    for name, points in groupby(rows, key=lambda row: row["name"]):
        points = list(points)
        curve = [(float(p["seconds"]), float(p["loss"])) for p in points]
        goal = float(points[0]["goal"]) if points[0]["goal"] else None
        seconds, loss = curve[-1]
        sizes = int(points[0]["parameters"]), int(points[0]["tokens"])
        runs.append(Run(name, goal, loss, seconds, *sizes, curve))
    return runs


# --- generation ---


@torch.inference_mode()
def write_on(model, ids, n):
    """The likeliest n tokens after ids (batch, time), one after the other, with a cache: (batch, n)."""
    cache, written = model.new_cache(), []
    logits = model(ids, cache)
    for i in range(n):
        written.append(logits[:, -1].argmax(-1, keepdim=True))
        if i + 1 < n:
            logits = model(written[-1], cache)
    return torch.cat(written, dim=1)


def twins(context=512, seed=0, **sizes):
    """A GPT and the `transformers` model with the same random weights: nanoGPT's sizes by default."""
    from transformers import GPT2Config, GPT2LMHeadModel

    sizes = {"n_layers": 4, "n_heads": 4, "d_model": 128, "vocab_size": 65} | sizes
    config = GPT2Config(
        vocab_size=sizes["vocab_size"], n_positions=context, n_embd=sizes["d_model"], n_layer=sizes["n_layers"],
        n_head=sizes["n_heads"], bos_token_id=0, eos_token_id=None,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        theirs = GPT2LMHeadModel(config).eval()
    with torch.no_grad():
        for p in theirs.parameters():  # as large as in a trained model, so that the likeliest token is no near tie
            p.mul_(4 if p.ndim == 2 else 1)
    ours = GPT(GPTConfig.gpt2(context=context, **sizes)).eval()
    ours.load_state_dict(gpt2_weights(theirs.state_dict()))
    return ours, theirs


def _seconds(call, repeats):
    """The shortest of some times: what else the machine does only makes one longer."""
    call()
    found = []
    for _ in range(repeats):
        began = time.perf_counter()
        call()
        found.append(time.perf_counter() - began)
    return min(found)


def generation(batches=(1, 16), prompt=128, n=256, repeats=5, show=print, **sizes):
    """Tokens per second of both, by batch: rows {"batch", "what", "ours", "theirs", "ratio", "same"}.

    same: the share of equal tokens. Raises RuntimeError where `transformers` is not installed.
    """
    try:
        ours, theirs = twins(context=prompt + n, **sizes)
    except ImportError:
        raise RuntimeError(
            "transformers is not installed: pip install transformers, or use --no-generation"
        ) from None
    rows = []
    show(f"{'generation':<30}{'batch':>7}{'ours':>13}{'transformers':>15}{'ratio':>8}   tokens per second")
    for batch in batches:
        generator = torch.Generator().manual_seed(0)
        ids = torch.randint(ours.config.vocab_size, (batch, prompt), generator=generator)
        everything = {"attention_mask": torch.ones_like(ids), "do_sample": False, "pad_token_id": 0}

        def reference(new, ids=ids, everything=everything):
            return theirs.generate(ids, max_new_tokens=new, **everything)[:, prompt:]

        same = (write_on(ours, ids, n) == reference(n)).double().mean().item()
        times = {}
        for who, call in (("ours", lambda new, ids=ids: write_on(ours, ids, new)), ("theirs", reference)):
            first = _seconds(lambda call=call: call(1), repeats)
            times[who] = first, _seconds(lambda call=call: call(n), repeats) - first
        for what, tokens, part in (("reading the prompt", prompt, 0), ("writing", n - 1, 1)):
            mine, other = (batch * tokens / times[who][part] for who in ("ours", "theirs"))
            rows.append(
                {"batch": batch, "what": what, "ours": mine, "theirs": other, "ratio": mine / other, "same": same}
            )
            show(f"{what:<30}{batch:>7}{mine:>13,.0f}{other:>15,.0f}{mine / other:>8.1f}")
    return rows


# --- the picture and the command ---


def figure(runs):
    """The validation loss of all runs over the time, and the sentence that says it."""
    from . import plots

    base, best = runs[0], min(runs, key=lambda run: run.loss)
    quick = min(runs[1:] or runs, key=lambda run: abs(run.seconds - base.seconds))
    kind = quick.name.partition(",")[0]
    title = f"In {quick.seconds:.0f} s: {quick.loss:.2f} with the preset {kind}, {base.loss:.2f} with {base.name}"
    fig, ax = plots.figure(title=title)
    looks = [("alternative", "--"), *[("model", style) for style in ("-", ":", "-.", (0, (6, 2)))]]
    top = min(3.0, max(loss for run in runs for _, loss in run.curve))
    longest = max(run.seconds for run in runs)
    margin, gap = 1.6 * longest, 0.075 * (top - best.loss)
    written, high = {}, -math.inf  # names in a column right of all curves, the least loss at the bottom
    for run in sorted(runs, key=lambda run: run.loss):
        high = written[run.name] = max(run.loss, high + gap)
    for run, (role, style) in zip(runs, looks):
        seconds, losses = zip(*run.curve)
        colour = plots.COLOUR[role]
        ax.plot(seconds, losses, color=colour, linestyle=style, marker="o", markersize=3)
        place = (margin, written[run.name])
        ax.plot(
            [seconds[-1], margin], [losses[-1], place[1]], "-", color=plots.COLOUR["muted"], linewidth=0.6, zorder=1
        )
        plots.beside(ax, f"{run.name}: {losses[-1]:.2f}", *place, away=3, color=colour)
    ax.set_xscale("log")
    ax.set_xlim(right=40 * longest)  # room for the names
    ticks = [t for t in (1, 3, 10, 30, 100, 300, 1000) if ax.get_xlim()[0] <= t <= 1.2 * longest]
    ax.set_xticks(ticks, [f"{t:,}" for t in ticks])
    ax.set_xticks([], minor=True)
    ax.set_ylim(bottom=best.loss - gap, top=top)
    ax.set_xlabel("seconds of training")
    ax.set_ylabel("validation loss (nats per character)")
    alt = "; ".join(f"{run.name}: {run.loss:.3f} nats per character after {run.seconds:.0f} s" for run in runs)
    return fig, f"Validation loss over the time of training. {alt}."


def main(argv=None):
    """Measure training and generation on this machine."""
    parser = argparse.ArgumentParser(prog="python -m lmlib bench", description=main.__doc__)
    add = parser.add_argument
    add("--corpus", default="tiny-shakespeare", help="a data set or a text file (default: tiny-shakespeare)")
    add("--quick", action="store_true", help="a twentieth of the time: shows that it runs, not how good it is")
    add("--long", action="store_true", help="the trainings of 5 and 15 minutes too")
    add("--threads", type=int, default=2, help="cores to use (default: 2)")
    add("--no-generation", action="store_true", help="training only")
    add("--no-training", action="store_true", help="generation only")
    add("--lessons", nargs="*", metavar="NN", help="no bench of models: run notebooks, declared against measured")
    add("--memory", type=float, metavar="GB", help="with --lessons: each gets so much memory (Linux, as root)")
    add("--picture", metavar="FILE", help="write the curves as a PNG")
    add("--table", metavar="FILE", help="write the curves as a table, CSV")
    args = parser.parse_args(argv)
    if args.lessons is not None:
        from .lessons import measure

        measure.main(args.lessons, args.memory, show=lambda line: print(line, flush=True))
        return 0
    if args.threads < 1:
        raise ValueError(f"--threads is {args.threads}: give at least 1")
    if (args.picture or args.table) and args.no_training:
        raise ValueError("--picture and --table are of the trainings: leave --no-training out")

    before = torch.get_num_threads()
    torch.set_num_threads(args.threads)
    try:
        print(f"torch {torch.__version__}, {args.threads} threads, loss in nats per character")
        if not args.no_training:
            part = {"steps": 100, "minute": 3.0} if args.quick else {}
            runs = training(args.corpus, long=args.long, show=lambda line: print(line, flush=True), **part)
            _ratios(runs)
            if args.table:
                write(runs, args.table)
            if args.picture:
                from . import plots

                fig, alt = figure(runs)
                Path(args.picture).write_bytes(plots.png_of(fig))
                print(alt)
        if not args.no_generation:
            part = {"prompt": 32, "n": 32, "repeats": 2} if args.quick else {}
            generation(show=lambda line: print(line, flush=True), **part)
    finally:
        torch.set_num_threads(before)
    return 0


def _ratios(runs):
    """When did each fast run pass the baseline's last loss?"""
    baseline, *others = runs
    for run in others:
        passed = next((seconds for seconds, loss in run.curve if loss <= baseline.loss), None)
        if passed is not None:
            print(f"{run.name}: below the baseline's loss after {passed / baseline.seconds:.2f} of its time at most")
