"""The engine: what it says to right, wrong, endless, crashing and noisy answers."""

import threading
import warnings
from collections import Counter

import numpy as np
import pytest
import torch

from lmlib.exercises.compare import difference, short
from lmlib.exercises.engine import exercise
from lmlib.exercises.limits import Shortened, call


@exercise(minutes=5, difficulty=1, hints=["A pair is two neighbours.", "zip(tokens, tokens[1:]) makes them."])
def pair_counts(tokens):
    """Count the neighbouring pairs of a list of tokens."""
    # zip stops at the end of the shorter list
    return dict(Counter(zip(tokens, tokens[1:])))


@pair_counts.example
def _():
    return (["a", "b", "a", "b"],), {("a", "b"): 2, ("b", "a"): 1}


@pair_counts.fresh
def _(rng):
    return ([str(c) for c in rng.choice(["a", "b", "c"], rng.integers(0, 9))],)


@pair_counts.misconception("You counted each pair once, however often it stands in the text.")
def once(tokens):
    return dict.fromkeys(zip(tokens, tokens[1:]), 1)


@pair_counts.misconception("You also paired the last token with the first.")
def around(tokens):
    return dict(Counter(zip(tokens, tokens[1:] + tokens[:1])))


@exercise(minutes=5, difficulty=2, hints=["one", "two"])
def mean(x):
    """The mean of each row of x (rows, columns): a tensor (rows,)."""
    return x.mean(dim=1)


@mean.example
def _():
    return (torch.tensor([[1.0, 3.0], [0.0, 1.0]]),), torch.tensor([2.0, 0.5])


@mean.fresh
def _(rng):
    return (torch.tensor(rng.normal(size=(3, 4)), dtype=torch.float32),)


@mean.misconception("You took the mean of each column: dim=0 runs down the rows.")
def of_columns(x):
    return x.mean(dim=0)


@mean.start
def _(x):
    return x.mean()


def said(capsys, ex, answer):
    ex.check(answer)
    return capsys.readouterr().out


def test_a_right_answer(capsys):
    def by_loop(tokens):
        counts = {}
        for pair in zip(tokens, tokens[1:]):
            counts[pair] = counts.get(pair, 0) + 1
        return counts

    assert said(capsys, pair_counts, by_loop) == (
        "✓ pair_counts: correct.\n  Tried on 1 example and 20 fresh cases.\n"
    )


def test_a_misconception_written_in_another_way_is_called_by_name(capsys):
    def mine(tokens):
        seen = {}
        for i in range(len(tokens) - 1):
            seen[tokens[i], tokens[i + 1]] = 1
        return seen

    text = said(capsys, pair_counts, mine)
    assert "under the key ('a', 'b') it gives 1 and should give 2." in text
    assert "You counted each pair once" in text
    assert pair_counts.verdict(mine).misconception == "once"


def test_an_unknown_mistake_gets_the_difference_alone(capsys):
    text = said(capsys, pair_counts, lambda tokens: {("a", "b"): 2, ("b", "a"): 1})
    assert "should not be there" in text or "missing" in text
    assert "You " not in text


def test_a_stub_is_not_tried_yet(capsys):
    def pair_counts_(tokens):
        """Another docstring."""
        ...

    assert said(capsys, pair_counts, pair_counts_).startswith("pair_counts: not tried yet.")

    def as_given(x):
        return x.mean()

    assert said(capsys, mean, as_given).startswith("mean: not tried yet.")
    text = said(capsys, mean, lambda x: x.sum() / x.numel())
    assert "its shape is () and should be (2,)" in text, "the same mistake in other words was tried"


def test_shape_comes_before_value(capsys):
    text = said(capsys, mean, lambda x: x.mean(dim=1) + 1 if x.shape == (2, 2) else x.mean())
    assert "its shape is () and should be (3,)" in text, "although the wrong value comes first"
    text = said(capsys, mean, lambda x: x.mean(dim=1, keepdim=True))
    assert "its shape is (2, 1) and should be (2,)" in text


@pytest.mark.parametrize(
    "answer, expected",
    [
        (lambda tokens: None, "it gives None and should give a dict with 2 keys: does it end with `return`?"),
        (lambda tokens: tokens[99], "stops in the line `(lambda tokens: tokens[99]"),
        (lambda tokens: exit(), "SystemExit"),
        (lambda tokens: zip(tokens, tokens[1:]), "it gives an iterator and should give a dict"),
        (lambda: {}, "TypeError"),
        (7, "`pair_counts` is 7 and should be a function"),
        (lambda tokens: Counter(tokens), "is missing"),
    ],
)
def test_what_it_says(capsys, answer, expected):
    assert expected in said(capsys, pair_counts, answer)


def test_an_answer_that_spoils_its_input(capsys):
    def spoils(tokens):
        result = dict(Counter(zip(tokens, tokens[1:])))
        tokens.append("x")
        return result

    assert "changes what it was given" in said(capsys, pair_counts, spoils)


def endless(tokens):
    while True:
        try:
            print("again")
        except Exception:
            pass


def test_a_loop_that_never_ends_and_prints(capsys, monkeypatch):
    monkeypatch.setattr(pair_counts, "seconds", 0.3)
    text = said(capsys, pair_counts, endless)
    assert "was stopped after 0.3 seconds: is there a loop that never ends?" in text
    assert "Your function printed:\n    again" in text and "characters more" in text
    assert len(text) < 1500


def test_a_loop_that_never_ends_in_another_thread(monkeypatch):
    """The way of Windows, which has no timer signal: the interpreter itself is asked to stop it."""
    monkeypatch.setattr(pair_counts, "seconds", 0.3)
    found = []
    thread = threading.Thread(target=lambda: found.append(pair_counts.verdict(endless)))
    thread.start()
    thread.join(timeout=20)
    assert found and "never ends" in str(found[0])


