"""Read a Llama from a GGUF file, the one-file format of llama.cpp, into our own GPT.

The file holds sizes, tokenizer and chat template as named values, and the weights in blocks of few bits: they are
turned into float32 here, one matrix after the other. Layout: the `gguf` package, which reads the bytes.
"""

import re

import numpy as np
import torch

from ..text import ChatML, PublishedTokenizer
from .gpt import GPT, GPTConfig
from .pretrained import llama_weights

# As llama.cpp calls them, and as `transformers` does: `llama_weights` knows the latter.
_NAMES = {
    "token_embd": "embed_tokens",
    "output_norm": "norm",
    "output": "lm_head",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_SPLITS_DIGITS = {"gpt-2": False, "smollm": True}  # what llama.cpp calls the ways to cut text before merging
_CONTROL = 3  # the kind of a special token


def load_gguf(path):
    """(model, tokenizer, chat template) of a Llama in a GGUF file: `GPT`, `PublishedTokenizer`, `ChatML`.

    Raises ValueError for a file that is damaged, or holds another architecture or another kind of tokenizer.
    """
    from gguf import GGUFReader

    try:
        reader = GGUFReader(path)
    except (ValueError, IndexError, KeyError) as problem:
        raise ValueError(f"{path} cannot be read as GGUF ({problem}): download it again") from None
    values = _Values(reader)
    kind = values["general.architecture"], values["tokenizer.ggml.model"], values["tokenizer.ggml.pre"]
    if kind[:2] != ("llama", "gpt2") or kind[2] not in _SPLITS_DIGITS:
        raise ValueError(
            f"{path} holds {', '.join(map(str, kind))}, but only a Llama with GPT-2's kind of BPE is known"
        )
    config, tokenizer = read_config(reader), read_tokenizer(reader)
    template = ChatML.from_jinja(values["tokenizer.chat_template"] or "")
    reader.fields.clear()  # an object for each token and each merge, about 100 MB, no longer needed
    model = GPT(config)
    fill(model, reader)
    return model.eval(), tokenizer, template


class _Values:
    """The named values of a file; None for a name that it lacks."""

    def __init__(self, reader):
        self.fields = reader.fields

    def __getitem__(self, name):
        return self.fields[name].contents() if name in self.fields else None


def read_config(reader):
    """The `GPTConfig` of the sizes in the file."""
    values = _Values(reader)
    size = {name: values[f"llama.{name}"] for name in ("context_length", "block_count", "embedding_length")}
    return GPTConfig.llama(
        len(values["tokenizer.ggml.tokens"]),
        context=size["context_length"],
        n_layers=size["block_count"],
        d_model=size["embedding_length"],
        n_heads=values["llama.attention.head_count"],
        n_kv_heads=values["llama.attention.head_count_kv"],
        hidden=values["llama.feed_forward_length"],
        rotary_base=values["llama.rope.freq_base"] or 10_000.0,
        eps=values["llama.attention.layer_norm_rms_epsilon"],
        tied_head=all(tensor.name != "output.weight" for tensor in reader.tensors),
    )


def read_tokenizer(reader):
    """The `PublishedTokenizer` in the file."""
    values = _Values(reader)
    tokens, kinds = values["tokenizer.ggml.tokens"], values["tokenizer.ggml.token_type"]
    specials = [token for token, kind in zip(tokens, kinds) if kind == _CONTROL]
    return PublishedTokenizer(
        {token: id for id, token in enumerate(tokens)},
        values["tokenizer.ggml.merges"],
        specials,
        split_digits=_SPLITS_DIGITS[values["tokenizer.ggml.pre"]],
    )


@torch.no_grad()
def fill(model, reader):
    """Copy the file's weights into the model, layer by layer, so that nothing lies in memory twice.

    Raises ValueError where a weight is missing or unknown.
    """
    missing = dict(model.named_parameters())
    layers = {}
    for tensor in reader.tensors:
        layers.setdefault(re.match(r"(blk\.\d+\.)?", tensor.name)[0], []).append(tensor)
    try:
        for tensors in layers.values():
            layer = dict(_dequantised(tensor, model.config) for tensor in tensors)
            for name, value in llama_weights(layer, model.config.tied_head).items():
                missing.pop(name).copy_(value)
    except KeyError as problem:
        raise ValueError(f"the weights in the file are not those of a Llama: see {problem}") from None
    if missing:
        raise ValueError(f"the file lacks {len(missing)} of the model's weights, such as {min(missing)}")


def _dequantised(tensor, config):
    """(name as `transformers` has it, float32 tensor) of a tensor of the file."""
    from gguf.quants import dequantize

    # What was stored as float32 is still a window on the file, which nobody may write to: only that is copied.
    value = torch.from_numpy(np.require(dequantize(tensor.data, tensor.tensor_type), requirements="W"))
    layer, part, kind = re.fullmatch(r"(?:blk\.(\d+)\.)?(\w+)\.(\w+)", tensor.name).groups()
    if part in ("attn_q", "attn_k"):
        value = halves_from_pairs(value, config.n_heads if part == "attn_q" else config.n_kv_heads)
    return f"{f'layers.{layer}.' if layer else ''}{_NAMES[part]}.{kind}", value


def halves_from_pairs(weight, n_heads):
    """Reorder the rows of a query or key matrix (n_heads * d_head, d_model) for our rotary positions.

    llama.cpp turns neighbours, numbers 0 and 1, 2 and 3, of a head; `lmlib.models.gpt.rotate` turns number i of the
    first half with number i of the second. The same pairs, stored in another order.
    """
    pairs = weight.view(n_heads, -1, 2, weight.size(1))  # (head, pair, which of the two, d_model)
    return pairs.transpose(1, 2).reshape(weight.shape)
