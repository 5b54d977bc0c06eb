"""Known answers as a figure: each prompt beside the band in which fair draws lie."""

from collections.abc import Mapping, Sequence
from typing import Any

from sfr_eval.report.charts.chart import ForestChart, ForestMark, ForestRow
from sfr_eval.report.figures import Figure
from sfr_eval.report.known_answers import VALID, known, name_of
from sfr_eval.store.results import SuiteResults

MOST = 60
"""Prompts in a figure; of more the ones furthest out of their bands."""
MEASURES = {
    "entropy_ratio": "Entropy, of fair draws'",
    "tv": "Total variation to the stated law",
}
"""Field of a prompt's row -> title."""


def against_fair_draws(suite: SuiteResults) -> list[Figure]:
    """Return each measure of the prompts at the temperature nearest to 1, and the bands of 95 % of
    fair models; [] if no answers are known."""
    if not known(suite):
        return []
    t = suite.middle_temperature
    prompts = suite.notes_of(VALID).answers.get(f"{t:g}", [])
    return [
        _figure(suite, field, t, _furthest(rows, field))
        for field in MEASURES
        if (rows := [row for row in prompts if row.get(field) is not None])
    ]


def _furthest(prompts: Sequence[Mapping[str, Any]], field: str) -> list[Mapping[str, Any]]:
    """Return at most `MOST` prompts, in their order."""

    def outside(row: Mapping[str, Any]) -> float:
        low, high = row[f"{field}_band"]
        return float(max(low - row[field], row[field] - high))

    chosen = sorted(range(len(prompts)), key=lambda i: outside(prompts[i]), reverse=True)[:MOST]
    return [prompts[i] for i in sorted(chosen)]


def _figure(
    suite: SuiteResults, field: str, temperature: float, prompts: Sequence[Mapping[str, Any]]
) -> Figure:
    title = f"{MEASURES[field]}, T = {temperature:g}"
    names = [name_of(row) for row in prompts]
    values = [row[field] for row in prompts]
    bands = [row[f"{field}_band"] for row in prompts]
    outside = sum(
        not low <= value <= high for value, (low, high) in zip(values, bands, strict=True)
    )

    chart = ForestChart(
        title=title,
        base="",
        axis=MEASURES[field],
        band="95 % of fair draws",
        rows=tuple(
            ForestRow(
                label=name,
                metric="",
                part="",
                direction="",
                marks=(ForestMark(series="model", number=0, value=value),),
                band=(low, high),
            )
            for name, value, (low, high) in zip(names, values, bands, strict=True)
        ),
    )
    return Figure(
        title=title,
        description=(
            f"{MEASURES[field]} at T = {temperature:g}: {outside} of {len(prompts)} prompts lie "
            "outside the band of 95 % of fair models."
        ),
        rows=[
            {"suite": suite.id, "measure": field, "temperature": temperature, "prompt": name}
            | {"value": value, "fair_low": low, "fair_high": high}
            for name, value, (low, high) in zip(names, values, bands, strict=True)
        ],
        chart=chart,
        size=(5.2, 1.0 + 0.19 * len(prompts)),
    )
