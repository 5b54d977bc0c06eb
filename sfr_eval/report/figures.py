"""Figures to files: SVG for the page; PNG, SVG and CSV for the folder.

A `Figure` is one pair of axes: what it shows (`chart`), and the numbers in it. The page takes
figures one by one, so that they flow on a phone; a file holds all figures of a kind. They are drawn
without pyplot, so nothing global is touched.
"""

import csv
import io
import logging
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sfr_eval.report.charts.chart import Chart
from sfr_eval.report.charts.fonts import families
from sfr_eval.report.charts.labels import obstacles
from sfr_eval.report.charts.looks import COLOURS as COLOURS
from sfr_eval.report.charts.looks import QUIET as QUIET
from sfr_eval.report.charts.looks import short_name
from sfr_eval.report.charts.static import draw, label_points, legend_entries, name_series, texts
from sfr_eval.util.assets import report_file
from sfr_eval.util.untrusted import clean, spreadsheet_row

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Sheet

IMAGES = ("png", "svg")
DPI = 300  # what journals ask for
SIZE = (3.7, 3.0)  # inches
SQUARE = (3.7, 3.6)

NAMES, POINTS = 8.5, 8.0
"""Sizes of the labels of series and of points; at 400 pixels a panel of `SIZE` shows 1.5 pixels for
each of these."""

# Neither the day nor the version that drew it: equal numbers give equal files.
_METADATA: dict[str, dict[str, str | None]] = {
    "svg": {"Date": None, "Creator": None, "Format": None, "Type": None},
    "png": {"Software": None},
}


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One pair of axes: what it shows and says, and the numbers in it."""

    title: str
    description: str  # for readers who cannot see it
    rows: Sequence[Mapping[str, Any]]
    chart: Chart | None = None
    draw: Callable[["Axes"], None] | None = None  # of a drawing that is not in a report
    size: tuple[float, float] = SIZE
    in_files: tuple["Figure", ...] = ()  # what the files have in its place: single pairs of axes


def figure_svg(figure: Figure) -> str:
    """Return a figure as an SVG document with text as text; equal figures give equal documents."""
    with _sheet([figure], columns=1, text="none") as sheet:
        return _saved(sheet, "svg").decode()


def files(
    figures: Sequence[Figure], *, images: bool = True, columns: int = 3
) -> Iterator[tuple[str, bytes]]:
    """Yield (suffix, content) of PNG, SVG and CSV with all figures of a kind, of CSV alone without
    `images`; nothing for no figure."""
    if not figures:
        return
    figures = [one for figure in figures for one in figure.in_files or (figure,)]
    columns = min(len(figures), columns)
    if images:
        with _sheet(figures, columns=columns) as sheet:
            drawings = [(kind, _saved(sheet, kind)) for kind in IMAGES]
        yield from drawings
    yield "csv", to_csv([row for figure in figures for row in figure.rows])


def to_csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Write rows with the same keys, numbers in full precision, undefined ones empty.

    Text that a spreadsheet would take for a formula gets a quote in front (`spreadsheet_row`).
    """
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
    for row in ({name: name for name in rows[0]}, *rows):
        writer.writerow(spreadsheet_row(row))
    return stream.getvalue().encode()


@contextmanager
def _sheet(figures: Sequence[Figure], *, columns: int, text: str = "path") -> Iterator["Sheet"]:
    """Draw figures on one sheet, to be saved inside the block, as often as it has formats."""
    import matplotlib as mpl
    from matplotlib import figure as canvas
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    rows = math.ceil(len(figures) / columns)
    width, height = (max(figure.size[side] for figure in figures) for side in (0, 1))
    names = [name for figure in figures if figure.chart for name in texts(figure.chart)]
    with mpl.rc_context(), _without_font_warnings():
        mpl.rc_file(report_file("plots.mplstyle"), use_default_template=True)
        mpl.rcParams["font.family"] = families(names)
        mpl.rcParams["svg.fonttype"] = text
        mpl.rcParams["text.parse_math"] = False  # a name with two dollars is a name
        engine = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08)
        sheet = canvas.Figure(figsize=(width * columns, height * rows), layout=engine)
        FigureCanvasAgg(sheet)
        axes = list(sheet.subplots(rows, columns, squeeze=False).ravel())
        for figure, ax in zip(figures, axes, strict=False):
            if figure.chart is not None:
                draw(figure.chart, ax)
            elif figure.draw is not None:
                figure.draw(ax)
        for ax in axes[len(figures) :]:
            ax.set_axis_off()
        write_labels(sheet, figures, axes)
        yield sheet


def _saved(sheet: "Sheet", kind: str) -> bytes:
    stream = io.BytesIO()
    sheet.savefig(stream, format=kind, dpi=DPI, metadata=_METADATA[kind])
    content = stream.getvalue()
    # matplotlib copies names, and XML cannot hold every character of a name.
    return clean(content.decode()).encode() if kind == "svg" else content


@contextmanager
def _without_font_warnings() -> Iterator[None]:
    """Say nothing of a character that no font has: the page shows it, since there text stays
    text."""
    logger = logging.getLogger("matplotlib.font_manager")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            yield
    finally:
        logger.setLevel(level)


def _write_legend(sheet: "Sheet", entries: Mapping[str, "Artist"]) -> None:
    """Write the legend with as many columns as the sheet has room for."""
    renderer = sheet.canvas.get_renderer()  # type: ignore[attr-defined]
    for columns in range(len(entries), 0, -1):
        legend = sheet.legend(
            list(entries.values()),
            [short_name(name) for name in entries],
            loc="outside lower center",
            ncols=columns,
        )
        if legend.get_window_extent(renderer).width <= sheet.bbox.width or columns == 1:
            return
        legend.remove()


def write_labels(sheet: "Sheet", figures: Sequence[Figure], axes: Sequence["Axes"]) -> None:
    """Write the labels of series and points, and where the series' names have no room beside their
    curves one legend below all axes."""
    drawn = [
        (figure.chart, ax)
        for figure, ax in zip(figures, axes, strict=False)
        if figure.chart is not None
    ]
    if not drawn:
        return
    sheet.draw_without_rendering()
    taken = [obstacles(ax) for _, ax in drawn]
    written = [
        name_series(chart, ax, there, size=NAMES)
        for (chart, ax), there in zip(drawn, taken, strict=True)
    ]
    if None in written:
        for text in (text for texts in written for text in texts or ()):
            text.remove()
        entries = {name: key for chart, _ in drawn for name, key in legend_entries(chart)}
        _write_legend(sheet, entries)
        sheet.draw_without_rendering()
        taken = [obstacles(ax) for _, ax in drawn]
    sheet.set_layout_engine("none")
    for (chart, ax), there in zip(drawn, taken, strict=True):
        label_points(chart, ax, there, size=POINTS)
