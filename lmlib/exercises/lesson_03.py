"""The exercises of lesson 03: bits per character, safe cross-entropy, Witten-Bell, Adam, a wrong ruler, backprop."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from lmlib.exercises.engine import exercise


def _distributions(rng, n, size):
    """n rows of probabilities over `size` tokens, none of them 0."""
    weights = rng.uniform(0.02, 1, (n, size)) ** 2
    return weights / weights.sum(axis=1, keepdims=True)


# -- the ruler -----------------------------------------------------------------------------------------------


@exercise(
    minutes=5,
    difficulty=1,
    hints=[
        "The surprise of one token in bits is -log2 of its probability. Add up those of all tokens. By what does "
        "this course divide?",
        "-np.log2(probabilities).sum() / (len(text) + 1): the mark behind the text counts as one character.",
    ],
)
def text_bits_per_character(probabilities, text):
    """The bits per character of one document, as this course counts them.

    probabilities: array (tokens + 1,): what the model gave to each token that came, and at last to the end mark.
    text: the document, a string. The end mark counts as one character more.

    text_bits_per_character(np.array([0.5, 0.25, 0.5]), "a b") is 1.0: 4 bits, for 3 characters and the end
    """
    return -np.log2(probabilities).sum() / (len(text) + 1)


@text_bits_per_character.example
def _():
    return (np.array([0.5, 0.25, 0.5]), "a b"), 1.0


@text_bits_per_character.example
def _():
    return (np.array([0.125, 0.5]), "a"), 2.0


@text_bits_per_character.fresh
def _(rng):
    return rng.uniform(0.01, 1, rng.integers(1, 9)), "ab c" * int(rng.integers(1, 9))


@text_bits_per_character.truth
def _(probabilities, text):
    return sum(math.log(1 / p) for p in probabilities) / math.log(2) / len([*text, "the end"])


@text_bits_per_character.variant
def one_product(probabilities, text):
    return math.log2(1 / math.prod(probabilities)) / (len(text) + 1)


@text_bits_per_character.misconception(
    "You forgot the end of the document, which is predicted too and counts as one character more."
)
def without_the_end(probabilities, text):
    return -np.log2(probabilities).sum() / len(text)


@text_bits_per_character.misconception("These are nats. For bits, take the logarithm with base 2.")
def in_nats(probabilities, text):
    return -np.log(probabilities).sum() / (len(text) + 1)


@text_bits_per_character.misconception(
    "These are bits per token. How many tokens a text has depends on how it was cut, so divide by its characters."
)
def per_token(probabilities, text):
    return -np.log2(probabilities).mean()


@text_bits_per_character.misconception(
    "You took the logarithm of the mean probability. Take the logarithm of each probability first, then add up."
)
def log_of_the_mean(probabilities, text):
    return -np.log2(probabilities.mean()) * len(probabilities) / (len(text) + 1)


# -- cross-entropy that stays finite -------------------------------------------------------------------------


@exercise(
    minutes=10,
    difficulty=2,
    hints=[
        "Softmax does not change if the same number is subtracted from all logits of a row. Which number makes the "
        "largest exponential e to the 0?",
        "z = logits - logits.max(axis=1, keepdims=True). The surprise of the target is log(sum of exp(z)) minus the "
        "target's z: no probability, and so no log(0), is ever needed.",
    ],
)
def stable_cross_entropy(logits, targets):
    """Cross-entropy (3.7) from logits (3.8), in nats per token, right even where a logit is 1000 or -1000.

    logits: array (tokens, vocabulary), targets: array (tokens,) of ids, which token came. Return one number.

    stable_cross_entropy(np.array([[1000.0, 1000.0]]), np.array([0])) is log(2) = 0.693
    """
    z = logits - logits.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(z).sum(axis=1))
    return (log_sum - z[np.arange(len(targets)), targets]).mean()


@stable_cross_entropy.example
def _():
    return (np.array([[math.log(2), 0, 0], [0.0, 0, 0]]), np.array([1, 2])), (math.log(4) + math.log(3)) / 2


@stable_cross_entropy.example
def _():
    return (np.array([[1000.0, 1000.0]]), np.array([0])), math.log(2)


@stable_cross_entropy.example
def _():
    return (np.array([[0.0, -1000.0]]), np.array([1])), 1000.0


@stable_cross_entropy.fresh
def _(rng):
    n, size = rng.integers(1, 6), rng.integers(2, 6)
    return rng.normal(size=(n, size)) * rng.choice([1, 1, 1000]), rng.integers(0, size, n)


@stable_cross_entropy.truth
def _(logits, targets):
    return F.cross_entropy(torch.from_numpy(logits), torch.from_numpy(targets)).item()


@stable_cross_entropy.variant
def with_logaddexp(logits, targets):
    taken = np.take_along_axis(logits, targets[:, None], axis=1)[:, 0]
    return float(np.mean(np.logaddexp.reduce(logits, axis=1) - taken))


@stable_cross_entropy.misconception(
    "The formula is right, but e to the 1000 is too large for the computer. Subtract the largest logit of each row "
    "first: softmax stays the same."
)
def overflows(logits, targets):
    with np.errstate(all="ignore"):
        p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        return -np.log(p[np.arange(len(targets)), targets]).mean()


@stable_cross_entropy.misconception(
    "Nothing overflows any more, but a small probability still becomes 0, and its logarithm minus infinity. Don't go "
    "through the probability: its logarithm is z[target] - log(sum of exp(z))."
)
def underflows(logits, targets):
    z = logits - logits.max(axis=1, keepdims=True)
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    with np.errstate(all="ignore"):
        return -np.log(p[np.arange(len(targets)), targets]).mean()


@stable_cross_entropy.misconception("This is the sum over the tokens. (3.7) divides it by how many there are.")
def sum_of_all(logits, targets):
    return stable_cross_entropy.reference(logits, targets) * len(targets)


@stable_cross_entropy.misconception(
    "You normalised down the columns. Each token has its own distribution over the vocabulary: axis 1."
)
def wrong_axis(logits, targets):
    z = logits - logits.max(axis=0, keepdims=True)
    return (np.log(np.exp(z).sum(axis=0))[targets] - z[np.arange(len(targets)), targets]).mean()


@stable_cross_entropy.misconception(
    "That is the surprise of the model's first choice. What counts is the token that came, targets."
)
def of_the_first_choice(logits, targets):
    return stable_cross_entropy.reference(logits, logits.argmax(axis=1))


# -- Witten and Bell -----------------------------------------------------------------------------------------


@exercise(
    minutes=10,
    difficulty=1,
    hints=[
        "types is how many tokens have a count above 0: (counts > 0).sum().",
        "(counts + types * below) / (counts.sum() + types), and `below` itself where nothing was ever seen.",
    ],
)
def witten_bell(counts, below):
    """Witten-Bell smoothing (3.4): the probability of every token after one context.

    counts: array (vocabulary,), how often each token followed the context. below: array (vocabulary,), what the
    shorter context predicts. Return an array (vocabulary,). Where nothing ever followed, the answer is `below`.

    witten_bell(np.array([3, 1, 0, 0]), np.full(4, 0.25)) is [3.5 / 6, 1.5 / 6, 0.5 / 6, 0.5 / 6]
    """
    types = (counts > 0).sum()
    if types == 0:
        return below.copy()
    return (counts + types * below) / (counts.sum() + types)


@witten_bell.example
def _():
    return (np.array([3, 1, 0, 0]), np.full(4, 0.25)), np.array([3.5, 1.5, 0.5, 0.5]) / 6


@witten_bell.example
def _():
    return (np.zeros(2, int), np.array([0.9, 0.1])), np.array([0.9, 0.1])


@witten_bell.fresh
def _(rng):
    size = rng.integers(2, 7)
    return rng.poisson(1.0, size) * rng.integers(0, 3), _distributions(rng, 1, size)[0]


@witten_bell.truth
def _(counts, below):
    # One walk over the context's history: a known token is copied, a new one asks the shorter context.
    seen = {w: int(n) for w, n in enumerate(counts) if n}
    total = sum(seen.values())
    if not seen:
        return below
    new = len(seen) / (total + len(seen))
    return np.array([(1 - new) * seen.get(w, 0) / total + new * p for w, p in enumerate(below)])


@witten_bell.variant
def token_by_token(counts, below):
    total, types = counts.sum(), np.count_nonzero(counts)
    if total == 0:
        return np.array(below)
    return np.array([(c + types * q) / (total + types) for c, q in zip(counts, below)])


@witten_bell.misconception(
    "Your types is the size of the vocabulary. It counts only the tokens that did follow this context."
)
def all_types(counts, below):
    types = len(counts)
    return (counts + types * below) / (counts.sum() + types)


@witten_bell.misconception(
    "The probabilities no longer sum to 1: what you add above must stand below the line as well, types in both."
)
def sums_to_more_than_one(counts, below):
    if counts.sum() == 0:
        return below.copy()
    return (counts + (counts > 0).sum() * below) / counts.sum()


@witten_bell.misconception(
    "Where the context was never seen you divide 0 by 0. There the shorter context has the word: return below."
)
def nothing_for_the_unseen(counts, below):
    types = (counts > 0).sum()
    with np.errstate(all="ignore"):
        return (counts + types * below) / (counts.sum() + types)


@witten_bell.misconception(
    "The votes of the new tokens are shared out evenly. The shorter context knows better which of them is likely."
)
def shared_evenly(counts, below):
    return witten_bell.reference(counts, np.full(len(below), 1 / len(below)))


# -- Adam ----------------------------------------------------------------------------------------------------


@exercise(
    minutes=15,
    difficulty=2,
    hints=[
        "(3.14) first: the new m and v are mixtures of the old ones with g and with g ** 2. Then (3.15) with these.",
        "m_hat = m / (1 - beta1**t), v_hat = v / (1 - beta2**t), and theta - lr * m_hat / (np.sqrt(v_hat) + eps).",
    ],
)
def adam_step(theta, g, m, v, t, lr, beta1, beta2, eps):
    """One step of Adam, (3.14) and (3.15).

    theta, the gradient g, and the running means m and v are arrays of one shape; t = 1, 2, ... is the number of
    this step. Return the new (theta, m, v), and leave the old ones as they are.

    At the first step, with m = v = 0 and eps = 0, each number of theta moves by lr against the sign of its gradient.
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return theta - lr * m_hat / (np.sqrt(v_hat) + eps), m, v


