"""LoRA: a layer that was trained stays as it is, and a small product of two thin matrices is learned beside it.

    y = W x + b + (alpha / r) B A x        A (r, inputs), B (outputs, r)                                     (14.4)

Hu et al. 2021, section 4.1. B begins at zero, so that at first nothing changes. Once trained, (alpha / r) B A is
added to W, and the layer costs what it cost before.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

PARTS = ("query", "value")  # the matrices that get one: Hu et al. 2021, section 7.1


class LoRALinear(nn.Module):
    """An `nn.Linear` that is frozen, and what is learned beside it: x (..., inputs) -> (..., outputs), (14.4).

    r: the rank, how thin A and B are. alpha: how strongly they count, divided by r. Chance is that of `seed` alone.
    Raises ValueError for a rank that does not fit.
    """

    def __init__(self, linear, r=4, alpha=8.0, seed=0):
        super().__init__()
        if not 1 <= r <= min(linear.weight.shape):
            raise ValueError(f"the rank is {r}: choose 1 to {min(linear.weight.shape)} for this layer")
        self.linear, self.scale = linear, alpha / r
        for p in linear.parameters():
            p.requires_grad_(False)
        generator = torch.Generator().manual_seed(seed)
        start = torch.randn(r, linear.in_features, generator=generator) / math.sqrt(linear.in_features)
        self.A = nn.Parameter(start.to(linear.weight))
        self.B = nn.Parameter(torch.zeros(linear.out_features, r).to(linear.weight))

    def forward(self, x):
        return self.linear(x) + self.scale * F.linear(F.linear(x, self.A), self.B)

    @torch.no_grad()
    def merged(self):
        """A plain `nn.Linear` that gives the same: W + (alpha / r) B A, the bias as it was."""
        plain = nn.Linear(self.linear.in_features, self.linear.out_features, self.linear.bias is not None).to(
            self.linear.weight
        )
        plain.weight.copy_(self.linear.weight + self.scale * self.B @ self.A)
        if self.linear.bias is not None:
            plain.bias.copy_(self.linear.bias)
        return plain


def _attentions(model):
    from .attention import MultiHeadAttention

    return [module for module in model.modules() if isinstance(module, MultiHeadAttention)]


def add_lora(model, r=4, alpha=8.0, parts=PARTS, seed=0):
    """Freeze all of a model and put a `LoRALinear` in the place of `parts` of each attention; returns the model."""
    for p in model.parameters():
        p.requires_grad_(False)
    for i, attention in enumerate(_attentions(model)):
        for j, part in enumerate(parts):
            setattr(attention, part, LoRALinear(getattr(attention, part), r, alpha, seed + 100 * i + j))
    return model


def merge_lora(model):
    """Put plain layers back, with what was learned added to their matrices; returns the model."""
    for attention in _attentions(model):
        for part, layer in list(attention.named_children()):
            if isinstance(layer, LoRALinear):
                setattr(attention, part, layer.merged())
    return model


def trained(model):
    """How many numbers training changes."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
