"""The reader: encoding against the text, masks, attention against torch, the best span by brute force, learning."""

import math

import pytest
import torch
import torch.nn.functional as F

from lmlib.models.reader import (
    ORDERS,
    QuestionBatches,
    Reader,
    ReaderConfig,
    ReadingLoss,
    RecencyAttention,
    Words,
    best_span,
    read,
)
from lmlib.tasks.questions import ask, load, parse_babi
from lmlib.training import fit
from lmlib.village.questions import babi


@pytest.fixture(scope="module")
def some():
    return parse_babi(babi("train", 64))


@pytest.fixture(scope="module")
def words(some):
    return Words(some)


def small(words, **settings):
    return Reader(ReaderConfig(len(words), d_model=16, n_heads=2, hidden=16, padding=words.padding, **settings))


# -- words and places --------------------------------------------------------------------------------------------


def test_words_and_where_they_stand():
    text = "Leo's red-key, 钥匙。"
    spans = Words.spans(text)
    assert [text[a:b] for a, b in spans] == ["Leo", "'", "s", "red", "-", "key", ",", "钥", "匙", "。"]
    words = Words([ask([text], "Who?")])
    assert words.ids("leo LEO x") == [words.vocabulary.id("leo")] * 2 + [words.vocabulary.id("<unk>")]
    assert len(Words([ask([text, text], "Who?")], min_count=2)) < len(words)
    again = Words(vocabulary=words.vocabulary)
    assert again.ids(text) == words.ids(text) and again.padding == words.padding


def test_the_answers_are_where_the_tensors_say(some, words):
    coded = words.encode(some)
    assert coded["ids"].shape[:2] == coded["evidence"].shape == (64, 1 + max(len(q.lines) for q in some))
    for i, question in enumerate(some):
        (line, first), (same, last) = coded["start"][i].tolist(), coded["end"][i].tolist()
        assert line == same
        if not question.answerable:
            assert (line, first, last) == (-1, 0, 0)
            continue
        text = question.lines[line + 1 + len(question.lines)]
        spans = words.spans(text)
        assert text[spans[first][0] : spans[last][1]] == question.answers[0]
        front = coded["ids"].size(1) - 1 - len(question.lines)
        assert coded["evidence"][i].nonzero().flatten().tolist() == [front + line for line in question.support]


def test_batches_point_at_the_same_words(some, words):
    batches = QuestionBatches(words, some, batch_size=8)
    for batch in (batches.batch(0), *batches.all_batches()):
        ids, evidence, start, end = batch
        assert ids.shape[:2] == evidence.shape and (ids[:, 0] != words.padding).any()
        for row, a, b in zip(ids.flatten(1), start.tolist(), end.tolist()):
            assert a <= b < a + 2 and (row[a : b + 1] != words.padding).all()
    seen = [tuple(row.flatten().tolist()) for step in range(8) for row in batches.batch(step)[0]]
    assert len(seen) == 64
    assert torch.equal(batches.batch(3)[0], QuestionBatches(words, some, batch_size=8).batch(3)[0])
    assert not torch.equal(batches.batch(0)[2], batches.batch(8)[2])  # another order in the next epoch
    with pytest.raises(ValueError, match="no questions to train on"):
        QuestionBatches(words, [])


# -- the network -------------------------------------------------------------------------------------------------


