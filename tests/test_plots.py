"""pytest tests/test_plots.py"""

import csv
import io
from collections.abc import Sequence
from typing import Any

import pytest

from sfr_eval import panels
from sfr_eval.plots import Panel, files, panel_svg
from sfr_eval.results import SuiteResults
from sfr_eval.similarity import similarity
from sfr_eval.types import Estimate
from tests.report_data import TEMPERATURES, estimate


def suite(rows: Sequence[Estimate], truth: Sequence[Estimate] = (), **others: Any) -> SuiteResults:
    return SuiteResults(
        id="persona",
        title="Test",
        personas={"a": "Anna", "b": "Bert"},
        temperatures=TEMPERATURES,
        samples=2,
        estimates={(e.metric, e.temperature, e.persona): e for e in rows},
        truth={(e.metric, e.persona): e for e in truth},
        notes={},
        counts=(),
        similarity=others.get("similarity", {}),
    )


def sweep(metric: str, *values: float | None) -> list[Estimate]:
    pairs = zip(TEMPERATURES, values, strict=True)
    return [estimate(metric, value, temperature=t) for t, value in pairs]


def table(panel_list: Sequence[Panel]) -> list[dict[str, str]]:
    found = dict(files(panel_list))
    assert found["png"].startswith(b"\x89PNG")
    assert found["svg"].startswith(b"<?xml")
    return list(csv.DictReader(io.StringIO(found["csv"].decode())))


def test_the_trade_off_takes_the_first_diversity_that_is_there() -> None:
    rows = sweep("oracle_valid", 0.9, 0.8, 0.7) + sweep("embed_distance", 0.1, 0.2, 0.3)
    (panel,) = panels.trade_off(suite(rows))
    assert panel.title == "Valid replies against distance in meaning"
    both = suite(rows + sweep("distinct_valid", 1.0, 1.5, 1.8))
    assert panels.trade_off(both)[0].title == "Valid replies against different valid replies"


def test_the_csv_holds_what_is_drawn_in_full_precision() -> None:
    rows = sweep("length", 1 / 3, None, 2 / 3)
    found = table(panels.over_temperature(suite(rows, [estimate("length", 0.7, 0.1)])))
    assert [(r["who"], float(r["temperature"]), float(r["value"])) for r in found] == [
        ("model", 0.4, 1 / 3),
        ("model", 1.6, 2 / 3),
        ("truth", 1.0, 0.7),
    ]


def test_numbers_without_interval_and_equal_numbers_can_be_drawn() -> None:
    rows = [estimate("oracle_valid", 1.0, None, temperature=t) for t in TEMPERATURES]
    rows += [estimate("distinct_valid", 0.0, 0.0, temperature=t) for t in TEMPERATURES]
    found = table(panels.trade_off(suite(rows)))
    assert found[0]["y_low"] == ""
    assert len(panels.over_temperature(suite(rows))) == 2


def test_lower_is_better_runs_to_the_right() -> None:
    from matplotlib.figure import Figure

    rows = sweep("style_strength", 0.9, 0.8, 0.7) + sweep("cs_self_bleu_4", 0.6, 0.5, 0.4)
    (panel,) = panels.trade_off(suite(rows))
    ax = Figure().subplots()
    panel.draw(ax)
    left, right = ax.get_xlim()
    assert left > right
    assert "lower is better" in ax.get_xlabel()


def test_the_heat_map_shows_three_temperatures_and_leaves_undefined_cells_empty() -> None:
    matrix = [[1.0, None], [None, 0.5]]
    cells = {t: {"personas": ["a", "b"], "matrix": matrix} for t in (0.4, 0.7, 1.0, 1.6)}
    found = similarity(suite(sweep("length", 1, 1, 1), similarity=cells))
    assert [panel.title for panel in found] == ["T = 0.4", "T = 1", "T = 1.6"]
    row = table(found)[1]
    assert (row["persona"], row["other"], row["similarity"]) == ("a", "b", "")
    svg = panel_svg(found[0])
    assert "Anna" in svg
    assert "nan" not in svg.lower()


def test_nothing_is_drawn_of_nothing() -> None:
    empty = suite(sweep("length", None, None, None))
    assert not panels.trade_off(empty)
    assert not panels.over_temperature(empty)
    assert not similarity(empty)


@pytest.mark.parametrize("make", [panels.over_temperature, panels.trade_off])
def test_equal_numbers_give_equal_bytes(make: Any) -> None:
    rows = sweep("style_strength", 0.9, 0.8, 0.7) + sweep("embed_distance", 0.1, 0.2, 0.3)
    assert dict(files(make(suite(rows)))) == dict(files(make(suite(rows))))


def test_style_is_drawn_against_each_judged_axis() -> None:
    from sfr_eval import panels
    from sfr_eval.results import SuiteResults

    temperatures = (0.2, 1.0, 1.6)
    metrics = ("style_strength", *panels.JUDGED)
    suite = SuiteResults(
        id="persona",
        title="",
        personas={},
        temperatures=temperatures,
        samples=2,
        estimates={
            (m, t, ""): estimate(m, t, temperature=t) for m in metrics for t in temperatures
        },
        truth={},
        notes={},
        counts=(),
        similarity={},
    )
    drawn = panels.judged(suite)
    assert [panel.rows[0]["x_metric"] for panel in drawn] == list(panels.JUDGED)
    assert all({row["y_metric"] for row in panel.rows} == {"style_strength"} for panel in drawn)
    assert all(len(panel.rows) == 3 for panel in drawn)
