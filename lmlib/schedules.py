"""Who computes what, when: pipelines and rings of processors, simulated step by step.

A processor does its tasks in a given order, one at a time; a task begins as soon as its processor is free and all
that it needs is there. That is all the simulator knows: bubbles come out of it, they are not put in.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Task:
    """One piece of work. kind: "forward", "backward" or "send"; stage: a part of the model; piece: one of the batch.

    needs: the (kind, stage, piece) of the tasks that must be done before.
    """

    kind: str
    stage: int
    piece: int
    duration: float
    needs: tuple = ()

    @property
    def key(self):
        return self.kind, self.stage, self.piece


@dataclass(frozen=True)
class Done:
    """A task of a processor, with the time at which it began and ended."""

    processor: int
    task: Task
    start: float
    end: float


def simulate(orders):
    """Run every processor's list of tasks; returns all as `Done`, in the order in which they begin.

    Raises ValueError where tasks wait for each other, or for one that nobody does.
    """
    place, free, ended, done = [0] * len(orders), [0.0] * len(orders), {}, []
    while any(place[p] < len(order) for p, order in enumerate(orders)):
        moved = False
        for p, order in enumerate(orders):
            while place[p] < len(order) and all(need in ended for need in order[place[p]].needs):
                task = order[place[p]]
                start = max([free[p], *(ended[need] for need in task.needs)])
                free[p] = ended[task.key] = start + task.duration
                done.append(Done(p, task, start, free[p]))
                place[p] += 1
                moved = True
        if not moved:
            stuck = next(order[place[p]] for p, order in enumerate(orders) if place[p] < len(order))
            raise ValueError(f"{stuck.key} waits for {stuck.needs}, which cannot be done before it")
    return sorted(done, key=lambda one: (one.start, one.processor))


def makespan(done):
    """The time from the first beginning to the last end."""
    return max(one.end for one in done) - min(one.start for one in done)


def idle_share(done):
    """Which share of all processors' time nothing is done: the bubble."""
    processors = len({one.processor for one in done})
    return 1 - sum(one.end - one.start for one in done) / (processors * makespan(done))


# --- pipelines ---


def _forward(stage, piece, duration):
    return Task("forward", stage, piece, duration, (("forward", stage - 1, piece),) if stage else ())


def _backward(stage, piece, duration, last):
    needs = (("forward", stage, piece), *((("backward", stage + 1, piece),) if stage < last else ()))
    return Task("backward", stage, piece, duration, needs)


def gpipe(stages, pieces, forward=1.0, backward=2.0):
    """GPipe (Huang et al. 2019, section 2.3): all pieces forward, then all backward, the last one first."""
    return [
        [_forward(s, m, forward) for m in range(pieces)]
        + [_backward(s, m, backward, stages - 1) for m in reversed(range(pieces))]
        for s in range(stages)
    ]


def one_forward_one_backward(stages, pieces, forward=1.0, backward=2.0):
    """1F1B (Narayanan et al. 2019, PipeDream, section 3.2; with a flush at the end of each batch: 2021, section 2.2).

    After a few pieces forward every stage does one backward and one forward in turn, so it keeps fewer pieces.
    """
    orders = []
    for s in range(stages):
        ahead = min(stages - s - 1, pieces)
        order = [_forward(s, m, forward) for m in range(ahead)]
        for m in range(pieces):
            if ahead + m < pieces:
                order.append(_forward(s, ahead + m, forward))
            order.append(_backward(s, m, backward, stages - 1))
        orders.append(order)
    return orders


def bubble(stages, pieces):
    """The idle share of GPipe and 1F1B where all stages take the same time, (18.11)."""
    return (stages - 1) / (pieces + stages - 1)


def most_kept(done, processor):
    """The most pieces whose activations a processor holds at once: forward done or begun, backward not yet done."""
    own = [one for one in done if one.processor == processor]
    changes = [(one.start, 1) for one in own if one.task.kind == "forward"]
    changes += [(one.end, -1) for one in own if one.task.kind == "backward"]
    now = most = 0
    for _, change in sorted(changes):
        now += change
        most = max(most, now)
    return most


# --- data parallel ---


def ring_all_reduce(vectors):
    """Every processor's vector becomes the sum of all, in 2 (n - 1) steps around a ring (Patarasuk and Yuan 2009).

    vectors: a list of n lists of numbers of one length. Returns (the list of sums, one for each processor, and how
    many numbers each one sent). In each step a processor sends one part of n to its right neighbour: first the parts
    are added on their way round, then the sums go round.
    """
    n, length = len(vectors), len(vectors[0])
    cut = [length * i // n for i in range(n + 1)]
    held, sent = [list(vector) for vector in vectors], [0] * n
    for step in range(2 * (n - 1)):
        messages = []
        for p in range(n):  # all send at once: first what they send now ...
            part = (p - step) % n if step < n - 1 else (p + 1 - (step - (n - 1))) % n
            messages.append((part, held[p][cut[part] : cut[part + 1]]))
            sent[p] += cut[part + 1] - cut[part]
        for p, (part, numbers) in enumerate(messages):  # ... then what arrives
            mine, span = held[(p + 1) % n], slice(cut[part], cut[part + 1])
            mine[span] = [a + b for a, b in zip(mine[span], numbers)] if step < n - 1 else numbers
    return held, sent


def data_parallel(layers, backward=1.0, send=0.6, overlap=True):
    """The backward pass of one processor and its network: the gradients of each layer are sent when they are ready.

    overlap: at once, while earlier layers go on computing; else only when the whole backward pass is done.
    Processor 0 computes, processor 1 is the network.
    """
    last_first = range(layers - 1, -1, -1)
    compute = [
        Task("backward", s, 0, backward, (("backward", s + 1, 0),) if s < layers - 1 else ()) for s in last_first
    ]
    network = [Task("send", s, 0, send, (("backward", s if overlap else 0, 0),)) for s in last_first]
    return [compute, network]
