"""pytest tests/sandbox/test_kills.py -- a program that an outsider kills is tried again."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from sfr_eval.sandbox import grade as grade_module
from sfr_eval.sandbox.attempt import KILLED
from sfr_eval.sandbox.grade import grade
from sfr_eval.sandbox.host import HostError
from sfr_eval.sandbox.types import AssertsProblem, Program, Verdict
from tests.support.fault_runs import descendants

PROBLEM = AssertsProblem(id="p", asserts=("assert f(1) == 2",))
SLOW = "import time\ntime.sleep(1)\ndef f(x):\n    return x + 1"


def graded(code: str) -> Verdict:
    return next(iter(grade([Program(id="0", code=code, problem=PROBLEM)], workers=1)))


def killer(victims: int, *, stop: threading.Event, killed: list[int]) -> None:
    """Kill the program itself, the last process below the grader, so many times."""
    while len(killed) < victims and not stop.wait(0.05):
        for pid in running_programs() - set(killed):
            time.sleep(0.3)
            if pid in running_programs():  # it has begun, and is not a short-lived helper
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)
                break


def running_programs() -> set[int]:
    """Returns the ends of the chain, which are what the server has forked."""
    chain = {pid for pid, words in descendants(os.getpid()) if "inside" in words}
    return {pid for pid in chain if parent_of(pid) in chain} - {parent_of(pid) for pid in chain}


def parent_of(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


@pytest.mark.parametrize("victims", [1, 2])
def test_a_right_program_that_an_outsider_kills_passes(victims: int) -> None:
    stop, killed = threading.Event(), list[int]()
    thread = threading.Thread(
        target=killer, args=(victims,), kwargs={"stop": stop, "killed": killed}
    )
    thread.start()
    try:
        verdict = graded(SLOW)
    finally:
        stop.set()
        thread.join()
    assert len(killed) == victims
    assert (verdict.status, verdict.detail) == ("passed", "")


@pytest.mark.parametrize(("kills", "tries"), [(1, 2), (2, 3), (9, 3)])
def test_a_killed_program_gets_three_tries(
    kills: int, tries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = Verdict(id="0", problem="p", status="runtime_error", detail=KILLED)
    passed = Verdict(id="0", problem="p", status="passed")
    outcomes = iter([killed] * kills + [passed])
    calls = []

    def run_program(*arguments: object, **_: object) -> Verdict:
        calls.append(arguments)
        return next(outcomes)

    monkeypatch.setattr(grade_module, "run_program", run_program)
    assert graded(SLOW) == (passed if kills < tries else killed)
    assert len(calls) == tries


def test_a_killed_program_that_lost_its_server_is_not_scored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    killed = Verdict(id="0", problem="p", status="runtime_error", detail=KILLED)
    outcomes = iter([killed, HostError("gone"), HostError("gone")])

    def run_program(*_: object, **__: object) -> Verdict:
        outcome = next(outcomes)
        if isinstance(outcome, HostError):
            raise outcome
        return outcome

    monkeypatch.setattr(grade_module, "run_program", run_program)
    verdict = graded(SLOW)
    assert verdict.status == "not_scored"
    assert verdict.detail == "the program or its server was killed 3 times: gone"
