"""pytest tests/report/charts/test_static_forest.py"""

from typing import Any

import pytest

from sfr_eval.report.charts.chart import ForestChart, ForestMark, ForestRow
from sfr_eval.report.figures import Figure
from tests.support.drawn import axes_of_one


def row(label: str, *marks: ForestMark, part: str = "", **fields: Any) -> ForestRow:
    return ForestRow(
        label=label, metric=label, part=part, direction="higher", marks=marks, **fields
    )


def mark(value: float | None, number: int = 0, half: float = 0.1) -> ForestMark:
    ends = (None, None) if value is None else (value - half, value + half)
    return ForestMark(series=f"run-{number}", number=number, value=value, low=ends[0], high=ends[1])


def drawn(*rows: ForestRow, base: str = "", **fields: Any) -> Any:
    chart = ForestChart(title="t", base=base, rows=rows, **fields)
    return axes_of_one(Figure(title="", description="", rows=[], chart=chart))


def places(ax: Any) -> list[float]:
    return [float(x) for li in ax.lines if li.get_marker() == "o" for x in li.get_xdata()]


def test_values_are_drawn_in_parts_of_the_scale_and_written_beside() -> None:
    ax = drawn(row("share", mark(0.4)), row("words", mark(30.0, half=2), start=10.0, scale=40.0))
    assert places(ax) == [0.4, 0.5]
    assert [text.get_text() for text in ax.texts] == ["0.40 ± 0.10", "30 ± 2"]
    assert not len(ax.get_xticks())


def test_differences_stand_around_a_line_at_0() -> None:
    ax = drawn(row("share", mark(-0.2), mark(0.3, 1)), base="sft", axis="difference")
    assert any(set(line.get_xdata()) == {0} for line in ax.lines)
    assert not ax.texts
    low, high = ax.get_xlim()
    assert low < -0.3 < 0.4 < high


def test_each_part_has_its_heading_once() -> None:
    parts = ("Variety", "Variety", "Facts")
    ax = drawn(*(row(name, mark(0.5), part=part) for name, part in zip("abc", parts, strict=True)))
    ticks = sorted(zip(ax.get_yticks(), (t.get_text() for t in ax.get_yticklabels()), strict=True))
    assert [text for _, text in ticks] == ["Variety", "a ↑", "b ↑", "Facts", "c ↑"]


def test_an_undefined_value_has_no_mark() -> None:
    assert places(drawn(row("a", mark(None)), row("b", mark(0.5)))) == [0.5]


def test_a_band_shows_what_chance_would_give() -> None:
    ax = drawn(row("a", mark(0.9), band=(0.2, 0.6)), axis="measure")
    band, _ = ax.collections
    assert [float(x) for x in band.get_segments()[0][:, 0]] == pytest.approx([0.2, 0.6])
