"""Measures start-up: from the start of a process to its first engine step, beside a bare vLLM.

Ours is `sfr-eval run` of one query, which checks suite, checkpoint and folder, renders the prompts
and starts the engine, until a sample of one token is in its folder. Bare is a process that imports
vLLM, starts the engine with the same arguments and generates one token for a prompt. The sides take
turns; best of --repeats, in seconds of the clock. The last line is JSON.

    python benchmarks/first_step.py [--model demo:sft] [--repeats 3]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SIDES = ("bare", "ours")
_SAID = "first step at "


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="demo:sft")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--side", choices=("bare",), help=argparse.SUPPRESS)
    parser.add_argument("--engine", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        bare(arguments.engine)
        return
    from sfr_eval.samplers.vllm import prepare_environment

    prepare_environment()  # inherited by both sides
    engine = json.dumps(engine_arguments_of(arguments.model))
    seconds: dict[str, list[float]] = {side: [] for side in SIDES}
    for _ in range(1 + arguments.repeats):
        for side, times in seconds.items():
            times.append(timed(side, arguments.model, engine))
            print(side, times[-1], file=sys.stderr, flush=True)
    runs = {side: times[1:] for side, times in seconds.items()}  # the first warms the file cache
    best = {side: min(times) for side, times in runs.items()}
    print(json.dumps({"best": best, "ratio": best["ours"] / best["bare"], "runs": runs}))


def engine_arguments_of(model: str) -> dict[str, Any]:
    """Return the arguments that our run of one query gives vLLM."""
    from sfr_eval.config import RunConfig
    from sfr_eval.pipeline.preflight import preflight
    from sfr_eval.samplers.vllm import engine_arguments

    subject = preflight(RunConfig(model=model, suite=("persona",), limit=1)).subject
    return engine_arguments(subject.checkpoint, subject.config.serving, longest_request=256)


def timed(side: str, model: str, engine: str) -> float:
    """Return the seconds until a process has done its first step."""
    if side == "bare":
        command = [sys.executable, __file__, "--side", side, "--engine", engine]
        started = time.monotonic()
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        (line,) = [line for line in done.stdout.splitlines() if line.startswith(_SAID)]
        return float(line.removeprefix(_SAID)) - started
    with tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch) / "run"
        command = [
            *(sys.executable, "-m", "sfr_eval", "run", "--model", model, "--suite", "persona"),
            *("--limit", "1", "--samples", "1", "--temperatures", "1.0", "--max-tokens", "1"),
            *("--metrics", "text", "--output", str(output)),
        ]
        started = time.monotonic()
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            while not any(file.stat().st_size for file in output.glob("samples/*.jsonl")):
                if process.poll() is not None:
                    sys.exit(f"{' '.join(command)}: ended before its first sample")
                time.sleep(0.01)
            return time.monotonic() - started


def bare(engine: str) -> None:
    """Start vLLM, and say when it has made a step."""
    from vllm import LLM, SamplingParams

    LLM(**json.loads(engine)).generate(["Hello"], SamplingParams(max_tokens=1), use_tqdm=False)
    print(f"\n{_SAID}{time.monotonic()}", flush=True)  # one clock for all processes


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    main()
