"""What lesson 16 measures inside the shipped GPT: what it knows, where that goes through, what is only there.

The table is data/inside.csv; `python -m lmlib.inside` makes it anew (some minutes). Every figure is measured three
times, on other stories each time (and with other control labels); its spread is the standard deviation of the three.
Each function here takes a seed and is small enough to be run live, with fewer stories.
"""

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

import numpy as np
import torch
from scipy.optimize import linprog
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from . import hooks, village
from .measured import read_rows, write_rows
from .metrics import bits_per_character
from .tasks.greetings import PLACES, greetings
from .tasks.sentences import facts, told

TABLE = Path(__file__).resolve().parents[1] / "data" / "inside.csv"
SEEDS = (0, 1, 2)
PAIRS = 40  # pairs of stories in one measurement
STORIES = 40  # test stories on which an ablation is scored
COUNTS = (1, 4, 16, 64, 256)  # neurons carried over


@dataclass
class Row:
    """One figure: what was measured, at which site of the network, at which place or how; its mean over the seeds."""

    measure: str
    site: str
    place: str
    mean: float
    spread: float
    seeds: int


def parts(model):
    """The sites of a model that patching goes through: {name: (site, which of its numbers)}."""
    found = {name: (name, slice(None)) for name in hooks.sites(model) if not name.startswith(("heads", "neurons"))}
    for layer in range(1, len(model.blocks) + 1):
        for number in range(model.config.n_heads):
            found[f"head {layer}.{number}"] = (f"heads {layer}", hooks.head(model, number))
    return found


# -- patching ---------------------------------------------------------------------------------------------------


class Patching:
    """A pair of texts with two answers, and what happens to the answer when one run's numbers go into the other's.

    ids: two lists of equally many tokens; answers: two ids, what the first and the second text go on with. `base` is
    the run of the second text, into which numbers of the first are put.
    """

    def __init__(self, model, ids, answers):
        if len(ids[0]) != len(ids[1]):
            raise ValueError(
                f"the texts have {len(ids[0]) - 1} and {len(ids[1]) - 1} tokens: a place of one is a place of the "
                "other only where they are equally long"
            )
        self.model, self.answers = model, answers
        self.ids = torch.tensor(ids)
        self.source_logits, self.source = hooks.record(model, self.ids[:1], list(hooks.sites(model)))
        self.base_logits = hooks.run(model, self.ids[1:])

    def difference(self, logits):
        """The logit of the first answer minus that of the second, at the last place: (batch,)."""
        return logits[:, -1, self.answers[0]] - logits[:, -1, self.answers[1]]

    def share(self, logits):
        """How far the answer went from the second to the first, 0 to 1, in logit difference, (16.5): (batch,)."""
        base, goal = self.difference(self.base_logits), self.difference(self.source_logits)
        return (self.difference(logits) - base) / (goal - base)

    def patched(self, site, places, part=slice(None)):
        """Logits of len(places) runs of the second text, one place patched in each: (places, time, vocab)."""
        rows, places = torch.arange(len(places)), torch.as_tensor(places)
        values = self.source[site][0, places]

        def edit(x):
            if isinstance(part, slice):
                start, stop, _ = part.indices(x.size(-1))
                columns = torch.arange(start, stop)
            else:
                columns = torch.as_tensor(part)
            x[rows[:, None], places[:, None], columns] = values[:, columns]
            return x

        return hooks.run(self.model, self.ids[1:].expand(len(places), -1), {site: edit})


def patchings(model, tokenizer, seed, n=PAIRS):
    """A `Patching` of each of `n` pairs of greetings."""
    return [
        Patching(model, pair.ids(tokenizer), pair.answer_ids(tokenizer)) for pair in greetings(n, seed, tokenizer)
    ]


def patch_map(some, site, part=slice(None), n=16):
    """Mean share of the way at each of the last n places, and mean probability of the first answer: two arrays."""
    shares, p = [], []
    for one in some:
        last = one.ids.size(1)
        logits = one.patched(site, range(last - n, last), part)
        shares.append(one.share(logits).numpy())
        p.append(logits[:, -1].softmax(-1)[:, one.answers[0]].numpy())
    return np.mean(shares, axis=0), np.mean(p, axis=0)


def measure_patches(model, tokenizer, seed, n=PAIRS):
    """{("share" or "probability", part, place): value} for all parts and places."""
    some, found = patchings(model, tokenizer, seed, n), {}
    for name, (site, part) in parts(model).items():
        shares, p = patch_map(some, site, part)
        for place, (share, probability) in zip(_numbered(PLACES), zip(shares, p)):
            found["share", name, place] = share
            if name.startswith("stream"):
                found["probability", name, place] = probability
    return found


