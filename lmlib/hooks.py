"""Look into a GPT while it runs, and change what you find: with PyTorch's forward hooks and nothing else.

Lesson 16 builds this. A *site* is a place in the network where a tensor goes by. `sites(model)` names them all;
layers are counted from 1, as in the logit lens:

    stream 0, stream 1, ...   the residual stream before the first layer and behind each   (batch, time, d_model)
    attention 1, ...          what a layer's attention adds to the stream                  (batch, time, d_model)
    feed-forward 1, ...       what its feed-forward part adds                              (batch, time, d_model)
    heads 1, ...              what its heads found, side by side, head h in `head(model, h)` (batch, time, d_model)
    neurons 1, ...            its hidden numbers, as many as the feed-forward part is wide (batch, time, hidden)

    logits, kept = record(model, ids, ["stream 1"])             read
    logits = run(model, ids, {"heads 2": zero(part=slice(0, 32))})   change
    logits = run(model, ids, {"stream 1": put(kept["stream 1"], place=5)})   carry over from another text
"""

from contextlib import ExitStack, contextmanager

import torch
import torch.nn.functional as F

from .models.gpt import rotate


def sites(model):
    """{name: (module, whether its input is meant, or its output)} of a `GPT`."""
    found = {"stream 0": (model.blocks[0], "input")}
    for layer, block in enumerate(model.blocks, start=1):
        found[f"heads {layer}"] = (block.attention.out, "input")
        found[f"attention {layer}"] = (block.attention, "output")
        found[f"neurons {layer}"] = (block.down, "input")
        found[f"feed-forward {layer}"] = (block.down, "output")
        found[f"stream {layer}"] = (block, "output")
    return found


def head(model, number):
    """Where head `number` (from 0) stands among the numbers of a "heads" site: a slice."""
    if not 0 <= number < model.config.n_heads:
        raise ValueError(f"there is no head {number}: each layer has the heads 0 to {model.config.n_heads - 1}")
    return slice(number * model.config.d_head, (number + 1) * model.config.d_head)


@contextmanager
def changed(model, edits):
    """Inside of `with changed(model, {site: edit}):` each site's tensor is what `edit(tensor)` makes of it.

    An edit gets a copy, so it may write into it; one that returns None changes nothing. Afterwards the model is as
    before, whatever happened. Raises ValueError for a site that there is not.
    """
    known = sites(model)
    for name in edits:
        if name not in known:
            raise ValueError(f"there is no site {name!r}: choose among {', '.join(known)}")
    with ExitStack() as stack:
        for name, edit in edits.items():
            module, side = known[name]
            if side == "input":
                hook = module.register_forward_pre_hook(_before(edit))
            else:
                hook = module.register_forward_hook(_after(edit))
            stack.callback(hook.remove)
        yield model


def _before(edit):
    def hook(module, inputs):  # all further arguments, such as the rotary angles, stay
        new = edit(inputs[0].clone())
        return None if new is None else (new, *inputs[1:])

    return hook


def _after(edit):
    return lambda module, inputs, output: edit(output.clone())


def run(model, ids, edits=None):
    """The logits (batch, time, vocab_size) of a model in which some sites are edited: {site: function of a tensor}.

    ids: (batch, time), or a list of ids for one text. No gradients.
    """
    with torch.no_grad(), changed(model, edits or {}):
        return model(_batch(ids))


def record(model, ids, names):
    """The logits, and a dict with the tensor that went by at each of the named sites."""
    kept = {}
    edits = {name: (lambda x, name=name: kept.update({name: x})) for name in names}
    return run(model, ids, edits), kept


def _batch(ids):
    return ids if torch.is_tensor(ids) else torch.tensor([list(ids)])


# -- edits ------------------------------------------------------------------------------------------------------


def put(values, place=slice(None), part=slice(None)):
    """An edit that writes `values` (batch, time, numbers) of another run over this run's, at some places only.

    place: a place, a slice or a list of places; part: of each vector these numbers only, such as one head's.
    """

    def edit(x):
        x[:, place, part] = values[:, place, part]
        return x

    return edit


