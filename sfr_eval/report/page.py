"""One self-contained HTML page from a template in reports/, its styles and its scripts.

The page loads nothing: its Content-Security-Policy allows the scripts that are in it, by their
hashes, and nothing else. Model text reaches it escaped (`autoescape`) or as JSON that a script
cannot leave (`script_json`).
"""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from sfr_eval.report.charts.chart import payload
from sfr_eval.report.charts.slim import slim
from sfr_eval.report.figures import COLOURS, IMAGES, Figure, figure_svg
from sfr_eval.util.assets import report_file
from sfr_eval.version import __version__

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

_VARIABLES = {
    "#222222": "var(--ink)",
    "#dcdcdc": "var(--grid)",
    "#ffffff": "var(--card)",
    **{colour: f"var(--run-{number})" for number, colour in enumerate(COLOURS)},
}
"""Colours of plots.mplstyle and of the runs -> CSS variables, which have a dark theme too."""


_NOT_INERT = re.compile("[<>&\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

STYLES = ("page", "tables", "charts", "replies", "scoreboard")
CHARTS = (
    *("charts", "charts_axes", "charts_xy", "charts_plane", "charts_heat", "charts_forest"),
    *("charts_export", "charts_view"),
)
SCRIPTS = (
    *("table_copy", "tables", *CHARTS),
    *("replies-text", "replies-glance", "replies-map", "replies-cards", "replies"),
)
"""Files of reports/styles/ and reports/scripts/ that every page has; scripts/page.js runs in the
head, these at the end of the body."""


def render(
    template: str,
    *,
    scripts: Sequence[str] = (),
    styles: Sequence[str] = (),
    images: bool = False,
    **values: Any,
) -> str:
    """Return the page of a template of reports/pages/ which extends page.html.j2, with what every
    page has and further scripts and styles. images: whether plots/ has figures as images, too."""
    from markupsafe import Markup

    first = _text("scripts/page.js")
    rest = [_text(f"scripts/{name}.js") for name in (*SCRIPTS, *scripts)]
    return (
        _environment(images)
        .get_template(f"pages/{template}.html.j2")
        .render(
            style=Markup("".join(_text(f"styles/{name}.css") for name in (*STYLES, *styles))),
            head_script=Markup(first),
            scripts=[Markup(script) for script in rest],
            version=__version__,
            script_hashes=Markup(" ".join(f"'{_csp_hash(script)}'" for script in (first, *rest))),
            **values,
        )
    )


@cache
def _environment(images: bool) -> "Environment":
    """Return what keeps compiled templates: compiling those of a page takes 0.3 s."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        loader=FunctionLoader(_loaded),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["suffixes"] = (*IMAGES, "csv") if images else ("csv",)
    return environment


def _loaded(name: str) -> tuple[str, None, Callable[[], bool]]:
    """Return the text of a template, and whether it is still that."""
    text = _text(name)
    return text, None, lambda: _text(name) == text


def _text(name: str) -> str:
    return report_file(name).read_text(encoding="utf-8")


def _csp_hash(script: str) -> str:
    """Return the name by which a Content-Security-Policy allows this script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def script_json(value: Mapping[str, Any] | Sequence[Any] | str) -> "Markup":
    """Return JSON that is inert inside <script> and can be written as UTF-8: without <, > and &,
    line separators of Unicode, marks that turn the direction of text, and lone surrogates."""
    from markupsafe import Markup

    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(_NOT_INERT.sub(lambda match: f"\\u{ord(match[0]):04x}", text))


def inline(figure: Figure) -> dict[str, Any]:
    """Return a figure for the macro `plot`: its <svg> takes size and colours from the page."""
    from markupsafe import Markup

    # The caption names it: the drawing itself says nothing to a screen reader.
    svg = _unique_ids(slim(figure_svg(figure)))
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, variable)
    chart = figure.chart
    return {
        "title": figure.title,
        "description": figure.description,
        "svg": Markup(svg),
        "kind": chart.kind if chart else "",
        "chart": script_json(payload(chart)) if chart else "",
    }


def _unique_ids(svg: str) -> str:
    """Drop the ids that nothing in the drawing uses, and give the others a prefix of their own:
    matplotlib names the parts of every figure alike, and an id may stand in a page only once."""
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', svg))
    prefix = hashlib.sha256(svg.encode()).hexdigest()[:8]

    def rename(match: re.Match[str]) -> str:
        return f' id="{prefix}-{match[1]}"' if match[1] in used else ""

    svg = re.sub(r' id="([^"]*)"', rename, svg)
    return re.sub(r'(href="#|url\(#)', rf"\g<1>{prefix}-", svg)
