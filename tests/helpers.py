"""What several test files need."""

import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def shared_data(name):
    """Path of a real data file beside the checkout; skips the test where that folder is missing."""
    path = ROOT.parent / "shared" / "data" / name
    if not path.exists():
        pytest.skip(f"real data file {name} is not beside this checkout: nothing to compare with")
    return path


@contextmanager
def serving(server, monkeypatch):
    """While the block runs, a server on this machine is the mirror that downloads come from."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    monkeypatch.setenv("LMLIB_MIRROR", f"http://127.0.0.1:{server.server_port}")
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
