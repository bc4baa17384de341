"""Who bought what, in time order: the market of the village, MovieLens 100K, or a file of your own.

    histories = load("village")            # or "village-spring", or "movielens-100k"
    split = leave_last_out(histories)      # or global_time(histories)
    split.train                            # [(3, 17, 4), ...]: item numbers, oldest first
    split.test.histories, split.test.targets

MovieLens (Harper and Konstan 2015) may be used for research and teaching, and not passed on: it is read from the
wheel of RecBole on your own machine, and nothing of it lies in this course.
"""

import io
import random
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..datasets import choose
from ..fetch import DatasetError, RemoteFile, fetch
from ..files import decode, read_bytes
from ..village import choices
from .base import Examples

RECBOLE = RemoteFile(
    name="movielens-100k",
    sha256="9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407",
    wheel="recbole==1.2.1",
)
_FOLDER = "recbole/dataset_example/ml-100k/ml-100k"
COLUMNS = ("user_id", "item_id", "timestamp")  # what a file must have; more columns are left out
TIES = {
    "random": "events of one moment stand in an order drawn by lot, seed 0",
    "file": "events of one moment stand in the order of the file",
    "item": "events of one moment stand in the order of their item numbers",
}


@dataclass(frozen=True)
class History:
    """What one user picked, oldest first: item numbers, and the time of each."""

    user: str
    items: tuple
    times: tuple


@dataclass(frozen=True)
class Histories(Examples):
    """All histories of a data set; `goods` are the names of the items, by number."""

    goods: tuple = ()

    @property
    def n_items(self):
        return len(self.goods)

    def __repr__(self):
        picks = sum(len(history.items) for history in self.items)
        return (
            f"<{self.name}: {len(self):,} users, {self.n_items:,} items, {picks:,} picks, "
            f"SHA-256 {self.sha256[:12]}…, licence: {self.licence}>"
        )


@dataclass(frozen=True)
class Asked:
    """Questions: what a user had, and what she picked next. `histories[i]` belongs to `targets[i]`."""

    histories: list
    targets: np.ndarray

    def __len__(self):
        return len(self.histories)


@dataclass(frozen=True)
class Split:
    """train: histories to learn from, item numbers only. validation and test: `Asked`. told: the rule in words."""

    train: list
    validation: Asked
    test: Asked
    told: str


def load(name="village", sources=None, ties="random"):
    """The histories of a data set: "village", "village-spring" (other customers, new goods), or "movielens-100k".

    sources: back ends to try for what does not ship. ties: the rule for events of one moment, a key of TIES; the
    village has none. Raises DatasetError, in one sentence, for whatever stands in the way.
    """
    return choose("set of histories", name, _CATALOGUE, "; for a file of your own use from_file(path)")(sources, ties)


def from_file(path, ties="random"):
    """Your own histories: a text file (UTF-8), one event a line, columns apart by tabulators, their names in line 1.

    It needs the columns user_id, item_id and timestamp (a number); the parts after a colon in a name
    ("item_id:token", as RecBole writes) are left out. Raises DatasetError, in one sentence, for a file that cannot be
    read so.
    """
    path = Path(path)
    items, goods = parse(read_bytes(path), path.name, ties)
    source = f"Your own file {path.name}; {choose('rule for ties', ties, TIES)}."
    return Histories(path.stem, "all", items, "your own file", source, goods)


def parse(content, name, ties="random"):
    """Bytes of an event file -> (tuple of `History`, item names by number); form and errors: see `from_file`."""
    choose("rule for ties", ties, TIES)
    events = []
    for number, (user, item, time) in _rows(content, name, COLUMNS):
        try:
            moment = float(time)
        except ValueError:
            moment = float("nan")
        if not np.isfinite(moment):
            raise DatasetError(f"{name}, line {number}: the time {time!r} is not a number; write times as numbers.")
        if not user or not item:
            raise DatasetError(f"{name}, line {number}: the user or the item is empty; give both a name or a number.")
        events.append((user, item, moment))
    if not events:
        raise DatasetError(f"{name} holds no events: give it one line for each pick, below the names of the columns.")
    goods = sorted({item for _, item, _ in events}, key=_as_number)
    number_of = {item: number for number, item in enumerate(goods)}
    chance = random.Random(0)
    lots = [chance.random() for _ in events]
    order = {
        "random": lambda e: lots[e],
        "file": lambda e: e,
        "item": lambda e: number_of[events[e][1]],
    }[ties]
    of_user = {}
    for e, (user, _, moment) in enumerate(events):
        of_user.setdefault(user, []).append((moment, order(e), e))
    histories = []
    for user in sorted(of_user, key=_as_number):
        picks, seen = [], set()
        for moment, _, e in sorted(of_user[user]):
            item = number_of[events[e][1]]
            if item not in seen:  # a second time says nothing of what she has not yet
                seen.add(item)
                picks.append((item, moment))
        histories.append(History(user, *zip(*picks)))
    return tuple(histories), tuple(goods)


