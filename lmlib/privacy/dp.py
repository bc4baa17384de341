"""DP-SGD: training whose result hardly depends on any one document. Abadi et al. 2016, algorithm 1.

Each step draws documents by lot, takes the gradient of each document alone, shortens it to at most `clip`, adds them
up, and adds Gaussian noise of `noise` times `clip`. What a step gives away about one document is thereby bounded, and
`epsilon` adds up the steps.
"""

import torch
import torch.nn.functional as F
from torch.func import functional_call, grad, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from ..training.data import IGNORE


def document_loss(parameters, model, inputs, targets):
    """The mean surprise of one document's tokens in nats; inputs and targets (time,), padding in targets IGNORE."""
    logits = functional_call(model, parameters, (inputs[None],))[0]
    return F.cross_entropy(logits, targets, ignore_index=IGNORE)


def per_document_gradients(model, inputs, targets):
    """The gradient of each document's own loss: {name: (documents, *shape)}. inputs, targets: (documents, time)."""
    parameters = {name: p.detach() for name, p in model.named_parameters()}
    with sdpa_kernel(SDPBackend.MATH):  # the fused kernel knows no vmap: it would run document by document
        return vmap(grad(document_loss), in_dims=(None, None, 0, 0))(parameters, model, inputs, targets)


def norms(gradients):
    """The length of each document's gradient over all parameters together: (documents,)."""
    return torch.stack([g.flatten(1).square().sum(1) for g in gradients.values()]).sum(0).sqrt()


def clipped_sum(gradients, clip):
    """The sum over the documents, each gradient shortened to at most `clip`, (17.7); longer ones keep direction."""
    factor = (clip / norms(gradients).clamp(min=1e-12)).clamp(max=1.0)  # (documents,)
    return {name: torch.einsum("d...,d->...", g, factor) for name, g in gradients.items()}


def with_noise(total, clip, noise, generator):
    """Add to every number of the sum a Gaussian number with standard deviation noise x clip, (17.8)."""
    return {name: g + noise * clip * torch.randn(g.shape, generator=generator) for name, g in total.items()}


class Crops:
    """Documents as ids, and batches of crops: each document joins a step by lot, on its own (Poisson sampling).

    That lot is what the accountant assumes. A document that is longer than the context shows another part of itself
    each time; whichever it shows, it is one document. expected: how many documents join on average.
    """

    def __init__(self, rows, end_id, context, expected, seed=0):
        if not 1 <= expected <= len(rows):
            raise ValueError(f"of {len(rows)} documents 1 to {len(rows)} can join a step on average, not {expected}")
        self.rows = [torch.tensor([end_id, *row, end_id]) for row in rows]
        self.context, self.expected = context, expected
        self.rate = expected / len(rows)  # q: the probability of each document to join
        self.generator = torch.Generator().manual_seed(seed)

    def draw(self):
        """inputs and targets (documents, context), padded; the number of documents is another each time."""
        joins = torch.rand(len(self.rows), generator=self.generator) < self.rate
        chosen = joins.nonzero().flatten().tolist()
        inputs = torch.zeros(len(chosen), self.context, dtype=torch.long)
        targets = torch.full((len(chosen), self.context), IGNORE)
        for i, d in enumerate(chosen):
            row = self.rows[d]
            room = max(1, len(row) - self.context)
            start = int(torch.randint(room, (1,), generator=self.generator))
            part = row[start : start + self.context + 1]
            inputs[i, : len(part) - 1], targets[i, : len(part) - 1] = part[:-1], part[1:]
        return inputs, targets


def train(model, crops, steps, clip=None, noise=0.0, lr=3e-3, seed=0, look=None):
    """Train in place with DP-SGD, or, where clip is None, on the same batches with the plain mean gradient.

    The optimiser is Adam in both: what is done with a noisy gradient afterwards gives nothing away. The sum is
    divided by the *expected* number of documents, since how many joined is itself a secret.
    look: called with (step, per-document gradients) before clipping.
    """
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    generator = torch.Generator().manual_seed(1_000_003 + seed)
    for step in range(steps):
        inputs, targets = crops.draw()
        if clip is None:
            optimizer.zero_grad()
            losses = F.cross_entropy(model(inputs).transpose(1, 2), targets, ignore_index=IGNORE, reduction="none")
            per_document = losses.sum(1) / (targets != IGNORE).sum(1)
            (per_document.sum() / crops.expected).backward()
        else:
            gradients = per_document_gradients(model, inputs, targets)
            if look is not None:
                look(step, gradients)
            noisy = with_noise(clipped_sum(gradients, clip), clip, noise, generator)
            for name, p in model.named_parameters():
                p.grad = noisy[name] / crops.expected
        for group in optimizer.param_groups:
            group["lr"] = lr * min(1.0, 2 * (1 - step / steps))  # straight down to zero in the second half
        optimizer.step()
    return model


ORDERS = (*(1 + x / 4 for x in range(1, 40)), *range(11, 64), 64, 80, 96, 128, 192, 256, 384, 512)


def epsilon(rate, noise, steps, delta):
    """The epsilon of `steps` steps of DP-SGD at this delta, by the accountant of Opacus.

    Rényi differential privacy of the sampled Gaussian mechanism (Mironov, Talwar and Zhang 2019, section 3.3), turned
    into epsilon as in Balle et al. 2020, theorem 21. rate: the probability of each document to join a step.
    Raises ImportError, with what to do, where Opacus is not installed; ValueError for numbers out of their range.
    """
    if not (0 < rate <= 1 and noise > 0 and steps >= 1 and 0 < delta < 1):
        raise ValueError(
            f"rate {rate} lies in (0, 1], noise {noise} above 0, steps {steps} at 1 or more, delta {delta} in (0, 1)"
        )
    try:
        from opacus.accountants.analysis import rdp
    except ImportError:
        raise ImportError("the accountant comes from Opacus: pip install -c constraints.txt opacus") from None
    spent = rdp.compute_rdp(q=rate, noise_multiplier=noise, steps=steps, orders=ORDERS)
    return float(rdp.get_privacy_spent(orders=ORDERS, rdp=spent, delta=delta)[0])


def noise_for(target, rate, steps, delta):
    """The least noise multiplier, to three digits, whose epsilon is at most `target`: bisection."""
    low, high = 0.1, 100.0
    while high / low > 1.001:
        middle = (low * high) ** 0.5
        low, high = (middle, high) if epsilon(rate, middle, steps, delta) > target else (low, middle)
    return round(high, 3)
