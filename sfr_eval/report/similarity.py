"""Heat maps of how alike the personas sound, at some temperatures and on one colour scale."""

import math
from typing import TYPE_CHECKING

from sfr_eval.report.figures import SQUARE, Figure
from sfr_eval.store.results import SuiteResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def similarity(suite: SuiteResults) -> list[Figure]:
    """Return the similarity of personas at the lowest, middle and highest temperature."""
    shown = sorted(t for t in suite.similarity if suite.similarity[t].matrix)
    if len(shown) > 3:
        middle = suite.middle_temperature if suite.middle_temperature in shown else shown[1]
        shown = sorted({shown[0], middle, shown[-1]})
    rows = (row for t in shown for row in suite.similarity[t].matrix)
    cells = [cell for row in rows for cell in row if cell is not None]
    if not cells:
        return []
    return [_heat_map(suite, t, min(cells), max(cells)) for t in shown]


def _heat_map(suite: SuiteResults, temperature: float, low: float, high: float) -> Figure:
    personas = suite.similarity[temperature].personas
    matrix = suite.similarity[temperature].matrix
    names = [suite.personas.get(persona, persona) for persona in personas]

    def draw(ax: "Axes") -> None:
        import numpy as np

        numbers = np.array(matrix, dtype=float)  # None becomes NaN
        # A mesh, not an image: cells stay vectors, and the page needs no embedded picture.
        ax.pcolormesh(
            numbers,
            cmap="cividis",
            vmin=low,
            vmax=max(high, low + 1e-9),
            edgecolors="face",
            linewidth=0.4,
        )
        ax.grid(False)
        ax.invert_yaxis()
        ax.set_aspect("equal")
        ticks = np.arange(len(names)) + 0.5
        ax.set_xticks(ticks, names, rotation=45, ha="right", rotation_mode="anchor")
        ax.set_yticks(ticks, names)
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
        ax.set_title(f"T = {temperature:g}")
        if len(names) <= 10:
            for (row, column), number in np.ndenumerate(numbers):
                _write_cell(ax, row, column, float(number), middle=(low + high) / 2)

    shape = {"suite": suite.id, "temperature": temperature}
    rows = [
        {**shape, "persona": one, "other": other, "similarity": cell}
        for one, row in zip(personas, matrix, strict=True)
        for other, cell in zip(personas, row, strict=True)
    ]
    within = [c for i, row in enumerate(matrix) for c in row[i : i + 1] if c is not None]
    between = [c for i, row in enumerate(matrix) for c in row[:i] if c is not None]
    parts = [
        f"{name} {sum(cells) / len(cells):.2f}"
        for name, cells in (("within a persona", within), ("between personas", between))
        if cells
    ]
    return Figure(
        title=f"T = {temperature:g}",
        description=f"Mean similarity at T = {temperature:g}: {', '.join(parts)}.",
        rows=rows,
        draw=draw,
        size=SQUARE,
    )


def _write_cell(ax: "Axes", row: int, column: int, number: float, *, middle: float) -> None:
    if not math.isnan(number):
        ax.text(
            column + 0.5,
            row + 0.5,
            f"{number:.2f}".replace("0.", "."),
            ha="center",
            va="center",
            fontsize=7,
            color="#000000" if number > middle else "#fefefe",
        )
