"""What a GPT costs, by formula: numbers, operations, memory, time, energy and money.

Lesson 18 derives each formula and measures it. A multiplication and an addition count as two operations (FLOPs).
`config` is a `GPTConfig` everywhere, in any of its forms.
"""

import time as clock
import weakref
from dataclasses import dataclass

import torch
from torch.utils._python_dispatch import TorchDispatchMode

HOUR = 3600.0


# --- parameters ---


def matrices(config):
    """{name: numbers in it} for every matrix that a token is multiplied with, those of all layers together."""
    d, hidden = config.d_model, config.hidden or 4 * config.d_model
    kv = config.n_kv_heads or config.n_heads
    by_layer = {
        "query, key, value": d * (config.n_heads + 2 * kv) * config.d_head,
        "attention's output": d * d,
        "feed-forward": (3 if config.activation == "swiglu" else 2) * d * hidden,
    }
    found = {name: config.n_layers * size for name, size in by_layer.items()}
    return found | {"head": d * config.vocab_size}


def parameters(config):
    """{name: how many numbers}, (18.1); the sum is the model's `n_parameters`."""
    d, layers = config.d_model, config.n_layers
    qkv = (config.n_heads + 2 * (config.n_kv_heads or config.n_heads)) * config.d_head
    found = dict(matrices(config))
    if not config.tied_head:  # tied, embedding and head are one matrix
        found["embedding"] = config.vocab_size * d
    if config.positions == "learned":
        found["positions"] = config.context * d
    norms = (2 * layers + 1) * d
    found["norms"] = 2 * norms if config.norm == "layer" and config.bias else norms
    if config.conv_width > 1:
        found["glance"] = layers * config.conv_width * qkv
    if config.bias:
        hidden = config.hidden or 4 * d
        ups = 2 if config.activation == "swiglu" else 1
        found["biases"] = layers * (qkv + d + ups * hidden + d)
    return found


# --- operations ---


def forward_flops(config, batch, time):
    """Operations to read `batch` texts of `time` tokens once, (18.2): those of all products of matrices.

    Attention is counted in full, also where the causal mask makes half of it vain.
    """
    attention = 4 * config.n_layers * batch * time**2 * config.d_model
    return 2 * batch * time * sum(matrices(config).values()) + attention


def training_flops(config, batch, time):
    """Operations of one training step, (18.3): the backward pass does each product twice."""
    return 3 * forward_flops(config, batch, time)


# --- memory ---


def activations(config, batch, time):
    """How many numbers the forward pass keeps for the backward pass, (18.5); up to a few per cent, on a CPU."""
    d, hidden, h = config.d_model, config.hidden or 4 * config.d_model, config.n_heads
    kv = config.n_kv_heads or h
    qkv = (h + 2 * kv) * config.d_head
    norm = 3 * d + 1 if config.norm == "rms" else 2 * d + 2  # its input, (that without gain,) the next layer's input
    attention = qkv + d + h  # queries, keys, values; what is mixed; a sum for each row of weights
    if config.conv_width > 1:
        attention += qkv
    if config.qk_norm or config.positions == "rotary":  # the turned ones; what is mixed, in another order
        attention += (h + kv) * config.d_head + d
    if config.qk_norm:
        attention += h + kv
    think = (4 if config.activation == "swiglu" else 2) * hidden
    per_token = config.n_layers * (2 * norm + attention + think) + norm + config.vocab_size
    return batch * time * per_token


@dataclass(frozen=True)
class Memory:
    """Bytes of a training step: the state (weights, gradients, optimiser) and the activations."""

    weights: int
    gradients: int
    optimizer: int
    activations: int

    @property
    def total(self):
        return self.weights + self.gradients + self.optimizer + self.activations


# bytes of one number: weight, gradient, optimiser (Adam's two), activation
PRECISIONS = {
    "float32": (4, 4, 8, 4),
    # Weights and gradients in 16 bits; a 32-bit copy of the weights stands with Adam's two (Rajbhandari et al. 2020).
    "mixed": (2, 2, 12, 2),
}


