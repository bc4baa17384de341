"""The exercises of lesson 10: clipping, brevity, shifted inputs, padding, alignment errors, a step of beam search."""

import math
from collections import Counter

import numpy as np
import torch
import torch.nn.functional as F

from lmlib.exercises.engine import exercise


def _words(rng, least, most):
    return list(rng.choice(["the", "cat", "a", "sat", "on", "mat"], size=int(rng.integers(least, most + 1))).tolist())


# -- clipped precision -----------------------------------------------------------------------------------------


@exercise(
    minutes=10,
    difficulty=1,
    hints=[
        "Count the n-grams of both, each as a tuple of n tokens. How many of the output's copies of an n-gram may "
        "count?",
        "grams = Counter(zip(*(tokens[i:] for i in range(n)))), and min(count, reference's count) of each; & of two "
        "Counters is just that.",
    ],
)
def clipped_precision(output, reference, n):
    """The precision of BLEU for one n, (10.3): which share of the output's n-grams stands in the reference?

    output, reference: lists of tokens. n: 1 or more. An n-gram counts at most as often as it stands in the reference
    ("clipping"). Return a number from 0 to 1; 0 where the output has no n-gram.

    For the output "the the the the the the the" and the reference "the cat is on the mat" and n = 1 it is 2 / 7.
    """
    ours, theirs = (Counter(zip(*(tokens[i:] for i in range(n)))) for tokens in (output, reference))
    return (ours & theirs).total() / max(1, ours.total())


@clipped_precision.example
def _():
    return (["the"] * 7, "the cat is on the mat".split(), 1), 2 / 7


@clipped_precision.example
def _():
    return ("the cat sat on the mat".split(), "the cat is on the mat".split(), 2), 3 / 5


@clipped_precision.fresh
def _(rng):
    return _words(rng, 0, 9), _words(rng, 1, 9), int(rng.integers(1, 4))


@clipped_precision.truth
def _(output, reference, n):
    from sacrebleu.metrics import BLEU

    bleu = BLEU(tokenize="none", smooth_method="none", max_ngram_order=n)
    return bleu.corpus_score([" ".join(output)], [[" ".join(reference)]]).precisions[n - 1] / 100


@clipped_precision.variant
def crossing_out(output, reference, n):
    left = [tuple(reference[i : i + n]) for i in range(len(reference) - n + 1)]
    grams = [tuple(output[i : i + n]) for i in range(len(output) - n + 1)]
    hits = 0
    for gram in grams:
        if gram in left:
            left.remove(gram)
            hits += 1
    return hits / len(grams) if grams else 0.0


@clipped_precision.misconception(
    "Each copy counts here, however many there are: 'the the the the' would be perfect. An n-gram counts at most as "
    "often as it stands in the reference."
)
def not_clipped(output, reference, n):
    grams = [tuple(output[i : i + n]) for i in range(len(output) - n + 1)]
    known = {tuple(reference[i : i + n]) for i in range(len(reference) - n + 1)}
    return sum(gram in known for gram in grams) / max(1, len(grams))


@clipped_precision.misconception(
    "You counted different n-grams, each once, above and below the line. Copies count, as long as the reference has "
    "as many."
)
def each_kind_once(output, reference, n):
    ours, theirs = ({tuple(t[i : i + n]) for i in range(len(t) - n + 1)} for t in (output, reference))
    return len(ours & theirs) / max(1, len(ours))


@clipped_precision.misconception(
    "That is recall: you divided by the reference's n-grams. Precision asks about what was written."
)
def recall_instead(output, reference, n):
    ours, theirs = (Counter(zip(*(tokens[i:] for i in range(n)))) for tokens in (output, reference))
    return (ours & theirs).total() / max(1, theirs.total())


@clipped_precision.misconception("These are single tokens. For n = 2 an n-gram is a pair of neighbours.")
def always_single_tokens(output, reference, n):
    return (Counter(output) & Counter(reference)).total() / max(1, len(output))


