"""Compare an answer's result with the right one: first what it is, then its shape, then its values.

Each difference is one sentence that a learner can act on. Results may be numbers, strings, lists, tuples, dicts,
sets, NumPy arrays, torch tensors, and these inside one another.
"""

import math
import numbers
import reprlib
from dataclasses import dataclass

import numpy as np
import torch


@dataclass
class Difference:
    """What differs: kind is "type", "shape" or "value", in the order in which a learner should mend them."""

    kind: str
    text: str


def difference(got, right, tolerance=1e-5):
    """The first Difference between a result and the right one, or None.

    tolerance: numbers may be off by so much, relative to the larger of 1 and the right one's size.
    """
    if isinstance(right, torch.Tensor | np.ndarray) and np.ndim(right) > 0:
        return _arrays(got, right, tolerance)
    if _is_bool(right):
        return _types(got, right) if not _is_bool(got) else _unequal(got, right, bool(got) == bool(right))
    if _is_number(right):
        return _numbers(got, right, tolerance)
    if isinstance(right, dict):
        return _dicts(got, right, tolerance)
    if isinstance(right, list | tuple):
        return _sequences(got, right, tolerance)
    if isinstance(right, set | frozenset):
        return _types(got, right) if not isinstance(got, set | frozenset) else _unequal(got, right, got == right)
    if type(got) is not type(right) and not isinstance(got, type(right)):
        return _types(got, right)
    return _unequal(got, right, got == right)


def changed(after, before):
    """Did a call change what it was given? Asked of lists, dicts, sets and arrays only: a generator must change."""
    return isinstance(before, list | dict | set | np.ndarray | torch.Tensor) and bool(difference(after, before, 0))


def _numbers(got, right, tolerance):
    if _is_bool(got) or not _is_number(got):
        return _types(got, right)
    if isinstance(right, torch.Tensor) and not isinstance(got, torch.Tensor):  # a plain number has no gradient
        return _types(got, right)
    return _unequal(got, right, close(got, right, tolerance))


def _arrays(got, right, tolerance):
    kind = torch.Tensor if isinstance(right, torch.Tensor) else np.ndarray
    if not isinstance(got, kind):
        return _types(got, right)
    if tuple(got.shape) != tuple(right.shape):
        return Difference("shape", f"its shape is {tuple(got.shape)} and should be {tuple(right.shape)}")
    a, b = _numpy(got), _numpy(right)
    if b.dtype.kind in "iu" and a.dtype.kind not in "iu":
        return Difference("type", f"it holds numbers of type {got.dtype} and should hold whole numbers")
    if b.dtype.kind == "b" and a.dtype.kind != "b":
        return Difference("type", f"it holds numbers of type {got.dtype} and should hold True and False")
    if b.dtype.kind in "US":
        wrong = a != b
    else:
        a, b = a.astype(float), b.astype(float)
        with np.errstate(invalid="ignore"):  # inf - inf; equal infinities are equal
            near = np.abs(a - b) <= tolerance * np.maximum(1, np.where(np.isfinite(b), np.abs(b), 1))
        wrong = ~((a == b) | near | (np.isnan(a) & np.isnan(b)))
    if not wrong.any():
        return None
    place = tuple(int(i) for i in np.argwhere(wrong)[0])
    index = ", ".join(map(str, place))
    count = f"{int(wrong.sum())} of its {wrong.size} numbers are wrong; " if wrong.size > 1 else ""
    return Difference("value", f"{count}at [{index}] stands {short(a[place])} and should stand {short(b[place])}")


def _dicts(got, right, tolerance):
    if not isinstance(got, dict):
        return _types(got, right)
    if missing := [key for key in right if key not in got]:
        return Difference("shape", f"the key {short(missing[0])} is missing{_more(missing)}")
    if extra := [key for key in got if key not in right]:
        return Difference("shape", f"the key {short(extra[0])} should not be there{_more(extra)}")
    for key, value in right.items():
        if found := difference(got[key], value, tolerance):
            return Difference(found.kind, f"under the key {short(key)} {found.text}")
    return None


