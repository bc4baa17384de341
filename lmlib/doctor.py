"""Look at this machine and say, for each thing the course needs, whether it is there and what to do.

    python course.py doctor [--network]      works before anything is installed
    lmlib.doctor.report()                    the same table in a notebook

Only the standard library is imported here, so that the doctor can be called to a machine that has nothing.
"""

import hashlib
import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = Path(__file__).resolve().parent
GB = 1e9

INSTALL = "Run `python course.py lab` in the course folder: it installs what is missing."


class Check(NamedTuple):
    """One line of the table. `status` is "ok", "warn" or "fail"; `advice` is empty where all is well."""

    name: str
    status: str
    found: str
    advice: str = ""


# -- what is asked for --------------------------------------------------------------------------------------


def required():
    """(names of the required packages, Python's versions), from pyproject.toml or the installed package."""
    file = ROOT / "pyproject.toml"
    if file.exists():
        project = tomllib.loads(file.read_text(encoding="utf-8"))["project"]
        texts = project["dependencies"] + project["optional-dependencies"]["lab"]
        python = project["requires-python"]
    else:
        about = importlib.metadata.metadata("lmlib")
        texts = [t for t in about.get_all("Requires-Dist", ()) if "extra" not in t or "'lab'" in t or '"lab"' in t]
        python = about["Requires-Python"]
    return [re.match(r"[\w.-]+", text).group() for text in texts], python


def pins():
    """{package name: the versions it was tested with}, from constraints.txt."""
    tested = {}
    file = ROOT / "constraints.txt"
    for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else ():
        found = re.match(r"([\w.-]+)==([^\s;]+)", line)
        if found:
            tested.setdefault(found[1].lower().replace("_", "-"), []).append(found[2])
    return tested


# -- the checks ---------------------------------------------------------------------------------------------


def check_python():
    version = sys.version_info[:2]
    bounds = {op: tuple(map(int, v.split("."))) for op, v in re.findall(r"(>=|<)(\d+\.\d+)", required()[1])}
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    if bounds.get(">=", (0,)) <= version < bounds.get("<", (99,)):
        return Check("Python", "ok", found)
    return Check("Python", "fail", found, f"The course needs Python {required()[1]}: install one of these.")


def check_packages():
    here, missing, other = {}, [], []
    tested = pins()
    for name in required()[0]:
        try:
            here[name] = importlib.metadata.version(name).partition("+")[0]
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
            continue
        wanted = tested.get(name.lower())
        if wanted and here[name] not in wanted:
            other.append(f"{name} {here[name]} (tested with {' or '.join(wanted)})")
    if "torch" not in here:  # a Python that happens to have some of the small ones
        return Check("packages", "warn", "not installed yet", INSTALL)
    if missing:
        return Check("packages", "fail", f"missing: {', '.join(missing)}", INSTALL)
    if other:
        return Check("packages", "warn", f"all there; {', '.join(other)}", "Only if something fails: " + INSTALL)
    return Check("packages", "ok", f"{len(here)} of {len(here)}, at the tested versions; torch {here['torch']}")


def check_torch():
    """Whether torch starts: on Windows and in odd containers a library of the system may be missing."""
    code = "import torch; print(torch.ones(2, 2) @ torch.ones(2, 2)); print(torch.cuda.is_available())"
    problem, said = run_python("-c", code, seconds=120)
    if not problem:
        graphics = "an NVIDIA GPU is there too" if said[-1:] == ["True"] else "on the CPU, which is enough"
        return Check("torch", "ok", f"works, {graphics}")
    advice = "Delete the folder .venv and run `python course.py lab`."
    if os.name == "nt":
        advice = "Install Microsoft's Visual C++ Redistributable (x64), then try again. If it stays: " + advice
    return Check("torch", "fail", f"is installed but does not start: {problem}", advice)


def check_memory():
    total = memory_bytes()
    if total is None:
        return Check(
            "memory", "warn", "this system does not tell", "The course needs about 2 GB: look there yourself."
        )
    found = f"{total / GB:.1f} GB"
    if total < 1.5 * GB:
        return Check("memory", "fail", found, "The lessons need 2 GB: use a larger machine, or give this one more.")
    if total < 3.5 * GB:
        return Check("memory", "warn", found, "Enough, if other programs are closed and one notebook runs at a time.")
    return Check("memory", "ok", found)


def check_cores():
    n = core_count()
    found = f"{n} core{'s' * (n != 1)}"
    if n < 2:
        return Check("processor", "warn", found, "Trainings take about twice the time that the lessons state.")
    return Check("processor", "ok", found)


