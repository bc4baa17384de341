"""The exercises of lesson 08: the overview's 'GPT-2' listing mended line by line, its size, and one cached step."""

import numpy as np
import torch
import torch.nn.functional as F

from lmlib.exercises.chance import draw
from lmlib.exercises.engine import exercise
from lmlib.models.gpt import GPT, GPTConfig

# -- the listing: what is read, and what is to be predicted ----------------------------------------------------


@exercise(
    minutes=10,
    difficulty=1,
    hints=[
        "A target is the id one place further on. So the last window may only end where one more id follows.",
        "n = (len(ids) - 1) // context; inputs = ids[: n * context], targets = ids[1 : n * context + 1], "
        "both with .reshape(n, context).",
    ],
)
def next_token_pairs(ids, context):
    """Cut a text into windows side by side: return (inputs, targets), two arrays (n, context).

    ids: numpy array of integers. context: the length of a window. The target of each place is the id after it.
    What is left at the end and fills no window is left out; n may be 0.

    For ids [5, 6, 7, 8, 9, 1] and context 2 the inputs are [[5, 6], [7, 8]], the targets [[6, 7], [8, 9]].
    """
    n = (len(ids) - 1) // context
    return ids[: n * context].reshape(n, context), ids[1 : n * context + 1].reshape(n, context)


@next_token_pairs.example
def _():
    return (np.array([5, 6, 7, 8, 9, 1]), 2), (np.array([[5, 6], [7, 8]]), np.array([[6, 7], [8, 9]]))


@next_token_pairs.example
def _():
    return (np.array([4, 2, 0]), 2), (np.array([[4, 2]]), np.array([[2, 0]]))


@next_token_pairs.fresh
def _(rng):
    context = int(rng.integers(1, 5))
    return rng.integers(0, 10, int(rng.integers(1, 14))), context


@next_token_pairs.variant
def window_by_window(ids, context):
    starts = range(0, len(ids) - context, context)
    inputs = [ids[s : s + context] for s in starts]
    targets = [ids[s + 1 : s + context + 1] for s in starts]
    return tuple(np.array(part, dtype=ids.dtype).reshape(-1, context) for part in (inputs, targets))


@next_token_pairs.misconception(
    "Your targets are the inputs themselves: a model that copies what it reads would be perfect and know nothing. "
    "The target of a place is the id after it."
)
def predicts_what_it_reads(ids, context):
    n = (len(ids) - 1) // context
    inputs = ids[: n * context].reshape(n, context)
    return inputs, inputs.copy()


@next_token_pairs.misconception(
    "You shifted the wrong way: your targets stand before the inputs, so the model learns to write backwards."
)
def shifted_backwards(ids, context):
    n = (len(ids) - 1) // context
    return ids[1 : n * context + 1].reshape(n, context), ids[: n * context].reshape(n, context)


@next_token_pairs.misconception(
    "You shifted inside each window: the last place of a window has the window's own first id as its target. "
    "Shift the whole text first, then cut it."
)
def rolled_within_the_window(ids, context):
    n = (len(ids) - 1) // context
    inputs = ids[: n * context].reshape(n, context)
    return inputs, np.roll(inputs, -1, axis=1)


@next_token_pairs.misconception(
    "Your windows begin at every place and overlap. Here they stand side by side: each token is predicted once."
)
def overlapping_windows(ids, context):
    n = max(0, len(ids) - context)
    inputs = [ids[s : s + context] for s in range(n)]
    targets = [ids[s + 1 : s + context + 1] for s in range(n)]
    return tuple(np.array(part, dtype=ids.dtype).reshape(-1, context) for part in (inputs, targets))


# -- the listing: pixels for an embedding ------------------------------------------------------------------------


@exercise(
    minutes=10,
    difficulty=1,
    hints=[
        "Multiply by the number of levels and cut off what stands behind the point. Which pixel falls out of range?",
        "return np.minimum((pixels * levels).astype(int), levels - 1)",
    ],
)
def grey_to_ids(pixels, levels):
    """Make tokens of grey pixels: an array of integers of the same shape, each from 0 to levels - 1.

    pixels: numpy array of floats, from 0.0 (black) to 1.0 (white). The range from 0 to 1 is cut into `levels` bands
    of equal width, counted from 0; a pixel on a border belongs to the upper band, white to the highest.

    With 4 levels, 0.0 is 0, 0.3 is 1, 0.5 is 2, 0.99 is 3 and 1.0 is 3.
    """
    return np.minimum((pixels * levels).astype(int), levels - 1)


