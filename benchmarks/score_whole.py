"""Measures a whole `sfr-eval score`, with report, of a full persona suite that is embedded already.

All metrics that the suite names, on 85,248 replies; the run and its cache are made as in
score_scale.py, so no reference distribution is drawn. The first scoring is not measured: it encodes
the labelled replies of the style probe. Best of --repeats. The last line is JSON.

    python benchmarks/score_whole.py [--queries 148] [--samples 8] [--repeats 3] [--folder FOLDER]
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

from score_scale import make, score


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", type=int, default=148)
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="keeps the run and its cache, or has them")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        place = arguments.folder or Path(scratch)
        run, cache = place / "run", place / "cache"
        if not (run / "report.html").is_file():
            make(run, cache, queries=arguments.queries, samples=arguments.samples)
            score(run, cache, "")
        replies = json.loads((run / "manifest.json").read_text(encoding="utf-8"))["samples"]
        times = []
        for _ in range(arguments.repeats):
            times.append(score(run, cache, ""))
            print(times[-1], file=sys.stderr, flush=True)
    best = {name: min(one[name] for one in times) for name in times[0]}
    print(json.dumps({"replies": replies, "best": best, "runs": times}))


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    main()
