"""The training loop: it learns, it resumes bit for bit, and whatever stops it, nothing is lost."""

import math

import pytest
import torch

from lmlib.models.gpt import GPT, GPTConfig
from lmlib.training import (
    CheckpointError,
    DocumentBatches,
    History,
    TokenBatches,
    TrainingError,
    fit,
    load_checkpoint,
    next_token_loss,
)
from lmlib.training.checkpoint import read_state
from lmlib.training.data import IGNORE
from lmlib.training.loop import validation_loss

TEXT = [(i * i) % 7 for i in range(400)]


def gpt(**sizes):
    return GPT(GPTConfig(**{"vocab_size": 7, "context": 8, "n_layers": 1, "n_heads": 2, "d_model": 8} | sizes))


def train(seed=0):
    return TokenBatches(TEXT[:300], context=8, batch_size=4, seed=seed)


def valid():
    return TokenBatches(TEXT[300:], context=8, batch_size=8)


def quiet_fit(model, *args, **options):
    return fit(model, *args, **{"progress": False} | options)


def weights(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def assert_same(one, two):
    assert one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


class Calls:
    """A loss that does something else when training calls it for the `at`-th time (validation is not counted)."""

    def __init__(self, at, what):
        self.at, self.what, self.n = at, what, 0

    def __call__(self, model, batch):
        value = next_token_loss(model, batch)
        if model.training:
            self.n += 1
            if self.n == self.at:
                return self.what(value)
        return value


def interrupt(value):
    raise KeyboardInterrupt


# -- learning -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("optimizer", "lr"), [("muon", 0.06), ("adamw", 0.03)])
def test_the_loss_falls(optimizer, lr):
    model = gpt()
    history = quiet_fit(model, train(), valid(), steps=60, optimizer=optimizer, lr=lr)
    assert history.train_loss[0] == pytest.approx(math.log(7))
    assert history.best_valid < 0.7  # half of what counting single tokens gives, 1.35: it does look back
    assert history.steps == list(range(1, 61)) and len(history.train_loss) == 60
    assert history.valid_steps == list(range(6, 61, 6))
    assert history.tokens == 60 * 4 * 8 and history.seconds > 0 and not history.interrupted
    assert not model.training and all(p.grad is None for p in model.parameters())


def test_one_step_of_adamw_by_hand():
    ours, theirs = gpt(), gpt()
    quiet_fit(ours, train(), steps=1, optimizer="adamw", lr=0.01, schedule="constant", clip=0.5)
    next_token_loss(theirs, train().batch(0)).backward()
    torch.nn.utils.clip_grad_norm_(theirs.parameters(), 0.5)
    rate = 0.01 * 1e-3 / 0.03  # the warm-up's first step
    torch.optim.AdamW(theirs.parameters(), lr=rate, betas=(0.9, 0.98), weight_decay=0).step()
    for a, b in zip(ours.parameters(), theirs.parameters()):
        torch.testing.assert_close(a, b, atol=1e-8, rtol=1e-6)


def test_validation_weighs_every_target_alike():
    model = gpt(context=20)
    quiet_fit(model, train(), steps=5)
    documents = [TEXT[:3], TEXT[5:17], TEXT[20:21], TEXT[2:10]]
    batches = DocumentBatches(documents, end_id=0, batch_size=3)
    surprises = []
    for ids in documents:
        scores = model(torch.tensor([[0, *ids]]))[0].log_softmax(-1)
        surprises += [-scores[i, t].item() for i, t in enumerate([*ids, 0])]
    assert validation_loss(model, batches, next_token_loss) == pytest.approx(
        sum(surprises) / len(surprises), rel=1e-5
    )
    assert any((targets == IGNORE).any() for _, targets in batches.all_batches())


def test_keep_best_gives_back_the_best_weights():
    options = {"steps": 12, "eval_every": 3, "lr": 5.0, "schedule": "constant"}  # so large that it gets worse
    seen = {}

    class Watched:
        def all_batches(self):
            seen[len(seen) + 1] = weights(model)
            return valid().all_batches()

    model = gpt()
    history = quiet_fit(model, train(), Watched(), **options)
    best = history.valid_steps.index(history.best_step) + 1
    assert best < len(seen) and history.best_valid == min(history.valid_loss)
    assert_same(weights(model), seen[best])
    assert validation_loss(model, valid(), next_token_loss) == pytest.approx(history.best_valid)

    seen.clear()
    model = gpt()
    quiet_fit(model, train(), Watched(), keep_best=False, **options)
    assert_same(weights(model), seen[len(seen)])


def test_a_budget_of_seconds():
    history = quiet_fit(gpt(), train(), valid(), seconds=0.4)
    assert history.steps and 0.4 <= history.seconds
    assert history.valid_steps[-1] == history.steps[-1] and len(history.valid_steps) <= 11


def test_validation_does_not_use_up_the_seconds(monkeypatch):
    """With a clock of our own: a step takes 1 second, a validation 50."""
    now = [0.0]
    monkeypatch.setattr("lmlib.training.loop.time.perf_counter", lambda: now[0])

    def loss(model, batch):
        now[0] += 1.0 if model.training else 50.0 / 2  # two batches to validate
        return next_token_loss(model, batch)

    history = quiet_fit(gpt(), train(), valid(), seconds=20, loss=loss)
    assert history.steps[-1] == 20 and history.seconds == 20
    assert len(history.valid_steps) == 10 and sorted(set(history.valid_steps)) == history.valid_steps


def test_the_global_generator_is_left_alone():
    state = torch.get_rng_state()
    quiet_fit(gpt(dropout=0.3), train(), valid(), steps=4)
    assert torch.equal(torch.get_rng_state(), state)
    quiet_fit(gpt(dropout=0.3), train(), valid(), steps=4, loss=Calls(3, interrupt))
    assert torch.equal(torch.get_rng_state(), state)
    with pytest.raises(TrainingError):
        quiet_fit(gpt(dropout=0.3), train(), steps=4, loss=Calls(3, lambda value: value * math.nan))
    assert torch.equal(torch.get_rng_state(), state)


def test_the_seed_decides_what_dropout_drops():
    def run(seed):
        model = gpt(dropout=0.5)
        quiet_fit(model, train(), steps=5, seed=seed)
        return weights(model)

    assert_same(run(1), run(1))
    assert not torch.equal(run(1)["embedding.weight"], run(2)["embedding.weight"])


# -- stopping and resuming ------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
@pytest.mark.parametrize("validated", [False, True])
def test_a_resumed_training_is_that_which_was_never_stopped(tmp_path, capsys, optimizer, validated):
    options = {"steps": 20, "optimizer": optimizer, "weight_decay": 0.01, "keep_best": False, "eval_every": 5}
    data = (train(), valid()) if validated else (train(),)
    whole = gpt(dropout=0.2)
    history = quiet_fit(whole, *data, **options)

    stopped = quiet_fit(gpt(dropout=0.2), *data, out=tmp_path, loss=Calls(11, interrupt), **options)
    assert stopped.steps[-1] == 10 and stopped.interrupted
    before = read_state(tmp_path)["history"]["seconds"]
    resumed = gpt(dropout=0.2, seed=5)  # its own weights must not matter
    again = quiet_fit(resumed, *data, out=tmp_path, resume=True, **options)
    assert_same(weights(resumed), weights(whole))
    assert (again.steps, again.train_loss) == (history.steps, history.train_loss)
    assert (again.valid_steps, again.valid_loss) == (history.valid_steps, history.valid_loss)
    assert again.seconds > before and again.tokens == history.tokens and not again.interrupted
    assert_same(weights(load_checkpoint(tmp_path)[0]), weights(whole))


def test_a_resumed_training_without_validation_keeps_its_last_weights(tmp_path):
    whole = gpt()
    quiet_fit(whole, train(), steps=8)
    quiet_fit(gpt(), train(), steps=8, out=tmp_path, loss=Calls(5, interrupt))
    resumed = gpt()
    quiet_fit(resumed, train(), steps=8, out=tmp_path, resume=True)
    assert_same(weights(resumed), weights(whole))


def test_the_best_weights_outlive_a_stop(tmp_path):
    """The first part finds the best weights, the second only worse ones: the first part's come back."""
    quiet_fit(gpt(), train(), valid(), steps=30, eval_every=10, out=tmp_path)
    best = weights(load_checkpoint(tmp_path)[0])
    model = gpt()
    history = quiet_fit(
        model, train(), valid(), steps=36, eval_every=3, out=tmp_path, resume=True, lr=50.0, schedule="constant"
    )
    assert history.best_step <= 30 < history.valid_steps[-1]
    assert_same(weights(model), best)
    assert_same(weights(load_checkpoint(tmp_path)[0]), best)


def test_a_stop_keeps_model_and_history_and_says_so(tmp_path, capsys):
    model, twin = gpt(), gpt()
    history = quiet_fit(model, train(), valid(), steps=20, out=tmp_path, loss=Calls(8, interrupt))
    assert "step 7" in capsys.readouterr().out
    assert history.interrupted and history.steps == list(range(1, 8))
    assert history.valid_steps == [2, 4, 6, 7]
    assert not model.training and all(p.grad is None for p in model.parameters())
    quiet_fit(twin, train(), valid(), steps=20, loss=Calls(8, interrupt))
    assert_same(weights(model), weights(twin))
    kept, _, state = load_checkpoint(tmp_path)
    assert_same(weights(kept), weights(model))
    assert state["step"] == 7 and state["history"]["steps"] == history.steps


@pytest.mark.parametrize("when", ["validating", "saving"])
def test_a_stop_while_it_validates_or_saves(tmp_path, monkeypatch, when):
    n = [0]

    def once(function):
        def wrapped(*args, **kwargs):
            n[0] += 1
            if n[0] == 2:
                raise KeyboardInterrupt
            return function(*args, **kwargs)

        return wrapped

    name = {"validating": "validation_loss", "saving": "save_checkpoint"}[when]
    monkeypatch.setattr(f"lmlib.training.loop.{name}", once(getattr(__import__("lmlib").training.loop, name)))
    history = quiet_fit(gpt(), train(), valid(), steps=20, eval_every=4, out=tmp_path)
    assert history.interrupted and history.valid_steps == [4, 8] and len(history.valid_loss) == 2
    assert load_checkpoint(tmp_path)[2]["step"] == 8


def test_a_stop_before_the_first_step_leaves_an_older_checkpoint(tmp_path):
    quiet_fit(gpt(), train(), steps=3, out=tmp_path)
    before = sorted((path.name, path.read_bytes()) for path in tmp_path.iterdir())
    history = quiet_fit(gpt(), train(), valid(), steps=3, out=tmp_path, loss=Calls(1, interrupt))
    assert history.interrupted and history.steps == []
    assert sorted((path.name, path.read_bytes()) for path in tmp_path.iterdir()) == before


def test_a_finished_training_can_be_prolonged(tmp_path):
    quiet_fit(gpt(), train(), valid(), steps=6, out=tmp_path)
    history = quiet_fit(gpt(), train(), valid(), steps=9, out=tmp_path, resume=True)
    assert history.steps == list(range(1, 10))
    again = quiet_fit(gpt(), train(), valid(), steps=9, out=tmp_path, resume=True)  # there is nothing left to do
    assert again.steps == history.steps and again.valid_steps == history.valid_steps


def test_seconds_go_on_where_they_stopped(tmp_path):
    first = quiet_fit(gpt(), train(), valid(), seconds=30, out=tmp_path, loss=Calls(6, interrupt))
    history = quiet_fit(gpt(), train(), valid(), seconds=first.seconds + 0.2, out=tmp_path, resume=True)
    assert first.seconds + 0.2 <= history.seconds < first.seconds + 10
    assert len(history.valid_steps) <= 1 + 11


# -- what goes wrong ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("validated", [False, True])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_no_number_names_the_step_and_goes_back(bad, validated):
    seen = []

    class Watched:
        def all_batches(self):
            seen.append(weights(model))
            return valid().all_batches()

    model = gpt()
    start = weights(model)
    with pytest.raises(TrainingError, match="at step 7.*smaller lr") as error:
        quiet_fit(model, train(), Watched() if validated else None, steps=20, eval_every=3,
                  loss=Calls(8, lambda value: value * bad))  # fmt: skip
    assert "\n" not in str(error.value)
    assert_same(weights(model), seen[-1]) if validated else None
    assert len(seen) == (2 if validated else 0)
    assert all(value.isfinite().all() for value in weights(model).values())
    assert all(p.grad is None for p in model.parameters()) and not model.training
    assert start.keys() == weights(model).keys()
    quiet_fit(model, train(), steps=2)  # and it can be trained again


def test_gradients_that_are_no_numbers_are_not_learned_from(tmp_path):
    class Bad(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, gradient):
            return gradient * math.nan

    model = gpt()
    with pytest.raises(TrainingError, match="gradients became nan at step 4"):
        quiet_fit(model, train(), valid(), steps=6, eval_every=2, out=tmp_path, clip=None, loss=Calls(5, Bad.apply))
    for one in (model, load_checkpoint(tmp_path)[0]):
        assert all(value.isfinite().all() for value in weights(one).values())


def test_a_validation_that_is_no_number_keeps_the_checkpoint_before(tmp_path):
    def loss(model, batch):
        return next_token_loss(model, batch) * (math.nan if len(seen) >= 2 and not model.training else 1)

    seen = []

    class Watched:
        def all_batches(self):
            seen.append(1)
            return valid().all_batches()

    model = gpt()
    with pytest.raises(TrainingError, match="validation loss became nan after step 4"):
        quiet_fit(model, train(), Watched(), steps=4, eval_every=2, out=tmp_path, loss=loss)
    saved, _, state = load_checkpoint(tmp_path)
    assert state["step"] == 2
    assert_same(weights(model), weights(saved))


def test_old_gradients_do_not_count():
    model, fresh = gpt(), gpt()
    for p in model.parameters():
        p.grad = torch.full_like(p, math.nan)
    quiet_fit(model, train(), steps=2)
    quiet_fit(fresh, train(), steps=2)
    assert_same(weights(model), weights(fresh))


def no_training(model, batch):
    raise AssertionError("it should have failed before the first step")


def test_a_folder_that_cannot_be_written_fails_before_the_training(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    for out in (tmp_path / "file", tmp_path / "file" / "deeper"):
        with pytest.raises(CheckpointError, match="another folder") as error:
            quiet_fit(gpt(), train(), steps=2, out=out, loss=no_training)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "either steps or seconds"),
        ({"steps": 1, "seconds": 1}, "either steps or seconds"),
        ({"steps": 0}, "above 0"),
        ({"seconds": -1}, "above 0"),
        ({"steps": 1, "schedule": "square"}, "'square'.*trapezoid"),
        ({"steps": 1, "optimizer": "sgd"}, "'sgd'"),
        ({"steps": 1, "resume": True}, "out="),
    ],
)
def test_arguments_that_do_not_fit_are_explained(options, words):
    with pytest.raises(ValueError, match=words):
        quiet_fit(gpt(), train(), loss=no_training, **options)


