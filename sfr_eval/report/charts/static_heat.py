"""A heat map drawn by matplotlib: one temperature, on its own colour scale."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sfr_eval.report.charts.chart import HeatMap

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sfr_eval.stats.arrays import Floats

_WRITTEN = 10
"""Rows up to which the cells have their number."""
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
    low, high = (float(end) for end in (np.nanmin(numbers), np.nanmax(numbers)))
    _draw_cells(ax, numbers, low, max(high, low + 1e-9))
    ax.grid(False)
    ax.set(xlim=(0, len(across)), ylim=(len(order), 0))
    ax.set_aspect("equal")
    ax.set_xticks(
        np.arange(len(across)) + 0.5,
        [chart.columns[i] for i in across],
        rotation=45,
        ha="right",
        rotation_mode="anchor",
    )
    ax.set_yticks(np.arange(len(order)) + 0.5, [chart.rows[i] for i in order])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_title(frame.label)
    if square:
        diagonal = [(place, place) for place in range(len(order))]
        _draw_squares(ax, diagonal, facecolor="none", edgecolor="#d55e00", linewidth=1.4, zorder=3)
    if len(order) <= _WRITTEN:
        for (row, column), number in np.ndenumerate(numbers):
            _write_cell(ax, row, column, float(number), middle=(low + high) / 2)


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


def _write_cell(ax: "Axes", row: int, column: int, number: float, *, middle: float) -> None:
    if not math.isnan(number):
        ax.text(
            column + 0.5,
            row + 0.5,
            f"{number:.2f}".replace("0.", ".", 1) if abs(number) < 1 else f"{number:.2f}",
            ha="center",
            va="center",
            fontsize=8,
            color="#000000" if number > middle else "#fefefe",
        )
