"""Write a value as Python source, so that a public test shows what it calls and what should come out."""

import math

import numpy as np
import torch

NAMES = "from math import inf, nan\nimport numpy as np\nimport torch"  # what the source below needs


def literal(value):
    """Python source that gives an equal value: numbers, text, NumPy arrays, tensors, and these inside one another.

    It needs the imports in NAMES. Raises TypeError for what has no such source (a function, a model).
    """
    if isinstance(value, torch.Tensor):
        plain = "" if torch.tensor(value.tolist()).dtype == value.dtype else f", dtype={value.dtype}"
        return f"torch.tensor({literal(value.tolist())}{plain})" + _shape(value)
    if isinstance(value, np.ndarray):
        plain = "" if np.array(value.tolist()).dtype == value.dtype else f", dtype=np.{value.dtype.name}"
        return f"np.array({literal(value.tolist())}{plain})" + _shape(value)
    if isinstance(value, np.bool_ | np.integer | np.floating):
        return literal(value.item())
    if value is None or isinstance(value, bool | int | str | bytes):
        return repr(value)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else {math.inf: "inf", -math.inf: "-inf"}.get(value, "nan")
    if isinstance(value, tuple):
        return "(" + "".join(f"{literal(item)}, " for item in value).rstrip(" " if len(value) == 1 else ", ") + ")"
    if isinstance(value, list):
        return "[" + ", ".join(map(literal, value)) + "]"
    if isinstance(value, set | frozenset):
        items = ", ".join(sorted(map(literal, value)))
        return f"{type(value).__name__}([{items}])"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{literal(k)}: {literal(v)}" for k, v in value.items()) + "}"
    raise TypeError(f"a public test can't show a {type(value).__name__}: give the exercise simpler examples")


def _shape(array):
    """An empty array forgets its shape as a list: say it."""
    return f".reshape({tuple(array.shape)})" if 0 in array.shape else ""
