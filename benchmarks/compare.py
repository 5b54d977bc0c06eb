"""Measures `sfr-eval compare` of several runs of the persona benchmark at eight temperatures.

The runs are drawn by the simulator, each with another loss of variety, and measured without the
encoder; drawing and measuring do not count. Figures are those of the whole command, from its start
to its end, best of --repeats, in seconds of the clock and of the processor. The last line is JSON.
Run: python benchmarks/compare.py [--runs 8] [--limit 37] [--samples 8] [--repeats 3]
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MEASURED = ("--metrics", "text,lexical,quality,facts")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--limit", type=int, default=37, help="queries")
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="keeps the runs, or has them already")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        root = arguments.folder or Path(scratch) / "runs"
        folders = [root / f"run-{number}" for number in range(arguments.runs)]
        for number, folder in enumerate(folders):
            if not (folder / "report.html").is_file():
                drawn(folder, number / len(folders), arguments)
        times = [timed(folders, Path(scratch) / f"out-{n}") for n in range(arguments.repeats)]
    best = {key: round(min(one[key] for one in times), 2) for key in ("wall", "cpu", "memory_gb")}
    replies = arguments.limit * 9 * arguments.samples * 8
    found = {"runs": len(folders), "replies_each": replies, "best": best}
    print(json.dumps(found))


def sfr_eval(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "sfr_eval", *arguments]


def drawn(folder: Path, loss: float, arguments: argparse.Namespace) -> None:
    subprocess.run(
        sfr_eval(
            *("run", "--model", f"world:cross={loss / 2:.3f},within={loss:.3f}"),
            *("--suite", "persona", "--limit", str(arguments.limit)),
            *("--samples", str(arguments.samples), *MEASURED, "--output", str(folder)),
        ),
        check=True,
        capture_output=True,
    )


def timed(folders: list[Path], output: Path) -> dict[str, float]:
    """Return seconds and memory of one command. Memory is the highest of all so far."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = sfr_eval("compare", *map(str, folders), "--output", str(output))
    subprocess.run(command, check=True, capture_output=True)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall": wall, "cpu": cpu, "memory_gb": after.ru_maxrss / 2**20}


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    main()
