"""Which field of a row of another tool is meant. See `util.field_names`.

Nothing is guessed: where two fields fit, both are named, with the option that decides.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sfr_eval.errors import UserError, did_you_mean
from sfr_eval.util.field_names import IDS, PERSONAS, PROMPTS, REPLIES

Row = Mapping[str, Any]

MODEL_NAMES = ("model", "model_name", "model_id", "generator", "llm", "engine")
SAMPLE_NAMES = ("sample_index", "sample_idx", "sample_num", "completion_id", "epoch", "attempt")
TEMPERATURE_NAMES = ("temperature", "temp")
ID_NAMES = ("query", *IDS)
"""Fields that may name a query by its id."""
PERSONA_NAMES = (*PERSONAS, "style")
"""Where a suite says which personas there are; elsewhere `style` may be anything."""
KNOWN_NAMES = frozenset((*PROMPTS, *REPLIES, *ID_NAMES))


@dataclass(frozen=True, kw_only=True)
class Fields:
    """Where the user says what is: dotted paths like `doc.task_id` or `choices.0.text`."""

    prompt: str | None = None
    text: str | None = None
    model: str | None = None
    sample: str | None = None
    query: str | None = None
    persona: str | None = None
    temperature: str | None = None

    @property
    def given(self) -> dict[str, str]:
        """Those that were given, by option."""
        values = {f"--{each.name}-field": getattr(self, each.name) for each in fields(self)}
        return {option: path for option, path in values.items() if path is not None}


OPTIONS = {
    "prompt": "field that holds the prompt, e.g. doc.question",
    "text": "field that holds the reply, or a list of replies, e.g. choices.0.text",
    "model": "field that names the model; one run for each",
    "sample": "field that numbers the replies to a prompt",
    "query": "field that identifies the query, e.g. doc.task_id",
    "persona": "field that identifies the persona",
    "temperature": "field that holds the temperature",
}
"""The options of `score` that name fields of imported rows, with their help."""


def plain(name: str) -> str:
    """Return the name of a field as the tables here write it: `Model Name` is `model_name`."""
    return re.sub(r"[\s-]+", "_", name.strip()).lower()


def value_at(row: Any, path: str, *, option: str, where: str) -> Any:
    """Return the value at a dotted path. Raises UserError if there is none."""
    if isinstance(row, Mapping) and path in row:  # also a name with dots
        return row[path]
    value: Any = row
    for part in path.split("."):
        if isinstance(value, Sequence) and not isinstance(value, str) and _is_place(part, value):
            value = value[int(part)]
        elif isinstance(value, Mapping) and part in value:
            value = value[part]
        else:
            names = value if isinstance(value, Mapping) else {}
            near = did_you_mean(part, map(str, names))
            raise UserError(f"{where}: {option} {path}: no field `{part}`; {near[:200]}")
    return value


def _is_place(part: str, values: Sequence[Any]) -> bool:
    return part.lstrip("-").isdigit() and -len(values) <= int(part) < len(values)


def field_for(
    names: Sequence[str],
    rows: Sequence[Row],
    *,
    fits: Callable[[Any], bool],
    what: str,
    option: str,
    where: str,
    key: Callable[[Any], Any] = lambda value: value,
) -> str | None:
    """Return the one field of the rows that has one of the names and a value that fits; None if no
    field does. Raises UserError if several do, unless they hold the same by `key`."""
    fields = dict.fromkeys(name for row in rows for name in row)
    present = [field for name in names for field in fields if plain(field) == name]
    meant = [n for n in present if any(n in row and fits(row[n]) for row in rows)]
    if any(key(row.get(meant[0])) != key(row.get(other)) for other in meant[1:] for row in rows):
        shown = " and ".join(f"`{name}`" for name in meant)
        raise UserError(f"{where}: {shown} may each hold the {what}; say which with {option}")
    return meant[0] if meant else None


def part_of(row: Row, name: str) -> Row:
    """Return the record in a field; an empty one if the field holds something else, or nothing."""
    value = row.get(name)
    return value if isinstance(value, Mapping) else {}
