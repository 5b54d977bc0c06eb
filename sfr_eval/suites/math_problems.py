"""Problems of mathematics with one right value: GSM8K, MATH-500 and AIME, or a file of theirs.

The fields are recognised by their names in any case: `question` or `problem`; `answer` (a value, or
a solution that ends in `#### 42`), else the box in `solution`.
"""

import importlib.util
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sfr_eval.errors import UserError
from sfr_eval.settings import CodeSettings
from sfr_eval.suites.problems.source import (
    HubData,
    check_choice,
    data_file,
    read_file,
    read_hub,
    unique,
)

RELEASES: Mapping[str, HubData] = {
    "math-500": HubData(
        repository="HuggingFaceH4/MATH-500", revision="6e4ed1a2a79af7d8630a6b768ec859cb5af4d3be"
    ),
    "gsm8k": HubData(
        repository="openai/gsm8k",
        revision="740312add88f781978c0658806c59bc2815b9866",
        configuration="main",
    ),
    "aime-2024": HubData(
        repository="HuggingFaceH4/aime_2024",
        revision="2fe88a2f1091d5048c0f36abc874fb997b3dd99a",
        split="train",
    ),
    "aime-2025": HubData(
        repository="math-ai/aime25", revision="563bb8404243c5f09de6ec262f2db674fe5bce9b"
    ),
}
REQUEST = "\n\nReason step by step, and put your final answer within \\boxed{}."
_OTHER_NAMES = {
    "problem": ("question",),
    "id": ("unique_id", "task_id"),
    "category": ("subject", "type"),
    "level": ("difficulty",),
}
_BOX = re.compile(r"\\boxed\s*\{")
_NOT_IN_IDS = re.compile(r"[^A-Za-z0-9._-]+")


class MathRow(BaseModel):
    """A row of one of the data sets."""

    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)

    id: str = ""
    problem: str = Field(min_length=1)
    answer: str = ""
    solution: str = ""
    category: str = ""
    level: str = ""
    wrong: tuple[str, ...] = ()  # wrong answers, for the simulated model

    @model_validator(mode="before")
    @classmethod
    def _names(cls, row: Any) -> Any:
        if not isinstance(row, Mapping):
            return row
        fields = {str(name).lower(): value for name, value in row.items()}
        for name, names in _OTHER_NAMES.items():
            values = (fields.get(each) for each in (name, *names))
            fields[name] = next((value for value in values if value is not None), "")
        return fields

    @model_validator(mode="after")
    def _has_value(self) -> "MathRow":
        if not self.value:
            raise ValueError("answer: missing; give answer, or a solution with \\boxed{} or ####")
        return self

    @property
    def value(self) -> str:
        """The right value."""
        for text in (self.answer, self.solution):
            if "####" in text:
                return text.rpartition("####")[2].strip()
            if boxed := _last_box(text):
                return boxed
        return self.answer.strip()


@dataclass(frozen=True, kw_only=True)
class MathProblem:
    """A problem as it is asked."""

    id: str
    prompt: str
    answer: str
    facets: Mapping[str, str] = field(default_factory=dict)  # e.g. category, level
    mutants: tuple[str, ...] = ()  # wrong answers, for the simulated model

    @property
    def solutions(self) -> tuple[str, ...]:
        """The right answer, for the simulated model."""
        return (self.answer,)

    @property
    def render(self) -> Callable[[str], str]:
        """Makes a reply of an answer."""
        return "So the answer is $\\boxed{{{}}}$.".format


@dataclass(frozen=True, kw_only=True)
class MathProblems:
    """All problems of a suite, in the order of `--limit`, and their origin."""

    problems: Mapping[str, MathProblem]
    identity: str


def load(folder: Path, settings: CodeSettings, *, suite: str) -> MathProblems:
    """Load a release from the Hub, or the rows of --data."""
    settings.refuse_all_but(("data", "release"), suite=suite)
    if importlib.util.find_spec("sympy") is None:
        raise UserError(
            f"--suite {suite}: the package `sympy` is not installed; pip install 'sfr-eval[math]'"
        )
    if settings.data is None:
        release = settings.release or "math-500"
        check_choice(release, RELEASES, kind="release", suite=suite)
        hub = RELEASES[release]
        rows, identity = read_hub(MathRow, hub, suite=suite), hub.identity
    else:
        if settings.release is not None:
            raise UserError("--release selects data from the Hub; omit it with --data")
        file = data_file(settings.data, folder=folder)
        rows, identity = read_file(MathRow, file), file.identity
    identity += ":boxed-1"  # the form of the prompts
    problems = [_problem(row, number) for number, row in enumerate(rows)]
    unique((problem.id for problem in problems), where=identity)
    return MathProblems(problems={each.id: each for each in problems}, identity=identity)


def _problem(row: MathRow, number: int) -> MathProblem:
    facets = {"category": row.category, "level": row.level}
    name = _NOT_IN_IDS.sub("-", row.id).strip("-")
    return MathProblem(
        id=name or str(number),
        prompt=row.problem + REQUEST,
        answer=row.value,
        facets={name: text for name, text in facets.items() if text},
        mutants=row.wrong,
    )


def _last_box(text: str) -> str:
    """Return what the last \\boxed{...} of a solution holds; "" without one."""
    starts = [match.end() for match in _BOX.finditer(text)]
    if not starts:
        return ""
    depth = 1
    for place in range(starts[-1], len(text)):
        depth += (text[place] == "{") - (text[place] == "}")
        if depth == 0:
            return text[starts[-1] : place].strip()
    return ""
