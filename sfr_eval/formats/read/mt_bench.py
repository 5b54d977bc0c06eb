"""MT-bench's answers: {"question_id", "model_id", "choices": [{"turns": [...]}]}.

The questions stand in `question.jsonl`, in the folder of the answers, the one above or that one's
sibling, unless a suite has them. Only first turns are read: a second turn answers its own first
one, so no two have the same prompt.
"""

from collections.abc import Mapping
from typing import Any

from sfr_eval.errors import UserError
from sfr_eval.formats.read.mapping import Prompts
from sfr_eval.formats.read.names import Row
from sfr_eval.formats.read.reply import (
    TEMPERATURE_WARNING,
    UNSTATED_TEMPERATURE,
    Reading,
    Reply,
    temperature_of,
    texts_of,
)
from sfr_eval.formats.read.source import Source, open_source

NAME = "mt-bench"
QUESTIONS = "question.jsonl"


def looks_like(source: Source) -> bool:
    """Return whether these are such answers."""
    choices = source.first.get("choices")
    return (
        "question_id" in source.first
        and isinstance(choices, list)
        and all(isinstance(choice, Mapping) and "turns" in choice for choice in choices)
    )


def read(source: Source, prompts: Prompts) -> Reading:
    """Read the first turn of every choice."""
    questions = _questions(source)
    replies: list[Reply] = []
    later = 0
    unstated = False
    for where, row in source.rows():
        question = questions.get(str(row.get("question_id")), {})
        turns = question.get("turns") or ()
        document = {"question_id": row.get("question_id"), **_about(question)}
        query, persona = prompts.find(
            row, document, messages=[("user", str(t)) for t in turns[:1]], where=where
        )
        temperature = temperature_of(row.get("temperature"), where=where)
        unstated = unstated or temperature is None
        for choice in row["choices"]:
            said = choice.get("turns") if isinstance(choice, Mapping) else None
            if not isinstance(said, list) or not said:
                raise UserError(f"{where}: choices: one has no turns")
            later += len(said) > 1
            for text in texts_of(said[0], where=where):
                replies.append(
                    Reply(
                        where=where,
                        query=query,
                        persona=persona,
                        temperature=UNSTATED_TEMPERATURE if temperature is None else temperature,
                        text=text.text,
                        status=text.status,
                        error=text.error,
                        model=str(row.get("model_id") or ""),
                    )
                )
    if not replies:
        raise UserError(f"{source.file}: has no answers")
    warnings = [TEMPERATURE_WARNING] if unstated else []
    if later:
        warnings.append(
            f"The later turns of {later:,} answers are left out: each follows a first turn of its "
            "own, so no two answer the same prompt."
        )
    return Reading(file=source.file, format=NAME, replies=replies, warnings=warnings, sharded=True)


def _about(question: Row) -> dict[str, Any]:
    """Return what a question says besides its turns; its references are of both turns."""
    first = question.get("reference")
    references = {"references": first[:1]} if isinstance(first, list) else {}
    return {n: question[n] for n in ("category",) if n in question} | references


def _questions(source: Source) -> dict[str, Row]:
    """Return the questions beside the answers by id; {} if there are none."""
    folder = source.file.absolute().parent
    for place in (folder, folder.parent):
        file = place / QUESTIONS
        if file.is_file():
            return {str(row.get("question_id")): row for _, row in open_source(file).rows()}
    return {}
