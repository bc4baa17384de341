"""In-context learning, measured: when it appears in training, what it needs, and what it does with the examples.

    python -m lmlib.icl --path       data/icl/path.csv: accuracy and heads through the training, 4 kinds, 3 seeds
    python -m lmlib.icl --heads      data/icl/heads.csv: two layers with each head silenced, 3 seeds
    python -m lmlib.icl --things     data/icl/things.csv, and the checkpoint data/checkpoints/things-gpt
    python -m lmlib.icl --reviews 60     data/icl/reviews.csv: SmolLM2 on film reviews with 0, 1 and 4 examples

Nothing in these tables is typed.
"""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import torch

from .induction import heads_of, induction_scores, previous_scores, without_head
from .measured import read_rows, write_rows
from .models.gpt import GPT, GPTConfig
from .tasks.in_context import TaskBatches, Things, Words, share_right
from .training import fit
from .training.checkpoint import SHIPPED, save_checkpoint

FOLDER = Path(__file__).resolve().parents[1] / "data" / "icl"
SEEDS = (0, 1, 2)
SIZES = {"context": 64, "n_heads": 2, "d_model": 64}
STEPS, EVERY = 150, 6  # of the trainings on `Words`: how long, and how often we look
TESTED = 200  # texts behind each accuracy

KINDS = {  # parts of the GPT, and whether words keep their labels from text to text
    "two layers": ({"n_layers": 2}, False),
    "one layer": ({"n_layers": 1}, False),
    "one layer that glances back": ({"n_layers": 1, "conv_width": 2}, False),
    "two layers, fixed labels": ({"n_layers": 2}, True),
}


@dataclass
class Moment:
    """What a model can do after `step` steps.

    tested: on texts with "new" labels, or with the "fixed" ones of its training. loss: nats per answer.
    seen, fresh: share of right answers where the word asked for stood before in the text, and where it did not.
    induction, previous: scores of the best heads, see `look`.
    """

    kind: str
    tested: str
    seed: int
    step: int
    loss: float
    seen: float
    fresh: float
    induction: float
    previous: float


class Watched:
    """Batches that call `look(step)` before every `every`-th step of a training."""

    def __init__(self, batches, every, look):
        self.batches, self.every, self.look = batches, every, look

    def batch(self, step):
        if step % self.every == 0:
            self.look(step)
        return self.batches.batch(step)


def new_model(task, seed=0, **parts):
    """A small GPT for a task, not trained."""
    return GPT(GPTConfig(task.vocab_size, **SIZES | parts, seed=seed))


def train(model, task, steps, seed=0, every=None, look=None, progress=False, schedule="constant"):
    """Train on texts of the task, always new ones; `look(step)` comes before every `every`-th step, and at last."""
    batches = TaskBatches(task, seed=seed)
    if look:
        batches = Watched(batches, every, look)
    history = fit(model, batches, steps=steps, lr=0.02, schedule=schedule, seed=seed, progress=progress)
    if look:
        look(steps)
    return history


def repeated_pairs(task, n, generator, words=8):
    """`n` texts of so many different words with random labels, the whole row twice: ids (n, 4 * words).

    In the second half an induction head has something to find, and the order of the first tells it where.
    """
    picked = torch.rand(n, len(task.asked), generator=generator).argsort(1)[:, :words]
    labels = torch.randint(task.n_labels, (n, words), generator=generator)
    ids = task.episodes(picked, labels).ids
    return torch.cat((ids, ids), 1)


def scores(model, ids):
    """(induction, previous) scores of all heads on `repeated_pairs`, each (layers, heads).

    Induction: from a word of the second half to its label in the first. Previous: from a label to the word before it.
    """
    weights = heads_of(model, ids)
    half = ids.size(1) // 2
    return induction_scores(weights, ids, slice(half, None, 2)), previous_scores(weights, slice(1, None, 2))


def accuracies(model, task, episodes):
    """Shares of right answers, (seen before in the text, not seen before)."""
    right = share_right(task.read(model, episodes), episodes.answers)
    return right[~episodes.fresh].mean().item(), right[episodes.fresh].mean().item()


