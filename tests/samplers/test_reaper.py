"""The watcher kills what it watches when its owner dies, and only then."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sfr_eval.samplers.reaper import Reaper, descendants

OWNER = """
import subprocess, sys, time
from sfr_eval.samplers.reaper import Reaper
engine = subprocess.Popen(["sh", "-c", "sleep 100 & echo $!; wait"], stdout=subprocess.PIPE,
                          start_new_session=True, text=True)
child = engine.stdout.readline().strip()
reaper = Reaper([engine.pid])
print(engine.pid, child, reaper.pid, flush=True)
{ending}
"""


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def gone(pid: int, *, seconds: float = 10) -> bool:
    until = time.monotonic() + seconds
    while running(pid) and time.monotonic() < until:
        time.sleep(0.02)
    return not running(pid)


def owner(ending: str) -> tuple[subprocess.Popen[str], list[int]]:
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER.format(ending=ending)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, [int(pid) for pid in process.stdout.readline().split()]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_owner_takes_its_watched_processes_along(number: int) -> None:
    process, (engine, child, watcher) = owner("time.sleep(100)")
    assert all(running(pid) for pid in (engine, child))
    os.kill(process.pid, number)
    process.wait()
    assert all(gone(pid) for pid in (engine, child, watcher))


def test_a_released_process_goes_on() -> None:
    process, (engine, child, watcher) = owner("reaper.release()")
    process.wait()
    assert gone(watcher)
    assert all(running(pid) for pid in (engine, child))
    os.killpg(engine, signal.SIGKILL)


def test_a_process_that_is_already_gone_does_not_matter() -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    reaper = Reaper([ended.pid])
    reaper.release()
    assert gone(reaper.pid)


def test_descendants_are_children_and_their_children() -> None:
    process = subprocess.Popen(
        ["sh", "-c", "sh -c 'sleep 100 & echo $!; wait' & wait"],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    grandchild = int(process.stdout.readline())
    assert grandchild in descendants(process.pid)
    assert len(descendants(process.pid)) == 2
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
