"""What batches have in common: their own chance, places that count nowhere, and rows of like length together."""

import torch

IGNORE = -100  # a target that is padding: cross-entropy leaves it out


def generator(seed, number):
    """Chance of our own for step or epoch `number`: what else draws numbers neither changes it nor is changed."""
    return torch.Generator().manual_seed(seed * 1_000_003 + number)


class ByLength:
    """Which rows go together at each step: those of like length, so that little is padding.

    The batches of an epoch come in any order, the same one in every run with this seed; each row is in one of them.
    lengths: of all rows. noise: so much a length may seem longer or shorter, so that every epoch mixes the neighbours
    anew.
    """

    def __init__(self, lengths, batch_size, seed, noise=0.1):
        self.lengths = torch.tensor(lengths, dtype=torch.float)
        self.batch_size, self.seed, self.noise = batch_size, seed, noise
        self._epoch = (None, None)  # the last epoch asked for, and its batches

    def __len__(self):
        """Steps in an epoch."""
        return -(-len(self.lengths) // self.batch_size)

    def places(self, step):
        """The places of this step's rows: a list."""
        epoch, place = divmod(step, len(self))
        if self._epoch[0] != epoch:
            rng = generator(self.seed, epoch)
            noise = 1 - self.noise + 2 * self.noise * torch.rand(len(self.lengths), generator=rng)
            batches = (self.lengths * noise).argsort(stable=True).split(self.batch_size)
            order = torch.randperm(len(batches), generator=rng)
            self._epoch = (epoch, [batches[i].tolist() for i in order])
        return self._epoch[1][place]
