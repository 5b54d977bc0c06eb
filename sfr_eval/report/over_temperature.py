"""What metrics are called in plain words, and each headline metric over temperature."""

from typing import TYPE_CHECKING, Any

from sfr_eval.metrics.table import direction, headlines, label
from sfr_eval.report.figures import MODEL, TRUTH, Panel, leave_room
from sfr_eval.report.numbers import bounds
from sfr_eval.store.results import SuiteResults
from sfr_eval.types import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def over_temperature(suite: SuiteResults) -> list[Panel]:
    """Each headline metric against temperature, with its interval as a band."""
    return [_sweep(suite, metric) for metric in headlines() if suite.sweep(metric)]


def _sweep(suite: SuiteResults, metric: str) -> Panel:
    sweep, truth = suite.sweep(metric), suite.truth_of(metric)

    def draw(ax: "Axes") -> None:
        temperatures = list(sweep)
        values, lows, highs = zip(*map(bounds, sweep.values()), strict=True)
        ax.fill_between(temperatures, lows, highs, color=MODEL, alpha=0.22, linewidth=0)
        ax.plot(temperatures, values, "-o", color=MODEL, label="model")
        if truth is not None:
            value, low, high = bounds(truth)
            ax.axhspan(low, high, color=TRUTH, alpha=0.16, linewidth=0)
            ax.axhline(value, color=TRUTH, linestyle="--", label="truth")
            ax.legend(loc="best")
        ax.set_title(label(metric))
        ax.set_xlabel("temperature")
        ax.set_ylabel(direction(metric) or "neither way is better")
        leave_room(ax, list(sweep.values()) + ([truth] if truth else []))

    rows = [_row(suite, "model", t, estimate) for t, estimate in sweep.items()]
    if truth is not None:
        rows.append(_row(suite, "truth", truth.temperature, truth))
    values = [f"{e.value:.3g} at T = {t:g}" for t, e in sweep.items()]
    return Panel(
        title=label(metric),
        description=f"{label(metric)}: {', '.join(values)}"
        + (f"; truth {truth.value:.3g}." if truth is not None else "."),
        rows=rows,
        draw=draw,
    )


def _row(suite: SuiteResults, who: str, temperature: float, estimate: Estimate) -> dict[str, Any]:
    return {
        "suite": suite.id,
        "who": who,
        "metric": estimate.metric,
        "temperature": temperature,
        "value": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "n": estimate.n,
        "k": estimate.k,
    }