@grey_to_ids.example
def _():
    return (np.array([0.0, 0.3, 0.5, 0.99, 1.0]), 4), np.array([0, 1, 2, 3, 3])


@grey_to_ids.example
def _():
    return (np.array([[0.2, 0.9], [1.0, 0.45]]), 10), np.array([[2, 9], [9, 4]])


@grey_to_ids.fresh
def _(rng):
    levels = int(rng.choice([2, 4, 8, 10, 16]))
    pixels = rng.random((int(rng.integers(1, 4)), int(rng.integers(1, 6))))
    bands = (pixels * levels).astype(int)
    pixels = (
        bands + rng.choice([0.25, 0.5, 0.75], pixels.shape)
    ) / levels  # away from the borders, where rounding is
    return np.where(rng.random(pixels.shape) < 0.2, 1.0, pixels), levels


@grey_to_ids.start
def _(pixels, levels):
    return pixels


@grey_to_ids.variant
def by_its_borders(pixels, levels):
    return np.searchsorted(np.arange(1, levels) / levels, pixels, side="right")


@grey_to_ids.misconception(
    "You turned the numbers between 0 and 1 into integers as they are: all greys become 0, and only pure white 1. "
    "Spread them over the levels first."
)
def cut_off_at_once(pixels, levels):
    return pixels.astype(int)


@grey_to_ids.misconception(
    "White became the id `levels`, and a table of `levels` rows has no such row: the embedding raises an IndexError."
)
def white_out_of_range(pixels, levels):
    return (pixels * levels).astype(int)


@grey_to_ids.misconception(
    "You rounded to the nearest of `levels` greys: black and white then get bands of half the width. Cut off instead."
)
def rounded(pixels, levels):
    return np.rint(pixels * (levels - 1)).astype(int)


@grey_to_ids.misconception("You multiplied by levels - 1 and cut off: only pure white reaches the highest id.")
def one_level_too_few(pixels, levels):
    return (pixels * (levels - 1)).astype(int)


# -- the listing: one forward pass -------------------------------------------------------------------------------


