"""The doctor: each check on a machine that is well and on one that is not, and the table it prints."""

import hashlib
import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import matplotlib
import pytest
from fontTools.ttLib import TTFont
from helpers import ROOT

from lmlib import doctor


def test_it_needs_nothing_but_the_standard_library():
    code = "import sys; sys.path.insert(0, sys.argv[1]); import lmlib.doctor; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code, str(ROOT)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    imported = {name.partition(".")[0] for name in done.stdout.split()} - {"lmlib", "__main__"}
    assert imported <= set(sys.stdlib_module_names) | set(sys.builtin_module_names)


def test_the_command_prints_the_table_and_its_exit_code_counts_problems(monkeypatch, capsys):
    fine = doctor.Check("memory", "ok", "8.0 GB")
    note = doctor.Check("disk", "warn", "2.0 GB free", "Mind this.")
    bad = doctor.Check("fonts", "fail", "none", "Do that.")
    for results, code, last in (
        ([fine], 0, "Everything that the course needs is here."),
        ([fine, note], 0, "No problems; 1 note to read."),
        ([fine, note, bad], 1, "1 problem: do what stands beside each"),
    ):
        monkeypatch.setattr(doctor, "checks", lambda network, results=results: results)
        assert doctor.main([]) == code
        said = capsys.readouterr().out
        assert said.splitlines()[-1].startswith(last)
        assert all(r.found in said and r.advice in said for r in results)


def test_unknown_words_are_refused(capsys):
    assert doctor.main(["--networks"]) == 2
    assert "usage" in capsys.readouterr().out


def test_status_is_told_by_word_and_shape_also_in_old_terminals():
    results = [doctor.Check(s, s, "é 中", "do it") for s in ("ok", "warn", "fail")]
    assert [line[:2] for line in doctor.table(results).splitlines()[::2]] == ["✓ ", "! ", "✗ ", "1 "]
    for encoding in ("ascii", "cp1252", "cp437", None):
        text = doctor.table(results, encoding)
        text.encode(encoding or "ascii")
        assert [line[:9] for line in text.splitlines()[::2]][:3] == ["+ ok     ", "! note   ", "x problem"]


def test_every_note_and_problem_says_what_to_do():
    for result in doctor.checks():
        assert result.status in doctor.WORDS
        assert bool(result.advice) == (result.status != "ok"), result


# -- packages -----------------------------------------------------------------------------------------------


def installed(monkeypatch, versions):
    def version(name):
        if name not in versions:
            raise importlib.metadata.PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(importlib.metadata, "version", version)


def test_packages(monkeypatch):
    names, pins = doctor.required()[0], doctor.pins()
    assert "torch" in names and "jupyterlab" in names and pins["torch"] == ["2.13.0"]
    right = {name: pins[name.lower()][0] for name in names} | {"torch": "2.13.0+cpu"}

    installed(monkeypatch, right)
    assert doctor.check_packages().status == "ok"
    installed(monkeypatch, {})
    assert doctor.check_packages()[1:3] == ("warn", "not installed yet")
    installed(monkeypatch, right | {"numpy": "1.0"})
    assert doctor.check_packages().status == "warn" and "numpy 1.0 (tested with" in doctor.check_packages().found
    del right["tqdm"]
    installed(monkeypatch, right)
    assert doctor.check_packages().status == "fail" and "tqdm" in doctor.check_packages().found


def test_requirements_are_known_without_the_course_folder(monkeypatch, tmp_path):
    from_file = doctor.required()
    try:
        importlib.metadata.version("lmlib")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("lmlib is not installed here, only imported from its folder")
    monkeypatch.setattr(doctor, "ROOT", tmp_path)
    names, python = doctor.required()
    assert set(names) == set(from_file[0])
    assert sorted(python.split(",")) == sorted(from_file[1].split(","))
    assert doctor.pins() == {}


def test_a_torch_that_does_not_start_is_a_problem_with_its_own_words(monkeypatch, tmp_path):
    (tmp_path / "torch.py").write_text("raise ImportError('DLL load failed')", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    result = doctor.check_torch()
    assert result.status == "fail" and "DLL load failed" in result.found


# -- the machine --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "gigabytes, status", [(None, "warn"), (1, "fail"), (3, "warn"), (8, "ok")], ids=["unknown", "1", "3", "8"]
)
def test_memory(monkeypatch, gigabytes, status):
    monkeypatch.setattr(doctor, "memory_bytes", lambda: gigabytes and gigabytes * 1e9)
    assert doctor.check_memory().status == status


@pytest.mark.skipif(not Path("/proc/meminfo").exists(), reason="only Linux has /proc/meminfo to compare with")
def test_memory_agrees_with_the_kernel():
    total = int(Path("/proc/meminfo").read_text().split()[1]) * 1024
    assert doctor.memory_bytes() <= total
    if not Path("/sys/fs/cgroup/memory.max").exists():
        assert doctor.memory_bytes() == pytest.approx(total, rel=0.01)


