"""Grades a JSONL file of programs into a JSONL file of verdicts (`sfr-eval grade`)."""

import fcntl
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from pydantic import BaseModel, ConfigDict

from sfr_eval.errors import UserError
from sfr_eval.sandbox.checker import Checker
from sfr_eval.sandbox.detect import detect
from sfr_eval.sandbox.evalplus_inputs import calls_problem
from sfr_eval.sandbox.flaws import flaw
from sfr_eval.sandbox.grade import grade
from sfr_eval.sandbox.types import (
    AssertsProblem,
    FunctionalProblem,
    HumanEvalProblem,
    IoTest,
    Limits,
    Mode,
    Problem,
    Program,
    StdinProblem,
    Verdict,
    missing_package,
)
from sfr_eval.suites.problems.evalplus import Inputs
from sfr_eval.util.files import append_whole, writing_to
from sfr_eval.util.lock import NO_FLOCK
from sfr_eval.util.progress import Bar, log
from sfr_eval.util.reading import parsed_json, read_model
from sfr_eval.util.untrusted import bounded_lines, open_for_append, plain_bytes

MOST_SECONDS = 86_400
"""Longest time limit of a program."""


class ProgramRow(BaseModel):
    """One line of the input. Tests come as `tests` (standard input, or functional with `fn_name`),
    as `test_list` (MBPP), as `test` and `entry_point` (HumanEval), or as inputs and a reference
    (EvalPlus: a row of its data with `id` and `code`)."""

    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)

    id: str
    code: str
    fn_name: str | None = None
    tests: list[tuple[str, str]] | None = None
    test_list: list[str] | None = None
    test_setup_code: str = ""
    test: str | None = None
    entry_point: str | None = None
    task_id: str = ""
    base_input: list[list[Any]] | None = None
    plus_input: Inputs = []
    prompt: str = ""
    canonical_solution: str = ""
    atol: float = 0.0

    def problem(self) -> Problem | None:
        """Return the problem; None if the row has no tests in any form."""
        if self.tests is not None:
            tests = tuple(IoTest(input=text, output=answer) for text, answer in self.tests)
            if self.fn_name is not None:
                return FunctionalProblem(id=self.id, function=self.fn_name, tests=tests)
            return StdinProblem(id=self.id, tests=tests)
        if self.test_list is not None:
            asserts = tuple(self.test_list)
            return AssertsProblem(id=self.id, asserts=asserts, setup=self.test_setup_code)
        if self.base_input is not None and self.entry_point and self.canonical_solution:
            return calls_problem(
                id=self.task_id or self.id,
                function=self.entry_point,
                inputs=[*self.base_input, *self.plus_input],
                reference=self.prompt + self.canonical_solution,
                tolerance=self.atol,
            )
        if self.test is not None and self.entry_point is not None:
            return HumanEvalProblem(id=self.id, entry_point=self.entry_point, test=self.test)
        return None


def grade_file(
    source: Path,
    *,
    output: Path,
    mode: Mode,
    workers: int | None = None,
    seconds: float | None = None,
    unsafe: bool = False,
) -> dict[str, Any]:
    """Grade every row that `output` lacks and append its verdict. Returns the counts of all rows.

    All rows of `output` share mode, limits and isolation tier, which its first line records.
    """
    if seconds is not None and not 0 < seconds <= MOST_SECONDS:  # catches NaN, too
        raise UserError(f"--seconds {seconds:g}: must be above 0 and at most {MOST_SECONDS:,}")
    rows = list(read_programs(source))
    programs = [row.program for row in rows]
    isolation = detect(unsafe=unsafe)
    log(isolation.line)
    for reason in isolation.missing:
        log(f"  not used: {reason}")
    header = {
        "mode": mode,
        "seconds": seconds,
        "tier": isolation.tier,
        "python": isolation.facts["python"],
    }
    limits = Limits(seconds=seconds)
    with _opened(output) as stream:
        done = _resume(output, stream, header)
        _refuse_others(rows, done, source=source, output=output)
        digests = {row.program.id: row.digest for row in rows}
        pending = [program for program in programs if program.id not in done]
        counts = Counter(done[p.id]["status"] for p in programs if p.id in done)
        lacking = Counter(missing_package(row.get("detail") or "") for row in done.values())
        bar = Bar("grading", len(programs), unit="programs", done=len(programs) - len(pending))
        with bar:
            for verdict in grade(pending, mode=mode, workers=workers, limits=limits, unsafe=unsafe):
                row = {**verdict_row(verdict), "program": digests[verdict.id]}
                append_whole(stream, _line(row))
                counts[verdict.status] += 1
                lacking[missing_package(verdict.detail)] += 1
                bar.advance()
    del lacking[""]
    summary = {**header, "programs": len(programs), "statuses": dict(counts)}
    return {**summary, "missing_packages": dict(lacking.most_common())}


