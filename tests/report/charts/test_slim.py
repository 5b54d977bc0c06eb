"""pytest tests/report/charts/test_slim.py"""

import re
from xml.etree import ElementTree

from sfr_eval.report.charts.chart import Axis, Point, Series, XYChart
from sfr_eval.report.charts.slim import slim
from sfr_eval.report.figures import Figure, figure_svg

DRAWING = """<?xml version="1.0"?>
<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"
 width="9pt" height="9pt" viewBox="0 0 9 9" version="1.1">
 <metadata>who</metadata>
 <defs><style>*{}</style><clipPath id="c"><rect x="0.123456" y="1"/></clipPath></defs>
 <g id="figure_1"><g id="axes_1">
  <path d="M 1.04 2.06 
L 5.04 2.06 
L 5.04 -0.01 
z
" clip-path="url(#c)" style="fill: none; stroke: #222222; stroke-linecap: square"/>
  <defs><path id="m" d="M 0 1 C 0.26 1 0.51 0.89 1 1"/></defs>
  <use xlink:href="#m" x="3.14159" y="2"/>
  <text style="font: bold 9px 'DejaVu Sans'; text-anchor: start" 
   transform="rotate(-0 1 2)">&lt;b&gt; 8.123456 \u4e2d</text>
 </g></g>
</svg>"""


def test_a_drawing_by_hand() -> None:
    assert slim(DRAWING) == (
        '<svg viewBox="0 0 9 9" aria-hidden="true">'
        '<path d="M1 2.1H5V0z" style="fill:none;stroke:#222222"/>'
        '<defs><path id="m" d="M0 1C0.3 1 0.5 0.9 1 1"/></defs>'
        '<use href="#m" x="3.1" y="2"/>'
        '<text style="font-weight:bold;font-size:9px">&lt;b&gt; 8.123456 \u4e2d</text>'
        "</svg>"
    )


def test_what_neighbours_have_in_common_is_said_once() -> None:
    marks = "".join(
        f'<path d="M {n} 0" style="fill: #00000{n}; stroke-width: 2"/>' for n in range(3)
    )
    drawn = slim(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">{marks}</svg>')
    assert '<g style="stroke-width:2"><path d="M0 0" style="fill:#000000"/>' in drawn
    assert drawn.count("stroke-width") == 1


def test_lines_of_one_style_are_one_path() -> None:
    lines = "".join(
        f'<path d="M {n} 0 L {n} 5" style="fill: none; stroke: red"/>' for n in range(3)
    )
    drawn = slim(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">{lines}</svg>')
    assert drawn.endswith('<path d="M0 0V5M1 0V5M2 0V5" style="fill:none;stroke:red"/></svg>')


def test_one_mark_in_many_places_is_one_line() -> None:
    uses = "".join(f'<use xlink:href="#m" x="{n}.04" y="2" style="fill: red"/>' for n in range(4))
    whole = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="0 0 9 9"><g><defs><path id="m" d="M 0 0 L 1 1"/></defs>{uses}</g></svg>'
    )
    assert slim(whole) == (
        '<svg viewBox="0 0 9 9" aria-hidden="true"><defs><marker id="m-1" overflow="visible" '
        'markerUnits="userSpaceOnUse"><path d="M0 0L1 1" style="fill:red"/></marker></defs>'
        '<path d="M0 2L1 2L2 2L3 2" style="fill:none;marker:url(#m-1)"/></svg>'
    )


def test_a_chart_keeps_its_texts_and_stays_small() -> None:
    points = tuple(
        Point(x=0.2 * n, y=0.1 * n, y_low=0.1 * n - 0.02, y_high=0.1 * n + 0.02) for n in range(8)
    )
    band = tuple((p.x, p.y_low or 0.0, p.y_high or 0.0) for p in points)
    series = tuple(Series(name=f"run <{n}>", number=n, points=points, band=band) for n in range(8))
    chart = XYChart(title="A & B", x=Axis(label="temperature"), y=Axis(label="y"), series=series)
    whole = figure_svg(Figure(title="", description="", rows=[], chart=chart))
    small = slim(whole)
    root = ElementTree.fromstring(f'<x xmlns:xlink="y">{small}</x>')
    written = [element.text for element in root.iter() if element.tag == "text"]
    assert {"A & B", "temperature", *(f"run <{n}>" for n in range(8))} <= set(written)
    assert len(small) < 12_000 < len(whole)
    assert not re.search(r"\d\.\d\d", re.sub(r">[^<]*<|style=\"[^\"]*\"", "><", small))
