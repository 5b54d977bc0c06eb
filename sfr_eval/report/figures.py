"""Figures to files: SVG for the page; PNG, SVG and CSV for the folder.

A `Figure` is one pair of axes: it knows how to draw itself and holds the numbers that it draws. The
page takes figures one by one, so that they flow on a phone; a file holds all figures of a kind.
They are drawn without pyplot, so nothing global is touched.
"""

import csv
import io
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sfr_eval.report.charts.chart import Chart
from sfr_eval.report.numbers import bounds
from sfr_eval.temperature import OWN_TEMPERATURE, nearest
from sfr_eval.types import Estimate
from sfr_eval.util.assets import report_file
from sfr_eval.util.untrusted import spreadsheet_row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DPI = 300  # what journals ask for
SIZE = (3.7, 3.0)  # inches
SQUARE = (4.3, 3.9)

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""One for each run; in the page they are the CSS variables --run-0 to --run-5."""
MARKERS = ("o", "s", "^", "D", "v", "P")
MODEL, REFERENCE = COLOURS[:2]
"""Colours of the model and of the reference distribution, where a figure shows one run."""

_LABEL_PIXELS = (38, 13)
"""Two labels nearer than this overlap."""

# Neither the day nor the version that drew it: equal numbers give equal files.
_METADATA: dict[str, dict[str, str | None]] = {
    "svg": {"Date": None, "Creator": None, "Format": None, "Type": None},
    "png": {"Software": None},
}


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One pair of axes: how to draw it, what it says, and the numbers in it."""

    title: str
    description: str  # for readers who cannot see it
    rows: Sequence[Mapping[str, Any]]
    draw: Callable[["Axes"], None]
    size: tuple[float, float] = SIZE
    chart: Chart | None = None  # what the page's script draws in its place


def figure_svg(figure: Figure) -> str:
    """Return a figure as an SVG document with text as text; equal figures give equal documents."""
    return _render([figure], "svg", columns=1, text="none").decode()


def files(figures: Sequence[Figure], *, columns: int = 3) -> Iterator[tuple[str, bytes]]:
    """Yield (suffix, content) of PNG, SVG and CSV with all figures of a kind; nothing for none."""
    if not figures:
        return
    columns = min(len(figures), columns)
    yield "png", _render(figures, "png", columns=columns)
    yield "svg", _render(figures, "svg", columns=columns)
    yield "csv", to_csv([row for figure in figures for row in figure.rows])


def to_csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Write rows with the same keys, numbers in full precision, undefined ones empty.

    Text that a spreadsheet would take for a formula gets a quote in front (`spreadsheet_row`).
    """
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow(spreadsheet_row(row))
    return stream.getvalue().encode()


def _render(figures: Sequence[Figure], kind: str, *, columns: int, text: str = "path") -> bytes:
    import matplotlib as mpl
    from matplotlib import figure as canvas
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    rows = math.ceil(len(figures) / columns)
    width, height = figures[0].size
    with mpl.rc_context():
        mpl.rc_file(report_file("plots.mplstyle"), use_default_template=True)
        mpl.rcParams["svg.fonttype"] = text
        mpl.rcParams["text.parse_math"] = False  # a name with two dollars is a name
        engine = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08)
        sheet = canvas.Figure(figsize=(width * columns, height * rows), layout=engine)
        FigureCanvasAgg(sheet)
        axes = sheet.subplots(rows, columns, squeeze=False).ravel()
        for figure, ax in zip(figures, axes, strict=False):
            figure.draw(ax)
        for ax in axes[len(figures) :]:
            ax.set_axis_off()
        stream = io.BytesIO()
        sheet.savefig(stream, format=kind, dpi=DPI, metadata=_METADATA[kind])
        return stream.getvalue()


def columns_of(rows: Sequence[Mapping[str, Any]], *keys: str) -> list[list[Any]]:
    """Return the values of each key, row by row."""
    return [[row[key] for row in rows] for key in keys]


def draw_estimates(
    ax: "Axes",
    points: Mapping[float, Estimate] | Mapping[int, Estimate],
    *,
    colour: str,
    marker: str = "o",
    alpha: float = 0.2,
    name: str | None = None,
) -> None:
    """Draw defined estimates by their place on the x axis, with their intervals as a band."""
    values, lows, highs = zip(*map(bounds, points.values()), strict=True)
    ax.fill_between(list(points), lows, highs, color=colour, alpha=alpha, linewidth=0)
    ax.plot(list(points), values, f"-{marker}", color=colour, label=name)


def leave_room(ax: "Axes", estimates: Sequence[Estimate]) -> None:
    """Leave some height around numbers that are all the same: a tight axis would show a jump."""
    ends = [end for estimate in estimates for end in bounds(estimate)]
    low, high = min(ends), max(ends)
    scale = max(abs(low), abs(high), 0.5)
    if high - low < 0.02 * scale:
        ax.set_ylim(low - (0.1 if low > 0 else 0.02) * scale, high + 0.1 * scale)


Point = tuple[float, float, float]
"""temperature, x, y"""


def label_temperatures(ax: "Axes", curves: Sequence[Sequence[Point]]) -> None:
    """Write the temperature beside the points of one curve or of several, without overlaps.

    Of a single curve both ends and T = 1 come first, then every other point with room for a
    label. Of several curves only the ends are labelled, in the curve's colour.
    """
    taken: list[tuple[float, float]] = []
    for number, curve in enumerate(curves):
        places = {t: (x, y) for t, x, y in curve}
        temperatures = tuple(places)
        ends = (temperatures[0], temperatures[-1])
        alone = len(curves) == 1
        others = (nearest(temperatures, OWN_TEMPERATURE), *temperatures) if alone else ()
        for t in dict.fromkeys((*ends, *others)):
            x, y = ax.transData.transform(places[t])
            width, height = _LABEL_PIXELS
            if any(abs(x - a) <= width and abs(y - b) <= height for a, b in taken):
                continue
            taken.append((x, y))
            ax.annotate(
                f"T={t:g}",
                places[t],
                xytext=(0, 6),
                textcoords="offset points",
                ha="center",
                fontsize=7.5,
                zorder=5,
                color=None if alone else COLOURS[number % len(COLOURS)],
            )