def verdict_row(verdict: Verdict) -> dict[str, Any]:
    """Return a line of the output."""
    row: dict[str, Any] = {
        "id": verdict.id,
        "passed": verdict.passed if verdict.status != "not_scored" else None,
        "status": verdict.status,
        "results": [test.status for test in verdict.tests],
        "seconds": round(verdict.wall_seconds, 4),
        "cpu_seconds": round(verdict.cpu_seconds, 4),
        "waited": verdict.waited_seconds,
        "trust": verdict.trust,
        "retried": verdict.retried,
        "near_limit": verdict.near_limit,
        "detail": verdict.detail,
    }
    if verdict.codes:
        row["codes"] = list(verdict.codes)
    return row


def _line(row: Mapping[str, Any]) -> bytes:
    return f"{json.dumps(dict(row))}\n".encode()


@dataclass(frozen=True, slots=True)
class GradeRow:
    """A line of the input. `digest` identifies the program and its tests."""

    program: Program
    digest: str


def read_programs(source: Path) -> Iterator[GradeRow]:
    """Yield the programs of a JSONL file. Raises UserError that names the line at fault, also if
    its tests cannot decide anything."""
    seen: set[str] = set()
    with Checker() as checker:
        for number, line in bounded_lines(source):
            if not line.strip():
                continue
            where = f"{source}:{number}"
            row = read_model(ProgramRow, parsed_json(line, where=where), where=where)
            program = Program(id=row.id, code=row.code, problem=_problem(row, where=where))
            if reason := flaw(program.problem, checker):
                fix = "give it tests that a wrong program fails, or remove the row"
                raise UserError(f"{where}: id {row.id!r} {reason}; {fix}")
            if row.id in seen:
                raise UserError(f"{where}: id {row.id!r} appears twice; ids must differ")
            seen.add(row.id)
            digest = hashlib.sha256(json.dumps(row.model_dump(), sort_keys=True).encode())
            yield GradeRow(program, digest.hexdigest()[:16])


def _problem(row: ProgramRow, *, where: str) -> Problem:
    try:
        problem = row.problem()
    except UserError as error:
        raise UserError(f"{where}: {error}") from None
    if problem is None:
        raise UserError(
            f"{where}: no tests; give `tests`, `test_list`, `test`+`entry_point`, or EvalPlus' "
            "`base_input`+`entry_point`+`canonical_solution`"
        )
    return problem


def _refuse_others(
    rows: Sequence[GradeRow], done: Mapping[str, Any], *, source: Path, output: Path
) -> None:
    """Raise UserError if a stored verdict is of another program or of other tests."""
    others = [
        row.program.id
        for row in rows
        if row.program.id in done and done[row.program.id].get("program") != row.digest
    ]
    if others:
        names = ", ".join(others[:3]) + (", ..." if len(others) > 3 else "")
        raise UserError(
            f"{output}: has verdicts on other code or tests than {source} for {len(others):,} of "
            f"its ids ({names}); choose another --output, or remove the file"
        )


@contextmanager
def _opened(output: Path) -> Iterator[IO[bytes]]:
    """Open the file of verdicts for appending, locked until the process ends in whatever way."""
    with writing_to(output):
        output.parent.mkdir(parents=True, exist_ok=True)
        with open_for_append(output) as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UserError(
                    f"--output {output}: another sfr-eval is writing here; wait for it or choose "
                    "another file"
                ) from None
            except OSError as error:
                if error.errno not in NO_FLOCK:
                    raise
            yield stream


def _resume(output: Path, stream: IO[bytes], header: Mapping[str, Any]) -> dict[str, Any]:
    """Return the stored verdicts by id, without `not_scored` ones, which are graded again. Writes
    the header of a new file and removes an incomplete last line; a file that `grade` did not write
    stays as it is."""
    content = plain_bytes(output)
    if _line(header).startswith(content):  # empty, or stopped during the first line
        stream.truncate(0)
        append_whole(stream, _line(header))
        return {}
    complete = content[: content.rfind(b"\n") + 1]
    try:
        rows = [json.loads(line) for line in complete.splitlines()]
        verdicts = {row["id"]: row for row in rows[1:] if row["status"] != "not_scored"}
        before = dict(rows[0])
    except (ValueError, LookupError, TypeError):
        raise UserError(f"{output}: not written by `grade`; choose another --output") from None
    if before != dict(header):
        settings = re.sub(r"[{}\"]", "", json.dumps(before))
        raise UserError(
            f"{output}: was graded with {settings}; choose another --output or the same settings"
        )
    stream.truncate(len(complete))
    return verdicts
