"""EvalPlus (Liu et al. 2305.01210): HumanEval+ and MBPP+, the same tasks with many more tests.

A function is called on all inputs, its answers are compared with those of the reference. The prompt
shows little of that: of MBPP+ one assert, of HumanEval+ the examples of the docstring. So a program
that returns what the shown tests expect fails.
"""

import operator
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from sfr_eval.sandbox.evalplus_inputs import calls_problem
from sfr_eval.settings import CodeSettings
from sfr_eval.suites.problems.extract import chat_code
from sfr_eval.suites.problems.mbpp import fenced
from sfr_eval.suites.problems.problem import CodeProblem, ProblemSet
from sfr_eval.suites.problems.source import WebData, check_choice, data_file, read_file, unique

FORMS = ("chat", "completion")
RELEASES = ("plus", "base")
_STOPS = ("\nif __name__", "\ndef main(", "\nprint(")
STOPS = {
    "humaneval-plus": (*_STOPS, "\ndef ", "\nclass ", "\nimport ", "\nfrom ", "\nassert "),
    "mbpp-plus": (*_STOPS, '\n"""', "\nassert"),
}
"""Marks the end of a completion, as EvalPlus has it."""
SHOWN = {
    "humaneval-plus": "the prompt shows the examples of the docstring",
    "mbpp-plus": "the prompt shows one of the asserts",
}
_SITE = "https://raw.githubusercontent.com/evalplus"
SOURCES = {
    "humaneval-plus": WebData(  # v0.1.10
        url=f"{_SITE}/humanevalplus_release/200defce9e3429d28ca215b6dd061c0f7f31c18b/"
        "HumanEvalPlus.jsonl.gz",
        sha256="272720b90ac375502c8ed23cd791c2a93dfb22a911641a494da74a426c09f101",
    ),
    "mbpp-plus": WebData(  # v0.2.0
        url=f"{_SITE}/mbppplus_release/dadf43da556a00f7bacd71cb154f2932757d9144/MbppPlus.jsonl.gz",
        sha256="af43697e8791c4c149bdfd6b489d8b5412507551ac20e28a439f650b8225db63",
    ),
}
_INSTRUCTION = (
    "Please provide a self-contained Python script that solves the following problem in a markdown "
    "code block:"
)
"""EvalPlus's own sentence: any change makes it another benchmark."""


def _inputs(value: Any) -> Any:
    return [] if value == {} else value


Inputs = Annotated[list[list[Any]], BeforeValidator(_inputs)]
"""Argument lists; MBPP+ writes {} for none (Mbpp/793)."""


class EvalPlusRow(BaseModel):
    """A row of HumanEval+ or MBPP+."""

    model_config = ConfigDict(extra="ignore")

    task_id: str = Field(pattern=r"^[A-Za-z0-9._/-]+$")
    prompt: str = Field(min_length=1)
    entry_point: str = Field(min_length=1)
    canonical_solution: str = Field(min_length=1)
    base_input: list[list[Any]] = Field(min_length=1)
    plus_input: Inputs = []
    atol: float = 0.0
    mutants: tuple[str, ...] = ()  # wrong bodies; not in the benchmark


def load(folder: Path, settings: CodeSettings, *, suite: str) -> ProblemSet:
    """Load all problems of one of the two sets, with all tests or the base tests alone."""
    settings.refuse_all_but(("data", "release", "prompt_form"), suite=suite)
    form, release = settings.prompt_form or "chat", settings.release or "plus"
    check_choice(form, FORMS, kind="prompt form", suite=suite)
    check_choice(release, RELEASES, kind="release", suite=suite)
    if settings.data is not None:
        file = data_file(settings.data, folder=folder)
    else:
        file = SOURCES[suite].file(suite=suite)
    rows = read_file(EvalPlusRow, file)
    unique((row.task_id for row in rows), where=file.identity)
    return ProblemSet(
        problems={row.task_id: _problem(row, form, release) for row in rows},
        identity=f"{file.identity}:{form}:{release}",
        mode="evalplus",
        prompt_form=form,
        stop=STOPS[suite] if form == "completion" else (),
        release="all tests" if release == "plus" else "base tests alone",
        shown=SHOWN[suite],
    )


def _problem(row: EvalPlusRow, form: str, release: str) -> CodeProblem:
    extract: Callable[[str], str]
    if form == "chat":
        prompt = f"{_INSTRUCTION}\n```python\n{row.prompt.strip()}\n```"
        extract, head = partial(_script, prompt=row.prompt, name=row.entry_point), row.prompt
    else:
        prompt, extract, head = row.prompt, partial(operator.add, row.prompt), ""
    return CodeProblem(
        id=row.task_id,
        prompt=prompt,
        extract=extract,
        render=fenced if form == "chat" else str,
        load_tests=partial(
            calls_problem,
            id=row.task_id,
            function=row.entry_point,
            inputs=[*row.base_input, *(row.plus_input if release == "plus" else ())],
            reference=row.prompt + row.canonical_solution,
            tolerance=row.atol,
        ),
        solutions=(head + row.canonical_solution,),
        mutants=tuple(head + body for body in row.mutants),
    )


def _script(answer: str, *, prompt: str, name: str) -> str:
    """Return the answer's own script, to which nothing is added; a bare function body continues the
    prompt."""
    code = chat_code(answer, name=name)
    return prompt + code if code[:1] in (" ", "\t") and f"def {name}" not in code else code