def test_recency_attention_is_torchs_with_a_bias():
    torch.manual_seed(0)
    layer = RecencyAttention(8, 2)
    x, text = torch.randn(3, 5, 8, requires_grad=True), torch.arange(5) >= torch.tensor([[0], [1], [3]])
    torch.nn.init.normal_(layer.later)
    output, weights = layer(x, padding=text)
    q, k, v = (part(x).view(3, 5, 2, 4).transpose(1, 2) for part in (layer.query, layer.key, layer.value))
    bias = torch.full((2, 5, 5), -math.inf)
    for head in range(2):
        for i in range(5):
            for j in range(5):
                if i != j:
                    bias[head, i, j] = -math.exp(layer.slope[head].item()) * abs(i - j) + layer.later[head] * (j > i)
    mask = bias.masked_fill(~text[:, None, None], -math.inf)
    seen = mask.isfinite().any(-1, keepdim=True)  # torch makes nan of a query that may look nowhere; ours gives zeros
    theirs = F.scaled_dot_product_attention(q, k, v, attn_mask=torch.where(seen, mask, 0.0)).masked_fill(~seen, 0.0)
    theirs = layer.out(theirs.transpose(1, 2).flatten(2))
    assert torch.allclose(output, theirs, atol=1e-5)
    gradients = [torch.autograd.grad(y.square().sum(), x, retain_graph=True)[0] for y in (output, theirs)]
    assert torch.allclose(*gradients, atol=1e-4)
    assert (weights.diagonal(dim1=-2, dim2=-1) == 0).all()


@pytest.mark.parametrize("order", ORDERS)
def test_padding_changes_nothing(some, words, order):
    """A question is read alike alone and beside one with a longer story."""
    model = small(words, order=order).eval()
    for question in some[:6]:
        alone = words.encode([question])["ids"]
        longest = max(some, key=lambda q: len(q.text))
        both = words.encode([question, longest])["ids"]
        with torch.inference_mode():
            one, two = model(alone), model(both)
        deep, wide = alone.shape[1:]
        for a, b in zip(one[:2], two[:2]):
            b = b.view(both.shape)[0, -deep:, :wide].flatten()
            assert torch.allclose(a[0].softmax(0), b.softmax(0), atol=1e-5)
        real = (alone[0] != words.padding).any(1)
        assert torch.allclose(one[2][0][real], two[2][0, -deep:][real], atol=1e-4)


def test_only_words_of_the_story_and_one_place_more_can_be_pointed_at(some, words):
    ids = words.encode(some)["ids"]
    start, end, evidence = small(words)(ids)
    allowed = ids != words.padding
    allowed[:, -1] = False
    allowed[:, -1, 0] = True
    for scores in (start, end):
        assert torch.equal(scores.isfinite(), allowed.flatten(1))
    assert evidence.shape == ids.shape[:2]


def test_the_order_of_lines_counts_unless_it_is_left_out(words):
    lines = ["Tom went to the mill.", "Tom went to the river.", "It began to rain."]
    turned = [lines[1], lines[0], lines[2]]
    for order in ORDERS:
        model = small(words, order=order).eval()
        ids = words.encode([ask(lines, "Where is Tom?"), ask(turned, "Where is Tom?")])["ids"]
        with torch.inference_mode():
            evidence = model(ids)[2]
        alike = torch.allclose(evidence[0, [0, 1, 2]], evidence[1, [1, 0, 2]], atol=1e-5)
        assert alike == (order == "none"), order


def test_with_one_look_nothing_knows_which_line_is_later(words):
    """Without layers among lines each line is read as if it were alone."""
    lines = ["Tom went to the mill.", "Tom went to the river.", "It began to rain."]
    ids = words.encode([ask(lines, "Where is Tom?"), ask([*lines[1::-1], lines[2]], "Where is Tom?")])["ids"]
    with torch.inference_mode():
        evidence = small(words, line_layers=0).eval()(ids)[2]
    assert torch.allclose(evidence[0, [0, 1, 2]], evidence[1, [1, 0, 2]], atol=1e-5)


def test_a_reader_that_cannot_be_built(words):
    with pytest.raises(ValueError, match="order is 'by date': choose one of recency, rotary, none"):
        small(words, order="by date")


# -- answers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n, longest", [(1, 1), (4, 2), (7, 3), (7, 12)])
def test_the_best_span_by_brute_force(n, longest):
    generator = torch.Generator().manual_seed(n)
    for _ in range(20):
        start, end = torch.randn(2, n, generator=generator).log_softmax(1)
        found = {(i, j): float(start[i] + end[j]) for i in range(n) for j in range(i, min(n, i + longest))}
        first, last, log_p = best_span(start, end, longest)
        assert log_p == pytest.approx(max(found.values())) == pytest.approx(found[first, last])


