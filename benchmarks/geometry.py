"""Measures the cost of geometry and token metrics for replies of a model of the demo's size.

A child process with two threads scores 1,000 replies of the persona benchmark with a random
checkpoint (Qwen3-shaped, hidden 192, 2 layers, vocabulary 4,608), from start to report. Prints wall
seconds, CPU seconds (and the part without the report) and peak memory of each repeat, and the best
repeat as JSON. Run: python benchmarks/geometry.py
[--replies 1000] [--repeats 5] [--metrics geometry] [--base]
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

MODEL = {"vocabulary": 4608, "hidden_size": 192, "layers": 2, "intermediate_size": 512}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replies", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--metrics", default="geometry")
    parser.add_argument("--base", action="store_true", help="a base checkpoint reads them too")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(score(arguments.child, arguments)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        prepare(Path(scratch), arguments.replies)
        rows = []
        for _ in range(arguments.repeats):
            started = time.monotonic()
            command = [sys.executable, __file__, *sys.argv[1:], "--child", scratch]
            environment = {**os.environ, "OMP_NUM_THREADS": "2", "SFR_EVAL_CACHE": scratch}
            done = subprocess.run(
                command, check=True, capture_output=True, text=True, env=environment
            )
            row = json.loads(done.stdout.strip().splitlines()[-1])
            rows.append({"wall_seconds": round(time.monotonic() - started, 1), **row})
            print(rows[-1])
        best = min(rows, key=lambda row: row["wall_seconds"])
        print(json.dumps({"replies": arguments.replies, **best}))


def prepare(folder: Path, replies: int) -> None:
    """Write a checkpoint, its base, and replies of all nine personas, four to each prompt."""
    import numpy as np
    import transformers
    from sfr_train.data.world_text import persona_chats
    from sfr_train.demo.initial_model import new_model, train_tokenizer
    from sfr_train.demo.recipe import NewModel

    from sfr_eval.suites.suite import load_suite

    suite = load_suite("persona")
    assert suite.world is not None
    chats = list(persona_chats(suite.world, rows=4000, seed=0))
    tokenizer = train_tokenizer(chats, suite.world, vocabulary=MODEL["vocabulary"])
    for seed, name in enumerate(("model", "base")):
        transformers.set_seed(seed)
        new_model(NewModel(**MODEL), tokenizer).save_pretrained(folder / name)
        tokenizer.save_pretrained(folder / name)
    world, rng = suite.world.dialed(), np.random.default_rng(0)
    prompts = [(query, persona) for query in suite.queries for persona in suite.personas]
    with (folder / "replies.jsonl").open("w") as file:
        for query, persona in [prompt for prompt in prompts for _ in range(4)][:replies]:
            text = world.sample(persona, query, rng)
            file.write(json.dumps({"query": query, "persona": persona, "text": text}) + "\n")


def score(folder: Path, arguments: argparse.Namespace) -> dict[str, float]:
    from sfr_eval.pipeline import measure
    from sfr_eval.pipeline.score import score_paths

    scored = []
    whole = measure.write_report

    def timed(*folder: object) -> Path:
        scored.append(time.process_time())
        return whole(*folder)  # type: ignore[arg-type]

    measure.write_report = timed
    with tempfile.TemporaryDirectory() as scratch:
        score_paths(
            [folder / "replies.jsonl"],
            {
                "metrics": arguments.metrics,
                "model": str(folder / "model"),
                "base_model": str(folder / "base") if arguments.base else None,
            },
            suite="persona",
            output=Path(scratch) / "run",
        )
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "cpu_seconds_scoring": round(scored[0], 1),
        "peak_megabytes": round(usage.ru_maxrss / 1024),
    }


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    main()