def loss_of(model, task, episodes):
    """Mean surprise of the right label among the labels, in nats."""
    p = task.read(model, episodes).gather(2, episodes.answers[..., None])
    return -p.clamp(min=1e-12).log().mean().item()


def follow(kind, seed, steps=STEPS, every=EVERY, progress=False):
    """Train one kind of model and look at it on the way: (model, list of `Moment`).

    All kinds are tested on the same texts with new labels; who trains on fixed labels, on texts with these, too.
    """
    parts, fixed = KINDS[kind]
    task, generator = Words(fixed=fixed), torch.Generator().manual_seed(12_345)
    model, moments = new_model(task, seed, **parts), []
    tests = {"new": Words(), "fixed": Words(fixed=True)}
    texts = {name: test.draw(TESTED, generator) for name, test in tests.items() if fixed or name == "new"}
    rows = repeated_pairs(task, 32, generator)

    def look(step):
        heads = [float(score.max()) for score in scores(model, rows)]
        for name, episodes in texts.items():
            numbers = (loss_of(model, task, episodes), *accuracies(model, task, episodes), *heads)
            moments.append(Moment(kind, name, seed, step, *(round(number, 4) for number in numbers)))

    train(model, task, steps, seed, every, look, progress)
    return model, moments


def moment_of(steps, values, share=0.5):
    """The first step at which the values have gone the `share` of their way from the first to the largest, (15.5)."""
    goal = values[0] + share * (max(values) - values[0])
    return next(step for step, value in zip(steps, values) if value >= goal)


@dataclass
class Silenced:
    """What a trained model of two layers can do without one of its heads; layer and head are counted from 0.

    all_heads, without: share of right answers where the word stood before, with all heads and without this one.
    previous, induction: this head's scores, see `scores`.
    """

    seed: int
    layer: int
    head: int
    all_heads: float
    without: float
    previous: float
    induction: float


def silence_each(model, seed):
    """A row of `Silenced` for each head of a model trained on `Words`, all tested on the same texts."""
    task = Words()
    test = task.draw(300, torch.Generator().manual_seed(3))
    induction, previous = scores(model, repeated_pairs(task, 64, torch.Generator().manual_seed(4)))
    all_heads = accuracies(model, task, test)[0]
    for layer, head in [(i, j) for i in range(induction.size(0)) for j in range(induction.size(1))]:
        with without_head(model, layer, head):
            without = accuracies(model, task, test)[0]
        numbers = all_heads, without, previous[layer, head].item(), induction[layer, head].item()
        yield Silenced(seed, layer, head, *(round(number, 4) for number in numbers))


# -- things, and a rule that must be found -------------------------------------------------------------------------

THINGS = {"n_layers": 2, "conv_width": 4}  # a glance over the whole example: that is what a label belongs to
THINGS_STEPS = 450
WRONG = (0.0, 0.25, 0.5)  # shares of examples whose label is drawn anew by lot
CHECKPOINT = SHIPPED / "things-gpt"


@dataclass
class Shots:
    """Share of right answers about things that did not stand in the text, behind `shots` examples; n: how many.

    reader: "model", trained with this seed, or one that knows what it does: "ideal", "copier", "old rules".
    rules: of the test's texts, "old" or "new". wrong: share of examples with a label drawn by lot.
    """

    reader: str
    seed: int
    rules: str
    wrong: float
    shots: int
    n: int
    right: float


def with_wrong_labels(task, episodes, share, generator):
    """The same texts, a share of all labels drawn anew by lot; `answers` stays what the rule says."""
    lots = torch.rand(episodes.answers.shape, generator=generator) < share
    drawn = torch.randint(task.n_labels, lots.shape, generator=generator)
    said = torch.where(lots, drawn, episodes.answers)
    noisy = task.episodes(task.values(episodes), said, episodes.rules)
    return noisy, episodes.answers