def test_a_reading_says_what_the_scores_say(some, words):
    model = small(words).eval()
    for question, reading in zip(some, read(model, words, some, batch_size=16)):
        ids = words.encode([question])["ids"]
        with torch.inference_mode():
            start, end, evidence = model(ids)
        start, end = (scores.softmax(1).view(ids.shape[1:]) for scores in (start, end))
        none, pairs = float(start[-1, 0] * end[-1, 0]), []
        for row in range(ids.size(1) - 1 - len(question.lines), ids.size(1) - 1):
            n = int((ids[0, row] != words.padding).sum())
            pairs += [float(start[row, i] * end[row, j]) for i in range(n) for j in range(i, n)]
        assert reading.sense == pytest.approx(none + sum(pairs), rel=1e-3) and reading.sense <= 1 + 1e-5
        assert reading.none == pytest.approx(none / reading.sense, rel=1e-3)
        assert reading.guess_probability == pytest.approx(max(pairs) / reading.sense, rel=1e-3)
        assert reading.evidence == pytest.approx(evidence[0, :-1].sigmoid().tolist(), abs=1e-4)
        assert [len(line) for line in reading.words] == [len(words.spans(line)) for line in question.lines]
        total = sum(map(sum, reading.words)) + float(start[-1, 0] + end[-1, 0]) / 2
        assert total == pytest.approx(1, abs=1e-3)
        assert question.text[reading.place :].startswith(reading.guess)
        said = reading.guess if reading.guess_probability >= reading.none else ""
        assert (reading.text, reading.probability) == (said, max(reading.none, reading.guess_probability))


def test_it_learns_what_it_is_shown(some, words):
    """Sixteen questions by heart: answers and evidence, the unanswerable ones included."""
    few = some[:16]
    model = small(words)
    batches = QuestionBatches(words, few, batch_size=16)
    history = fit(model, batches, steps=120, loss=ReadingLoss(), lr=0.05, progress=False)
    assert history.train_loss[-1] < 0.2 * history.train_loss[0]
    readings = read(model, words, few)
    assert [r.text for r in readings] == ["".join(q.answers) for q in few]
    assert [tuple(i for i, p in enumerate(r.evidence) if p > 0.5) for r in readings] == [q.support for q in few]


def test_evidence_can_be_left_out_of_the_loss(some, words):
    model = small(words)
    batch = QuestionBatches(words, some, 8).batch(0)
    both, answers = ReadingLoss(2.0)(model, batch), ReadingLoss(0.0)(model, batch)
    start, end, lines = model(batch[0])
    real = (batch[0] != words.padding).any(2)
    real[:, -1] = False
    extra = F.binary_cross_entropy(lines[real].sigmoid(), batch[1][real])
    found = F.cross_entropy(start, batch[2]) + F.cross_entropy(end, batch[3])
    assert answers.item() == pytest.approx(found.item())
    assert both.item() == pytest.approx((answers + 2 * extra).item(), rel=1e-4)


def test_real_questions_can_be_encoded_too():
    """What the village never does: answers of many words, punctuation inside, marks before a word."""
    text = "1 He said: “the U.S. Army, of course”, (twice).\n2 Who?\tthe U.S. Army\t1\n"
    (question,) = parse_babi(text)
    words = Words([question])
    coded = words.encode([question])
    spans = words.spans(question.lines[0])
    first, last = int(coded["start"][0, 1]), int(coded["end"][0, 1])
    assert question.lines[0][spans[first][0] : spans[last][1]] == "the U.S. Army"


def test_words_of_the_village_are_few():
    words = Words(load("village", "validation"))
    assert 60 < len(words) < 150
