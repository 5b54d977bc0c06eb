"""Plain rows: {"query", "persona", "text", "temperature"?, "status"?}, one JSON object a line."""

from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, Field

from sfr_eval.errors import UserError
from sfr_eval.formats.read.mapping import Fields, PromptMap, look_up
from sfr_eval.formats.read.reply import UNSTATED_TEMPERATURE, Reading, Reply, checked_text
from sfr_eval.types import TEXT_STATUSES, Status
from sfr_eval.util.reading import json_lines, read_model


class GenerationRow(BaseModel):
    """One imported completion."""

    query: str = Field(min_length=1, description="id or text of a query of the suite")
    text: str
    persona: str = ""
    temperature: float = Field(
        UNSTATED_TEMPERATURE, ge=0, allow_inf_nan=False, description="1.0 if unknown"
    )
    status: Status = "ok"
    error: str = ""
    index: int | None = Field(None, ge=0, description="position among the replies to its prompt")
    sample_id: str | None = Field(None, min_length=1)
    seed: int | None = None
    prompt_tokens: int | None = Field(None, ge=0)
    completion_tokens: int | None = Field(None, ge=0)


def read(file: Path, prompts: PromptMap) -> Reading:
    """Read every row of a file and find its prompt."""
    replies = []
    for number, row in enumerate(_rows(file, prompts.fields), start=1):
        where = f"{file}: row {number}"
        facts = row.model_dump()
        facts["query"] = prompts.known_query(row.query, where=where)
        facts["persona"] = prompts.known_persona(row.persona, where=where)
        if row.status not in TEXT_STATUSES:
            facts["text"] = ""
        if row.status not in ("no_content", "unsupported", "error"):
            facts["error"] = ""
        replies.append(Reply(**facts, where=where))
    if not replies:
        raise UserError(f"{file}: has no rows")
    return Reading(file=file, format="rows", replies=replies, sharded=True)


def _rows(file: Path, fields: Fields) -> Iterator[GenerationRow]:
    """Yield the rows, with query and persona from the fields that the user named."""
    for where, row in json_lines(file):
        named = {
            name: look_up(row, path, option=f"--{name}-field", where=where)
            for name, path in (("query", fields.query), ("persona", fields.persona))
            if path is not None
        }
        reply = read_model(GenerationRow, {**row, **named} if named else row, where=where)
        checked_text(reply.text, where=where)
        yield reply
