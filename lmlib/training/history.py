"""What a training leaves behind for its picture."""

import json
import math
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass
class History:
    """Losses in nats per token. `steps` counts finished steps; `seconds` is training time without evaluation.

    `tokens` counts all places that went through the model, padding too. `interrupted`: somebody pressed Ctrl-C.
    """

    steps: list = field(default_factory=list)
    train_loss: list = field(default_factory=list)
    valid_steps: list = field(default_factory=list)
    valid_loss: list = field(default_factory=list)
    seconds: float = 0.0
    tokens: int = 0
    interrupted: bool = False

    @property
    def best_valid(self):
        """The least validation loss, or None."""
        return min(filter(math.isfinite, self.valid_loss), default=None)

    @property
    def best_step(self):
        """The step with the least validation loss, or None."""
        best = self.best_valid
        return None if best is None else self.valid_steps[self.valid_loss.index(best)]

    def plot(self, alt=None, **options):
        """Show the curve, with a sentence that says what it shows."""
        from .. import plots

        plots.show(plots.training_curve(self, **options), alt=alt or plots.training_curve_alt(self))

    def save(self, path):
        """Write as JSON, whole or not at all."""
        temporary = Path(f"{path}.part")
        try:
            temporary.write_text(json.dumps(asdict(self)), encoding="utf-8")
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)

    @classmethod
    def load(cls, path):
        """Read what `save` wrote. Raises ValueError for a file that is damaged or something else."""
        try:
            return cls(**json.loads(Path(path).read_text(encoding="utf-8")))
        except (ValueError, TypeError):
            raise ValueError(f"{path} holds no history of a training: give a file that History.save wrote") from None