def test_what_an_answer_prints_is_shown_only_when_it_is_wrong(capsys):
    def prints(tokens):
        print("looking at", tokens)
        return dict(Counter(zip(tokens, tokens[1:])))

    assert "looking" not in said(capsys, pair_counts, prints)
    assert "looking at ['a', 'b', 'a', 'b']" in said(capsys, pair_counts, lambda t: prints(t) and {})


def test_the_learners_own_interrupt_passes():
    def interrupted(tokens):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pair_counts.verdict(interrupted)


def test_hints_come_one_by_one(capsys):
    texts = []
    for _ in range(3):
        pair_counts.hint()
        texts.append(capsys.readouterr().out)
    assert texts[0].startswith("Hint 1 of 2: A pair") and texts[1].startswith("Hint 2 of 2: zip")
    assert "No more hints" in texts[2]


def test_stub_and_solution(capsys):
    head = 'def pair_counts(tokens):\n    """Count the neighbouring pairs of a list of tokens."""\n'
    assert pair_counts.stub == head + "    ..."
    pair_counts.solution()
    body = "    # zip stops at the end of the shorter list\n    return dict(Counter(zip(tokens, tokens[1:])))\n"
    assert capsys.readouterr().out == head + body
    assert mean.stub.endswith('a tensor (rows,)."""\n    return x.mean()')


def test_a_broken_check_says_so(capsys):
    @exercise(minutes=1, difficulty=1)
    def broken(x):
        """Give x back."""
        return x

    broken.example(lambda: ((1,), 1))
    broken.fresh(lambda rng: 1 / 0)
    assert "the check itself failed (ZeroDivisionError" in said(capsys, broken, lambda x: x)


# -- comparing ----------------------------------------------------------------------------------------------

T, A = torch.tensor, np.array


@pytest.mark.parametrize(
    "got, right",
    [
        (2, 2.0), (np.float64(2), 2.0), (T(2.0), 2.0), (T(2.0), T(2.0)), (2.000001, 2.0), ([], []), (T([]), T([])),
        (float("nan"), float("nan")), (np.int64(3), 3), (True, True), (np.bool_(True), True),
        ([1, 2.0], [1, 2]), (Counter(a=1), {"a": 1}), ({1, 2}, {2, 1}), ("a", "a"), (None, None),
        (T([1.0, float("inf")]), T([1.0, float("inf")])), (A([1, 2]), A([1, 2])), (float("inf"), float("inf")),
        ({"a": T([1.0])}, {"a": T([1.0])}), (1e9 + 1, 1e9), (A(["a", "b"]), A(["a", "b"])),
    ],
)  # fmt: skip
def test_equal(got, right):
    assert difference(got, right) is None


@pytest.mark.parametrize(
    "got, right, kind",
    [
        (2, 3, "value"), (2.0001, 2.0, "value"), (10**9 + 1, 10**9, "value"), (float("nan"), 1.0, "value"),
        (float("inf"), 1.0, "value"), ("2", 2, "type"), (1, True, "type"), (True, 1, "type"),
        ((1, 2), [1, 2], "type"),
        ([1], [1, 2], "shape"), ([1, 3], [1, 2], "value"), ({"a": 1}, {"b": 1}, "shape"),
        ({"a": 2}, {"a": 1}, "value"),
        ([1], {1}, "type"), (None, [1], "type"), (A([1.0]), T([1.0]), "type"), (T([[1.0]]), T([1.0]), "shape"),
        (T([1.0]), T([1]), "type"), (T([1.0, float("nan")]), T([1.0, 2.0]), "value"), (A([1]), A([True]), "type"),
        (T([float("inf")]), T([float("-inf")]), "value"), ("ab", "abc", "value"), ([T([1.0])], [T([2.0])], "value"),
        (len, 3, "type"), (A(["a"]), A(["b"]), "value"), (T([1.0]), 1.0, "type"), (2.0, T(2.0), "type"),
    ],
)  # fmt: skip
def test_different(got, right, kind):
    assert difference(got, right).kind == kind


def test_the_first_wrong_number_is_named():
    found = difference(T([[1.0, 2.0], [3.0, 5.0]]), T([[1.0, 2.0], [3.0, 4.0]]))
    assert found.text == "1 of its 4 numbers are wrong; at [1, 1] stands 5 and should stand 4"


def test_short_values_fit_a_line():
    for value in (
        [0] * 10_000,
        "x" * 10_000,
        {i: i for i in range(1000)},
        np.zeros((99, 99)),
        [["x" * 500] * 50] * 50,
    ):
        assert len(short(value)) < 200


# -- limits -------------------------------------------------------------------------------------------------


def test_output_is_kept_up_to_a_limit():
    out = Shortened(10)
    call(lambda: print("x" * 100), (), 1, out)
    assert out.kept == "x" * 10 and out.dropped == 91


def test_a_sleep_is_ended_too():
    import time

    began = time.monotonic()
    assert call(time.sleep, (30,), 0.2, Shortened(10)).timed_out
    assert time.monotonic() - began < 25


def test_warnings_of_an_answer_are_shown_once_with_what_it_printed(capsys):
    def logs(x):
        for _ in range(1000):
            np.log(np.zeros(1))
        return x

    output = Shortened(600)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nothing comes out of the call
        outcome = call(logs, (1,), 5, output)
    assert outcome.value == 1
    assert str(output) == "RuntimeWarning: divide by zero encountered in log\n"
    assert capsys.readouterr().err == ""
