"""The exercises of lesson 18: operations, memory, accumulation, bfloat16, a pipeline, the best use of a budget."""

import math

import numpy as np
import torch
from scipy.optimize import brentq

from lmlib import cost, schedules
from lmlib.exercises.chance import pick
from lmlib.exercises.engine import exercise
from lmlib.models.gpt import GPTConfig

# -- operations --------------------------------------------------------------------------------------------------


@exercise(
    minutes=10,
    difficulty=1,
    hints=[
        "A layer has 12 d_model² weights: 4 d_model² in its attention, 8 d_model² in its feed-forward part. The head "
        "has d_model vocab_size. What does one weight cost for one token, forward and backward?",
        "Each token: 6 operations for each weight, and for attention 12 layers d_model context: forward it is "
        "4 d_model context in each layer.",
    ],
)
def training_flops(vocab_size, layers, d_model, context, tokens):
    """The operations of training a GPT on so many tokens, (18.2) and (18.3). Return a whole number.

    The GPT has 12 d_model² weights in each layer and a head of d_model vocab_size. The embedding is looked up, that
    is no product. Attention is counted in full, as if every token looked at the whole context.

    training_flops(10, 1, 2, 5, 1) is 528: 6 (12 · 4 + 20) = 408 for the weights, 12 · 1 · 2 · 5 = 120 for attention.
    """
    weights = 12 * layers * d_model**2 + d_model * vocab_size
    return tokens * (6 * weights + 12 * layers * d_model * context)


@training_flops.example
def _():
    return (10, 1, 2, 5, 1), 528


@training_flops.example
def _():
    return (3, 2, 4, 1, 10), 10 * (6 * (2 * 192 + 12) + 12 * 2 * 4)


@training_flops.fresh
def _(rng):
    context = int(rng.integers(1, 200))
    d_model = 2 * int(rng.integers(1, 40))
    return int(rng.integers(2, 500)), int(rng.integers(1, 6)), d_model, context, context * int(rng.integers(1, 9))


@training_flops.truth
def _(vocab_size, layers, d_model, context, tokens):
    sizes = {"context": context, "n_layers": layers, "n_heads": 1, "d_model": d_model, "positions": "none"}
    one = cost.training_flops(GPTConfig(vocab_size, **sizes), 1, context)
    return tokens * one // context


@training_flops.variant
def forward_and_twice_back(vocab_size, layers, d_model, context, tokens):
    forward = 2 * d_model * vocab_size
    for _ in range(layers):
        forward += 2 * 12 * d_model * d_model + 2 * context * d_model + 2 * context * d_model
    return tokens * (forward + 2 * forward)


@training_flops.misconception(
    "You counted the forward pass alone. Training also goes back, and that costs twice as much again."
)
def forward_alone(vocab_size, layers, d_model, context, tokens):
    weights = 12 * layers * d_model**2 + d_model * vocab_size
    return tokens * (2 * weights + 4 * layers * d_model * context)


@training_flops.misconception(
    "You counted a multiplication with its addition as one operation. They count as two, so a weight costs 6."
)
def one_for_each_weight(vocab_size, layers, d_model, context, tokens):
    weights = 12 * layers * d_model**2 + d_model * vocab_size
    return tokens * (3 * weights + 6 * layers * d_model * context)


@training_flops.misconception("Attention's own products are missing: those of queries with keys, and with values.")
def no_attention(vocab_size, layers, d_model, context, tokens):
    return tokens * 6 * (12 * layers * d_model**2 + d_model * vocab_size)


@training_flops.misconception("Attention goes back, too: its products cost 4 d_model context forward, 12 in all.")
def attention_forward_only(vocab_size, layers, d_model, context, tokens):
    weights = 12 * layers * d_model**2 + d_model * vocab_size
    return tokens * (6 * weights + 4 * layers * d_model * context)


