"""Makes queries of a file of prompts: one a line of a text file, or a field of a table's rows.

Rows of chats are taken as they are: what the assistant says last is a reference reply, and so are
the replies of rows that ask the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sfr_eval.errors import UserError, did_you_mean
from sfr_eval.suites.own import own_suite, safe_id
from sfr_eval.suites.problems.source import HubData
from sfr_eval.suites.spec import QueryRow, Turn
from sfr_eval.suites.suite import Suite
from sfr_eval.util.chat_rows import chat_of_row
from sfr_eval.util.field_names import (
    ANSWERS,
    CATEGORIES,
    IDS,
    PROMPTS,
    REFERENCES,
    alpaca_question,
    is_alpaca,
    role_of,
    system_of,
)
from sfr_eval.util.reading import gathered, one_line, refuse_half_characters
from sfr_eval.util.tabular import SUFFIXES, stem_suffix, table_rows, text_lines

HUB = "hub:"
"""Begins the name of a data set on the Hub."""

PROMPT_NAMES = (*PROMPTS, "query", "text", "task", "turns")
REFERENCE_NAMES = (*REFERENCES, "completion", "response", "output", "replies")


def prompt_suite(name: str, *, field: str | None = None) -> Suite:
    """Return the suite of a file of prompts, or of a data set, named hub:ID[@REVISION][:SPLIT].
    `field` is the column that holds the prompt, with dots for what is inside another. Raises
    UserError that names all mistakes."""
    if not name.startswith(HUB):
        file = Path(name)
        prompts = merged(queries_of(file, field=field))
        return own_suite(prompts, id=file.name.partition(".")[0], title=file.name)
    source, _, split = name.removeprefix(HUB).partition(":")
    repository, _, revision = source.partition("@")
    data = HubData(repository=repository, revision=revision or "main", split=split or "train")
    try:
        rows = data.rows(suite=repository)
    except UserError as error:  # which speaks of a suite and of --data
        why = str(error).removeprefix(f"--suite {repository}: ").partition(", or pass --data")[0]
        raise UserError(f"--prompts {name}: {why}, or give a file") from None
    table = ((f"{name}: row {number}", row) for number, row in enumerate(rows, start=1))
    queries = merged(_queries(table, field=field, where=f"--prompts {name}"))
    return own_suite(queries, id=repository.rpartition("/")[2], title=repository)


def queries_of(file: Path, *, field: str | None = None) -> list[QueryRow]:
    """Return a query for each row of a file, in order; several rows may ask the same."""
    if stem_suffix(file) not in SUFFIXES and file.suffix.lower() != ".gz":
        if field is not None:
            raise UserError(f"--prompt-field {field}: {file} is a text file, without fields")
        return [QueryRow(id=f"p{n}", text=text) for n, (_, text) in enumerate(text_lines(file), 1)]
    return _queries(table_rows(file), field=field, where=str(file))


def _queries(table: Iterable[tuple[str, Any]], *, field: str | None, where: str) -> list[QueryRow]:
    steps = (
        partial(query_of, value, number=number, field=field, where=place)
        for number, (place, value) in enumerate(table, start=1)
    )
    return gathered(steps, where=where)


def query_of(value: Any, *, number: int, field: str | None, where: str) -> QueryRow:
    """Return the query of one row. Raises UserError if it has no prompt, or perhaps two."""
    refuse_half_characters(value, where=where)
    try:
        return _query_of(value, number=number, field=field, where=where)
    except ValidationError as error:
        raise UserError(one_line(error, where=f"{where}: ")) from None


def _query_of(value: Any, *, number: int, field: str | None, where: str) -> QueryRow:
    if isinstance(value, str):
        return QueryRow(id=f"p{number}", text=value)
    if not isinstance(value, Mapping):
        raise UserError(f"{where}: must be an object or a text, not {type(value).__name__}")
    name, asked = _prompt(value, field, where)
    turns, replies = _turns(asked, value, name, where)
    for reference in REFERENCE_NAMES:
        if reference != name and reference in value:
            replies += _texts(value[reference])
    own_id = next((value[n] for n in IDS if isinstance(value.get(n), str | int)), None)
    category = next((value[n] for n in CATEGORIES if isinstance(value.get(n), str)), "")
    try:
        return QueryRow(
            id=safe_id(str(own_id)) if own_id is not None else f"p{number}",
            text=turns[0].content if len(turns) == 1 else "",
            messages=tuple(turns) if len(turns) > 1 else (),
            category=category,
            references=tuple(replies),
            answers=tuple(_texts(value.get(ANSWERS))),
        )
    except ValidationError as error:
        raise UserError(one_line(error, where=f"{where}: {name}: ")) from None


def merged(rows: Sequence[QueryRow]) -> list[QueryRow]:
    """Return one query for all rows that ask the same, with the references of all. Ids that rows of
    different prompts share are replaced by numbers, since they name something else."""
    groups: dict[tuple[str, tuple[Turn, ...]], list[QueryRow]] = {}
    for row in rows:
        groups.setdefault((row.text, row.messages), []).append(row)
    distinct = {group[0].id for group in groups.values()}
    return [
        group[0].model_copy(
            update={
                "id": group[0].id if len(distinct) == len(groups) else f"p{number}",
                "references": tuple(text for row in group for text in row.references),
            }
        )
        for number, group in enumerate(groups.values(), start=1)
    ]


def _prompt(row: Mapping[str, Any], field: str | None, where: str) -> tuple[str, Any]:
    """Return name and value of the prompt's field."""
    if field is not None:
        value: Any = row
        for part in field.split("."):
            if not isinstance(value, Mapping) or part not in value:
                names: Mapping[str, Any] = value if isinstance(value, Mapping) else {}
                raise UserError(
                    f"{where}: --prompt-field {field}: no field `{part}`; "
                    f"{did_you_mean(part, names)}"
                )
            value = value[part]
        return field, value
    if is_alpaca(row):
        if isinstance(row.get("output"), str):
            chat = chat_of_row(row, where=where)  # with the turns of its history
            return "instruction", list(chat.turns[: chat.start])
        return "instruction", alpaca_question(str(row["instruction"]), str(row.get("input") or ""))
    present = [name for name in PROMPT_NAMES if row.get(name) not in (None, "", [])]
    if len({str(row[name]) for name in present}) > 1:
        raise UserError(
            f"{where}: the prompt may be {' or '.join(present)}; name it with --prompt-field"
        )
    if not present:
        raise UserError(
            f"{where}: no prompt among the fields {', '.join(map(str, row)) or '(none)'}; name it "
            "with --prompt-field"
        )
    return present[0], row[present[0]]


