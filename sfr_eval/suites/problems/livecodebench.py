"""LiveCodeBench (Jain et al. 2403.07974): contest problems by release and date."""

import json
import re
from collections.abc import Iterator, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from sfr_eval.errors import UserError
from sfr_eval.sandbox.types import FunctionalProblem, Problem, StdinProblem
from sfr_eval.settings import CodeSettings
from sfr_eval.suites.problems.extract import between_last_fences
from sfr_eval.suites.problems.mbpp import fenced
from sfr_eval.suites.problems.private_tests import decode_tests
from sfr_eval.suites.problems.problem import CodeProblem, ProblemSet
from sfr_eval.suites.problems.source import HubData, Rows, check_choice, data_file, unique
from sfr_eval.util.reading import read_model

DEFAULT_RELEASE = "release_v5"
RELEASES = {
    f"release_v{number}": tuple(f"test{n if n > 1 else ''}.jsonl" for n in range(1, number + 1))
    for number in range(1, 7)
}
_TESTS = ("public_test_cases", "private_test_cases")
_REPOSITORY = "livecodebench/code_generation_lite"
_REVISION = "0fe84c3912ea0c4d4a78037083943e8f0c4dd505"

# The wording of the benchmark's own prompt (its repository at 28fef95): any change makes it another
# benchmark.
_SYSTEM = (
    "You are an expert Python programmer. You will be given a question (problem specification) "
    "and will generate a correct Python program that matches the specification and passes all "
    "tests."
)
_WITH_STARTER = (
    "You will use the following starter code to write the solution to the problem and enclose "
    "your code within delimiters."
)
_WITHOUT_STARTER = (
    "Read the inputs from stdin solve the problem and write the answer to stdout (do not directly "
    "test on the sample inputs). Enclose your code within delimiters as follows. Ensure that when "
    "the python program runs, it reads the inputs, runs the algorithm and writes output to STDOUT."
)


class LcbRow(BaseModel):
    """A record of the data set. Private tests stay packed until they are needed."""

    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)

    question_id: str = Field(pattern=r"^[A-Za-z0-9._-]+$")
    question_content: str = Field(min_length=1)
    platform: str
    difficulty: str
    contest_date: str = Field(pattern=r"^\d{4}-\d\d-\d\d")
    starter_code: str = ""
    metadata: str = "{}"
    solutions: tuple[str, ...] = ()  # not in the benchmark; for simulation and tests
    mutants: tuple[str, ...] = ()

    @field_validator("contest_date", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        """Undo the conversion of ISO dates by Arrow's JSON reader."""
        return value.isoformat() if isinstance(value, date) else value

    @property
    def function(self) -> str | None:
        """Name of the method; None if the problem reads standard input."""
        try:
            name = json.loads(self.metadata or "{}").get("func_name")
        except (ValueError, AttributeError):
            raise UserError(f"{self.question_id}: metadata: not a JSON object") from None
        return str(name) if name else None

    @property
    def question(self) -> str:
        """The user message."""
        if self.starter_code:
            form, code = _WITH_STARTER, self.starter_code
        else:
            form, code = _WITHOUT_STARTER, "# YOUR CODE HERE"
        return (
            f"### Question:\n{self.question_content}\n\n### Format: {form}\n```python\n{code}\n"
            "```\n\n### Answer: (use the provided format with backticks)\n\n"
        )


def _tests(rows: Rows, place: int, row: LcbRow) -> Problem:
    """Decode the tests of one problem; those of all problems may be gigabytes."""
    tests = tuple(
        test
        for field in _TESTS
        for test in decode_tests(
            str(rows[place].get(field) or "[]"), where=f"livecodebench {row.question_id}: {field}"
        )
    )
    if not tests:
        raise UserError(f"livecodebench {row.question_id} has no tests, so any program would pass")
    if row.function:
        return FunctionalProblem(id=row.question_id, function=row.function, tests=tests)
    return StdinProblem(id=row.question_id, tests=tests)


def load(folder: Path, settings: CodeSettings) -> ProblemSet:
    """Load the problems of a release or of a file whose contests lie in the window."""
    settings.refuse_all_but(("data", "release", "window"), suite="livecodebench")
    first, last = read_window(settings.window)
    if settings.data is not None:
        if settings.release is not None:
            raise UserError("--release selects data from the Hub; omit it with --data")
        file = data_file(settings.data, folder=folder)
        file_rows = file.rows()
        for where, row in file_rows:
            if not isinstance(row, dict):
                raise UserError(f"{where}: must be a record, not {type(row).__name__}")
        rows: Rows = [row for _, row in file_rows]
        places = [where for where, _ in file_rows]
        identity, name = file.identity, file.file.name
    else:
        release = settings.release or DEFAULT_RELEASE
        check_choice(release, RELEASES, kind="release", suite="livecodebench")
        hub = HubData(repository=_REPOSITORY, revision=_REVISION, files=RELEASES[release])
        rows = hub.rows(suite="livecodebench")
        places = [f"{_REPOSITORY} row {number}" for number in range(1, len(rows) + 1)]
        identity, name = hub.identity, release
    selection = [
        (place, row)
        for place, row in _checked(rows, places)
        if first <= row.contest_date[:10] <= last
    ]
    if not selection:
        raise UserError(
            f"livecodebench: no problems between {first} and {last}; widen --window "
            "or choose a later --release"
        )
    unique((row.question_id for _, row in selection), where="livecodebench")
    return ProblemSet(
        problems={row.question_id: _problem(row, place, rows) for place, row in selection},
        identity=f"{identity}:{first}:{last}",
        mode="lcb-compat",
        prompt_form="chat",
        release=name,
        window=settings.window or "",
        shown="the prompt shows the examples of the statement",
    )


def _checked(rows: Rows, places: Sequence[str]) -> Iterator[tuple[int, LcbRow]]:
    """Yield (place, row) of all rows without their tests, which may be gigabytes."""
    light: Any = rows
    if hasattr(light, "remove_columns"):
        light = light.remove_columns(list(_TESTS))
    for place, where in enumerate(places):
        row = read_model(LcbRow, dict(light[place]), where=where)
        _ = row.function  # reports bad metadata here rather than after sampling
        if light is rows and not any(_has_tests(rows[place].get(name)) for name in _TESTS):
            raise UserError(f"{where}: {row.question_id} has no tests; add some or remove the row")
        yield place, row


def _has_tests(field: Any) -> bool:
    return str(field or "").strip() not in ("", "[]")


def _problem(row: LcbRow, place: int, rows: Rows) -> CodeProblem:
    return CodeProblem(
        id=row.question_id,
        system=_SYSTEM,
        prompt=row.question,
        calls_function=row.function is not None,
        extract=between_last_fences,
        render=fenced,
        load_tests=partial(_tests, rows, place, row),
        date=row.contest_date[:10],
        facets={
            "difficulty": row.difficulty,
            "platform": row.platform,
            "month": row.contest_date[:7],
        },
        solutions=row.solutions,
        mutants=row.mutants,
    )


def read_window(text: str | None) -> tuple[str, str]:
    """Parse `2024-08:2025-01`, with or without days, into ISO days; either end may be missing."""
    first, _, last = (text or ":").partition(":")
    for end in (first, last):
        if end and not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?", end):
            raise UserError(
                f"--window {text}: write first:last as in 2024-08:2025-01, with or without days"
            )
    if text is not None and ":" not in text:
        last = first
    low = first + "-01" if len(first) == 7 else first or "0000-01-01"
    high = last + "-31" if len(last) == 7 else last or "9999-12-31"
    if low > high:
        raise UserError(f"--window {text}: the first day is after the last")
    return low, high
