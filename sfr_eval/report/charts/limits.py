"""How far the axes of a static drawing reach: around all that is drawn, never beyond what is
possible."""

import math
from collections.abc import Iterable

from sfr_eval.report.charts.chart import Axis

_ROOM = 0.06
"""Of the axis, at each end that is not the end of what is possible."""
_LEAST = 0.02
"""Numbers nearer to each other than this, in parts of their size, count as the same; on an axis
that has an end, in parts of half a unit if that is more."""
_NOTHING = 1e-12
"""A smaller number counts as 0."""


def clip(value: float, axis: Axis) -> float:
    """Return the value, or the end of what is possible that it lies beyond."""
    low, high = axis.possible
    if low is not None and value < low:
        return low
    return high if high is not None and value > high else value


def limits(values: Iterable[float], axis: Axis) -> tuple[float, float]:
    """Return the ends of an axis. Numbers that are all the same have some room around them: a tight
    axis would show a jump."""
    if axis.shown is not None:
        return axis.shown
    inside = [clip(value, axis) for value in values]
    low, high = min(inside, default=0.0), max(inside, default=1.0)
    if axis.log and low > 0:
        room = _ROOM * (math.log(high) - math.log(low)) or 0.1
        return low * math.exp(-room), high * math.exp(room)
    scale = max(abs(low), abs(high), 0.5 if axis.possible[1] is not None else 0.0)
    scale = 1.0 if scale < _NOTHING else scale
    if high - low < _LEAST * scale:
        low, high = low - (0.1 if low > 0 else 0.02) * scale, high + 0.1 * scale
    else:
        room = _ROOM * (high - low)
        low, high = low - room, high + room
    return clip(low, axis), clip(high, axis)
