"""Curves along the reply: how free the next token is, and how long two replies stay the same."""

from collections.abc import Mapping, Sequence
from typing import Any

from sfr_eval.report.axes import band
from sfr_eval.report.charts.chart import Axis, Point, Series, XYChart
from sfr_eval.report.figures import Figure
from sfr_eval.report.layer_profiles import some_temperatures
from sfr_eval.store.results import SuiteResults

CURVE_METRIC = "token_entropy"

Curve = Mapping[float, Sequence[Mapping[str, Any]]]
"""temperature -> a row for each range of tokens"""


def curves(suite: SuiteResults) -> list[Figure]:
    """Return entropy and agreement over the position in the reply."""
    curve = {float(t): rows for t, rows in suite.notes_of(CURVE_METRIC).curve.items() if rows}
    if not curve:
        return []
    shown = some_temperatures(tuple(sorted(curve)), suite.middle_temperature)
    first = shown[0]
    base = [row for row in curve[first] if row.get("base_entropy")]
    entropy, same = (
        [_line(curve[t], key, name=f"T = {t:g}", number=number) for number, t in enumerate(shown)]
        for key in ("entropy", "same")
    )
    if base:
        entropy.append(_line(base, "base_entropy", name=f"base, T = {first:g}"))
    rows = _curve_rows(suite, curve)
    agreement = "Chance that two replies to one prompt are the same"
    return [
        Figure(
            title=chart.title,
            description=_from_to(curve[first], key, what),
            rows=rows,
            chart=chart,
        )
        for key, what, chart in (
            ("entropy", "Entropy of the next token", _chart("Entropy along the reply", entropy)),
            ("same", agreement, _chart("Replies still the same", same, most=1.0)),
        )
    ]


def _chart(title: str, series: Sequence[Series], *, most: float | None = None) -> XYChart:
    unit = "nats" if most is None else "chance for two of one prompt"
    return XYChart(
        title=title,
        x=Axis(label="token of the reply", possible=(1, None), integer=True),
        y=Axis(label=unit, possible=(0, most)),
        series=tuple(series),
        cursor="token",
    )


def _line(
    rows: Sequence[Mapping[str, Any]], key: str, *, name: str, number: int | None = None
) -> Series:
    """Return a line over the positions; without a number it is quiet."""
    defined = [row for row in rows if row[key] is not None]
    most = max((row[key]["n"] for row in defined), default=0)
    marks = tuple(
        Point(
            x=(row["start"] + row["end"] - 1) / 2 + 1,
            y=row[key]["value"],
            y_low=row[key]["low"],
            y_high=row[key]["high"],
            about=f"{row['replies']} replies",
        )
        for row in defined
        if row[key]["n"] >= most / 4  # else too few queries
    )
    return Series(
        name=name,
        number=number or 0,
        points=marks,
        marker="none",
        quiet=number is None,
        band=band(marks),
    )


def _from_to(rows: Sequence[Mapping[str, Any]], key: str, what: str) -> str:
    defined = [row for row in rows if row[key] is not None]
    if not defined:
        return f"{what}: undefined."
    first, last = defined[0], defined[-1]
    return (
        f"{what} goes from {first[key]['value']:.3g} at token {first['start'] + 1} to "
        f"{last[key]['value']:.3g} at token {last['start'] + 1}, where {last['replies']} replies "
        "are left."
    )


def _curve_rows(suite: SuiteResults, curve: Curve) -> list[dict[str, Any]]:
    return [
        {
            "suite": suite.id,
            "temperature": t,
            "first_token": row["start"] + 1,
            "last_token": row["end"],
            "replies": row["replies"],
        }
        | {
            f"{key}_{part}": (row.get(key) or {}).get(part)
            for key in ("entropy", "base_entropy", "same")
            for part in ("value", "low", "high", "n")
        }
        for t, rows in curve.items()
        for row in rows
    ]