@adam_step.example
def _():
    zeros = np.zeros(2)
    new = (np.array([0.9, 2.1]), np.array([0.4, -0.1]), np.array([0.16, 0.01]))
    return (np.array([1.0, 2.0]), np.array([4.0, -1.0]), zeros, zeros, 1, 0.1, 0.9, 0.99, 0.0), new


@adam_step.fresh
def _(rng):
    size = rng.integers(1, 5)
    theta, g, m = rng.normal(size=(3, size))
    t = int(rng.integers(1, 20))
    v = rng.uniform(0.01, 2, size)
    if t == 1:
        m, v = np.zeros((2, size))
    beta1, beta2 = rng.uniform(0.5, 0.95), rng.uniform(0.6, 0.99)
    return theta, g, m, v, t, rng.uniform(0.01, 0.5), beta1, beta2, rng.choice([1e-8, 0.1])


@adam_step.truth
def _(theta, g, m, v, t, lr, beta1, beta2, eps):
    parameter = nn.Parameter(torch.from_numpy(theta).clone())
    parameter.grad = torch.from_numpy(g).clone()
    optimizer = torch.optim.Adam([parameter], lr, betas=(beta1, beta2), eps=eps)
    moments = {"exp_avg": torch.from_numpy(m).clone(), "exp_avg_sq": torch.from_numpy(v).clone()}
    optimizer.state[parameter] = {"step": torch.tensor(t - 1.0), **moments}
    optimizer.step()
    after = optimizer.state[parameter]
    return parameter.detach().numpy(), after["exp_avg"].numpy(), after["exp_avg_sq"].numpy()


