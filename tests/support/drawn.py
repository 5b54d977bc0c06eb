"""What matplotlib draws of a figure, for tests on its geometry."""

from typing import Any

from sfr_eval.report.charts.static import draw
from sfr_eval.report.figures import Figure, write_labels


def axes_of(*figures: Figure) -> list[Any]:
    """The pairs of axes of a sheet with these figures, with their labels, after the layout."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Sheet
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    width, height = figures[0].size
    sheet = Sheet(figsize=(width * len(figures), height), layout=ConstrainedLayoutEngine())
    FigureCanvasAgg(sheet)
    axes = list(sheet.subplots(1, len(figures), squeeze=False).ravel())
    for figure, ax in zip(figures, axes, strict=True):
        assert figure.chart is not None
        draw(figure.chart, ax)
    write_labels(sheet, figures, axes)
    return axes


def axes_of_one(figure: Figure) -> Any:
    """The axes of one figure."""
    (ax,) = axes_of(figure)
    return ax


def curves(ax: Any) -> list[tuple[str, list[float]]]:
    """The line style and the x values of each line through more than one place."""
    lines = [line for line in ax.lines if line.get_linestyle() != "None"]
    return [(li.get_linestyle(), [float(x) for x in li.get_xdata()]) for li in lines]


def label_boxes(ax: Any) -> dict[str, Any]:
    """Text -> its box in pixels, of the labels inside the axes."""
    renderer = ax.figure.canvas.get_renderer()
    return {text.get_text(): text.get_window_extent(renderer) for text in ax.texts}
