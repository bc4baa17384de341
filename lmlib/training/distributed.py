"""One training in several processes, which `torchrun` starts: on the cores of a machine, or on many machines.

Every process holds the whole model and draws the same batch, of which it takes its rows: with 2 processes the one
every even row, the other every odd one. DistributedDataParallel (Li et al. 2020, PyTorch Distributed, section 3)
makes the mean of their gradients, so all take the same step, the one that a single process would have taken.
"""

import os
import signal
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist

from .data import IGNORE

PATIENCE = timedelta(minutes=10)  # that a process waits for one which is alive and silent, such as one at a slow disk


class LostProcess(RuntimeError):
    """Another process of this training has ended, so this one cannot go on."""


@dataclass(frozen=True)
class Team:
    """The processes of a training. `rank` counts from 0; rank 0 alone writes and shows the progress."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self):
        return self.rank == 0

    def wrap(self, model):
        """The model whose gradients are the mean over all processes."""
        if self.size == 1:
            return model
        device = next(model.parameters()).device
        return torch.nn.parallel.DistributedDataParallel(model, [device] if device.type == "cuda" else None)

    def pieces(self, batch, parts=1):
        """This process's rows of a batch, in `parts` pieces, and each piece's weight: [(piece, weight), ...].

        The batch's loss is the mean over its targets. A piece's is the mean over the targets of the piece, which may
        be fewer than those of another, so its weight is its share of the targets. The weighted sum over the pieces
        of all processes is the loss of the batch.
        """
        n = self.size * parts
        if n == 1:
            return [(batch, None)]
        whole, pieces = _targets(batch), []
        for i in range(self.rank, n, self.size):
            piece = tuple(tensor[i::n] for tensor in batch)
            if not len(piece[0]) or not _targets(piece):  # all take part in every step: any rows, without a weight
                if self.size == 1:
                    continue
                pieces.append((batch, 0.0))
            else:
                pieces.append((piece, _targets(piece) / whole))
        return pieces

    @property
    def device(self):
        """Where the processes' messages live: NCCL speaks from GPU to GPU only."""
        return "cuda" if self.size > 1 and dist.get_backend() == "nccl" else "cpu"

    def agree(self, number):
        """Rank 0's number, for all: clocks differ, and all must do the same."""
        if self.size == 1:
            return number
        shared = torch.tensor(number, dtype=torch.float64, device=self.device)
        dist.broadcast(shared, 0)
        return shared.item()

    def total(self, tensor):
        """The sum over all processes, in place."""
        if self.size > 1:
            dist.all_reduce(tensor)
        return tensor

    def alone(self, trained, last):
        """While the block runs, gradients stay in this process, unless this is the `last` piece of a batch."""
        return nullcontext() if self.size == 1 or last else trained.no_sync()


def _targets(batch):
    return int((batch[-1] != IGNORE).sum())


def team():
    """The processes that train together now; one where nobody called `joined`."""
    if dist.is_available() and dist.is_initialized():
        return Team(dist.get_rank(), dist.get_world_size())
    return Team()


def started_by_torchrun():
    """Is this process one of several?"""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


@contextmanager
def joined(device="cpu"):
    """Within, `team()` holds all processes that torchrun started; alone where it started none.

    device: where this process computes; for a GPU the messages go through NCCL, else through gloo. Raises
    LostProcess as soon as another process has ended: none can go on without all.
    """
    if not started_by_torchrun():
        yield Team()
        return
    store, rank, size = next(dist.rendezvous("env://", timeout=PATIENCE))
    nccl = torch.device(device).type == "cuda"
    dist.init_process_group("nccl" if nccl else "gloo", store=store, rank=rank, world_size=size, timeout=PATIENCE)
    before = signal.signal(signal.SIGTERM, _ended)  # what torchrun sends to all once one has ended
    try:
        yield team()
        dist.barrier()  # nobody leaves while another may still ask for something
    except RuntimeError as problem:
        if not _is_loss(problem):
            raise
        raise LostProcess("another process of this training has ended") from None
    finally:
        signal.signal(signal.SIGTERM, before)
        dist.destroy_process_group()


def _ended(*signal_and_frame):
    raise LostProcess("this process was told to end")


def _is_loss(problem):
    """Is this error what remains of a process that is gone? gloo tells it in words only."""
    words = ("gloo", "Connection", "NCCL", "Broken pipe")
    return isinstance(problem, (LostProcess, dist.DistError)) or any(word in str(problem) for word in words)


def first_to_say():
    """True in one process only: an error that all have is told once."""
    if not started_by_torchrun():
        return True
    try:
        store, _, _ = next(dist.rendezvous("env://", timeout=timedelta(seconds=5)))
        return store.add("lmlib/said", 1) == 1
    except (RuntimeError, ValueError):  # nobody to ask any more: better twice than never
        return True
