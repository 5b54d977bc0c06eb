"""kill -9 and Ctrl-C on real runs with real vLLM: nothing lost, nothing twice, equal bytes."""

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.fault_runs import (
    PATIENCE,
    VLLM,
    assert_nothing_lost_nothing_twice,
    count_rows,
    descendants,
    start,
    wait_for_rows,
    wait_until,
)
from tests.support.fault_runs import VLLM_REQUESTS as REQUESTS
from tests.support.fault_runs import finish as finish_any

pytest.importorskip("vllm")

pytestmark = pytest.mark.slow


def begin(checkpoint: Path, output: Path) -> "subprocess.Popen[str]":
    return start(*VLLM, "--model", checkpoint, "--output", output)


def finish(checkpoint: Path, output: Path, *more: object) -> str:
    return finish_any(*VLLM, "--model", checkpoint, "--output", output, *more)


def status(output: Path) -> str:
    return str(json.loads((output / "manifest.json").read_text())["status"])


def session_members(session: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, _, _, member_session = (
                    entry.joinpath("stat").read_text().rpartition(")")[2].split()[:4]
                )
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(member_session) == session and state != "Z":
                found.append(int(entry.name))
    return found


def engines(process: "subprocess.Popen[str]") -> list[int]:
    """Processes of vLLM's engine below a run."""
    return [pid for pid, words in descendants(process.pid) if "EngineCore" in words]


@pytest.mark.faults
def test_five_kills_at_random_moments_leave_the_same_bytes(
    tiny_checkpoint: Path, tmp_path: Path, vllm_truth: bytes
) -> None:
    output = tmp_path / "run"
    moments = sorted(random.Random(0).sample(range(1, REQUESTS - 200), 5))
    for moment in moments:
        process = begin(tiny_checkpoint, output)
        wait_for_rows(output, moment, process)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert count_rows(output) < REQUESTS
        assert status(output) == "running"
        until = time.monotonic() + PATIENCE
        while session_members(process.pid):
            assert time.monotonic() < until, "the engine outlived its killed driver"
            time.sleep(0.2)
    before = count_rows(output)
    assert f"{before:,} already there" in finish(tiny_checkpoint, output)
    assert count_rows(output) == REQUESTS
    assert_nothing_lost_nothing_twice(output, vllm_truth)


@pytest.mark.faults
def test_a_second_death_of_the_engine_ends_the_run(
    tiny_checkpoint: Path, tmp_path: Path, vllm_truth: bytes
) -> None:
    output = tmp_path / "run"
    process = begin(tiny_checkpoint, output)
    wait_for_rows(output, REQUESTS // 8 + 1, process)
    (first,) = engines(process)
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: bool(set(engines(process)) - {first}), process)
    kept = count_rows(output)
    wait_for_rows(output, kept + 1, process)  # it draws again
    (second,) = set(engines(process)) - {first}
    os.kill(second, signal.SIGKILL)
    text, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 3, text
    assert "Traceback" not in text
    assert "vLLM died twice" in text
    kept = count_rows(output)
    assert REQUESTS // 8 < kept < REQUESTS
    assert status(output) == "partial"
    assert f"{kept:,} already there" in finish(tiny_checkpoint, output)
    assert_nothing_lost_nothing_twice(output, vllm_truth)


@pytest.mark.faults
def test_ctrl_c_flushes_exits_130_and_can_be_resumed(
    tiny_checkpoint: Path, tmp_path: Path, vllm_truth: bytes
) -> None:
    output = tmp_path / "run"
    process = begin(tiny_checkpoint, output)
    wait_for_rows(output, REQUESTS // 4, process)
    os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to the whole group
    text, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, text
    assert "Traceback" not in text
    assert status(output) == "partial"
    assert 0 < count_rows(output) < REQUESTS
    finish(tiny_checkpoint, output)
    assert_nothing_lost_nothing_twice(output, vllm_truth)


def test_growing_from_4_to_8_samples_draws_only_the_new_half(
    tiny_checkpoint: Path, tmp_path: Path, vllm_truth: bytes
) -> None:
    output = tmp_path / "run"
    finish(tiny_checkpoint, output, "--samples", "4")
    text = finish(tiny_checkpoint, output)
    assert f"{REQUESTS:,} requests, {REQUESTS // 2:,} already there" in text
    assert json.loads((output / "manifest.json").read_text())["last_session"]["samples"] == (
        REQUESTS // 2
    )
    assert (output / "samples.parquet").read_bytes() == vllm_truth