def readers_of_things(task, episodes, wrong=0.0):
    """{name: probabilities (n, shots, labels)} of the readers whose ways are known."""
    return {
        "ideal": task.ideal(episodes, wrong=wrong),
        "copier": task.copier(episodes),
        "old rules": task.ideal(episodes, "old", wrong),
    }


def by_shots(probabilities, answers, fresh):
    """[(n, share right)] for each number of shots, over the things that did not stand before."""
    right = share_right(probabilities, answers)
    return [(int(f.sum()), right[:, k][f].mean().item()) for k, f in enumerate(fresh.T)]


def train_things(seed, steps=THINGS_STEPS, every=None, look=None):
    """A model that has seen texts with old rules, always new ones."""
    task = Things()
    model = new_model(task, seed, **THINGS)
    train(model, task, steps, seed, every, look, schedule="trapezoid")
    return model


def measure_things(models, n=500):
    """Rows of `Shots` for {seed: model} and for the known readers, on the same test texts."""
    task = Things()
    for rules in ("old", "new"):
        for wrong in WRONG:
            generator = torch.Generator().manual_seed(77)
            clean = task.draw(n, generator, rules)
            episodes, answers = with_wrong_labels(task, clean, wrong, generator)
            readers = {(name, 0): p for name, p in readers_of_things(task, episodes, wrong).items()}
            readers |= {("model", seed): task.read(model, episodes) for seed, model in models.items()}
            for (name, seed), p in readers.items():
                for shots, (count, right) in enumerate(by_shots(p, answers, episodes.fresh)):
                    yield Shots(name, seed, rules, wrong, shots, count, round(right, 4))


def curve(rows, reader, rules, wrong=0.0, shots=None):
    """(mean, least, largest) over the seeds: of all shots a list, of one number of shots its triple."""
    some = [row for row in rows if (row.reader, row.rules, row.wrong) == (reader, rules, wrong)]
    found = []
    for number in sorted({row.shots for row in some}):
        rights = [row.right for row in some if row.shots == number]
        found.append((mean(rights), min(rights), max(rights)))
    return found if shots is None else found[shots]


# -- real reviews, a real model ----------------------------------------------------------------------------------

WORDS_OF_LABELS = ("negative", "positive")  # 0 is blame, 1 is praise
ORDERS = {"praise last": (0, 0, 1, 1), "blame last": (1, 1, 0, 0)}
NO_CONTENT = "N/A"
SETS = 2  # of four examples each


@dataclass
class Reviews:
    """How SmolLM2 judged `n` reviews behind one prompt.

    shots: examples in the prompt; set: which ones; order: see ORDERS; labels: "true", or "swapped" in the examples.
    right: share of right verdicts, a half of them would be chance; praise: share of "positive" among the verdicts.
    right_calibrated, praise_calibrated: the same after `prompts.calibrated`.
    """

    shots: int
    set: int
    order: str
    labels: str
    n: int
    right: float
    praise: float
    right_calibrated: float
    praise_calibrated: float


def conditions(reviews):
    """(shots, set, order, labels, examples) of every prompt, the examples taken from training reviews.

    One example is a piece of praise or of blame; four are two of each, in two orders, with true and swapped labels.
    """
    chosen = {label: [r.text for r in reviews if r.label == label and len(r.text.split()) <= 20] for label in (0, 1)}
    generator = torch.Generator().manual_seed(0)
    picked = {label: torch.randperm(len(texts), generator=generator).tolist() for label, texts in chosen.items()}
    yield 0, 0, "none", "true", []
    for number in range(SETS):
        pair = {label: [chosen[label][picked[label][2 * number + i]] for i in (0, 1)] for label in (0, 1)}
        if number == 0:
            for name, label in (("praise last", 1), ("blame last", 0)):
                yield 1, number, name, "true", [(pair[label][0], label)]
        for name, order in ORDERS.items():
            left = {label: iter(texts) for label, texts in pair.items()}
            examples = [(next(left[label]), label) for label in order]
            yield 4, number, name, "true", examples
            yield 4, number, name, "swapped", [(text, 1 - label) for text, label in examples]


