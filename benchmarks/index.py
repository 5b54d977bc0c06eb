"""Measures the index of many runs: reading them and writing the page, and opening it in Chromium.

Copies one run folder --runs times, with other names and numbers, and calls `sfr-eval index` on the
copies as a user would, --repeats times; the result is the best. The page is opened by the driver of
the tests. The last line is JSON. Run:
python benchmarks/index.py RUN [--runs 500] [--repeats 3]
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import conditions  # type: ignore[import-not-found]

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support.chromium import browser

STEPS = 25


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="a scored run folder")
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch) / "runs"
        copy(arguments.run, root, arguments.runs)
        seconds = [timed_index(root) for _ in range(arguments.repeats)]
        page = root / "index.html"
        with browser(Path(scratch) / "profile") as chromium:
            tab = chromium.page()
            tab.look(width=1400)
            opened = [tab.open(page.as_uri()) for _ in range(1 + arguments.repeats)][1:]
            assert tab.troubles == [], tab.troubles
        found = {
            "runs": arguments.runs,
            "results_bytes": (arguments.run / "results.json").stat().st_size,
            "index_seconds": round(min(seconds), 2),
            "page_bytes": page.stat().st_size,
            "open_seconds": round(min(opened), 3),
            "conditions": conditions(),
        }
    print(f"index of {found['runs']:,} runs: {found['index_seconds']:.2f} s")
    print(f"page of {found['page_bytes']:,} bytes opens in {found['open_seconds']:.3f} s")
    print(json.dumps(found))


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
        rows = [
            row if row["value"] is None or row["low"] is None or row["persona"]
            else row | {end: row[end] * factor for end in ("value", "low", "high")}
            for row in results["estimates"]
        ]  # fmt: skip
        text = json.dumps(results | {"estimates": rows}, indent=1, ensure_ascii=False)
        (folder / "results.json").write_text(text, encoding="utf-8")
        if (run / "report.html").is_file():
            shutil.copy(run / "report.html", folder)


def timed_index(root: Path) -> float:
    """Return the seconds that the command takes, from its start to its end."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "sfr_eval", "index", str(root)]
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
