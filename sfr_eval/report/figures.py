"""Panels to files: SVG for the page, PNG, SVG and CSV for the folder.

A `Panel` knows how to draw itself on any axes and holds the numbers that it draws. The page takes
panels one by one, so that they can flow on a phone; the files hold all panels of a kind together.
Figures are made without pyplot, so nothing global is touched.
"""

import csv
import io
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sfr_eval.report.numbers import bounds
from sfr_eval.types import Estimate
from sfr_eval.util.assets import report_file
from sfr_eval.util.untrusted import spreadsheet_row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DPI = 300  # what journals ask for
PANEL = (3.7, 3.0)  # inches
SQUARE = (4.3, 3.9)

# Neither the day nor the version that drew it: equal numbers give equal files.
_METADATA: dict[str, dict[str, str | None]] = {
    "svg": {"Date": None, "Creator": None, "Format": None, "Type": None},
    "png": {"Software": None},
}


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One pair of axes: how to draw it, what it says, and the numbers in it."""

    title: str
    description: str  # for readers who cannot see it
    rows: Sequence[Mapping[str, Any]]
    draw: Callable[["Axes"], None]
    size: tuple[float, float] = PANEL


def panel_svg(panel: Panel) -> str:
    """One panel as an SVG document with text as text; equal panels give equal documents."""
    return _render([panel], "svg", columns=1, text="none").decode()


def files(panels: Sequence[Panel], *, columns: int = 3) -> Iterator[tuple[str, bytes]]:
    """(suffix, content) of PNG, SVG and CSV with all panels of a kind."""
    columns = min(len(panels), columns)
    yield "png", _render(panels, "png", columns=columns)
    yield "svg", _render(panels, "svg", columns=columns)
    yield "csv", to_csv([row for panel in panels for row in panel.rows])


def to_csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Rows with the same keys, numbers in full precision, undefined ones empty; text that would
    be a formula in a spreadsheet has a quote in front (`spreadsheet_row`)."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow(spreadsheet_row(row))
    return stream.getvalue().encode()


def _render(panels: Sequence[Panel], kind: str, *, columns: int, text: str = "path") -> bytes:
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    rows = math.ceil(len(panels) / columns)
    width, height = panels[0].size
    with mpl.rc_context():
        mpl.rc_file(report_file("plots.mplstyle"), use_default_template=True)
        mpl.rcParams["svg.fonttype"] = text
        mpl.rcParams["text.parse_math"] = False  # a name with two dollars is a name
        engine = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08)
        figure = Figure(figsize=(width * columns, height * rows), layout=engine)
        FigureCanvasAgg(figure)
        axes = figure.subplots(rows, columns, squeeze=False).ravel()
        for panel, ax in zip(panels, axes, strict=False):
            panel.draw(ax)
        for ax in axes[len(panels) :]:
            ax.set_axis_off()
        stream = io.BytesIO()
        figure.savefig(stream, format=kind, dpi=DPI, metadata=_METADATA[kind])
        return stream.getvalue()


# These two, the ink and the grid of plots.mplstyle become CSS variables in the page.
MODEL = "#0072b2"


TRUTH = "#d55e00"


def leave_room(ax: "Axes", estimates: Sequence[Estimate]) -> None:
    """Leave some height around numbers that are all the same, which would be drawn as a jump."""
    numbers = [number for estimate in estimates for number in bounds(estimate)]
    low, high = min(numbers), max(numbers)
    scale = max(abs(low), abs(high), 0.5)
    if high - low < 0.02 * scale:
        ax.set_ylim(low - (0.1 if low > 0 else 0.02) * scale, high + 0.1 * scale)
