"""Histories by name and from files: order, ties, splits without a leak, broken files, and MovieLens itself.

MovieLens 100K may not be passed on. It is fetched (2 MB) and tested where CI is set and pip reaches a package index;
a file made by hand in the same form is tested anywhere.
"""

import os
import zipfile

import numpy as np
import pytest
from real_data import run_notebook

from lmlib import fetch
from lmlib.fetch import DatasetError
from lmlib.tasks import recommendation as task
from lmlib.tasks.recommendation import RECBOLE, TIES, from_file, global_time, leave_last_out, load, parse
from lmlib.village import choices

HEAD = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"
MADE = HEAD + "7\t20\t5\t300\n7\t3\t1\t100\n12\t3\t4\t50\n7\t100\t3\t200\n12\t20\t2\t60\n12\t3\t2\t70\n"


def histories(text, ties="random"):
    return parse(text.encode(), "made.inter", ties)


# --- files --------------------------------------------------------------------------------------------------


def test_a_file_is_read_in_time_order_with_numbers_for_items():
    found, goods = histories(MADE)
    assert goods == ("3", "20", "100")
    assert [(h.user, h.items, h.times) for h in found] == [
        ("7", (0, 2, 1), (100.0, 200.0, 300.0)),
        ("12", (0, 1), (50.0, 60.0)),  # a second time says nothing new
    ]


def test_columns_may_come_in_any_order_and_lines_may_end_as_on_windows():
    text = "timestamp\tuser_id\titem_id\r\n2\tAnna\tred hat\r\n1\tAnna\tblue cup\r\n\r\n"
    found, goods = parse(b"\xef\xbb\xbf" + text.encode(), "mine.tsv")
    assert goods == ("blue cup", "red hat") and found[0].items == (0, 1) and found[0].user == "Anna"


def test_the_rule_for_ties_decides_and_lots_are_the_same_each_time():
    text = HEAD + "".join(f"1\t{item}\t5\t10\n" for item in (9, 4, 7, 1, 8, 3))
    assert histories(text, "file")[0][0].items == (5, 2, 3, 0, 4, 1)
    assert histories(text, "item")[0][0].items == (0, 1, 2, 3, 4, 5)
    assert histories(text)[0] == histories(text)[0]
    assert sorted(histories(text)[0][0].items) == list(range(6))
    with pytest.raises(DatasetError, match="'alphabet' is no rule for ties"):
        histories(text, "alphabet")


@pytest.mark.parametrize(
    "content, said",
    [
        (b"", "made.inter is empty: give it the columns user_id, item_id, timestamp"),
        (HEAD.encode(), "made.inter holds no events"),
        (b"user,item,time\n1,2,3\n", "has the columns user,item,time, and user_id, item_id, timestamp is missing"),
        (b"user_id\titem_id\trating\n1\t2\t3\n", "and timestamp is missing: name the columns in line 1"),
        (HEAD.encode() + b"1\t2\t3\n", "line 2: 3 values for 4 columns"),
        (HEAD.encode() + b"1\t2\t3\t4\n1\t2\t3\tMonday\n", "line 3: the time 'Monday' is not a number"),
        (HEAD.encode() + b"1\t2\t3\tnan\n", "line 2: the time 'nan' is not a number"),
        (HEAD.encode() + b"1\t\t3\t4\n", "line 2: the user or the item is empty"),
        (HEAD.encode() + "1\tCité\t3\t4\n".encode("latin-1"), "is not UTF-8: byte 0xe9 at position"),
        (b"PK\x03\x04\xff\xfe\x00", "is not UTF-8"),
    ],
)
def test_a_broken_file_gets_one_sentence(content, said):
    with pytest.raises(DatasetError) as problem:
        parse(content, "made.inter")
    assert said in str(problem.value) and "\n" not in str(problem.value)


def test_a_file_of_your_own(tmp_path):
    path = tmp_path / "mine.tsv"
    path.write_text(MADE, encoding="utf-8")
    mine = from_file(path)
    assert mine.name == "mine" and len(mine) == 2 and mine.n_items == 3 and "in an order drawn by lot" in mine.source
    assert "2 users, 3 items, 5 picks" in repr(mine)
    with pytest.raises(DatasetError, match=r"nothing.tsv cannot be read \(No such file"):
        from_file(tmp_path / "nothing.tsv")


# --- the village --------------------------------------------------------------------------------------------


def test_the_villages_histories_are_its_purchases():
    found = load("village")
    assert len(found) == 6000 and found.goods[0] == "red hat" and found.n_items == 200
    assert [h.items for h in found[:50]] == [visit.goods for visit in choices.write()[:50]]
    assert all(a < b for h in found for a, b in zip(h.times, h.times[1:]))
    assert len(load("village-spring")) == 500


