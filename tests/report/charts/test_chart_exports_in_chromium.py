"""What a reader takes away from a chart: files and text of what is shown at that moment."""

import csv
import io
import re
import struct
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

from sfr_eval.report.charts.chart import Axis, Chart, Point, Series, XYChart
from sfr_eval.store.results import SuiteResults
from sfr_eval.version import __version__
from tests.report.charts.conftest import chart, draw_all, place, press_menu, texts
from tests.support.chart_pages import chart_page
from tests.support.chromium import ARTEFACTS, Browser, Page

CURVES = "embed_distance"
HOSTILE = '=1+1,"a"\n</text><script>alert(1)</script> & 5 % of $x_1$ | {y} ~^\\'


@pytest.fixture
def folder(page: Page, tmp_path: Path) -> Path:
    """Where downloads of the page are saved."""
    page.downloads(tmp_path)
    return tmp_path


def table(page: Page, folder: Path, title: str, name: str) -> list[dict[str, str]]:
    (folder / name).unlink(missing_ok=True)
    press_menu(page, title, "Save as CSV")
    return list(csv.DictReader(io.StringIO(page.downloaded(folder / name).decode())))


def test_csv_holds_the_exact_numbers(page: Page, folder: Path, suite: SuiteResults) -> None:
    rows = table(page, folder, CURVES, "embed-distance.csv")
    run = [row for row in rows if row["series"] == "model"]
    expected = suite.sweep(CURVES)
    assert [float(row["temperature"]) for row in run] == list(expected)
    for row, estimate in zip(run, expected.values(), strict=True):
        numbers = [float(row[name]) for name in (CURVES, f"{CURVES}_low", f"{CURVES}_high")]
        assert numbers == [estimate.value, estimate.low, estimate.high]
    assert [row["about"] for row in rows if row["series"] == "other"] == ["made up"] * 3
    reference = next(row for row in rows if row["series"] == "reference")
    assert reference["temperature"] == ""


def test_csv_holds_what_is_shown_now(page: Page, folder: Path) -> None:
    name = "embed-distance.csv"
    x, y = place(page, CURVES, 0)
    page.drag((x - 8, y + 3), (x + 40, y + 5))
    rows = table(page, folder, CURVES, name)
    assert [(row["series"], row["temperature"]) for row in rows] == [
        ("model", "0.4"),
        ("other", "0.4"),
        ("reference", ""),
    ]
    page.click(page.place(f"{chart(CURVES)} .chart-legend button:nth-child(2)"))
    rows = table(page, folder, CURVES, name)
    assert [row["series"] for row in rows] == ["model", "reference"]


def test_csv_follows_the_chosen_axes(page: Page, folder: Path, suite: SuiteResults) -> None:
    title, name = "Quality against variety", "quality-against-variety.csv"
    page.set(f"{chart(title)} label:nth-child(2) select", "length")
    rows = table(page, folder, title, name)
    assert [float(row["length"]) for row in rows] == [
        estimate.value for estimate in suite.sweep("length").values()
    ]
    assert list(rows[0])[:3] == ["series", "length", "length_low"]


def test_csv_of_the_other_kinds(page: Page, folder: Path) -> None:
    rows = table(page, folder, "Similarity", "similarity.csv")
    assert len(rows) == 9
    assert list(rows[5].values()) == ["pirate", "sergeant", "0.41"]
    assert rows[3]["value"] == ""  # undefined is empty, never 0
    rows = table(page, folder, "Differences at T = 1", "differences-at-t-1.csv")
    assert list(rows[4].values()) == ["Other", "Length", "sft", "12", "11.95", "12.05", "longer"]
    assert rows[3]["difference to base"] == ""


