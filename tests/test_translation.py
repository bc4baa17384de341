"""Batches of pairs, the translator, the scores and the kinds of errors."""

import math

import pytest
import torch

from lmlib.models.seq2seq import Seq2Seq, Seq2SeqConfig
from lmlib.models.transformer import Transformer, TransformerConfig
from lmlib.tasks.translation import Link, Pair
from lmlib.text import WordTokenizer
from lmlib.training import fit
from lmlib.training.data import IGNORE
from lmlib.translation import (
    PairBatches,
    Translator,
    errors,
    link_hits,
    scores,
    token_spans,
    translation_loss,
    true_links,
)
from lmlib.translation.errors import plain

WORDS = ("one two three four five six seven eight").split()
LETTERS = "一二三四五六七八"
PAIRS = [
    Pair(
        " ".join(WORDS[(i * k + k) % 8] for k in range(1, 2 + i % 4)),
        "".join(LETTERS[(i * k + k) % 8] for k in range(1, 2 + i % 4)),
    )
    for i in range(60)
]
TOKENIZER = WordTokenizer.train([text for p in PAIRS for text in (p.source, p.target)] + ["one four"])


def models():
    return [
        Seq2Seq(Seq2SeqConfig(len(TOKENIZER), 16)),
        Seq2Seq(Seq2SeqConfig(len(TOKENIZER), 16, attention=False)),
        Transformer(TransformerConfig(len(TOKENIZER), context=30, n_layers=1, n_heads=2, d_model=16, norm="pre")),
    ]


# --- batches ---


def test_a_batch_is_shifted_and_padded():
    batches, end = PairBatches(PAIRS, TOKENIZER, batch_size=7), TOKENIZER.end_id
    rows = 0
    for source, padding, written, targets in batches.all_batches():
        rows += len(source)
        assert source.shape == padding.shape and written.shape == targets.shape
        for s, p, w, t in zip(source, padding, written, targets):
            n = int(p.sum())
            assert p[:n].all() and s[n - 1] == end and (s[n:] == end).all()
            wanted = t[t != IGNORE]
            assert wanted[-1] == end and w[0] == end and torch.equal(w[1 : len(wanted)], wanted[:-1])
            assert Pair(TOKENIZER.decode(s[: n - 1]), TOKENIZER.decode(wanted[:-1])) in PAIRS
    assert rows == len(PAIRS)


def test_an_epoch_has_every_pair_once_and_batches_are_the_same_again():
    batches, again = (PairBatches(PAIRS, TOKENIZER, batch_size=8, seed=3) for _ in range(2))
    seen = []
    for step in range(batches.steps_per_epoch):
        batch = batches.batch(step)
        assert all(torch.equal(a, b) for a, b in zip(batch, again.batch(step)))
        seen += [TOKENIZER.decode(row) for row in batch[0]]
    assert sorted(seen) == sorted(p.source for p in PAIRS)


def test_long_pairs_are_left_out_and_counted():
    batches = PairBatches(PAIRS, TOKENIZER, longest=2)
    assert batches.left_out == sum(len(p.target) > 2 for p in PAIRS) > 0
    with pytest.raises(ValueError, match="no pairs"):
        PairBatches([], TOKENIZER)


@pytest.mark.parametrize("model", models(), ids=lambda m: type(m).__name__)
def test_the_loss_of_a_batch_is_that_of_its_sentences(model):
    """Padding counts nowhere: neither in the source, nor in what is read, nor in the mean."""
    model.eval()
    (batch,) = PairBatches(PAIRS[:9], TOKENIZER, batch_size=9).all_batches()
    translator, total, n = Translator(model, TOKENIZER), 0.0, 0
    for pair in PAIRS[:9]:
        total -= translator.log_p(pair.source, pair.target)
        n += len(TOKENIZER.encode(pair.target)) + 1
    assert translation_loss(model, batch).item() == pytest.approx(total / n, rel=1e-4)


# --- the translator ---


@pytest.fixture(scope="module", params=[0, 2], ids=["Seq2Seq", "Transformer"])
def translator(request):
    model = models()[request.param]
    fit(model, PairBatches(PAIRS, TOKENIZER, 16), steps=150, loss=translation_loss, progress=False)
    return Translator(model, TOKENIZER, max_tokens=12)


def test_it_learns_a_little_language(translator):
    outputs = translator.translate([p.source for p in PAIRS])
    assert scores(outputs, [p.target for p in PAIRS], "zh")["exact"] > 0.9


def test_one_by_one_and_in_batches_it_writes_the_same(translator):
    texts = [p.source for p in PAIRS[:20]] + ["eight eight one", "two"]
    together = translator.translate(texts, batch_size=5)
    assert together == [translator.translate([text])[0] for text in texts]


def test_a_beam_of_one_is_greedy_and_a_wider_one_never_less_probable(translator):
    for text in ("one four", "eight eight eight one", "three five seven"):
        greedy = translator.translate([text])[0]
        (one, hypothesis), *_ = translator.beam(
            text, n_beams=1, length_penalty=0
        )  # then it stops at the first end, as greedy does
        assert one == greedy
        assert hypothesis.log_p == pytest.approx(translator.log_p(text, one), abs=1e-3)
        best = max(h.log_p for _, h in translator.beam(text, n_beams=5, length_penalty=0))
        assert best >= hypothesis.log_p - 1e-6