def _turns(
    asked: Any, row: Mapping[str, Any], name: str, where: str
) -> tuple[list[Turn], list[str]]:
    """Return the messages of a prompt, and the replies that follow it."""
    if isinstance(asked, str):
        turns = [Turn.model_validate({"role": "user", "content": asked})] if asked.strip() else []
    elif isinstance(asked, list):
        turns = [_turn(item, f"{where}: {name}") for item in asked]
    else:
        raise UserError(f"{where}: {name}: is {type(asked).__name__}, neither text nor messages")
    if not turns:
        raise UserError(f"{where}: {name}: is empty")
    system = system_of(row)
    if system and turns[0].role != "system":
        turns.insert(0, Turn(role="system", content=system))
    replies = []
    while turns and turns[-1].role == "assistant":
        replies.append(turns.pop().content)
    if not turns or turns[-1].role != "user":
        raise UserError(f"{where}: {name}: has no message of the user")
    return turns, replies


def _turn(item: Any, where: str) -> Turn:
    """Return one message: {role, content}, {from, value} of ShareGPT, or a text of the user."""
    if isinstance(item, str):
        return Turn(role="user", content=item)
    if not isinstance(item, Mapping):
        raise UserError(f"{where}: a message is {type(item).__name__}, not an object")
    role = str(item.get("role", item.get("from", "")))
    content = item.get("content", item.get("value"))
    try:
        return Turn.model_validate({"role": role_of(role), "content": content})
    except ValidationError as error:
        raise UserError(one_line(error, where=f"{where}: ")) from None


def _texts(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [text for text in values if isinstance(text, str) and text]
