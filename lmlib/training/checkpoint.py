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


def _fingerprint(state):
    """The SHA-256 of what state.json says itself."""
    return hashlib.sha256(json.dumps(state).encode()).hexdigest()


# --- writing ---


def _write(path, content):
    """The whole file, safe on the disk, or none: write beside it, then rename, which is one atomic step."""
    temporary = path.with_name(f".{path.name}.part")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _put(folder, stem, suffix, content):
    """Write content under a name that holds its hash; returns the name and the whole hash."""
    digest = hashlib.sha256(content).hexdigest()
    name = f"{stem}-{digest[:12]}{suffix}"
    _write(folder / name, content)
    return {"file": name, "sha256": digest}


def _bytes_of(tokenizer, folder):
    plain = folder / ".tokenizer.json.part"
    try:
        tokenizer.save(plain)
        return plain.read_bytes()
    finally:
        plain.unlink(missing_ok=True)


def _describe(model):
    """Name and sizes for `models.build`; of a model that is not the course's own, the name alone."""
    return models.describe(model) if hasattr(model, "config") else {"model": type(model).__name__.lower()}


def check_writable(folder):
    """Make the folder. Raises CheckpointError where nothing can be written in it."""
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        _write(Path(folder) / ".probe", b"")
        (Path(folder) / ".probe").unlink()
    except OSError as problem:
        raise CheckpointError(
            f"nothing can be written in {folder} ({problem.strerror}): choose another folder"
        ) from None


def save_checkpoint(folder, model, tokenizer=None, resume=None, weights=None, **facts):
    """Write a checkpoint. `resume` is a dict of tensors, `facts` go into state.json as they are.

    weights: a state dict to write instead of the model's own. Raises CheckpointError where the folder cannot be
    written; an older checkpoint there stays as it was.
    """
    folder = Path(folder)
    # Each tensor gets memory of its own: safetensors takes none that share it, as tied layers do.
    tensors = {k: v.detach().clone().contiguous() for k, v in (weights or model.state_dict()).items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        files = {"weights": _put(folder, "weights", ".safetensors", tensors_to_bytes(tensors))}
        if resume is not None:
            files["resume"] = _put(folder, "resume", ".safetensors", tensors_to_bytes(resume))
        if tokenizer is not None:
            files["tokenizer"] = _put(folder, "tokenizer", ".json", _bytes_of(tokenizer, folder))
        state = {"model": _describe(model), "files": files, **facts}
        state["sha256"] = _fingerprint(state)
        lines = ",\n".join(f" {json.dumps(key)}: {json.dumps(value)}" for key, value in state.items())
        _write(folder / "state.json", f"{{\n{lines}\n}}\n".encode())
    except OSError as problem:
        raise CheckpointError(
            f"the checkpoint in {folder} cannot be written ({problem.strerror or problem}): "
            "make room or choose another folder; an older checkpoint there is untouched"
        ) from None
    _sweep(folder, {entry["file"] for entry in files.values()})


def _sweep(folder, kept):
    """Remove the files of older checkpoints, and what a crash left half written."""
    for stem in ("weights", "resume", "tokenizer"):
        for old in (*folder.glob(f"{stem}-{'[0-9a-f]' * 12}.*"), *folder.glob(f".{stem}*.part")):
            if old.name not in kept:
                old.unlink(missing_ok=True)


# --- reading ---


def read_state(folder):
    """The dict in state.json. Raises CheckpointError where there is none or it is damaged."""
    path = Path(folder) / "state.json"
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
        if state.pop("sha256", None) not in (None, _fingerprint(state)):  # None: a file without it is accepted
            raise ValueError
        for entry in state["files"].values():
            entry["sha256"], Path(entry["file"])
        state["files"]["weights"], state["model"]["model"]
    except (FileNotFoundError, NotADirectoryError):
        raise CheckpointError(
            f"there is no checkpoint in {folder}: train one there, or check the folder's name"
        ) from None
    except OSError as problem:
        raise CheckpointError(f"{path} cannot be read ({problem.strerror}): check the file's rights") from None
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


def fill(model, weights, folder):
    """Give a model the weights of a checkpoint. Raises CheckpointError where they do not fit it."""
    try:
        model.load_state_dict(weights)
    except RuntimeError as problem:
        detail = " ".join(str(problem).splitlines()[1:2]).strip().rstrip(".")
        raise CheckpointError(
            f"the weights in {folder} do not fit a model of other sizes ({detail}): "
            "give one of the same sizes, or train again"
        ) from None


def load_checkpoint(folder, model=None):
    """The model (ready to use), its tokenizer (or None) and the dict of facts in a checkpoint.

    model: one of the same sizes to be filled, for a model that `lmlib.models.build` does not know, such as one
    that you wrote yourself. Raises CheckpointError where anything is missing, damaged or does not fit.
    """
    state = read_state(folder)
    weights = read_tensors(folder, state, "weights")
    if model is None:
        try:
            model = models.build(state["model"])
        except (ValueError, TypeError) as problem:
            raise CheckpointError(
                f"the model in {folder} cannot be built ({problem}): build it yourself and give it as `model`"
            ) from None
    fill(model, weights, folder)
    tokenizer = None
    if "tokenizer" in state["files"]:
        read_file(folder, state, "tokenizer")
        try:
            tokenizer = load_tokenizer(Path(folder) / state["files"]["tokenizer"]["file"])
        except ValueError as problem:
            raise CheckpointError(f"the tokenizer in {folder} cannot be used ({problem})") from None
    return model.eval(), tokenizer, state


def load_shipped(name):
    """`load_checkpoint` of a model that comes with the course, such as "village-gpt"."""
    return load_checkpoint(SHIPPED / name)


# --- what optimizers remember ---


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
