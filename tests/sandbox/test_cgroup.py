"""pytest tests/sandbox/test_cgroup.py -- no control group outlives a killed grader for long."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sfr_eval.sandbox import cgroup

KILLED = """
import os, signal
from sfr_eval.sandbox import cgroup
print(cgroup.make(2**30).folder, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def allowed() -> None:
    group = cgroup.make(2**30)
    if group is None:
        pytest.skip("no control group can be made here")
    group.remove()
    assert not group.folder.exists()


def test_the_next_grader_removes_the_group_of_a_killed_one(allowed: None) -> None:
    process = subprocess.run(
        [sys.executable, "-c", KILLED], capture_output=True, text=True, check=False
    )
    assert process.returncode == -signal.SIGKILL, process.stderr
    folder = Path(process.stdout.strip())
    assert folder.is_dir()
    other = cgroup.make(2**30)
    assert other is not None
    third = cgroup.make(2**30)  # and removes nothing of a living grader's
    assert third is not None
    assert not folder.exists()
    assert other.folder.is_dir()
    assert str(os.getpid()) in other.folder.name
    for group in (other, third):
        group.remove()
