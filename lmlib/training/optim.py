"""Two optimizers: AdamW for vectors, embeddings and the output head; Muon for the matrices in between.

Muon (Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks") takes the momentum of a
matrix and makes all its singular values about 1: every direction that the matrix can move in moves equally far,
the rare ones too. AdamW is Loshchilov and Hutter 2019; torch has it.
"""

import torch
from torch import nn


def orthogonalise(m, steps=5):
    """The matrices m (..., rows, columns) with their singular values brought near 1, by Newton-Schulz iteration.

    Each step applies s -> 3.4445 s - 4.775 s^3 + 2.0315 s^5 to every singular value s at once, without computing
    one; the coefficients are Jordan's, tuned for speed: s ends between about 0.7 and 1.2, which is enough.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    wide = m.size(-2) <= m.size(-1)
    x = m if wide else m.mT  # x @ x.mT is then the smaller of the two possible products
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)  # now no singular value is above 1
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x if wide else x.mT


class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalised: w <- w - lr * (scale * orthogonalise(momentum) + weight_decay * w).

    For parameters with two dimensions. `scale` = sqrt(max(1, rows / columns)) keeps the size of the output's
    change alike for matrices of all shapes.
    """

    def __init__(self, params, lr=0.02, momentum=0.95, weight_decay=0.0):
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            by_shape = {}  # matrices of one shape are orthogonalised together: fewer, larger products
            for p in group["params"]:
                if p.grad is None:
                    continue
                if "momentum" not in self.state[p]:
                    self.state[p]["momentum"] = torch.zeros_like(p)
                momentum = self.state[p]["momentum"].lerp_(p.grad, 1 - group["momentum"])
                # Nesterov: look ahead by one more step of the momentum
                by_shape.setdefault(p.shape, []).append((p, p.grad.lerp(momentum, group["momentum"])))
            for (rows, columns), pairs in by_shape.items():
                updates = orthogonalise(torch.stack([update for _, update in pairs]))
                scale = max(1, rows / columns) ** 0.5
                for (p, _), update in zip(pairs, updates):
                    p.mul_(1 - group["lr"] * group["weight_decay"])
                    p.sub_(update, alpha=group["lr"] * scale)


def hidden_matrices(model):
    """The parameters that Muon trains: matrices, but neither embeddings nor the output layer named `head`.

    A row of an embedding or of the head belongs to one token; how often it must move depends on how often the
    token comes, and AdamW, which counts for each number apart, knows that. Muon would move all alike.
    """
    rows_of_tokens = {p for m in model.modules() if isinstance(m, nn.Embedding) for p in m.parameters()}
    return [
        p
        for name, p in model.named_parameters()
        if p.ndim == 2 and p not in rows_of_tokens and "head" not in name.split(".")
    ]


def make_optimizers(model, name="muon", lr=None, weight_decay=0.0):
    """The optimizers of a model as a list; each group remembers its first `lr` as `base_lr`.

    "adamw": one AdamW for all (lr 3e-3 unless given). "muon": Muon for the `hidden_matrices` (lr 0.02 unless
    given), AdamW at a fixed share of that for all the rest. Raises ValueError for another name.
    """
    if name not in ("adamw", "muon"):
        raise ValueError(f"no optimizer is called {name!r} here: choose 'adamw' or 'muon'")
    if lr is None:
        lr = 0.02 if name == "muon" else 3e-3
    matrices = hidden_matrices(model) if name == "muon" else []
    rest = [p for p in model.parameters() if not any(p is m for m in matrices)]
    optimizers = []
    if matrices:
        optimizers.append(Muon(matrices, lr=lr, weight_decay=weight_decay))
    if rest:
        adam_lr = 0.3 * lr if name == "muon" else lr
        optimizers.append(
            torch.optim.AdamW(rest, lr=adam_lr, betas=(0.9, 0.98), weight_decay=weight_decay, foreach=True)
        )
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["base_lr"] = group["lr"]
    return optimizers