@training_flops.misconception(
    "You left out the head. The embedding costs nothing, but every token is multiplied with the whole head."
)
def no_head(vocab_size, layers, d_model, context, tokens):
    return tokens * (72 * layers * d_model**2 + 12 * layers * d_model * context)


# -- memory ------------------------------------------------------------------------------------------------------


@exercise(
    minutes=10,
    difficulty=1,
    hints=[
        "Go through what is kept for a weight that is trained: itself, its gradient, and what the optimiser keeps. "
        "Adam keeps two numbers; and what is the 32-bit copy for?",
        "A frozen weight costs 2 bytes; a trained one 2 more for its gradient, 4 for the copy, 4 and 4 for Adam.",
    ],
)
def state_bytes(parameters, trained):
    """Spot the errors: the bytes of weights, gradients and optimiser in mixed precision, (18.4). Return an int.

    All parameters are kept in 16 bits. Only `trained` of them are trained (in full training all are; with LoRA of
    lesson 14 few). A trained one has a gradient in 16 bits and, in 32 bits each, a copy of itself and the two numbers
    that Adam keeps.

    state_bytes(100, 10) is 340: 200 for the weights, 20 for the gradients, 10 · 12 for copy and Adam.
    """
    return 2 * parameters + (2 + 3 * 4) * trained


@state_bytes.start
def _(parameters, trained):
    weights = 2 * parameters
    gradients = 2 * parameters
    adam = 4 * trained
    return weights + gradients + adam


@state_bytes.example
def _():
    return (100, 10), 340


@state_bytes.example
def _():
    return (7, 7), 112


@state_bytes.example
def _():
    return (50, 0), 100


@state_bytes.fresh
def _(rng):
    n = int(rng.integers(1, 10**6))
    return n, int(rng.integers(0, n + 1))


@state_bytes.truth
def _(parameters, trained):
    frozen = parameters - trained
    weight, gradient, optimizer, _ = cost.PRECISIONS["mixed"]
    return frozen * weight + trained * (weight + gradient + optimizer)


@state_bytes.variant
def one_by_one(parameters, trained):
    kept = [16 if i < trained else 2 for i in range(min(parameters, 2000))]
    return sum(kept) + max(0, parameters - 2000) * 2 + 14 * max(0, trained - 2000)


@state_bytes.misconception("A frozen weight has no gradient: nobody asks for it.")
def gradients_of_all(parameters, trained):
    return 4 * parameters + 12 * trained


@state_bytes.misconception(
    "Two numbers in 32 bits are kept here for each trained weight, and it should be three: a copy of the weight, a "
    "mean of the gradients, and one of their squares, (3.15)."
)
def two_of_three(parameters, trained):
    return 2 * parameters + (2 + 8) * trained


@state_bytes.misconception("One number in 32 bits for each trained weight is too few: Adam alone keeps two, (3.15).")
def one_of_three(parameters, trained):
    return 2 * parameters + (2 + 4) * trained


@state_bytes.misconception("The optimiser keeps its numbers in 32 bits, 4 bytes each, not in 16.")
def optimiser_in_16_bits(parameters, trained):
    return 2 * parameters + (2 + 6) * trained


@state_bytes.misconception("Frozen weights have no copy and nothing of Adam's: only what is trained has.")
def all_are_trained(parameters, trained):
    return 16 * parameters


# -- accumulation ------------------------------------------------------------------------------------------------


@exercise(
    minutes=10,
    difficulty=2,
    hints=[
        "The loss of a batch is a mean over all its targets. A piece with many targets has a larger part in it.",
        "Weight each gradient with its share: targets of the piece over targets of all pieces.",
    ],
)
def accumulate(gradients, targets):
    """Spot the error: the gradient of a whole batch from those of its pieces, (18.7). Return an array.

    gradients: list of numpy arrays of one shape, the gradient of each piece's MEAN loss over its targets. targets:
    list of whole numbers, how many targets each piece has, padding left out; a piece may have none, but not all.
    The batch's loss is the mean over all targets of all pieces.

    accumulate([array([4.0]), array([1.0])], [1, 2]) is array([2.0]): 4 · 1/3 + 1 · 2/3.
    """
    total = sum(targets)
    return sum(gradient * (n / total) for gradient, n in zip(gradients, targets))


