"""kill -9 and Ctrl-C on real runs with real vLLM: nothing lost, nothing twice, equal bytes."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("vllm")

pytestmark = [pytest.mark.slow, pytest.mark.faults]

QUERIES, PERSONAS, TEMPERATURES, SAMPLES = 20, 9, 2, 8
REQUESTS = QUERIES * PERSONAS * TEMPERATURES * SAMPLES


def start(checkpoint: Path, output: Path, *, samples: int = SAMPLES) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "sfr_eval", "run", "--model", str(checkpoint)]
    command += ["--suite", "persona", "--limit", str(QUERIES), "--samples", str(samples)]
    command += ["--temperatures", "0.7,1.0", "--max-tokens", "24", "--metrics", "text"]
    return subprocess.Popen(
        [*command, "--output", str(output)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def finish(checkpoint: Path, output: Path, *, samples: int = SAMPLES) -> str:
    process = start(checkpoint, output, samples=samples)
    text, _ = process.communicate(timeout=300)
    assert process.returncode == 0, text
    return text


def stored_rows(output: Path) -> int:
    return sum(file.read_bytes().count(b"\n") for file in (output / "samples").glob("*.jsonl"))


def wait_for_rows(process: subprocess.Popen[str], output: Path, wanted: int) -> None:
    until = time.monotonic() + 240
    while stored_rows(output) < wanted:
        assert process.poll() is None, process.stdout and process.stdout.read()
        assert time.monotonic() < until, "no progress"
        time.sleep(0.02)


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


@pytest.fixture(scope="module")
def uninterrupted(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    output = tmp_path_factory.mktemp("direct") / "run"
    finish(tiny_checkpoint, output)
    return (output / "samples.parquet").read_bytes()


def test_five_kills_at_random_moments_leave_the_same_bytes(
    tiny_checkpoint: Path, tmp_path: Path, uninterrupted: bytes
) -> None:
    output = tmp_path / "run"
    moments = sorted(random.Random(0).sample(range(1, REQUESTS - 200), 5))
    for moment in moments:
        process = start(tiny_checkpoint, output)
        wait_for_rows(process, output, moment)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert stored_rows(output) < REQUESTS
        assert status(output) == "running"
        until = time.monotonic() + 30
        while session_members(process.pid):
            assert time.monotonic() < until, "the engine outlived its killed driver"
            time.sleep(0.2)
    before = stored_rows(output)
    assert f"{before:,} already there" in finish(tiny_checkpoint, output)
    assert stored_rows(output) == REQUESTS
    assert (output / "samples.parquet").read_bytes() == uninterrupted


def test_ctrl_c_flushes_marks_partial_exits_130_and_the_same_command_resumes(
    tiny_checkpoint: Path, tmp_path: Path, uninterrupted: bytes
) -> None:
    output = tmp_path / "run"
    process = start(tiny_checkpoint, output)
    wait_for_rows(process, output, REQUESTS // 4)
    os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to the whole group
    text, _ = process.communicate(timeout=60)
    assert process.returncode == 130, text
    assert "Traceback" not in text
    assert status(output) == "partial"
    assert 0 < stored_rows(output) < REQUESTS
    finish(tiny_checkpoint, output)
    assert (output / "samples.parquet").read_bytes() == uninterrupted


def test_growing_from_4_to_8_samples_draws_only_the_new_half(
    tiny_checkpoint: Path, tmp_path: Path, uninterrupted: bytes
) -> None:
    output = tmp_path / "run"
    finish(tiny_checkpoint, output, samples=4)
    text = finish(tiny_checkpoint, output, samples=8)
    assert f"{REQUESTS:,} requests, {REQUESTS // 2:,} already there" in text
    assert json.loads((output / "manifest.json").read_text())["last_session"]["samples"] == (
        REQUESTS // 2
    )
    assert (output / "samples.parquet").read_bytes() == uninterrupted
