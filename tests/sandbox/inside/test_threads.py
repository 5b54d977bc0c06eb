"""pytest tests/sandbox/inside/test_threads.py -- each program has 256 threads of its own."""

import errno
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.sandbox.inside import confine, filters
from sfr_eval.sandbox.isolation import Tier
from sfr_eval.sandbox.types import AssertsProblem, IoTest, Limits, Problem, Program, StdinProblem
from tests.support.tiers import ORDINARY, ROOT, graded_in, needs_other_users

ASSERTS = AssertsProblem(id="asserts", asserts=("assert f(1) == 2",))
STDIN = StdinProblem(id="stdin", tests=(IoTest(input="1", output="2"),))
LIMITS = Limits(seconds=4.0)
TIERS: list[Tier] = ["bubblewrap", "namespaces", "landlock"]
STARTED = """
import threading
threading.stack_size(32768)
event, threads = threading.Event(), []
try:
    while len(threads) < {most}:
        thread = threading.Thread(target=event.wait)
        thread.start()
        threads.append(thread)
except RuntimeError:
    pass
{then}
event.set()
def f(x): return 2 if {lower} <= len(threads) <= {upper} else len(threads)
"""


def program(name: str, problem: Problem, **values: object) -> Program:
    code = STARTED.format(**{"most": 999, "then": "", "lower": 0, "upper": 0, **values})
    if problem is STDIN:
        code += "print(f(input()))"
    return Program(id=name, code=code, problem=problem)


@pytest.mark.parametrize("user", [0, ORDINARY])
@pytest.mark.parametrize("tier", TIERS)
def test_a_program_starts_256_threads_and_no_more(tier: Tier, user: int) -> None:
    """The main thread counts, and so does the keeper of the tests in its namespace."""
    needs_other_users()
    programs = [program(problem.id, problem, lower=254, upper=255) for problem in (ASSERTS, STDIN)]
    verdicts = graded_in(tier, programs, user=user, limits=LIMITS)
    assert {v.status for v in verdicts.values()} == {"passed"}, verdicts


@pytest.mark.parametrize("user", [0, ORDINARY])
def test_threads_of_one_program_take_none_from_others(user: int) -> None:
    """Without namespaces the kernel counts the threads of all programs together."""
    needs_other_users()
    hogs = [program(f"hog {n}", ASSERTS, then="import time\ntime.sleep(2)") for n in range(2)]
    honest = [
        program(f"{n} {problem.id}", problem, most=200, lower=200, upper=200)
        for n in range(5)
        for problem in (ASSERTS, STDIN)
    ]
    verdicts = graded_in("landlock", [*hogs, *honest], user=user, limits=LIMITS, workers=3)
    assert {p.id for p in honest if not verdicts[p.id].passed} == set()
    assert {verdicts[p.id].status for p in hogs} == {"wrong"}


def test_no_process_for_a_test_is_no_fault_of_the_program() -> None:
    needs_other_users()
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        Path(name).chmod(0o755)
        inside = Path(shutil.copytree(ROOT / "sfr_eval/sandbox/inside", f"{name}/inside"))
        text = (inside / "keeper.py").read_text()
        assert text.count("        pid = fork()\n") == 1
        failing = "        raise BlockingIOError(11, 'no process left')\n"
        (inside / "keeper.py").write_text(text.replace("        pid = fork()\n", failing))
        right = Program(id="right", code="print(2)", problem=STDIN)
        verdict = graded_in("bubblewrap", [right], inside=inside)["right"]
    assert verdict.status == "not_scored"
    assert verdict.detail.endswith("no process for a test: [Errno 11] no process left")


def test_a_kernel_before_5_19_does_without_the_newer_flag(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def old_kernel(_number: object, _command: object, flags: Any, _program: object) -> int:
        asked.append(flags.value)
        if flags.value & 32:
            raise OSError(errno.EINVAL, "Invalid argument")
        return 7

    monkeypatch.setattr(confine, "_call", old_kernel)
    assert confine.listen_seccomp(filters.thread_filter()) == 7
    assert asked == [8 | 32, 8]
