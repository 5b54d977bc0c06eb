"""Grades programs in a chosen tier, as root or as an ordinary user, in a process of its own."""

import os
import pickle
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from sfr_eval.sandbox.isolation import Tier
from sfr_eval.sandbox.types import Limits, Mode, Program, Verdict

ROOT = Path(__file__).parents[2]
PYTHON = "/usr/bin/python3"
ORDINARY = 65533
SCRIPT = """
import os, pickle, sys
root, user, tier = sys.argv[1], int(sys.argv[2]), sys.argv[3]
if user and os.getuid() == 0:
    os.setgroups([]); os.setresgid(user, user, user); os.setresuid(user, user, user)
sys.path.insert(0, root)
programs, mode, limits, workers, abi = pickle.loads(sys.stdin.buffer.read())
from sfr_eval.sandbox import grade, isolation
from sfr_eval.sandbox.detect import Isolation
if abi is not None:
    isolation._INSIDE = isolation.Path(abi)
grade.detect = lambda unsafe: Isolation(tier=tier, facts={})
verdicts = list(grade.grade(programs, mode=mode, workers=workers, limits=limits))
sys.stdout.buffer.write(pickle.dumps(verdicts))
"""


def needs_other_users() -> None:
    """Skip a test that cannot be another user, or whose Python other users cannot read."""
    version = subprocess.run([PYTHON, "-V"], capture_output=True, text=True, check=False).stdout
    if os.geteuid() != 0 or version.split(".")[:2] < ["Python 3", "11"]:
        pytest.skip("needs root to become another user, and a Python that everybody can read")


def graded_in(
    tier: Tier,
    programs: Sequence[Program],
    *,
    user: int = ORDINARY,
    mode: Mode = "faithful",
    limits: Limits | None = None,
    workers: int = 1,
    inside: Path | None = None,
) -> dict[str, Verdict]:
    """Return the verdicts of this tier by id. `user` 0 is root, `inside` another copy of what runs
    in the sandbox."""
    request = (list(programs), mode, limits, workers, None if inside is None else str(inside))
    process = subprocess.run(
        [PYTHON, "-c", SCRIPT, str(ROOT), str(user), tier],
        input=pickle.dumps(request),
        capture_output=True,
        env={"PATH": "/usr/bin:/bin"},
        check=False,
    )
    assert process.returncode == 0, process.stderr.decode()
    verdicts: list[Verdict] = pickle.loads(process.stdout)
    return {verdict.id: verdict for verdict in verdicts}
