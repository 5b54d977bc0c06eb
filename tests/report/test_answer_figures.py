"""pytest tests/report/test_answer_figures.py"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from sfr_eval.report import answer_figures
from sfr_eval.report.answer_figures import against_fair_draws
from sfr_eval.report.figures import figure_svg
from tests.report.test_known_answers import measured


def test_prompts_stand_beside_the_bands_of_fair_draws() -> None:
    entropy, distance = against_fair_draws(measured(k=30, limit=7, within=1.0))
    assert entropy.title == "Entropy, of fair draws', T = 1"
    assert entropy.description.endswith(
        "7 of 7 prompts lie outside the band of 95 % of fair models."
    )
    assert len(distance.rows) == 5  # two of the seven state no law
    row = distance.rows[0]
    assert row["value"] > row["fair_high"] > row["fair_low"]
    assert "odds-coin-70" in figure_svg(distance)


def test_of_many_prompts_the_furthest_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    suite = measured(k=60, limit=7, within=0.6)
    everything = against_fair_draws(suite)[0].rows
    monkeypatch.setattr(answer_figures, "MOST", 3)
    rows = against_fair_draws(suite)[0].rows

    def outside(row: Mapping[str, Any]) -> float:
        return float(max(row["fair_low"] - row["value"], row["value"] - row["fair_high"]))

    assert len(rows) == 3
    assert sorted(map(outside, rows)) == sorted(map(outside, everything))[-3:]


def test_nothing_is_drawn_without_known_answers() -> None:
    suite = measured(k=3, limit=2)
    assert against_fair_draws(replace(suite, notes={})) == []
