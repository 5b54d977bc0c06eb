"""Whose fault a time-out is: the program's, or that of a busy machine.

The kernel says how long each thread was ready to run but had no core. The longest of these times
counts, not their sum: threads of one program keep each other waiting only while one of them
computes, so the wait that a program causes itself is never longer than its own CPU time.
"""

import math
from dataclasses import replace

from sfr_eval.sandbox.types import Limits, Verdict

_IDLE = 0.1  # share of the limit in which a program may neither compute nor wait for a core
_COMPUTED = 0.1  # share of the limit from which a program counts as busy, not asleep
_LONGER = 5
_CONTENDED = 1.5  # sharing caches and cores makes the same work cost more CPU time too


def stalled(verdict: Verdict, seconds: float) -> bool:
    """Whether a wall time-out may not be the program's own fault. It did not use its time, and may
    not merely have slept."""
    if verdict.status != "time_limit" or not verdict.tests:
        return False
    wall, cpu = _times(verdict)
    waited = verdict.waited_seconds
    slept = waited is not None and waited + cpu < _IDLE * seconds
    return wall - cpu > _IDLE * seconds and not slept


def second_limits(first: Verdict, seconds: float, limits: Limits, *, tests: int) -> Limits:
    """Return the limits for a second try. A program that lacked a core gets five times the wall
    clock time, and its CPU time decides. What it spends asleep, or on anything else but a core, is
    limited too, where the kernel counts waiting; a program that may have slept gets no more than
    before where it does not. `tests` share one process."""
    if first.waited_seconds is None and first.cpu_seconds < _COMPUTED * seconds:
        return limits
    waited = first.waited_seconds is None or first.waited_seconds >= _IDLE * seconds
    return replace(
        limits,
        seconds=(_LONGER if waited else _CONTENDED) * seconds,
        cpu_seconds=math.ceil(_CONTENDED * seconds * tests),
        own_seconds=_CONTENDED * seconds,
    )


def third_limits(second: Limits) -> Limits:
    """Return the limits for a third try, after a second without a core. Only CPU time and time
    asleep end it early: whoever never ends uses them up, however busy the machine is."""
    assert second.seconds is not None
    return replace(second, seconds=_LONGER * second.seconds)


def judged_again(verdict: Verdict, seconds: float) -> Verdict:
    """Return the verdict of the last try: not scored if the program had no core for most of its
    time, and a time-out if it passed with more CPU time, or more time asleep, than allowed."""
    if starved(verdict, seconds):
        detail = f"the machine is too busy: no core for {verdict.waited_seconds:.0f} s"
        return replace(verdict, status="not_scored", tests=(), detail=detail)
    if not verdict.passed:
        return verdict
    if verdict.cpu_seconds > _CONTENDED * seconds * max(1, len(verdict.tests)):
        return replace(verdict, status="time_limit", detail="CPU time above the limit")
    if verdict.waited_seconds is not None and _own(verdict) > _CONTENDED * seconds:
        return replace(verdict, status="time_limit", detail="wall clock")
    return verdict


def starved(verdict: Verdict, seconds: float) -> bool:
    """Whether a time-out of a second try says something about the machine and nothing about the
    program. It had no core for most of the time and has not used its limit: threads of its own
    that kept one of them waiting so long would have used up the limit."""
    if verdict.status != "time_limit" or verdict.waited_seconds is None:
        return False
    _, cpu = _times(verdict)
    return cpu < seconds and verdict.waited_seconds > verdict.tests[-1].wall_seconds / 2


def _own(verdict: Verdict) -> float:
    """Return how much wall clock time a process of several tests did not lack a core: of its
    slowest test if each had the whole limit, else of all together."""
    walls = [test.wall_seconds for test in verdict.tests if test.cpu_seconds is None]
    return (max if verdict.codes else sum)(walls or [0.0]) - (verdict.waited_seconds or 0.0)


def _times(verdict: Verdict) -> tuple[float, float]:
    """Return wall clock and CPU seconds of the process that timed out."""
    last = verdict.tests[-1]
    if last.cpu_seconds is None:  # one process for all tests
        return verdict.wall_seconds, verdict.cpu_seconds
    return last.wall_seconds, last.cpu_seconds
