"""How good are the stories that a model writes? The village can tell, for it knows what can happen in it.

A language model reads the first tokens of a story that it has never seen, and writes on. Three questions, with an
answer in numbers each: how long does the village believe it (consistency), how much of it is new (variety), and how
likely is it, to the model and in truth (likelihood)? The village's own stories, continued by the village, are the
yardstick for all of them.

Rows of data/decoding.csv are measured, never typed: `python -m lmlib.judge --make` lets the shipped model write with
every setting, three times, from other stories each time. Lesson 09 shows the table.
"""

import argparse
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from statistics import mean

import numpy as np
import torch

from . import village
from .beam import beam_search
from .many import CachedStep, continue_many
from .measured import read_rows, write_rows
from .metrics import bits, token_nats
from .village.forms import FORMS
from .village.grammar import EndOfText, Reader
from .village.tale import Tale

TABLE = Path(__file__).resolve().parents[1] / "data" / "decoding.csv"
OPENING = 60  # tokens of a story that the model is given
MOST = 440  # tokens that it may write; the longest story has fewer
STORIES, SEEDS = 30, (0, 1, 2)
BEAM_STORIES = 10  # beam search takes longer
POOL = 2500  # the first so many 4-grams are compared: among more of them more are alike
SETTINGS = {
    "greedy": {"temperature": 0},
    "T 0.5": {"temperature": 0.5},
    "T 0.8": {"temperature": 0.8},
    "T 1": {},
    "T 1.5": {"temperature": 1.5},
    "top-k 10": {"top_k": 10},
    "top-p 0.8": {"top_p": 0.8},
    "min-p 0.1": {"min_p": 0.1},
    "T 1.5, min-p 0.1": {"temperature": 1.5, "min_p": 0.1},
    "T 1, penalty 1.2": {"repetition_penalty": 1.2},
    "greedy, penalty 1.2": {"temperature": 0, "repetition_penalty": 1.2},
    "beam 5": {"n_beams": 5},
}
VILLAGE = "the village"  # the name of the yardstick's rows


@dataclass
class Row:
    """What one setting wrote from one seed's openings. What was given to the model counts nowhere.

    consistent: characters before the first that no story of the village could have there, mean over stories.
    whole: share of stories that the village could have told to their end.
    characters: mean length. distinct: share of different ones among the first POOL 4-grams of words, all stories
    together. repeated: share of a story's 4-grams that stood in it before, mean. copied: share of 8-grams of words
    that stand in the training stories. model_bits: bits per character by the model, at temperature 1. true_bits: by
    the village, of the first sentence that is the model's alone, mean over those that could be told
    (nan for none).
    """

    setting: str
    seed: int
    consistent: float
    whole: float
    characters: float
    distinct: float
    repeated: float
    copied: float
    model_bits: float
    true_bits: float


def openings(tokenizer, seed, n=STORIES, split="test"):
    """The beginnings of `n` stories, other ones for another seed: lists of ids, the start mark and OPENING tokens.

    Raises ValueError where the split has not so many.
    """
    stories = village.load_stories(split)[seed * n : (seed + 1) * n]
    if len(stories) < n:
        raise ValueError(
            f"the {split} stories are too few for {n} openings of seed {seed}: take fewer, or a lower seed"
        )
    return [[tokenizer.end_id, *tokenizer.encode(text)[:OPENING]] for text in stories]


def write(model, tokenizer, starts, seed=0, n_beams=None, **settings):
    """What the model makes of each opening, the opening included: a list of texts. settings: see `Decoding`."""
    if n_beams is None:
        seeds = range(1000 * seed, 1000 * seed + len(starts))
        written = continue_many(model, starts, tokenizer.end_id, seeds, MOST, **settings)
    else:
        written = [_beam(model, start, tokenizer.end_id, n_beams) for start in starts]
    return [tokenizer.decode([*start[1:], *ids]) for start, ids in zip(starts, written)]


def _beam(model, start, end_id, n_beams):
    read = CachedStep(model)
    return beam_search(lambda ids: read(ids).log_softmax(-1), start, end_id, n_beams, MOST)[0].ids


