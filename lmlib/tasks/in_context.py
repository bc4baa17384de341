"""Texts with a rule that is made anew for each: only the examples in the text itself can tell it.

`Words`      kite A drum C kite A key B drum ...      each word has a label, drawn by lot for this text alone
`Things`     big red kite A small blue key B ...      one feature decides: which, and how, is drawn by lot

In `Words` it is enough to find the word again and to copy what stood behind it. In `Things` the thing asked for may
have stood nowhere: whoever only copies from the most similar example is often wrong. For both the best possible
answer is known, so a model is measured between chance and that.
"""

import itertools
from dataclasses import dataclass

import torch

from ..training.data import IGNORE

LABELS = ("A", "B", "C", "D")
NOUNS = (
    "kite", "key", "bell", "boat", "book", "bread", "bucket", "candle", "basket", "blanket", "bottle", "button",
    "compass", "flute", "drum", "lantern", "letter", "map", "mirror", "net", "rope", "spoon", "feather", "marble",
    "stone", "coat", "hat", "scarf", "ring", "cup", "clock", "sledge",
)  # fmt: skip
FEATURES = (("big", "small", "long", "round"), ("red", "blue", "green", "white"), ("kite", "drum", "key", "bell"))


@dataclass
class Episodes:
    """Texts of one task, a row each.

    ids: (n, time) tokens, example after example, each ending with its label. answers: (n, shots) the label of each
    example, counted from 0. fresh: (n, shots) True where what is asked did not stand earlier in the text. rules: (n,)
    the number of each text's rule, where rules have numbers.
    """

    ids: torch.Tensor
    answers: torch.Tensor
    fresh: torch.Tensor
    rules: torch.Tensor | None = None


class _Task:
    """What both tasks share. `per_example`: tokens of an example, label included."""

    @property
    def names(self):
        """The token of each id: what is asked about, then the labels."""
        return [*self.asked, *LABELS[: self.n_labels]]

    @property
    def vocab_size(self):
        return len(self.asked) + self.n_labels

    @property
    def first_label(self):
        """The id of label A."""
        return len(self.asked)

    def encode(self, text):
        """The ids of words with blanks between. Raises ValueError for a word that the task does not have."""
        known = {name: i for i, name in enumerate(self.names)}
        words = text.split()
        if unknown := [word for word in words if word not in known]:
            raise ValueError(f"{unknown[0]!r} is no word of this task: take some of {', '.join(self.names)}")
        return [known[word] for word in words]

    def text(self, ids):
        """The words of ids, blanks between."""
        names = self.names
        return " ".join(names[int(i)] for i in ids)

    def answers_of(self, logits):
        """Probabilities of the labels, (n, shots, n_labels), from logits (n, time, vocab_size) over whole texts.

        The label of each example is foretold where the token before it was read.
        """
        return logits[:, self.per_example - 2 :: self.per_example, self.first_label :].softmax(-1)

    @torch.inference_mode()
    def read(self, model, episodes):
        """`answers_of` a model that reads the texts."""
        training = model.training
        model.eval()
        found = self.answers_of(model(episodes.ids[:, :-1]))
        model.train(training)
        return found


class Words(_Task):
    """Words with labels that hold for one text: `n_used` of 32 words, drawn by lot, each with one of `n_labels`.

    A text is `shots` examples of a word and its label; the words come in any order and again and again. With
    `fixed` every word has the same label in all texts: then there is something to keep in the weights.
    """

    per_example = 2
    asked = NOUNS

    def __init__(self, n_used=6, n_labels=4, shots=16, fixed=False):
        self.n_used, self.n_labels, self.shots, self.fixed = n_used, n_labels, shots, fixed

    def draw(self, n, generator):
        """`n` texts drawn by lot, as `Episodes`."""
        words = torch.rand(n, len(NOUNS), generator=generator).argsort(1)[:, : self.n_used]
        labels = torch.randint(self.n_labels, (n, self.n_used), generator=generator)
        if self.fixed:
            labels = words % self.n_labels
        pick = torch.randint(self.n_used, (n, self.shots), generator=generator)
        return self.episodes(words.gather(1, pick), labels.gather(1, pick))

    def episodes(self, words, answers):
        """Texts of given words and labels, both (n, shots)."""
        ids = torch.stack((words, answers + self.first_label), 2).flatten(1)
        return Episodes(ids, answers, ~_stood_before(words))

    def best(self, shots):
        """The largest possible share of right answers behind so many examples, (15.2).

        Whoever has seen the word knows its label; of another word all labels are equally likely.
        """
        seen = 1 - (1 - 1 / self.n_used) ** shots
        return seen + (1 - seen) / self.n_labels


