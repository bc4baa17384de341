"""The learning rate over a training: a function of the share of it that is done (0 to 1), times the base rate.

Shares, not steps, so that a training that is measured in seconds has the same schedules.
"""

import math

FIRST = 1e-3  # the warm-up begins a little above 0, or the first step would be none


def warm_up(done, warmup):
    """From near 0 straight up to 1 over the first `warmup` of the training: early gradients are rough guesses."""
    return min(1.0, (done + FIRST) / warmup)


def trapezoid(done, warmup=0.03, decay=0.5):
    """Up, flat, then straight down to 0 over the last `decay` of the training (Hägele et al. 2024, section 3)."""
    return min(warm_up(done, warmup), max(0.0, (1 - done) / decay))


def linear(done, warmup=0.03):
    """Up, then straight down to 0."""
    return min(warm_up(done, warmup), max(0.0, (1 - done) / (1 - warmup)))


def cosine(done, warmup=0.03, floor=0.1):
    """Up, then half a cosine down to `floor` (Loshchilov and Hutter 2017, equation 5)."""
    turned = max(0.0, done - warmup) / (1 - warmup)
    return min(warm_up(done, warmup), floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * turned)))


def constant(done, warmup=0.03):
    """Up, then flat."""
    return warm_up(done, warmup)


SCHEDULES = {"trapezoid": trapezoid, "linear": linear, "cosine": cosine, "constant": constant}
