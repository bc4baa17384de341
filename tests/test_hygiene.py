"""What must hold for every file of the course."""

import ast
import re
import subprocess
from graphlib import TopologicalSorter
from importlib.util import resolve_name

import nbformat
import pytest
from helpers import ROOT

from lmlib import doctor

SKIPPED = {".git", ".venv", "build", "dist", "__pycache__", ".pytest_cache", ".ruff_cache", ".hypothesis"}
BINARY = {".ttf", ".otf", ".png", ".safetensors", ".npz", ".npy", ".gz", ".zip", ".bin"}


def course_files():
    """The files of the course: git's where there is a repository, else all but what tools leave behind."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True
    )
    if listed.returncode == 0 and listed.stdout:
        paths = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    else:
        paths = [p for p in ROOT.rglob("*") if not SKIPPED & set(p.relative_to(ROOT).parts)]
    return sorted(p for p in paths if p.is_file() and ".egg-info" not in str(p))


FILES = course_files()


def code_of(path):
    """The Python of a file or notebook, magics left out."""
    if path.suffix == ".ipynb":
        cells = nbformat.read(path, as_version=4).cells
        code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
        return re.sub(r"^(\s*)[%!].*", r"\1pass", code, flags=re.M)
    return path.read_text(encoding="utf-8")


def pickling(code):
    """Names of what reads or writes pickle, which may run any code that somebody hid in a file."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names = [alias.name.partition(".")[0] for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [(node.module or "").partition(".")[0]]
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            names = [called] if called in ("torch.load", "torch.save", "pd.read_pickle") else []
            names += [
                "allow_pickle" for k in node.keywords if k.arg == "allow_pickle" and ast.unparse(k.value) != "False"
            ]
        else:
            continue
        banned = {"pickle", "cPickle", "dill", "joblib", "shelve", "marshal", "cloudpickle"}
        yield from (name for name in names if name in banned or "." in name or name == "allow_pickle")


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from pickle import loads",
        "import torch\ntorch.load('x', weights_only=True)",
        "import torch\ntorch.save(1, 'x')",
        "import numpy as np\nnp.load('x', allow_pickle=True)",
        "import joblib",
    ],
)
def test_pickling_is_seen(code):
    assert list(pickling(code))


def test_no_pickle_is_read_or_written():
    places = ("lmlib", "tools", "notebooks", "course.py")
    files = [p for p in FILES if p.suffix in (".py", ".ipynb") and p.relative_to(ROOT).parts[0] in places]
    assert files
    found = {str(p.relative_to(ROOT)): list(pickling(code_of(p))) for p in files}
    assert {name: names for name, names in found.items() if names} == {}, "use safetensors or JSON"


def test_shipped_data_is_what_its_lists_say():
    lists = [p for p in FILES if p.name == "SHA256SUMS"]
    assert {str(p): problems for p in lists if (problems := list(doctor.wrong_sums(p)))} == {}


def test_every_shipped_data_file_is_in_a_list():
    listed = {p.parent / name for p in FILES if p.name == "SHA256SUMS" for name in doctor.read_sums(p)}
    free = {".md", ""}  # data cards, the lists themselves
    made = {  # tables that a command of lmlib measures anew
        "bench.csv", "decoding.csv", "finetuning.csv", "gpt_changes.csv", "inside.csv", "praise.csv", "recall.csv",
        "scaling.csv", "scoreboard.csv", "search.csv", "sentences.csv", "smollm2.json", "translation.csv",
        "translation_agreement.csv", "translation_errors.csv",
    }  # fmt: skip
    data = [p for p in FILES if ROOT / "data" in p.parents and p.suffix not in free and p.name not in made]
    assert [str(p.relative_to(ROOT)) for p in data if p not in listed] == []


def test_no_file_names_a_place_on_one_machine():
    home = re.compile(r"(?<![\w.~])/(?:home|Users|root|work|workspace)/[A-Za-z0-9_.]|\b[A-Z]:\\\\?Users\\", re.I)
    for path in FILES:
        if path.suffix in BINARY or path == ROOT / "tests" / "test_hygiene.py":
            continue
        found = home.search(path.read_text(encoding="utf-8", errors="replace"))
        assert found is None, f"{path.relative_to(ROOT)} names {found.group()!r}"


def test_text_files_are_utf8_with_line_feeds():
    for path in FILES:
        if path.suffix not in BINARY:
            content = path.read_bytes()
            content.decode("utf-8")
            assert b"\r" not in content or ROOT / "data" in path.parents, f"{path.relative_to(ROOT)} has CR line ends"


# -- the house ----------------------------------------------------------------------------------------------------


def imported(path):
    """The rooms of lmlib, files and folders at its top, that a file imports, at its head or later."""
    package = ".".join(path.relative_to(ROOT).parent.parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            module = resolve_name("." * node.level + (node.module or ""), package)
            for name in (f"{module}.{alias.name}" for alias in node.names):
                if name.startswith("lmlib."):
                    yield name.split(".")[1]


def test_rooms_import_one_way():
    rooms = {}
    for path in (ROOT / "lmlib").rglob("*.py"):
        room = path.relative_to(ROOT / "lmlib").parts[0].removesuffix(".py")
        rooms.setdefault(room, set()).update(set(imported(path)) - {room})
    assert {"text", "fetch"} <= rooms["models"]
    TopologicalSorter(rooms).prepare()  # raises CycleError, with the rooms that need each other
