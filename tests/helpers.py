"""What several test files need."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def shared_data(name):
    """Path of a real data file beside the checkout; skips the test where that folder is missing."""
    path = ROOT.parent / "shared" / "data" / name
    if not path.exists():
        pytest.skip(f"real data file {name} is not beside this checkout: nothing to compare with")
    return path
