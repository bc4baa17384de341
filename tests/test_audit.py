"""The audit of dependencies: nothing amiss here, and it would see what is."""

import sys

import pytest
from helpers import ROOT

sys.path.insert(0, str(ROOT / "tools"))
import audit  # noqa: E402


def test_nothing_is_amiss(capsys):
    assert audit.main() == 0, capsys.readouterr().out
    assert "numpy" in audit.needed() and "nbval" in audit.needed()


def test_another_version_or_licence_is_seen(monkeypatch):
    assert (
        audit.problems("numpy", {"numpy": {"0.1"}}) and "pins: 0.1" in audit.problems("numpy", {"numpy": {"0.1"}})[0]
    )
    assert "pins: nothing" in audit.problems("numpy", {})[0]
    monkeypatch.setattr(audit, "licence", lambda distribution: "Proprietary")
    assert "licence that is not known" in audit.problems("numpy", audit.pins())[0]
    assert audit.problems("no-such-package", {}) == ["no-such-package is needed and not installed"]


def test_a_pin_with_an_address_is_refused(tmp_path, monkeypatch):
    (tmp_path / "constraints.txt").write_text("numpy @ https://example.org/numpy.whl\n")
    monkeypatch.setattr(audit, "ROOT", tmp_path)
    with pytest.raises(ValueError, match="no plain pin"):
        audit.pins()


def test_code_at_every_start_is_seen(monkeypatch, tmp_path):
    monkeypatch.setattr(audit, "KNOWN_PTH", set())
    starts = [name for name in audit.needed() for text in audit.problems(name, audit.pins()) if "every start" in text]
    assert starts, "coverage brings such a file"
