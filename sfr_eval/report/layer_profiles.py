"""Layer profiles of a checkpoint: each measure of its hidden states over the layers."""

from collections.abc import Mapping, Sequence
from typing import Any

from sfr_eval.metrics.table import label
from sfr_eval.report.axes import band, metric_axis
from sfr_eval.report.charts.chart import Axis, Point, Series, XYChart
from sfr_eval.report.figures import Figure
from sfr_eval.store.results import SuiteResults

PROFILES = (
    "reread_persona_share",
    "reread_persona_cosine",
    "hidden_persona_share",
    "hidden_persona_cosine",
    "prompt_persona_cosine",
    "hidden_participation_ratio",
    "hidden_effective_rank",
    "prompt_effective_rank",
    "hidden_base_cka",
    "prompt_base_cka",
)


def profiles(suite: SuiteResults) -> list[Figure]:
    """Return each measure over the layers, at the lowest, middle and highest temperature."""
    return [
        profile_figure(metric, lines, suite_id=suite.id)
        for metric in PROFILES
        if (lines := _profile_lines(suite, metric))
    ]


Line = tuple[str, Sequence[Mapping[str, Any]]]
"""(name, rows of the profile); of the first its null is drawn"""


def profile_figure(metric: str, lines: Sequence[Line], *, suite_id: str) -> Figure:
    """Return one measure over the layers; bands are intervals, the grey one is chance."""
    series = [_series(name, rows, number=number) for number, (name, rows) in enumerate(lines)]
    first, first_rows = lines[0]
    if chance := [row for row in first_rows if row["value"] is not None and "p" in row]:
        series.append(_null(f"personas permuted, {first}", chance))
    layers = sorted({row["layer"] for _, rows in lines for row in rows})
    chart = XYChart(
        title=label(metric),
        x=Axis(label="layer (0: embedding)", possible=(0, layers[-1]), integer=True),
        y=metric_axis(metric, named=False),
        series=tuple(series),
        cursor="layer",
    )

    rows = [
        {"suite": suite_id, "metric": metric, "line": name}
        | {key: row.get(key) for key in _PROFILE_KEYS}
        for name, layers in lines
        for row in layers
    ]
    values = [
        f"{name} {row['value']:.3g} at layer {row['layer']}"
        + (f" (p = {row['p']:.3g} against permuted personas)" if "p" in row else "")
        for name, layers in lines
        for row in layers[-1:]
        if row["value"] is not None
    ]
    return Figure(
        title=label(metric),
        description=f"{label(metric)}: {'; '.join(values)}.",
        rows=rows,
        chart=chart,
    )


def _series(name: str, rows: Sequence[Mapping[str, Any]], *, number: int) -> Series:
    marks = tuple(
        Point(
            x=row["layer"],
            y=row["value"],
            y_low=row["low"],
            y_high=row["high"],
            about=f"p = {row['p']:.3g} against permuted personas" if "p" in row else "",
        )
        for row in rows
        if row["value"] is not None
    )
    return Series(name=name, number=number, points=marks, band=band(marks))


def _null(name: str, rows: Sequence[Mapping[str, Any]]) -> Series:
    """Return the band of permuted personas and its middle."""
    ends = tuple((row["layer"], row["null_low"], row["null_high"]) for row in rows)
    middles = tuple(Point(x=at, y=(low + high) / 2) for at, low, high in ends)
    return Series(
        name=name, number=0, points=middles, band=ends, marker="none", line="none", quiet=True
    )


_PROFILE_KEYS = ("layer", "value", "low", "high", "n", "null_low", "null_high", "p")


def _profile_lines(suite: SuiteResults, metric: str) -> list[Line]:
    curves = {
        float(t): rows
        for t, rows in suite.notes_of(metric).profile.items()
        if any(row["value"] is not None for row in rows)
    }
    if not curves:
        return []
    shown = some_temperatures(tuple(sorted(curves)), suite.middle_temperature)
    if metric.startswith("prompt_"):  # the prompt is the same at every temperature
        return [("all temperatures", curves[shown[0]])]
    return [(f"T = {t:g}", curves[t]) for t in shown]


def some_temperatures(temperatures: tuple[float, ...], middle: float) -> list[float]:
    """Return the middle, the lowest and the highest temperature, each once."""
    first = middle if middle in temperatures else temperatures[len(temperatures) // 2]
    return list(dict.fromkeys((first, temperatures[0], temperatures[-1])))
