"""Batches for language models: what is read, and what is to be predicted.

A batch is a pair (inputs, targets) of ids, each (batch, time); the target of a place is the token after it. Step
number s draws the same batch in every run with the same seed, so a training that was stopped and resumed sees
what it would have seen. For validation, `all_batches()` goes through everything once, in order.
"""

import torch

from ..models.batching import IGNORE, ByLength, generator


def _check_sizes(context, batch_size):
    if context is not None and context < 1 or batch_size < 1:
        raise ValueError(f"context and batch_size must be 1 or more, not {context} and {batch_size}")


class TokenBatches:
    """Random windows of one long text, given as one list of ids.

    Raises ValueError where the text is not longer than the context.
    """

    def __init__(self, ids, context, batch_size=32, seed=0):
        _check_sizes(context, batch_size)
        self.ids = torch.as_tensor(ids)
        self.context, self.batch_size, self.seed = context, batch_size, seed
        self._check_length()

    def _check_length(self):
        if len(self.ids) <= self.context:
            raise ValueError(
                f"a text of {len(self.ids)} tokens has no window of context {self.context} and a next token: "
                "give a longer text or a shorter context"
            )

    def batch(self, step):
        """Windows that start anywhere: (batch_size, context) ids and their targets."""
        starts = torch.randint(len(self.ids) - self.context, (self.batch_size,), generator=generator(self.seed, step))
        windows = self._windows(starts)
        return windows[:, :-1], windows[:, 1:]

    def _windows(self, starts):
        """The tokens behind each start, and one more to predict: (batch_size, context + 1)."""
        return self.ids[starts[:, None] + torch.arange(self.context + 1)]

    def all_batches(self):
        """Every token after the first once, in windows side by side; the last batches are smaller."""
        whole = (len(self.ids) - 1) // self.context
        for i in range(0, whole, self.batch_size):
            n = min(self.batch_size, whole - i)
            start = i * self.context
            inputs = self.ids[start : start + n * self.context].view(n, self.context)
            yield inputs, self.ids[start + 1 : start + 1 + n * self.context].view(n, self.context)
        rest = self.ids[whole * self.context :][None]
        if rest.size(1) > 1:
            yield rest[:, :-1], rest[:, 1:]


class StreamBatches:
    """One long text in `batch_size` parts that are read side by side, `context` tokens at each step.

    Each row of a batch goes on where the row of the step before ended, so a recurrent model can carry its state from
    step to step (truncated backpropagation through time, Williams and Peng 1990). At the end all rows start anew.
    Raises ValueError where a part is not longer than one token.
    """

    carries = True

    def __init__(self, ids, context, batch_size=32, seed=0):
        _check_sizes(context, batch_size)
        length = (len(ids) - 1) // batch_size
        if length < 1:
            raise ValueError(
                f"a text of {len(ids)} tokens cannot be read in {batch_size} parts: give a longer text or fewer parts"
            )
        ids = torch.as_tensor(ids)
        self.inputs = ids[: length * batch_size].view(batch_size, length)
        self.targets = ids[1 : length * batch_size + 1].view(batch_size, length)
        self.context, self.batch_size = context, batch_size

    @property
    def steps_per_epoch(self):
        return -(-self.inputs.size(1) // self.context)

    def starts_anew(self, step):
        """Does this step read the beginning of the rows, so that there is nothing to carry?"""
        return step % self.steps_per_epoch == 0

    def batch(self, step):
        """The next tokens of each row: (batch_size, context), the last of an epoch shorter."""
        start = step % self.steps_per_epoch * self.context
        part = slice(start, start + self.context)
        return self.inputs[:, part], self.targets[:, part]

    def all_batches(self):
        """One epoch in order."""
        return map(self.batch, range(self.steps_per_epoch))


class DocumentBatches:
    """Whole documents, each a list of ids, one a row: `[end] d o c` predicts `d o c [end]`.

    Rows are padded to the longest; documents of like length go together, so that little is padding. Documents
    longer than `context` are cut into pieces. Raises ValueError without documents.
    """

    def __init__(self, documents, end_id, batch_size=16, seed=0, context=None):
        _check_sizes(context, batch_size)
        marked = [torch.tensor([end_id, *ids, end_id]) for ids in documents]
        if not marked:
            raise ValueError("there are no documents to train on: give at least one")
        longest = context or max(map(len, marked))
        rows = [ids[i : i + longest + 1] for ids in marked for i in range(0, len(ids) - 1, longest)]
        self.rows = sorted(rows, key=len)
        self.order = ByLength([len(row) for row in self.rows], batch_size, seed)
        self.end_id, self.batch_size, self.seed = end_id, batch_size, seed

    def _padded(self, rows):
        longest = max(map(len, rows))
        inputs = torch.full((len(rows), longest - 1), self.end_id)
        targets = torch.full((len(rows), longest - 1), IGNORE)
        for r, ids in enumerate(rows):
            inputs[r, : len(ids) - 1] = ids[:-1]
            targets[r, : len(ids) - 1] = ids[1:]
        return inputs, targets

    @property
    def steps_per_epoch(self):
        return len(self.order)

    def batch(self, step):
        """`batch_size` documents of like length, drawn from all; every epoch uses each document once."""
        return self._padded([self.rows[i] for i in self.order.places(step)])

    def all_batches(self):
        """Every document once, from the shortest to the longest."""
        for i in range(0, len(self.rows), self.batch_size):
            yield self._padded(self.rows[i : i + self.batch_size])
