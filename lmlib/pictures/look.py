"""Where does the GPT look? The attention weights of every layer and head, and those from a word to the pixels."""

import torch
import torch.nn.functional as F

from ..models.gpt import rotate
from .stream import END, N_PIXELS, PICTURE, TEXT


@torch.inference_mode()
def attention_weights(model, ids):
    """The weights of a `GPT` with rotary positions over one document: ids (time,) -> (layers, heads, time, time).

    The model computes them inside `F.scaled_dot_product_attention`, which does not hand them out, so they are
    computed once more from what each layer reads. Raises ValueError for a GPT with other positions or shared heads.
    """
    config = model.config
    if config.positions != "rotary" or config.n_kv_heads not in (None, config.n_heads):
        raise ValueError(
            "these weights are only written down for rotary positions and a key head for each query head"
        )
    found, hooks = [], []

    def note(module, inputs):
        x = inputs[0]
        time, n = x.size(1), module.n_heads
        qkv = module.near(module.qkv(x)) if config.conv_width > 1 else module.qkv(x)
        qk = qkv.view(1, time, 3 * n, -1).transpose(1, 2)[:, : 2 * n]
        if config.qk_norm:
            qk = F.rms_norm(qk, qk.shape[-1:])
        q, k = rotate(qk, model.cos[:time], model.sin[:time]).split(n, dim=1)
        scores = q @ k.transpose(2, 3) / q.size(-1) ** 0.5
        ahead = torch.ones(time, time, dtype=torch.bool).triu(1)
        found.append(scores.masked_fill(ahead, float("-inf")).softmax(-1)[0])

    try:
        hooks = [block.attention.register_forward_pre_hook(note) for block in model.blocks]
        model(torch.tensor([ids]))
    finally:
        for hook in hooks:
            hook.remove()
    return torch.stack(found)


@torch.inference_mode()
def say_and_look(model, stream, picture, longest=10):
    """(words, probabilities, weights): the likeliest caption, what each word had, and where it looked.

    weights: (words, layers, heads, 64), from the place that chooses a word to each pixel. What is left of 1 lies on
    marks and earlier words.
    """
    start = [END, PICTURE, *stream.pixels(picture), TEXT]
    ids, words, probabilities = list(start), [], []
    for _ in range(longest):
        law = model(torch.tensor([ids]))[0, -1].softmax(-1)
        best = int(law.argmax())
        if best < stream.first_word:
            break
        words.append(stream.names[best])
        probabilities.append(float(law[best]))
        ids.append(best)
    weights = attention_weights(model, ids)  # (layers, heads, time, time)
    places = range(len(start) - 1, len(start) - 1 + len(words))
    pixels = weights[:, :, list(places), 2 : 2 + N_PIXELS]  # in front of the pixels stand two marks
    return words, probabilities, pixels.permute(2, 0, 1, 3).numpy()
