"""How well do readers read? Two tables, measured and never typed.

    python -m lmlib.reading --make        data/questions/readers.csv: readers and cheats on the village's questions
    python -m lmlib.reading --chat 24     data/questions/chat.csv: a published chat model on questions of XQuAD

Without an option it prints what the tables say. Each reader is trained three times, with different seeds, on the same
questions with stories of 5 to 8 lines, and tested on those and on 16 and 32 lines.
"""

import argparse
import time
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean

import torch

from .measured import read_rows, write_rows
from .models.reader import QuestionBatches, Reader, ReaderConfig, ReadingLoss, Words, read
from .retrieval import BM25
from .tasks.answers import best, evidence_scores, exact_match, f1
from .tasks.cheats import Cheats
from .tasks.questions import load, texts_of
from .training import fit

FOLDER = Path(__file__).resolve().parents[1] / "data" / "questions"
SEEDS = (0, 1, 2)
STEPS, BATCH = 400, 32
SPLITS = ("test", "test-16", "test-32")
# The readers of the table: what is different from the default, and the weight of the evidence in the loss.
READERS = {
    "reader": ({}, 1.0),
    "told no evidence": ({}, 0.0),
    "two looks": ({"line_layers": 1}, 1.0),  # lines look at each other once, then the question points
    "one look": ({"line_layers": 0}, 1.0),  # the question points, and that is all; nothing knows which line is later
}


@dataclass
class Row:
    """One model on the questions of one split whose answers rest on so many lines (0: that have no answer)."""

    model: str
    seed: int
    split: str
    facts: int
    n: int
    exact: float
    evidence: float  # mean F1 of the lines named as evidence; 0 for cheats, which name none


def train(kind, seed, questions, validation, steps=STEPS, batch_size=BATCH, progress=False):
    """(reader, its words, history): a reader of the table, trained on some questions."""
    settings, evidence = READERS[kind]
    words = Words(questions)
    model = Reader(ReaderConfig(len(words), padding=words.padding, seed=seed, **settings))
    batches = QuestionBatches(words, questions, batch_size, seed)
    live = QuestionBatches(words, validation, 64)
    history = fit(model, batches, live, steps=steps, loss=ReadingLoss(evidence), seed=seed, progress=progress)
    return model, words, history


def by_facts(questions, said, lines):
    """{facts: (n, exact match, evidence F1)} of answers and of the lines named with them."""
    found = defaultdict(list)
    for question, text, named in zip(questions, said, lines):
        found[len(question.support)].append(
            (best(exact_match, text, question.answers), evidence_scores(named, question.support)[2])
        )
    return {facts: (len(pairs), *map(mean, zip(*pairs))) for facts, pairs in sorted(found.items())}


def evidence_of(reading, threshold=0.5):
    """The numbers of the lines that a `Reading` rests on."""
    return [line for line, p in enumerate(reading.evidence) if p > threshold]


def _rows(model, seed, split, questions, said, lines):
    return [
        Row(model, seed, split, facts, n, round(exact, 4), round(evidence, 4))
        for facts, (n, exact, evidence) in by_facts(questions, said, lines).items()
    ]


def measure(kind, seed, steps=STEPS):
    """Train one reader on the village; its rows."""
    model, words, _ = train(kind, seed, load("village", "train"), load("village", "validation"), steps)
    rows = []
    for split in SPLITS:
        questions = load("village", split)
        readings = read(model, words, questions)
        rows += _rows(kind, seed, split, questions, [r.text for r in readings], map(evidence_of, readings))
    return rows


def measure_cheats():
    """The rows of all cheats: they learn from the training questions, without chance."""
    cheats, rows = Cheats(load("village", "train")), []
    for split in SPLITS:
        questions = load("village", split)
        for name in Cheats.NAMES:
            said = [cheats.answer(name, question) for question in questions]
            rows += _rows(name, 0, split, questions, said, [()] * len(questions))
    return rows


def read_table(name="readers", kind=Row):
    """The rows of a table. Raises FileNotFoundError where it was not made yet."""
    path = FOLDER / f"{name}.csv"
    return read_rows(kind, path, f"there is no table {path.name} yet: make it with `python -m lmlib.reading --help`")


