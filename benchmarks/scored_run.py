"""Measures a whole run with scoring and report as a multiple of its sampling.

The replies come from a server on loopback that draws them from the synthetic benchmark beforehand
and answers at once, or --rate times a second, as a GPU elsewhere would; with --model, from that
model on the cores that scoring needs as well. Once the replies are embedded beside sampling, once
afterwards; each run is a process of its own with a cache without embeddings, the two take turns,
and the results.json of all must be equal. CPU seconds are those of a run's processes, without the
server. The last line is JSON.

Run: python benchmarks/scored_run.py [--rate 132] [--model demo] [--limit 148] [--samples 8]
                                     [--repeats 3] [--sides beside,afterwards]
"""

import argparse
import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stub_server import MODEL, completion, serving

SIDES = ("beside", "afterwards")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", help="instead of the server")
    parser.add_argument("--rate", type=float, help="answers a second; default: as fast as asked")
    parser.add_argument("--limit", type=int, default=148, help="queries")
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--sides", default=",".join(SIDES))
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        print(json.dumps(scored(arguments)))
        return
    sides: dict[str, list[dict[str, Any]]] = {side: [] for side in arguments.sides.split(",")}
    with server(arguments) as url:
        for _ in range(arguments.repeats):
            for side, runs in sides.items():
                runs.append(run_side(side, arguments, url))
                print(side, runs[-1], file=sys.stderr, flush=True)
    if len({row["results"] for runs in sides.values() for row in runs}) > 1:
        sys.exit("results.json differs")
    best = {side: min(row["whole_to_sampling"] for row in runs) for side, runs in sides.items()}
    where = arguments.model or "server"
    print(json.dumps({
        "engine": where, "rate": arguments.rate, "whole_to_sampling": best, "runs": sides
    }))  # fmt: skip


@contextmanager
def server(arguments: argparse.Namespace) -> Iterator[str | None]:
    """Yield the URL of the server; None if a model is asked."""
    if arguments.model:
        yield None
        return
    bodies = [
        completion(row.text, prompt_tokens=60, completion_tokens=len(row.text.split()))
        for row in drawn(arguments.limit, arguments.samples)
    ]
    with serving(bodies, rate=arguments.rate) as url:
        yield url


def drawn(limit: int, samples: int) -> Iterator[Any]:
    """Draw as many replies of the synthetic benchmark as will be asked for."""
    from sfr_eval.config import RunConfig
    from sfr_eval.plan import Plan, SuitePlan
    from sfr_eval.samplers.world import WorldSampler
    from sfr_eval.suites.suite import load_suite
    from sfr_eval.types import Sampling

    suite = load_suite("persona")
    asked = RunConfig(model=MODEL, suite=("persona",), limit=limit, samples=samples)
    queries = list(suite.queries)[: asked.limit]
    part = SuitePlan(
        suite=suite,
        prompts=tuple(p for p in suite.prompts() if p.query in queries),
        temperatures=(0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6),
        samples=samples,
        sampling=Sampling(temperature=1.0),
    )
    plan = Plan(suites=(part,), identity={}, seed=0)
    return WorldSampler([suite], dials={}).sample(plan.requests())


def run_side(side: str, arguments: argparse.Namespace, url: str | None) -> dict[str, Any]:
    """Run one side in a process."""
    command = [sys.executable, __file__, "--side", side, "--limit", str(arguments.limit)]
    command += ["--samples", str(arguments.samples)]
    command += ["--url", url] if url else ["--model", arguments.model]
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    seconds, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    row: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    ratio = seconds / row["sampling_seconds"]
    return {**row, "wall_seconds": seconds, "cpu_seconds": cpu, "whole_to_sampling": ratio}


def scored(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run into a new folder, with a new cache, up to the report."""
    import sfr_eval.pipeline.embed_beside as embed_beside
    import sfr_eval.pipeline.run as run
    from sfr_eval.config import RunConfig
    from sfr_eval.models.checkpoint import resolve

    asked: dict[str, Any] = {"model": MODEL, "base_url": (arguments.url,)}
    if arguments.model:  # that of a demo is in the old cache
        asked = {"model": str(resolve(arguments.model).folder or arguments.model)}
    if arguments.side == "afterwards":
        embed_beside.WORTH = sys.maxsize
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["SFR_EVAL_CACHE"] = str(Path(scratch) / "cache")
        output = Path(scratch) / "run"
        size = {"limit": arguments.limit, "samples": arguments.samples}
        run.execute(RunConfig(suite=("persona",), output=output, **size, **asked))
        manifest = json.loads((output / "manifest.json").read_text(encoding="utf-8"))
        results = hashlib.sha256((output / "results.json").read_bytes()).hexdigest()
    session = manifest["last_session"]
    return {
        "sampling_seconds": session["sampling_seconds"],
        "requests": session["samples"],
        "completion_tokens": session["completion_tokens"],
        "results": results,
    }


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    main()
