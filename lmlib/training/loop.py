"""The one training loop of the course. Lesson 03 writes it by hand; from then on every lesson calls `fit`."""

import math
import signal
import time
from contextlib import contextmanager, nullcontext

import torch
import torch.nn.functional as F

from .checkpoint import (
    CheckpointError,
    check_writable,
    fill,
    pack_optimizers,
    read_state,
    read_tensors,
    save_checkpoint,
    unpack_optimizers,
)
from .data import IGNORE
from .distributed import team
from .history import History
from .memory import Memory
from .optim import make_optimizers
from .progress import Progress
from .schedule import SCHEDULES

LOOK = 20  # steps that a GPU may run ahead before its losses are read: each reading waits for it


class TrainingError(RuntimeError):
    """The loss is no number any more; the message names the step and what to try."""


def next_token_loss(model, batch, carried=None):
    """Mean surprise of the next token, in nats: batch is (inputs, targets), each (batch, time).

    carried: what the model remembers of the batches before, see `StreamBatches`.
    """
    inputs, targets = batch
    logits = model(inputs) if carried is None else model(inputs, carried)
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORE)


@torch.inference_mode()
def validation_loss(model, batches, loss):
    """The loss over all batches, each weighted by how many targets it has."""
    device, training = next(model.parameters()).device, model.training
    model.eval()
    try:
        total, n, memory, us = 0.0, 0, Memory(model, batches), team()
        for step, batch in enumerate(batches.all_batches()):
            if us.size > 1 and step % us.size != us.rank:  # each process has its share of the batches
                continue
            weight = int((batch[-1] != IGNORE).sum())
            total += loss(model, _moved(batch, device), *memory.before(step)).item() * weight
            n += weight
    finally:
        model.train(training)
    total, n = us.total(torch.tensor([total, n], dtype=torch.float64, device=us.device)).tolist()
    return total / n


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
    accumulate=1,
    bf16=False,
    compiled=False,
):
    """Train a model in place, where it is (CPU or GPU), for `steps` or for `seconds`; returns the `History`.

    train: an object with `batch(step)`; valid: one with `all_batches()` (see `data`).
    optimizer, lr, weight_decay: see `make_optimizers`; or optimizer is a function that gets the model and returns a
        list of optimizers whose groups have a `base_lr`. schedule: a name in `SCHEDULES`, or a function like those.
    loss: function of model and batch (a tuple of tensors), returns the mean loss in nats. With batches that go on
        from one another (`StreamBatches`) it gets the model's memory of the earlier ones, too, and fit carries it.
        Where it has a `unit` ("nats per question"), the curve's axis says so instead of "nats per token".
    clip: the largest norm of all gradients together; None leaves them as they are.
    eval_every: steps between two validations (default: ten in a training).
    keep_best: at the end the model gets the weights with the least validation loss.
    out: folder for checkpoints, written at each validation and at the end, with the `tokenizer` and the `facts`.
    resume: go on from the checkpoint in `out`. With `steps` the result is, on the CPU, bit for bit that of a
        training that was never stopped. `steps` and `seconds` count from the very beginning.
    accumulate: the model sees each batch in so many pieces, which need less memory; the gradients are those of the
        whole batch.
    bf16: products in bfloat16 (Kalamkar et al. 2019), twice as fast or more on a GPU; the weights stay float32.
    compiled: `torch.compile` the model for the training steps; the first step then takes up to a minute.

    Where torchrun started several processes (`distributed.joined`), they train together: each takes its rows of each
    batch, the losses are those of one process, rank 0 alone writes and shows.

    Ctrl-C (in a notebook: Interrupt) stops the training; model, history and checkpoint keep what was reached.
    Raises ValueError for arguments that do not fit, CheckpointError for a folder that cannot be used, and
    TrainingError, with the model back at finite weights, when the loss is no number any more.
    """
    if (steps is None) == (seconds is None):
        raise ValueError("say how long to train: give either steps or seconds")
    if (steps if seconds is None else seconds) <= 0:
        raise ValueError("there is nothing to train: steps, or seconds, must be above 0")
    if not callable(schedule) and schedule not in SCHEDULES:
        raise ValueError(f"no schedule is called {schedule!r}: choose one of {', '.join(SCHEDULES)}")
    if resume and out is None:
        raise ValueError("to resume, name the folder with the checkpoint: out=...")
    if accumulate < 1:
        raise ValueError(f"accumulate is {accumulate}: a batch has at least 1 piece")
    rate = schedule if callable(schedule) else SCHEDULES[schedule]
    with whole_step():  # the first optimizer makes torch import much, and half an import breaks every later one
        optimizers = optimizer(model) if callable(optimizer) else make_optimizers(model, optimizer, lr, weight_decay)
    parameters, device = list(model.parameters()), next(model.parameters()).device
    memory, us = Memory(model, train), team()
    if memory.carries and us.size * accumulate > 1:
        raise ValueError("batches that go on from one another cannot be cut: train in one process, with accumulate=1")
    history, step, best = History(), 0, None
    if resume:
        history, step, best = _resume(out, model, optimizers, memory)
        if not keep_best or valid is None:
            best = None
    if not us.leads:
        out = progress = None  # rank 0 writes and shows for all
    if out is not None:
        check_writable(out)
    trained = us.wrap(torch.compile(model) if compiled else model)

    safe = _copy(model)  # weights to go back to if the loss breaks
    looked_at = kept = step  # the last step whose loss was read, and that was validated and saved
    losses = []  # of the steps since: loss and size of the gradients, still on the device
    unsaved = None  # why the last checkpoint could not be written
    clock = time.perf_counter() - history.seconds  # when the training would have begun if it had never paused
    every = eval_every or (max(1, steps // 10) if steps else None)
    next_share = None if every else 0.1 * (1 + int(10 * history.seconds / seconds))

    def share():
        return min(1.0, step / steps if steps else (time.perf_counter() - clock) / seconds)

    def step_back(batch):
        """The gradients of the whole batch, on every process; returns the batch's loss, still on the device."""
        pieces, whole = us.pieces(batch, accumulate), 0.0
        for i, (piece, weight) in enumerate(pieces):
            with us.alone(trained, last=i == len(pieces) - 1):
                with torch.autocast(device.type, torch.bfloat16) if bf16 else nullcontext():
                    value = loss(trained, _moved(piece, device), *memory.before(step))
                if weight is not None:
                    value = value * weight
                # The processes' gradients are averaged, but the pieces' losses add up.
                (value * us.size if us.size > 1 else value).backward()
            whole = whole + value.detach().float()
        return us.total(whole)

    def look():
        """Read the losses of the latest steps, and give up where one is no number."""
        nonlocal looked_at
        for number, size in torch.stack(losses).tolist() if losses else ():
            if not math.isfinite(number):
                give_up(f"the loss became {number} at step {looked_at}")
            if not math.isfinite(size):
                give_up(f"the gradients became {size} at step {looked_at}")
            looked_at += 1
            history.steps.append(looked_at)
            history.train_loss.append(number)
        losses.clear()

    def give_up(what):
        model.load_state_dict(safe)
        raise TrainingError(
            f"{what}: train again with a smaller lr, or look for numbers in the data that are not finite"
        )

    def evaluate():
        """Validate, and write a checkpoint; the clock stands still meanwhile."""
        nonlocal safe, best, kept, clock, unsaved
        look()
        paused = time.perf_counter()
        history.seconds = paused - clock
        if valid is not None and step != (history.valid_steps or [None])[-1]:
            value = validation_loss(model, valid, loss)  # may be interrupted: both lists grow after it, or none
            if not math.isfinite(value):
                give_up(f"the validation loss became {value} after step {step}")
            history.valid_steps.append(step)
            history.valid_loss.append(value)
        safe = _copy(model)
        if keep_best and history.best_step == step:
            best = safe
        if out is not None:
            try:
                _save(out, model, optimizers, memory, history, step, best, tokenizer, facts)
                unsaved = None
            except CheckpointError as problem:  # a full disk is no reason to lose what is in memory: go on
                if unsaved is None:
                    shown.say(f"{problem}; the training goes on and tries again")
                unsaved = problem
        kept = step
        clock += time.perf_counter() - paused

    # Dropout draws from torch's global generator: leave it as it was.
    with (
        torch.random.fork_rng(devices=[device] if device.type == "cuda" else []),
        Progress(history, progress, share(), getattr(loss, "unit", "nats per token")) as shown,
    ):
        try:
            model.train()
            try:
                done = us.agree(share())
                while done < 1 or step == 0:
                    for group in (group for o in optimizers for group in o.param_groups):
                        group["lr"] = group["base_lr"] * rate(done)
                    _seed_dropout(seed, step, us.rank, device)
                    batch = train.batch(step)
                    model.zero_grad(set_to_none=True)
                    value = step_back(batch)
                    size = torch.nn.utils.clip_grad_norm_(parameters, math.inf if clip is None else clip)
                    with whole_step():
                        memory.after()
                        for o in optimizers:
                            o.step()
                        losses.append(torch.stack((value, size.float())))
                        history.tokens += batch[0].numel()
                        step += 1
                        if device.type == "cpu" or len(losses) == LOOK or shown.due():
                            look()
                    before, done = done, us.agree(share())
                    if (step % every == 0 if every else before >= next_share) and done < 1:
                        next_share = 0.1 * (1 + int(10 * before))
                        evaluate()
                    if shown.due():
                        shown.update(done)
            except KeyboardInterrupt:
                if us.size > 1:  # the others may be a step further: only the last checkpoint is the same for all
                    raise
                history.interrupted = True
                shown.say(f"stopped at step {step}; the model and its history keep what was reached")
            model.zero_grad(set_to_none=True)
            if step != kept:
                evaluate()
            history.seconds = time.perf_counter() - clock
            if best is not None:
                model.load_state_dict(best)
            shown.update(share(), draw=False)
        finally:
            model.zero_grad(set_to_none=True)
            model.eval()
    if unsaved is not None:
        raise CheckpointError(f"{unsaved}; the model in memory is trained: save it elsewhere with save_checkpoint")
    return history


@contextmanager
def whole_step():
    """Ctrl-C waits until the block is done, some milliseconds mostly: half a step could not be resumed exactly."""
    waiting = []
    try:
        before = signal.signal(signal.SIGINT, lambda *signal_and_frame: waiting.append(signal_and_frame))
    except ValueError:  # not the main thread, which alone gets Ctrl-C
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if waiting and callable(before):
        before(*waiting[0])


def _seed_dropout(seed, step, rank, device):
    """So that a resumed training drops what it would have dropped. (torch.manual_seed does it too, but slowly.)"""
    number = seed * 1_000_003 + step + (rank << 40)  # each process has other rows, and drops other numbers
    torch.default_generator.manual_seed(number)
    if device.type == "cuda":
        torch.cuda.manual_seed(number)


def _moved(batch, device):
    return tuple(tensor.to(device, non_blocking=True) for tensor in batch)


def _copy(model):
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def _names(optimizers):
    return [type(o).__name__ for o in optimizers]


def _save(out, model, optimizers, memory, history, step, best, tokenizer, facts):
    """The best weights for use; the latest weights and the optimizers' memory to go on from."""
    save_checkpoint(
        out,
        model,
        tokenizer,
        resume=pack_optimizers(optimizers)
        | {f"model.{name}": value for name, value in _copy(model).items()}
        | memory.pack(),
        weights=best,
        step=step,
        weights_step=step if best is None else history.best_step,
        optimizers=_names(optimizers),
        history=vars(history),
        **(facts or {}),
    )


def _resume(out, model, optimizers, memory):
    """The history, the step and the best weights (or None) of the training in `out`; fills model and memory."""
    state = read_state(out)
    if "resume" not in state["files"]:
        raise CheckpointError(f"the checkpoint in {out} is a finished model without a training to resume")
    names = _names(optimizers)
    if state.get("optimizers", names) != names:
        raise CheckpointError(
            f"the training in {out} used {' and '.join(state['optimizers'])}, this one would use "
            f"{' and '.join(names)}: resume with the same optimizer"
        )
    packed = read_tensors(out, state, "resume")
    fill(model, {k.removeprefix("model."): v for k, v in packed.items() if k.startswith("model.")}, out)
    unpack_optimizers(optimizers, packed)
    memory.unpack(packed)
    history = History(**state["history"] | {"interrupted": False})
    # The weights for use are the best ones, unless there was no validation, or nobody wanted the best.
    are_best = history.best_step is not None and state.get("weights_step", history.best_step) == history.best_step
    return history, state["step"], read_tensors(out, state, "weights") if are_best else None
