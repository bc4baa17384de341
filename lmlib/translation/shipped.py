"""The translator that ships: the Transformer of lesson 10, trained four times as long as those of the table.

python -m lmlib.translation --keep      makes it again (minutes) in data/checkpoints/village-translator
"""

from lmlib.training import SHIPPED, fit, load_checkpoint, save_checkpoint
from lmlib.training.checkpoint import read_state

from . import table
from .batches import translation_loss

NAME, TARGET, STEPS = "village-translator", "zh", 4 * table.STEPS


def load_translator(folder=SHIPPED / NAME):
    """The shipped model (ready to use), its tokenizer, and the facts of its training.

    Raises CheckpointError for a folder that is missing or damaged.
    """
    size = read_state(folder)["vocab_size"]
    return load_checkpoint(folder, table.build("Transformer", size))


def keep(folder=SHIPPED / NAME, steps=STEPS, seed=0, say=print):
    """Train the Transformer into Chinese and write it as a checkpoint."""
    tokenizer, batches, _, _ = table._village(TARGET)
    model = table.build("Transformer", len(tokenizer), seed)
    history = fit(model, batches, steps=steps, loss=translation_loss, seed=seed, progress=False)
    facts = {"corpus": "village", "target": TARGET, "step": steps, "batch": table.BATCH, "seed": seed}
    facts |= {"vocab_size": len(tokenizer), "seconds": round(history.seconds)}
    save_checkpoint(folder, model, tokenizer, **facts, command="python -m lmlib.translation --keep")
    say(f"{folder}: {model.n_parameters:,} parameters after {steps:,} steps, {history.seconds:.0f} s")
