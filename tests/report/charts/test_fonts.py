"""pytest tests/report/charts/test_fonts.py"""

import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from sfr_eval.report.charts.chart import Frame, HeatMap
from sfr_eval.report.charts.fonts import BASE, families
from sfr_eval.report.figures import Figure, figure_svg, files

HAN = "\u6d77\u76d7"
RTL = "\u05e9\u05dc\u05d5\u05dd"


@pytest.fixture
def han_font(tmp_path: Path) -> Iterator[str]:
    """A font that has the Chinese word for pirate and nothing else."""
    from fontTools.fontBuilder import FontBuilder  # type: ignore[import-untyped]
    from fontTools.pens.ttGlyphPen import TTGlyphPen  # type: ignore[import-untyped]
    from matplotlib import font_manager

    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for corner in ((500, 0), (500, 700), (0, 700)):
        pen.lineTo(corner)
    pen.closePath()
    names = [".notdef", *(f"uni{ord(c):04X}" for c in HAN)]
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({ord(c): f"uni{ord(c):04X}" for c in HAN})
    builder.setupGlyf(dict.fromkeys(names, pen.glyph()))
    builder.setupHorizontalMetrics(dict.fromkeys(names, (600, 0)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Zzz Han", "styleName": "Regular"})
    builder.setupOS2(usWeightClass=400)
    builder.setupPost()
    file = tmp_path / "han.ttf"
    builder.save(file)
    before = list(font_manager.fontManager.ttflist)
    font_manager.fontManager.addfont(file)
    yield "Zzz Han"
    font_manager.fontManager.ttflist[:] = before


def figure(*names: str) -> Figure:
    cells = tuple(tuple(0.1 * (i + j) for j in range(len(names))) for i in range(len(names)))
    frame = Frame(label="T = 1", cells=cells)
    chart = HeatMap(title="", rows=names, columns=names, frames=(frame,), shown=0)
    return Figure(title="", description="", rows=[{"a": 1}], chart=chart)


def test_latin_needs_no_other_font() -> None:
    assert families(["Grandma Rose", "T = 1 ± 0.2"]) == [BASE]


def test_a_font_that_has_the_characters_is_added(
    han_font: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sfr_eval.report.charts.fonts._KNOWN", (han_font,))
    assert families([HAN]) == [BASE, han_font]
    dict(files([figure(HAN, "b")]))  # draws with it


@pytest.mark.parametrize(
    "name", [HAN, RTL, "\u0915\u094d\u0937", "\u0645\u0631\u062d\u0628\u0627", "\U0001f3f4"]
)
def test_a_name_that_no_font_has_stays_text_in_the_page(
    name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        svg = figure_svg(figure(name, "b"))
        dict(files([figure(name, "b")]))
    assert f">{name}</text>" in svg
    assert capfd.readouterr() == ("", "")
