"""A page that has charts of every kind."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sfr_eval.report.charts.chart import (
    Axis,
    Chart,
    ForestChart,
    ForestMark,
    ForestRow,
    Frame,
    HeatMap,
    PlaneChart,
    PlaneSeries,
    Point,
    Series,
    XYChart,
)
from sfr_eval.report.figures import Figure, figure_svg
from sfr_eval.store.manifest import Manifest
from sfr_eval.store.results import Results, SuiteResults, read_suites
from sfr_eval.types import Estimate
from tests.support.chart_pages import chart_page
from tests.support.chromium import Browser, Page
from tests.support.report_data import write_run

METRICS = ("embed_distance", "style_accuracy", "unique_share", "length")
NAMES = ("pirate", "sergeant", "butler")


@pytest.fixture(scope="session")
def suite(tmp_path_factory: pytest.TempPathFactory) -> SuiteResults:
    """The results.json of a small run."""
    folder = write_run(tmp_path_factory.mktemp("charts") / "run")
    return read_suites(Manifest.load(folder.path), Results.load(folder.path))[0]


def point(estimate: Estimate, *, x: float) -> Point:
    assert estimate.value is not None
    replies = {"temperature": estimate.temperature}
    return Point(x=x, y=estimate.value, y_low=estimate.low, y_high=estimate.high, replies=replies)


def over_temperature(suite: SuiteResults, metric: str) -> XYChart:
    run = tuple(point(e, x=t) for t, e in suite.sweep(metric).items())
    band = tuple((p.x, p.y_low, p.y_high) for p in run if p.y_low is not None)
    # A second run, the same a little lower, so that there is something to switch.
    low = tuple(Point(x=p.x, y=p.y * 0.9, about="made up") for p in run)
    series = [
        Series(name="model", number=0, points=run, band=band),  # type: ignore[arg-type]
        Series(name="other", number=1, points=low),
    ]
    if (reference := suite.truth_of(metric)) is not None:
        level = (point(reference, x=0.0),)
        series.append(Series(name="reference", number=2, points=level, level=True, line="dashed"))
    return XYChart(
        title=metric,
        x=Axis(label="temperature"),
        y=Axis(label="", metric=metric, direction="higher", possible=(0, None)),
        series=tuple(series),
        cursor="temperature",
    )


def plane(suite: SuiteResults) -> PlaneChart:
    temperatures = [t for t in suite.temperatures if suite.at("embed_distance", t)]
    points = tuple(
        {m: (e.value, e.low, e.high) for m in METRICS if (e := suite.at(m, t)) is not None}
        for t in temperatures
    )
    return PlaneChart(
        title="Quality against variety",
        x="embed_distance",
        y="style_accuracy",
        axes=(
            Axis(
                label="Distance in meaning",
                role="variety",
                metric="embed_distance",
                direction="higher",
                possible=(0, 2),
            ),
            Axis(
                label="Style accuracy",
                role="style",
                metric="style_accuracy",
                direction="higher",
                possible=(0, 1),
            ),
            Axis(label="Length", role="length", metric="length", direction="lower"),
        ),
        series=(
            PlaneSeries(
                name="model",
                number=0,
                points=points,  # type: ignore[arg-type]
                labels=tuple(f"T={t:g}" for t in temperatures),
                replies=tuple({"temperature": t} for t in temperatures),
            ),
        ),
    )


HEAT = HeatMap(
    title="Similarity",
    rows=NAMES,
    columns=NAMES,
    frames=(
        Frame(
            label="T = 0.4",
            temperature=0.4,
            cells=((0.91, 0.41, None), (0.42, 0.92, 0.43), (0.3, 0.44, 0.93)),
        ),
        Frame(
            label="T = 1",
            temperature=1.0,
            cells=((0.71, 0.2125, 0.2), (0.22, 0.72, 0.23), (0.1, 0.24, 0.73)),
        ),
    ),
    shown=0,
    order=(2, 0, 1),
    row_replies=tuple({"persona": name} for name in NAMES),
)


def mark(series: str, value: float | None, words: str, **more: object) -> ForestMark:
    ends = {} if value is None else {"low": value - 0.05, "high": value + 0.05}
    number = {"sft": 1, "sfr": 2}[series]
    return ForestMark(series=series, number=number, value=value, words=words, **ends, **more)  # type: ignore[arg-type]


FOREST = ForestChart(
    title="Differences at T = 1",
    base="base",
    rows=(
        ForestRow(
            label="Distance",
            metric="embed_distance",
            part="Primary",
            direction="higher",
            marks=(mark("sft", -0.1, "worse", tone="down"), mark("sfr", 0.02, "inconclusive")),
        ),
        ForestRow(
            label="Self-BLEU",
            metric="self_bleu",
            part="Primary",
            direction="lower",
            marks=(mark("sft", 0.3, "worse", tone="down"), mark("sfr", None, "undefined")),
        ),
        ForestRow(
            label="Length",
            metric="length",
            part="Other",
            direction="",
            scale=100.0,
            marks=(mark("sft", 12.0, "longer"), mark("sfr", -3.0, "shorter")),
        ),
    ),
)

SEEDS = XYChart(
    title="Seeds",
    x=Axis(label="training step", ticks=((1, "first"), (100, "last"))),
    y=Axis(label="loss"),
    series=tuple(
        Series(
            name=f"{group} {seed}",
            group=group,
            number=number,
            thin=True,
            points=tuple(Point(x=10.0**k, y=(seed + 2) / 10**k) for k in range(3)),
        )
        for number, group in enumerate(("sft", "sfr"))
        for seed in range(3)
    ),
)


@pytest.fixture(scope="session")
def charts(suite: SuiteResults) -> list[Chart]:
    curves = [over_temperature(suite, metric) for metric in METRICS]
    return [plane(suite), FOREST, HEAT, *curves, SEEDS]


@pytest.fixture(scope="session")
def file(charts: list[Chart], tmp_path_factory: pytest.TempPathFactory) -> Path:
    written = tmp_path_factory.mktemp("page") / "charts.html"
    written.write_text(chart_page(charts), encoding="utf-8")
    return written


@pytest.fixture
def drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first chart's static drawing stands for those of all: for charts that are alike."""
    drawings: list[str] = []

    def first(figure: Figure) -> str:
        if not drawings:
            drawings.append(figure_svg(figure))
        return drawings[0]

    monkeypatch.setattr("sfr_eval.report.page.figure_svg", first)


