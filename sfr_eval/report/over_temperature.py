"""Metrics over temperature, of one run or of several on the same axes."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sfr_eval.metrics.table import direction, label
from sfr_eval.report.figures import COLOURS, MARKERS, REFERENCE, Figure, leave_room
from sfr_eval.report.numbers import bounds
from sfr_eval.store.results import SuiteResults
from sfr_eval.types import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Sweeps = Mapping[str, Mapping[float, Estimate]]
"""name of a run -> temperature -> estimate"""


def over_temperature(
    runs: Mapping[str, SuiteResults], metrics: Sequence[str], *, column: str = "run"
) -> list[Figure]:
    """Return one figure for each metric that some run has, with 95 % intervals as bands.

    `runs` maps names to results of one suite; `column` of the CSV holds these names. The reference
    distribution is drawn beside a single run.
    """
    return [
        _figure(runs, metric, column=column)
        for metric in metrics
        if any(suite.sweep(metric) for suite in runs.values())
    ]


def _figure(runs: Mapping[str, SuiteResults], metric: str, *, column: str) -> Figure:
    first, *others = runs.values()
    sweeps = {name: suite.sweep(metric) for name, suite in runs.items()}
    reference = None if others else first.truth_of(metric)

    def draw(ax: "Axes") -> None:
        for number, (name, sweep) in enumerate(sweeps.items()):
            if sweep:
                _draw_sweep(ax, sweep, number=number, name=name)
        if reference is not None:
            value, low, high = bounds(reference)
            ax.axhspan(low, high, color=REFERENCE, alpha=0.16, linewidth=0)
            ax.axhline(value, color=REFERENCE, linestyle="--", label="reference")
        if others or reference is not None:
            ax.legend(loc="best")
        ax.set_title(label(metric))
        ax.set_xlabel("temperature")
        ax.set_ylabel(direction(metric) or "neither way is better")
        drawn = [estimate for sweep in sweeps.values() for estimate in sweep.values()]
        leave_room(ax, drawn if reference is None else [*drawn, reference])

    return Figure(
        title=label(metric),
        description=_description(metric, sweeps, reference),
        rows=[
            {"suite": first.id, column: name} | _numbers(t, estimate)
            for name, t, estimate in _drawn(sweeps, reference)
        ],
        draw=draw,
    )


def _draw_sweep(ax: "Axes", sweep: Mapping[float, Estimate], *, number: int, name: str) -> None:
    colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
    values, lows, highs = zip(*map(bounds, sweep.values()), strict=True)
    ax.fill_between(list(sweep), lows, highs, color=colour, alpha=0.2, linewidth=0)
    ax.plot(list(sweep), values, f"-{marker}", color=colour, label=name)


def _description(metric: str, sweeps: Sweeps, reference: Estimate | None) -> str:
    parts = []
    for name, sweep in sweeps.items():
        values = ", ".join(f"{e.value:.3g} at T = {t:g}" for t, e in sweep.items())
        parts.append(f"{name} {values or 'has no value'}" if len(sweeps) > 1 else values)
    if reference is not None:
        parts.append(f"reference {reference.value:.3g}")
    return f"{label(metric)}: {'; '.join(parts)}."


def _drawn(sweeps: Sweeps, reference: Estimate | None) -> Iterator[tuple[str, float, Estimate]]:
    for name, sweep in sweeps.items():
        for t, estimate in sweep.items():
            yield name, t, estimate
    if reference is not None:
        yield "truth", reference.temperature, reference


def _numbers(temperature: float, estimate: Estimate) -> dict[str, Any]:
    return {
        "metric": estimate.metric,
        "temperature": temperature,
        "value": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "n": estimate.n,
        "k": estimate.k,
    }
