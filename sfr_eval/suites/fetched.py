"""Prompts that a suite may not ship: fetched on the user's side, or from a file with --data."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sfr_eval.errors import UserError
from sfr_eval.settings import CodeSettings
from sfr_eval.suites.problems.source import HubData, WebData, data_file
from sfr_eval.suites.spec import PromptSource, QueryRow
from sfr_eval.util.reading import gathered, one_line

_OTHER_NAMES = ("prompt", "query", "text")
"""Fields of the prompt in a file given with --data, if it has not the field of the data set."""


def fetched_queries(
    source: PromptSource, settings: CodeSettings, *, suite: str, folder: Path
) -> list[QueryRow]:
    """Return all queries of a data set, in its order. Raises UserError if it cannot be fetched, or
    is not the published one."""
    settings.refuse_all_but(("data",), suite=suite)
    steps = (
        partial(_query, row, source, number=number, where=where)
        for number, (where, row) in enumerate(_rows(source, settings, suite, folder), start=1)
    )
    rows = gathered(steps, where=f"--suite {suite}")
    if settings.data is None and source.rows is not None and len(rows) != source.rows:
        raise UserError(
            f"--suite {suite}: the data set has {len(rows)} prompts, the published one has "
            f"{source.rows}; pass that one with --data FILE"
        )
    return rows


def as_lines(rows: Sequence[QueryRow]) -> bytes:
    """Return the queries as a queries file, whose hash tells one version from another."""
    return "".join(f"{row.model_dump_json(exclude_defaults=True)}\n" for row in rows).encode()


def _rows(
    source: PromptSource, settings: CodeSettings, suite: str, folder: Path
) -> Iterator[tuple[str, Any]]:
    """Yield (where, row)."""
    if settings.data is not None:
        yield from data_file(settings.data, folder=folder).rows()
    elif source.url is not None:
        yield from WebData(url=source.url, sha256=source.sha256).file(suite=suite).rows()
    else:
        hub = HubData(repository=source.hub or "", revision=source.revision, split=source.split)
        for number, row in enumerate(hub.rows(suite=suite), start=1):
            yield f"{hub.repository} row {number}", row


def _query(row: Any, source: PromptSource, *, number: int, where: str) -> QueryRow:
    if not isinstance(row, Mapping):
        raise UserError(f"{where}: must be a record, not {type(row).__name__}")
    names = [name for name in (source.text_field, *_OTHER_NAMES) if row.get(name)]
    if not names:
        raise UserError(f"{where}: no field `{source.text_field}`, which holds the prompt")
    own_id, category = source.id_field, source.category_field
    try:
        return QueryRow(
            id=str(row[own_id]) if own_id and own_id in row else f"p{number}",
            text=row[names[0]],
            category=str(row[category]) if category and category in row else "",
        )
    except ValidationError as error:
        raise UserError(one_line(error, where=f"{where}: ")) from None