def test_names_that_are_not_known_are_refused():
    with pytest.raises(DatasetError, match="did you mean 'movielens-100k'"):
        load("movielens-10k")
    with pytest.raises(DatasetError, match="is no rule for ties"):
        load("village", ties="none")
    with pytest.raises(DatasetError, match="no back end of movielens-100k"):
        load("movielens-100k", sources="url")


# --- splits -------------------------------------------------------------------------------------------------


def some(*rows):
    return [task.History(str(i), *zip(*row)) if row else task.History(str(i), (), ()) for i, row in enumerate(rows)]


def test_leave_last_out_by_hand():
    split = leave_last_out(some([(5, 1), (6, 2), (7, 3), (8, 4)], [(1, 1), (2, 2)]))
    assert split.train == [(5, 6), (1, 2)]  # two picks are too few to be asked
    assert split.validation.histories == [(5, 6)] and split.validation.targets.tolist() == [7]
    assert split.test.histories == [(5, 6, 7)] and split.test.targets.tolist() == [8] and len(split.test) == 1
    with pytest.raises(DatasetError, match="No user has three picks"):
        leave_last_out(some([(1, 1)]))


def test_global_time_by_hand():
    rows = some([(5, 1), (6, 2), (7, 3), (8, 9)], [(1, 1), (2, 2), (3, 3)], [(4, 8), (9, 10)])
    split = global_time(rows, share=0.6)
    assert "before time 3," in split.told  # the times in order: 1 1 2 2 3 3 8 9 10
    assert split.train == [(5,), (1,)]
    assert split.validation.histories == [(5,), (1,)] and split.validation.targets.tolist() == [6, 2]
    # Nothing was known of the third before the moment; what she picked after it is told.
    assert split.test.histories == [(5, 6, 7), (1, 2), (4,)] and split.test.targets.tolist() == [8, 3, 9]
    with pytest.raises(DatasetError, match="nothing lies on one side"):
        global_time(some([(1, 5), (2, 5)]), share=0.5)


@pytest.mark.parametrize("splitter", [leave_last_out, global_time])
def test_no_question_knows_its_future(splitter):
    rows = load("village").items[:400]
    split = splitter(rows)
    moments = [dict(zip(row.items, row.times)) for row in rows]
    by_history = {row.items[:-1]: when for row, when in zip(rows, moments)}
    for had, target in zip(split.test.histories, split.test.targets):
        when = by_history[had]
        assert target not in had and max(when[item] for item in had) < when[target]
    for had, target in zip(split.validation.histories, split.validation.targets):
        assert target not in had
    if splitter is global_time:
        moment = float(split.told.split("before time ")[1].split(",")[0])
        kept = [row for row in rows if sum(time < moment for time in row.times) >= 2]
        assert [row.items[: len(h)] for row, h in zip(kept, split.train)] == split.train
        assert all(row.times[len(h)] < moment for row, h in zip(kept, split.train))  # the validation pick, too


# --- MovieLens 100K itself ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def movielens():
    """Fetches the wheel as the lesson does. Only pip may leave this machine, and only here."""
    if not os.environ.get("CI"):
        pytest.skip("MovieLens 100K is a download of 2 MB that may not be passed on: set CI=1 to fetch and test it")
    blocks = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(b for b in blocks if not b.endswith("offline")))
        try:
            return fetch.fetch(RECBOLE)[0]
        except DatasetError as problem:
            pytest.skip(f"MovieLens 100K cannot be had here: {problem}")


def test_movielens_has_the_published_sizes(movielens):
    found = load("movielens-100k")
    assert (len(found), found.n_items) == (943, 1682)  # the counts in GroupLens' own README
    assert sum(len(h.items) for h in found) == 100_000
    assert min(len(h.items) for h in found) == 20 and found.goods[0] == "Toy Story"
    ties = np.mean([a == b for h in found for a, b in zip(h.times, h.times[1:])])
    assert ties == pytest.approx(0.51, abs=0.01)


def test_movielens_is_read_in_time_order_whatever_the_rule(movielens):
    with zipfile.ZipFile(movielens) as archive:
        lines = archive.read(f"{task._FOLDER}.inter").decode().splitlines()[1:]
    events = sorted((line.split("\t") for line in lines), key=lambda cells: float(cells[3]))
    of_user = {}
    for user, item, _, time in events:
        of_user.setdefault(user, []).append((float(time), int(item) - 1))
    for ties in TIES:
        for history in load("movielens-100k", ties=ties):
            assert list(history.times) == [time for time, _ in of_user[history.user]]
            assert set(zip(history.times, history.items)) == set(of_user[history.user])


def test_the_lesson_runs_on_movielens(movielens, monkeypatch):
    scope = run_notebook("13_recommendation", monkeypatch, DATA="movielens-100k", STEPS=12)
    assert scope["histories"].name == "movielens-100k" and scope["truth"] is None
    assert 0.05 < scope["reached"]["item-to-item, recent"]["hit_rate"] < 0.3
