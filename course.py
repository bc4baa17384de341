"""Run the course on a machine that has only Python (3.11 to 3.14).

    python course.py lab       open lesson 00 in JupyterLab
    python course.py test      run every test and every notebook
    python course.py doctor    look at this machine and say what to do

The first call of `lab` or `test` makes the folder .venv beside this file and installs into it what
pyproject.toml names, at the versions in constraints.txt. Later calls start at once. Further words are
passed on: `course.py test -k bpe`, `course.py lab --no-browser`, `course.py doctor --network`.
"""

# An old Python must be able to read this file, or it could not say that it is too old. So nothing here is
# newer than Python 3.6, and what a system may lack (venv, ensurepip) is imported where it is needed.

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

OLDEST, NEWEST = (3, 11), (3, 14)  # as in pyproject.toml
ROOT = Path(__file__).resolve().parent
ENV = ROOT / ".venv"
PYTHON = ENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = ENV / "installed-by-course"  # the fingerprint of what was installed, or one of these words
UNFINISHED, EMPTY = "unfinished", "empty"
START = "notebooks/00_start_here.ipynb"
GIGABYTES = 3  # what .venv takes without NVIDIA's libraries, and some room to unpack

AGAIN = "Then run the same command again."
CAUSES = [  # (what pip writes, what it means and what to do); the first that fits is told
    (
        r"No space left|not enough space",
        f"the disk is full. Free at least {GIGABYTES} GB. {AGAIN}",
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|SSLError|SSLCertVerificationError",
        "the network's certificate is not trusted, as behind some company firewalls. Set PIP_CERT to your "
        f"company's certificate file, or PIP_INDEX_URL to a mirror that you may use. {AGAIN}",
    ),
    (
        r"from versions: none|Retrying|Connection|ConnectTimeout|timed out|ProxyError|name resolution",
        "the package index did not answer. Usually there is no network, or a proxy or firewall stands "
        "between. Set HTTPS_PROXY to your proxy, or PIP_INDEX_URL to the address of a mirror. "
        f"{AGAIN} Downloads that were finished are kept.",
    ),
    (
        r"No matching distribution|requires a different Python",
        "a package has no build for this Python on this machine. Take a 64-bit Python 3.12 from your "
        f"system or from conda, and delete the folder .venv. {AGAIN}",
    ),
]


def say(text):
    print("course: " + text, flush=True)


def stop(text):
    sys.exit("course: " + text)


def version_problem(version):
    """One sentence if the course cannot run on this version of Python, else None."""
    if OLDEST <= tuple(version[:2]) <= NEWEST:
        return None
    return (
        f"this is Python {version[0]}.{version[1]}, and the course needs {OLDEST[0]}.{OLDEST[1]} to "
        f"{NEWEST[0]}.{NEWEST[1]}: install one of these and start it by its name, for example "
        "`python3.12 course.py lab` (on Windows `py -3.12 course.py lab`)."
    )


def fingerprint():
    """Changes when .venv must be brought up to date: new requirements, or the course folder was moved."""
    parts = [(ROOT / name).read_bytes() for name in ("pyproject.toml", "constraints.txt")]
    return hashlib.sha256(b"\0".join(parts + [str(ROOT).encode("utf-8", "replace")])).hexdigest()


def installed():
    """What .venv holds: the stamp's text, or None where course.py has made no working .venv."""
    return STAMP.read_text() if STAMP.exists() and PYTHON.exists() else None