@exercise(
    minutes=20,
    difficulty=2,
    hints=[
        "Two things are missing. Without the first, 'dog bites man' and 'man bites dog' look alike; without the "
        "second, each token may read the answer.",
        "Begin with x = table[ids] + places[: len(ids)]. Before the softmax, set scores[query, key] to -np.inf "
        "wherever key > query.",
    ],
)
def one_layer(ids, table, places):
    """Mend the forward pass: return the logits of the token after each place, (time, vocab).

    ids: numpy array (time,). table: (vocab, d), the embedding, also used for the logits. places: (context, d), a
    vector for each position from 0; context is at least time. To keep it short, the layer's query, key and value
    of a token are its vector itself, and there is no norm.

    The code below runs, and yet it is no language model: it does not know the order, and it reads the answer.
    """
    x = table[ids] + places[: len(ids)]
    scores = x @ x.T / np.sqrt(x.shape[1])
    scores = np.where(np.tri(len(ids), dtype=bool), scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    x = x + weights / weights.sum(axis=1, keepdims=True) @ x
    return x @ table.T


@one_layer.start
def _(ids, table, places):
    x = table[ids]
    scores = x @ x.T / np.sqrt(x.shape[1])
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    x = x + weights / weights.sum(axis=1, keepdims=True) @ x
    return x @ table.T


@one_layer.example
def _():
    # One token sees itself alone: its vector [1, 0] + [0, 2], doubled by its own value, against both rows.
    return (np.array([0]), np.array([[1.0, 0], [0, 1]]), np.array([[0.0, 2], [1, 1]])), np.array([[2.0, 4.0]])


@one_layer.fresh
def _(rng):
    time, d, vocab = int(rng.integers(1, 6)), int(rng.integers(1, 5)), int(rng.integers(2, 6))
    return rng.integers(0, vocab, time), draw(rng, vocab, d), draw(rng, time + int(rng.integers(0, 3)), d)


@one_layer.truth
def _(ids, table, places):
    table = torch.from_numpy(table)
    x = table[torch.from_numpy(ids)] + torch.from_numpy(places)[: len(ids)]
    x = x + F.scaled_dot_product_attention(x[None], x[None], x[None], is_causal=True)[0]
    return (x @ table.T).numpy()


@one_layer.variant
def query_by_query(ids, table, places):
    x = np.stack([table[i] + places[t] for t, i in enumerate(ids)])
    out = []
    for t in range(len(ids)):
        raised = np.exp(x[: t + 1] @ x[t] / x.shape[1] ** 0.5)
        out.append((x[t] + raised @ x[: t + 1] / raised.sum()) @ table.T)
    return np.stack(out)


@one_layer.misconception(
    "Nothing in your version knows where a token stands. Add the row of `places` that belongs to its position."
)
def without_positions(ids, table, places):
    x = table[ids]
    scores = np.where(np.tri(len(ids), dtype=bool), x @ x.T / np.sqrt(x.shape[1]), -np.inf)
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    x = x + weights / weights.sum(axis=1, keepdims=True) @ x
    return x @ table.T


@one_layer.misconception(
    "Your tokens still look ahead: the one that should be predicted is in sight. Mask every key behind the query."
)
def without_mask(ids, table, places):
    x = table[ids] + places[: len(ids)]
    scores = x @ x.T / np.sqrt(x.shape[1])
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    x = x + weights / weights.sum(axis=1, keepdims=True) @ x
    return x @ table.T


@one_layer.misconception(
    "Your mask is upside down: each token sees itself and what follows, and nothing of what came before."
)
def mask_upside_down(ids, table, places):
    x = table[ids] + places[: len(ids)]
    scores = np.where(np.tri(len(ids), dtype=bool).T, x @ x.T / np.sqrt(x.shape[1]), -np.inf)
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    x = x + weights / weights.sum(axis=1, keepdims=True) @ x
    return x @ table.T


@one_layer.misconception(
    "You set the hidden scores to 0. exp(0) is 1, so the hidden tokens keep weight: they must be minus infinity."
)
def masked_with_zero(ids, table, places):
    x = table[ids] + places[: len(ids)]
    scores = np.where(np.tri(len(ids), dtype=bool), x @ x.T / np.sqrt(x.shape[1]), 0.0)
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    x = x + weights / weights.sum(axis=1, keepdims=True) @ x
    return x @ table.T


@one_layer.misconception(
    "You masked behind the softmax: the weights of a row no longer add up to 1, and the hidden tokens have had a say "
    "in all of them. Mask the scores, in front of it."
)
def masked_behind_the_softmax(ids, table, places):
    x = table[ids] + places[: len(ids)]
    scores = x @ x.T / np.sqrt(x.shape[1])
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    x = x + (weights / weights.sum(axis=1, keepdims=True) * np.tri(len(ids))) @ x
    return x @ table.T


@one_layer.misconception("A token may see itself: it is what was read last. Hide only what stands behind it.")
def not_even_itself(ids, table, places):
    x = table[ids] + places[: len(ids)]
    scores = np.where(np.tri(len(ids), k=-1, dtype=bool), x @ x.T / np.sqrt(x.shape[1]), -1e9)
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    x = x + weights / weights.sum(axis=1, keepdims=True) @ x
    return x @ table.T


@one_layer.misconception(
    "The positions reached the logits only: they must be added before the attention, which is what has to know them."
)
def positions_too_late(ids, table, places):
    x = table[ids]
    scores = np.where(np.tri(len(ids), dtype=bool), x @ x.T / np.sqrt(x.shape[1]), -np.inf)
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    x = x + weights / weights.sum(axis=1, keepdims=True) @ x + places[: len(ids)]
    return x @ table.T


# -- the listing: the loss ---------------------------------------------------------------------------------------


@exercise(
    minutes=10,
    difficulty=1,
    hints=[
        "F.cross_entropy wants one row of logits for each target: make one long list of all places of all texts.",
        "return F.cross_entropy(logits.flatten(0, 1), targets.flatten())",
    ],
)
def mean_surprise(logits, targets):
    """The training loss of a language model: the mean surprise over all places of all texts, in nats (a tensor).

    logits: torch tensor (batch, time, vocab). targets: (batch, time), the ids that really came.

    The listing asks for `F.cross_entropy(logits, targets)` with these shapes, and that raises an error, or worse.
    """
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


@mean_surprise.example
def _():
    logits = torch.log(torch.tensor([[[0.5, 0.5], [0.25, 0.75]]]))
    return (logits, torch.tensor([[0, 0]])), torch.tensor(1.5 * np.log(2), dtype=torch.float32)


@mean_surprise.fresh
def _(rng):
    batch, time, vocab = int(rng.integers(1, 4)), int(rng.integers(1, 5)), int(rng.integers(2, 6))
    return torch.from_numpy(draw(rng, batch, time, vocab)), torch.from_numpy(rng.integers(0, vocab, (batch, time)))


@mean_surprise.truth
def _(logits, targets):
    p = np.exp(logits.numpy())
    p = np.take_along_axis(p / p.sum(-1, keepdims=True), targets.numpy()[..., None], -1)
    return torch.tensor(-np.log(p).mean(), dtype=logits.dtype)


@mean_surprise.start
def _(logits, targets):
    return F.cross_entropy(logits, targets)


@mean_surprise.variant
def classes_in_the_middle(logits, targets):
    return F.cross_entropy(logits.transpose(1, 2), targets)


@mean_surprise.variant
def by_gathering(logits, targets):
    return -logits.log_softmax(-1).gather(-1, targets[..., None]).mean()


@mean_surprise.misconception(
    "You scored the last place of each text alone, as a classifier does. A language model learns from every place."
)
def last_place_only(logits, targets):
    return F.cross_entropy(logits[:, -1], targets[:, -1])


@mean_surprise.misconception(
    "You took the softmax yourself, and F.cross_entropy takes it once more: give it the logits as they are."
)
def softmax_twice(logits, targets):
    return F.cross_entropy(logits.softmax(-1).flatten(0, 1), targets.flatten())


@mean_surprise.misconception(
    "You shifted once more: `targets` are already what came next, so every place belongs to the target beside it."
)
def shifted_once_more(logits, targets):
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), targets[:, 1:].flatten())