def judge(model, tokenizer, setting, seed, starts, texts):
    """The Row of some texts that continue `starts` (lists of ids)."""
    given = [tokenizer.decode(start[1:]) for start in starts]
    new = [text[len(start) :] for text, start in zip(texts, given)]
    consistent = [max(0, village.reads_until(text) - len(start)) for text, start in zip(texts, given)]
    true_bits = [told[0] for text, start in zip(texts, given) if (told := _told(text)[len(_told(start)) + 1 :])]
    nats = token_nats(model, tokenizer, texts)
    model_bits = bits(sum(surprise[OPENING:].sum() for surprise in nats)) / sum(len(text) + 1 for text in new)
    return Row(
        setting,
        seed,
        consistent=round(mean(consistent), 1),
        whole=round(mean(map(_is_whole, texts)), 4),
        characters=round(mean(map(len, new)), 1),
        distinct=round(distinct(new), 4),
        repeated=round(mean(map(repeated, new)), 4),
        copied=round(copied(new), 4),
        model_bits=round(float(model_bits), 4),
        true_bits=round(mean(true_bits), 3) if true_bits else float("nan"),
    )


def measure(model, tokenizer, setting, seed, n=None):
    """Let the model write with one of SETTINGS and judge it; or judge the village itself."""
    n = n or (BEAM_STORIES if setting.startswith("beam") else STORIES)
    starts = openings(tokenizer, seed, n)
    if setting == VILLAGE:
        texts = village.load_stories("test")[seed * n : (seed + 1) * n]
    else:
        texts = write(model, tokenizer, starts, seed, **SETTINGS[setting])
    return judge(model, tokenizer, setting, seed, starts, texts)


# --- the measures ---


def _is_whole(text):
    try:
        village.story_bits(text)
    except ValueError:
        return False
    return True


def _told(text):
    """The true bits of each whole sentence before the text's first contradiction or its end."""
    reader = Reader(FORMS, text, "en")
    try:
        Tale(reader).tell()
    except (EndOfText, ValueError):
        pass
    return [sentence.bits for sentence in reader.told]


def grams(text, n):
    """All runs of n words, words being what stands between blanks and line ends."""
    words = text.split()
    return [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]


def distinct(texts, n=4, most=POOL):
    """The share of different ones among the first `most` n-grams of the texts (Li et al. 2016, distinct-n)."""
    pool = [gram for text in texts for gram in grams(text, n)][:most]
    return len(set(pool)) / max(1, len(pool))


def repeated(text, n=4):
    """The share of a text's n-grams that stood in it before (as Welleck et al. 2020 count it)."""
    found = grams(text, n)
    return 1 - len(set(found)) / len(found) if found else 0.0


def copied(texts, n=8):
    """The share of the texts' n-grams that stand in the village's training stories."""
    known = _known(n)
    found = [gram in known for text in texts for gram in grams(text, n)]
    return float(np.mean(found)) if found else 0.0


@cache
def _known(n):
    return frozenset(gram for text in village.load_stories("train") for gram in grams(text, n))


# --- the table ---


def read(path=TABLE):
    """The table's rows. Raises FileNotFoundError where it was not made yet."""
    return read_rows(Row, path, "there is no table of decoding yet: make it with `python -m lmlib.judge --make`")


def over_seeds(rows, name):
    """One measure of each setting: {setting: (mean, least, largest)}, in the rows' order."""
    found = {}
    for row in rows:
        found.setdefault(row.setting, []).append(getattr(row, name))
    known = {setting: [x for x in values if x == x] or [float("nan")] for setting, values in found.items()}  # no nan
    return {setting: (mean(values), min(values), max(values)) for setting, values in known.items()}


def table(rows):
    """The means over the seeds as text, a line for each setting; `consistent` with its range."""
    names = [f.name for f in fields(Row)[3:]]
    lines = [f"{'':20}{'consistent':>19}" + "".join(f"{name:>11}" for name in names)]
    spread, means = over_seeds(rows, "consistent"), {name: over_seeds(rows, name) for name in names}
    for setting, (middle, low, high) in spread.items():
        line = f"{setting:20}" + f"{middle:.0f} ({low:.0f} to {high:.0f})".rjust(19)
        for name in names:
            line += f"{means[name][setting][0]:11.{0 if name == 'characters' else 3}f}"
        lines.append(line)
    return "\n".join(lines)


def main(argv=None):
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m lmlib.judge", description="Print or make the table of decoding.")
    parser.add_argument("--make", action="store_true", help="let the shipped model write with every setting")
    if parser.parse_args(argv).make:
        from .training import load_shipped

        model, tokenizer, _ = load_shipped("village-gpt")
        torch.set_num_threads(1)  # the steps are so small that a second thread would only wait
        rows = []
        for setting in (VILLAGE, *SETTINGS):
            rows += [measure(model, tokenizer, setting, seed) for seed in SEEDS]
            print(table(rows).splitlines()[-1], flush=True)
        write_rows(rows, TABLE)
    print(table(read()))


if __name__ == "__main__":
    main()