def summary(rows, model, split="test", facts=None):
    """(mean, least, largest) share of exact answers over the seeds; facts None: all questions, weighted by number."""
    found = []
    for seed in sorted({row.seed for row in rows if row.model == model}):
        some = [
            row
            for row in rows
            if (row.model, row.split, row.seed) == (model, split, seed) and facts in (None, row.facts)
        ]
        found.append(sum(row.exact * row.n for row in some) / sum(row.n for row in some))
    return mean(found), min(found), max(found)


# -- a published chat model as a reader --------------------------------------------------------------------------

CONDITIONS = ("no text", "text found", "right text")
ASK = "{text}\n\nAnswer with a few words taken from the text, nothing else.\nQuestion: {question}"
ASK_ALONE = "Answer with a few words, nothing else.\nQuestion: {question}"


@dataclass
class Said:
    """How the chat model answered one question, known by its id, under one condition. The text of XQuAD stays there.

    words, right_words: how many words it said, and how many the first right answer has.
    """

    condition: str
    id: str
    words: int
    right_words: int
    exact: float
    f1: float


def chat_answers(n, lang="en", max_tokens=24):
    """Put n questions of XQuAD to SmolLM2-135M-Instruct, each alone, with the paragraph found, with the right one.

    Greedy decoding, each question in a conversation of its own; the answer is its first line.
    """
    from .chat import Chat
    from .models.pretrained import load_smollm2

    parts = load_smollm2()
    questions = load(f"xquad-{lang}", "all")
    texts, _ = texts_of(questions)
    index = BM25(texts)
    some = [questions[i * len(questions) // n] for i in range(n)]  # spread over all articles
    for question in some:
        found, known = texts[index.search(question.question, 1)[0][0]], {}
        for condition, text in zip(CONDITIONS, (None, found, question.text)):
            if text not in known:  # where the right text was found, it is not read twice: the answer is the same
                asked = ASK_ALONE if text is None else ASK
                chat = Chat(*parts, temperature=0.0, top_p=1.0)
                known[text] = chat.say(asked.format(text=text, question=question.question), max_tokens).strip()
            said = (known[text].splitlines() or [""])[0]
            exact, overlap = (round(best(score, said, question.answers), 4) for score in (exact_match, f1))
            words, right_words = (len(text.split()) for text in (said, question.answers[0]))
            yield Said(condition, question.id, words, right_words, exact, overlap)


def swap_text(question, other):
    """The same question put to another text; whether that text has an answer is not known."""
    return replace(question, text=other.text, starts=other.starts, answers=(), places=(), support=())


def main(argv=None):
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m lmlib.reading", description="Print or make the tables of readers."
    )
    parser.add_argument(
        "--make", nargs="*", metavar="READER", help="train these readers (default: all), write the table"
    )
    parser.add_argument("--chat", type=int, metavar="N", help="put N questions of XQuAD to a chat model (93 MB once)")
    args = parser.parse_args(argv)
    if args.make is not None:
        kinds = args.make or list(READERS)
        kept = read_table() if args.make and (FOLDER / "readers.csv").exists() else []
        rows = measure_cheats() + [row for row in kept if row.model in READERS and row.model not in kinds]
        for kind in kinds:
            for seed in SEEDS:
                begun = time.process_time()
                rows += measure(kind, seed)
                said = (f"{row.split}/{row.facts}: {row.exact:.2f}" for row in rows[-4 * len(SPLITS) :])
                print(f"{kind}, seed {seed}, {time.process_time() - begun:.0f} s:", *said, flush=True)
                write_rows(rows, FOLDER / "readers.csv")
    if args.chat is not None:
        torch.manual_seed(0)
        rows = []
        for row in chat_answers(args.chat):
            rows.append(row)
            print(f"{row.condition:>10} | {row.id} | {row.words} words | F1 {row.f1:.2f}", flush=True)
        write_rows(rows, FOLDER / "chat.csv")
    for name, kind in (("readers", Row), ("chat", Said)):
        if (FOLDER / f"{name}.csv").exists():
            _print(read_table(name, kind))


def _print(rows):
    if isinstance(rows[0], Said):
        for condition in CONDITIONS:
            some = [row for row in rows if row.condition == condition]
            exact, overlap = mean(row.exact for row in some), mean(row.f1 for row in some)
            print(f"chat model, {condition:>10}: exact match {exact:.2f}, F1 {overlap:.2f} of {len(some)} questions")
        return
    for model in dict.fromkeys(row.model for row in rows):
        said = "  ".join(f"{split}: {summary(rows, model, split)[0]:.2f}" for split in SPLITS)
        print(f"{model:>20}  {said}")


if __name__ == "__main__":
    main()