def check_disk():
    free = shutil.disk_usage(ROOT).free
    found = f"{free / GB:.1f} GB free"
    if free < 0.5 * GB:
        return Check("disk", "fail", found, "Free at least 3 GB, or training runs and downloads will be cut off.")
    if free < 3 * GB:
        return Check("disk", "warn", found, "Enough for the lessons; an install or a large data set needs 3 GB.")
    return Check("disk", "ok", found)


def check_writing(name, folder, advice):
    place = next(p for p in (folder, *folder.parents) if p.exists())  # a folder not made yet: where it will be made
    try:
        tempfile.TemporaryFile(dir=place).close()
    except OSError as error:
        return Check(name, "warn", f"cannot write into {place}: {error.strerror}", advice)
    return Check(name, "ok", "can be written")


def check_fonts():
    """The course brings fonts of its own, one with Chinese characters: figures look alike everywhere."""
    files = [p for p in (PACKAGE / "fonts").glob("*") if p.suffix in (".ttf", ".otf")]
    advice = "Restore the folder lmlib/fonts (`git checkout -- lmlib/fonts`) or download the course again."
    if not files:
        return Check("fonts", "fail", "lmlib/fonts is empty", advice)
    if not any(font_covers(p.read_bytes(), 0x4E00, 0x9FFF) for p in files):
        return Check("fonts", "fail", "no font in lmlib/fonts has Chinese characters", advice)
    return Check("fonts", "ok", f"{len(files)}, Chinese included")


def check_data():
    lists = sorted((ROOT / "data").rglob("SHA256SUMS"))
    wrong = [problem for file in lists for problem in wrong_sums(file)]
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        advice = "Restore the folder data (`git checkout -- data`) or download the course again."
        return Check("data", "fail", "; ".join(wrong[:3]) + more, advice)
    if not lists:
        return Check("data", "warn", "the folder data is not here", "Run this from the course folder.")
    n = sum(len(read_sums(file)) for file in lists)
    return Check("data", "ok", f"{n} files, each with its right SHA-256")


def check_network():
    """Ask pip whether its package index answers, wherever that is."""
    problem, _ = run_python("-m", "pip", "--retries", "0", "--timeout", "10", "index", "versions", "pip", seconds=60)
    if not problem:
        return Check("network", "ok", "the package index answers")
    advice = "The lessons work without. For downloads set HTTPS_PROXY, or PIP_INDEX_URL and LMLIB_MIRROR."
    return Check("network", "warn", "the package index does not answer", advice)


def checks(network=False):
    """All checks, as a list of `Check`. Changes nothing. With `network` it also asks the package index."""
    results = [check_python(), check_packages()]
    if results[1].found != "not installed yet":
        results.append(check_torch())
    results += [
        check_memory(),
        check_cores(),
        check_disk(),
        check_writing("course folder", ROOT, "Copy the course to a folder of your own, and work there."),
        check_writing("cache folder", cache_folder(), "Set LMLIB_CACHE to a folder of your own."),
        check_fonts(),
        check_data(),
    ]
    return results + [check_network()] * network


# -- what the checks look with ------------------------------------------------------------------------------


def run_python(*arguments, seconds):
    """Run this Python. Returns (None or the last line of its complaint, the lines it printed)."""
    try:
        done = subprocess.run(
            [sys.executable, *arguments], capture_output=True, text=True, errors="replace", timeout=seconds
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error) or type(error).__name__, []
    problem = None
    if done.returncode:
        problem = (done.stderr.strip().splitlines() or [f"it ended with code {done.returncode}"])[-1]
    return problem, done.stdout.split()


def memory_bytes():
    """The memory that this process may use, in bytes; a container's limit counts. None where unknown."""
    limits = []
    for file in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            limits.append(int(Path(file).read_text()))
        except (OSError, ValueError):  # no container, or the word "max"
            pass
    try:
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):  # Windows
        limits += windows_memory()
    return min(limits, default=None)


def windows_memory():
    try:
        import ctypes

        status = (ctypes.c_uint64 * 8)()  # MEMORYSTATUSEX: two 32-bit fields, then seven 64-bit ones
        status[0] = ctypes.sizeof(status)
        return [status[1]] if ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)) else []
    except (ImportError, AttributeError):
        return []


