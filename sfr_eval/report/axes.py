"""The axes of charts: a metric with its name, direction and range, and temperature."""

from collections.abc import Iterable, Mapping

from sfr_eval.metrics.table import direction, label, metric_info, possible
from sfr_eval.report.charts.chart import Axis, Direction, Point
from sfr_eval.types import Estimate

TEMPERATURE = "temperature"
"""Charts over temperature share this cursor."""


def better(metric: str) -> Direction:
    """Return which way is better."""
    info = metric_info(metric)
    return info.direction if info is not None and info.direction != "neither" else ""


def metric_axis(metric: str, *, role: str = "", named: bool = True) -> Axis:
    """Return the axis of a metric. Its name is the metric's, or if a title names the metric which
    way is better; with a role both stand there, on two lines."""
    way = direction(metric) or "neither way is better"
    name = f"{label(metric)}\n({role}; {way})" if role else label(metric)
    return Axis(
        label=name if named else way,
        role=role,
        metric=metric,
        direction=better(metric),
        possible=possible(metric),
    )


def temperature_axis() -> Axis:
    """Return the axis of temperatures."""
    return Axis(label="temperature", possible=(0.0, None))


def points(
    sweep: Mapping[float, Estimate] | Mapping[int, Estimate], *, over_temperature: bool = True
) -> tuple[Point, ...]:
    """Return a point for each estimate at its place, with the ends of its interval."""
    return tuple(
        Point(
            x=x,
            y=estimate.value,
            y_low=estimate.low,
            y_high=estimate.high,
            replies={"temperature": x} if over_temperature else {},
        )
        for x, estimate in sweep.items()
        if estimate.value is not None
    )


def band(marks: Iterable[Point]) -> tuple[tuple[float, float, float], ...]:
    """Return (place, low, high) of each point; one without an interval has both ends at itself, so
    that the band is always around its curve. Nothing if no point has an interval."""
    ends = [
        (
            mark.x,
            mark.y if mark.y_low is None else mark.y_low,
            mark.y if mark.y_high is None else mark.y_high,
        )
        for mark in marks
    ]
    return tuple(ends) if any(low != high for _, low, high in ends) else ()
