"""The learning rate over a training: a function of the share of it that is done (0 to 1), times the base rate."""

import math


def trapezoid(done, warmup=0.03, decay=0.5):
    """Up, flat, then straight down to 0 over the last `decay` of the training."""
    return min(1.0, (done + 1e-3) / warmup, max(0.0, (1 - done) / decay))


def cosine(done, warmup=0.03, floor=0.1):
    """Up, then half a cosine down to `floor` (Loshchilov and Hutter 2017, equation 5)."""
    if done < warmup:
        return (done + 1e-3) / (warmup + 1e-3)
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * (done - warmup) / (1 - warmup)))


def constant(done, warmup=0.03):
    """Up, then flat."""
    return min(1.0, (done + 1e-3) / warmup)


SCHEDULES = {"trapezoid": trapezoid, "cosine": cosine, "constant": constant}
