"""Training: batches, optimizers, schedule, checkpoints, and the one loop, `fit`, for every model."""

from .checkpoint import SHIPPED, CheckpointError, load_checkpoint, load_shipped, save_checkpoint
from .data import DocumentBatches, StreamBatches, TokenBatches
from .history import History
from .loop import TrainingError, fit, next_token_loss
from .optim import Muon, make_optimizers
from .schedule import SCHEDULES
from .shards import ShardBatches, Shards

__all__ = [
    "SCHEDULES",
    "SHIPPED",
    "CheckpointError",
    "DocumentBatches",
    "History",
    "Muon",
    "ShardBatches",
    "Shards",
    "StreamBatches",
    "TokenBatches",
    "TrainingError",
    "fit",
    "load_checkpoint",
    "load_shipped",
    "make_optimizers",
    "next_token_loss",
    "save_checkpoint",
]
