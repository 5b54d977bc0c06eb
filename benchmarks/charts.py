"""Measures what a chart library would cost a page: bytes, and milliseconds to draw.

Each candidate draws the same 12 line charts of 8 series x 8 points with bands, in headless Chromium
under a Content-Security-Policy without eval, as the report's. A candidate is bundled from what it
needs by esbuild. Times are those of the processor in the page's main thread, medians of --repeats
loads, in which the candidates take turns. The last line is JSON. Run:

npm install --prefix /tmp/libraries esbuild uplot @observablehq/plot vega vega-lite \
    vega-interpreter echarts
PYTHONPATH=. python benchmarks/charts.py /tmp/libraries
"""

import argparse
import gzip
import json
import math
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from sfr_eval.report.charts.chart import Axis, Point, Series, XYChart, payload
from sfr_eval.report.figures import COLOURS
from sfr_eval.report.page import CHARTS, render, script_json
from sfr_eval.util.assets import report_file
from tests.support.chromium import Browser, Page, browser

HERE = Path(__file__).parent / "chart_libraries"
PACKAGES = {
    "uplot": ("uplot",),
    "plot": ("@observablehq/plot",),
    "vega": ("vega", "vega-lite", "vega-interpreter"),
    "echarts": ("echarts",),
    "own": (),
}
TEMPERATURES = [number / 5 for number in range(1, 9)]
PAINTED = "new Promise(done => requestAnimationFrame(() => setTimeout(done)))"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("libraries", type=Path, help="folder with node_modules")
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    charts = [payload(chart(number)) for number in range(12)]
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name, browser(Path(name) / "profile") as chromium:
        folder = Path(name)
        scripts = {
            name: bundle(name, libraries=arguments.libraries, folder=folder) for name in PACKAGES
        }
        times: dict[str, list[dict[str, float]]] = {name: [] for name in scripts}
        for _ in range(arguments.repeats):  # candidates take turns
            for name, script in scripts.items():
                times[name].append(draw(chromium, script, charts, folder=folder))
    for name, script in scripts.items():
        runs = times[name]
        results[name] = {
            "versions": [version(arguments.libraries, one) for one in PACKAGES[name]],
            "bytes": len(script.encode()),
            "gzip": len(gzip.compress(script.encode(), mtime=0)),
            "handles_keys": "keydown" in script,
            **{key: statistics.median(run[key] for run in runs) for key in runs[0]},
        }
        print(name, json.dumps(results[name]), file=sys.stderr)
    print(json.dumps(results))


def chart(number: int) -> XYChart:
    """Return a line chart with bands; each number gives other curves."""
    series = []
    for run in range(8):
        values = [math.sin(number + t) + run / 4 for t in TEMPERATURES]
        points = [
            Point(x=t, y=y, y_low=y - 0.1, y_high=y + 0.1)
            for t, y in zip(TEMPERATURES, values, strict=True)
        ]
        band = tuple((p.x, p.y - 0.1, p.y + 0.1) for p in points)
        series.append(Series(name=f"run {run}", number=run, points=tuple(points), band=band))
    axes = Axis(label="temperature"), Axis(label="value")
    return XYChart(title=f"Chart {number}", x=axes[0], y=axes[1], series=tuple(series))


def bundle(name: str, *, libraries: Path, folder: Path) -> str:
    """Return the script of a candidate with all that it needs, minified."""
    source = (HERE / f"{name}.js").read_text()
    if name == "own":
        files = ["page", *CHARTS]
        scripts = [report_file(f"scripts/{file}.js").read_text() for file in files]
        source = "".join([*scripts, source])
    entry = libraries / f"entry_{name}.js"  # beside node_modules, where esbuild looks
    entry.write_text(source)
    out = folder / f"{name}.js"
    subprocess.run(
        [
            libraries / "node_modules" / ".bin" / "esbuild",
            *(entry, "--bundle", "--minify", "--format=iife", f"--outfile={out}"),
            "--log-level=error",
        ],
        check=True,
    )
    entry.unlink()
    return out.read_text()


def draw(
    chromium: Browser, script: str, charts: list[dict[str, object]], *, folder: Path
) -> dict[str, float]:
    """Return the milliseconds of loading the page with its script and of drawing all charts, as
    painted, and how often the page complained."""
    page = render("page")
    start = page.index("<main")
    boxes = '<div class="plots">' + '<figure class="plot"></figure>' * len(charts) + "</div>"
    shades = json.dumps([COLOURS[n % len(COLOURS)] for n in range(8)])
    # No script of the page: they are part of one candidate, and would only wait for figures.
    inert = script.replace("</script", "<\\/script")
    file = folder / "page.html"
    head = page[:start].split("<script>")[0].split('<meta http-equiv="Content')[0]
    policy = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'"
    file.write_text(
        f'{head}<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f"<body>{boxes}<label class='control'><select class='choose-theme'></select></label>"
        f'<script type="application/json" id="data">{script_json(charts)}</script>'
        f"<script>window.colours = {shades}; window.interpreted = true;</script>"
        f"<script>{inert}</script>"
        "</body></html>",
        encoding="utf-8",
    )
    tab = chromium.page()
    tab.look(width=1280, height=2000)
    tab.send("Performance.enable", {"timeDomain": "threadTicks"})
    before = busy(tab)
    tab.open(file.as_uri())
    loaded = busy(tab)
    tab.run(
        f"""(async function () {{
          const charts = JSON.parse(document.getElementById("data").textContent);
          const boxes = document.querySelectorAll("figure");
          await Promise.all(charts.map((chart, i) => window.draw(boxes[i], chart)));
          document.body.offsetHeight;
          await {PAINTED};
        }})()"""
    )
    drawn = busy(tab)
    empty = tab.run(
        "[...document.querySelectorAll('figure')].filter(f => !f.children.length).length"
    )
    assert empty == 0, tab.troubles
    found = {
        "load_ms": 1000 * (loaded - before),
        "draw_ms": 1000 * (drawn - loaded),
        "svg": tab.run("document.querySelectorAll('figure svg').length") >= len(charts),
        "nodes": tab.run("document.querySelectorAll('figure *').length"),
        "complaints": len(tab.troubles),
    }
    tab.close()
    return found


def busy(tab: Page) -> float:
    """Return the seconds of processor that the page's main thread has taken."""
    metrics = tab.send("Performance.getMetrics")["metrics"]
    seconds: float = next(one["value"] for one in metrics if one["name"] == "TaskDuration")
    return seconds


def version(libraries: Path, package: str) -> str:
    """Return name, version and licence of a package."""
    about = json.loads((libraries / "node_modules" / package / "package.json").read_text())
    return f"{about['name']} {about['version']} ({about['license']})"


if __name__ == "__main__":
    main()