def test_a_look_has_a_row_for_each_token_and_adds_up_to_one(translator):
    rows, columns, weights = translator.look("one four two")
    assert columns == ["one", " four", " two", "end"] and rows[-1] == "end"
    for layer in weights:
        assert layer.shape[1:] == (len(rows), len(columns))
        assert torch.allclose(layer.sum(-1), torch.ones(layer.shape[:2]))


def test_guesses_are_those_of_greedy_where_it_is_right(translator):
    text = PAIRS[5]
    guesses, truth = translator.guesses(text.source, text.target)
    assert TOKENIZER.decode(truth[:-1]) == text.target and truth[-1] == TOKENIZER.end_id
    if translator.translate([text.source]) == [text.target]:
        assert torch.equal(guesses, truth)


@pytest.mark.parametrize("text", ["", "  "])
def test_nothing_cannot_be_translated(translator, text):
    with pytest.raises(ValueError, match="nothing to translate"):
        translator.translate(["one", text])


def test_what_is_strange_is_told(translator):
    words, characters = translator.strange("one nine fou🐟")
    assert words == ["nine", "fou"] and characters == ["🐟"]
    assert translator.strange("one two") == ([], [])


# --- scores ---


def test_scores_are_sacrebleus():
    import sacrebleu

    outputs, references = ["安娜有一把红色的雨伞。", "好"], ["安娜有一把蓝色的雨伞。", "好的"]
    found = scores(outputs, references, "zh")
    assert found["BLEU"] == sacrebleu.corpus_bleu(outputs, [references], tokenize="zh").score
    assert found["exact"] == 0 and scores(references, references, "zh")["exact"] == 1
    # The usual tokenizer of sacrebleu takes a Chinese sentence for one word: nothing would ever match.
    assert scores(outputs, references, "fr")["BLEU"] < 1 < found["BLEU"]


def test_scores_ask_for_one_output_a_reference():
    for outputs, references in (([], []), (["a"], ["a", "b"])):
        with pytest.raises(ValueError, match="one output a reference"):
            scores(outputs, references, "fr")


def test_token_spans_leave_the_blank_out():
    assert token_spans(["She", " had", ",", " ", "Q", "u"]) == [(0, 3), (4, 7), (7, 8), (9, 9), (9, 10), (10, 11)]


def test_true_links_in_tokens():
    pair = Pair("a red hat", "un chapeau rouge", (Link("colour", (2, 5), (11, 16)), Link("thing", (6, 9), (3, 10))))
    tokenizer = WordTokenizer.train([pair.source, pair.target])
    truth = true_links(pair, tokenizer)
    assert truth.nonzero().tolist() == [[1, 2], [2, 1]] and truth.shape == (4, 4)
    weights = torch.tensor([[0.7, 0.1, 0.1, 0.1]] * 2 + [[0.1, 0.7, 0.1, 0.1]] * 2)
    assert link_hits(weights, truth) == (1, 2, 0.5)
    with pytest.raises(ValueError, match="nobody knows"):
        true_links(Pair("a", "b"), tokenizer)


# --- errors ---

LANTERN = Pair(
    "Anna had a red lantern.",
    "Anna avait une lanterne rouge.",
    (Link("name", (0, 4), (0, 4)), Link("colour", (11, 14), (24, 29)), Link("thing", (15, 22), (15, 23))),
)
UMBRELLA = Pair(
    "Clara had a red umbrella.",
    "克拉拉有一把红色的雨伞。",
    (Link("name", (0, 5), (0, 3)), Link("colour", (12, 15), (6, 8)), Link("thing", (16, 24), (9, 11))),
)


@pytest.mark.parametrize(
    "output, found",
    [
        ("Anna avait une lanterne rouge.", []),
        ("Rosa avait une lanterne rouge.", ["wrong name"]),
        ("Anna avait une lanterne verte.", ["wrong colour"]),
        ("Anna avait une clé rouge.", ["wrong thing"]),
        ("Anna avait un lanterne rouge.", ["agreement"]),
        ("Rosa avait un lanterne rouge.", ["agreement", "wrong name"]),
        ("Anna avait une lanterne.", ["words missing"]),
        ("Anna avait aussi une lanterne rouge.", ["words added"]),
        ("Anna avait une rouge lanterne.", ["word order"]),
        ("Anna a une lanterne rouge.", ["other words"]),
    ],
)
def test_errors_in_french(output, found):
    assert errors(LANTERN, output, "fr") == found


@pytest.mark.parametrize(
    "output, found",
    [
        ("克拉拉有一把红色的雨伞。", []),
        ("罗莎有一把红色的雨伞。", ["wrong name"]),
        ("克拉有一把红色的雨伞。", ["wrong name"]),
        ("克拉拉有一把蓝色的雨伞。", ["wrong colour"]),
        ("克拉拉有一把红色的。", ["words missing"]),
        ("克拉拉丢了一把红色的雨伞。", ["other words"]),
        ("克拉拉有一把红色的雨伞。。", ["words added"]),
    ],
)
def test_errors_in_chinese(output, found):
    assert errors(UMBRELLA, output, "zh") == found


def test_errors_without_an_alignment_are_words():
    pair = Pair("A dog.", "Un chien noir.")
    assert errors(pair, "Un chat noir.", "fr") == ["other words"] and errors(pair, "Un chien.", "fr") == [
        "words missing"
    ]


def test_agreement_is_what_differs_in_gender_alone():
    assert plain("une clé verte") == plain("un clé vert") != plain("une clé rouge")
    assert plain("de la rivière") == plain("du rivière") and plain("l'épicière") == plain("le épicière")
    assert math.isfinite(len(plain("")))