@accumulate.start
def _(gradients, targets):
    return sum(gradient / len(gradients) for gradient in gradients)


@accumulate.example
def _():
    return ([np.array([4.0]), np.array([1.0])], [1, 2]), np.array([2.0])


@accumulate.example
def _():
    return ([np.array([4.0, 0.0]), np.array([9.0, 9.0])], [3, 0]), np.array([4.0, 0.0])


@accumulate.fresh
def _(rng):
    n, shape = int(rng.integers(1, 5)), (int(rng.integers(1, 4)),)
    targets = [int(rng.integers(0, 9)) for _ in range(n)]
    targets[0] += 1
    return [rng.normal(size=shape).round(2) for _ in range(n)], targets


@accumulate.truth
def _(gradients, targets):
    return np.average(np.stack(gradients), axis=0, weights=targets)


@accumulate.variant
def sum_then_divide(gradients, targets):
    whole = np.zeros_like(gradients[0])
    for gradient, n in zip(gradients, targets):
        whole = whole + n * gradient
    return whole / np.sum(targets)


@accumulate.misconception(
    "You gave all pieces the same weight. A piece with few targets would count as much as one with many."
)
def plain_mean(gradients, targets):
    return np.mean(gradients, axis=0)


@accumulate.misconception(
    "You added the gradients up, as `backward` does by itself. The step would be as many times too large as there "
    "are pieces: scale each piece's loss before you go back."
)
def plain_sum(gradients, targets):
    return np.sum(gradients, axis=0)


@accumulate.misconception("You multiplied by the targets but never divided by their total number.")
def not_divided(gradients, targets):
    return sum(n * gradient for gradient, n in zip(gradients, targets))


@accumulate.misconception("You divided by the number of pieces, after weighting by targets: divide by the targets.")
def divided_by_pieces(gradients, targets):
    return sum(n * gradient for gradient, n in zip(gradients, targets)) / len(gradients)


# -- bfloat16 ----------------------------------------------------------------------------------------------------


@exercise(
    minutes=20,
    difficulty=3,
    hints=[
        "np.frexp(x) gives (m, e) with x = m 2^e and m from 0.5 up to 1: the first binary digit behind the point "
        "is a 1. How many digits of m may stay?",
        "Eight digits of m stay, so m · 2^8 becomes a whole number. np.round takes the even one of two equally "
        "near. np.ldexp(n, e - 8) puts it back.",
    ],
)
def to_bfloat16(x):
    """Round a number to bfloat16. Return a float.

    bfloat16 keeps 8 binary digits from the first 1 on (seven are stored, the first 1 need not be). What is nearest
    counts; of two that are equally near, the one whose last digit is 0. x is a float, may be negative or 0, and is
    neither too large nor too small for bfloat16.

    1 + 1/128 is kept, 1 + 1/256 becomes 1. 257 lies between 256 and 258 and becomes 256, 259 becomes 260.
    """
    m, e = np.frexp(x)
    return float(np.ldexp(np.round(m * 2**8), e - 8))


@to_bfloat16.example
def _():
    return (1 + 1 / 128,), 1 + 1 / 128


@to_bfloat16.example
def _():
    return (1 + 1 / 256,), 1.0


@to_bfloat16.example
def _():
    return (257.0,), 256.0


@to_bfloat16.example
def _():
    return (259.0,), 260.0


@to_bfloat16.example
def _():
    return (-3.0,), -3.0


@to_bfloat16.example
def _():
    return (0.0,), 0.0


@to_bfloat16.fresh
def _(rng):
    return (float(rng.integers(-4096, 4096)) * 2.0 ** int(rng.integers(-3, 6)),)


