"""Pages with charts alone, for tests that drive them in a browser."""

import re
from collections.abc import Sequence

from jinja2 import Environment, FunctionLoader

from sfr_eval.report.charts.chart import Chart
from sfr_eval.report.figures import Figure
from sfr_eval.report.page import inline, render
from sfr_eval.util.assets import report_file


def chart_page(charts: Sequence[Chart], *, box: str = "replies-1") -> str:
    """Return the page of a report with these charts and nothing else, as its templates make it.
    `box` is the id of the reply browser that marks would lead to."""
    environment = Environment(
        loader=FunctionLoader(lambda name: report_file(name).read_text(encoding="utf-8")),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    macros = environment.get_template("parts/charts.html.j2").module
    figures = "".join(str(macros.plot(chart.kind, inline(_figure(chart)))) for chart in charts)
    content = (
        f'<h2>Charts</h2><section data-replies="{box}"><div class="plots">{figures}</div></section>'
    )
    page = render("page").replace("<h1></h1>", "<h1>Test</h1>")
    page, count = re.subn(r"(<main [^>]*>)", lambda start: start[1] + content, page, count=1)
    assert count == 1
    return page


def _figure(chart: Chart) -> Figure:
    return Figure(
        title=chart.title,
        description=f"{chart.title}, described.",
        rows=[],
        chart=chart,
    )
