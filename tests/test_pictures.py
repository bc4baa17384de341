"""One stream of pixels and words: documents by hand, losses, the shipped GPT on the village's pictures, the table."""

import math
import random
from itertools import islice

import numpy as np
import pytest
import torch

from lmlib.models.gpt import GPT, GPTConfig
from lmlib.pictures import painter, table
from lmlib.pictures.look import attention_weights, say_and_look
from lmlib.pictures.stream import (
    ANSWER,
    ASK,
    CONTEXT,
    END,
    PICTURE,
    TEXT,
    PictureBatches,
    Stream,
)
from lmlib.training import CheckpointError, save_checkpoint
from lmlib.training.data import IGNORE
from lmlib.village import pictures as village

PAIR = "a red cat left of a blue house"


@pytest.fixture(scope="module")
def stream():
    return Stream()


@pytest.fixture(scope="module")
def shipped():
    torch.set_num_threads(1)
    return painter.load()[0]


def scene_of(sentence, seed=0):
    return village.Scene(sentence, village.paint(sentence, random.Random(seed).random))


# -- the stream --------------------------------------------------------------------------------------------------


def test_documents_by_hand(stream):
    scene = scene_of(PAIR)
    pixels = [5 + pixel for pixel in scene.picture]
    words = [stream.names.index(word) for word in PAIR.split()]
    assert stream.caption(scene) == [PICTURE, *pixels, TEXT, *words]
    assert stream.drawing(scene) == [TEXT, *words, PICTURE, *pixels]
    asked = [stream.names.index(word) for word in "what colour is the cat".split()]
    assert stream.questions(scene, [("what colour is the cat", "red")]) == [
        PICTURE, *pixels, ASK, *asked, ANSWER, stream.names.index("red")
    ]  # fmt: skip


def test_every_word_of_every_sentence_and_question_has_a_token(stream):
    assert len(set(stream.names)) == len(stream) == len(stream.vocabulary) + 12
    for scene in village.scenes("test") + village.scenes("unseen"):
        assert stream.text(stream.words(scene.sentence)) == scene.sentence
        assert stream.picture(stream.pixels(scene.picture)) == scene.picture
        for question, answer in village.questions(scene.sentence):
            assert stream.text(stream.words(f"{question} {answer}")) == f"{question} {answer}"


def test_what_comes_behind_a_mark_is_not_read(stream):
    assert stream.text([*stream.words("one red cat"), END, *stream.words("red")]) == "one red cat"
    assert stream.picture([5, 6, END, 7]) == (0, 1)


def test_unknown_words_and_pixels_are_refused(stream):
    with pytest.raises(ValueError, match="'dog' is no word"):
        stream.words("a red dog")
    with pytest.raises(ValueError, match="'<end>' is no word"):
        stream.words("<end>")
    with pytest.raises(ValueError, match="a number from 0 to 6"):
        stream.pixels([7])


def test_batches_hold_whole_documents_in_order(stream):
    inputs, targets = PictureBatches(stream, 6, seed=1).batch(0)
    scenes = list(islice(village.lesson(1), 6))
    assert inputs.shape == targets.shape and inputs.max() < len(stream) and inputs.size(1) <= CONTEXT
    for ids, wanted, scene in zip(inputs.tolist(), targets.tolist(), scenes):
        pixels = stream.pixels(scene.picture)
        assert any(ids[place : place + 64] == pixels for place in range(len(ids)))
        read = [id for id, target in zip(ids[1:], wanted) if target != IGNORE]
        assert read == [target for target in wanted if target != IGNORE][: len(read)], "a target is the next input"
        assert END in wanted


def test_batches_are_the_same_again_and_come_in_order(stream):
    one, two = PictureBatches(stream, 4, seed=2), PictureBatches(stream, 4, seed=2)
    assert all(torch.equal(a, b) for step in (0, 1, 3) for a, b in zip(one.batch(step), two.batch(step)))
    assert one.batch(3)[0] is one.batch(3)[0]
    with pytest.raises(ValueError, match="come in order"):
        one.batch(1)


