"""A reader: a network that is given a story and a question, and points at the words that answer it.

    words of each line -> attention within the line -> one vector a line -> attention among the lines, the question
    last -> the question's vector points: at the first and the last word of the answer, and at the lines that it rests
    on

The pointers are attention, too (Vinyals et al. 2015): scores of a query with keys, softmax over positions. Pointing
at the question itself says that the story does not tell it. Two levels of attention, words and lines, as in Yang et
al. 2016.
"""

import math
from collections import Counter
from dataclasses import dataclass

import regex
import torch
import torch.nn.functional as F
from torch import nn

from ..text.vocabulary import UNKNOWN, Vocabulary
from .attention import MultiHeadAttention, attend
from .network import Network, seeded
from .transformer import EncoderLayer, LayerNorm, TransformerConfig

PADDING = "<pad>"
ORDERS = ("recency", "rotary", "none")
LONGEST = 12  # words in an answer, at most
_WORD = regex.compile(r"\p{Han}|[\w--\p{Han}]+|[^\w\s]", regex.VERSION1)


class Words:
    """Which words there are, and where they stand: from questions to numbers and from numbers back to text.

    Words are in lower case; punctuation marks and Chinese characters are words of their own. Words seen fewer than
    `min_count` times in the questions given become "<unk>". `vocabulary` can be saved and given back.
    """

    def __init__(self, questions=(), min_count=1, vocabulary=None):
        if vocabulary is None:
            texts = [text for q in questions for text in (q.text, q.question)]
            counts = Counter(word.lower() for text in texts for word in _WORD.findall(text))
            vocabulary = Vocabulary(counts, UNKNOWN, [PADDING], min_count)
        self.vocabulary = vocabulary
        self.padding = vocabulary.id(PADDING)

    def __len__(self):
        return len(self.vocabulary)

    @staticmethod
    def spans(text):
        """(start, end) in characters of each word of a text."""
        return [match.span() for match in _WORD.finditer(text)]

    def ids(self, text):
        return [self.vocabulary.id(word.lower()) for word in _WORD.findall(text)]

    def encode(self, questions):
        """A dict of tensors for a list of questions.

        ids (n, lines + 1, words): the question is the last line, shorter stories stand right, padding is `padding`.
        evidence (n, lines + 1): 1.0 where a line is part of the support. start and end (n, 2): the line, counted from
        the last one (the question is -1), and the word in it; (-1, 0) where there is no answer.
        """
        rows, spots = [], []
        for q in questions:
            lines = q.lines
            rows.append([self.ids(line) for line in (*lines, q.question)])
            spot = ((-1, 0), (-1, 0))
            if q.answers:
                line = q.line_of(q.places[0])
                begins = q.places[0] - q.starts[line] - (q.text[q.starts[line] :].find(lines[line]))
                inside = [
                    i
                    for i, (a, b) in enumerate(self.spans(lines[line]))
                    if b > begins and a < begins + len(q.answers[0])
                ]
                if not inside:
                    raise ValueError(
                        f"the answer {q.answers[0]!r} does not stand where the question {q.question!r} says"
                    )
                back = line - len(lines) - 1
                spot = ((back, inside[0]), (back, inside[-1]))
            spots.append(spot)
        deep, wide = max(map(len, rows)), max(len(line) for row in rows for line in row)
        ids = torch.full((len(rows), deep, wide), self.padding)
        evidence = torch.zeros(len(rows), deep)
        for i, (row, q) in enumerate(zip(rows, questions)):
            for j, line in enumerate(row, start=deep - len(row)):
                ids[i, j, : len(line)] = torch.tensor(line)
            evidence[i, [line + deep - len(row) for line in q.support]] = 1.0
        spots = torch.tensor(spots)
        return {"ids": ids, "evidence": evidence, "start": spots[:, 0], "end": spots[:, 1]}


