"""pytest tests/report/test_figures.py"""

import csv
import io
from collections.abc import Sequence
from typing import Any

import pytest

from sfr_eval.metrics.table import headlines
from sfr_eval.report import frontier, trade_off
from sfr_eval.report.charts.chart import HeatMap
from sfr_eval.report.figures import Figure, figure_svg, files
from sfr_eval.report.over_temperature import over_temperature
from sfr_eval.report.similarity import similarity
from sfr_eval.stats.curves import CurveEstimate
from sfr_eval.store.results import MatchedLevel, Similarity, SuiteResults, SweepPoint, SweepSummary
from sfr_eval.types import Estimate
from tests.support.drawn import axes_of_one
from tests.support.report_data import TEMPERATURES, estimate


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
        similarity=others.get("similarity", {}),
        frontiers=others.get("frontiers", ()),
    )


def sweep(metric: str, *values: float | None) -> list[Estimate]:
    pairs = zip(TEMPERATURES, values, strict=True)
    return [estimate(metric, value, temperature=t) for t, value in pairs]


def sweeps(suite: SuiteResults, **others: SuiteResults) -> list[Figure]:
    """The curves of a report, or of several runs."""
    return over_temperature({"model": suite, **others}, headlines(), column="who")


def pairs(suite: SuiteResults) -> tuple[Figure, ...]:
    """The pairs of metrics in the file of trade-offs."""
    (figure,) = trade_off.trade_off(suite)
    return figure.in_files


def table(figures: Sequence[Figure]) -> list[dict[str, str]]:
    found = dict(files(figures))
    assert found["png"].startswith(b"\x89PNG")
    assert found["svg"].startswith(b"<?xml")
    return list(csv.DictReader(io.StringIO(found["csv"].decode())))


def test_the_trade_off_takes_the_first_diversity_that_is_there() -> None:
    rows = sweep("oracle_valid", 0.9, 0.8, 0.7) + sweep("embed_distance", 0.1, 0.2, 0.3)
    (figure,) = pairs(suite(rows))
    assert figure.title == "Valid replies against distance in meaning"
    other = sweep("oracle_valid", 0.9, 0.8, 0.7) + sweep("distinct_2_rarefied", 0.5, 0.6, 0.7)
    (figure,) = pairs(suite(other))
    assert figure.title == "Valid replies against distinct-2, rarefied"


def test_the_csv_holds_what_is_drawn_in_full_precision() -> None:
    rows = sweep("length", 1 / 3, None, 2 / 3)
    found = table(sweeps(suite(rows, [estimate("length", 0.7, 0.1)])))
    assert [(r["who"], float(r["temperature"]), float(r["value"])) for r in found] == [
        ("model", 0.4, 1 / 3),
        ("model", 1.6, 2 / 3),
        ("truth", 1.0, 0.7),
    ]


def test_numbers_without_interval_and_equal_numbers_can_be_drawn() -> None:
    rows = [estimate("oracle_valid", 1.0, None, temperature=t) for t in TEMPERATURES]
    rows += [estimate("embed_distance", 0.0, 0.0, temperature=t) for t in TEMPERATURES]
    found = table(trade_off.trade_off(suite(rows)))
    assert found[0]["y_low"] == ""
    assert len(sweeps(suite(rows))) == 2


def test_lower_is_better_runs_to_the_right() -> None:
    rows = sweep("style_strength", 0.9, 0.8, 0.7) + sweep("self_bleu_4_fixed", 0.6, 0.5, 0.4)
    (figure,) = pairs(suite(rows))
    ax = axes_of_one(figure)
    left, right = ax.get_xlim()
    assert left > right
    assert "lower is better" in ax.get_xlabel()


def test_the_heat_map_has_all_temperatures_and_shows_one() -> None:
    alike = Similarity(personas=("a", "b"), matrix=((1.0, None), (None, 0.5)))
    cells = dict.fromkeys((0.4, 0.7, 1.0, 1.6), alike)
    (figure,) = similarity(suite(sweep("length", 1, 1, 1), similarity=cells))
    assert isinstance(figure.chart, HeatMap)
    assert [frame.label for frame in figure.chart.frames] == [
        "T = 0.4",
        "T = 0.7",
        "T = 1",
        "T = 1.6",
    ]
    assert figure.chart.frames[figure.chart.shown].temperature == 1.0
    row = table([figure])[1]
    assert (row["persona"], row["other"], row["similarity"]) == ("a", "b", "")
    svg = figure_svg(figure)
    assert "Anna" in svg
    assert "nan" not in svg.lower()


