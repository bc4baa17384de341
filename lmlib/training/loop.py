"""The one training loop of the course. Lesson 03 writes it by hand; from then on every lesson calls `fit`."""

import math
import time
from pathlib import Path

import torch
import torch.nn.functional as F

from .checkpoint import (
    CheckpointError,
    pack_optimizers,
    read_state,
    read_tensors,
    save_checkpoint,
    unpack_optimizers,
)
from .data import IGNORE
from .history import History
from .optim import make_optimizers
from .progress import Progress
from .schedule import SCHEDULES


class TrainingError(RuntimeError):
    """The loss is no number any more; the message names the step and what to try."""


def next_token_loss(model, batch):
    """Mean surprise of the next token, in nats: batch is (inputs, targets), each (batch, time)."""
    inputs, targets = batch
    return F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten(), ignore_index=IGNORE)


@torch.inference_mode()
def validation_loss(model, batches, loss):
    """The loss over all batches, each weighted by how many targets it has."""
    model.eval()
    total, n = 0.0, 0
    for batch in batches.all_batches():
        weight = int((batch[-1] != IGNORE).sum())
        total += loss(model, batch).item() * weight
        n += weight
    model.train()
    return total / n


def _copy(model):
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def fit(
    model,
    train,
    valid=None,
    *,
    steps=None,
    seconds=None,
    optimizer="muon",
    lr=None,
    weight_decay=0.0,
    schedule="trapezoid",
    loss=next_token_loss,
    clip=1.0,
    seed=0,
    eval_every=None,
    keep_best=True,
    out=None,
    tokenizer=None,
    facts=None,
    resume=False,
    progress=True,
):
    """Train a model in place for a number of `steps` or of `seconds`; returns the `History`.

    train: an object with `batch(step)`; valid: one with `all_batches()` (see `data`).
    optimizer, lr, weight_decay: see `make_optimizers`; schedule: a name in `SCHEDULES`.
    loss: function of model and batch, returns the mean loss in nats.
    clip: the largest norm of all gradients together; None leaves them as they are.
    eval_every: steps between two validations (default: ten in a training).
    keep_best: at the end the model gets the weights with the least validation loss.
    out: folder for checkpoints, written at each validation and at the end, with the `tokenizer` and the `facts`.
    resume: go on from the checkpoint in `out`. With `steps` the result is, on the CPU, bit for bit that of a
        training that was never stopped.

    Ctrl-C (in a notebook: Interrupt) stops the training; model, history and checkpoint keep what was reached.
    Raises ValueError for arguments that do not fit, CheckpointError for a folder that cannot be used, and
    TrainingError, with the model back at finite weights, when the loss is no number any more.
    """
    if (steps is None) == (seconds is None):
        raise ValueError("say how long to train: give either steps or seconds")
    if (steps if seconds is None else seconds) <= 0:
        raise ValueError("there is nothing to train: steps, or seconds, must be above 0")
    if schedule not in SCHEDULES:
        raise ValueError(f"no schedule is called {schedule!r}: choose one of {', '.join(SCHEDULES)}")
    optimizers = make_optimizers(model, optimizer, lr, weight_decay)
    history, start, best = History(), 0, None
    if resume:
        if out is None:
            raise ValueError("to resume, name the folder with the checkpoint: out=...")
        history, start, best = _resume(out, model, optimizers)
        if not keep_best or valid is None or not history.valid_loss:
            best = None  # the saved weights were then the latest ones
    elif out is not None:
        _check_writable(out)
    eval_every = eval_every or (max(1, steps // 10) if steps else None)
    shown = Progress(history, progress)
    safe = _copy(model)  # weights to go back to if the loss breaks
    before, began, paused = history.seconds, time.perf_counter(), 0.0
    # Where the training is measured in seconds: the share of them after which to validate
    next_eval = 0.1 * (1 + int(10 * before / seconds)) if seconds else None

    def elapsed():
        return before + time.perf_counter() - began - paused

    def evaluate(step):
        nonlocal safe, best, kept, paused
        stopped = time.perf_counter()
        if valid is not None and step != (history.valid_steps or [None])[-1]:
            value = validation_loss(model, valid, loss)  # may be interrupted: both lists grow after it, or none
            if not math.isfinite(value):
                give_up(f"the validation loss became {value} after step {step}")
            history.valid_steps.append(step)
            history.valid_loss.append(value)
        safe = _copy(model)
        if keep_best and valid is not None and history.best_step == step:
            best = safe
        history.seconds = stopped - began - paused + before
        if out is not None:
            _save(out, model, optimizers, history, step, best, tokenizer, facts)
        kept = step
        paused += time.perf_counter() - stopped

    def give_up(what):
        model.load_state_dict(safe)
        for o in optimizers:
            o.zero_grad(set_to_none=True)
        model.eval()
        shown.update(done, final=True)
        raise TrainingError(
            f"{what}: train again with a smaller lr, or look for numbers in the data that are not finite"
        )

    step, done = start, 0.0
    kept = start  # the last step that was validated and saved; what was not trained need not be
    model.train()
    try:
        with torch.random.fork_rng(devices=[]):  # dropout draws from torch's global generator: leave it as it was
            while True:
                done = step / steps if steps else min(1.0, elapsed() / seconds)
                if done >= 1 and history.steps:
                    break
                for o in optimizers:
                    for group in o.param_groups:
                        group["lr"] = group["base_lr"] * SCHEDULES[schedule](done)
                torch.manual_seed(seed * 1_000_003 + step)  # so a resumed training drops what it would have dropped
                for o in optimizers:
                    o.zero_grad(set_to_none=True)
                batch = train.batch(step)
                value = loss(model, batch)
                value.backward()
                size = torch.nn.utils.clip_grad_norm_(model.parameters(), math.inf if clip is None else clip)
                number = value.item()
                if not math.isfinite(number):
                    give_up(f"the loss became {number} at step {step}")
                if not math.isfinite(size):
                    give_up(f"the gradients became {size.item()} at step {step}")
                for o in optimizers:
                    o.step()
                step += 1
                history.steps.append(step)
                history.train_loss.append(number)
                history.tokens += batch[-1].numel()
                if eval_every and step % eval_every == 0 and step < (steps or math.inf):
                    evaluate(step)
                elif not eval_every and done >= next_eval:
                    next_eval = 0.1 * (1 + int(10 * done))
                    evaluate(step)
                if shown.due():
                    shown.update(done)
    except KeyboardInterrupt:
        history.interrupted = True
        print(f"stopped at step {step}; the model and its history keep what was reached")
    for o in optimizers:
        o.zero_grad(set_to_none=True)
    if step != kept:
        evaluate(step)
    history.seconds = elapsed()
    if keep_best and best is not None:
        model.load_state_dict(best)
    model.eval()
    shown.update(1.0 if not history.interrupted else done, final=True)
    return history


def _check_writable(out):
    """Fail before the training, not after it."""
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".probe.part"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as problem:
        raise CheckpointError(
            f"nothing can be written in {folder} ({problem.strerror}): choose another folder"
        ) from None


def _save(out, model, optimizers, history, step, best, tokenizer, facts):
    """The best weights for use; the latest weights and the optimizers' memory to go on from."""
    resume = pack_optimizers(optimizers) | {f"model.{k}": v for k, v in _copy(model).items()}
    latest = _copy(model)
    if best is not None:
        model.load_state_dict(best)
    try:
        names = [type(o).__name__ for o in optimizers]
        save_checkpoint(
            out, model, tokenizer, resume, step=step, optimizers=names, history=vars(history), **(facts or {})
        )
    finally:
        model.load_state_dict(latest)


def _resume(out, model, optimizers):
    state = read_state(out)
    if "resume" not in state["files"]:
        raise CheckpointError(f"the checkpoint in {out} is a finished model without a training to resume")
    names = [type(o).__name__ for o in optimizers]
    if state.get("optimizers", names) != names:
        raise CheckpointError(
            f"the training in {out} used {' and '.join(state['optimizers'])}, this one would use "
            f"{' and '.join(names)}: resume with the same optimizer"
        )
    packed = read_tensors(out, state, "resume")
    try:
        model.load_state_dict({k.removeprefix("model."): v for k, v in packed.items() if k.startswith("model.")})
    except RuntimeError:
        raise CheckpointError(
            f"the model in {out} has other sizes than this one: resume with the same sizes"
        ) from None
    unpack_optimizers(optimizers, packed)
    history = History(**state["history"])
    history.interrupted = False
    return history, state["step"], read_tensors(out, state, "weights")