def last_label(row):
    """The word that stands last in the examples of a prompt; None where there are none."""
    if not row.shots:
        return None
    return WORDS_OF_LABELS[(row.order == "praise last") == (row.labels == "true")]


def judge_reviews(n, name="sst2"):
    """Let SmolLM2-135M-Instruct judge n reviews of the test split, half of them praise; yields `Reviews`."""
    from .models.pretrained import load_smollm2
    from .prompts import Prompt, calibrated, label_probabilities
    from .tasks import sentiment

    model, tokenizer, _ = load_smollm2()
    test = sentiment.load(name, "test")
    some = [review for label in (0, 1) for review in [r for r in test if r.label == label][: n // 2]]
    truth = torch.tensor([review.label for review in some])
    for shots, number, order, labels, examples in conditions(sentiment.load(name, "train")):
        prompt = Prompt(examples, WORDS_OF_LABELS)
        p = label_probabilities(model, tokenizer, prompt, [NO_CONTENT, *(review.text for review in some)])
        numbers = []
        for said in (p[1:].argmax(1), calibrated(p[1:], p[0]).argmax(1)):
            numbers += [(said == truth).double().mean().item(), said.double().mean().item()]
        yield Reviews(shots, number, order, labels, len(some), *(round(number, 4) for number in numbers))


# -- the tables ----------------------------------------------------------------------------------------------------


def read_table(name, kind):
    """The rows of data/icl/<name>.csv. Raises FileNotFoundError where it was not made yet."""
    path = FOLDER / f"{name}.csv"
    return read_rows(kind, path, f"there is no table {path.name} yet: make it with `python -m lmlib.icl --help`")


def path_of(rows, kind, seed, tested="new"):
    """The moments of one training, in order."""
    return [row for row in rows if (row.kind, row.seed, row.tested) == (kind, seed, tested)]


def main(argv=None):
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m lmlib.icl", description="Measure in-context learning.")
    add = parser.add_argument
    add("--path", action="store_true", help="train all kinds on words with new labels, three seeds (some minutes)")
    add("--heads", action="store_true", help="train two layers and silence each head, three seeds (half a minute)")
    add("--things", action="store_true", help="train on things whose rule must be found, three seeds (some minutes)")
    add("--reviews", type=int, metavar="N", help="let SmolLM2 judge N film reviews (93 MB once, some minutes)")
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    if args.path:
        rows = []
        for kind in KINDS:
            for seed in SEEDS:
                begun = time.process_time()
                _, moments = follow(kind, seed, STEPS // 2 if KINDS[kind][1] else STEPS)
                rows += moments
                last = moments[-1]
                print(f"{kind}, seed {seed}, {time.process_time() - begun:.0f} s: {last}", flush=True)
        write_rows(rows, FOLDER / "path.csv")
    if args.heads:
        rows = []
        for seed in SEEDS:
            rows += silence_each(follow("two layers", seed)[0], seed)
            print(*rows[-4:], sep="\n", flush=True)
        write_rows(rows, FOLDER / "heads.csv")
    if args.things:
        models = {}
        for seed in SEEDS:
            begun = time.process_time()
            models[seed] = train_things(seed)
            print(f"things, seed {seed}: {time.process_time() - begun:.0f} s", flush=True)
        rows = list(measure_things(models))
        write_rows(rows, FOLDER / "things.csv")
        for rules in ("old", "new"):
            print(rules, {name: curve(rows, name, rules)[-1] for name in ("model", "ideal", "copier", "old rules")})
        save_checkpoint(
            CHECKPOINT, models[0], task="things", step=THINGS_STEPS, command="python -m lmlib.icl --things"
        )
    if args.reviews:
        rows = []
        for row in judge_reviews(args.reviews):
            rows.append(row)
            print(row, flush=True)
            write_rows(rows, FOLDER / "reviews.csv")


if __name__ == "__main__":
    main()
