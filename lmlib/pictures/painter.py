"""One GPT that says what it sees, paints what it is told, and answers questions about a picture."""

from pathlib import Path

import torch

from ..many import continue_many
from ..models.gpt import GPT, GPTConfig
from ..training import fit
from ..training.checkpoint import SHIPPED, CheckpointError, load_checkpoint, save_checkpoint
from .stream import ANSWER, ASK, CONTEXT, END, N_PIXELS, PICTURE, TEXT, PictureBatches, Stream

SIZES = {"n_layers": 3, "n_heads": 4, "d_model": 64, "conv_width": 3}
STEPS, BATCH = 3000, 16  # of the model that ships
NAME = "village-pictures"


def new_model(seed=0, **sizes):
    """The GPT of lesson 08 over the stream's tokens, not trained."""
    return GPT(GPTConfig(len(Stream()), context=CONTEXT, seed=seed, **SIZES | sizes))


def train(seed=0, steps=STEPS, progress=False, **sizes):
    """(model, history): trained from nothing on `steps` batches of documents."""
    model, batches = new_model(seed, **sizes), PictureBatches(Stream(), BATCH, seed)
    return model, fit(model, batches, batches, steps=steps, seed=seed, progress=progress)


def save(folder, model, **facts):
    """Write a checkpoint; the vocabulary goes into its facts, so that loading can compare it."""
    save_checkpoint(folder, model, vocabulary=list(Stream().names), **facts)


def load(folder=SHIPPED / NAME):
    """The model and the facts of a checkpoint that `save` wrote; default: the one that comes with the course.

    Raises CheckpointError where it is missing, damaged, or was trained with another vocabulary.
    """
    model, _, state = load_checkpoint(Path(folder))
    if state.get("vocabulary") != list(Stream().names):
        raise CheckpointError(f"the model in {folder} reads other tokens than this course now has: train it again")
    return model, state


def continue_documents(model, starts, max_tokens, temperature=0.0, seed=0):
    """What the model writes behind each start (lists of ids, of any lengths); temperature 0 takes the likeliest."""
    written = [None] * len(starts)
    for length in sorted({len(start) for start in starts}):  # those of one length grow together
        rows = [i for i, start in enumerate(starts) if len(start) == length]
        seeds = [1_000_003 * seed + i for i in rows]
        told = continue_many(
            model, [[END, *starts[i]] for i in rows], END, seeds, max_tokens=max_tokens, temperature=temperature
        )
        for i, ids in zip(rows, told):
            written[i] = ids
    return written


def caption(model, stream, pictures):
    """What the model says of each picture: the likeliest words, one after the other."""
    starts = [[PICTURE, *stream.pixels(picture), TEXT] for picture in pictures]
    return [stream.text(ids) for ids in continue_documents(model, starts, max_tokens=10)]


def paint(model, stream, sentences, temperature=1.0, seed=0):
    """The picture that the model paints for each sentence: 64 numbers, or fewer where it stopped too early."""
    starts = [[TEXT, *stream.words(sentence), PICTURE] for sentence in sentences]
    return [stream.picture(ids) for ids in continue_documents(model, starts, N_PIXELS, temperature, seed)]


def answer(model, stream, asked):
    """The likeliest answer to each (picture, question)."""
    starts = [[PICTURE, *stream.pixels(picture), ASK, *stream.words(question), ANSWER] for picture, question in asked]
    return [stream.text(ids) for ids in continue_documents(model, starts, max_tokens=1)]


@torch.inference_mode()
def bits_of(model, documents):
    """-log2 of the probability of each token of each document (a list of ids), as a list of tensors."""
    found = []
    for ids in documents:
        read = torch.tensor([[END, *ids]])
        law = model(read[:, :-1]).log_softmax(-1)
        found.append(-law.gather(-1, read[:, 1:, None])[0, :, 0] / torch.log(torch.tensor(2.0)))
    return found


def picture_bits(model, stream, scenes):
    """The mean surprise of a whole picture, no words before it, in bits: compare with `village.entropy()`."""
    told = bits_of(model, [[PICTURE, *stream.pixels(scene.picture)] for scene in scenes])
    return float(sum(bits[1:].sum() for bits in told) / len(scenes))  # without the mark's own surprise


def drawing_bits(model, stream, scenes):
    """The mean surprise of a picture when its sentence is known, in bits; 5 is the least for two things."""
    told = bits_of(model, [stream.drawing(scene) for scene in scenes])
    return float(sum(bits[-N_PIXELS:].sum() for bits in told) / len(scenes))


def caption_bits(model, stream, scenes):
    """The mean surprise of a sentence when its picture is known, in bits; of two things two sentences are true: 1."""
    told = bits_of(model, [stream.caption(scene) for scene in scenes])
    return float(sum(bits[N_PIXELS + 2 :].sum() for bits in told) / len(scenes))
