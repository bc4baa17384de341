"""What several test files take from pytest itself."""

import pytest

from lmlib import plots

pytest.register_assert_rewrite("views")


@pytest.fixture
def light(monkeypatch):
    """Figures in the light theme, and widgets as on a page with a kernel."""
    monkeypatch.delenv("LM_STATIC", raising=False)
    plots.setup("light")
    yield
    plots.setup("light")


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """A cache of this test's own, and no proxy between us and the loopback device."""
    for name in ("LMLIB_OFFLINE", "LMLIB_MIRROR"):
        monkeypatch.delenv(name, raising=False)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    monkeypatch.setenv("LMLIB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"
