"""course.py on machines as they are: a new one, an old Python, no network, an interrupted install.

The tests copy course.py into a folder of its own, with a project that requires nothing, so that pip installs
it for real and from nowhere; pytest and jupyterlab are two files there that print how they were called.
"""

import ast
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

import pytest
from helpers import ROOT

PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "toy"
version = "1"

[project.optional-dependencies]
lab = []
test = []
"""

# The smallest build backend: an editable install of nothing but a name.
BACKEND = """
import zipfile

ABOUT = "Metadata-Version: 2.1\\nName: toy\\nVersion: 1\\nProvides-Extra: lab\\nProvides-Extra: test\\n"
KIND = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"

def build_editable(folder, settings=None, metadata=None):
    with zipfile.ZipFile(folder + "/toy-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("toy-1.dist-info/METADATA", ABOUT)
        wheel.writestr("toy-1.dist-info/WHEEL", KIND)
        wheel.writestr("toy-1.dist-info/RECORD", "")
    return "toy-1-py3-none-any.whl"

build_wheel = build_editable
"""

CALLED = "import sys; print('CALLED', __name__, sys.argv[1:], sys.prefix != sys.base_prefix)"


NOWHERE = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0", "PIP_CONFIG_FILE": os.devnull}
NOWHERE |= {"PIP_EXTRA_INDEX_URL": "", "PIP_FIND_LINKS": ""}
NEEDY = BACKEND.replace("Provides-Extra: test", "Provides-Extra: test\\nRequires-Dist: no-such-package-of-ours")


def make_course(folder, project=PROJECT):
    folder.mkdir(parents=True)
    shutil.copy(ROOT / "course.py", folder)
    (folder / "pyproject.toml").write_text(project, encoding="utf-8")
    (folder / "constraints.txt").write_text("", encoding="utf-8")
    (folder / "backend.py").write_text(BACKEND, encoding="utf-8")
    (folder / "pytest.py").write_text(CALLED, encoding="utf-8")
    (folder / "jupyterlab.py").write_text(CALLED, encoding="utf-8")
    (folder / "lmlib").mkdir()
    for name in ("__init__.py", "frugal.py", "doctor.py"):
        shutil.copy(ROOT / "lmlib" / name, folder / "lmlib")
    return folder


def course(folder, *words, python=sys.executable, **environment):
    """Run course.py there as a person would. Returns (exit code, all that it said)."""
    done = subprocess.run(
        [python, str(folder / "course.py"), *words],
        cwd=tempfile.gettempdir(),  # not in the course folder: that must not matter
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=300,
    )
    return done.returncode, done.stdout.decode("utf-8", "replace")


@pytest.fixture(scope="module")
def ready(tmp_path_factory):
    """A course in a folder with blanks and letters of two scripts, first without a network, then installed.

    Yields the folder, and (exit code, words) of both calls.
    """
    folder = make_course(tmp_path_factory.mktemp("x") / "my course é" / "语言 模型")
    (folder / "backend.py").write_text(NEEDY, encoding="utf-8")
    offline = course(folder, "test", **NOWHERE)
    (folder / "backend.py").write_text(BACKEND, encoding="utf-8")
    return folder, offline, course(folder, "test", "-k", "a b")


def load(folder):
    """course.py as a module, for what cannot be had for real."""
    spec = importlib.util.spec_from_file_location("course_under_test", folder / "course.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# -- what should happen -------------------------------------------------------------------------------------


def test_first_call_installs_and_runs_in_a_path_with_blanks_and_other_scripts(ready):
    folder, (_, said_first), (code, said) = ready
    assert code == 0, said
    assert "first start" in said_first and "installed." in said
    assert re.search(r"CALLED __main__ \[('-n', '\d+', )?'-k', 'a b'\] True", said)
    assert (folder / ".venv").is_dir()


def test_second_call_starts_at_once(ready):
    code, said = course(ready[0], "test", "-n", "0")  # a number of one's own goes before the number of cores
    assert (code, said.split()) == (0, "CALLED __main__ ['-n', '0'] True".split())


def test_lab_opens_lesson_00_from_the_course_folder(ready):
    folder = ready[0]
    (folder / "notebooks").mkdir(exist_ok=True)
    (folder / "notebooks" / "00_start_here.ipynb").write_text("{}", encoding="utf-8")
    code, said = course(folder, "lab", "--no-browser", PYTHONIOENCODING="utf-8")
    assert code == 0
    assert f"'--ServerApp.root_dir={folder}', 'notebooks/00_start_here.ipynb', '--no-browser'" in said
    _, said = course(folder, "lab", "notebooks/07_transformer.ipynb")
    assert "07_transformer" in said and "00_start_here" not in said


def test_a_terminal_that_knows_only_ascii_is_no_obstacle(ready):
    code, said = course(ready[0], "lab", PYTHONIOENCODING="ascii:backslashreplace", LC_ALL="C", PYTHONUTF8="0")
    assert code == 0 and "CALLED" in said


def test_the_exit_code_is_that_of_the_tests(ready):
    folder = ready[0]
    (folder / "pytest.py").write_text("raise SystemExit(5)", encoding="utf-8")
    assert course(folder, "test")[0] == 5
    (folder / "pytest.py").write_text(CALLED, encoding="utf-8")


def test_changed_requirements_are_installed(ready):
    folder = ready[0]
    (folder / "constraints.txt").write_text("toy==1\n", encoding="utf-8")
    code, said = course(folder, "test")
    assert code == 0 and "bringing .venv up to date" in said and "installed." in said


def test_a_course_folder_that_was_moved_is_mended(ready):
    folder = ready[0]
    moved = folder.with_name("moved")
    folder.rename(moved)
    try:
        code, said = course(moved, "test")
        assert code == 0 and "bringing .venv up to date" in said and "CALLED" in said
    finally:
        moved.rename(folder)


def test_an_install_that_was_killed_is_made_anew(ready):
    folder = ready[0]
    (folder / "constraints.txt").write_text("# changed\n", encoding="utf-8")
    (folder / "backend.py").write_text("import os; os.kill(os.getppid(), 9)  # pip", encoding="utf-8")
    code, said = course(folder, "test")
    assert code == 1 and "CALLED" not in said
    (folder / "backend.py").write_text(BACKEND, encoding="utf-8")
    code, said = course(folder, "test")
    assert code == 0 and "half-made" in said and "installed." in said and "CALLED" in said


def test_an_environment_of_somebody_else_is_used_and_nothing_in_it_is_lost(ready):
    """`python -m venv` and uv make .venv too, the latter without pip."""
    folder = ready[0]
    (folder / ".venv" / "installed-by-course").unlink()
    (folder / ".venv" / "mine.txt").write_text("mine", encoding="utf-8")
    for pip in (folder / ".venv").rglob("site-packages/pip*"):
        shutil.rmtree(pip)
    code, said = course(folder, "test")
    assert code == 0 and "CALLED" in said, said
    assert (folder / ".venv" / "mine.txt").exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no fcntl: there a second call does not wait")
def test_a_second_call_waits_for_the_install_of_the_first(ready):
    import fcntl

    folder = ready[0]
    with (folder / "course.py").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        command = [sys.executable, str(folder / "course.py"), "test"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as second:
            with pytest.raises(subprocess.TimeoutExpired):
                second.wait(timeout=0.7)
            fcntl.flock(file, fcntl.LOCK_UN)
            assert "CALLED" in second.communicate(timeout=60)[0]


def test_doctor_comes_before_anything_is_installed(tmp_path):
    folder = make_course(tmp_path / "course", PROJECT.replace('version = "1"', 'version = "1"\nrequires-python = ">=3.11"\ndependencies = ["torch"]'))  # fmt: skip # noqa: E501
    bare = Path(sys.base_prefix) / ("python.exe" if os.name == "nt" else "bin/python3")
    code, said = course(folder, "doctor", python=str(bare) if bare.exists() else sys.executable)
    assert "Python" in said and "memory" in said and code in (0, 1), said
    assert not (folder / ".venv").exists()


@pytest.mark.parametrize("words, code", [((), 0), (("--help",), 0), (("lap",), 2)])
def test_usage(tmp_path, words, code):
    done, said = course(make_course(tmp_path / "course"), *words)
    assert done == code and "course.py lab" in said
    assert not (tmp_path / "course" / ".venv").exists()


# -- what may be missing ------------------------------------------------------------------------------------


def one_sentence(said):
    """The last thing that course.py said; a traceback would be no sentence."""
    assert "Traceback" not in said, said
    return said[said.rindex("course: ") :]


def test_an_old_python_can_read_course_py():
    ast.parse((ROOT / "course.py").read_text(encoding="utf-8"), feature_version=(3, 6))


def test_versions_that_are_too_old_or_too_new_are_told_what_to_install():
    module = load(ROOT)
    for version in ((3, 6, 9), (3, 10, 0), (3, 15, 0)):
        said = module.version_problem(version)
        assert f"Python {version[0]}.{version[1]}," in said and "3.11 to 3.14" in said and "install" in said
    assert module.version_problem((3, 11, 0)) is None and module.version_problem((3, 14, 9)) is None


def test_a_real_old_python_says_so():
    names = [f"python3.{minor}" for minor in range(6, 11)]
    found = [
        n for n in names if shutil.which(n) and not subprocess.run([n, "-c", ""], capture_output=True).returncode
    ]
    if not found:
        pytest.skip("no Python older than 3.11 on this machine")
    code, said = course(ROOT, "lab", python=found[0])
    assert code == 1 and f"this is {found[0].capitalize().replace('3', ' 3', 1)}," in one_sentence(said)


def test_without_ensurepip_it_names_the_package_to_install(tmp_path):
    """As on Debian and Ubuntu before python3-venv is installed."""
    folder = make_course(tmp_path / "course")
    stub = tmp_path / "stub"
    stub.mkdir()
    (stub / "ensurepip.py").write_text("raise ModuleNotFoundError('No module', name='ensurepip')", encoding="utf-8")
    code, said = course(folder, "lab", PYTHONPATH=str(stub))
    assert code == 1 and "sudo apt install python3-venv" in one_sentence(said)
    assert not (folder / ".venv").exists()


def test_without_a_network_it_says_so_and_the_next_call_goes_on(ready):
    _, (code, said), (code_later, said_later) = ready
    assert code == 1 and "the package index did not answer" in one_sentence(said), said
    assert "PIP_INDEX_URL" in one_sentence(said) and "run the same command again" in one_sentence(said)
    assert "CALLED" not in said
    assert code_later == 0 and "half-made" not in said_later and "CALLED" in said_later


def test_without_a_network_lessons_go_on_without_an_update_and_tests_do_not(ready):
    folder = ready[0]
    (folder / "backend.py").write_text(NEEDY, encoding="utf-8")
    (folder / "constraints.txt").write_text("# changed again\n", encoding="utf-8")
    for _ in range(2):
        code, said = course(folder, "lab", **NOWHERE)
        assert code == 0 and "going on with the packages of before" in said and "CALLED" in said
    code, said = course(folder, "test", **NOWHERE)
    assert code == 1 and "the package index did not answer" in one_sentence(said) and "CALLED" not in said


def test_a_folder_that_cannot_be_written_is_left(tmp_path):
    folder = make_course(tmp_path / "course")
    folder.chmod(0o555)
    try:
        try:
            tempfile.TemporaryFile(dir=folder).close()
        except OSError:
            code, said = course(folder, "test")
            assert code == 1 and "copy the course to a folder of your own" in one_sentence(said)
        else:
            pytest.skip("this user may write into read-only folders")
    finally:
        folder.chmod(0o755)


def test_a_file_system_that_refuses_is_told_apart_from_a_full_one(tmp_path, monkeypatch):
    """For those who may write anywhere (the test above skips): the same two refusals, by hand."""
    module = load(make_course(tmp_path / "course"))

    def refuse(**_):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(module.tempfile, "TemporaryFile", refuse)
    with pytest.raises(SystemExit, match="Read-only file system.*copy the course to a folder of your own"):
        module.install()
    monkeypatch.undo()
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9, 9, 1))
    with pytest.raises(SystemExit, match="too little room on this disk: the install needs 3 GB"):
        module.install()
    assert not (tmp_path / "course" / ".venv").exists()
    monkeypatch.undo()

    def fail(*_, **__):
        raise subprocess.CalledProcessError(1, "ensurepip", b"Collecting pip\nOSError: [Errno 28] disk full")

    monkeypatch.setattr(venv, "create", fail)
    with pytest.raises(SystemExit, match="could not make the folder .venv .*Errno 28.*delete it"):
        module.install()
    assert module.STAMP.read_text() == module.UNFINISHED


@pytest.mark.parametrize(
    "words, meaning",
    [
        (
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
            "disk is full",
        ),
        (
            "SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]",
            "certificate is not trusted",
        ),
        ("ERROR: No matching distribution found for torch==2.13.0", "no build for this Python"),
        ("ERROR: something new", "its own words stand above"),
    ],
)
def test_what_pip_says_is_put_into_words(tmp_path, words, meaning, capfd):
    module = load(make_course(tmp_path / "course"))
    speaker = tmp_path / "course" / "pip.py"  # found before the real one, since pip runs in the course folder
    speaker.write_text(f"import sys; sys.exit({words!r})", encoding="utf-8")
    module.PYTHON = Path(sys.executable)
    assert meaning in module.pip_install()[0]
    assert words in capfd.readouterr().err