@to_bfloat16.truth
def _(x):
    return torch.tensor(x, dtype=torch.float32).to(torch.bfloat16).item()


@to_bfloat16.variant
def by_halving(x):
    if x == 0:
        return 0.0
    step = 1.0
    while abs(x) >= 256 * step:
        step *= 2
    while abs(x) < 128 * step:
        step /= 2
    return round(x / step) * step


@to_bfloat16.misconception(
    "You cut the digits off. The nearest number counts: 1 + 3/256 becomes 1 + 2/128, not 1 + 1/128."
)
def cut_off(x):
    m, e = math.frexp(x)
    return math.ldexp(math.trunc(m * 2**8), e - 8)


@to_bfloat16.misconception(
    "You kept seven digits. Seven are stored, and the first 1 stands before them: together eight."
)
def seven_digits(x):
    m, e = math.frexp(x)
    return math.ldexp(round(m * 2**7), e - 7)


@to_bfloat16.misconception(
    "Halves go to the even neighbour: 257 becomes 256. Always upwards, sums of many numbers would drift."
)
def halves_away_from_zero(x):
    m, e = math.frexp(x)
    return math.ldexp(math.copysign(math.floor(abs(m) * 2**8 + 0.5), m), e - 8)


@to_bfloat16.misconception(
    "You rounded to steps of one size. Here the steps grow with the number: 1/128 from 1 to 2, but 2 from 256 to 512."
)
def steps_of_one_size(x):
    return round(x * 128) / 128


@to_bfloat16.misconception("These are float16's eleven digits; bfloat16 gives three of them for a larger range.")
def as_float16(x):
    m, e = math.frexp(x)
    return math.ldexp(round(m * 2**11), e - 11)


# -- a pipeline's time -------------------------------------------------------------------------------------------


@exercise(
    minutes=15,
    difficulty=2,
    hints=[
        "Follow the last stage: when does it begin, and how many pieces does it then do without a pause?",
        "Forward the last stage is done after pieces + stages - 1 times `forward`; backward the first one needs as "
        "many times `backward` after that. Each stage works pieces (forward + backward) of all that time.",
    ],
)
def pipeline(stages, pieces, forward, backward):
    """How long does a GPipe step take, and what share of it is a stage idle? Return (time, idle share), two floats.

    Each of the stages needs `forward` for a piece on its way forward, `backward` on its way back. First all pieces go
    forward, then all go back, the last one first. Messages take no time.

    pipeline(2, 3, 1, 2) is (12.0, 0.25): four times 1 forward, four times 2 back; a stage works 3 · 3 = 9 of 12.
    """
    time = (pieces + stages - 1) * (forward + backward)
    return float(time), (stages - 1) / (pieces + stages - 1)


@pipeline.example
def _():
    return (2, 3, 1, 2), (12.0, 0.25)


@pipeline.example
def _():
    return (1, 4, 1, 1), (8.0, 0.0)


@pipeline.fresh
def _(rng):
    forward, backward = (int(rng.integers(1, 9)) / 2 for _ in range(2))
    return int(rng.integers(1, 7)), int(rng.integers(1, 9)), forward, backward


@pipeline.truth
def _(stages, pieces, forward, backward):
    done = schedules.simulate(schedules.gpipe(stages, pieces, forward, backward))
    return schedules.makespan(done), schedules.idle_share(done)


@pipeline.variant
def from_the_work(stages, pieces, forward, backward):
    work = pieces * (forward + backward)
    waiting = (stages - 1) * (forward + backward)
    return float(work + waiting), waiting / (work + waiting)


@pipeline.misconception("You forgot that the pipeline must fill: the last stage has nothing to do at the beginning.")
def always_full(stages, pieces, forward, backward):
    return float(pieces * (forward + backward)), 0.0


@pipeline.misconception(
    "This is the time when one piece after the other goes through all stages. In a pipeline the stages work at once."
)
def one_after_the_other(stages, pieces, forward, backward):
    return float(stages * pieces * (forward + backward)), 1 - 1 / stages


