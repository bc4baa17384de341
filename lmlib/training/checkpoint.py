"""A trained model in a folder: safetensors for numbers, JSON for the rest, no pickle.

    state.json                      sizes, losses, and the name and SHA-256 of every other file
    weights-<hash>.safetensors      the model
    resume-<hash>.safetensors       what only a resumed training needs: last weights, optimizers' memory
    tokenizer-<hash>.json

Files are named after their content and written first; state.json, replaced in one atomic step, comes last. A
crash at any moment leaves the older checkpoint whole.
"""

import hashlib
import json
import os
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as tensors_to_bytes

from .. import models
from ..text import load_tokenizer

SHIPPED = Path(__file__).resolve().parents[2] / "data" / "checkpoints"


class CheckpointError(RuntimeError):
    """A checkpoint is missing, damaged or cannot be written; the message says what to do."""


def _put(folder, stem, suffix, content):
    """Write content under a name that holds its hash; returns the name and the whole hash."""
    digest = hashlib.sha256(content).hexdigest()
    name = f"{stem}-{digest[:12]}{suffix}"
    temporary = folder / f".{name}.part"
    temporary.write_bytes(content)
    os.replace(temporary, folder / name)
    return {"file": name, "sha256": digest}


def _fingerprint(state):
    """The SHA-256 of what state.json says itself."""
    return hashlib.sha256(json.dumps(state).encode()).hexdigest()


def save_checkpoint(folder, model, tokenizer=None, resume=None, **facts):
    """Write a checkpoint. `resume` is a dict of tensors, `facts` go into state.json as they are.

    Raises CheckpointError where the folder cannot be written; an older checkpoint there stays as it was.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        state = {"model": models.describe(model), "files": {}, **facts}
        tensors = {k: v.detach().contiguous() for k, v in model.state_dict().items()}
        state["files"]["weights"] = _put(folder, "weights", ".safetensors", tensors_to_bytes(tensors))
        if resume is not None:
            state["files"]["resume"] = _put(folder, "resume", ".safetensors", tensors_to_bytes(resume))
        if tokenizer is not None:
            plain = folder / ".tokenizer.part"
            tokenizer.save(plain)
            state["files"]["tokenizer"] = _put(folder, "tokenizer", ".json", plain.read_bytes())
            plain.unlink()
        state["sha256"] = _fingerprint(state)
        temporary = folder / ".state.json.part"
        temporary.write_text(json.dumps(state, indent=1), encoding="utf-8")
        os.replace(temporary, folder / "state.json")
    except OSError as problem:
        raise CheckpointError(
            f"the checkpoint in {folder} cannot be written ({problem.strerror or problem}): "
            "make room or choose another folder; an older checkpoint there is untouched"
        ) from None
    kept = {entry["file"] for entry in state["files"].values()}
    for pattern in ("weights-*", "resume-*", "tokenizer-*", ".*.part"):
        for old in folder.glob(pattern):
            if old.name not in kept:
                old.unlink(missing_ok=True)


def read_state(folder):
    """The dict in state.json. Raises CheckpointError where there is none or it is damaged."""
    path = Path(folder) / "state.json"
    if not path.exists():
        raise CheckpointError(f"there is no checkpoint in {folder}: train one there, or check the folder's name")
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
        if state.pop("sha256", None) not in (None, _fingerprint(state)):  # None: a file without it is accepted
            raise ValueError
        state["files"]["weights"]["file"], state["model"]["model"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise CheckpointError(f"{path} is damaged: restore it from a copy, or train again") from None
    return state


def read_file(folder, state, name):
    """The bytes of one of the checkpoint's files, after its hash was found right."""
    entry = state["files"][name]
    path = Path(folder) / Path(entry["file"]).name
    try:
        content = path.read_bytes()
    except OSError:
        raise CheckpointError(f"{path} is missing: restore it from a copy, or train again") from None
    if hashlib.sha256(content).hexdigest() != entry["sha256"]:
        raise CheckpointError(f"{path} is damaged (its SHA-256 is wrong): restore it from a copy, or train again")
    return content


def read_tensors(folder, state, name):
    """The tensors of one of the checkpoint's files, as a dict."""
    content = read_file(folder, state, name)
    try:
        return load_tensors(content)
    except SafetensorError:
        raise CheckpointError(f"{folder} holds a {name} file that is none: train again") from None


def load_checkpoint(folder):
    """The model (ready to use), its tokenizer (or None) and the dict of facts in a checkpoint.

    Raises CheckpointError where anything is missing, damaged or does not fit.
    """
    state = read_state(folder)
    try:
        model = models.build(state["model"])
        model.load_state_dict(read_tensors(folder, state, "weights"))
    except (ValueError, RuntimeError) as problem:
        if isinstance(problem, CheckpointError):
            raise
        first = str(problem).splitlines()[0]
        raise CheckpointError(f"the weights in {folder} do not fit the model ({first}): train again") from None
    tokenizer = None
    if "tokenizer" in state["files"]:
        read_file(folder, state, "tokenizer")
        tokenizer = load_tokenizer(Path(folder) / state["files"]["tokenizer"]["file"])
    return model.eval(), tokenizer, state


def load_shipped(name):
    """`load_checkpoint` of a model that comes with the course, such as "village-gpt"."""
    return load_checkpoint(SHIPPED / name)


def pack_optimizers(optimizers):
    """What the optimizers remember, as a flat dict of tensors."""
    packed = {}
    for o, optimizer in enumerate(optimizers):
        for i, memory in optimizer.state_dict()["state"].items():
            for key, value in memory.items():
                packed[f"optimizer.{o}.{i}.{key}"] = torch.as_tensor(value).detach().clone().contiguous()
    return packed


def unpack_optimizers(optimizers, packed):
    """Give the optimizers back what `pack_optimizers` took from them."""
    for o, optimizer in enumerate(optimizers):
        state = optimizer.state_dict()
        for name, value in packed.items():
            if name.startswith(f"optimizer.{o}."):
                _, _, i, key = name.split(".", 3)
                state["state"].setdefault(int(i), {})[key] = value
        optimizer.load_state_dict(state)