def trimmed(ids, padding):
    """How much of a batch is padding alone: (lines at the front to leave out, words of a line to keep)."""
    text = ids != padding
    lines = text.any(2).any(0)
    return int(lines.int().argmax()), int(text.any(1).any(0).nonzero().max()) + 1


class QuestionBatches:
    """Batches for `fit`: tuples (ids, evidence, start, end), see `Words.encode`; start and end are flat places.

    Step s draws the same questions in every run with the same seed. Raises ValueError without questions.
    """

    def __init__(self, words, questions, batch_size=32, seed=0):
        if not len(questions):
            raise ValueError("there are no questions to train on: give at least one")
        self.words, self.coded = words, words.encode(questions)
        self.n, self.batch_size, self.seed = len(questions), batch_size, seed

    def rows(self, numbers):
        ids, evidence, start, end = (self.coded[key][numbers] for key in ("ids", "evidence", "start", "end"))
        front, wide = trimmed(ids, self.words.padding)
        ids, evidence = ids[:, front:, :wide], evidence[:, front:]
        deep = ids.size(1)
        start, end = ((deep + spot[:, 0]) * wide + spot[:, 1] for spot in (start, end))
        return ids, evidence, start, end

    def batch(self, step):
        epoch, place = divmod(step * self.batch_size, self.n)
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
        return self.rows(torch.randperm(self.n, generator=generator)[place : place + self.batch_size])

    def all_batches(self):
        for i in range(0, self.n, self.batch_size):
            yield self.rows(torch.arange(i, min(i + self.batch_size, self.n)))


@dataclass
class ReaderConfig:
    """Sizes and parts of a Reader.

    word_layers: of attention within a line; line_layers: among lines; hidden: width of their feed-forward parts;
    padding: that word's number.

    order: how lines know which came later. "recency": each head takes away from a score a learned amount for each
    line between (as Press et al. 2022 do with fixed amounts), which also works for stories longer than any in
    training. "rotary": as in lesson 07. "none": not at all.
    alike: keys begin with the weights of queries, so that at first everything looks for its likes.
    """

    vocab_size: int
    d_model: int = 64
    n_heads: int = 4
    word_layers: int = 1
    line_layers: int = 2
    hidden: int = 128
    order: str = "recency"
    alike: bool = True
    padding: int = 1
    seed: int = 0


class RecencyAttention(MultiHeadAttention):
    """Self-attention whose scores fall with the distance: score - slope * |i - j|, one learned slope a head.

    Nobody looks at itself (the residual stream has that). What comes later gets a learned amount on top. x (batch,
    time, d_model); padding: True where there is text.
    """

    def __init__(self, d_model, n_heads):
        super().__init__(d_model, n_heads)
        self.slope = nn.Parameter(torch.linspace(-3, 0, n_heads))  # its logarithm
        self.later = nn.Parameter(torch.zeros(n_heads))

    def forward(self, query, mask=None, padding=None):
        q, k, v = (self._split(part(query)) for part in (self.query, self.key, self.value))
        place = torch.arange(query.size(1), device=query.device)
        distance = (place[:, None] - place).to(q)  # (time, time): how many lines before the query a key stands
        bias = self.later[:, None, None] * (distance < 0) - self.slope.exp()[:, None, None] * distance.abs()
        scores = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1)) + bias
        others = distance != 0
        mixed, weights = attend(scores, v, self._join(others if mask is None else mask & others, padding))
        return self.out(mixed.transpose(1, 2).flatten(2)), weights