@mean_surprise.misconception(
    "`view` and `reshape` cut the same numbers into other rows; to bring the classes to the second axis, use "
    "`transpose(1, 2)`."
)
def reshaped_for_transposed(logits, targets):
    return F.cross_entropy(logits.reshape(len(logits), logits.size(2), -1), targets)


@mean_surprise.misconception(
    "You added the places up: the loss, and with it the gradient, grows with the batch. Take the mean."
)
def added_up(logits, targets):
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum")


@mean_surprise.misconception("This is the surprise in bits: the loss is in nats, so nothing is divided by ln 2.")
def in_bits(logits, targets):
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten()) / np.log(2)


# -- the listing: the `generate` that does not exist ---------------------------------------------------------------


@exercise(
    minutes=15,
    difficulty=2,
    hints=[
        "A loop of n rounds: cut the window, ask for the logits, take the largest, put it behind the text.",
        "In each round: new = int(np.argmax(scores[ids[-context:]].sum(axis=0))), then put it behind `ids`.",
    ],
)
def write_on(ids, scores, context, n):
    """The missing `generate`: return the n ids that a model writes after `ids`, a list, the likeliest each time.

    ids: a list with at least one id, left as it is. The model is a toy: scores is an array (vocab, vocab), and the
    logits after a window of ids are the sum of the rows scores[id] of that window. It reads at most the last
    `context` ids, and what it wrote itself among them. (All logits differ: no ties.)

    With scores [[0, 1], [2, 0]], ids [0], context 1 and n 3, it writes [1, 0, 1].
    """
    ids, written = list(ids), []
    for _ in range(n):
        new = int(np.argmax(scores[ids[-context:]].sum(axis=0)))
        ids.append(new)
        written.append(new)
    return written


@write_on.example
def _():
    return ([0], np.array([[0.0, 1.0], [2.0, 0.0]]), 1, 3), [1, 0, 1]


@write_on.example
def _():
    # Window [1, 0]: 4 against 5, so 1; window [0, 1]: the same sums, so 1 again; window [1, 1]: 8 against 0, so 0.
    return ([1, 0], np.array([[0.0, 5.0], [4.0, 0.0]]), 2, 3), [1, 1, 0]


@write_on.fresh
def _(rng):
    vocab = int(rng.integers(2, 6))
    ids = [int(i) for i in rng.integers(0, vocab, int(rng.integers(1, 6)))]
    return ids, rng.normal(size=(vocab, vocab)), int(rng.integers(1, 5)), int(rng.integers(0, 8))