@clipped_precision.misconception(
    "You divided by the number of tokens. A text of 6 tokens has 6 single tokens but 5 pairs, and 4 triples."
)
def divided_by_tokens(output, reference, n):
    ours, theirs = (Counter(zip(*(tokens[i:] for i in range(n)))) for tokens in (output, reference))
    return (ours & theirs).total() / max(1, len(output))


# -- brevity penalty -------------------------------------------------------------------------------------------


@exercise(
    minutes=10,
    difficulty=1,
    hints=[
        "One penalty for the whole test set: add up the lengths first. Who is too long is not punished here.",
        "c, r = sum(map(len, outputs)), sum(map(len, references)); 1 if c >= r, 0 if there is nothing, else "
        "math.exp(1 - r / c).",
    ],
)
def brevity_penalty(outputs, references):
    """BLEU's brevity penalty, (10.3), of a whole test set: return a number from 0 to 1.

    outputs, references: lists of lists of tokens, one reference an output. With c tokens in all outputs together and
    r in all references it is 1 where c is at least r, else e^(1 - r / c); 0 where nothing at all was written.

    For outputs of 4 and 6 tokens and references of 8 and 12, c = 10, r = 20, and the penalty is e^-1 = 0.37.
    """
    c, r = sum(map(len, outputs)), sum(map(len, references))
    if c >= r:
        return 1.0
    return math.exp(1 - r / c) if c else 0.0


@brevity_penalty.example
def _():
    return ([["a"] * 4, ["a"] * 6], [["a"] * 8, ["a"] * 12]), math.exp(-1)


@brevity_penalty.example
def _():
    return ([["a"] * 9, ["a"]], [["a"] * 5, ["a"] * 5]), 1.0


@brevity_penalty.fresh
def _(rng):
    n = int(rng.integers(1, 4))
    return [_words(rng, 0, 8) for _ in range(n)], [_words(rng, 1, 9) for _ in range(n)]


@brevity_penalty.truth
def _(outputs, references):
    from sacrebleu.metrics import BLEU

    joined = [[" ".join(tokens) for tokens in texts] for texts in (outputs, references)]
    return BLEU(tokenize="none", smooth_method="none").corpus_score(joined[0], [joined[1]]).bp


@brevity_penalty.variant
def with_min(outputs, references):
    written, wanted = len([t for o in outputs for t in o]), len([t for r in references for t in r])
    return 0.0 if written == 0 else min(1.0, math.e ** (1 - wanted / written))


@brevity_penalty.misconception("The ratio is upside down: it is r / c, the reference's length over the output's.")
def upside_down(outputs, references):
    c, r = sum(map(len, outputs)), sum(map(len, references))
    return 1.0 if c >= r else math.exp(1 - c / r) if c else 0.0


@brevity_penalty.misconception(
    "Long outputs get more than 1 from you. They are punished already, by their precision; the penalty never exceeds "
    "1."
)
def no_ceiling(outputs, references):
    c, r = sum(map(len, outputs)), sum(map(len, references))
    return math.exp(1 - r / c) if c else 0.0


@brevity_penalty.misconception("You gave the plain ratio c / r. BLEU takes e^(1 - r / c).")
def plain_ratio(outputs, references):
    c, r = sum(map(len, outputs)), sum(map(len, references))
    return min(1.0, c / r)


@brevity_penalty.misconception(
    "That is the mean of one penalty a sentence. Add up the lengths of all sentences first: a short one may be made "
    "good by a long one."
)
def sentence_by_sentence(outputs, references):
    each = [brevity_penalty.reference([o], [r]) for o, r in zip(outputs, references)]
    return sum(each) / len(each)


# -- spot the error: what the decoder reads --------------------------------------------------------------------