def test_a_resume_that_does_not_fit_is_explained(tmp_path):
    with pytest.raises(CheckpointError, match="there is no checkpoint"):
        quiet_fit(gpt(), train(), steps=2, out=tmp_path / "empty", resume=True, loss=no_training)
    quiet_fit(gpt(), train(), steps=2, out=tmp_path)
    with pytest.raises(CheckpointError, match="other sizes"):
        quiet_fit(gpt(d_model=16), train(), steps=4, out=tmp_path, resume=True, loss=no_training)
    with pytest.raises(CheckpointError, match="same optimizer"):
        quiet_fit(gpt(), train(), steps=4, out=tmp_path, optimizer="adamw", resume=True, loss=no_training)


# -- the history ----------------------------------------------------------------------------------------------


def test_the_history_comes_back_from_its_file(tmp_path):
    history = quiet_fit(gpt(), train(), valid(), steps=4)
    history.save(tmp_path / "history.json")
    assert History.load(tmp_path / "history.json") == history
    assert [path.name for path in tmp_path.iterdir()] == ["history.json"]
    assert (History().best_valid, History().best_step) == (None, None)


def test_progress_in_a_terminal_ends_at_100_percent(capsys):
    fit(gpt(), train(), valid(), steps=4)
    shown = capsys.readouterr().err
    assert "100%" in shown and "validation" in shown and "step 4" in shown