@pipeline.misconception(
    "One step too many: when the first piece is in the last stage, stages - 1 steps have gone by."
)
def one_step_more(stages, pieces, forward, backward):
    return float((pieces + stages) * (forward + backward)), stages / (pieces + stages)


@pipeline.misconception(
    "The time is right. The idle share is of the whole time; you gave it as a share of the working time, as the "
    "papers on 1F1B do."
)
def share_of_the_work(stages, pieces, forward, backward):
    return float((pieces + stages - 1) * (forward + backward)), (stages - 1) / pieces


# -- the best use of a budget ------------------------------------------------------------------------------------


@exercise(
    minutes=20,
    difficulty=3,
    hints=[
        "With D = budget / (6 N) the loss depends on N alone. At the least loss its slope is 0.",
        "The slopes: alpha A / N^alpha = beta B / D^beta. Put D in: N^(alpha + beta) = (alpha A) / (beta B) · "
        "(budget / 6)^beta.",
    ],
    tolerance=1e-4,
)
def best_use(budget, A, alpha, B, beta):
    """The sizes with the least loss that a budget allows, (18.9). Return (N, D), two floats.

    The loss is E + A / N^alpha + B / D^beta for N parameters and D tokens, and training costs 6 N D operations. All
    of the budget is spent.

    best_use(600, 1, 1, 1, 1) is (10.0, 10.0): N D = 100, and by symmetry both are alike. best_use(600, 4, 1, 1, 1)
    is (20.0, 5.0): parameters are worth more.
    """
    product = budget / 6
    n = (alpha * A / (beta * B) * product**beta) ** (1 / (alpha + beta))
    return n, product / n


@best_use.example
def _():
    return (600, 1, 1, 1, 1), (10.0, 10.0)


@best_use.example
def _():
    return (600, 4, 1, 1, 1), (20.0, 5.0)


@best_use.fresh
def _(rng):
    return (
        float(pick(rng, [6e3, 6e4, 3e5])),
        float(rng.uniform(1, 9)),
        float(rng.uniform(0.3, 1.5)),
        float(rng.uniform(1, 9)),
        float(rng.uniform(0.3, 1.5)),
    )


@best_use.truth
def _(budget, A, alpha, B, beta):
    product = budget / 6

    def slope(log_n):
        n = math.exp(log_n)
        return -alpha * A * n**-alpha + beta * B * (product / n) ** -beta

    n = math.exp(brentq(slope, -40, 60, xtol=1e-12))
    return n, product / n


@best_use.variant
def from_the_tokens(budget, A, alpha, B, beta):
    d = (beta * B / (alpha * A)) ** (1 / (alpha + beta)) * (budget / 6) ** (alpha / (alpha + beta))
    return budget / 6 / d, d


@best_use.misconception(
    "You made the two terms equal. It is their slopes that must be equal: each term times its exponent."
)
def equal_terms(budget, A, alpha, B, beta):
    product = budget / 6
    n = (A / B * product**beta) ** (1 / (alpha + beta))
    return n, product / n


@best_use.misconception("The 6 is missing: N parameters and D tokens cost 6 N D operations, not N D.")
def no_six(budget, A, alpha, B, beta):
    n = (alpha * A / (beta * B) * budget**beta) ** (1 / (alpha + beta))
    return n, budget / n


@best_use.misconception(
    "You raised the budget to alpha / (alpha + beta). That is how D grows; N grows with the other's exponent."
)
def exponents_swapped(budget, A, alpha, B, beta):
    product = budget / 6
    n = (alpha * A / (beta * B)) ** (1 / (alpha + beta)) * product ** (alpha / (alpha + beta))
    return n, product / n


@best_use.misconception("You gave half of it to each: N = D. That is right only where both terms are alike.")
def as_many_of_each(budget, A, alpha, B, beta):
    return math.sqrt(budget / 6), math.sqrt(budget / 6)
