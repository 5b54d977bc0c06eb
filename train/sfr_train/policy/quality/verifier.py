"""Whether a reply is right, by what the row of the data gives as its completion.

answer: the final answer of the reply (boxed, after ####, after "the answer is", else its last
number) equals that of the completion by value. asserts: the completion is Python assertions, one a
line, and the program in the reply passes them in the sandbox.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

from pydantic import Field

from sfr_eval.errors import UserError
from sfr_eval.grading.math_equality import Equality
from sfr_eval.grading.math_text import final_answer
from sfr_eval.sandbox.grade import grade
from sfr_eval.sandbox.types import AssertsProblem, Program
from sfr_eval.suites.problems.extract import called_function, chat_code
from sfr_train.policy.groups import reply_text
from sfr_train.settings import Settings as BaseSettings


class Settings(BaseSettings):
    """What is compared."""

    by: Literal["answer", "asserts"] = Field("answer")


def fingerprint(settings: Settings) -> str:
    """Return nothing: the rows decide."""
    return ""


def build(settings: Settings, rows: Sequence[Any]) -> Callable[..., list[float | None]]:
    """Return the reward function, 1 for right and 0 for wrong. Raises UserError for a row whose
    completion cannot be compared with."""
    for number, row in enumerate(rows, start=1):
        for reference in row["references"]:
            if settings.by == "answer" and not _right_answer(reference):
                raise UserError(f"data: prompt {number}: its completion is no answer, but empty")
            if settings.by == "asserts" and not _asserts(reference):
                raise UserError(f"data: prompt {number}: its completion has no line of `assert`")
    return _answers if settings.by == "answer" else _programs


def _answers(
    completions: Sequence[Any], references: Sequence[Sequence[str]], **_: Any
) -> list[float | None]:
    with Equality() as equality:
        return [
            float(any(_equal(equality, reply_text(reply), known) for known in answers))
            for reply, answers in zip(completions, references, strict=True)
        ]


def _equal(equality: Equality, reply: str, reference: str) -> bool:
    own = final_answer(reply)
    return own is not None and equality.equal(own.text, _right_answer(reference))


def _right_answer(reference: str) -> str:
    """Return the marked answer of a worked solution; a completion of one line is the answer."""
    marked = final_answer(reference)
    if marked is None or ("\n" not in reference.strip() and marked.found == "last number"):
        return reference.strip()
    return marked.text


def _programs(
    completions: Sequence[Any], references: Sequence[Sequence[str]], **_: Any
) -> list[float | None]:
    """None where the sandbox itself failed."""
    programs = []
    for number, (completion, texts) in enumerate(zip(completions, references, strict=True)):
        asserts = tuple(line for text in texts for line in _asserts(text))
        code = chat_code(reply_text(completion), name=called_function(asserts[0]))
        problem = AssertsProblem(id=str(number), asserts=asserts)
        programs.append(Program(id=str(number), code=code, problem=problem))
    verdicts = {verdict.id: verdict.status for verdict in grade(programs)}
    statuses = [verdicts[program.id] for program in programs]
    return [None if s == "not_scored" else float(s == "passed") for s in statuses]


def _asserts(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip().startswith("assert")]
