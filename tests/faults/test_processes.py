"""SIGKILL at random moments to the run, to its grader and to its judge; two runs in one folder."""

import contextlib
import json
import os
import random
import re
import signal
from pathlib import Path

import pytest

from tests.support.fault_runs import (
    CODE,
    REQUESTS,
    WORLD,
    Verdicts,
    assert_nothing_lost_nothing_twice,
    assert_same_verdicts,
    count_rows,
    descendants,
    end_of,
    finish,
    last_line,
    rows_in,
    start,
    wait_for_rows,
)
from tests.support.server_process import ServerProcess

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


def kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def test_kills_of_the_run_at_random_moments(tmp_path: Path, world_truth: bytes) -> None:
    output = tmp_path / "run"
    for moment in sorted(random.Random(1).sample(range(1, REQUESTS - 600), 4)):
        process = start(*WORLD, "--output", output, before=SLOWLY)
        wait_for_rows(output, moment, process)
        kill(process.pid)
        process.communicate()
    text = finish(*WORLD, "--output", output)
    assert not re.search(r" 0 already there", text)
    assert_nothing_lost_nothing_twice(output, world_truth)


def test_a_second_run_in_one_folder_is_told_and_disturbs_nothing(
    tmp_path: Path, world_truth: bytes
) -> None:
    output = tmp_path / "run"
    first = start(*WORLD, "--output", output, before=SLOWLY)
    wait_for_rows(output, 1, first)
    for command in ((*WORLD, "--output", output), ("score", output)):
        text = finish(*command, code=2)
        assert f"another sfr-eval is writing here (process {first.pid} on " in last_line(text)
    end_of(first, code=0)
    assert_nothing_lost_nothing_twice(output, world_truth)


def test_the_lock_of_a_killed_run_is_free_at_once(tmp_path: Path, world_truth: bytes) -> None:
    output = tmp_path / "run"
    first = start(*WORLD, "--output", output, before=SLOWLY)
    wait_for_rows(output, 1, first)
    kill(first.pid)
    first.communicate()
    assert json.loads((output / ".lock").read_text())["pid"] == first.pid
    finish(*WORLD, "--output", output)
    assert_nothing_lost_nothing_twice(output, world_truth)


def test_kills_of_the_graders_processes_change_no_verdict(tmp_path: Path, graded: Verdicts) -> None:
    output = tmp_path / "run"
    process = start(*CODE, "--output", output)
    total, hit, written = len(graded), 0, 0
    for moment in (1, total // 3, 2 * total // 3):
        least = max(moment, written + 1)  # rows come in batches: it has gone on since the last kill
        wait_for_rows(output, least, process, kind="verdicts")
        servers = [pid for pid, words in descendants(process.pid) if "inside" in words]
        if servers:  # and the programs that they run
            kill(random.Random(moment).choice(servers))
            hit += 1
        written = count_rows(output, "verdicts")
    end_of(process, code=0)
    assert hit > 0
    assert_same_verdicts(output, graded)


def test_kills_of_a_run_that_grades_lose_no_verdict(tmp_path: Path, graded: Verdicts) -> None:
    output = tmp_path / "run"
    total = len(graded)
    for moment in (total // 4, total // 2):
        process = start(*CODE, "--output", output)
        wait_for_rows(output, moment, process, kind="verdicts")
        kill(process.pid)
        process.communicate()
    finish(*CODE, "--output", output)
    assert_same_verdicts(output, graded)


def test_a_killed_judge_is_asked_only_for_missing_votes(
    tmp_path: Path, server: ServerProcess
) -> None:
    output = tmp_path / "run"
    command = (
        *(*WORLD, "--limit", "10", "--samples", "4", "--output", output),
        *("--judge", server.url),
        *("--set", "judge_axes=[ctx]", "--set", "concurrency=16"),
    )
    process = start(*command)
    wait_for_rows(output, 100, process, kind="judgements")
    server.kill()
    text = end_of(process, code=3)
    assert "repair the server and repeat the same command" in text
    answered = {r["judgement_id"] for r in rows_in(output, "judgements") if r["status"] == "ok"}
    assert 100 <= len(answered) < 360
    server.start()
    finish(*command)
    votes = [r for r in rows_in(output, "judgements") if r["status"] == "ok"]
    ids = [row["judgement_id"] for row in votes]
    assert len(ids) == len(set(ids)) == 360  # nothing lost, nothing twice
    assert answered < set(ids)


def test_a_killed_server_is_asked_only_for_missing_replies(
    tmp_path: Path, server: ServerProcess
) -> None:
    command = (
        *(*WORLD, "--model", "fake", "--base-url", server.url, "--max-tokens", "16"),
        *("--limit", "10", "--samples", "4", "--set", "concurrency=16"),
    )
    finish(*command, "--output", tmp_path / "direct")
    output = tmp_path / "run"
    process = start(*command, "--output", output)
    wait_for_rows(output, 100, process)
    server.kill()
    text = end_of(process, code=3)
    assert "repair the server and repeat the same command" in text
    answered = {row["sample_id"] for row in rows_in(output) if row["status"] == "ok"}
    assert 100 <= len(answered) < 360
    server.start()
    finish(*command, "--output", output)
    truth = (tmp_path / "direct" / "samples.parquet").read_bytes()
    assert_nothing_lost_nothing_twice(output, truth)
