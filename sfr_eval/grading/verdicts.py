"""Verdicts on the answers of a code suite: made once, stored in the run folder, read by metrics.

    verdicts/<suite>.jsonl    one line for each (program, mode, round), appended as soon as it is
                              known, each with its own checksum

Equal programs for one problem share a verdict, so a collapsed model is graded quickly. Round 0
counts; round 1 grades a share of the programs again, to show how reliable the grader is. A verdict
`not_scored` (the grader failed) is not stored, so scoring again retries it.
"""

import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sfr_eval.grading.behaviour import comparison, probes, wrapped
from sfr_eval.sandbox.detect import detect
from sfr_eval.sandbox.grade import grade
from sfr_eval.sandbox.types import Mode, Program, ProgramStatus, Verdict
from sfr_eval.settings import CodeSettings
from sfr_eval.store.rows import appending, intact_rows
from sfr_eval.suites.problems.problem import ProblemSet
from sfr_eval.types import Sample
from sfr_eval.util.progress import OnProgress

VERSION = "2"
"""Version of the stored verdicts; those of another version are made again."""

_ALIKE = "answers-alike"
"""Stored in place of a mode: whether the program answers like another one."""

Grader = Callable[..., Iterator[Verdict]]
"""`sfr_eval.sandbox.grade.grade`, or its substitute in a test."""


@dataclass(frozen=True, kw_only=True)
class Graded:
    """A verdict as it is stored."""

    program: str  # hash of problem and code
    problem: str
    mode: str
    round: int
    status: ProgramStatus
    trust: str
    near_limit: bool
    retried: bool
    wall_seconds: float
    cpu_seconds: float
    isolation: str  # the tier of the sandbox
    detail: str
    grader: str = VERSION

    @property
    def passed(self) -> bool:
        """Whether every test passed."""
        return self.status == "passed"


