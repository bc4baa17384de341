"""The course's models, one file each. A lesson writes its model by hand; here it stands afterwards."""

from dataclasses import asdict


def build(config):
    """A new neural model from a dict such as {"model": "gpt", "vocab_size": 500, ...}.

    Raises ValueError for an unknown model or unknown sizes.
    """
    from .bert import BertConfig, MaskedLM
    from .gpt import GPT, GPTConfig
    from .mlp import FeedForward, FeedForwardConfig
    from .recurrent import RecurrentConfig, RecurrentLM

    known = {
        "gpt": (GPT, GPTConfig),
        "maskedlm": (MaskedLM, BertConfig),
        "feedforward": (FeedForward, FeedForwardConfig),
        "recurrentlm": (RecurrentLM, RecurrentConfig),
    }
    config = dict(config)
    name = config.pop("model", None)
    if name not in known:
        raise ValueError(f"no model is called {name!r}: known are {', '.join(known)}")
    model, sizes = known[name]
    try:
        return model(sizes(**config))
    except TypeError as problem:
        raise ValueError(f"these sizes do not describe a {name}: {problem}") from None


def describe(model):
    """The dict from which `build` makes a model of the same sizes."""
    return {"model": type(model).__name__.lower(), **asdict(model.config)}