def test_containers_limit_memory_and_cores(monkeypatch):
    files = {"/sys/fs/cgroup/memory.max": "3000000000\n", "/sys/fs/cgroup/cpu.max": "150000 100000\n"}

    def read_text(path, **_):
        if str(path) not in files:
            raise FileNotFoundError(path)
        return files[str(path)]

    monkeypatch.setattr(Path, "read_text", read_text)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(64), raising=False)
    monkeypatch.setattr(os, "sysconf", lambda name: {"SC_PAGE_SIZE": 4096}.get(name, 10**8), raising=False)
    assert doctor.memory_bytes() == 3 * 10**9
    assert doctor.core_count() == 2
    files |= {"/sys/fs/cgroup/memory.max": "max\n", "/sys/fs/cgroup/cpu.max": "max 100000\n"}
    assert doctor.memory_bytes() == 4096 * 10**8
    assert doctor.core_count() == 64


@pytest.mark.parametrize("free, status", [(1e8, "fail"), (2e9, "warn"), (9e9, "ok")])
def test_disk(monkeypatch, free, status):
    usage = type("Usage", (), {"free": free})
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: usage)
    assert doctor.check_disk().status == status


def test_writing(monkeypatch, tmp_path):
    assert doctor.check_writing("cache", tmp_path / "not" / "made" / "yet", "x").status == "ok"
    assert list(tmp_path.iterdir()) == []
    file = tmp_path / "a file"
    file.write_text("")
    result = doctor.check_writing("cache", file / "cache", "Set LMLIB_CACHE.")
    assert result.status == "warn" and result.advice == "Set LMLIB_CACHE."


def test_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("LMLIB_CACHE", str(tmp_path / "é"))
    assert doctor.cache_folder() == tmp_path / "é"
    monkeypatch.delenv("LMLIB_CACHE")
    pooch = pytest.importorskip("pooch")
    assert doctor.cache_folder() == Path(pooch.os_cache("lmlib"))


# -- what ships ---------------------------------------------------------------------------------------------


def test_font_ranges_agree_with_fonttools():
    fonts = [*(ROOT / "lmlib" / "fonts").glob("*.[ot]tf")]
    fonts.append(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf")
    for path in fonts:
        font, characters = path.read_bytes(), TTFont(path).getBestCmap()
        blocks = ((0x41, 0x5A), (0x370, 0x3FF), (0x4E00, 0x9FFF), (0x2713, 0x2713), (0x1F600, 0x1F64F))
        for first, last in blocks:
            assert doctor.font_covers(font, first, last) == any(first <= c <= last for c in characters), path.name


def test_fonts(monkeypatch, tmp_path):
    assert doctor.check_fonts().status == "ok", doctor.check_fonts()
    (tmp_path / "fonts").mkdir()
    monkeypatch.setattr(doctor, "PACKAGE", tmp_path)
    assert doctor.check_fonts().status == "fail"
    (tmp_path / "fonts" / "half.ttf").write_bytes((ROOT / "lmlib/fonts/LessonsSans-Regular.ttf").read_bytes()[:99])
    assert doctor.check_fonts().status == "fail"


def test_data_is_compared_with_its_sums(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "ROOT", tmp_path)
    assert doctor.check_data().status == "warn"
    folder = tmp_path / "data" / "village"
    folder.mkdir(parents=True)
    (folder / "a b.txt").write_bytes("中\n".encode())
    (folder / "c.bin").write_bytes(b"\0\1")
    sums = [f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.name}\n" for p in sorted(folder.iterdir())]
    (folder / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")
    assert doctor.check_data()[1:3] == ("ok", "2 files, each with its right SHA-256")
    (folder / "a b.txt").write_bytes("中\r\n".encode())
    assert "a b.txt is not the file that was shipped" in doctor.check_data().found
    (folder / "c.bin").unlink()
    assert doctor.check_data().status == "fail" and "c.bin is missing" in doctor.check_data().found


# -- the network --------------------------------------------------------------------------------------------


def test_the_network_is_asked_only_on_request_and_offline_is_no_problem(monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    assert doctor.check_network().status == "warn"
    monkeypatch.setattr(doctor, "run_python", lambda *_, **__: (None, ["pip", "(99.0)"]))
    assert doctor.check_network().status == "ok"
    assert "network" not in [r.name for r in doctor.checks()]
    assert "network" in [r.name for r in doctor.checks(network=True)]


def test_report_prints_in_a_notebook(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "checks", lambda network: [doctor.Check("disk", "ok", "9 GB free")])
    assert doctor.report() is None  # a value would be printed below the table
    assert "disk" in capsys.readouterr().out