@exercise(
    minutes=15,
    difficulty=2,
    hints=[
        "Write down one row for the target [5, 6] by hand: at the first place the decoder knows nothing of the "
        "translation and must write 5; at the last it has read 6 and must write the end.",
        "written[i, 0] = end and written[i, 1 : n + 1] = ids; wanted[i, :n] = ids and wanted[i, n] = end; what is "
        "left of wanted stays IGNORE.",
    ],
)
def teacher_forcing(targets, end, ignore):
    """Spot the errors. This makes what a decoder reads and what it must write, for a batch. Its training loss falls
    to nearly 0 within minutes, and then the model translates nothing. Mend it.

    targets: a list of lists of ids. end: the id of the end mark, which is also the first token that the decoder
    reads. ignore: the number that means "no target here" to the loss. Return two numpy arrays of whole numbers (rows,
    longest + 1): `written`, filled up with `end`, and `wanted`, filled up with `ignore`.

    For [[5, 6], [7]] with end 1 and ignore -100 they are [[1, 5, 6], [1, 7, 1]] and [[5, 6, 1], [7, 1, -100]].
    """
    longest = max(map(len, targets)) + 1
    written, wanted = np.full((len(targets), longest), end), np.full((len(targets), longest), ignore)
    for i, ids in enumerate(targets):
        written[i, 1 : len(ids) + 1] = ids
        wanted[i, : len(ids) + 1] = [*ids, end]
    return written, wanted


@teacher_forcing.start
def _(targets, end, ignore):
    longest = max(map(len, targets)) + 1
    written, wanted = np.full((len(targets), longest), end), np.full((len(targets), longest), end)
    for i, ids in enumerate(targets):
        written[i, : len(ids)] = ids
        wanted[i, : len(ids)] = ids
    return written, wanted


@teacher_forcing.example
def _():
    return ([[5, 6], [7]], 1, -100), (np.array([[1, 5, 6], [1, 7, 1]]), np.array([[5, 6, 1], [7, 1, -100]]))


@teacher_forcing.fresh
def _(rng):
    rows = [rng.integers(2, 30, size=int(rng.integers(1, 6))).tolist() for _ in range(int(rng.integers(2, 5)))]
    return rows, int(rng.integers(0, 2)), int(rng.choice([-100, -1]))


@teacher_forcing.truth
def _(targets, end, ignore):
    pad = torch.nn.utils.rnn.pad_sequence
    marked = [torch.tensor([end, *ids, end]) for ids in targets]
    written = pad([row[:-1] for row in marked], batch_first=True, padding_value=end)
    return written.numpy(), pad([row[1:] for row in marked], batch_first=True, padding_value=ignore).numpy()


@teacher_forcing.variant
def row_by_row(targets, end, ignore):
    longest = max(len(ids) for ids in targets)
    written = [[end] + ids + [end] * (longest - len(ids)) for ids in targets]
    wanted = [ids + [end] + [ignore] * (longest - len(ids)) for ids in targets]
    return np.array(written), np.array(wanted)


@teacher_forcing.misconception(
    "This is the faulty program still: the decoder reads at each place the very token that it must write there, and "
    "learns to copy it."
)
def as_it_was(targets, end, ignore):
    longest = max(map(len, targets)) + 1
    written = np.array([[*ids, *[end] * (longest - len(ids))] for ids in targets])
    return written, written.copy()


@teacher_forcing.misconception(
    "The padding of `wanted` still asks for end marks. Then most of the loss is about writing one end mark after "
    "another: fill up with `ignore`."
)
def padding_wanted(targets, end, ignore):
    written, wanted = teacher_forcing.reference(targets, end, ignore)
    return written, np.where(wanted == ignore, end, wanted)


@teacher_forcing.misconception(
    "The padding is right now, but the decoder still reads the token that it must write. It may read what stands "
    "BEFORE it: shift `written` by one place, with the end mark in front."
)
def not_shifted(targets, end, ignore):
    _, wanted = teacher_forcing.reference(targets, end, ignore)
    return np.where(wanted == ignore, end, wanted), wanted


