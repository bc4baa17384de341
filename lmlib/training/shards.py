"""Text files beyond memory, as numbered tokens on the disk: `python -m lmlib data tokenize big.txt --out folder`.

    00000.npy, 00001.npy, ...   tokens in their order, 2 bytes each (4 where there are more than 65,536)
    tokenizer.json
    shards.json                 how many tokens each file has, and how far the texts are read

A file is read piece by piece. After each piece its tokens are written, then shards.json: stopped at any moment, the
same command goes on behind the last whole piece. In training the files are mapped into memory, not read: the
operating system fetches what a batch touches.
"""

import argparse
import codecs
import json
import os
from bisect import bisect_right
from itertools import accumulate, islice
from pathlib import Path

import numpy as np
import torch

from ..text import BPETokenizer, CharTokenizer, load_tokenizer
from .checkpoint import CheckpointError, _write
from .data import TokenBatches, _check_sizes

PIECE = 16 * 2**20  # characters that are cut into tokens at once: the most of a text that is in memory
SAMPLE = 2  # pieces from which BPE learns its merges: more text hardly changes them


class Shards:
    """The tokens of a folder as one long row: `len(shards)`, `shards[start:stop]` (int64), `shards.tokenizer`.

    Raises CheckpointError where the folder holds no shards, or not all of them.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self.state = _read_state(self.folder)
        if not self.state["finished"]:
            raise CheckpointError(
                f"the texts in {folder} are tokenized in part only: start `python -m lmlib data tokenize` there again"
            )
        self.arrays = [_open(self.folder, number, n) for number, n in enumerate(self.state["tokens"])]
        self.ends = list(accumulate(self.state["tokens"]))
        self.tokenizer = load_tokenizer(self.folder / "tokenizer.json")

    def __len__(self):
        return self.ends[-1]

    def __getitem__(self, part):
        start, stop, _ = part.indices(len(self))
        found, number = [], bisect_right(self.ends, start)
        while start < stop:
            begin, end = self.ends[number - 1] if number else 0, min(stop, self.ends[number])
            found.append(self.arrays[number][start - begin : end - begin].astype(np.int64))
            start, number = end, number + 1
        return torch.from_numpy(np.concatenate(found)) if found else torch.empty(0, dtype=torch.long)

    def split(self, share=0.9, most=1_000_000):
        """Training and validation: the last tokens are for validation, a tenth of all and at most `most`."""
        cut = max(int(share * len(self)), len(self) - most)
        return Part(self, 0, cut), Part(self, cut, len(self))


class Part:
    """The tokens from `start` to `stop` of a row of tokens, without a copy."""

    def __init__(self, row, start, stop):
        self.row, self.start, self.stop = row, start, stop

    def __len__(self):
        return self.stop - self.start

    def __getitem__(self, part):
        start, stop, _ = part.indices(len(self))
        return self.row[self.start + start : self.start + stop]


class ShardBatches(TokenBatches):
    """Random windows of shards: the batches of `TokenBatches`, step by step, without the text in memory.

    shards: `Shards`, or a part of them. Raises ValueError where they are not longer than the context.
    """

    def __init__(self, shards, context, batch_size=32, seed=0):
        _check_sizes(context, batch_size)
        self.ids, self.context, self.batch_size, self.seed = shards, context, batch_size, seed
        self._check_length()

    def _windows(self, starts):
        return torch.stack([self.ids[start : start + self.context + 1] for start in starts.tolist()])


def is_shards(folder):
    """Did `tokenize` write this folder?"""
    return (Path(folder) / "shards.json").exists()


def _read_state(folder):
    path = folder / "shards.json"
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
        state["tokens"], state["finished"], state["texts"], state["position"], state["dtype"]
    except FileNotFoundError:
        raise CheckpointError(
            f"{folder} holds no tokens: write them with `python -m lmlib data tokenize TEXT --out {folder}`"
        ) from None
    except (ValueError, KeyError, TypeError):
        raise CheckpointError(f"{path} is damaged: delete the folder and tokenize again") from None
    return state


def _open(folder, number, n):
    """One file of tokens, mapped into memory."""
    path = folder / f"{number:05}.npy"
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        if array.shape == (n,):
            return array
    except (OSError, ValueError, EOFError):
        pass
    raise CheckpointError(f"{path} is missing or damaged: delete the folder and tokenize again")


# --- writing ---


def pieces(path, size=PIECE, start=0):
    """A text file in pieces of about `size` characters, from byte `start`: pairs of a piece and the byte behind it.

    Cut in front of white space that follows something else, where no token of the course's tokenizers goes across:
    the tokens of the pieces are the tokens of the text. (A text without white space is cut anywhere.)
    Line ends become "\\n". Raises ValueError where the file is not UTF-8.
    """
    decoder, held, at_end = codecs.getincrementaldecoder("utf-8")(), "", False
    with open(path, "rb") as file:
        file.seek(start)
        if not start and file.read(3) != codecs.BOM_UTF8:
            file.seek(0)
        position = file.tell()  # of the first byte that no piece holds yet
        while held or not at_end:
            while len(held) <= size and not at_end:
                block = file.read(size)
                at_end = not block
                try:
                    held += decoder.decode(block, final=at_end)
                except UnicodeDecodeError:
                    raise ValueError(f"{path} is not UTF-8: save it as UTF-8 and tokenize it again") from None
            cut = len(held) if at_end and len(held) <= size else _border(held, size)
            piece, held = held[:cut], held[cut:]
            position += len(piece.encode())
            if piece:
                yield piece.replace("\r\n", "\n").replace("\r", "\n"), position


def _border(text, size):
    """The last place up to `size` where white space follows something else (not looked for further than a page)."""
    for cut in range(size, max(0, size - 100_000), -1):
        if text[cut].isspace() and not text[cut - 1].isspace():
            return cut
    return size


def _train_tokenizer(kind, texts, vocab_size, piece):
    """All characters of the texts, or the merges of their beginning. Reads no more than a piece at once."""
    if kind == "bpe":
        return BPETokenizer.train([t for path in texts for t, _ in islice(pieces(path, piece), SAMPLE)], vocab_size)
    if kind == "char":
        characters = set()
        for path in texts:
            for text, _ in pieces(path, piece):
                characters.update(text)
        return CharTokenizer.train("".join(sorted(characters)))
    raise ValueError(f"no tokenizer for large texts is called {kind!r}: choose char or bpe")


def tokenize(texts, folder, kind="bpe", vocab_size=4096, piece=PIECE, progress=None):
    """Write the tokens of text files into a folder; returns the `Shards`. Started again, it goes on.

    Each text begins with the end mark. kind: "bpe" or "char". progress(share, tokens) is called after each piece.
    Raises ValueError for a file that is no UTF-8 text, and CheckpointError where the folder holds something else.
    """
    folder, texts = Path(folder), [Path(path) for path in texts]
    for path in texts:
        if not path.is_file():
            raise ValueError(f"there is no text file {path}: check its name")
    task = {"texts": [[p.name, p.stat().st_size] for p in texts], "kind": kind, "vocab_size": vocab_size}
    if is_shards(folder):
        state = _read_state(folder)
        if {key: state.get(key) for key in task} != task:
            raise CheckpointError(f"{folder} holds the tokens of other texts or settings: choose another folder")
        tokenizer = load_tokenizer(folder / "tokenizer.json")
    else:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise CheckpointError(f"{folder} holds other files already: choose another folder")
        tokenizer = _train_tokenizer(kind, texts, vocab_size, piece)
        tokenizer.save(folder / "tokenizer.json")
        dtype = "uint16" if len(tokenizer) <= 2**16 else "uint32"
        state = {**task, "dtype": dtype, "tokens": [], "position": [0, 0], "finished": False}
        _save_state(folder, state)
    whole, (first, begun) = sum(size for _, size in state["texts"]), state["position"]
    for number, path in list(enumerate(texts))[first:]:
        for text, position in pieces(path, piece, begun):
            ids = [tokenizer.end_id] if not begun else []
            ids = np.array(ids + tokenizer.encode(text), dtype=state["dtype"])
            _save_array(folder / f"{len(state['tokens']):05}.npy", ids)
            state["tokens"].append(len(ids))
            state["position"] = [number, begun := position]
            _save_state(folder, state)
            if progress:
                read = sum(size for _, size in state["texts"][:number]) + position
                progress(read / whole, sum(state["tokens"]))
        begun = 0
    if not state["tokens"]:
        raise ValueError("the texts are empty: there is nothing to tokenize")
    _save_state(folder, state | {"finished": True})
    return Shards(folder)


def _save_state(folder, state):
    _write(folder / "shards.json", json.dumps(state).encode())


def _save_array(path, array):
    """The whole file, or none."""
    temporary = path.with_suffix(".part")
    with open(temporary, "wb") as file:
        np.save(file, array, allow_pickle=False)
    os.replace(temporary, path)


def main(argv):
    """Cut large text files into tokens on the disk; stopped, the same command goes on."""
    parser = argparse.ArgumentParser(prog="python -m lmlib data tokenize", description=main.__doc__)
    parser.add_argument("texts", nargs="+", metavar="TEXT", help="text files (UTF-8)")
    parser.add_argument("--out", required=True, help="folder for the tokens; `train --corpus` takes it")
    parser.add_argument("--tokenizer", choices=("bpe", "char"), default="bpe")
    parser.add_argument("--vocab-size", type=int, default=4096, help="tokens of a bpe tokenizer (default: 4096)")
    args = parser.parse_args(argv)

    def show(share, n):
        print(f"{share:4.0%} read, {n:,} tokens", flush=True)

    shards = tokenize(args.texts, args.out, args.tokenizer, args.vocab_size, progress=show)
    print(
        f"{len(shards):,} tokens of {len(shards.tokenizer):,} kinds in {args.out}; "
        f"now try: python -m lmlib train --corpus {args.out} --out model"
    )
    return 0