# -- where it looks ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("conv_width", [1, 3])
def test_attention_weights_are_those_of_the_model(conv_width):
    model = GPT(GPTConfig(20, context=16, n_layers=2, n_heads=2, d_model=16, conv_width=conv_width))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.3, generator=torch.Generator().manual_seed(1))
    ids, seen = [3, 1, 4, 1, 5, 9], {}
    attention = model.blocks[1].attention
    hook = attention.register_forward_hook(lambda _, inputs, output: seen.update(x=inputs[0], y=output))
    with torch.no_grad():
        model(torch.tensor([ids]))
        hook.remove()
        weights = attention_weights(model, ids)
        assert weights.shape == (2, 2, 6, 6) and torch.allclose(weights.sum(-1), torch.ones(2, 2, 6))
        assert (weights.triu(1) == 0).all()
        qkv = attention.qkv(seen["x"])
        qkv = attention.near(qkv) if conv_width > 1 else qkv
        v = qkv.view(1, 6, 6, 8).transpose(1, 2)[:, 4:]
        assert torch.allclose(attention.out((weights[1] @ v).transpose(1, 2).flatten(2)), seen["y"], atol=1e-5)


def test_other_positions_are_refused():
    with pytest.raises(ValueError, match="rotary positions"):
        attention_weights(GPT(GPTConfig(5, n_layers=1, n_heads=2, d_model=8, positions="learned")), [1, 2])


def test_the_caption_that_looks_is_the_caption(shipped, stream):
    picture = scene_of("two green keys").picture
    words, probabilities, weights = say_and_look(shipped, stream, picture)
    assert " ".join(words) == painter.caption(shipped, stream, [picture])[0]
    assert weights.shape == (len(words), 3, 4, 64) and (weights.sum(-1) <= 1 + 1e-5).all()
    assert len(probabilities) == len(words) and all(0 < p <= 1 for p in probabilities)


# -- the shipped model -------------------------------------------------------------------------------------------


def test_bits_are_minus_log2_of_the_models_own_probabilities(shipped, stream):
    scene = scene_of(PAIR)
    bits = painter.bits_of(shipped, [stream.caption(scene)])[0]
    p = shipped.next_probabilities([END, *stream.caption(scene)[:66]])
    assert math.isclose(bits[66].item(), -math.log2(p[stream.caption(scene)[66]]), rel_tol=1e-3)
    assert len(bits) == len(stream.caption(scene))


def test_the_shipped_gpt_sees_and_who_does_not_look_does_not(shipped):
    """The lesson's claim, live on a few scenes: also with things never seen, and with twins."""
    blind = table.Memory(islice(village.lesson(0), 2000), look=False)
    for split in ("test", "unseen"):
        scenes = village.scenes(split)[:16]
        sees = {measure: value for measure, _, value in table.measure_words(table.Speaker(shipped), scenes)}
        guesses = {measure: value for measure, _, value in table.measure_words(blind, scenes)}
        assert sees["caption"] > guesses["caption"] + 0.3
        assert sees["answer"] > guesses["answer"] + 0.2
        assert guesses["caption, both twins"] == 0


def test_the_shipped_gpt_is_near_the_floor(shipped, stream):
    scenes = village.scenes("test")[:24]
    bits = painter.picture_bits(shipped, stream, scenes)
    assert np.mean([village.surprise(s.picture) for s in scenes]) < bits < 1.3 * village.entropy()


def test_a_checkpoint_of_another_vocabulary_is_refused(tmp_path, stream):
    model = painter.new_model(n_layers=1, n_heads=2, d_model=8)
    painter.save(tmp_path / "right", model, steps=1)
    assert painter.load(tmp_path / "right")[1]["steps"] == 1

    save_checkpoint(tmp_path / "other", model, vocabulary=["a", "b"])
    with pytest.raises(CheckpointError, match="reads other tokens"):
        painter.load(tmp_path / "other")


# -- the table ---------------------------------------------------------------------------------------------------