@adam_step.variant
def as_the_paper_suggests(theta, g, m, v, t, lr, beta1, beta2, eps):
    # Section 2 of the paper: the two corrections in one step size, and eps scaled to match.
    m = m + (1 - beta1) * (g - m)
    v = v + (1 - beta2) * (g * g - v)
    root = math.sqrt(1 - beta2**t)
    return theta - lr * root / (1 - beta1**t) * m / (v**0.5 + eps * root), m, v


def _adam(change, *arguments):
    """The step, with `change` in the place of the last formula: it takes m, v, t, beta1, beta2, eps."""
    theta, g, m, v, t, lr, beta1, beta2, eps = arguments
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    return theta - lr * change(m, v, t, beta1, beta2, eps), m, v


@adam_step.misconception(
    "The bias correction of (3.15) is missing. m and v began at 0 and are still too small in the first steps: divide "
    "them by 1 - beta ** t."
)
def without_correction(*arguments):
    return _adam(lambda m, v, t, beta1, beta2, eps: m / (np.sqrt(v) + eps), *arguments)


@adam_step.misconception(
    "You divided by v itself. Its square root has the size of a gradient, so that their ratio has none."
)
def without_the_root(*arguments):
    return _adam(
        lambda m, v, t, beta1, beta2, eps: m / (1 - beta1**t) / (v / (1 - beta2**t) + eps),
        *arguments,
    )


