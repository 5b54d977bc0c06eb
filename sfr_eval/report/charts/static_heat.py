"""A heat map drawn by matplotlib: one temperature, on its own colour scale."""

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sfr_eval.report.charts.chart import HeatMap
from sfr_eval.report.charts.looks import short_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sfr_eval.stats.arrays import Floats

_WRITTEN = 10
"""Rows up to which the cells have their number."""
_NAME = 24
"""Characters of the name of a row."""
_LEVELS = 24
"""Colours of the scale."""


def draw_heat(chart: HeatMap, ax: "Axes") -> None:
    """Draw the frame that comes first, in the order of the clustering, the diagonal framed."""
    import numpy as np

    frame = chart.frames[chart.shown]
    square = chart.rows == chart.columns
    order = list(chart.order) if square and chart.order else list(range(len(chart.rows)))
    across = order if square else list(range(len(chart.columns)))
    numbers = np.array(frame.cells, dtype=float)[np.ix_(order, across)]  # None becomes NaN
    known = numbers[~np.isnan(numbers)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    # Cells that are all the same have the middle colour.
    _draw_cells(ax, numbers, *((low, high) if high > low else (low - 1, high + 1)))
    ax.grid(False)
    ax.set(xlim=(0, len(across)), ylim=(len(order), 0))
    ax.set_aspect("equal")
    ax.set_xticks(
        np.arange(len(across)) + 0.5,
        [short_name(chart.columns[i], most=_NAME) for i in across],
        rotation=45,
        ha="right",
        rotation_mode="anchor",
    )
    ax.set_yticks(
        np.arange(len(order)) + 0.5, [short_name(chart.rows[i], most=_NAME) for i in order]
    )
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_title(frame.label)
    if square:
        diagonal = [(place, place) for place in range(len(order))]
        _draw_squares(ax, diagonal, facecolor="none", edgecolor="#d55e00", linewidth=1.4, zorder=3)
    if len(order) <= _WRITTEN:
        for (row, column), number in np.ndenumerate(numbers):
            if not math.isnan(number):
                text = short(float(number), most=max(abs(low), abs(high)))
                _write_cell(ax, row, column, text, dark=number > (low + high) / 2)


def _draw_cells(ax: "Axes", numbers: "Floats", low: float, high: float) -> None:
    """Draw one path for all cells of a colour: an image would not be a vector, and a path for each
    cell would make the page large."""
    import matplotlib as mpl
    import numpy as np

    colours = mpl.colormaps["cividis"]
    for level in range(_LEVELS):
        ends = low + (high - low) * np.array([level, level + 1]) / _LEVELS
        last = level == _LEVELS - 1
        own = (numbers >= ends[0]) & ((numbers < ends[1]) | (last & (numbers >= ends[0])))
        cells = [(int(column), int(row)) for row, column in np.argwhere(own)]
        if cells:
            colour = mpl.colors.to_hex(colours((level + 0.5) / _LEVELS))
            _draw_squares(ax, cells, facecolor=colour, edgecolor="#ffffff", linewidth=0.6)


def _draw_squares(ax: "Axes", cells: Sequence[tuple[int, int]], **look: Any) -> None:
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    corners = ((0, 0), (1, 0), (1, 1), (0, 1), (0, 0))
    squares = (Path([(x + dx, y + dy) for dx, dy in corners], closed=True) for x, y in cells)
    ax.add_patch(PathPatch(Path.make_compound_path(*squares), clip_on=False, **look))


def short(number: float, *, most: float) -> str:
    """Return a number in the four or five characters that a cell has room for; `most` is the
    largest absolute value of all cells."""
    if most and not 0.01 <= most < 1000:
        mantissa, exponent = f"{number:.0e}".split("e")
        return f"{mantissa}e{int(exponent)}"
    text = f"{number:.{2 if most < 10 else 1 if most < 100 else 0}f}"
    if not float(text):
        text = text.removeprefix("-")
    return re.sub(r"^(-?)0\.", r"\1.", text)


def _write_cell(ax: "Axes", row: int, column: int, text: str, *, dark: bool) -> None:
    ax.text(
        column + 0.5,
        row + 0.5,
        text,
        ha="center",
        va="center",
        fontsize=8,
        color="#000000" if dark else "#fefefe",
    )