class Reader(Network):
    """From a story and a question, the last line, to pointers at words and at lines.

    ids (batch, lines + 1, words) -> start, end (batch, (lines + 1) * words), evidence (batch, lines + 1). start and
    end are scores for each word, -inf where none may be pointed at: in padding, and in the question but for its first
    place, which stands for "the story does not tell it". evidence: a score for each line, above 0 for "rests on it".
    Raises ValueError for an order that is not known.
    """

    def __init__(self, config):
        super().__init__()
        self.config = c = config
        if c.order not in ORDERS:
            raise ValueError(f"order is {c.order!r}: choose one of {', '.join(ORDERS)}")
        with seeded(c.seed):
            self._build(c)

    def _build(self, c):
        def layers(n, positions):
            config = TransformerConfig(
                c.vocab_size, n_heads=c.n_heads, d_model=c.d_model, hidden=c.hidden, positions=positions, norm="pre"
            )
            return nn.ModuleList(EncoderLayer(config) for _ in range(n))

        self.embedding = nn.Embedding(c.vocab_size, c.d_model)
        nn.init.normal_(self.embedding.weight, std=0.5)
        self.part = nn.Parameter(torch.zeros(2, c.d_model))  # added to words of the story, and of the question
        self.word_layers = layers(c.word_layers, "rotary")
        self.line_layers = layers(c.line_layers, "rotary" if c.order == "rotary" else "none")
        for layer in self.line_layers if c.order == "recency" else ():
            layer.attention = RecencyAttention(c.d_model, c.n_heads)
        self.word_norm, self.line_norm = LayerNorm(c.d_model), LayerNorm(c.d_model)
        self.mix = nn.Linear(c.d_model, c.d_model)
        self.pointers = nn.Linear(c.d_model, 3 * c.d_model)  # what the question asks for: start, end, evidence
        self.of_itself = nn.Linear(c.d_model, 2)  # how likely a word is a start or an end, whatever is asked
        self.none = nn.Linear(c.d_model, 2)
        self.line_bias = nn.Linear(c.d_model, 1)
        if c.alike:
            self._look_for_likes()

    @torch.no_grad()
    def _look_for_likes(self):
        """Begin with attention by likeness: keys like queries, and the question points at lines like itself."""
        for layer in self.line_layers:
            layer.attention.query.weight *= 2  # so that it shows among the chance of the first weights
        for layer in (*self.word_layers, *self.line_layers):
            layer.attention.key.weight.copy_(layer.attention.query.weight)
        self.pointers.weight.copy_(torch.eye(self.config.d_model).repeat(3, 1))

    def forward(self, ids):
        batch, deep, wide = ids.shape
        text = ids != self.config.padding
        lines = text.any(2)  # (batch, lines + 1)
        part = torch.cat((self.part[:1].expand(deep - 1, -1), self.part[1:]))
        x = (self.embedding(ids) + part[:, None]).flatten(0, 1)  # (batch * (lines + 1), words, d_model)
        seen = text.flatten(0, 1).clone()
        seen[:, 0] = True  # a line of padding looks at its first place: softmax needs one
        for layer in self.word_layers:
            x = layer(x, padding=seen)
        x = self.word_norm(x).view(batch, deep, wide, -1)

        length = text.sum(2, keepdim=True).clamp(min=1)
        v = (x * text[..., None]).sum(2) / length.sqrt()  # (batch, lines + 1, d_model)
        for layer in self.line_layers:
            v = layer(v, padding=lines)
        v = self.line_norm(v)

        keys = F.relu(self.mix(x) + v[:, :, None])  # a word, and what became of its line
        ask_start, ask_end, ask_line = self.pointers(v[:, -1]).chunk(3, dim=-1)  # the question's queries
        asked = torch.stack((ask_start, ask_end), dim=2)[:, None]  # (batch, 1, d_model, 2)
        scores = keys @ asked / math.sqrt(v.size(-1)) + self.of_itself(keys)  # (batch, lines + 1, words, 2)
        allowed = text.clone()
        allowed[:, -1] = False
        scores = scores.masked_fill(~allowed[..., None], -math.inf)
        scores[:, -1, 0] = self.none(v[:, -1])
        evidence = (v @ ask_line[..., None])[..., 0] / math.sqrt(v.size(-1)) + self.line_bias(v)[..., 0]
        return *scores.flatten(1, 2).unbind(-1), evidence


