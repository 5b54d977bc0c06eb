"""Grades programs on several workers and yields verdicts in the order in which they finish."""

import math
import queue
import re
import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace

from sfr_eval.errors import UserError
from sfr_eval.sandbox.attempt import KILLED, seconds_of
from sfr_eval.sandbox.checker import Checker
from sfr_eval.sandbox.detect import Isolation, detect
from sfr_eval.sandbox.host import Host, HostError
from sfr_eval.sandbox.isolation import physical_cores
from sfr_eval.sandbox.run import run_program
from sfr_eval.sandbox.types import (
    MODES,
    FunctionalProblem,
    Limits,
    Mode,
    Program,
    StdinProblem,
    Verdict,
)

_TRIES = 3  # for what was killed: nobody can tell by whom, but a program does it every time
_IDLE = 0.1  # share of the limit in which a program may neither compute nor wait for a core
_COMPUTED = 0.1  # share of the limit from which a program counts as busy, not asleep
_LONGER = 5
_CONTENDED = 1.5  # sharing caches and cores makes the same work cost more CPU time too
_NUMPY = re.compile(r"\bnumpy\b")


def grade(
    programs: Iterable[Program],
    *,
    mode: Mode = "faithful",
    workers: int | None = None,
    limits: Limits | None = None,
    unsafe: bool = False,
) -> Iterator[Verdict]:
    """Yield one Verdict for each Program, in the order they finish. `workers` programs run at the
    same time, by default one per physical core; more make time limits unfair. `unsafe` runs them
    even if the machine offers no isolation, instead of raising UserError.

    A program that reached the wall clock limit without using its CPU time is repeated once, alone,
    after all others; if it had computed at all, CPU time then decides. It is `not_scored` if it had
    no core for most of that time either. A program is tried up to three times if it was killed,
    since an outsider may have done it, or if its server died; the latter ends as `not_scored`."""
    if mode not in MODES:
        raise UserError(f"--mode {mode}: unknown; known: {', '.join(MODES)}")
    if workers is not None and workers < 1:
        raise UserError(f"--workers {workers}: must be at least 1")
    limits = limits or Limits()
    pool = _Pool(iter(programs), detect(unsafe=unsafe), mode=mode, limits=limits)
    yield from pool.run(workers or physical_cores())


def stalled(verdict: Verdict, seconds: float) -> bool:
    """Whether a wall time-out may not be the program's own fault. It did not use its time, and may
    not merely have slept."""
    if verdict.status != "time_limit" or not verdict.tests:
        return False
    last = verdict.tests[-1]
    if last.cpu_seconds is None:  # one process for all tests
        wall, cpu = verdict.wall_seconds, verdict.cpu_seconds
    else:
        wall, cpu = last.wall_seconds, last.cpu_seconds
    waited = verdict.waited_seconds
    slept = waited is not None and waited + cpu < _IDLE * seconds
    return wall - cpu > _IDLE * seconds and not slept


def starved(verdict: Verdict, seconds: float) -> bool:
    """Whether a time-out says something about the machine and nothing about the program. The
    program had no core for most of the time and has not used its limit. Threads of its own that
    keep each other waiting would have used CPU time meanwhile."""
    if verdict.status != "time_limit" or verdict.waited_seconds is None:
        return False
    last = verdict.tests[-1]
    cpu = verdict.cpu_seconds if last.cpu_seconds is None else last.cpu_seconds
    return cpu < seconds and verdict.waited_seconds > last.wall_seconds / 2