def test_memory_by_hand():
    scenes = [scene_of("one red cat"), scene_of("two green keys", 3), scene_of("one red cat", 5)]
    looks, blind = table.Memory(scenes, look=True), table.Memory(scenes, look=False)
    assert looks.caption([scenes[1].picture]) == ["two green keys"] and blind.caption([scenes[1].picture]) == [
        "one red cat"
    ]
    assert looks.answer([(scenes[1].picture, "how many")]) == ["two"]
    assert blind.answer([(scenes[1].picture, "how many")]) == ["one"]
    assert looks.paint(["two green keys", "two green cups"]) == [scenes[1].picture, scenes[0].picture]


class Perfect:
    """Reads and paints by the village's own rules."""

    def caption(self, pictures):
        return [village.read(picture)[-1] for picture in pictures]

    def paint(self, sentences):
        return [village.pictures_of(sentence)[-1] for sentence in sentences]

    def answer(self, asked):
        return [
            next(a for s in village.read(p) for q, a in village.questions(s) if q == question)
            for p, question in asked
        ]


def test_who_knows_the_rules_gets_everything():
    told = list(table.measure_words(Perfect(), village.scenes("unseen")[:20]))
    assert [value for _, _, value in told] == [1.0] * 5 and told[0][1] == 20


def test_the_measured_table_says_what_the_lesson_says():
    rows = table.read()
    for split in ("test", "unseen"):
        blind, memory, gpt, (longer,) = (
            table.values(rows, "words", name, split, "answer")
            for name in ("without looking", "nearest picture", "GPT", table.LONGER)
        )
        assert len(gpt) >= 2 and min(gpt) > max(blind) + 0.1
        assert longer > max(memory) + 0.2 and longer > max(gpt)
    assert min(table.values(rows, "words", "nearest picture", "test", "drawing")) > 0.9
    assert max(table.values(rows, "words", "nearest picture", "unseen", "drawing")) == 0
    short, (longer,) = (table.values(rows, "words", name, "unseen", "caption") for name in ("GPT", table.LONGER))
    assert longer > max(short) + 0.2
    bag = table.values(rows, "matching", "bag of parts", "test", "twins: group")
    assert len(bag) == 3 and max(bag) == 0
    found = table.values(rows, "matching", "bag of parts", "test", "picture to sentence")
    assert min(found) > 0.3
    luck = table.values(rows, "matching", "ordered", "test", "twins: group")
    asked = table.values(rows, "matching", "ordered, with twins", "test", "twins: group")
    assert len(asked) == 3 and min(asked) > 0.9 > max(luck)
    gpt = table.values(rows, "digits", "GPT", "last 360", "accuracy")
    assert min(gpt) > table.values(rows, "digits", "pixels alone", "last 360", "accuracy")[0]
    bits = table.values(rows, "digits", "GPT", "last 360", "bits per pixel")
    assert max(bits) < table.values(rows, "digits", "pixels alone", "last 360", "bits per pixel")[0]
    at_random = table.summary(rows, "digits", "3-NN", "360 at random", "accuracy")[0]
    assert table.summary(rows, "digits", "3-NN", "last 360", "accuracy")[0] < at_random


def test_a_part_made_anew_replaces_its_old_rows(tmp_path, monkeypatch):
    path = tmp_path / "pictures" / "measured.csv"
    monkeypatch.setattr(
        table, "make_digits", lambda keep, tell, seeds: [table.Row("digits", "m", 0, "s", "accuracy", 9, 0.5)]
    )
    monkeypatch.setattr(
        table, "make_words", lambda keep, tell, seeds: [table.Row("words", "m", 0, "s", "caption", 9, 0.25)]
    )
    for part in ("digits", "words", "digits"):
        table.make(part, path=path)
    assert [row.part for row in table.read(path)] == ["words", "digits"]
    assert table.summary(table.read(path), "words", "m", "s", "caption") == (0.25, 0.0)
    with pytest.raises(ValueError, match="there is no part 'word'"):
        table.make("word", path=path)
    with pytest.raises(ValueError, match="nothing was measured of 'n'"):
        table.summary(table.read(path), "words", "n", "s", "caption")
    with pytest.raises(FileNotFoundError, match="python -m lmlib.pictures"):
        table.read(tmp_path / "none.csv")
