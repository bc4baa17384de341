"""How well does it go? One table, data/pictures/measured.csv, measured by `python -m lmlib.pictures --make PART`.

    words      the GPT over pixels and words: captions, drawings, answers; beside it who does not look, and memory
    matching   the three matchers: retrieval, and scenes told from their twins
    digits     digits by Bayes' rule, and others on the same split

Three seeds each, or as many as are asked for. A part that is made anew takes the place of its old rows.
"""

from collections import Counter
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path
from statistics import mean, stdev

import numpy as np

from ..measured import read_rows, write_rows
from ..training.checkpoint import load_checkpoint, save_checkpoint
from ..village import pictures as village
from . import digits, matching, painter
from .stream import Stream

TABLE = Path(__file__).resolve().parents[2] / "data" / "pictures" / "measured.csv"
SEEDS = (0, 1, 2)
PARTS = ("words", "matching", "digits")
SHORT = 1200  # steps of the GPTs of "words" with three seeds; the one that ships had more
LONGER = "GPT, longer"  # the one that ships; one seed
REMEMBERED = SHORT * painter.BATCH  # scenes that those who remember have seen: as many as those GPTs


@dataclass
class Row:
    """One value. measure: what was counted; n: how many cases (0 where the value is no share of cases)."""

    part: str
    model: str
    seed: int
    split: str
    measure: str
    n: int
    value: float


def read(path=TABLE):
    """The rows. Raises FileNotFoundError where there are none, saying how to make them."""
    return read_rows(
        Row, path, "these measurements are missing: make them with `python -m lmlib.pictures --make words`"
    )


def values(rows, part, model, split, measure):
    """The values of one measure, one for each seed, in order of the seeds."""
    found = [r for r in rows if (r.part, r.model, r.split, r.measure) == (part, model, split, measure)]
    return [row.value for row in sorted(found, key=lambda row: row.seed)]


def summary(rows, part, model, split, measure):
    """(mean, standard deviation over the seeds, 0 for one seed). Raises ValueError where nothing was measured."""
    found = values(rows, part, model, split, measure)
    if not found:
        raise ValueError(f"nothing was measured of {model!r} on {split!r} called {measure!r}")
    return mean(found), stdev(found) if len(found) > 1 else 0.0


# -- words -------------------------------------------------------------------------------------------------------


def share(hits):
    """How many of the hits are True, as (n, share)."""
    hits = list(hits)
    return len(hits), sum(hits) / len(hits)


def caption_hits(captions, scenes):
    """Which captions are true of their pictures."""
    return [said in village.read(scene.picture) for said, scene in zip(captions, scenes)]


def drawing_hits(drawings, sentences):
    """Of which drawings the exact reader says their own sentence."""
    return [sentence in village.read(picture) for picture, sentence in zip(drawings, sentences)]


def swapped(scenes):
    """The twins of scenes of two things."""
    return [village.Scene(village.twin(s.sentence), village.swap(s.picture)) for s in scenes if s.pair]


def measure_words(speaker, scenes):
    """Yields (measure, n, share) of what has `caption`, `paint` and `answer`; twins count if both are right."""
    pairs = [scene for scene in scenes if scene.pair]
    twins = swapped(scenes)
    said = caption_hits(speaker.caption([s.picture for s in scenes]), scenes)
    yield "caption", *share(said)
    of_twins = caption_hits(speaker.caption([s.picture for s in twins]), twins)
    of_pairs = [hit for hit, scene in zip(said, scenes) if scene.pair]
    yield "caption, both twins", *share(a and b for a, b in zip(of_pairs, of_twins))
    sentences = [s.sentence for s in scenes]
    drawn = drawing_hits(speaker.paint(sentences), sentences)
    yield "drawing", *share(drawn)
    sentences = [s.sentence for s in twins]
    of_twins = drawing_hits(speaker.paint(sentences), sentences)
    of_pairs = [hit for hit, scene in zip(drawn, scenes) if scene.pair]
    yield "drawing, both twins", *share(a and b for a, b in zip(of_pairs, of_twins))
    asked = [(s.picture, question, right) for s in scenes for question, right in village.questions(s.sentence)]
    answers = speaker.answer([(picture, question) for picture, question, _ in asked])
    yield "answer", *share(a == right for a, (_, _, right) in zip(answers, asked))
    assert len(pairs) == len(twins)