def _numbered(places):
    """Names that stand only once: the second full stop is "..", for a table needs to tell them apart."""
    return [place * (1 + places[:i].count(place)) for i, place in enumerate(places)]


SWAPS = {"nothing": [], "went": ["went"], "came": ["came"], "went and came": ["went", "came"]}


def continue_patched(model, ids, edits, n):
    """The n likeliest tokens behind ids, one after the other, from a model with these edits: a list of ids."""
    ids, start = list(ids), len(ids)
    for _ in range(n):
        ids.append(int(hooks.run(model, ids, edits)[0, -1].argmax()))
    return ids[start:]


def measure_continuations(model, tokenizer, seed, n=PAIRS):
    """The other story goes on “NAME,” said NAME, with the story's vectors behind layer 1 at some words of the scene.

    {("continues", words, "who is greeted" or "who speaks"): share of pairs that go on as the story does}.
    """
    found = {}
    for pair in greetings(n, seed, tokenizer):
        story, other = pair.ids(tokenizer)
        _, kept = hooks.record(model, story, ["stream 1"])
        for words, carried in SWAPS.items():
            places = [len(story) - len(PLACES) + PLACES.index(word) for word in carried]
            new = continue_patched(model, other, {"stream 1": hooks.put(kept["stream 1"], place=places)}, n=5)
            named = [tokenizer.token(new[0]).strip(), tokenizer.token(new[4]).strip()]  # NAME , ” said NAME
            for what, name, right in zip(("who is greeted", "who speaks"), named, pair.names):
                found.setdefault(("continues", words, what), []).append(name == right)
    return {key: float(np.mean(values)) for key, values in found.items()}


def measure_neurons(model, tokenizer, seed, n=PAIRS, counts=COUNTS):
    """How many neurons of the last layer does the answer need? {("neurons", "largest" or "random", count): share}.

    The neurons of the last layer are ordered by what their change adds to the logit difference, with the norm's
    scale kept, and the largest few are carried over, at the last place; or as many drawn by lot.
    """
    layer, rng, found = len(model.blocks), np.random.default_rng(seed), {}
    site, some = f"neurons {len(model.blocks)}", patchings(model, tokenizer, seed, n)
    for one in some:
        _, base = hooks.record(model, one.ids[1:], [site])
        change = (one.source[site] - base[site])[0, -1]
        first, second = one.answers
        scores = head_weight(model)
        read = model.norm.weight * (scores[first] - scores[second])
        worth = change * (model.blocks[layer - 1].down.weight.T @ read)
        order = worth.detach().argsort(descending=True)
        lot = torch.from_numpy(rng.permutation(len(order)))
        for name, numbers in (("largest", order), ("random", lot)):
            for count in counts:
                logits = one.patched(site, [one.ids.size(1) - 1], numbers[:count])
                found.setdefault(("neurons", name, str(count)), []).append(one.share(logits).item())
    return {key: float(np.mean(values)) for key, values in found.items()}


def head_weight(model):
    """The matrix that makes scores of the last norm's output, (vocab_size, d_model)."""
    return model.embedding.weight if model.head is None else model.head.weight


# -- attention --------------------------------------------------------------------------------------------------


def other_weights(weights, values):
    """Other attention weights that give the same mixture of the values, with least weight where most was.

    weights: (keys,), values: (keys, d_head). A linear program: among all weights that are not negative, add up to 1
    and mix the values into the same vector, those with the least weight on the key that had the largest. Softmax
    weights are all above 0, so there are others wherever there are more keys than d_head + 1 (Brunner et al. 2020).
    Returns (keys,), the given weights where the solver finds no others.
    """
    weights, values = np.asarray(weights, dtype=float), np.asarray(values, dtype=float)
    cost = np.zeros(len(weights))
    cost[weights.argmax()] = 1
    rows = np.vstack([values.T, np.ones(len(weights))])
    found = linprog(cost, A_eq=rows, b_eq=rows @ weights, bounds=(0, None))
    return found.x if found.success else weights


def moved(weights, others):
    """How much weight lies elsewhere, from 0 to 1: half the sum of the absolute differences (total variation)."""
    return float(np.abs(np.asarray(weights) - np.asarray(others)).sum() / 2)