class ReadingLoss:
    """The loss of a batch of `QuestionBatches`: surprise of start and end, in nats, and of the evidence, weighted.

    evidence: 0 leaves the true lines out of the training; the reader then learns from the answers alone.
    """

    unit = "nats per question"

    def __init__(self, evidence=1.0):
        self.evidence = evidence

    def __call__(self, model, batch):
        ids, truth, start, end = batch
        start_scores, end_scores, lines = model(ids)
        loss = F.cross_entropy(start_scores, start) + F.cross_entropy(end_scores, end)
        if self.evidence:
            real = (ids != model.config.padding).any(2)
            real[:, -1] = False  # the question is no line of the story
            loss = loss + self.evidence * F.binary_cross_entropy_with_logits(lines[real], truth[real])
        return loss


def span_table(start, end, longest=LONGEST):
    """log p of each pair (first, last), (words, words); -inf where first <= last < first + longest does not hold."""
    n = len(start)
    fits = torch.ones(n, n, dtype=torch.bool, device=start.device).triu().tril(longest - 1)
    return (start[:, None] + end[None, :]).masked_fill(~fits, -math.inf)


def best_span(start, end, longest=LONGEST):
    """The best answer within one line: (first, last, log p) with first <= last < first + longest.

    start, end: log-probabilities (words,) of each word of the line as the first and the last word of the answer.
    """
    table = span_table(start, end, longest)
    first, last = divmod(int(table.argmax()), len(start))
    return first, last, float(table[first, last])


@dataclass
class Reading:
    """What a reader made of one question. Its probabilities are shares of all pairs of ends that make sense.

    text: its answer, "" for "the story does not tell it". probability: of that answer. none: of there being no
    answer. guess, guess_probability: the best words, whether or not "none" beats them. place: where the guess begins
    in the story, in characters. evidence: a probability for each line. words: of each line, for each word, the mean
    of the probabilities that the answer begins there and ends there. sense: how much of the two pointers' joint
    probability fell on pairs that make sense: within one line, in order, and not too long.
    """

    text: str
    probability: float
    none: float
    guess: str
    guess_probability: float
    place: int
    evidence: list
    words: list
    sense: float


@torch.inference_mode()
def read(model, words, questions, batch_size=32, longest=LONGEST):
    """A `Reading` for each question."""
    model.eval()
    readings = []
    for i in range(0, len(questions), batch_size):
        some = list(questions[i : i + batch_size])
        ids = words.encode(some)["ids"]
        start, end, lines = model(ids)
        start, end = (scores.log_softmax(1).view(ids.shape) for scores in (start, end))
        for row, question in enumerate(some):
            readings.append(_reading(question, start[row], end[row], lines[row].sigmoid(), words, longest))
    return readings


def _reading(question, start, end, evidence, words, longest):
    lines = question.lines
    first_row = len(start) - 1 - len(lines)
    none = float((start[-1, 0] + end[-1, 0]).exp())
    spans = [words.spans(line) for line in lines]
    rows = [(start[first_row + i, : len(span)], end[first_row + i, : len(span)]) for i, span in enumerate(spans)]
    sense = none + sum(float(span_table(*row, longest).exp().sum()) for row in rows)
    found = [(*best_span(*row, longest)[::-1], i) for i, row in enumerate(rows) if len(row[0])]
    log_p, last, first, line = max(found)
    place = question.text.index(lines[line], question.starts[line]) + spans[line][first][0]
    guess = lines[line][spans[line][first][0] : spans[line][last][1]]
    none, p = (min(1.0, part / sense) for part in (none, math.exp(log_p)))  # rounding can make it a little more
    both = (start.exp() + end.exp()) / 2
    return Reading(
        text="" if none > p else guess,
        probability=max(none, p),
        none=none,
        guess=guess,
        guess_probability=p,
        place=place,
        evidence=evidence[first_row:-1].tolist(),
        words=[both[first_row + i, : len(span)].tolist() for i, span in enumerate(spans)],
        sense=sense,
    )