def _rows(content, name, columns):
    """Yield (line number, the values of these columns) of a file with the names of the columns in line 1."""
    lines = io.StringIO(decode(content, name), newline=None)
    head = [cell.partition(":")[0].strip() for cell in lines.readline().rstrip("\n").split("\t")]
    if head == [""]:
        raise DatasetError(f"{name} is empty: give it the columns {', '.join(columns)}, apart by tabulators.")
    missing = [column for column in columns if column not in head]
    if missing:
        raise DatasetError(
            f"{name} has the columns {', '.join(head)}, and {', '.join(missing)} is missing: name the columns in "
            "line 1, apart by tabulators."
        )
    places = [head.index(column) for column in columns]
    for number, line in enumerate(lines, start=2):
        cells = line.rstrip("\n").split("\t")
        if cells == [""]:
            continue
        if len(cells) != len(head):
            raise DatasetError(
                f"{name}, line {number}: {len(cells)} values for {len(head)} columns; give one value a column, "
                "apart by tabulators."
            )
        yield number, [cells[place].strip() for place in places]


def _as_number(name):
    """Numbers in the order of their size, then all other names by the alphabet."""
    return (0, int(name), "") if name.isascii() and name.isdigit() else (1, 0, name)


# --- splits -------------------------------------------------------------------------------------------------


def leave_last_out(histories):
    """Each user's last pick is the test, the one before the validation; models learn from the rest.

    A user with fewer than three picks is learned from, and never asked. Raises DatasetError where nobody is left.
    """
    asked = [history.items for history in histories if len(history.items) >= 3]
    if not asked:
        raise DatasetError("No user has three picks: there is nothing to test with; give longer histories.")
    train = [h.items[:-2] if len(h.items) >= 3 else h.items for h in histories]
    return Split(
        train,
        Asked([items[:-2] for items in asked], np.array([items[-2] for items in asked])),
        Asked([items[:-1] for items in asked], np.array([items[-1] for items in asked])),
        "leave last out: the last pick of each user is the test, the one before it the validation",
    )


def global_time(histories, share=0.8):
    """All that is learned from lies before one moment; the test is the last pick of each user who comes after it.

    The moment is chosen so that `share` of all picks lie before it. What a user did after the moment, but before the
    pick that is asked for, is told as her history, as a shop would know it then. Validation: the last pick before.
    Raises DatasetError where one side is empty.
    """
    moment = float(np.quantile(np.concatenate([history.times for history in histories]), share, method="higher"))
    train, validation, test = [], [], []
    for history in histories:
        before = sum(time < moment for time in history.times)
        if before >= 2:
            train.append(history.items[: before - 1])
            validation.append((history.items[: before - 1], history.items[before - 1]))
        if before < len(history.items) >= 2:
            test.append((history.items[:-1], history.items[-1]))
    if not train or not test:
        raise DatasetError(f"With share={share} nothing lies on one side of the moment: choose one between 0 and 1.")
    return Split(
        train,
        *(Asked([h for h, _ in pairs], np.array([t for _, t in pairs])) for pairs in (validation, test)),
        f"global time: what is learned lies before time {moment:g}, what is asked for after it",
    )


# --- the catalogue ------------------------------------------------------------------------------------------


def _village(which):
    def read(sources, ties):
        choose("rule for ties", ties, TIES)
        visits = choices.write(which)
        items = tuple(History(str(number), v.goods, v.days) for number, v in enumerate(visits))
        name = "village" if which == "market" else f"village-{which}"
        source = "Written by this course's own generator (lmlib.village.choices); no two picks of a user share a day."
        goods = tuple(good.name for good in choices.GOODS)
        return Histories(name, "all", items, "MIT, as this course", source, goods)

    return read


def _movielens(sources, ties):
    asked = (sources,) if isinstance(sources, str) else tuple(sources or RECBOLE.back_ends)
    for back_end in asked:
        choose("back end of movielens-100k", back_end, RECBOLE.back_ends)
    path, served_by = fetch(RECBOLE, asked)
    with zipfile.ZipFile(path) as archive:
        items, numbers = parse(archive.read(f"{_FOLDER}.inter"), "ml-100k.inter", ties)
        titles = dict(
            pair for _, pair in _rows(archive.read(f"{_FOLDER}.item"), "ml-100k.item", ("item_id", "movie_title"))
        )
    source = (
        f"MovieLens 100K of GroupLens, read from the wheel recbole 1.2.1 (SHA-256 {RECBOLE.sha256[:12]}…), served by "
        f"{served_by}; every rating is a pick, whatever its stars; {TIES[ties]}."
    )
    licence = "GroupLens: research and teaching, not to be passed on"
    goods = tuple(titles.get(number, number) for number in numbers)
    return Histories("movielens-100k", "all", items, licence, source, goods)


_CATALOGUE = {"village": _village("market"), "village-spring": _village("spring"), "movielens-100k": _movielens}
