"""Measures the overhead of a run over a bare vLLM `generate` of the same requests.

Each side is a process of its own that starts the engine and answers all requests; the sides take
turns. Ours also hashes, stores, checks and seals, but does not score. Prints a table and one line
of JSON.

Run: python benchmarks/run_overhead.py [--model demo] [--limit 37] [--samples 4] [--repeats 3]
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="demo")
    parser.add_argument("--limit", type=int, default=37)
    parser.add_argument("--samples", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--side", choices=["bare", "ours"])
    arguments = parser.parse_args()
    if arguments.side:
        print(json.dumps(measure(arguments)))
        return
    rows: dict[str, list[dict[str, Any]]] = {"bare": [], "ours": []}
    for _ in range(arguments.repeats):
        for side, found in rows.items():
            found.append(run_side(side, arguments))
            print(side, found[-1], file=sys.stderr)
    table = {}
    for figure in ("sampling_seconds", "wall_seconds"):
        best = {side: min(row[figure] for row in found) for side, found in rows.items()}
        pairs = [o[figure] / b[figure] for o, b in zip(rows["ours"], rows["bare"], strict=True)]
        table[figure] = {**best, "ratio_of_best": best["ours"] / best["bare"], "ratios": pairs}
        print(
            f"{figure}: bare {best['bare']:.1f}, ours {best['ours']:.1f}, "
            f"ratio of best {best['ours'] / best['bare']:.3f}, "
            f"pair by pair {', '.join(f'{pair:.3f}' for pair in pairs)}"
        )
    print(json.dumps({**table, "requests": rows["ours"][0]["requests"], "runs": rows}))


def run_side(side: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Run one side in a process."""
    command = [sys.executable, __file__, "--side", side, "--model", arguments.model]
    command += ["--limit", str(arguments.limit), "--samples", str(arguments.samples)]
    started = time.monotonic()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return {**found, "wall_seconds": time.monotonic() - started}


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    from sfr_eval.config import RunConfig

    config = RunConfig(
        model=arguments.model,
        suite=("persona",),
        samples=arguments.samples,
        limit=arguments.limit,
    )
    return {"bare": bare, "ours": ours}[arguments.side](config)


def bare(config: Any) -> dict[str, Any]:
    """Run vLLM's own generate with our engine arguments on all our requests at once."""
    from sfr_eval.pipeline.preflight import preflight
    from sfr_eval.samplers.vllm import engine_arguments, prepare_environment

    prepare_environment()
    ready = preflight(config)
    subject, plan = ready.subject, ready.plan
    requests = list(plan.requests())
    prompts = [subject.prompter.token_ids(r.prompt.messages) for r in requests]
    longest = max(map(len, prompts)) + requests[0].sampling.max_tokens
    arguments = engine_arguments(
        subject.checkpoint, subject.config.serving, longest_request=longest
    )
    from vllm import LLM, SamplingParams
    from vllm.inputs import TokensPrompt

    engine = LLM(**arguments)
    started = time.monotonic()
    outputs = engine.generate(
        [TokensPrompt(prompt_token_ids=ids) for ids in prompts],
        [
            SamplingParams(
                temperature=r.sampling.temperature, max_tokens=r.sampling.max_tokens, seed=r.seed
            )
            for r in requests
        ],
        use_tqdm=False,
    )
    seconds = time.monotonic() - started
    tokens = sum(len(output.outputs[0].token_ids) for output in outputs)
    return figures(seconds, len(requests), tokens)


def ours(config: Any) -> dict[str, Any]:
    """Run without scoring into a new folder."""
    import sfr_eval.pipeline.run as run

    with tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch) / "run"
        run.measure_and_report = lambda *_, **__: output  # type: ignore[assignment]
        run.execute(config.model_copy(update={"output": output}))
        session = json.loads((output / "manifest.json").read_text())["last_session"]
    return figures(session["sampling_seconds"], session["samples"], session["completion_tokens"])


def figures(seconds: float, requests: int, tokens: int) -> dict[str, Any]:
    return {
        "sampling_seconds": seconds,
        "requests": requests,
        "completion_tokens": tokens,
        "tokens_per_second": tokens / seconds,
    }


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    main()