class Things(_Task):
    """Things of three features: one feature decides, each of its four values has one of four labels.

    There are 3 x (256 - 4) = 756 rules: the four that give everything the same label are left out. A quarter of them
    never comes in training; `draw` takes "old" rules, those of training, or "new" ones.
    """

    per_example = len(FEATURES) + 1
    asked = tuple(itertools.chain(*FEATURES))
    n_labels = 4

    def __init__(self, shots=12):
        self.shots = shots
        meanings = [m for m in itertools.product(range(4), repeat=4) if len(set(m)) > 1]
        self.rules = [(feature, meaning) for feature in range(3) for meaning in meanings]
        lots = torch.rand(len(self.rules), generator=torch.Generator().manual_seed(15))
        self.old = lots > 0.25
        # For each feature a table (rules, 4): which label each value has. Rules of a feature stand side by side.
        self.tables = torch.tensor(meanings)

    def chosen(self, rules):
        """True for each rule of this kind: "old", "new" or "all"."""
        return {"old": self.old, "new": ~self.old, "all": torch.ones_like(self.old)}[rules]

    def draw(self, n, generator, rules="old"):
        """`n` texts drawn by lot, as `Episodes`, each with one of the rules."""
        known = self.chosen(rules).nonzero()[:, 0]
        rule = known[torch.randint(len(known), (n,), generator=generator)]
        values = torch.randint(4, (n, self.shots, 3), generator=generator)
        feature, meaning = rule // len(self.tables), rule % len(self.tables)
        decides = values.gather(2, feature[:, None, None].expand(-1, self.shots, 1))[..., 0]  # (n, shots)
        return self.episodes(values, self.tables[meaning].gather(1, decides), rule)

    def episodes(self, values, answers, rules=None):
        """Texts of things, values (n, shots, 3) from 0 to 3, and their labels (n, shots)."""
        ids = torch.cat((values + 4 * torch.arange(3), answers[..., None] + self.first_label), 2).flatten(1)
        number = (values * torch.tensor([16, 4, 1])).sum(2)
        return Episodes(ids, answers, ~_stood_before(number), rules)

    def labels(self, values):
        """The label that each rule gives to things (n, shots, 3): (n, shots, number of rules)."""
        return torch.cat([self.tables[:, values[..., feature]].movedim(0, -1) for feature in range(3)], -1)

    def values(self, episodes):
        """The things of texts again, (n, shots, 3) values from 0 to 3."""
        ids = episodes.ids.unflatten(1, (-1, self.per_example))
        return ids[..., :3] - 4 * torch.arange(3)

    def ideal(self, episodes, rules="all", wrong=0.0):
        """Probabilities of the labels for whoever knows which rules are possible, by Bayes' theorem, (15.3).

        wrong: the share of examples whose label was drawn anew by lot, as far as this reader knows.
        Returns (n, shots, n_labels), for each example given those before it.
        """
        said = self.labels(self.values(episodes))
        chance = wrong / self.n_labels
        right = said == episodes.answers[..., None]
        likelihood = torch.full(right.shape, chance, dtype=torch.float64).masked_fill(right, 1 - wrong + chance)
        weight = torch.cat((torch.ones_like(likelihood[:, :1]), likelihood[:, :-1].cumprod(1)), 1)
        weight = weight * self.chosen(rules)
        votes = torch.stack([(weight * (said == label)).sum(2) for label in range(self.n_labels)], 2)
        return votes / votes.sum(2, keepdim=True).clamp(min=1e-300)

    def copier(self, episodes):
        """The label of the most similar example, of equals each with its share: (n, shots, n_labels)."""
        values = self.values(episodes)
        alike = (values[:, :, None] == values[:, None]).sum(-1).double()  # (n, shots, shots): features shared
        before = torch.ones(self.shots, self.shots, dtype=torch.bool).tril(-1)
        alike = alike.masked_fill(~before, -1)
        best = (alike == alike.amax(2, keepdim=True)) & before
        votes = best.double() @ torch.nn.functional.one_hot(episodes.answers, self.n_labels).double()
        return votes / votes.sum(2, keepdim=True).clamp(min=1)


class TaskBatches:
    """Batches of texts for `fit`, always new ones; only labels are targets.

    `batch(step)` -> (inputs, targets), each (batch_size, time); targets that are no label are IGNORE.
    """

    def __init__(self, task, batch_size=64, seed=0):
        self.task, self.batch_size, self.seed = task, batch_size, seed

    def batch(self, step):
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        ids = self.task.draw(self.batch_size, generator).ids
        targets = torch.full_like(ids, IGNORE)
        end = self.task.per_example - 1
        targets[:, end - 1 :: end + 1] = ids[:, end :: end + 1]
        return ids[:, :-1], targets[:, :-1]


def share_right(probabilities, answers):
    """1 where the likeliest label is the right one; of k equally likely ones each counts 1 / k. Shape of answers.

    probabilities: (..., labels).
    """
    top = probabilities >= probabilities.amax(-1, keepdim=True) - 1e-9
    return (top.gather(-1, answers[..., None])[..., 0] / top.sum(-1)).double()


def _stood_before(items):
    """True where the same item stands earlier in its row, (n, shots)."""
    same = items[:, :, None] == items[:, None]
    return (same & torch.ones(same.shape[1:], dtype=torch.bool).tril(-1)).any(2)