def runs(*arguments):
    """Whether .venv's Python can do this."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    try:
        return subprocess.call([str(PYTHON), *arguments], **quiet) == 0
    except OSError:
        return False


def check_folder():
    try:
        tempfile.TemporaryFile(dir=str(ROOT)).close()
    except OSError as error:
        stop(
            f"cannot write into {ROOT} ({error.strerror}): copy the course to a folder of your own and "
            "start it there."
        )


def make_environment():
    try:
        import ensurepip  # noqa: F401  (Debian and Ubuntu ship it apart)
        import venv
    except ImportError as error:
        stop(
            f"this Python lacks the module {error.name}, which makes environments: on Debian or Ubuntu run "
            f"`sudo apt install python3-venv`, elsewhere install Python anew. {AGAIN}"
        )
    try:
        if ENV.exists():
            shutil.rmtree(str(ENV))
        if shutil.disk_usage(str(ROOT)).free < GIGABYTES * 10**9:
            stop(f"too little room on this disk: the install needs {GIGABYTES} GB. Free some. {AGAIN}")
        ENV.mkdir()
        STAMP.write_text(UNFINISHED)
        venv.create(str(ENV), symlinks=os.name != "nt", with_pip=True)
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        said = (getattr(error, "output", None) or b"").decode("utf-8", "replace").strip().splitlines()
        stop(f"could not make the folder .venv ({(said or [error])[-1]}): delete it. {AGAIN}")


def pip_install():
    """Install the course with its requirements. Returns (None, or why pip failed; whether pip was killed)."""
    command = [str(PYTHON), "-m", "pip", "install", "--no-user", "--disable-pip-version-check"]
    command += ["-c", "constraints.txt", "-e", ".[lab,test]"]
    heard = ""
    # Only the complaints go through us: stdout stays the terminal's, where pip draws its progress bars.
    with subprocess.Popen(command, cwd=str(ROOT), stderr=subprocess.PIPE) as pip:
        for line in pip.stderr:
            heard += line.decode("utf-8", "replace")
            sys.stderr.write(line.decode("utf-8", "replace"))
    if pip.returncode == 0:
        return None, False
    other = f"pip stopped with code {pip.returncode}; its own words stand above. Mend what they name. {AGAIN}"
    meaning = next((meaning for pattern, meaning in CAUSES if re.search(pattern, heard, re.I)), other)
    return meaning, pip.returncode < 0  # killed by a signal, for instance when memory ran out


def install():
    """Bring .venv in line with pyproject.toml and constraints.txt. Returns None, or why that failed."""
    wanted, before = fingerprint(), installed()
    if before == wanted:
        return None
    check_folder()
    if not ENV.exists():
        say("first start: making the folder .venv and installing into it. This takes some minutes, once.")
        make_environment()
        before = EMPTY
    elif before == UNFINISHED or not runs("-c", ""):
        say("the folder .venv is half-made, as after an interrupted install: making it anew.")
        make_environment()
        before = EMPTY
    else:
        say("bringing .venv up to date with pyproject.toml, constraints.txt and the place of this folder.")
        if not runs("-m", "pip", "--version") and not runs("-m", "ensurepip"):
            return f"the folder .venv has no pip and cannot get it: delete the folder. {AGAIN}"
    # The stamp is written last, so that an install that was killed leaves UNFINISHED behind. When pip gives
    # up by itself it has put back what it took out, and the stamp of before is right again. A .venv that
    # somebody else made gets no stamp until all is well, for what is UNFINISHED is deleted.
    if before:
        STAMP.write_text(UNFINISHED)
    problem, killed = pip_install()
    if problem is None:
        STAMP.write_text(wanted)
        say("installed.")
    elif before and not killed:
        STAMP.write_text(before)
    return problem


def hold_lock():
    """Let a second `course.py` wait until the first has finished installing."""
    file = open(__file__, "rb")
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX)
    except (ImportError, OSError):  # Windows, or a network folder without locks: then there is no waiting
        pass
    return file


def run(*arguments):
    """Run .venv's Python in the course folder until it ends. Ctrl-C is left to it: JupyterLab asks back."""
    process = subprocess.Popen([str(PYTHON), *arguments], cwd=str(ROOT))
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            pass


def side_by_side(rest):
    """pytest's option for several files at once, one for each core; a word of your own (-n 0) goes before."""
    if any(word.startswith(("-n", "--numprocesses", "--pdb")) for word in rest):
        return []
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return ["-n", str(min(cores, 4))] if cores > 1 else []


def main(arguments):
    problem = version_problem(sys.version_info)
    if problem:
        stop(problem)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a folder name that the terminal cannot show must not stop us
            stream.reconfigure(errors="replace")
    command, rest = (arguments + ["help"])[0], arguments[1:]
    if command == "doctor":
        python = str(PYTHON) if installed() == fingerprint() else sys.executable
        return subprocess.call([python, "-m", "lmlib.doctor", *rest], cwd=str(ROOT))
    if command not in ("lab", "test"):
        print(__doc__)
        return 0 if command in ("help", "-h", "--help") else 2
    lock = hold_lock()
    problem = install()
    lock.close()
    if problem and command == "lab" and installed() not in (None, UNFINISHED, EMPTY):
        say(f"could not bring .venv up to date: {problem}")
        say("going on with the packages of before; a lesson that needs a newer one will say so.")
    elif problem:
        stop(f"the install did not work: {problem}")
    if command == "test":
        return run("-m", "pytest", *side_by_side(rest), *rest)
    chosen = any(word.endswith(".ipynb") for word in rest) or not (ROOT / START).exists()
    say("starting JupyterLab; end it with Ctrl-C in this window.")
    return run("-m", "jupyterlab", f"--ServerApp.root_dir={ROOT}", *([] if chosen else [START]), *rest)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        stop("stopped. Run the same command to go on.")