class Speaker:
    """The GPT: it looks, and does not remember single pictures."""

    def __init__(self, model):
        self.model, self.stream = model, Stream()

    def caption(self, pictures):
        return painter.caption(self.model, self.stream, pictures)

    def paint(self, sentences):
        return painter.paint(self.model, self.stream, sentences)

    def answer(self, asked):
        return painter.answer(self.model, self.stream, asked)


class Memory:
    """Two who did not learn to see. `look=False` says what is most frequent, whatever the picture: the language
    alone.

    `look=True` remembers pictures, and says what was said of the nearest one (fewest pixels differ); it paints by
    showing a remembered picture of the sentence, if there is one.
    """

    def __init__(self, scenes, look):
        self.scenes, self.look = list(scenes), look
        self.pictures = np.array([scene.picture for scene in self.scenes], dtype=np.uint8)
        self.usual = Counter(scene.sentence for scene in self.scenes).most_common(1)[0][0]
        self.usual_answer, self.of_sentence = {}, {}
        counts = {}
        for scene in self.scenes:
            self.of_sentence.setdefault(scene.sentence, scene.picture)
            for question, right in village.questions(scene.sentence):
                counts.setdefault(question, Counter())[right] += 1
        self.usual_answer = {question: count.most_common(1)[0][0] for question, count in counts.items()}

    def nearest(self, picture):
        """The remembered scene with the fewest pixels that differ; of equals the first."""
        return self.scenes[int((self.pictures != np.array(picture, dtype=np.uint8)).sum(1).argmin())]

    def caption(self, pictures):
        return [self.nearest(picture).sentence if self.look else self.usual for picture in pictures]

    def paint(self, sentences):
        if not self.look:
            return [self.scenes[0].picture for _ in sentences]
        return [self._remembered(sentence) for sentence in sentences]

    def _remembered(self, sentence):
        """A picture of this sentence, or of the other way to say it; else the first picture of all."""
        known = [self.of_sentence[s] for s in village.true_sentences(sentence) if s in self.of_sentence]
        return known[0] if known else self.scenes[0].picture

    def answer(self, asked):
        said, known = [], {}
        for picture, question in asked:
            if self.look and picture not in known:
                known[picture] = dict(village.questions(self.nearest(picture).sentence))
            found = known[picture].get(question) if self.look else None
            said.append(found or self.usual_answer.get(question, "yes"))
        return said


def make_words(keep=None, tell=print, seeds=SEEDS):
    """The rows of "words": the GPT of each seed, the one that ships, and two memories."""
    rows, stream = [], Stream()
    splits = {split: village.scenes(split) for split in ("test", "unseen")}

    def add(model, seed, split, told):
        rows.extend(Row("words", model, seed, split, measure, n, round(value, 4)) for measure, n, value in told)
        tell(f"{model}, seed {seed}, {split}: " + ", ".join(f"{m} {v:.3f}" for m, _, v in told))

    for seed in seeds:
        model = kept(keep, f"words-{seed}", lambda seed=seed: painter.train(seed, steps=SHORT)[0])
        models = {"GPT": model} | ({LONGER: painter.load()[0]} if seed == 0 else {})
        for (name, model), (split, scenes) in product(models.items(), splits.items()):
            told = list(measure_words(Speaker(model), scenes))
            told += [
                ("bits a picture", 0, painter.picture_bits(model, stream, scenes)),
                ("bits a drawing of two", 0, painter.drawing_bits(model, stream, [s for s in scenes if s.pair])),
                ("bits a caption of two", 0, painter.caption_bits(model, stream, [s for s in scenes if s.pair])),
            ]
            add(name, seed, split, told)
        remembered = list(islice(village.lesson(seed), REMEMBERED))
        for name, look in (("without looking", False), ("nearest picture", True)):
            memory = Memory(remembered, look)
            for split, scenes in splits.items():
                add(name, seed, split, list(measure_words(memory, scenes)))
    return rows


