"""Metrics over temperature, of one run or of several on the same axes."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sfr_eval.metrics.table import direction, label
from sfr_eval.report.figures import COLOURS, MARKERS, REFERENCE, Figure, draw_estimates, leave_room
from sfr_eval.report.numbers import bounds
from sfr_eval.store.results import SuiteResults
from sfr_eval.types import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Sweeps = Mapping[str, Mapping[float, Estimate]]
"""name of a run -> temperature -> estimate"""

_FIELDS = ("metric", "temperature", "value", "low", "high", "n", "k")


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
    drawn = [(name, estimate) for name, sweep in sweeps.items() for estimate in sweep.values()]
    if reference is not None:
        drawn.append(("truth", reference))

    def draw(ax: "Axes") -> None:
        for number, (name, sweep) in enumerate(sweeps.items()):
            if sweep:
                style = number % len(COLOURS)
                draw_estimates(ax, sweep, colour=COLOURS[style], marker=MARKERS[style], name=name)
        if reference is not None:
            value, low, high = bounds(reference)
            ax.axhspan(low, high, color=REFERENCE, alpha=0.16, linewidth=0)
            ax.axhline(value, color=REFERENCE, linestyle="--", label="reference")
        if others or reference is not None:
            ax.legend(loc="best")
        ax.set_title(label(metric))
        ax.set_xlabel("temperature")
        ax.set_ylabel(direction(metric) or "neither way is better")
        leave_room(ax, [estimate for _, estimate in drawn])

    return Figure(
        title=label(metric),
        description=_description(metric, sweeps, reference),
        rows=[
            {"suite": first.id, column: name} | {key: getattr(estimate, key) for key in _FIELDS}
            for name, estimate in drawn
        ],
        draw=draw,
    )


def _description(metric: str, sweeps: Sweeps, reference: Estimate | None) -> str:
    parts = []
    for name, sweep in sweeps.items():
        values = ", ".join(f"{e.value:.3g} at T = {t:g}" for t, e in sweep.items())
        parts.append(f"{name} {values or 'has no value'}" if len(sweeps) > 1 else values)
    if reference is not None:
        parts.append(f"reference {reference.value:.3g}")
    return f"{label(metric)}: {'; '.join(parts)}."
