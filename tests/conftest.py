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