@pytest.fixture
def page(chromium: Browser, file: Path) -> Iterator[Page]:
    """The page, freshly opened and with all charts drawn; at the end nothing was said or asked."""
    tab = chromium.page()
    tab.look(width=1400, height=1000)
    tab.open(file.as_uri())
    draw_all(tab)
    yield tab
    tab.run("1")  # whatever is still on its way has arrived
    assert tab.troubles == []
    assert {request.split("#")[0] for request in tab.requests} <= {file.as_uri(), "about:blank"}
    tab.close()


def draw_all(page: Page) -> None:
    """Scroll to every chart, as a reader would."""
    page.run(
        """(async function () {
          for (const one of document.querySelectorAll("figure[data-chart]")) {
            one.scrollIntoView();
            for (let i = 0; !one.querySelector(".chart"); i += 1) {
              if (i > 300) throw new Error("not drawn: " + one.textContent.slice(-80));
              await new Promise(requestAnimationFrame);
            }
          }
          scrollTo(0, 0);
        })()"""
    )


def view(title: str) -> str:
    """The JavaScript expression for a chart of the page."""
    return f"sfr.charts.views.find(one => one.chart.title === {title!r})"


def chart(title: str) -> str:
    """The selector of a chart."""
    return f'.chart[aria-label="{title}"]'


def place(page: Page, title: str, number: int) -> tuple[float, float]:
    """Where a mark of a chart is in the window, after scrolling to it."""
    page.place(f"{chart(title)} > svg")
    found = page.run(
        f"""(function () {{
          const view = {view(title)}, mark = view.marks[{number}];
          const area = view.svg.getBoundingClientRect();
          const factor = area.width / view.svg.viewBox.baseVal.width;
          return [area.left + mark.x * factor, area.top + mark.y * factor];
        }})()"""
    )
    return found[0], found[1]


def tip(page: Page, title: str) -> list[str]:
    """The lines of the box beside the mark, [] if none is shown."""
    found: list[str] = page.run(
        f"[...document.querySelectorAll('{chart(title)} .chart-tip:not([hidden]) > *')]"
        ".map(e => e.textContent)"
    )
    return found


def texts(page: Page, selector: str) -> list[str]:
    found: list[str] = page.run(
        f"[...document.querySelectorAll({selector!r})].map(e => e.textContent)"
    )
    return found


def press_menu(page: Page, title: str, action: str) -> None:
    """Open the menu of a chart and click one of its actions."""
    page.click(page.place(f"{chart(title)} .chart-menu summary"))
    buttons = f"{chart(title)} .chart-actions button"
    page.run(
        f"""(async function () {{
          for (let i = 0; i < 300 && !document.querySelector({buttons!r}); i += 1) {{
            await new Promise(requestAnimationFrame);
          }}
        }})()"""
    )
    number = texts(page, buttons).index(action)
    page.click(page.place(f"{chart(title)} .chart-actions button:nth-child({number + 1})"))