@write_on.variant
def by_slices(ids, scores, context, n):
    text = list(ids)
    while len(text) < len(ids) + n:
        logits = sum(scores[i] for i in text[max(0, len(text) - context) :])
        text += [int(logits.argmax())]
    return text[len(ids) :]


@write_on.misconception(
    "The window grows beyond the context: a GPT has no position, or no memory, for more. Keep the last `context` ids."
)
def never_forgets(ids, scores, context, n):
    ids, written = list(ids), []
    for _ in range(n):
        new = int(np.argmax(scores[ids].sum(axis=0)))
        ids.append(new)
        written.append(new)
    return written


@write_on.misconception("You kept the first `context` ids: the model never sees what it wrote. Keep the last ones.")
def keeps_the_beginning(ids, scores, context, n):
    ids, written = list(ids), []
    for _ in range(n):
        new = int(np.argmax(scores[ids[:context]].sum(axis=0)))
        ids.append(new)
        written.append(new)
    return written


@write_on.misconception("You returned the prompt as well: only what was written after it is asked for.")
def with_the_prompt(ids, scores, context, n):
    ids = list(ids)
    for _ in range(n):
        ids.append(int(np.argmax(scores[ids[-context:]].sum(axis=0))))
    return ids


@write_on.misconception("With n = 0 nothing is written, but `ids[-0:]` is the whole list.")
def all_for_none(ids, scores, context, n):
    return write_on.reference(ids, scores, context, n) if n else list(ids)


@write_on.misconception("Only the last id is read: the model sees a window of up to `context` ids.")
def reads_one_id(ids, scores, context, n):
    return write_on.reference(ids, scores, 1, n)


@write_on.misconception(
    "What was written is not read again: each round saw the prompt alone, so the same id comes every time."
)
def reads_the_prompt_alone(ids, scores, context, n):
    return [int(np.argmax(scores[ids[-context:]].sum(axis=0)))] * n


# -- how large is GPT-2? -----------------------------------------------------------------------------------------


@exercise(
    minutes=15,
    difficulty=2,
    hints=[
        "A block has two norms (2d each), attention d -> 3d and d -> d, the network d -> 4d -> d; each matrix has a "
        "bias. Around the blocks stand two tables and one more norm.",
        "One block: 12 * d * d + 13 * d. Beside them: vocab * d + context * d + 2 * d. The head is no new matrix.",
    ],
)
def gpt2_size(vocab, context, n_layers, d):
    """How many numbers a GPT-2 of these sizes learns (an integer): see section 3 for its parts.

    The embedding and the head are one matrix. The number of heads plays no part.

    The smallest that was published has vocab 50257, context 1024, 12 layers and d 768: 124,439,808 numbers.
    """
    block = 12 * d * d + 13 * d
    return vocab * d + context * d + n_layers * block + 2 * d


@gpt2_size.example
def _():
    return (50257, 1024, 12, 768), 124_439_808  # the smallest of the four that were published


@gpt2_size.fresh
def _(rng):
    return tuple(int(rng.integers(2, high)) for high in (40, 20, 4, 9))


@gpt2_size.truth
def _(vocab, context, n_layers, d):
    return GPT(GPTConfig.gpt2(vocab, context=context, n_layers=n_layers, n_heads=1, d_model=d)).n_parameters


@gpt2_size.variant
def part_by_part(vocab, context, n_layers, d):
    norm = 2 * d
    attention = (d * 3 * d + 3 * d) + (d * d + d)
    network = (d * 4 * d + 4 * d) + (4 * d * d + d)
    return (vocab + context) * d + n_layers * (2 * norm + attention + network) + norm


@gpt2_size.misconception(
    "You counted a head of its own. In GPT-2 the embedding's matrix makes the logits too: its numbers count once."
)
def head_counted_too(vocab, context, n_layers, d):
    return 2 * vocab * d + context * d + n_layers * (12 * d * d + 13 * d) + 2 * d


@gpt2_size.misconception("The table of positions is missing: one learned vector for each place of the context.")
def no_positions(vocab, context, n_layers, d):
    return vocab * d + n_layers * (12 * d * d + 13 * d) + 2 * d


