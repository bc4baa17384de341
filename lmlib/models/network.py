"""What the course's networks have in common, and no lesson teaches."""

from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def seeded(seed):
    """Layers draw their first weights from torch's global generator: by this seed, and it stays as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


class Network(nn.Module):
    @property
    def n_parameters(self):
        """How many numbers the model learns."""
        return sum(p.numel() for p in self.parameters())


class LanguageModel(Network):
    """One with an `embedding`, whose `forward(ids)` gives the logits of each next token. reads: of how many tokens
    at the most, 0 for any number.
    """

    reads = 0

    def look_up(self, ids):
        """The vectors of ids (batch, time). Raises ValueError for no token, and for an id that is out of range."""
        if ids.size(1) == 0:
            raise ValueError("the model predicts what follows a token: give it at least one, such as the end mark")
        try:
            return self.embedding(ids)
        except IndexError:
            raise ValueError(
                f"the ids go up to {int(ids.max())} (from {int(ids.min())}), but this model knows 0 to "
                f"{self.config.vocab_size - 1}: use the tokenizer that it was trained with"
            ) from None

    @torch.inference_mode()
    def next_probabilities(self, ids):
        """p of every token after `ids`, (vocab_size,). A document begins with the end mark, so ids should too.

        Of more ids than it reads, the last ones count.
        """
        training = self.training
        self.eval()  # no dropout
        last = torch.tensor([list(ids)[-self.reads :]], dtype=torch.long, device=self.embedding.weight.device)
        logits = self(last)[0, -1]
        self.train(training)
        return logits.double().softmax(-1).cpu().numpy()