def memory(config, batch, time, precision="float32"):
    """The bytes of a training step with Adam, (18.4) and (18.5). Raises ValueError for an unknown precision."""
    if precision not in PRECISIONS:
        raise ValueError(f"no precision is called {precision!r}: choose one of {', '.join(PRECISIONS)}")
    n, kept = sum(parameters(config).values()), activations(config, batch, time)
    return Memory(*(size * count for size, count in zip(PRECISIONS[precision], (n, n, n, kept))))


def saved_bytes(model, loss):
    """Measured: run `loss()`, and count the bytes that it keeps for the backward pass, the model's own left out.

    Tensors that share their memory count once.
    """
    own = {p.untyped_storage().data_ptr() for p in (*model.parameters(), *model.buffers())}
    kept = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage  # held, so that no address is given out twice

    # No gradient is asked for, so the graph keeps None: a tensor in it could hold the graph in turn, for ever.
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda nothing: nothing):
        loss()
    return sum(storage.nbytes() for storage in kept.values())


class LiveBytes(TorchDispatchMode):
    """Measured: within the block, the bytes of all tensors that were made in it and are alive; `peak` is the most."""

    def __init__(self):
        super().__init__()
        self.now = self.peak = 0
        self._seen = set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        made = function(*args, **(kwargs or {}))
        before = {_address(t) for t in _tensors((args, kwargs))}  # a view, or written in place, is nothing new
        for tensor in _tensors(made):
            storage = tensor.untyped_storage()
            key = storage.data_ptr()
            if key and key not in before and key not in self._seen:
                self._seen.add(key)
                self.now += storage.nbytes()
                self.peak = max(self.peak, self.now)
                weakref.finalize(storage, self._free, key, storage.nbytes())
        return made

    def _free(self, key, size):
        self._seen.discard(key)
        self.now -= size


class Work(TorchDispatchMode):
    """Measured: within the block, how many operations torch runs and how many bytes they read and write.

    Views move nothing and do not count.
    """

    def __init__(self):
        super().__init__()
        self.calls = self.bytes = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        made = function(*args, **(kwargs or {}))
        if not function.is_view:
            self.calls += 1
            self.bytes += sum(t.nbytes for t in _tensors((args, kwargs, made)))
        return made


def seconds(action, least=0.1, rounds=3):
    """The processor's time for one `action()`, the least of some rounds of at least so many seconds.

    Only this process's own time counts, so other programs disturb little. Meant for one thread.
    """
    action()  # the first time is slower
    best = float("inf")
    for _ in range(rounds):
        start, n = clock.process_time(), 0
        while (spent := clock.process_time() - start) < least / rounds or not n:
            action()
            n += 1
        best = min(best, spent / n) if spent else best
    return best


def _address(tensor):
    return tensor.untyped_storage().data_ptr()


def _tensors(values):
    return [t for t in torch.utils._pytree.tree_leaves(values) if isinstance(t, torch.Tensor)]


# --- time, energy, money ---


@dataclass(frozen=True)
class Hardware:
    """One device, from its vendor's data sheet. rate: most operations a second (16 bits, dense); bandwidth: bytes
    a second between its memory and its processor; watts: the most it draws; dollars: of an hour, an assumption.
    """

    name: str
    rate: float
    bandwidth: float
    memory: float
    watts: float
    dollars: float


HARDWARE = {
    "laptop": Hardware("laptop, 2 cores", 60e9, 20e9, 8e9, 15, 0.0),  # an assumption: measure yours
    "RTX 4090": Hardware("RTX 4090", 165.2e12, 1.008e12, 24e9, 450, 0.4),
    "A100": Hardware("A100 SXM 80 GB", 312e12, 2.039e12, 80e9, 400, 1.5),
    "H100": Hardware("H100 SXM 80 GB", 989.4e12, 3.35e12, 80e9, 700, 2.5),
}


def hours(flops, hardware, utilisation=0.4, devices=1):
    """Time for so many operations, (18.10). utilisation: the share of the highest rate that is reached.

    Raises ValueError for a utilisation that is no share.
    """
    if not 0 < utilisation <= 1:
        raise ValueError(f"the utilisation is a share of the highest rate, above 0 and at most 1, not {utilisation}")
    return flops / (devices * hardware.rate * utilisation) / HOUR


def kilowatt_hours(device_hours, hardware, overhead=1.1):
    """Energy, (18.10). overhead: what the building draws over what its computers draw (PUE)."""
    return device_hours * hardware.watts * overhead / 1000