@adam_step.misconception("eps stands under the root. In (3.15) it is added to the root.")
def eps_under_the_root(*arguments):
    return _adam(
        lambda m, v, t, beta1, beta2, eps: m / (1 - beta1**t) / np.sqrt(v / (1 - beta2**t) + eps),
        *arguments,
    )


@adam_step.misconception("You went uphill. The loss falls against the gradient, so the step is subtracted.")
def uphill(*arguments):
    return _adam(
        lambda m, v, t, beta1, beta2, eps: -m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + eps),
        *arguments,
    )


@adam_step.misconception(
    "theta is right, but you returned m_hat and v_hat. The next step goes on from m and v, without the correction."
)
def returns_the_corrected(theta, g, m, v, t, lr, beta1, beta2, eps):
    theta, m, v = adam_step.reference(theta, g, m, v, t, lr, beta1, beta2, eps)
    return theta, m / (1 - beta1**t), v / (1 - beta2**t)


@adam_step.misconception(
    "You corrected m and v for one step too few. t is the number of this step, and the first one is 1."
)
def one_step_late(theta, g, m, v, t, lr, beta1, beta2, eps):
    with np.errstate(all="ignore"):
        return _adam(
            lambda m, v, t, beta1, beta2, eps: (
                m / (1 - beta1 ** (t - 1)) / (np.sqrt(v / (1 - beta2 ** (t - 1))) + eps)
            ),
            *(theta, g, m, v, t, lr, beta1, beta2, eps),
        )


# -- spot the error: the ruler of a classifier ---------------------------------------------------------------


@exercise(
    minutes=10,
    difficulty=1,
    hints=[
        "The faulty program looks only at which token is first. Which number of the row tells how surprised the "
        "model was by what came?",
        "p = probabilities[np.arange(len(came)), came] are the probabilities of what came. Their mean surprise in "
        "bits is -np.log2(p).mean(), and the perplexity is 2 to that power.",
    ],
)
def judge(probabilities, came):
    """Spot the error. An overview recommends accuracy, precision, recall and F1 for language models, and this is what
    a program that follows it computes. Mend it: return the cross-entropy in bits per token, and the perplexity.

    probabilities: array (tokens, vocabulary), the model's prediction at each place; came: array (tokens,) of ids, the
    tokens that came. Return (bits per token, perplexity).

    judge(np.array([[0.5, 0.25, 0.25], [0.5, 0.25, 0.25]]), np.array([0, 2])) is (1.5, 2.83): 1 bit and 2 bits
    """
    surprise = -np.log2(probabilities[np.arange(len(came)), came])
    return surprise.mean(), 2 ** surprise.mean()


@judge.start
def _(probabilities, came):
    guessed = probabilities.argmax(axis=1)
    accuracy = (guessed == came).mean()
    recalls = [(guessed[came == w] == w).mean() for w in set(came)]
    return accuracy, np.mean(recalls)


@judge.example
def _():
    return (np.array([[0.5, 0.25, 0.25], [0.5, 0.25, 0.25]]), np.array([0, 2])), (1.5, 2**1.5)