class _Pool:
    def __init__(
        self, programs: Iterator[Program], isolation: Isolation, *, mode: Mode, limits: Limits
    ) -> None:
        self._programs, self._isolation = programs, isolation
        self._mode, self._limits = mode, limits
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._results: queue.SimpleQueue[Verdict | BaseException | None] = queue.SimpleQueue()
        self._again: list[tuple[Program, Verdict]] = []

    def run(self, workers: int) -> Iterator[Verdict]:
        """Yield the verdicts of all programs, then of those to be repeated."""
        threads = [threading.Thread(target=self._work, daemon=True) for _ in range(workers)]
        for thread in threads:
            thread.start()
        left = workers
        try:
            while left:
                result = self._results.get()
                if result is None:
                    left -= 1
                elif isinstance(result, BaseException):
                    raise result
                else:
                    yield result
            if self._again:
                with Hosts(self._isolation, self._limits, self._mode) as hosts:
                    for program, first in self._again:
                        yield self._repeat(hosts, program, first=first)
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def _work(self) -> None:
        try:
            with Hosts(self._isolation, self._limits, self._mode) as hosts:
                while not self._stop.is_set():
                    with self._lock:
                        program = next(self._programs, None)
                    if program is None:
                        break
                    verdict = self._grade_one(hosts, program, limits=self._limits)
                    if stalled(verdict, seconds_of(program, self._limits)):
                        self._again.append((program, verdict))
                    else:
                        self._results.put(verdict)
        except BaseException as error:  # noqa: BLE001  re-raised where the verdicts are read
            self._results.put(error)
        finally:
            self._results.put(None)

    def _repeat(self, hosts: "Hosts", program: Program, *, first: Verdict) -> Verdict:
        """Grade a program again after a time-out. A program that computed, or is known to have had
        no core, gets more wall clock time, and its CPU time decides; one that may have slept gets
        no more than before."""
        seconds = seconds_of(program, self._limits)
        if first.waited_seconds is None and first.cpu_seconds < _COMPUTED * seconds:
            verdict = self._grade_one(hosts, program, limits=self._limits)
            return replace(verdict, retried=True)
        tests = len(getattr(program.problem, "tests", ())) if self._mode == "lcb-compat" else 1
        cpu = math.ceil(_CONTENDED * seconds * max(1, tests))
        longer = replace(self._limits, seconds=_LONGER * seconds, cpu_seconds=cpu)
        verdict = self._grade_one(hosts, program, limits=longer)
        verdict = replace(verdict, retried=True, near_limit=True)
        if starved(verdict, seconds):
            detail = f"the machine is too busy: no core for {verdict.waited_seconds:.0f} s"
            return replace(verdict, status="not_scored", tests=(), detail=detail)
        allowed = _CONTENDED * seconds * max(1, len(verdict.tests))
        if verdict.passed and verdict.cpu_seconds > allowed:
            return replace(verdict, status="time_limit", detail="CPU time above the limit")
        return verdict

    def _grade_one(self, hosts: "Hosts", program: Program, *, limits: Limits) -> Verdict:
        reason, verdict = "", None
        for _ in range(_TRIES):
            try:
                host = hosts.for_program(program)
                verdict = run_program(
                    host, program, mode=self._mode, limits=limits, checker=hosts.checker
                )
            except HostError as error:
                reason = str(error)
                hosts.drop(program)
            else:
                if verdict.detail != KILLED:
                    return verdict
        if verdict is not None and not reason:
            return verdict
        return Verdict(
            id=program.id,
            problem=program.problem.id,
            status="not_scored",
            detail=f"the program or its server was killed {_TRIES} times: {reason}",
        )


class Hosts:
    """The servers of one worker, one for each kind of program, and its process that compares
    answers, each started when needed."""

    def __init__(self, isolation: Isolation, limits: Limits, mode: Mode) -> None:
        self._isolation, self._limits, self._mode = isolation, limits, mode
        self._hosts: dict[tuple[bool, bool], Host] = {}
        self.checker = Checker()

    def __enter__(self) -> "Hosts":
        return self

    def __exit__(self, *_: object) -> None:
        self.checker.close()
        for host in self._hosts.values():
            host.close()

    def for_program(self, program: Program) -> Host:
        """Return the server that suits a program."""
        contest, numpy = kind = self._kind(program)
        if kind in self._hosts and not self._hosts[kind].usable:
            self.drop(program)
        if kind not in self._hosts:
            tier = self._isolation.tier
            self._hosts[kind] = Host(tier, contest=contest, numpy=numpy, limits=self._limits)
        return self._hosts[kind]

    def drop(self, program: Program) -> None:
        """Close the server that suits a program, so that the next use starts a new one."""
        host = self._hosts.pop(self._kind(program), None)
        if host is not None:
            host.close()

    def _kind(self, program: Program) -> tuple[bool, bool]:
        """Whether a program sees LiveCodeBench's prelude, and whether it imports NumPy."""
        problem = program.problem
        contest = isinstance(problem, FunctionalProblem) or (
            isinstance(problem, StdinProblem) and self._mode == "lcb-compat"
        )
        return contest, _NUMPY.search(program.code) is not None
