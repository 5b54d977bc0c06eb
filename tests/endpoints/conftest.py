"""Pauses of milliseconds between two tries."""

import pytest

from sfr_eval.endpoints import fleet as fleet_module


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet_module, "_FIRST_PAUSE", 0.005)
    monkeypatch.setattr(fleet_module, "_LONGEST_PAUSE", 0.02)
