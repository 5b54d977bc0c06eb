"""SIGKILL at random moments to the run, to its grader and to its judge; two runs in one folder."""

import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fault_runs import (
    REQUESTS,
    WORLD,
    assert_nothing_lost_nothing_twice,
    count_rows,
    descendants,
    end_of,
    finish,
    last_line,
    rows_in,
    start,
    wait_until,
)

pytestmark = [pytest.mark.slow, pytest.mark.faults]

# So that the run lives long enough to be hit on any machine.
SLOWLY = """
import time
from sfr_eval.samplers.world import WorldSampler
whole = WorldSampler.sample
def sample(self, requests):
    for row in whole(self, requests):
        time.sleep(0.0005)
        yield row
WorldSampler.sample = sample
"""


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("direct") / "run"
    finish(*WORLD, "--output", folder)
    return (folder / "samples.parquet").read_bytes()


def kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def test_kills_of_the_run_at_random_moments(tmp_path: Path, truth: bytes) -> None:
    output = tmp_path / "run"
    for moment in sorted(random.Random(1).sample(range(1, REQUESTS - 600), 4)):
        process = start(*WORLD, "--output", output, before=SLOWLY)
        wait_until(lambda at=moment: count_rows(output) >= at, process)  # type: ignore[misc]
        kill(process.pid)
        process.communicate()
    text = finish(*WORLD, "--output", output)
    assert not re.search(r" 0 already there", text)
    assert_nothing_lost_nothing_twice(output, truth)


def test_two_runs_in_one_folder_the_second_is_told_and_the_first_is_not_disturbed(
    tmp_path: Path, truth: bytes
) -> None:
    output = tmp_path / "run"
    first = start(*WORLD, "--output", output, before=SLOWLY)
    wait_until(lambda: count_rows(output) > 0, first)
    for command in ((*WORLD, "--output", output), ("score", output)):
        text = finish(*command, code=2)
        assert f"another sfr-eval is writing here (process {first.pid} on " in last_line(text)
    end_of(first, code=0)
    assert_nothing_lost_nothing_twice(output, truth)


def test_the_lock_of_a_killed_run_is_free_at_once(tmp_path: Path, truth: bytes) -> None:
    output = tmp_path / "run"
    first = start(*WORLD, "--output", output, before=SLOWLY)
    wait_until(lambda: count_rows(output) > 0, first)
    kill(first.pid)
    first.communicate()
    assert json.loads((output / ".lock").read_text())["pid"] == first.pid
    finish(*WORLD, "--output", output)
    assert_nothing_lost_nothing_twice(output, truth)


CODE = (
    *("run", "--model", "world:solve=0.4,spread=0.3", "--suite", "mbpp", "--set", "data=small"),
    *("--samples", "8", "--temperatures", "1.0", "--set", "regrade=0", "--unsafe-code"),
)


def key(row: dict[str, object]) -> tuple[object, ...]:
    return row["program"], row["mode"], row["round"]


def verdicts(folder: Path) -> dict[tuple[object, ...], object]:
    """Status of each program, without times."""
    return {key(row): row["status"] for row in rows_in(folder, "verdicts")}


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("graded") / "run"
    finish(*CODE, "--output", folder)
    return folder


def test_kills_of_the_graders_servers_change_no_verdict(tmp_path: Path, graded: Path) -> None:
    output = tmp_path / "run"
    process = start(*CODE, "--output", output)
    total, hit = len(verdicts(graded)), 0
    for moment in (1, total // 3, 2 * total // 3):
        wait_until(lambda at=moment: count_rows(output, "verdicts") >= at, process)  # type: ignore[misc]
        servers = [pid for pid, words in descendants(process.pid) if "inside" in words]
        if servers:
            kill(random.Random(moment).choice(servers))
            hit += 1
    end_of(process, code=0)
    assert hit > 0
    assert verdicts(output) == verdicts(graded)


def test_kills_of_a_run_that_grades_lose_no_verdict(tmp_path: Path, graded: Path) -> None:
    output = tmp_path / "run"
    total = len(verdicts(graded))
    for moment in (total // 4, total // 2):
        process = start(*CODE, "--output", output)
        wait_until(lambda at=moment: count_rows(output, "verdicts") >= at, process)  # type: ignore[misc]
        kill(process.pid)
        process.communicate()
    finish(*CODE, "--output", output)
    assert verdicts(output) == verdicts(graded)
    ids = [key(row) for row in rows_in(output, "verdicts")]
    assert len(ids) == len(set(ids))


SERVER = """
import json, sys, time
sys.path.insert(0, sys.argv[2])
from fake_server import FakeServer, completion
def answer(body, headers):
    return completion(json.dumps({"score": 1 + len(body["messages"][-1]["content"]) % 5}))
server = FakeServer(answer, keep=False)
server.port, server.delay = int(sys.argv[1]), 0.02
server.start()
print(server.port, flush=True)
time.sleep(100_000)
"""


class JudgeServer:
    """A judge that can be killed and started again at its old address."""

    def __init__(self) -> None:
        self.port = 0
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        tests = str(Path(__file__).parent.parent)
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(self.port), tests],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def judge() -> Iterator[JudgeServer]:
    server = JudgeServer()
    server.start()
    yield server
    server.kill()


def test_a_judge_that_is_killed_is_asked_again_for_what_is_missing_only(
    tmp_path: Path, judge: JudgeServer
) -> None:
    output = tmp_path / "run"
    command = (
        *(*WORLD, "--limit", "10", "--samples", "4", "--output", output),
        *("--judge", f"http://127.0.0.1:{judge.port}/v1#fake"),
        *("--set", "judge_axes=[ctx]", "--set", "concurrency=4", "--set", "timeout=20"),
    )
    process = start(*command)
    wait_until(lambda: count_rows(output, "judgements") >= 100, process)
    judge.kill()
    text = end_of(process, code=3)
    assert "judg" in text or "server" in text
    answered = {r["judgement_id"] for r in rows_in(output, "judgements") if r["status"] == "ok"}
    assert 100 <= len(answered) < 360
    judge.start()
    finish(*command)
    votes = [r for r in rows_in(output, "judgements") if r["status"] == "ok"]
    ids = [row["judgement_id"] for row in votes]
    assert len(ids) == len(set(ids)) == 360  # nothing lost, nothing twice
    assert answered < set(ids)
