"""Tokens on the disk are the tokens of the text, and their batches those of a text in memory."""

import json

import numpy as np
import pytest
import torch

from lmlib.__main__ import main
from lmlib.text import BPETokenizer
from lmlib.training import CheckpointError, ShardBatches, Shards, TokenBatches, load_checkpoint, shards
from lmlib.training.shards import pieces, tokenize

TEXT = "\n".join(
    f"{n} bottles, it's {n}!{' ' * (n % 4)}\n\n  Wörter, 狗 and   blanks{chr(10) * (n % 3)}'twas" for n in range(90)
)


@pytest.fixture
def big(tmp_path):
    path = tmp_path / "big.txt"
    path.write_bytes(TEXT.encode())
    return path


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("size", [1, 7, 100, 10**6])
def test_the_tokens_of_the_pieces_are_those_of_the_text(big, size):
    tokenizer = BPETokenizer.train([TEXT], 400)
    found = list(pieces(big, size))
    assert "".join(piece for piece, _ in found) == TEXT
    assert found[-1][1] == len(TEXT.encode())
    if size > 7:  # a word may be longer than a tiny piece
        assert [i for piece, _ in found for i in tokenizer.encode(piece)] == tokenizer.encode(TEXT)
    for _, position in found[:3]:  # from wherever a piece ended, the rest is the rest
        rest = "".join(piece for piece, _ in pieces(big, size, position))
        assert rest.encode() == TEXT.encode()[position:]


def test_line_ends_and_marks_of_other_systems(tmp_path):
    path = tmp_path / "windows.txt"
    path.write_bytes(b"\xef\xbb\xbfone\r\ntwo\rthree  \r\n")
    for size in (4, 5, 6, 100):
        assert "".join(piece for piece, _ in pieces(path, size)) == "one\ntwo\nthree  \n"


def test_a_text_without_blanks_is_cut_anywhere(tmp_path):
    path = tmp_path / "long.txt"
    path.write_text("狗" * 50, encoding="utf-8")
    assert [len(piece) for piece, _ in pieces(path, 20)] == [20, 20, 10]


@pytest.mark.parametrize(("kind", "dtype"), [("bpe", "uint16"), ("char", "uint16")])
def test_shards_are_the_tokens_of_all_texts(big, tmp_path, kind, dtype):
    other = tmp_path / "other.txt"
    other.write_text("A second text.", encoding="utf-8")
    row = tokenize([big, other], tmp_path / "tokens", kind, vocab_size=300, piece=500)
    end, encode = row.tokenizer.end_id, row.tokenizer.encode
    truth = torch.tensor([end, *encode(TEXT), end, *encode("A second text.")])
    assert len(row.arrays) > 3 and row.arrays[0].dtype == dtype
    assert isinstance(row.arrays[0], np.memmap)
    assert len(row) == len(truth) and torch.equal(row[:], truth)
    for start, stop in ((0, 1), (100, 900), (len(truth) - 3, len(truth)), (5, 5)):
        assert torch.equal(row[start:stop], truth[start:stop])
    assert row.tokenizer.decode(row[:].tolist()) == TEXT + "A second text."


def test_more_than_65536_tokens_need_4_bytes(tmp_path):
    path = tmp_path / "all.txt"
    path.write_text("".join(map(chr, range(0x4E00, 0x9FFF))) + "".join(map(chr, range(0x20000, 0x2C000))), "utf-8")
    row = tokenize([path], tmp_path / "tokens", "char")
    assert row.arrays[0].dtype == np.uint32 and len(row.tokenizer) > 2**16
    assert row.tokenizer.decode(row[-3:].tolist()) == path.read_text("utf-8")[-3:]


def test_batches_are_those_of_a_text_in_memory(big, tmp_path):
    row = tokenize([big], tmp_path / "tokens", "bpe", vocab_size=300, piece=300)
    options = {"context": 40, "batch_size": 6, "seed": 3}
    train, valid = row.split(0.8)
    for part, ids in ((row, row[:]), (train, row[: int(0.8 * len(row))]), (valid, row[int(0.8 * len(row)) :])):
        on_disk, in_memory = ShardBatches(part, **options), TokenBatches(ids, **options)
        for step in (0, 1, 77):
            assert all(torch.equal(a, b) for a, b in zip(on_disk.batch(step), in_memory.batch(step)))
        for one, other in zip(on_disk.all_batches(), in_memory.all_batches(), strict=True):
            assert all(torch.equal(a, b) for a, b in zip(one, other))
    assert len(row.split(most=10)[1]) == 10


