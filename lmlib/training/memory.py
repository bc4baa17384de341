"""What a model carries from batch to batch where the batches go on from one another; nothing where they do not."""

import torch


class Memory:
    """The model's cache, handed from step to step. Raises ValueError where the model can remember nothing."""

    def __init__(self, model, batches):
        self.model, self.batches = model, batches
        self.carries = getattr(batches, "carries", False)
        if self.carries and not hasattr(model, "new_cache"):
            raise ValueError(
                "these batches go on from one another, but the model has no new_cache() to remember them"
            )
        self.cache = model.new_cache() if self.carries else None

    def before(self, step):
        """The arguments that the loss gets besides model and batch."""
        if not self.carries:
            return ()
        if self.batches.starts_anew(step):
            self.cache = self.model.new_cache()
        return (self.cache,)

    def after(self):
        """The gradient of the next step ends where its batch begins."""
        if self.carries:
            self.cache.detach()

    def pack(self):
        """What is carried, as a dict of tensors for a checkpoint."""
        if not self.carries:
            return {}
        packed = {
            f"carried.{name}": value.detach().clone().contiguous() for name, value in self.cache.tensors().items()
        }
        return packed | {"carried.length": torch.tensor(self.cache.length)}

    def unpack(self, packed):
        """The inverse of `pack`; other tensors in `packed` are not looked at."""
        if self.carries and "carried.length" in packed:
            tensors = {k.removeprefix("carried."): v for k, v in packed.items() if k.startswith("carried.")}
            self.cache.fill(tensors, int(tensors.pop("length")))