@teacher_forcing.misconception(
    "Nothing tells the model to stop: the end mark is missing in `wanted`. It must be written like any token, once, "
    "after the last one."
)
def never_ends(targets, end, ignore):
    written, wanted = teacher_forcing.reference(targets, end, ignore)
    for row, ids in zip(wanted, targets):
        row[len(ids)] = ignore
    return written, wanted


# -- padding in the loss ---------------------------------------------------------------------------------------


@exercise(
    minutes=15,
    difficulty=2,
    hints=[
        "Every real token weighs the same, in whichever sentence it stands. First find the real ones: targets != "
        "ignore.",
        "rows, places = np.nonzero(targets != ignore); -log_p[rows, places, targets[rows, places]].mean()",
    ],
)
def padded_loss(log_p, targets, ignore):
    """The mean surprise, in nats, of the tokens of a padded batch.

    log_p: numpy array (batch, time, vocab_size), natural logarithms of probabilities. targets: whole numbers (batch,
    time); where one equals `ignore`, a number below 0, there is padding. At least one is real. Return a number.

    If the two sentences of a batch have 3 tokens and 1, it is the sum of 4 surprises over 4.
    """
    rows, places = np.nonzero(targets != ignore)
    return -log_p[rows, places, targets[rows, places]].mean()


@padded_loss.example
def _():
    log_p = np.log(np.array([[[0.5, 0.5], [0.25, 0.75]], [[0.5, 0.5], [0.1, 0.9]]]))
    return (log_p, np.array([[0, 0], [1, -100]]), -100), (math.log(2) + math.log(4) + math.log(2)) / 3


@padded_loss.fresh
def _(rng):
    batch, time, size = int(rng.integers(2, 4)), int(rng.integers(2, 5)), int(rng.integers(3, 6))
    scores = rng.normal(size=(batch, time, size)).round(2)
    targets = rng.integers(0, size, (batch, time))
    for row, length in zip(targets, rng.permutation([1, *rng.integers(1, time + 1, batch - 1)])):
        row[length:] = -1
    return scores - np.log(np.exp(scores).sum(-1, keepdims=True)), targets, -1


@padded_loss.truth
def _(log_p, targets, ignore):
    log_p, targets = torch.from_numpy(log_p).flatten(0, 1), torch.from_numpy(targets).flatten()
    return F.nll_loss(log_p, targets, ignore_index=ignore).item()


@padded_loss.variant
def token_by_token(log_p, targets, ignore):
    surprises = [
        -log_p[i, t, targets[i, t]]
        for i in range(len(targets))
        for t in range(targets.shape[1])
        if targets[i, t] != ignore
    ]
    return sum(surprises) / len(surprises)


@padded_loss.misconception(
    "Padding is counted here: an index of -1 is the LAST word of the vocabulary to numpy, without an error. Leave "
    "these places out."
)
def padding_as_last_word(log_p, targets, ignore):
    rows, places = np.indices(targets.shape)
    return -log_p[rows, places, np.maximum(targets, -1)].mean()


@padded_loss.misconception(
    "The sum is right, but you divided by all places, padding too. Then a batch with much padding seems to be easy."
)
def divided_by_all_places(log_p, targets, ignore):
    return padded_loss.reference(log_p, targets, ignore) * (targets != ignore).mean()


@padded_loss.misconception(
    "That is the mean of the sentences' means: a token of a short sentence then weighs more than one of a long one."
)
def mean_of_means(log_p, targets, ignore):
    rows = range(len(targets))
    return float(np.mean([padded_loss.reference(log_p[[i]], targets[[i]], ignore) for i in rows]))


@padded_loss.misconception("This is the mean logarithm, below 0. Surprise is its negative.")
def sign_forgotten(log_p, targets, ignore):
    return -padded_loss.reference(log_p, targets, ignore)


# -- alignment error rate --------------------------------------------------------------------------------------