def measure_attention(model, tokenizer, seed, n=PAIRS):
    """For each head, at the last place of greetings: its largest weight; what can be moved without a trace; what is
    left of the logit difference when the most looked-at place is left out, and when the head is silent.
    """
    found = {}
    for one in patchings(model, tokenizer, seed, n):
        full = one.difference(one.source_logits).item()
        for layer in range(1, len(model.blocks) + 1):
            weights, values = hooks.look(model, one.ids[:1], layer)
            for number in range(model.config.n_heads):
                part, site = hooks.head(model, number), f"heads {layer}"
                row, v = weights[0, number, -1].double().numpy(), values[0, number].double().numpy()
                without = np.where(np.arange(len(row)) == row.argmax(), 0, row)
                without = without / without.sum()
                new = torch.zeros(1, 1, model.config.d_model)
                new[0, 0, part] = torch.from_numpy(without @ v).float()
                left = {
                    "left without top": hooks.put(new, place=slice(-1, None), part=part),
                    "left without head": hooks.zero(part=part),
                }
                name = f"head {layer}.{number}"
                found.setdefault(("attention", name, "top weight"), []).append(row.max())
                found.setdefault(("attention", name, "movable"), []).append(moved(row, other_weights(row, v)))
                for key, edit in left.items():
                    logits = hooks.run(model, one.ids[:1], {site: edit})
                    found.setdefault(("attention", name, key), []).append(one.difference(logits).item() / full)
    return {key: float(np.mean(values)) for key, values in found.items()}


# -- ablation ---------------------------------------------------------------------------------------------------


@torch.no_grad()
def mean_activations(model, tokenizer, texts, names):
    """The mean of each site's vectors over all tokens of the texts: {site: (numbers,)}."""
    sums, n = {}, 0
    for text in texts:
        ids = [tokenizer.end_id, *tokenizer.encode(text)][: model.config.context]
        _, kept = hooks.record(model, ids, names)
        n += len(ids)
        for name, values in kept.items():
            sums[name] = sums.get(name, 0) + values[0].sum(0)
    return {name: total / n for name, total in sums.items()}


def ablations(model, means):
    """{(part, "zero" or "mean"): edits} for the parts whose means are given."""
    found = {}
    for name, (site, part) in parts(model).items():
        if site in means:
            found[name, "zero"] = {site: hooks.zero(part=part)}
            found[name, "mean"] = {site: hooks.constant(means[site], part=part)}
    return found


def measure_ablations(model, tokenizer, seed, n=STORIES):
    """Bits per character that silencing a part adds on n test stories.

    {("ablation", part, "zero" or "mean"): bits}
    """
    stories = village.load_stories("test")[n * seed : n * (seed + 1)]
    known = [site for site in hooks.sites(model) if not site.startswith(("stream", "neurons"))]
    means = mean_activations(model, tokenizer, village.load_stories("train")[n * seed : n * (seed + 1)], known)
    whole, found = bits_per_character(model, tokenizer, stories), {}
    for (name, kind), edits in ablations(model, means).items():
        with hooks.changed(model, edits):
            found["ablation", name, kind] = bits_per_character(model, tokenizer, stories) - whole
    return found


# -- knowing and probing ----------------------------------------------------------------------------------------


def measure_knowledge(model, tokenizer, seed, n=150):
    """How often is the right answer the likeliest token, where the village leaves one answer only?

    {("knows", fact, "right"): share, ("knows", fact, "guess"): what guessing among those named would give}.
    """
    right, guess = {}, {}
    for story in told(range(7_000_000 + 10_000 * seed, 7_000_000 + 10_000 * seed + n)):
        places = facts(story, tokenizer)
        if places:
            ids = [tokenizer.end_id, *tokenizer.encode(story.text)]
            best = hooks.run(model, ids)[0].argmax(-1)
            for fact, place, candidates in places:
                right.setdefault(fact, []).append(best[place].item() == ids[place + 1])
                guess.setdefault(fact, []).append(1 / candidates)
    found = {("knows", fact, "right"): float(np.mean(values)) for fact, values in right.items()}
    return found | {("knows", fact, "guess"): float(np.mean(values)) for fact, values in guess.items()}


@dataclass
class Probed:
    """Vectors to train a probe on: {site: (examples, d_model)}, whether a woman is meant, and whose name it is."""

    vectors: dict
    female: np.ndarray
    names: np.ndarray


def collect(model, tokenizer, seeds, question="subject"):
    """Vectors of the stories of these seeds, where the village knows who is meant.

    question: "subject": at full stops behind which 'he' or 'she' would mean somebody. "holder": at the “ behind which
    the one who has the thing will be named, in stories with people of both sexes.
    """
    sites = [f"stream {layer}" for layer in range(len(model.blocks) + 1)]
    vectors, people = {site: [] for site in sites}, []
    for story in told(seeds):
        places = story.meant(question, tokenizer)
        ids = [tokenizer.end_id, *tokenizer.encode(story.text)]
        if not places or len(ids) > model.config.context:
            continue
        _, kept = hooks.record(model, ids, sites)
        people += [person for _, person in places]
        for site in sites:
            vectors[site].append(kept[site][0, [place for place, _ in places]].numpy())
    female = np.array([person.female for person in people])
    names = np.array([person.name for person in people])
    return Probed({site: np.concatenate(rows) for site, rows in vectors.items()}, female, names)


