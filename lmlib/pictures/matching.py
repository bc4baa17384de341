"""Which sentence belongs to which picture? Batches for the `Matcher`, retrieval, and the test of the twins."""

import random

import torch

from ..models.clip import Matcher, MatcherConfig, contrastive_loss
from ..training import fit
from ..village import pictures as village
from .stream import Stream

LONGEST = 8  # words
MATCHERS = {  # name: the sizes that differ, and whether each batch holds the twins of its pictures
    "bag of parts": ({"ordered": False}, False),
    "ordered": ({}, False),
    "ordered, with twins": ({}, True),
}
STEPS, BATCH = 250, 64
MEASURES = ("picture to sentence", "sentence to picture", "twins: text", "twins: image", "twins: group")


def pictures_tensor(pictures):
    """Pictures as one tensor of numbers of the palette, (batch, 64)."""
    return torch.tensor([list(picture) for picture in pictures])


def sentences_tensor(sentences, stream=None):
    """Sentences as one tensor of ids, (batch, LONGEST), 0 for padding. Raises ValueError for unknown words."""
    stream = stream or Stream()
    rows = torch.zeros(len(sentences), LONGEST, dtype=torch.long)
    for row, sentence in zip(rows, sentences):
        ids = stream.words(sentence)
        row[: len(ids)] = torch.tensor(ids)
    return rows


def pairs_of(split):
    """The scenes of a split that show two things: those have twins."""
    return [scene for scene in village.scenes(split) if scene.pair]


class MatchingBatches:
    """Scenes of two things for `fit`: (pictures, sentences), drawn anew at each step.

    twins: half of each batch are the twins of the other half, so that only the arrangement tells them apart.
    """

    def __init__(self, batch_size=BATCH, seed=0, twins=False):
        self.stream, self.batch_size, self.seed, self.twins = Stream(), batch_size, seed, twins

    def batch(self, step):
        lot = random.Random(village.LESSON + 1_000_003 * (self.seed + 1) + step).random
        found = []
        while len(found) < self.batch_size // (2 if self.twins else 1):
            scene = village.scene(lot)
            if scene.pair:
                found.append((scene.picture, scene.sentence))
        if self.twins:
            found += [(village.swap(picture), village.twin(sentence)) for picture, sentence in found]
        pictures, sentences = zip(*found)
        return pictures_tensor(pictures), sentences_tensor(sentences, self.stream)


def new_matcher(name, seed=0):
    """A matcher of MATCHERS, not trained."""
    sizes, _ = MATCHERS[name]
    return Matcher(MatcherConfig(len(Stream()), len(village.PALETTE), longest=LONGEST, seed=seed, **sizes))


def train(name, seed=0, steps=STEPS, progress=False):
    """A trained matcher of MATCHERS, and the history."""
    model, (_, twins) = new_matcher(name, seed), MATCHERS[name]
    batches = MatchingBatches(seed=seed, twins=twins)
    history = fit(model, batches, steps=steps, loss=contrastive_loss, seed=seed, progress=progress)
    return model, history


@torch.inference_mode()
def scores(model, pictures, sentences):
    """The scores of all pictures with all sentences, (pictures, sentences)."""
    return model(pictures_tensor(pictures), sentences_tensor(sentences))


def retrieval(model, scenes):
    """The share of pictures whose best sentence, among those of all the scenes, is true of them; and of sentences

    whose best picture is one of theirs.
    """
    table = scores(model, [s.picture for s in scenes], [s.sentence for s in scenes])
    of_pictures = [scenes[i].sentence in village.read(s.picture) for i, s in zip(table.argmax(1).tolist(), scenes)]
    of_sentences = [s.sentence in village.read(scenes[i].picture) for i, s in zip(table.argmax(0).tolist(), scenes)]
    return sum(of_pictures) / len(scenes), sum(of_sentences) / len(scenes)


def twin_scores(model, scenes):
    """(text, image, group): shares of scenes of two things that are told from their twins, as Winoground counts.

    Thrush et al. 2022, section 3.3: text, both pictures prefer their own sentence; image, both sentences their own
    picture; group, both. A guess is right in 1/4, 1/4 and 1/6 of the cases; equal scores do not count as right.
    """
    own = scores_of_pairs(model, scenes, scenes)
    twins = [village.Scene(village.twin(s.sentence), village.swap(s.picture)) for s in scenes]
    tables = torch.stack(  # (scenes, 2 pictures, 2 sentences)
        (
            torch.stack((own, scores_of_pairs(model, scenes, twins)), 1),
            torch.stack((scores_of_pairs(model, twins, scenes), scores_of_pairs(model, twins, twins)), 1),
        ),
        1,
    )
    return twin_counts(tables)


@torch.inference_mode()
def scores_of_pairs(model, seen, said):
    """The score of each scene's picture with the sentence of the scene beside it: (scenes,)."""
    pictures = model.pictures(pictures_tensor([s.picture for s in seen]))
    return model.scale * (pictures * model.sentences(sentences_tensor([s.sentence for s in said]))).sum(-1)


def twin_counts(tables, tie=1e-3):
    """(text, image, group) of tables (n, 2 pictures, 2 sentences); what is nearer than `tie` counts as equal."""
    (a, b), (c, d) = tables.permute(1, 2, 0)
    text, image = (a > b + tie) & (d > c + tie), (a > c + tie) & (d > b + tie)
    return tuple(hits.double().mean().item() for hits in (text, image, text & image))