def core_count():
    """The cores that this process may use; a container's share counts."""
    try:
        n = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        n = os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        n = min(n, max(1, round(int(quota) / int(period))))
    except (OSError, ValueError):
        pass
    return n


def cache_folder():
    """Where downloads go: LMLIB_CACHE, else this system's usual place."""
    home = Path.home()
    if os.environ.get("LMLIB_CACHE"):
        return Path(os.environ["LMLIB_CACHE"]).expanduser().absolute()
    if os.name == "nt":
        return Path(os.environ.get("LOCALAPPDATA", home / "AppData/Local")) / "lmlib" / "Cache"
    if sys.platform == "darwin":
        return home / "Library/Caches/lmlib"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache").absolute() / "lmlib"


def font_covers(font, first, last):
    """Whether a TrueType or OpenType font (its bytes) has any character from `first` to `last`.

    Reads the formats 4 and 12 of the table `cmap` (OpenType specification): ranges of characters with glyphs.
    """

    def number(at, size=2):
        return int.from_bytes(font[at : at + size], "big")

    tables = {font[at : at + 4]: number(at + 8, 4) for at in range(12, 12 + 16 * number(4), 16)}
    cmap = tables.get(b"cmap", len(font))
    ranges = []
    for i in range(number(cmap + 2)):
        table = cmap + number(cmap + 8 + 8 * i, 4)
        if number(table) == 12:
            groups = range(table + 16, table + 16 + 12 * number(table + 12, 4), 12)
            ranges += [(number(g, 4), number(g + 4, 4)) for g in groups]
        elif number(table) == 4:
            size = number(table + 6)  # two bytes a range: first all ends, two bytes between, then all starts
            ends = range(table + 14, table + 14 + size, 2)
            ranges += [(number(end + size + 2), number(end)) for end in ends]
    return any(start <= last and first <= end for start, end in ranges)


def read_sums(file):
    """{relative path: SHA-256} of a SHA256SUMS file (lines of `hash  path`, as sha256sum writes them)."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return {path.lstrip("*"): digest for digest, path in (line.split(maxsplit=1) for line in lines if line)}


def wrong_sums(file):
    """One sentence for each file named in a SHA256SUMS that is missing or has other bytes."""
    for path, digest in read_sums(file).items():
        target = file.parent / path
        if not target.is_file():
            yield f"{path} is missing"
        elif hashlib.sha256(target.read_bytes()).hexdigest() != digest:
            yield f"{path} is not the file that was shipped"


# -- the table ----------------------------------------------------------------------------------------------

WORDS = {"ok": "ok", "warn": "note", "fail": "problem"}
SHAPES = {"ok": "✓", "warn": "!", "fail": "✗"}
PLAIN = {"ok": "+", "warn": "!", "fail": "x"}  # for terminals that lack the others


def table(results, encoding="utf-8"):
    """The results as text: a shape and a word for each, what was found, and below it what to do."""
    shapes, arrow = SHAPES, "→"
    try:
        "".join([*SHAPES.values(), arrow]).encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        shapes, arrow = PLAIN, "->"
    width = max(len(r.name) for r in results)
    lines = []
    for r in results:
        lines.append(f"{shapes[r.status]} {WORDS[r.status]:7}  {r.name:{width}}  {r.found}")
        if r.advice:
            lines.append(f"{'':11}{'':{width}}  {arrow} {r.advice}")
    fails, notes = (sum(r.status == s for r in results) for s in ("fail", "warn"))
    if fails:
        lines.append(f"{fails} problem{'s' * (fails != 1)}: do what stands beside each {arrow} first.")
    elif notes:
        lines.append(f"No problems; {notes} note{'s' * (notes != 1)} to read.")
    else:
        lines.append("Everything that the course needs is here.")
    text = "\n".join(lines)
    return text.encode(encoding or "ascii", "replace").decode(encoding or "ascii")


def report(network=False):
    """Print the table, in a notebook or a terminal."""
    show(checks(network))


def show(results):
    print(table(results, getattr(sys.stdout, "encoding", None) or "utf-8"))


def main(argv=None):
    """The command line. Returns the exit code: 0, or 1 for a problem found, or 2 for an unknown word."""
    argv = sys.argv[1:] if argv is None else list(argv)
    if words := [word for word in argv if word != "--network"]:
        print("usage: python course.py doctor [--network]")
        return 0 if words in (["--help"], ["-h"]) else 2
    results = checks(network="--network" in argv)
    show(results)
    return int(any(r.status == "fail" for r in results))


if __name__ == "__main__":
    sys.exit(main())
