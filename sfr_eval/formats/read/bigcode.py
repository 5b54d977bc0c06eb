"""bigcode's `generations.json`: a list of programs for each problem, in the order of the suite."""

from itertools import islice

from sfr_eval.errors import UserError
from sfr_eval.formats.read.mapping import PromptMap, Prompts
from sfr_eval.formats.read.reply import (
    TEMPERATURE_WARNING,
    UNSTATED_TEMPERATURE,
    Reading,
    Reply,
    texts_of,
)
from sfr_eval.formats.read.source import Source

NAME = "bigcode"
COMPLETION = "completion"
"""The prompt form of problems whose answers continue the prompt."""


def looks_like(source: Source) -> bool:
    """Return whether this is a list of lists of texts."""
    lists = source.document
    return (
        isinstance(lists, list)
        and bool(lists)
        and all(isinstance(texts, list) for texts in lists)
        and all(
            text is None or isinstance(text, str) for texts in islice(lists, 50) for text in texts
        )
    )


def read(source: Source, prompts: Prompts) -> Reading:
    """Read all programs. They name no problem, so there must be a list for each, or for the first
    ones of the suite (bigcode's --limit), which is said."""
    if not isinstance(prompts, PromptMap):
        raise UserError(
            f"{source.file}: holds lists of texts without prompts; name the suite with --suite"
        )
    queries = list(prompts.suite.queries)
    lists = source.document
    if len(lists) > len(queries):
        raise UserError(
            f"{source.file}: holds {len(lists)} lists, and suite {prompts.suite.id} has "
            f"{len(queries)} queries; name the suite and the --data that they answer"
        )
    replies = []
    for number, (query, texts) in enumerate(zip(queries, lists, strict=False), start=1):
        where = f"{source.file}: list {number}"
        stem = prompts.suite.queries[query].rstrip() if _is_completion(prompts) else ""
        for text in texts_of(texts, where=where):
            replies.append(
                Reply(
                    where=where,
                    query=query,
                    persona="",
                    temperature=UNSTATED_TEMPERATURE,
                    text=text.text.removeprefix(stem) if stem else text.text,
                    status=text.status,
                    error=text.error,
                )
            )
    if not replies:
        raise UserError(f"{source.file}: has no texts")
    warnings = [TEMPERATURE_WARNING]
    if len(lists) < len(queries):
        warnings.append(
            f"The file names no problems: its {len(lists)} lists are taken as the first of suite "
            f"{prompts.suite.id}."
        )
    return Reading(file=source.file, format=NAME, replies=replies, warnings=warnings)


def _is_completion(prompts: PromptMap) -> bool:
    code = prompts.suite.code
    return code is not None and code.prompt_form == COMPLETION
