"""Pictures and words as one stream of tokens, in either order, so that one GPT can read and write both.

    <picture> 64 pixels <text> a red cat left of a blue house <end>          a caption
    <text> a red cat left of a blue house <picture> 64 pixels <end>          a drawing
    <picture> 64 pixels <ask> what colour is the cat <answer> red <ask> ... <end>

A pixel is a token as a word is: its id stands for one of the palette's colours, whatever it looks like. That pictures
and text become one stream is DALL-E's idea (Ramesh et al. 2021, section 2); there a token stands for a patch.
"""

import random
from itertools import islice

import torch

from ..training.data import IGNORE
from ..village import pictures as village

END, PICTURE, TEXT, ASK, ANSWER = range(5)
MARKS = ("<end>", "<picture>", "<text>", "<ask>", "<answer>")
N_PIXELS = village.SIDE**2
FIRST_WORD = len(MARKS) + len(village.PALETTE)  # marks, then pixels, then words
CONTEXT = 96  # the longest document has 90 tokens
KINDS = ("caption", "drawing", "questions")


class Stream:
    """The vocabulary: marks, then the palette's colours as pixels, then words. `encode`, `decode` and `document`."""

    end_id = END

    def __init__(self):
        words = {word for sentence in village._SENTENCES for word in sentence.split()}
        for sentence in ("one red cat", *map(_pair_of, village.RELATIONS)):
            words |= {word for asked in village.questions(sentence) for word in " ".join(asked).split()}
        self.first_pixel, self.first_word = len(MARKS), FIRST_WORD
        self.names = (*MARKS, *(f"pixel:{name}" for name in village.PALETTE), *sorted(words))
        self._ids = {name: id for id, name in enumerate(self.names)}

    def __len__(self):
        return len(self.names)

    def pixels(self, picture):
        """The ids of a picture's pixels. Raises ValueError for a number that is not in the palette."""
        if not all(0 <= pixel < len(village.PALETTE) for pixel in picture):
            raise ValueError(f"a pixel is a number from 0 to {len(village.PALETTE) - 1}: {village.PALETTE}")
        return [self.first_pixel + int(pixel) for pixel in picture]

    def words(self, text):
        """The ids of a text's words. Raises ValueError for a word that no sentence of the village has."""
        for word in text.split():
            if self._ids.get(word, 0) < self.first_word:
                raise ValueError(
                    f"{word!r} is no word of the village's pictures: it has {', '.join(self.vocabulary)}"
                )
        return [self._ids[word] for word in text.split()]

    @property
    def vocabulary(self):
        """The words alone."""
        return self.names[self.first_word :]

    def text(self, ids):
        """The words among ids, up to the first mark."""
        return " ".join(self.names[id] for id in _until_mark(ids) if id >= self.first_word)

    def picture(self, ids):
        """The pixels among ids up to the first mark, as numbers of the palette."""
        return tuple(id - self.first_pixel for id in _until_mark(ids) if self.first_pixel <= id < self.first_word)

    def caption(self, scene):
        """A document: the picture, then its sentence."""
        return [PICTURE, *self.pixels(scene.picture), TEXT, *self.words(scene.sentence)]

    def drawing(self, scene):
        """A document: the sentence, then its picture."""
        return [TEXT, *self.words(scene.sentence), PICTURE, *self.pixels(scene.picture)]

    def questions(self, scene, asked):
        """A document: the picture, then questions and answers; asked: pairs (question, answer)."""
        ids = [PICTURE, *self.pixels(scene.picture)]
        for question, answer in asked:
            ids += [ASK, *self.words(question), ANSWER, *self.words(answer)]
        return ids


def _pair_of(relation):
    return village.pair(village.THINGS[0], relation, village.THINGS[-1])


def _until_mark(ids):
    """The ids before the first mark."""
    ids = [int(id) for id in ids]
    return ids[: next((place for place, id in enumerate(ids) if id < len(MARKS)), len(ids))]


def document(stream, scene, kind, lot):
    """The ids of one document of a scene; kind: one of KINDS. Of its questions two are drawn by lot."""
    if kind == "questions":
        left = village.questions(scene.sentence)
        return stream.questions(scene, [left.pop(int(lot() * len(left))) for _ in range(2)])
    return getattr(stream, kind)(scene)


class PictureBatches:
    """Documents for `fit`: a third of each kind, every scene used once, drawn anew for each step without end."""

    def __init__(self, stream, batch_size=32, seed=0):
        self.stream, self.batch_size = stream, batch_size
        self.scenes, self.lot = village.lesson(seed), random.Random(seed).random
        self.tested = [
            document(stream, s, KINDS[i % 3], self.lot) for i, s in enumerate(village.scenes("validation"))
        ]
        self.step, self.last = -1, None

    def batch(self, step):
        """Inputs and targets of a step, each (batch_size, time), padded with IGNORE; steps are asked for in order."""
        if step == self.step:
            return self.last
        if step < self.step:
            raise ValueError("these batches come in order: make new ones to begin again")
        while self.step < step:
            some = islice(self.scenes, self.batch_size)
            rows = [document(self.stream, s, KINDS[i % 3], self.lot) for i, s in enumerate(some)]
            self.step += 1
        self.last = self._padded(rows)
        return self.last

    def all_batches(self):
        """The validation scenes, once."""
        yield self._padded(self.tested)

    def _padded(self, rows):
        """Each row begins behind the end mark and ends with it."""
        longest = max(map(len, rows)) + 1
        inputs = torch.full((len(rows), longest), END)
        targets = torch.full((len(rows), longest), IGNORE)
        for r, ids in enumerate(rows):
            inputs[r, 1 : len(ids) + 1] = torch.tensor(ids)
            targets[r, : len(ids) + 1] = torch.tensor([*ids, END])
        return inputs, targets