def control_labels(names, seed):
    """For each name a label that means nothing, half of them True: a dict (Hewitt and Liang 2019)."""
    names = sorted(set(names))
    return dict(zip(names, np.random.default_rng(seed).permutation(np.arange(len(names)) % 2 == 0)))


def probe(vectors, labels):
    """A linear probe: logistic regression on standardised numbers, with some weight decay."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=300)).fit(vectors, labels)


def measure_probes(model, tokenizer, seed, n=300):
    """Accuracy of linear probes on other stories: {("probe", stream, task): accuracy}.

    task: "gender" of whom he or she would mean, "control" (a label by lot for each name), "holder" (whether a woman
    has the thing), "goer at the full stop" (in greetings: does a probe for names find the one who goes more likely
    than the one who greets?). With "majority" for a stream: what the most frequent answer would be worth.
    """
    first, found = 8_000_000 + 100_000 * seed, {}
    train = collect(model, tokenizer, range(first, first + n))
    test = collect(model, tokenizer, range(first + 50_000, first + 50_000 + n // 2))
    label = control_labels([*train.names, *test.names], seed)
    tasks = {
        "gender": (train.vectors, train.female, test.vectors, test.female),
        "control": (
            train.vectors, np.array([label[name] for name in train.names]),
            test.vectors, np.array([label[name] for name in test.names]),
        ),
    }  # fmt: skip
    holder = [
        collect(model, tokenizer, seeds, "holder")
        for seeds in (range(first, first + 2 * n), range(first + 50_000, first + 50_000 + n))
    ]
    tasks["holder"] = (holder[0].vectors, holder[0].female, holder[1].vectors, holder[1].female)
    for task, (x, y, other_x, other_y) in tasks.items():
        for site in x:
            found["probe", site, task] = float(probe(x[site], y).score(other_x[site], other_y))
        found["probe", "majority", task] = float(max(other_y.mean(), 1 - other_y.mean()))
    # What is there and what is used: the probe for names, at the full stop in the middle of a greeting
    some = greetings(PAIRS, seed, tokenizer)
    patches = [Patching(model, pair.ids(tokenizer), pair.answer_ids(tokenizer)) for pair in some]
    for site in train.vectors:
        fitted = probe(train.vectors[site], train.names)
        classes, right, place = list(fitted.classes_), [], PLACES.index(".") - len(PLACES)
        for pair, patch in zip(some, patches):
            if set(pair.names) <= set(classes):
                scores = fitted.decision_function(patch.source[site][:1, place].numpy())[0]
                right.append(scores[classes.index(pair.answer)] > scores[classes.index(pair.other)])
        found["probe", site, "goer at the full stop"] = float(np.mean(right))
    return found


# -- the table --------------------------------------------------------------------------------------------------

MEASURES = (
    measure_knowledge,
    measure_patches,
    measure_continuations,
    measure_neurons,
    measure_attention,
    measure_ablations,
    measure_probes,
)


def read(path=TABLE):
    """The rows of the table, in the order in which they were measured."""
    return read_rows(Row, path, "these measurements are missing: make them with `python -m lmlib.inside`")


def figures(measure, path=TABLE):
    """{(site, place): Row} of one measure."""
    return {(row.site, row.place): row for row in read(path) if row.measure == measure}


def make(path=TABLE, names=()):
    """Measure everything (or only the named functions) with three seeds and write the table."""
    from .training import load_shipped

    torch.set_num_threads(1)
    model, tokenizer, _ = load_shipped("village-gpt")
    rows = {(row.measure, row.site, row.place): row for row in read(path)} if names else {}
    for measure in MEASURES:
        if names and measure.__name__ not in names:
            continue
        start = time.process_time()
        found = [measure(model, tokenizer, seed) for seed in SEEDS]
        again = {key[0] for key in found[0]}
        rows = {key: row for key, row in rows.items() if key[0] not in again}
        for key in found[0]:
            values = [float(one[key]) for one in found]
            rows[key] = Row(*key, round(mean(values), 4), round(stdev(values), 4), len(values))
        print(f"{measure.__name__}: {time.process_time() - start:.0f} s", flush=True)
        write_rows(rows.values(), path)


if __name__ == "__main__":
    make(names=sys.argv[1:])