@exercise(
    minutes=15,
    difficulty=2,
    hints=[
        "A found link is right if it is possible; a sure link should have been found. So the two parts of the sum "
        "look at two different sets.",
        "1 - (len(found & sure) + len(found & possible)) / (len(found) + len(sure)); sure links are possible, too.",
    ],
)
def alignment_error_rate(found, sure, possible):
    """The alignment error rate of Och and Ney (2003), (10.5). Return a number; 0 is perfect.

    found, sure, possible: sets of links (target place, source place). A sure link must be found. A possible one may
    be found without harm; every sure link is possible, too, whether `possible` says so or not. There is at least one
    sure link. With |x| for the number of links:

    AER = 1 - (|found and sure| + |found and possible|) / (|found| + |sure|)

    With found {(0, 0), (1, 1)}, sure {(0, 0)} and possible {(1, 1)} it is 1 - (1 + 2) / (2 + 1) = 0.
    """
    possible = sure | possible
    return 1 - (len(found & sure) + len(found & possible)) / (len(found) + len(sure))


@alignment_error_rate.example
def _():
    return ({(0, 0), (1, 1)}, {(0, 0)}, {(1, 1)}), 0.0


@alignment_error_rate.example
def _():
    return ({(0, 1), (1, 1), (2, 2)}, {(0, 0), (1, 1)}, {(2, 2)}), 1 - (1 + 2) / (3 + 2)


@alignment_error_rate.fresh
def _(rng):
    def some(least):
        n = int(rng.integers(least, 7))
        return {(int(a), int(b)) for a, b in rng.integers(0, 3, (n, 2))}

    sure = some(1)
    return some(0), sure, some(0) | (sure if rng.random() < 0.5 else set())


@alignment_error_rate.truth
def _(found, sure, possible):
    wrong = sum(link not in sure and link not in possible for link in found)
    missed = sum(link not in found for link in sure)
    return (wrong + missed) / (len(found) + len(sure))


@alignment_error_rate.variant
def two_sums(found, sure, possible):
    right = [link for link in found if link in sure or link in possible]
    recalled = [link for link in sure if link in found]
    return (len(found) + len(sure) - len(right) - len(recalled)) / (len(found) + len(sure))


@alignment_error_rate.misconception(
    "Only sure links count as right here. A possible link may be found without harm: the second sum looks at "
    "possible ones."
)
def sure_alone(found, sure, possible):
    return 1 - 2 * len(found & sure) / (len(found) + len(sure))


@alignment_error_rate.misconception(
    "You asked for possible links as if they were sure. Who leaves out a possible link has done nothing wrong: "
    "divide by the sure ones, and look for these."
)
def possible_as_sure(found, sure, possible):
    both = sure | possible
    return 1 - 2 * len(found & both) / (len(found) + len(both))


@alignment_error_rate.misconception("That is how much is right. An error rate is 1 minus that.")
def rate_of_success(found, sure, possible):
    return 1 - alignment_error_rate.reference(found, sure, possible)


@alignment_error_rate.misconception(
    "Sure links are possible, too. Where `possible` does not repeat them, they count as wrong for you."
)
def sure_not_possible(found, sure, possible):
    return 1 - (len(found & sure) + len(found & possible)) / (len(found) + len(sure))


@alignment_error_rate.misconception(
    "You measured precision alone: who finds one safe link and nothing else would be perfect. Missed sure links "
    "count as well."
)
def precision_alone(found, sure, possible):
    return 1 - len(found & (sure | possible)) / max(1, len(found))


# -- one step of beam search -----------------------------------------------------------------------------------


