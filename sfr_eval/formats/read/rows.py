"""Plain rows: {"query", "persona", "text", "temperature"?, "status"?}, one JSON object a line."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, RootModel, field_validator

from sfr_eval.errors import UserError, did_you_mean
from sfr_eval.formats.read.mapping import Fields, PromptMap, look_up
from sfr_eval.formats.read.reply import HALF_PAIR, UNSTATED_TEMPERATURE, Reading, Reply
from sfr_eval.types import TEXT_STATUSES, Status
from sfr_eval.util.reading import read_jsonl, read_model


class GenerationRow(BaseModel):
    """One imported completion."""

    model_config = ConfigDict(extra="ignore")

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

    @field_validator("text")
    @classmethod
    def _is_text(cls, value: str) -> str:
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueError(HALF_PAIR) from None
        return value


def read(file: Path, prompts: PromptMap) -> Reading:
    """Read every row of a file and find its prompt."""
    rows = _rows(file, prompts.fields)
    if not rows:
        raise UserError(f"{file}: has no rows")
    suite = prompts.suite
    replies = []
    for number, row in enumerate(rows, start=1):
        where = f"{file}: row {number}"
        query = prompts.query_named(row.query)
        if query is None:
            near = did_you_mean(row.query, suite.queries)
            raise UserError(
                f"{where}: query `{row.query[:60]}` is not in suite {suite.id}; {near[:120]}"
            )
        if row.persona not in (set(suite.personas) or {""}):
            near = did_you_mean(row.persona, suite.personas)
            raise UserError(f"{where}: persona `{row.persona}` is unknown; {near}")
        replies.append(
            Reply(
                where=where,
                query=query,
                persona=row.persona,
                temperature=row.temperature,
                status=row.status,
                text=row.text if row.status in TEXT_STATUSES else "",
                error=row.error if row.status in ("unsupported", "error") else "",
                index=row.index,
                sample_id=row.sample_id,
                seed=row.seed,
                prompt_tokens=row.prompt_tokens,
                completion_tokens=row.completion_tokens,
            )
        )
    return Reading(file=file, format="rows", replies=replies, sharded=True)


def _rows(file: Path, fields: Fields) -> list[GenerationRow]:
    """Return the rows, with query and persona from the fields that the user named."""
    if fields.query is None and fields.persona is None:
        return read_jsonl(GenerationRow, file)
    rows = []
    for number, loaded in enumerate(read_jsonl(RootModel[dict[str, Any]], file), start=1):
        where, row = f"{file}: row {number}", loaded.root
        named = {
            name: look_up(row, path, option=f"--{name}-field", where=where)
            for name, path in (("query", fields.query), ("persona", fields.persona))
            if path is not None
        }
        rows.append(read_model(GenerationRow, {**row, **named}, where=where))
    return rows
