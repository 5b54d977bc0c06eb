"""HumanEval (Chen et al. 2107.03374): function bodies from signature and docstring."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator

from sfr_eval.sandbox.types import HumanEvalProblem
from sfr_eval.settings import CodeSettings
from sfr_eval.suites.problems.extract import chat_code, completed
from sfr_eval.suites.problems.mbpp import fenced
from sfr_eval.suites.problems.problem import CodeProblem, ProblemSet, require_asserts
from sfr_eval.suites.problems.source import (
    HubData,
    check_choice,
    data_file,
    read_file,
    read_hub,
    unique,
)

FORMS = ("chat", "completion")
STOPS = ("\nclass ", "\ndef ", "\n#", "\nif ", "\nprint(")
"""Marks the end of the function in a completion (section 3.3 of the paper)."""
_HUB = HubData(
    repository="openai/openai_humaneval", revision="7dce6050a7d6d172f3cc5c32aa97f52fa1a2e544"
)


class HumanEvalRow(BaseModel):
    """A row of HumanEval."""

    model_config = ConfigDict(extra="ignore")

    task_id: str = Field(pattern=r"^[A-Za-z0-9._/-]+$")
    prompt: str = Field(min_length=1)
    entry_point: str = Field(min_length=1)
    canonical_solution: str = ""
    test: str = Field(min_length=1)
    difficulty: str = ""
    solutions: tuple[str, ...] = ()  # further correct bodies
    mutants: tuple[str, ...] = ()  # wrong bodies

    @field_validator("test")
    @classmethod
    def _has_asserts(cls, test: str) -> str:
        require_asserts("test", test)
        return test


def load(folder: Path, settings: CodeSettings) -> ProblemSet:
    """Load all 164 problems in one of two prompt forms."""
    settings.refuse_all_but(("data", "prompt_form"), suite="humaneval")
    form = settings.prompt_form or "chat"
    check_choice(form, FORMS, kind="prompt form", suite="humaneval")
    if settings.data is not None:
        file = data_file(settings.data, folder=folder)
        rows, identity = read_file(HumanEvalRow, file), file.identity
    else:
        rows, identity = read_hub(HumanEvalRow, _HUB, suite="humaneval"), _HUB.identity
    unique((row.task_id for row in rows), where=identity)
    return ProblemSet(
        problems={row.task_id: _problem(row, form) for row in rows},
        identity=f"{identity}:{form}",
        mode="faithful",
        prompt_form=form,
        stop=STOPS if form == "completion" else (),
        shown="the prompt shows the examples of the docstring",
    )


def _problem(row: HumanEvalRow, form: str) -> CodeProblem:
    extract: Callable[[str], str]
    if form == "chat":
        prefix = row.prompt  # an answer holds the whole function
        prompt = (
            "Complete this Python function. Answer with the whole function in one block between "
            f"```python and ```.\n\n```python\n{row.prompt.rstrip()}\n```\n"
        )
        extract = partial(_whole_function, prompt=row.prompt, name=row.entry_point)
    else:
        prefix, prompt = "", row.prompt
        read = partial(_whole_function, prompt=row.prompt, name=row.entry_point)
        extract = partial(completed, head=row.prompt, read=read)
    return CodeProblem(
        id=row.task_id,
        prompt=prompt,
        calls_function=False,
        extract=extract,
        render=fenced if form == "chat" else str,
        load_tests=partial(
            HumanEvalProblem, id=row.task_id, entry_point=row.entry_point, test=row.test
        ),
        facets={"difficulty": row.difficulty} if row.difficulty else {},
        solutions=tuple(prefix + body for body in (row.canonical_solution, *row.solutions) if body),
        mutants=tuple(prefix + body for body in row.mutants),
    )


def _whole_function(answer: str, *, prompt: str, name: str) -> str:
    """Put the answer after the prompt, which holds its imports and helpers. A bare function body
    continues the prompt."""
    code = chat_code(answer, name=name, head=prompt)
    if not code:
        return ""
    if code[:1] in " \t":
        return f"{prompt.rstrip()}\n{code}"
    return f"{prompt.rstrip()}\n    pass\n\n\n{code}"