@exercise(
    minutes=20,
    difficulty=3,
    hints=[
        "All continuations of all beams compete with one another: make one table (beams, vocab_size) of total scores "
        "first.",
        "total = log_p[:, None] + next_log_p, and order = np.argsort(-total, axis=None, kind='stable')[:k]; then "
        "beam and token are np.unravel_index(order, total.shape).",
    ],
)
def beam_step(log_p, next_log_p, k):
    """One step of beam search: the k best continuations of all beams together, the best first.

    log_p: numpy array (beams,), the log-probability of what each beam has written so far. next_log_p: (beams,
    vocab_size), the log-probability of each next token after each beam. k: at most beams * vocab_size. Return three
    arrays (k,): from which beam, with which token (whole numbers), and the log-probability of it all. No two totals
    are equal.

    With log_p [-1, -2] and next_log_p [[-3, -4], [-1, -9]] and k = 2 it is [1, 0], [0, 0] and [-3, -4].
    """
    total = log_p[:, None] + next_log_p
    order = np.argsort(-total, axis=None)[:k]
    beam, token = np.unravel_index(order, total.shape)
    return beam, token, total[beam, token]


@beam_step.example
def _():
    arguments = (np.array([-1.0, -2.0]), np.array([[-3.0, -4.0], [-1.0, -9.0]]), 2)
    return arguments, (np.array([1, 0]), np.array([0, 0]), np.array([-3.0, -4.0]))


@beam_step.example
def _():
    arguments = (np.array([-1.0, -5.0]), np.array([[-1.0, -2.0, -3.5], [-0.6, -0.7, -9.0]]), 3)
    return arguments, (np.array([0, 0, 0]), np.array([0, 1, 2]), np.array([-2.0, -3.0, -4.5]))


@beam_step.fresh
def _(rng):
    beams, size = int(rng.integers(1, 5)), int(rng.integers(2, 6))
    return (
        -rng.exponential(2, beams),
        -rng.exponential(2, (beams, size)),
        int(rng.integers(1, min(5, beams * size) + 1)),
    )


@beam_step.truth
def _(log_p, next_log_p, k):
    best, place = (torch.from_numpy(log_p)[:, None] + torch.from_numpy(next_log_p)).flatten().topk(k)
    size = next_log_p.shape[1]
    return (place // size).numpy(), (place % size).numpy(), best.numpy()


@beam_step.variant
def sort_a_list(log_p, next_log_p, k):
    all_of_them = [(log_p[b] + next_log_p[b, t], b, t) for b in range(len(log_p)) for t in range(next_log_p.shape[1])]
    best = sorted(all_of_them, reverse=True)[:k]
    totals, beams, tokens = zip(*best)
    return np.array(beams), np.array(tokens), np.array(totals)


@beam_step.misconception(
    "What each beam has cost so far is left out. Then a beam that began badly looks as good as any other."
)
def past_forgotten(log_p, next_log_p, k):
    return beam_step.reference(0 * log_p, next_log_p, k)


@beam_step.misconception(
    "These are logarithms: the probability of the whole is a product, so the logarithms are ADDED, not multiplied."
)
def logarithms_multiplied(log_p, next_log_p, k):
    total = log_p[:, None] * next_log_p
    beam, token = np.unravel_index(np.argsort(-total, axis=None)[:k], total.shape)
    return beam, token, total[beam, token]


@beam_step.misconception(
    "These are the k worst: a log-probability nearer to 0 is better. Sort from the largest down."
)
def worst_first(log_p, next_log_p, k):
    total = log_p[:, None] + next_log_p
    beam, token = np.unravel_index(np.argsort(total, axis=None)[:k], total.shape)
    return beam, token, total[beam, token]


@beam_step.misconception(
    "Beam and token are mixed up: in a flat table (beams, vocab_size) the beam is place // vocab_size, the token is "
    "place % vocab_size."
)
def beam_and_token_swapped(log_p, next_log_p, k):
    beam, token, total = beam_step.reference(log_p, next_log_p, k)
    return token, beam, total


@beam_step.misconception(
    "You took the best token of each beam. All continuations of all beams compete: one good beam may fill all places."
)
def best_of_each_beam(log_p, next_log_p, k):
    token = next_log_p.argmax(1)
    total = log_p + next_log_p.max(1)
    order = np.argsort(-total)[:k]
    return order, token[order], total[order]