class Stop(Exception):
    pass


@pytest.mark.parametrize("after", [1, 3, 9])
def test_stopped_at_any_piece_it_goes_on(big, tmp_path, after):
    whole, half = tmp_path / "whole", tmp_path / "half"
    texts, options = [big, big], {"kind": "bpe", "vocab_size": 300, "piece": 800}
    tokenize(texts, whole, **options)
    seen = []

    def stop(share, tokens):
        seen.append(share)
        if len(seen) == after:
            raise Stop

    with pytest.raises(Stop):
        tokenize(texts, half, progress=stop, **options)
    with pytest.raises(CheckpointError, match="in part only"):
        Shards(half)
    tokenize(texts, half, progress=lambda share, tokens: seen.append(share), **options)
    assert files(half) == files(whole)
    assert seen == sorted(seen) and seen[-1] == 1
    before = files(whole)
    tokenize(texts, whole, **options)  # finished: nothing to do
    assert files(whole) == before


def test_a_piece_half_written_is_written_again(big, tmp_path, monkeypatch):
    whole, half = tmp_path / "whole", tmp_path / "half"
    options = {"kind": "char", "piece": 800}
    tokenize([big], whole, **options)
    save, calls = shards._save_state, []

    def crash(folder, state):
        calls.append(1)
        if len(calls) == 3:
            raise Stop  # the tokens of the second piece are on the disk, but shards.json does not say so
        save(folder, state)

    monkeypatch.setattr(shards, "_save_state", crash)
    with pytest.raises(Stop):
        tokenize([big], half, **options)
    monkeypatch.setattr(shards, "_save_state", save)
    tokenize([big], half, **options)
    assert files(half) == files(whole)


def test_what_does_not_fit_is_explained(big, tmp_path):
    folder = tmp_path / "tokens"
    with pytest.raises(ValueError, match="no text file"):
        tokenize([tmp_path / "nothing.txt"], folder)
    with pytest.raises(CheckpointError, match="holds no tokens"):
        Shards(tmp_path)
    with pytest.raises(CheckpointError, match="other files already"):
        tokenize([big], tmp_path, "char")
    tokenize([big], folder, "char")
    with pytest.raises(CheckpointError, match="other texts or settings"):
        tokenize([big], folder, "bpe")
    with pytest.raises(ValueError, match="shorter context"):
        ShardBatches(Shards(folder), context=10**6)
    latin = tmp_path / "latin.txt"
    latin.write_bytes("Wörter".encode("latin-1"))
    with pytest.raises(ValueError, match="not UTF-8"):
        tokenize([latin], tmp_path / "latin", "char")
    (tmp_path / "empty.txt").write_text("")
    with pytest.raises(ValueError, match="empty"):
        tokenize([tmp_path / "empty.txt"], tmp_path / "none", "char")
    path = folder / "00000.npy"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match="missing or damaged"):
        Shards(folder)
    (folder / "shards.json").write_text("[]")
    with pytest.raises(CheckpointError, match=r"shards\.json is damaged"):
        Shards(folder)


def test_tokenize_then_train_then_resume_from_the_shell(big, tmp_path, capsys):
    tokens, out = tmp_path / "tokens", tmp_path / "model"
    assert main(["data", "tokenize", str(big), "--out", str(tokens), "--tokenizer", "char"]) == 0
    assert "100% read" in capsys.readouterr().out
    tiny = ["--d-model", "16", "--layers", "1", "--heads", "2", "--context", "16", "--batch-size", "4"]
    train = ["train", "--corpus", str(tokens), "--out", str(out), *tiny]
    assert main([*train, "--steps", "4"]) == 0
    assert main([*train, "--steps", "8", "--resume"]) == 0
    assert "8 steps" in capsys.readouterr().out
    resumed = load_checkpoint(out)
    assert json.loads((out / "state.json").read_text())["step"] == 8
    assert resumed[1].encode(TEXT) == Shards(tokens).tokenizer.encode(TEXT)
    assert main(["data", "tokenize", str(big), "--out", str(tokens)]) == 1
    assert "choose another folder" in capsys.readouterr().err
