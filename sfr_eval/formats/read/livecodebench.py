"""LiveCodeBench's output: `Scenario.codegeneration_<n>_<temperature>.json`, its `_eval_all.json`,
and the {"question_id", "code_list"} that its evaluator takes."""

import re
from collections.abc import Iterator

from sfr_eval.errors import UserError
from sfr_eval.formats.read.mapping import PromptMap, Prompts
from sfr_eval.formats.read.names import Row
from sfr_eval.formats.read.reply import (
    TEMPERATURE_WARNING,
    UNSTATED_TEMPERATURE,
    Reading,
    Reply,
    texts_of,
)
from sfr_eval.formats.read.source import Source

NAME = "livecodebench"
_STATED = re.compile(r"^(?:Scenario\.)?codegeneration_\d+_(\d+(?:\.\d+)?)(?:_eval_all)?\.json$")
_LISTS = ("output_list", "code_list")


def looks_like(source: Source) -> bool:
    """Return whether these are such rows."""
    first = source.first
    return "question_id" in first and any(isinstance(first.get(n), list) for n in _LISTS)


def read(source: Source, prompts: Prompts) -> Reading:
    """Read the replies of all problems; where there are only programs, those, in fences."""
    name = _STATED.match(source.file.name)
    temperature = float(name[1]) if name else UNSTATED_TEMPERATURE
    replies: list[Reply] = []
    others = 0
    for where, row in source.rows():
        if (
            isinstance(prompts, PromptMap)
            and str(row.get("question_id")) not in prompts.suite.queries
        ):
            others += 1
            continue
        replies += _replies(row, prompts, temperature, where=where)
    if not replies:
        why = f"none of its {others} problems is in the suite" if others else "has no replies"
        raise UserError(f"{source.file}: {why}; name another --release, --window or --data")
    warnings = [] if name else [TEMPERATURE_WARNING]
    if others:
        warnings.append(
            f"{others:,} problems of the file are not among those of the suite and left out "
            "(--release, --window, --data)."
        )
    if not source.first.get(_LISTS[0]):
        warnings.append(
            "The file holds programs without the replies that they were taken from: variety is "
            "that of the programs."
        )
    return Reading(
        file=source.file,
        format=NAME,
        replies=replies,
        model=source.file.absolute().parent.name if name else "",  # as LiveCodeBench's runner does
        warnings=warnings,
    )


def _replies(row: Row, prompts: Prompts, temperature: float, *, where: str) -> Iterator[Reply]:
    content = row.get("question_content")
    query, persona = prompts.find(
        row,
        row,
        messages=[("user", content)] if isinstance(content, str) else [],
        where=where,
    )
    texts = row.get(_LISTS[0])
    codes = None if texts else row.get(_LISTS[1])
    for text in texts_of(texts or codes, where=where):
        yield Reply(
            where=where,
            query=query,
            persona=persona,
            temperature=temperature,
            text=text.text if codes is None else f"```python\n{text.text}\n```",
            status=text.status,
            error=text.error,
        )