def make_matching(keep=None, tell=print, seeds=SEEDS):
    """The rows of "matching"."""
    rows = []
    for name in matching.MATCHERS:
        for seed in seeds:
            model, _ = matching.train(name, seed)
            for split in ("test", "unseen"):
                scenes = matching.pairs_of(split)
                shares = (*matching.retrieval(model, scenes), *matching.twin_scores(model, scenes))
                told = dict(zip(matching.MEASURES, shares))
                rows += [Row("matching", name, seed, split, m, len(scenes), round(v, 4)) for m, v in told.items()]
                tell(f"{name}, seed {seed}, {split}: " + ", ".join(f"{m} {v:.3f}" for m, v in told.items()))
    return rows


def make_digits(keep=None, tell=print, seeds=SEEDS):
    """The rows of "digits": on the last 360 pictures; and what a split at random would make of 3-NN."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import train_test_split
    from sklearn.neighbors import KNeighborsClassifier

    pixels, labels, test_pixels, test_labels = digits.load_digits()
    rows = []

    def add(model, seed, hits, bits=None, split="last 360"):
        rows.append(Row("digits", model, seed, split, "accuracy", len(hits), round(float(np.mean(hits)), 4)))
        if bits is not None:
            rows.append(Row("digits", model, seed, split, "bits per pixel", 0, round(bits, 4)))
        tell(f"{model}, seed {seed}, {split}: {np.mean(hits):.3f}, {bits}")

    for seed in seeds:
        model = kept(keep, f"digits-{seed}", lambda seed=seed: digits.train(seed)[0])
        log_p = digits.log_likelihoods(model, test_pixels)
        add("GPT", seed, digits.classify(log_p) == test_labels, digits.bits_per_pixel(log_p))
    for name, neighbour in (("pixels alone", False), ("pixel and left neighbour", True)):
        log_p = digits.Tables(pixels, labels, neighbour).log_likelihoods(test_pixels)
        add(name, 0, digits.classify(log_p) == test_labels, digits.bits_per_pixel(log_p))
    others = {"3-NN": KNeighborsClassifier(3), "logistic regression": LogisticRegression(max_iter=2000)}
    for name, classifier in others.items():
        add(name, 0, classifier.fit(pixels / 16, labels).predict(test_pixels / 16) == test_labels)
    everything, truth = np.concatenate((pixels, test_pixels)), np.concatenate((labels, test_labels))
    for seed in SEEDS:
        a, b, c, d = train_test_split(everything, truth, test_size=360, random_state=seed)
        add("3-NN", seed, others["3-NN"].fit(a / 16, c).predict(b / 16) == d, split="360 at random")
    return rows


def kept(folder, name, train):
    """The model of this name in the folder, else a new one, which is then kept there; None keeps nothing."""
    if folder is None:
        return train()
    place = Path(folder) / name
    if not (place / "state.json").exists():
        save_checkpoint(place, train())
    return load_checkpoint(place)[0]


def make(part, keep=None, path=TABLE, tell=print, seeds=SEEDS):
    """Measure one of PARTS and write its rows into the table. Raises ValueError for another part."""
    makers = {"words": make_words, "matching": make_matching, "digits": make_digits}
    if part not in makers:
        raise ValueError(f"there is no part {part!r}: choose one of {', '.join(PARTS)}")
    new = makers[part](keep, tell, seeds)
    old = [row for row in read(path) if row.part != part] if Path(path).exists() else []
    write_rows(sorted(old + new, key=lambda row: PARTS.index(row.part)), path)