@gpt2_size.misconception("The biases are missing: in GPT-2 each linear layer and each norm has one.")
def no_biases(vocab, context, n_layers, d):
    return vocab * d + context * d + n_layers * (12 * d * d + 2 * d) + d


@gpt2_size.misconception(
    "The norm after the last block is missing: 2 d numbers (GPT-2 added it, GPT did not have it)."
)
def no_last_norm(vocab, context, n_layers, d):
    return vocab * d + context * d + n_layers * (12 * d * d + 13 * d)


# -- one step with the cache -------------------------------------------------------------------------------------


@exercise(
    minutes=15,
    difficulty=2,
    hints=[
        "The new token may look at itself too: put its key and value behind the others first, then attend.",
        "keys = np.vstack([keys, k]), values = np.vstack([values, v]); then the softmax of keys @ q / sqrt(d) "
        "weighs the rows of values.",
    ],
)
def cached_step(q, k, v, keys, values):
    """One step of one head with a cache: return (output, keys, values), the last two one row longer.

    q, k, v: query, key and value of the new token, numpy arrays (d,). keys, values: those of all earlier tokens in
    order, (t, d), t may be 0. output: what attention gives the new token, (d,), with scores divided by sqrt(d).
    """
    keys, values = np.vstack([keys, k]), np.vstack([values, v])
    scores = keys @ q / np.sqrt(len(q))
    weights = np.exp(scores - scores.max())
    return weights @ values / weights.sum(), keys, values


@cached_step.example
def _():
    # Both scores are 0, so the two values are averaged.
    q, k, v = np.array([0.0, 1.0]), np.array([1.0, 0.0]), np.array([4.0, 0.0])
    keys, values = np.array([[2.0, 0.0]]), np.array([[0.0, 2.0]])
    want = np.array([2.0, 1.0]), np.array([[2.0, 0.0], [1.0, 0.0]]), np.array([[0.0, 2.0], [4.0, 0.0]])
    return (q, k, v, keys, values), want


@cached_step.fresh
def _(rng):
    t, d = int(rng.integers(0, 5)), int(rng.integers(1, 5))
    return draw(rng, d), draw(rng, d), draw(rng, d), draw(rng, t, d), draw(rng, t, d)


@cached_step.truth
def _(q, k, v, keys, values):
    keys, values = np.concatenate([keys, k[None]]), np.concatenate([values, v[None]])
    parts = (torch.from_numpy(x)[None] for x in (q[None], keys, values))
    return F.scaled_dot_product_attention(*parts)[0, 0].numpy(), keys, values


@cached_step.variant
def in_a_loop(q, k, v, keys, values):
    keys, values = np.array([*keys, k]), np.array([*values, v])
    raised = [np.exp(sum(q * key) / len(q) ** 0.5) for key in keys]
    return sum(r / sum(raised) * value for r, value in zip(raised, values)), keys, values


@cached_step.misconception(
    "The new token did not see itself: put its key and value into the cache before you attend, not after."
)
def itself_left_out(q, k, v, keys, values):
    longer = np.vstack([keys, k]), np.vstack([values, v])
    if not len(keys):
        return np.zeros_like(v), *longer
    scores = keys @ q / np.sqrt(len(q))
    weights = np.exp(scores - scores.max())
    return weights @ values / weights.sum(), *longer


@cached_step.misconception(
    "The new row stands in front. The cache is in the order of the text: put it behind the others."
)
def put_in_front(q, k, v, keys, values):
    keys, values = np.vstack([k, keys]), np.vstack([v, values])
    scores = keys @ q / np.sqrt(len(q))
    weights = np.exp(scores - scores.max())
    return weights @ values / weights.sum(), keys, values


@cached_step.misconception("You returned the cache as it came in: the next step would have forgotten this token.")
def cache_not_extended(q, k, v, keys, values):
    longer_keys, longer_values = np.vstack([keys, k]), np.vstack([values, v])
    scores = longer_keys @ q / np.sqrt(len(q))
    weights = np.exp(scores - scores.max())
    return weights @ longer_values / weights.sum(), keys, values


@cached_step.misconception("The scores are not divided by sqrt(d), as all attention of this course divides them.")
def not_scaled(q, k, v, keys, values):
    keys, values = np.vstack([keys, k]), np.vstack([values, v])
    scores = keys @ q
    weights = np.exp(scores - scores.max())
    return weights @ values / weights.sum(), keys, values
