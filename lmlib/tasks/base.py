"""The examples of one split of a labelled data set, and where they come from."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Examples(Sequence):
    """A row of examples that knows its origin: `len`, an index, a slice (a list) and a loop work as with a list.

    name, split: as they were asked for. licence: under which the data may be used. source: one sentence, where it
    came from, how it was split, who served it.
    """

    name: str
    split: str
    items: tuple
    licence: str
    source: str

    def __len__(self):
        return len(self.items)

    def __getitem__(self, place):
        found = self.items[place]
        return list(found) if isinstance(place, slice) else found

    @property
    def sha256(self):
        """A hash of all examples, in order: equal hashes, equal data."""
        return hashlib.sha256("\n".join(map(repr, self.items)).encode()).hexdigest()

    def __repr__(self):
        return (
            f"<{self.name}, {self.split}: {len(self):,} examples, SHA-256 {self.sha256[:12]}…, "
            f"licence: {self.licence}>"
        )