def _sequences(got, right, tolerance):
    kind = list if isinstance(right, list) else tuple
    if not isinstance(got, kind):
        return _types(got, right)
    if len(got) != len(right):
        return Difference("shape", f"its length is {len(got)} and should be {len(right)}")
    for i, (one, other) in enumerate(zip(got, right)):
        if found := difference(one, other, tolerance):
            return Difference(found.kind, f"at [{i}] {found.text}")
    return None


def _types(got, right):
    if got is None:
        return Difference("type", f"it gives None and should give {kind_of(right)}: does it end with `return`?")
    if got is ...:
        return Difference("type", f"it gives `...` and should give {kind_of(right)}: put your own line in its place")
    if hasattr(got, "__next__"):
        return Difference("type", f"it gives an iterator and should give {kind_of(right)}: make one of it")
    return Difference("type", f"it gives {kind_of(got)} and should give {kind_of(right)}")


def _unequal(got, right, equal):
    return None if equal else Difference("value", f"it gives {short(got)} and should give {short(right)}")


def close(got, right, tolerance):
    """Are two numbers equal, up to the tolerance? Two that are no number (nan) are."""
    got, right = (x.item() if hasattr(x, "item") else x for x in (got, right))
    if got == right or (got != got and right != right):
        return True
    if isinstance(right, int) and isinstance(got, int):
        return False
    return math.isfinite(right) and abs(got - right) <= tolerance * max(1, abs(right))


def _is_bool(x):
    return isinstance(x, bool | np.bool_) or (isinstance(x, torch.Tensor) and x.ndim == 0 and x.dtype == torch.bool)


def _is_number(x):
    if isinstance(x, torch.Tensor | np.ndarray):
        return x.ndim == 0
    return isinstance(x, numbers.Number)


def _numpy(x):
    return x.detach().cpu().numpy() if isinstance(x, torch.Tensor) else x


def _more(names):
    return f" (and {len(names) - 1} more)" if len(names) > 1 else ""


def kind_of(x):
    """What a value is, in words: "a list of length 3", "a torch tensor of shape (2, 3)"."""
    if x is None:
        return "None"
    if isinstance(x, torch.Tensor | np.ndarray) and x.ndim > 0:
        name = "torch tensor" if isinstance(x, torch.Tensor) else "NumPy array"
        return f"a {name} of shape {tuple(x.shape)}"
    if _is_bool(x):
        return "True or False"
    if _is_number(x):
        if isinstance(x, torch.Tensor):
            return f"a torch tensor that holds {short(x)}"
        return f"the number {short(x)}" if isinstance(x, numbers.Number) else f"a number, {short(x)}"
    if isinstance(x, str):
        return "a string"
    if isinstance(x, list | tuple):
        return f"a {type(x).__name__} of length {len(x)}"
    if isinstance(x, dict):
        return f"a dict with {len(x)} key{'' if len(x) == 1 else 's'}"
    if isinstance(x, type) or callable(x):
        return "a function"
    return f"a {type(x).__name__}"


_shortener = reprlib.Repr()
_shortener.maxlist = _shortener.maxtuple = _shortener.maxset = _shortener.maxdict = 8
_shortener.maxstring, _shortener.maxother = 70, 80


def short(x, most=160):
    """A value in at most a line or so: long ones are cut in the middle, arrays rounded."""
    text = _text(x)
    return text if len(text) <= most else f"{text[: most // 2 - 2]} … {text[-most // 2 + 2 :]}"


def _text(x):
    if isinstance(x, torch.Tensor | np.ndarray | np.generic):
        a = _numpy(x)
        if a.ndim == 0:
            return _text(a.item())
        if a.size > 12:
            return kind_of(x)
        name = "tensor" if isinstance(x, torch.Tensor) else "array"
        return f"{name}({_text(a.tolist())})"
    if isinstance(x, float):
        return f"{x:.6g}"
    if type(x) in (list, tuple) and len(x) <= 10:
        inside = ", ".join(map(short, x))
        return f"[{inside}]" if type(x) is list else f"({inside}{',' if len(x) == 1 else ''})"
    if isinstance(x, dict) and len(x) <= 8:
        return "{" + ", ".join(f"{_text(k)}: {_text(v)}" for k, v in x.items()) + "}"
    if callable(x) and hasattr(x, "__name__"):
        return x.__name__
    return _shortener.repr(x)