def test_svg_is_a_document_that_needs_no_page(page: Page, folder: Path) -> None:
    page.click(page.place(f"{chart(CURVES)} .chart-legend button:nth-child(2)"))
    press_menu(page, CURVES, "Save as SVG")
    text = page.downloaded(folder / "embed-distance.svg").decode()
    root = ET.fromstring(text)
    words = [node.text for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert words[0] == CURVES
    assert words[-2:] == ["model", "reference"]  # the legend, without what is switched off
    assert "var(" not in text
    assert "light-dark" not in text
    assert re.search(r'fill="rgb\(255, 255, 255\)"', text)  # for paper, whatever the theme


def test_png_has_three_pixels_for_each_of_the_page(page: Page, folder: Path) -> None:
    page.run("document.documentElement.dataset.theme = 'dark'")
    for title, name in ((CURVES, "embed-distance"), ("Similarity", "similarity")):
        press_menu(page, title, "Save as PNG")
        content = page.downloaded(folder / f"{name}.png")
        assert content.startswith(b"\x89PNG")
        width, _ = struct.unpack(">II", content[16:24])
        shown = page.run(f"document.querySelector('{chart(title)}').clientWidth")
        # A heat map is cut where it ends.
        assert width == 3 * shown if title == CURVES else width < 1.5 * shown, (width, shown)
        ARTEFACTS.mkdir(parents=True, exist_ok=True)
        (ARTEFACTS / f"chart-{name}.png").write_bytes(content)


def test_latex_is_a_table_of_booktabs(page: Page, suite: SuiteResults) -> None:
    press_menu(page, CURVES, "Copy as LaTeX")
    text = page.clipboard()
    assert texts(page, f"{chart(CURVES)} .chart-live") == ["LaTeX copied."]
    lines = text.splitlines()
    assert "    \\toprule" in lines
    assert "  \\begin{tabular}{lrrr}" in lines
    assert "     & T = 0.4 & T = 1 & T = 1.6 \\\\" in lines
    values = [e.value for e in suite.sweep(CURVES).values() if e.value is not None]
    cells = " & ".join(f"{value:.2f} $\\pm$ 0.02" for value in values)
    assert f"    model & {cells} \\\\" in lines
    assert f"sfr-eval~{__version__}" in text
    assert "embed\\_distance" in text


def test_markdown_is_a_table(page: Page) -> None:
    press_menu(page, "Similarity", "Copy as Markdown")
    assert page.clipboard().splitlines() == [
        "**Similarity, T = 0.4** (95 % intervals)",
        "",
        "|  | butler | pirate | sergeant |",
        "|---|---:|---:|---:|",
        "| butler | 0.93 | 0.30 | 0.44 |",
        "| pirate | \u2013 | 0.91 | 0.41 |",
        "| sergeant | 0.43 | 0.42 | 0.92 |",
    ]


def test_bibtex_names_the_version_and_the_metrics(page: Page) -> None:
    press_menu(page, "Quality against variety", "Copy BibTeX")
    text = page.clipboard()
    assert text.startswith("@software{sfr_eval,\n")
    assert f"version = {{{__version__}}}" in text
    assert "embed\\_distance, style\\_accuracy as defined in docs/metrics" in text
    assert text.count("{") == text.count("}")


def test_the_menu_works_by_keyboard(page: Page) -> None:
    page.run(f"document.querySelector('{chart('Similarity')} summary').focus()")
    page.press("Enter")
    page.run("new Promise(done => setTimeout(done, 50))")
    page.press("Tab", times=5)
    assert page.run("document.activeElement.textContent") == "Copy as Markdown"
    page.press("Enter")
    assert "| pirate |" in page.clipboard()
    assert not page.run(f"document.querySelector('{chart('Similarity')} details').open")
    assert page.run("document.activeElement.tagName") == "SUMMARY"
    page.press("Enter")
    page.press("Escape")
    assert not page.run(f"document.querySelector('{chart('Similarity')} details').open")


@pytest.fixture
def hostile(chromium: Browser, tmp_path: Path) -> Iterator[Page]:
    """A chart whose names come from a model that means harm."""
    series = (
        Series(name=HOSTILE, number=0, points=(Point(x=1.0, y=2.0, label=HOSTILE, about=HOSTILE),)),
        Series(name="@cmd", number=1, points=(Point(x=1.0, y=-3.0),)),
    )
    made: list[Chart] = [
        XYChart(title=HOSTILE, x=Axis(label=HOSTILE), y=Axis(label="y"), series=series)
    ]
    file = tmp_path / "hostile.html"
    file.write_text(chart_page(made), encoding="utf-8")
    tab = chromium.page()
    tab.look()
    tab.open(file.as_uri())
    draw_all(tab)
    tab.downloads(tmp_path)
    yield tab
    tab.run("1")
    assert tab.troubles == []
    assert tab.dialogs == 0
    tab.close()


def choose(page: Page, action: str) -> None:
    page.click(page.place(".chart-menu summary"))
    page.run("new Promise(done => setTimeout(done, 50))")
    number = texts(page, ".chart-actions button").index(action)
    page.click(page.place(f".chart-actions button:nth-child({number + 1})"))


def test_hostile_names_stay_text(hostile: Page, tmp_path: Path) -> None:
    assert texts(hostile, ".chart-title") == [HOSTILE]
    assert hostile.run("document.querySelectorAll('.chart script').length") == 0
    name = "1-1-a-text-script-alert-1-script-5-of-x-1-y"
    choose(hostile, "Save as CSV")
    rows = list(csv.reader(io.StringIO(hostile.downloaded(tmp_path / f"{name}.csv").decode())))
    assert rows[1][0] == "'" + HOSTILE  # no formula
    assert rows[2][0] == "'@cmd"
    assert rows[2][2] == "-3"  # a number is no formula
    choose(hostile, "Save as SVG")
    root = ET.fromstring(hostile.downloaded(tmp_path / f"{name}.svg"))
    assert not list(root.iter("{http://www.w3.org/2000/svg}script"))
    choose(hostile, "Copy as LaTeX")
    latex = hostile.clipboard()
    assert "5 \\% of \\$x\\_1\\$ | \\{y\\} \\textasciitilde{}\\textasciicircum{}" in latex
    choose(hostile, "Copy as Markdown")
    line = hostile.clipboard().splitlines()
    assert all(row.startswith(("|", "**")) or not row for row in line)
    assert "\\| {y}" in line[4]
