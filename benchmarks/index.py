"""Measures the index of many runs: reading them and writing the page, and opening it in Chromium.

Copies one run folder --runs times, with other names and numbers, and calls `sfr-eval index` on the
copies as a user would, --repeats times. Without RUN, the run that is copied is drawn first: the
simulator on 16 queries at eight temperatures, measured without the encoder. Figures are the best of
the repeats, in seconds of the clock and of the processor; of the page, those of its main thread
until its load event. The last line is JSON. Run:
python benchmarks/index.py [RUN] [--runs 500] [--repeats 3]
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support.chromium import browser

STEPS = 25
DRAWN = ("--model", "world:cross=0.3,within=0.2", "--suite", "persona", "--limit", "16")
MEASURED = ("--samples", "4", "--metrics", "text,lexical,quality")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, nargs="?", help="a scored run folder")
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        run = arguments.run or Path(scratch) / "source"
        if arguments.run is None:
            command = [*sfr_eval("run"), *DRAWN, *MEASURED, "--output", str(run)]
            subprocess.run(command, check=True, capture_output=True)
        root = Path(scratch) / "runs"
        copy(run, root, arguments.runs)
        written = [timed_index(root) for _ in range(arguments.repeats)]
        page = root / "index.html"
        opened = open_page(page, Path(scratch) / "profile", arguments.repeats)
        found = {
            "runs": arguments.runs,
            "results_bytes": (run / "results.json").stat().st_size,
            "page_bytes": page.stat().st_size,
            "index": best(written),
            "open": best(opened),
        }
    for name in ("index", "open"):
        print(f"{name}: {found[name]['wall']:.2f} s, {found[name]['cpu']:.2f} CPU s")
    print(json.dumps(found))


def sfr_eval(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "sfr_eval", *arguments]


def best(times: list[dict[str, float]]) -> dict[str, float]:
    return {key: round(min(one[key] for one in times), 3) for key in ("wall", "cpu")}


def copy(run: Path, root: Path, count: int) -> None:
    """Make runs that differ: trainings of 25 checkpoints, whose values shrink by the step."""
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    results = json.loads((run / "results.json").read_text(encoding="utf-8"))
    for number in range(count):
        training, step = divmod(number, STEPS)
        folder = root / f"training-{training}" / f"checkpoint-{100 * (1 + step)}"
        folder.mkdir(parents=True)
        name = f"org/model-{training}"
        about = manifest | {"name": name, "config": manifest["config"] | {"model": name}}
        (folder / "manifest.json").write_text(json.dumps(about, indent=2), encoding="utf-8")
        factor = 1 - 0.02 * step - 0.001 * training
        rows = [scaled(row, factor) for row in results["estimates"]]
        text = json.dumps(results | {"estimates": rows}, indent=1, ensure_ascii=False)
        (folder / "results.json").write_text(text, encoding="utf-8")
        if (run / "report.html").is_file():
            shutil.copy(run / "report.html", folder)


def scaled(row: dict[str, Any], factor: float) -> dict[str, Any]:
    if row["value"] is None or row["low"] is None or row["persona"]:
        return row
    return row | {end: row[end] * factor for end in ("value", "low", "high")}


def timed_index(root: Path) -> dict[str, float]:
    """Return the seconds that the command takes, from its start to its end."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(sfr_eval("index", str(root)), check=True, capture_output=True)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall": wall, "cpu": cpu}


def open_page(page: Path, profile: Path, repeats: int) -> list[dict[str, float]]:
    """Open a page several times, each in a new tab. The first, which starts Chromium's processes,
    does not count."""
    times = []
    with browser(profile) as chromium:
        for _ in range(1 + repeats):
            tab = chromium.page()
            tab.look(width=1400)
            tab.send("Performance.enable", {"timeDomain": "threadTicks"})
            wall = tab.open(page.as_uri())
            metrics = tab.send("Performance.getMetrics")["metrics"]
            assert tab.troubles == [], tab.troubles
            cpu = next(one["value"] for one in metrics if one["name"] == "TaskDuration")
            times.append({"wall": wall, "cpu": cpu})
            tab.close()
    return times[1:]


if __name__ == "__main__":
    main()
