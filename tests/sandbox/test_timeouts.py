"""pytest tests/sandbox/test_timeouts.py -- whose fault is a time-out?"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from sfr_eval.sandbox.grade import grade
from sfr_eval.sandbox.timeouts import judged_again, second_limits, stalled, starved
from sfr_eval.sandbox.types import (
    AssertsProblem,
    FunctionalProblem,
    IoTest,
    Limits,
    Mode,
    Problem,
    Program,
    StdinProblem,
    TestVerdict,
    Verdict,
)

LIMIT = 2.0
# Uses 60% of the limit as CPU time, however long that takes.
COMPUTES = "import time\nwhile time.process_time() < 1.2:\n    pass\n"
ASSERTS = AssertsProblem(id="p", asserts=("assert f(1) == 2",))
STDIN = StdinProblem(id="p", tests=(IoTest(input="1\n", output="2"),))
CALL = FunctionalProblem(id="p", function="f", tests=(IoTest(input="1", output="2"),))
F = "def f(x):\n    return x + 1\n"


@contextlib.contextmanager
def busy(processes: int) -> Iterator[None]:
    """Run other programs that take all the CPU time they can get."""
    loops = [
        subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"]) for _ in range(processes)
    ]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def graded(code: str, problem: Problem, *, mode: Mode = "faithful", copies: int = 1) -> Verdict:
    programs = [Program(id=str(number), code=code, problem=problem) for number in range(copies)]
    verdicts = list(grade(programs, mode=mode, workers=1, limits=Limits(seconds=LIMIT)))
    assert len({verdict.status for verdict in verdicts}) == 1
    return verdicts[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "problem", "mode"),
    [
        (COMPUTES + F, ASSERTS, "faithful"),
        (COMPUTES + "print(2)", STDIN, "faithful"),
        (COMPUTES + "print(2)", STDIN, "lcb-compat"),
        ("def f(x):\n    " + COMPUTES.replace("\n", "\n    ") + "return 2", CALL, "lcb-compat"),
    ],
)
def test_a_right_program_passes_on_a_busy_machine(code: str, problem: Problem, mode: Mode) -> None:
    """It gets a quarter of a core, so the wall clock alone would fail it."""
    with busy(3 * (os.cpu_count() or 1)):
        verdict = graded(code, problem, mode=mode)
    assert (verdict.status, verdict.detail) == ("passed", "")


@pytest.mark.slow
def test_an_endless_program_fails_on_a_busy_machine() -> None:
    with busy(2 * (os.cpu_count() or 1)):
        assert graded("while True:\n    pass", ASSERTS).status == "time_limit"


@pytest.mark.parametrize("mode", ["faithful", "lcb-compat"])
@pytest.mark.parametrize("problem", [ASSERTS, STDIN])
def test_what_a_time_out_says(problem: Problem, mode: Mode) -> None:
    """A program that slept through its limit used no CPU time and did not wait for a core."""
    verdict = graded("import time\ntime.sleep(99)", problem, mode=mode)
    assert verdict.status == "time_limit"
    assert verdict.cpu_seconds < 0.1 * LIMIT
    assert verdict.waited_seconds is not None
    endless = graded("while True:\n    pass", problem, mode=mode)
    assert (endless.status, endless.passed) == ("time_limit", False)
    # On a busy machine it is repeated, and then the kernel's CPU limit may end it.
    assert endless.waited_seconds is not None or endless.retried


def verdict(*, wall: float, cpu: float, waited: float | None, own: bool) -> Verdict:
    """Returns the verdict of a time-out after `wall` seconds."""
    test = TestVerdict(status="time_limit", wall_seconds=wall, cpu_seconds=cpu if own else None)
    return Verdict(
        id="a", problem="p", status="time_limit", tests=(test,), wall_seconds=wall,
        cpu_seconds=cpu, waited_seconds=waited,
    )  # fmt: skip


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize(
    ("cpu", "waited", "again"),
    [
        (3.9, 0.1, False),  # it had its time
        (3.9, None, False),
        (1.0, 3.0, True),  # it had a quarter of a core
        (1.0, 0.0, True),  # what kept it is unscored: the disk, say
        (0.0, 4.0, True),  # it never ran
        (0.0, None, True),  # the kernel does not count waiting
        (0.1, 0.1, False),  # it slept
    ],
)
def test_which_time_outs_are_repeated(
    cpu: float, waited: float | None, again: bool, own: bool
) -> None:
    assert stalled(verdict(wall=4.0, cpu=cpu, waited=waited, own=own), 4.0) is again


@pytest.mark.parametrize(
    ("cpu", "waited", "unscored"),
    [
        (3.0, 16.0, True),  # a seventh of a core, all the time
        (3.0, 2.0, False),  # slept, or read a disk
        (6.0, 14.0, False),  # it has used its limit of 4
        (3.0, None, False),
    ],
)
def test_a_program_without_a_core_is_not_scored(
    cpu: float, waited: float | None, unscored: bool
) -> None:
    for own in (True, False):
        assert starved(verdict(wall=20.0, cpu=cpu, waited=waited, own=own), 4.0) is unscored


def test_only_time_outs_are_repeated() -> None:
    wrong = Verdict(id="a", problem="p", status="wrong", wall_seconds=4.0)
    assert not stalled(wrong, 4.0)


def test_a_verdict_near_its_limit_says_so() -> None:
    code = "import time\ntime.sleep(1.7)\n" + F
    late = graded(code, ASSERTS)
    assert late.near_limit or late.status == "time_limit"  # the latter on a busy machine
    assert not graded(F, ASSERTS).near_limit


# Many threads that wake together on one core, and a main thread that sleeps: the sum of their waits
# is longer than the wall clock.
CROWD = """
import hashlib, threading, time
def work():
    while True:
        time.sleep(1 - time.time() % 1)
        for _ in range(10): hashlib.sha256(bytes(500_000)).digest()