@judge.example
def _():
    return (np.full((3, 8), 0.125), np.array([0, 7, 7])), (3.0, 8.0)


@judge.fresh
def _(rng):
    n, size = rng.integers(1, 8), rng.integers(2, 6)
    return _distributions(rng, n, size), rng.integers(0, size, n)


@judge.truth
def _(probabilities, came):
    nats = F.nll_loss(torch.from_numpy(probabilities).log(), torch.from_numpy(came)).item()
    return nats / math.log(2), math.exp(nats)


@judge.variant
def in_plain_loops(probabilities, came):
    total = sum(math.log(row[w]) for row, w in zip(probabilities, came))
    return -total / math.log(2) / len(came), math.exp(-total / len(came))


@judge.misconception(
    "This is still accuracy and recall. They look at first choices alone, but a text is drawn from the whole "
    "distribution."
)
def unchanged(probabilities, came):
    guessed = probabilities.argmax(axis=1)
    return (guessed == came).mean(), np.mean([(guessed[came == w] == w).mean() for w in set(came)])


@judge.misconception(
    "That is the entropy of the prediction: how unsure the model was, whatever came. Only the probability of the "
    "token that came says how wrong it was."
)
def of_the_prediction(probabilities, came):
    entropy = -(probabilities * np.log2(probabilities)).sum(axis=1).mean()
    return entropy, 2**entropy


@judge.misconception(
    "The logarithm and the power don't fit together. With bits the perplexity is 2 to the power of the bits, with "
    "nats e to the power of the nats."
)
def e_to_the_bits(probabilities, came):
    surprise = judge.reference(probabilities, came)[0]
    return surprise, math.exp(surprise)


@judge.misconception("The first number is in nats, not in bits.")
def nats_first(probabilities, came):
    surprise, perplexity = judge.reference(probabilities, came)
    return surprise * math.log(2), perplexity


@judge.misconception(
    "You averaged the probabilities before you took the logarithm, so a token with probability 0 would go unnoticed."
)
def log_of_the_mean_probability(probabilities, came):
    mean = probabilities[np.arange(len(came)), came].mean()
    return -np.log2(mean), 1 / mean


# -- backwards -----------------------------------------------------------------------------------------------


@exercise(
    minutes=25,
    difficulty=3,
    hints=[
        "Go in the order of section 7: the gradient of z (3.10), then of b, U and h (3.11), of the inside of tanh, "
        "of d, H and x (3.12), and last of E.",
        "x has the vectors of all context tokens side by side, so the gradient of x, reshaped to (window, "
        "d_embedding), has one row for each of them.",
        "A token may stand twice in the context. np.add.at(dE, context, rows) adds both rows; dE[context] = rows "
        "keeps only the last.",
    ],
)
def backward(E, H, d, U, b, context, came):
    """The backward pass of the feed-forward model (3.9) for one prediction, without autograd.

    E (vocabulary, d_embedding); H (hidden, window * d_embedding); d (hidden,); U (vocabulary, hidden);
    b (vocabulary,); context: a list of `window` ids; came: the id that came. The loss is -log p[came], in nats.
    Return a dict with the gradients of "E", "H", "d", "U", "b", each of the shape of what it belongs to.
    """
    x = E[context].ravel()
    h = np.tanh(d + H @ x)
    z = b + U @ h
    p = np.exp(z - z.max())
    dz = p / p.sum()
    dz[came] -= 1  # (3.10)
    da = U.T @ dz * (1 - h**2)  # (3.11), (3.12)
    dE = np.zeros_like(E)
    np.add.at(dE, context, (H.T @ da).reshape(len(context), -1))
    return {"E": dE, "H": np.outer(da, x), "d": da, "U": np.outer(dz, h), "b": dz}


@backward.example
def _():
    # The network of section 6: h = (1/2, 0), p = (1/2, 1/4, 1/4), and b came.
    t, log4 = math.log(3) / 2, 2 * math.log(2)
    E, U = np.array([[1.0, 0], [0, 1], [1, 1]]), np.array([[log4, 1], [0, -1], [0, 1]])
    H = np.array([[t, 0, 0, 0], [1, 0, 0, -1]])
    dz = np.array([0.5, -0.75, 0.25])
    da = np.array([0.75 * math.log(2), 1.5])
    right = {
        "E": np.array([[da[0] * t + 1.5, 0], [0, -1.5], [0, 0]]),
        "H": np.outer(da, [1, 0, 0, 1]),
        "d": da,
        "U": np.outer(dz, [0.5, 0]),
        "b": dz,
    }
    return (E, H, np.zeros(2), U, np.zeros(3), [0, 1], 1), right


