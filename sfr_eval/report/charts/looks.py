"""Colour, marker and dashes of the number of a series: 36 numbers look different.

reports/scripts/charts.js has the same rule. In the page the colours are the CSS variables --run-0
to --run-5, which have a dark theme.
"""

from sfr_eval.report.charts.chart import Series

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*")
QUIET = "#888888"

_DASHES = ((), (5, 2), (1.5, 2), (6, 2, 1.5, 2), (9, 3), (3, 1.5, 1, 1.5))
"""Lengths of dash and gap in points, one for each round of the colours."""


_LONGEST = 40
"""Characters of a name in a static drawing; the page has it in full."""


def short_name(name: str, *, most: int = _LONGEST) -> str:
    """Return a name, without its middle where it would leave the drawing no room: names of
    checkpoints differ at their ends."""
    if len(name) <= most:
        return name
    end = (most - 1) // 2
    return f"{name[: most - 1 - end]}\N{HORIZONTAL ELLIPSIS}{name[-end:]}"


def colour_of(series: Series) -> str:
    """Return the colour of a series."""
    if series.quiet:
        return QUIET
    return series.colour or COLOURS[series.number % 6]


def marker_of(series: Series) -> str:
    """Return the marker of a series; "" for none."""
    if series.marker == "none":
        return ""
    if series.marker == "star":
        return "*"
    if series.colour:
        return MARKERS[series.number % len(MARKERS)]
    return MARKERS[(series.number + series.number // 6) % 6]


def line_of(series: Series) -> str | tuple[float, tuple[float, ...]]:
    """Return the line style of a series, as matplotlib takes it."""
    if series.line != "solid":
        return {"dashed": "--", "dotted": ":", "none": "none"}[series.line]
    dashes = _DASHES[series.number // 6 % 6]
    return (0, dashes) if dashes else "-"