def zero(place=slice(None), part=slice(None)):
    """An edit that puts zeros there: zero ablation."""

    def edit(x):
        x[:, place, part] = 0.0
        return x

    return edit


def constant(vector, place=slice(None), part=slice(None)):
    """An edit that puts the same vector (numbers,) at all those places; with a mean it is mean ablation."""

    def edit(x):
        x[:, place, part] = vector[part]
        return x

    return edit


# -- attention weights ------------------------------------------------------------------------------------------


@torch.no_grad()
def look(model, ids, layer):
    """Who looks at whom in a layer (from 1), and at what: weights (batch, heads, query, key), values (batch, heads,
    key, d_head).

    The fused function that the model calls does not hand its weights out, so they are computed again from the
    layer's input: softmax of the causal scores, (6.4). Weights times values are the "heads" site. Raises ValueError
    for a layer that there is not.
    """
    if not 1 <= layer <= len(model.blocks):
        raise ValueError(f"there is no layer {layer}: this model has the layers 1 to {len(model.blocks)}")
    block = model.blocks[layer - 1]
    _, kept = record(model, ids, [f"stream {layer - 1}"])
    x = block.norm1(kept[f"stream {layer - 1}"])
    attention, (batch, time, _) = block.attention, x.shape
    n, n_kv = attention.n_heads, attention.n_kv_heads
    qkv = attention.qkv(x)
    if model.config.conv_width > 1:
        qkv = attention.near(qkv)
    qk, v = qkv.view(batch, time, n + 2 * n_kv, -1).transpose(1, 2).split((n + n_kv, n_kv), dim=1)
    if model.config.qk_norm:
        qk = F.rms_norm(qk, qk.shape[-1:])
    if model.config.positions == "rotary":
        qk = rotate(qk, model.cos[:time], model.sin[:time])
    q, k = qk.split((n, n_kv), dim=1)
    k, v = (y.repeat_interleave(n // n_kv, dim=1) for y in (k, v))
    scores = q @ k.transpose(-2, -1) / q.size(-1) ** 0.5
    ahead = torch.ones(time, time, dtype=torch.bool, device=x.device).triu(1)
    return scores.masked_fill(ahead, -torch.inf).softmax(-1), v


# -- the last step ----------------------------------------------------------------------------------------------


@torch.no_grad()
def contributions(model, ids, direction, place=-1):
    """What each part of the network adds to one number of the output: {part: (batch,)}.

    direction: (d_model,), what of the last norm's output is asked for: a row of the head gives the logit of its
    token, the difference of two rows the difference of two logits. place: where. The norm's scale is taken from
    the whole run and then kept (it is the same for all parts), so the contributions add up to that number exactly:
    the stream is a sum, and what is left is linear (on this Elhage et al. 2021 build). Only for RMSNorm.
    """
    if model.config.norm != "rms":
        raise ValueError("contributions add up for RMSNorm only: a layer norm also takes the mean away")
    names = [name for name in sites(model) if name.startswith(("attention", "heads", "feed-forward"))]
    last = f"stream {len(model.blocks)}"
    _, kept = record(model, ids, ["stream 0", last, *names])
    scale = kept[last][:, place].pow(2).mean(-1, keepdim=True)
    eps = torch.finfo(scale.dtype).eps if model.norm.eps is None else model.norm.eps
    read = model.norm.weight * direction / (scale + eps).sqrt()  # (batch, d_model)
    found = {"embedding": (kept["stream 0"][:, place] * read).sum(-1)}
    for layer, block in enumerate(model.blocks, start=1):
        heads = kept[f"heads {layer}"][:, place]
        for number in range(model.config.n_heads):
            part = head(model, number)
            added = F.linear(heads[:, part], block.attention.out.weight[:, part])
            found[f"head {layer}.{number}"] = (added * read).sum(-1)
        if block.attention.out.bias is not None:
            found[f"bias {layer}"] = (block.attention.out.bias * read).sum(-1)
        found[f"feed-forward {layer}"] = (kept[f"feed-forward {layer}"][:, place] * read).sum(-1)
    return found
