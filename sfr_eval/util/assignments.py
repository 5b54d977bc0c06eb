"""Reads `name=value,name=value`, with values as YAML, or a JSON object."""

from collections.abc import Iterator
from typing import Any

import yaml

_OPENING, _CLOSING, _QUOTES = "[{(", "]})", "\"'"


def read_assignments(text: str) -> dict[str, Any]:
    """Return the names and values. A comma inside brackets or quotes does not separate, and a
    hyphen in a name is an underscore. Raises ValueError, which says what is wrong."""
    if text.lstrip().startswith("{"):
        loaded = _yaml(text, "the JSON object")
        if not isinstance(loaded, dict):
            raise ValueError("is not a JSON object")
        pairs = [(str(name), value) for name, value in loaded.items()]
    else:
        pairs = [_pair(part) for part in _parts(text) if part.strip()]
    values: dict[str, Any] = {}
    for name, value in pairs:
        name = name.strip().lstrip("-").replace("-", "_")
        if name in values:
            raise ValueError(f"{name} is given twice")
        values[name] = value
    return values


def yaml_value(text: str) -> Any:
    """Return a value that was typed as YAML. A `#` in plain text belongs to it, as in `###`, which
    YAML alone would read as a comment and so as nothing. Raises ValueError if it is not YAML."""
    plain = text.strip()
    if "#" in plain and plain[0] not in _OPENING + _QUOTES:
        return plain
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError):
        raise ValueError("the value is not valid YAML; quote it") from None


def _pair(part: str) -> tuple[str, Any]:
    name, separator, value = part.partition("=")
    if not separator or not name.strip():
        raise ValueError(f"`{part.strip()}`: write name=value")
    return name, _yaml(value, name.strip())


def _yaml(text: str, what: str) -> Any:
    try:
        return yaml_value(text)
    except ValueError:
        raise ValueError(f"{what}: the value is not valid YAML; quote it") from None


def _parts(text: str) -> Iterator[str]:
    """Split at the commas that stand in no brackets and no quotes."""
    depth, quote, start = 0, "", 0
    for place, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in _QUOTES:
            quote = letter
        elif letter in _OPENING:
            depth += 1
        elif letter in _CLOSING:
            depth -= 1
        elif letter == "," and depth <= 0:
            yield text[start:place]
            start = place + 1
    yield text[start:]