for _ in range(40): threading.Thread(target=work, daemon=True).start()
time.sleep(99)
"""
# Computes enough not to count as asleep, then sleeps through several limits.
SLEEPER = "import time\nwhile time.process_time() < 0.4: pass\ntime.sleep(3.2)\n"
FORMS = {
    "asserts": (ASSERTS, "{code}\n" + F),
    "stdin": (STDIN, "{code}\nprint(2)"),
    "call": (CALL, "def f(x):\n{indented}\n    return 2"),
}


def in_form(code: str, form: str) -> tuple[Problem, str]:
    problem, text = FORMS[form]
    indented = "\n".join("    " + line for line in code.splitlines())
    return problem, text.replace("{code}", code).replace("{indented}", indented)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["faithful", "lcb-compat"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("code", [CROWD, SLEEPER], ids=["crowd", "sleeper"])
def test_no_program_talks_itself_out_of_its_limit(code: str, form: str, mode: Mode) -> None:
    problem, text = in_form(code, form)
    assert graded(text, problem, mode=mode).status == "time_limit"


@pytest.mark.parametrize("form", FORMS)
def test_a_sleeper_does_not_pass_at_the_second_try(form: str) -> None:
    problem, text = in_form(SLEEPER, form)
    assert graded(text, problem).status == "time_limit"


@pytest.mark.parametrize(
    ("cpu", "waited", "seconds", "own"),
    [
        (1.0, 3.0, 20.0, 6.0),  # it lacked a core: five times as long
        (1.0, 0.0, 6.0, 6.0),  # it slept, or read a disk: half as long again
        (1.0, None, 20.0, 6.0),
        (0.0, None, None, None),  # the kernel does not count, and it may have slept
    ],
)
def test_the_limits_of_the_second_try(
    cpu: float, waited: float | None, seconds: float | None, own: float | None
) -> None:
    first = verdict(wall=4.0, cpu=cpu, waited=waited, own=False)
    limits = second_limits(first, 4.0, Limits(), tests=1)
    assert (limits.seconds, limits.own_seconds) == (seconds, own)


@pytest.mark.parametrize(
    ("wall", "cpu", "waited", "passes"),
    [
        (19.0, 3.0, 16.0, True),  # it lacked a core
        (19.0, 3.0, 1.0, False),  # it slept
        (19.0, 7.0, 16.0, False),  # it computed too long
        (19.0, 3.0, None, True),  # the kernel does not count
    ],
)
def test_what_may_pass_at_the_second_try(
    wall: float, cpu: float, waited: float | None, passes: bool
) -> None:
    again = replace(verdict(wall=wall, cpu=cpu, waited=waited, own=False), status="passed")
    assert judged_again(again, 4.0).passed is passes
