"""Grades programs on several workers and yields verdicts in the order in which they finish."""

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
from sfr_eval.sandbox.timeouts import (
    judged_again,
    second_limits,
    stalled,
    starved,
    third_limits,
)
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

    A program that reached the wall clock limit without using its CPU time is repeated alone, after
    all others (timeouts.py): once, and once more if it had no core for most of that time either,
    after which it is `not_scored`. A program is tried up to three times if it was killed, since an
    outsider may have done it, or if its server died; the latter ends as `not_scored`."""
    if mode not in MODES:
        raise UserError(f"--mode {mode}: unknown; known: {', '.join(MODES)}")
    if workers is not None and workers < 1:
        raise UserError(f"--workers {workers}: must be at least 1")
    limits = limits or Limits()
    pool = _Pool(iter(programs), detect(unsafe=unsafe), mode=mode, limits=limits)
    yield from pool.run(workers or physical_cores())


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
        """Grade a program again after a time-out."""
        seconds = seconds_of(program, self._limits)
        tests = len(getattr(program.problem, "tests", ())) if self._mode == "lcb-compat" else 1
        limits = second_limits(first, seconds, self._limits, tests=max(1, tests))
        verdict = self._grade_one(hosts, program, limits=limits)
        if limits == self._limits:
            return replace(verdict, retried=True)
        if starved(verdict, seconds):
            verdict = self._grade_one(hosts, program, limits=third_limits(limits))
        return replace(judged_again(verdict, seconds), retried=True, near_limit=True)

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