def summary(diversity: str = "rouge_l_homogenization") -> SweepSummary:
    """As metrics/sweep.py writes it: T = 1 is beaten by neither, T = 1.6 by T = 1."""
    area = CurveEstimate(value=0.42, low=0.4, high=0.44, method="jackknife t", n=9)
    matched = (
        MatchedLevel(part=0.5, level=0.45, value=0.5, low=0.45, high=0.55, method="t", n=9),
        MatchedLevel(part=0.95, level=0.855, value=None, low=None, high=None, method="none", n=9),
    )
    places = [(0.4, 0.9, 0.3, True), (1.0, 0.8, 0.5, True), (1.6, 0.5, 0.4, False)]
    return SweepSummary(
        quality="oracle_valid",
        diversity=diversity,
        diversity_is="1 - value",
        points=tuple(
            SweepPoint(temperature=t, quality=quality, diversity=spread, frontier=optimal)
            for t, quality, spread, optimal in places
        ),
        hypervolume=area,
        matched=matched,
        queries_left_out=2,
        signature={},
    )


def test_the_frontier_shows_area_points_and_matched_quality() -> None:
    of = suite(sweep("length", 1, 1, 1), frontiers=(summary(),))
    (figure,) = frontier.frontiers(of)
    assert "hypervolume 0.42 [0.4, 0.44]; diversity 0.5 [0.45, 0.55] at 50 %" in figure.description
    rows = table([figure])
    assert [row["what"] for row in rows] == [
        *["point"] * 3,
        "diversity at 0.5 of the best quality",
        "diversity at 0.95 of the best quality",
        "hypervolume",
    ]
    assert [row["frontier"] for row in rows[:3]] == ["True", "True", "False"]
    assert (rows[-1]["value"], rows[-1]["low"], rows[-1]["high"]) == ("0.42", "0.4", "0.44")
    assert rows[-2]["value"] == ""
    ax = axes_of_one(figure)
    # The stair is the area that hypervolume counts: .9 up to .3, then .8 up to .5.
    outline = ax.patches[0].get_path().vertices[:-1]
    assert area(outline) == pytest.approx(0.3 * 0.9 + 0.2 * 0.8)
    (row,) = frontier.frontier_table(of)
    assert row["hypervolume"] == "0.42 [0.4, 0.44]"
    assert [m["text"] for m in row["matched"]] == ["0.5 [0.45, 0.55]", "-"]
    assert (row["diversity"], row["left_out"]) == ("1 - ROUGE-L of two replies", 2)


def area(outline: Any) -> float:
    """Of a polygon, by the shoelace formula."""
    x, y = outline[:, 0], outline[:, 1]
    return abs(sum(x[i - 1] * y[i] - x[i] * y[i - 1] for i in range(len(x)))) / 2


def test_a_frontier_that_is_not_a_headline_is_in_the_table_only() -> None:
    of = suite(sweep("length", 1, 1, 1), frontiers=(summary("distinct_valid"),))
    assert not frontier.frontiers(of)
    assert len(frontier.frontier_table(of)) == 1


def test_the_band_covers_the_intervals_of_every_point() -> None:
    rows = sweep("oracle_valid", 0.9, 0.8, 0.7) + sweep("embed_distance", 0.1, 0.2, 0.3)
    (figure,) = pairs(suite(rows))
    (band,) = axes_of_one(figure).patches
    inside = [
        (x + dx, y + dy)
        for x, y in ((0.1, 0.9), (0.2, 0.8), (0.3, 0.7), (0.15, 0.85))
        for dx in (-0.009, 0.009)
        for dy in (-0.009, 0.009)
    ]
    assert band.get_path().contains_points(inside).all()
    assert not band.get_path().contains_point((0.1, 0.7))


def test_nothing_is_drawn_of_nothing() -> None:
    empty = suite(sweep("length", None, None, None))
    assert not trade_off.trade_off(empty)
    assert not sweeps(empty)
    assert not similarity(empty)


@pytest.mark.parametrize("make", [sweeps, trade_off.trade_off])
def test_equal_numbers_give_equal_bytes(make: Any) -> None:
    rows = sweep("style_strength", 0.9, 0.8, 0.7) + sweep("embed_distance", 0.1, 0.2, 0.3)
    assert dict(files(make(suite(rows)))) == dict(files(make(suite(rows))))


def test_style_is_drawn_against_each_judged_axis() -> None:
    judged = ["judge_ctx", "judge_rel", "judge_flu"]
    rows = [row for metric in ("style_strength", *judged) for row in sweep(metric, 0.2, 1.0, 1.6)]
    drawn = trade_off.judged(suite(rows))
    assert [figure.rows[0]["x_metric"] for figure in drawn] == judged
    assert all({row["y_metric"] for row in figure.rows} == {"style_strength"} for figure in drawn)
    assert all(len(figure.rows) == 3 for figure in drawn)