@backward.fresh
def _(rng):
    size, width, window, hidden = rng.integers(2, 5), rng.integers(1, 4), rng.integers(1, 4), rng.integers(1, 4)
    shapes = (size, width), (hidden, window * width), (hidden,), (size, hidden), (size,)
    context = [int(w) for w in rng.integers(0, size, window)]
    return *(rng.normal(size=shape) for shape in shapes), context, int(rng.integers(0, size))


@backward.truth
def _(E, H, d, U, b, context, came):
    leaves = {name: torch.tensor(a, requires_grad=True) for name, a in zip("EHdUb", (E, H, d, U, b))}
    h = torch.tanh(leaves["d"] + leaves["H"] @ leaves["E"][context].flatten())
    F.cross_entropy(leaves["b"] + leaves["U"] @ h, torch.tensor(came)).backward()
    return {name: leaf.grad.numpy() for name, leaf in leaves.items()}


@backward.variant
def word_by_word(E, H, d, U, b, context, came):
    width = E.shape[1]
    x = np.concatenate([E[w] for w in context])
    h = np.tanh(H.dot(x) + d)
    e = np.exp(U.dot(h) + b)
    dz = e / e.sum() - np.eye(len(E))[came]
    dh = dz @ U
    da = dh - dh * h * h
    dx = da @ H
    dE = np.zeros(E.shape)
    for i, w in enumerate(context):
        dE[w] += dx[i * width : (i + 1) * width]
    return {"b": dz, "U": dz[:, None] * h, "d": da, "H": da[:, None] * x, "E": dE}


def _backward(E, H, d, U, b, context, came, slope=lambda h: 1 - h**2, sign=1, add=np.add.at):
    """The backward pass with a wrong piece in it."""
    x = E[context].ravel()
    h = np.tanh(d + H @ x)
    z = b + U @ h
    dz = sign * (np.exp(z) / np.exp(z).sum() - np.eye(len(z))[came])
    da = U.T @ dz * slope(h)
    dE = np.zeros_like(E)
    add(dE, context, (H.T @ da).reshape(len(context), -1))
    return {"E": dE, "H": np.outer(da, x), "d": da, "U": np.outer(dz, h), "b": dz}


@backward.misconception(
    "The slope of tanh is missing: what comes back to h must be multiplied by 1 - h ** 2, (3.12)."
)
def without_the_slope(*arguments):
    return _backward(*arguments, slope=lambda h: 1)


@backward.misconception("All signs are turned around. (3.10) is p - y: what was said minus what was true.")
def y_minus_p(*arguments):
    return _backward(*arguments, sign=-1)


@backward.misconception(
    "Where a token stands twice in the context, only one of its places counts. Both must be added to its row of E."
)
def keeps_the_last_place(*arguments):
    return _backward(*arguments, add=np.ndarray.__setitem__)


@backward.misconception(
    "You took 1 - h for the slope of tanh. With h = tanh(a) the slope is 1 - h ** 2. (h (1 - h) would be that of the "
    "logistic function.)"
)
def slope_of_another_function(*arguments):
    return _backward(*arguments, slope=lambda h: 1 - h)


@backward.misconception(
    "You sent p back alone. The token that came must be subtracted: p - y is negative for it, so it alone is pushed "
    "up."
)
def without_the_target(E, H, d, U, b, context, came):
    p = _backward(E, H, d, U, b, context, came)["b"] + np.eye(len(b))[came]
    h = np.tanh(d + H @ E[context].ravel())
    da = U.T @ p * (1 - h**2)
    dE = np.zeros_like(E)
    np.add.at(dE, context, (H.T @ da).reshape(len(context), -1))
    return {"E": dE, "H": np.outer(da, E[context].ravel()), "d": da, "U": np.outer(p, h), "b": p}
