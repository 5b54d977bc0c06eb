"""MBPP (Austin et al. 2108.07732): short functions with asserts, full and sanitized."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sfr_eval.errors import UserError
from sfr_eval.sandbox.types import AssertsProblem
from sfr_eval.settings import CodeSettings
from sfr_eval.suites.problems.extract import called_function, chat_code, few_shot_code
from sfr_eval.suites.problems.problem import CodeProblem, ProblemSet, require_asserts
from sfr_eval.suites.problems.source import (
    HubData,
    check_choice,
    data_file,
    read_file,
    read_hub,
    unique,
)

RELEASES = ("full", "sanitized")
FORMS = ("chat", "few-shot")
TEST_IDS = range(11, 511)
SHOT_IDS = ("2", "3", "4")
DONE = "[DONE]"
_REPOSITORY = "google-research-datasets/mbpp"
_REVISION = "4bb6404fdc6cacfda99d4ac4205087b89d32030c"
_ALL_IDS = {str(number) for number in range(1, 975)}


class MbppRow(BaseModel):
    """A row of MBPP; the sanitized set calls the task `prompt` and has `test_imports`."""

    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)

    task_id: str = Field(pattern=r"^[A-Za-z0-9._/-]+$")
    text: str = ""
    prompt: str = ""
    code: str = ""
    test_list: tuple[str, ...] = Field(min_length=1)
    test_setup_code: str = ""
    test_imports: tuple[str, ...] = ()
    split: str = ""  # `prompt`: only shown in the 3-shot prompt
    difficulty: str = ""
    solutions: tuple[str, ...] = ()  # further correct ones
    mutants: tuple[str, ...] = ()  # wrong solutions

    @model_validator(mode="after")
    def _has_task(self) -> "MbppRow":
        if not self.task:
            raise ValueError("needs a text or a prompt that states the task")
        return self

    @model_validator(mode="after")
    def _has_tests(self) -> "MbppRow":
        require_asserts("test_list", "\n".join(self.test_list))
        return self

    @property
    def task(self) -> str:
        """Statement of the task."""
        return self.text or self.prompt

    @property
    def question(self) -> str:
        """The prompt of section 3.1 of the paper, up to the answer."""
        tests = "\n".join(self.test_list)
        return (
            f"You are an expert Python programmer, and here is your task: {self.task} "
            f"Your code should pass these tests:\n\n{tests}\n"
        )

    @property
    def setup(self) -> str:
        """Code between the program and the asserts."""
        return "\n".join([*self.test_imports, self.test_setup_code]).strip("\n")


def load(folder: Path, settings: CodeSettings) -> ProblemSet:
    """Load the test split (task ids 11 to 510) in one of two prompt forms."""
    settings.refuse_all_but(("data", "release", "prompt_form"), suite="mbpp")
    form = settings.prompt_form or "chat"
    check_choice(form, FORMS, kind="prompt form", suite="mbpp")
    rows, shots, identity = _rows(folder, settings, need_shots=form == "few-shot")
    unique((row.task_id for row in rows), where=identity)
    examples = "".join(f"{shot.question}[BEGIN]\n{_plain(shot.code)}\n{DONE}\n\n" for shot in shots)
    return ProblemSet(
        problems={row.task_id: _problem(row, form, examples) for row in rows},
        identity=f"{identity}:{form}",
        mode="faithful",
        prompt_form=form,
        stop=(DONE,) if form == "few-shot" else (),
        release=Path(settings.data).name if settings.data else settings.release or RELEASES[0],
        shown="the prompt shows the asserts that grade it",
    )


def _rows(
    folder: Path, settings: CodeSettings, *, need_shots: bool
) -> tuple[list[MbppRow], list[MbppRow], str]:
    """Return rows to ask, rows to show as examples, and the identity of both."""
    if settings.data is None:
        release = settings.release or "full"
        check_choice(release, RELEASES, kind="release", suite="mbpp")
        hub = HubData(repository=_REPOSITORY, revision=_REVISION, configuration=release)
        questions = read_hub(MbppRow, hub, suite="mbpp")
        shots: list[MbppRow] = []
        if need_shots:  # the sanitized set lacks some of the three, so use those of the full one
            prompts = HubData(
                repository=_REPOSITORY, revision=_REVISION, configuration="full", split="prompt"
            )
            shots = _shots(read_hub(MbppRow, prompts, suite="mbpp"), where=_REPOSITORY)
        return questions, shots, hub.identity
    if settings.release is not None:
        raise UserError("--release selects data from the Hub; omit it with --data")
    file = data_file(settings.data, folder=folder)
    rows = read_file(MbppRow, file)
    if _ALL_IDS.issuperset(row.task_id for row in rows):  # MBPP itself, with its own test split
        questions = [row for row in rows if int(row.task_id) in TEST_IDS]
    else:
        questions = [row for row in rows if row.split != "prompt"]
    if not questions:
        raise UserError(f"--data {file.file}: no problems of the test split (task ids 11 to 510)")
    return questions, _shots(rows, where=str(file.file)) if need_shots else [], file.identity


def _shots(rows: Sequence[MbppRow], *, where: str) -> list[MbppRow]:
    examples = [row for row in rows if row.split == "prompt"]
    shots = examples[:3] or [row for row in rows if row.task_id in SHOT_IDS]
    if len(shots) < 3:
        raise UserError(
            f"{where}: --prompt-form few-shot needs three rows to show: task ids 2, 3, 4, or rows "
            'with "split": "prompt"'
        )
    return shots


def _problem(row: MbppRow, form: str, examples: str) -> CodeProblem:
    name = called_function(row.test_list[0])
    if form == "few-shot":
        prompt, extract, render = f"{examples}{row.question}[BEGIN]\n", few_shot_code, _continued
    else:
        prompt = f"{row.question}\nAnswer with the code in one block between ```python and ```.\n"
        extract, render = partial(chat_code, name=name), fenced
    return CodeProblem(
        id=row.task_id,
        prompt=prompt,
        extract=extract,
        render=render,
        load_tests=partial(AssertsProblem, id=row.task_id, asserts=row.test_list, setup=row.setup),
        facets={"difficulty": row.difficulty} if row.difficulty else {},
        solutions=tuple(_plain(code) for code in (row.code, *row.solutions) if code),
        mutants=row.mutants,
    )


def fenced(code: str) -> str:
    """Format a program as the answer of a chat model."""
    return f"Here is a solution.\n\n```python\n{code.rstrip()}\n```\n"


def _continued(code: str) -> str:
    return f"{code.rstrip()}\n"


def _plain(code: str) -> str:
    """Replace the \\r\\n of many reference programs in MBPP, which no model should learn."""
    return code.replace("\r\n", "\n").strip("\n")