class Grading:
    """The verdicts of one suite of one run. Nothing runs before it is needed."""

    def __init__(
        self,
        problems: ProblemSet,
        *,
        file: Path,
        settings: CodeSettings,
        on_progress: OnProgress | None = None,
        grader: Grader = grade,
    ) -> None:
        self.problems, self.settings = problems, settings
        self.mode: Mode = settings.verdict_mode or problems.mode  # type: ignore[assignment]
        self._file, self._on_progress, self._grader = file, on_progress, grader
        self._programs: dict[str, str] = {}
        self._verdicts: dict[tuple[str, str, int], Graded] | None = None

    @property
    def other_mode(self) -> Mode | None:
        """The second mode of a suite whose own grader has known faults; None for other suites."""
        if self.problems.mode != "lcb-compat" or self.mode not in ("lcb-compat", "faithful"):
            return None
        return "faithful" if self.mode == "lcb-compat" else "lcb-compat"

    def program(self, sample: Sample) -> str:
        """Return the program in an answer; "" if there is none."""
        if sample.sample_id not in self._programs:
            problem = self.problems.problems[sample.query]
            self._programs[sample.sample_id] = problem.extract(sample.text)
        return self._programs[sample.sample_id]

    def verdict(self, sample: Sample, *, mode: Mode | None = None, round: int = 0) -> Graded | None:
        """Return the verdict on an answer; None if it could not be graded."""
        key = (program_id(sample.query, self.program(sample)), mode or self.mode, round)
        return self._stored().get(key)

    def grade(self, samples: Sequence[Sample]) -> None:
        """Grade what has no verdict yet, in every mode, and a share of the programs twice."""
        programs = {
            program_id(sample.query, self.program(sample)): (sample.query, self.program(sample))
            for sample in samples
        }
        verdicts = self._stored()
        twice = {
            key: program
            for key, program in programs.items()
            if _position(key) < self.settings.regrade
        }
        jobs = [(self.mode, 0, programs), (self.other_mode, 0, programs), (self.mode, 1, twice)]
        pending = [
            (mode, round, {key: p for key, p in job.items() if (key, mode, round) not in verdicts})
            for mode, round, job in jobs
            if mode is not None
        ]
        total = sum(len(job) for _, _, job in pending)
        done = 0
        for mode, round, job in pending:
            for graded in self._run(self._as_programs(job), mode=mode, round=round):
                done += 1
                if graded.status != "not_scored":
                    verdicts[graded.program, mode, round] = graded
                if self._on_progress is not None:
                    self._on_progress("grade", done, total)

    def behaviours(self, by_problem: Mapping[str, Sequence[str]]) -> dict[tuple[str, str], int]:
        """Number the behaviours of correct programs: (problem, program) -> number, for problems
        that can be compared (see `sfr_eval.grading.behaviour`). Programs that answer alike share
        one.

        In rounds: the first program of a problem without a number leads, and those that answer like
        it get its number. A program that cannot be compared has a number of its own.
        """
        numbers: dict[tuple[str, str], int] = {}
        comparable = self.comparable(query for query, codes in by_problem.items() if codes)
        unnumbered = {query: list(dict.fromkeys(by_problem[query])) for query in sorted(comparable)}
        number = 0
        while unnumbered:
            programs: dict[str, Program] = {}
            for query, (leader, *others) in unnumbered.items():
                numbers[query, leader] = number
                problem = self.problems.problems[query].load_tests()
                answer_like_leader = comparison(problem, leader)
                assert answer_like_leader is not None, f"{query}: is comparable"
                for code in others:
                    key = program_id(f"{query}\0{leader}", code)
                    programs[key] = Program(
                        id=key, code=wrapped(code, problem), problem=answer_like_leader
                    )
            verdicts = self._stored()
            new = [p for key, p in programs.items() if (key, _ALIKE, 0) not in verdicts]
            for graded in self._run(iter(new), mode="faithful", stored_as=_ALIKE, round=0):
                verdicts[graded.program, _ALIKE, 0] = graded
            for query, (leader, *others) in list(unnumbered.items()):
                unnumbered[query] = []
                for code in others:
                    verdict = verdicts.get((program_id(f"{query}\0{leader}", code), _ALIKE, 0))
                    if verdict is not None and verdict.passed:
                        numbers[query, code] = number
                    else:
                        unnumbered[query].append(code)
            unnumbered = {query: codes for query, codes in unnumbered.items() if codes}
            number += 1
        return numbers

    def comparable(self, queries: Iterable[str]) -> set[str]:
        """Return the problems whose programs can be called on inputs outside the tests."""
        problems = self.problems.problems
        return {
            query
            for query in queries
            if problems[query].calls_function and any(probes(problems[query].load_tests()))
        }

    def _run(
        self, programs: Iterator[Program], *, mode: Mode, round: int, stored_as: str | None = None
    ) -> Iterator[Graded]:
        """Run programs and append each verdict to the file as soon as it is known."""
        first = next(programs, None)
        if first is None:
            return
        tier = detect(unsafe=self.settings.unsafe_code).tier
        with appending(self._file) as append:
            for verdict in self._grader(
                itertools.chain([first], programs),
                mode=mode,
                workers=self.settings.grade_workers,
                unsafe=self.settings.unsafe_code,
            ):
                graded = _graded(verdict, mode=stored_as or mode, round=round, isolation=tier)
                if graded.status != "not_scored":
                    append(graded)
                yield graded

    def _as_programs(self, programs: Mapping[str, tuple[str, str]]) -> Iterator[Program]:
        """Yield the programs of one problem together, so that its tests are decoded once."""
        problem = None
        for key, (query, code) in sorted(programs.items(), key=lambda item: item[1][0]):
            if problem is None or problem.id != query:
                problem = self.problems.problems[query].load_tests()
            yield Program(id=key, code=code, problem=problem)

    def _stored(self) -> dict[tuple[str, str, int], Graded]:
        if self._verdicts is None:
            self._verdicts = {
                (graded.program, graded.mode, graded.round): graded
                for graded in intact_rows(self._file, Graded)
                if graded.grader == VERSION
            }
        return self._verdicts


def program_id(problem: str, code: str) -> str:
    """Return an id that is equal for equal programs for one problem."""
    return hashlib.sha256(f"{problem}\0{code}".encode(errors="surrogatepass")).hexdigest()[:32]


def _position(key: str) -> float:
    """Return a fixed number in [0, 1) for a program, so that the same ones are graded twice."""
    return int(key[:8], 16) / 2**32


def _graded(verdict: Verdict, *, mode: str, round: int, isolation: str) -> Graded:
    return Graded(  # seconds to a millisecond: a clock under load is no more precise
        program=verdict.id,
        problem=verdict.problem,
        mode=mode,
        round=round,
        status=verdict.status,
        trust=verdict.trust,
        near_limit=verdict.near_limit,
        retried=verdict.retried,
        wall_seconds=float(f"{verdict.wall_seconds:.3f}"),
        cpu_seconds=float(f"{verdict.cpu_seconds:.3f}"),
        isolation=isolation,
        detail=verdict.detail[:300],
    )
