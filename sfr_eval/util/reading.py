"""Reads and validates files of settings and rows: YAML, JSON, JSONL."""

import json
import math
import re
import reprlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from sfr_eval.errors import UserError, did_you_mean
from sfr_eval.util.untrusted import bounded_lines, plain_text

_BRIEF = reprlib.Repr()
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""In C where libyaml is there, which is ten times as fast."""
_COUNTED = 10_000  # mistakes, each of which takes a kilobyte while it is described
_HALF = "a text holds half of a surrogate pair; repair the file"
_UNUSUAL = re.compile(r"NaN|Infinity|\d[eE]\+?\d{3}|\\u[dD][89a-fA-F]")
_MOST_VALUES, _MOST_LEVELS = 100_000, 100
_SHOWN, _LINE = 10, 200  # mistakes that a message of several names; characters of each

Item = TypeVar("Item")
Model = TypeVar("Model", bound=BaseModel)


def read_yaml_mapping(file: Path) -> dict[str, Any]:
    """Read a YAML file that holds a mapping. Raises UserError, with the line of a syntax error."""
    loaded = read_yaml(file)
    if not isinstance(loaded, dict):
        raise UserError(f"{file}: must hold a mapping of settings, not {type(loaded).__name__}")
    for name in loaded:
        if not isinstance(name, str):
            raise UserError(f"{file}: {_BRIEF.repr(name)}: is not the name of a setting; quote it")
    return loaded


def read_yaml(file: Path) -> Any:
    """Read a YAML file. Raises UserError, with the line of a syntax error."""
    try:
        text = plain_text(file)
        _refuse_yaml_bomb(text, file)
        return _safe_load(text)
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{file}: is not UTF-8 text (byte {error.start})") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise UserError(f"{file}:{line}: malformed YAML: {error.problem}") from None
    except RecursionError:
        raise UserError(f"{file}: malformed YAML: nested too deeply") from None
    except UserError:  # which is a ValueError
        raise
    except (yaml.YAMLError, ValueError, OverflowError, TypeError) as error:  # a number, date, key
        problem, *_ = str(error).splitlines()
        raise UserError(f"{file}: malformed YAML: {problem}") from None


def _safe_load(text: str) -> Any:
    """Build plain values only; the loaders are named here, where a reader of the code sees them."""
    if hasattr(yaml, "CSafeLoader"):
        return yaml.load(text, Loader=yaml.CSafeLoader)
    return yaml.safe_load(text)


def _refuse_yaml_bomb(text: str, file: Path) -> None:
    """Raise UserError for more values than any settings have, or for too deep nesting, before they
    are built: a value takes some 800 bytes of memory while it is read."""
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=_LOADER)):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _MOST_LEVELS:
            raise UserError(f"{file}: malformed YAML: nested too deeply")
        if count > _MOST_VALUES:
            raise UserError(f"{file}: holds more than {_MOST_VALUES:,} values; shorten it")


def read_model(kind: type[Model], values: Any, *, where: str) -> Model:
    """Validate an object read from a file. Raises UserError that names file, field and value of
    each mistake."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        lines = _lines(error, where=f"{where}: ", known=kind.model_fields)
        raise UserError(_listed(lines, where=where)) from None
    except UnicodeEncodeError:  # in what a rule of ours says
        raise UserError(f"{where}: {_HALF}") from None


def read_versioned(
    kind: type[Model], file: Path, *, version: int, what: str, remedy: str, where: str
) -> Model:
    """Read a JSON file that we wrote. Raises UserError if it is another file, or of another version
    of the format; the line ends in the remedy."""
    try:
        text = plain_text(file)
        loaded = json.loads(text)
    except OSError as error:
        raise UserError(f"{where}: cannot be read ({error.strerror})") from None
    except UserError:  # which is a ValueError
        raise
    except (ValueError, RecursionError):
        raise UserError(f"{where}: not a JSON file; {remedy}") from None
    refuse_unstorable(text, where=where)
    if not isinstance(loaded, dict) or loaded.get("format") != version:
        raise UserError(f"{where}: not {what}; {remedy}")
    return read_model(kind, loaded, where=where)


def read_jsonl(kind: type[Model], file: Path) -> list[Model]:
    """Read all rows of a JSONL file. Raises UserError that names the bad lines."""

    def read(line: str, where: str) -> Model:
        value = parsed_json(line, where=where)
        if "\\ud" in line.lower():
            refuse_half_characters(value, where=where)
        return read_model(kind, value, where=where)

    lines = ((f"{file}:{n}", line) for n, line in bounded_lines(file) if line.strip())
    return gathered((partial(read, line, where) for where, line in lines), where=str(file))


def refuse_unstorable(text: str, *, where: str) -> None:
    """Raise UserError where JSON of ours holds what we never write and nothing can keep: a number
    that is not finite, or half of a surrogate pair."""
    if not _UNUSUAL.search(text):
        return

    def finite(digits: str) -> float:
        number = float(digits)
        if not math.isfinite(number):
            raise UserError(f"{where}: holds a number that is not finite; repair the file")
        return number

    value = json.loads(text, parse_float=finite, parse_constant=finite)
    refuse_half_characters(value, where=where)


def refuse_half_characters(value: Any, *, where: str) -> None:
    """Raise UserError for half of a surrogate pair, which JSON can write and no file can keep."""
    try:
        json.dumps(value, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        raise UserError(f"{where}: {_HALF}") from None
    except RecursionError:
        raise UserError(f"{where}: nested too deeply") from None


def gathered(steps: Iterable[Callable[[], Item]], *, where: str) -> list[Item]:
    """Return what all steps return. Raises UserError, after all of them, that names the mistakes of
    all."""
    items: list[Item] = []
    errors: list[UserError] = []
    for step in steps:
        try:
            items.append(step())
        except UserError as error:
            errors.append(error)
    if errors:
        raise joined(errors, where=where)
    return items


def joined(errors: Sequence[UserError], *, where: str) -> UserError:
    """Return one error that names the mistakes of all."""
    if len(errors) == 1:
        return errors[0]
    lines = [line.strip() for error in errors for line in str(error).split("\n")]
    return UserError(
        _listed([line for line in lines if not line.endswith(" mistakes:")], where=where)
    )


def _listed(mistakes: Sequence[str], *, where: str) -> str:
    """Return the text of an error that names several mistakes, one a line."""
    if len(mistakes) == 1:
        return mistakes[0]
    more = [f"and {len(mistakes) - _SHOWN:,} more"] if len(mistakes) > _SHOWN else []
    shown = [m if len(m) <= _LINE else f"{m[: _LINE - 3]}..." for m in mistakes[:_SHOWN]]
    return "\n  ".join([f"{where}: {len(mistakes):,} mistakes:", *shown, *more])


def json_lines(file: Path) -> Iterator[tuple[str, Any]]:
    """Yield (file:line, value) of each line that is not blank. Raises UserError at a bad one."""
    for number, line in bounded_lines(file):
        if line.strip():
            where = f"{file}:{number}"
            yield where, parsed_json(line, where=where)


def parsed_json(text: str, *, where: str) -> Any:
    """Parse JSON text read from a file. Raises UserError if it is malformed."""
    try:
        return json.loads(text)
    except RecursionError:
        raise UserError(f"{where}: is not JSON (nested too deeply)") from None
    except ValueError as error:  # also for a number with more digits than Python reads
        raise UserError(f"{where}: is not JSON ({getattr(error, 'msg', error)})") from None


def _fields(known: Mapping[str, Any], path: Sequence[str]) -> Mapping[str, Any]:
    """Return the fields at `path` below `known`, one of which a misspelt name there may mean."""
    for name in path:
        kind = getattr(known.get(name), "annotation", None)
        kinds = [kind, *get_args(kind)]
        known = next((k.model_fields for k in kinds if hasattr(k, "model_fields")), known)
    return known


def one_line(error: ValidationError, *, where: str, known: Mapping[str, Any] | None = None) -> str:
    """Format the first problem of a pydantic error as `where field: message (got value)`."""
    if error.error_count() > _COUNTED:
        return f"{where}holds {error.error_count():,} mistakes; is it the right file?"
    return _line(error.errors()[0], where=where, known=known)


def _lines(error: ValidationError, *, where: str, known: Mapping[str, Any]) -> list[str]:
    """Format the first problem with each field; a field with several types has several."""
    if error.error_count() > _COUNTED:
        return [one_line(error, where=where)]
    first = {problem["loc"][:1]: problem for problem in reversed(error.errors())}
    return [_line(problem, where=where, known=known) for problem in reversed(first.values())]


_KINDS = {
    "bool": "needs true or false",
    "bytes": "needs a text",
    "date": "needs a date like 2026-01-31",
    "dict": "needs a mapping",
    "float": "needs a number",
    "finite": "needs a finite number",
    "int": "needs a whole number",
    "list": "needs a list",
    "mapping": "needs a mapping",
    "model": "needs a mapping",
    "path": "needs a path",
    "set": "needs a list",
    "string": "needs a text",
    "tuple": "needs a list",
}
"""Beginning of pydantic's name of a mistake -> what the value should be."""
_ENTRIES = ("entry", "entries")
_BOUNDS = {"le": "at most", "lt": "below", "ge": "at least", "gt": "above"}


def mistake(problem: Mapping[str, Any]) -> str:
    """Return in our words what is wrong with a value; rules of ours have them already."""
    kind, context = str(problem["type"]), problem.get("ctx", {})
    if kind in ("value_error", "assertion_error"):
        return str(problem["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
    if kind == "literal_error":
        return f"needs {context['expected']}"
    if kind == "string_pattern_mismatch":
        return f"does not match {context['pattern']}"
    for bound, words in _BOUNDS.items():
        if bound in context:
            limit = context[bound]
            shown = f"{limit:g}" if isinstance(limit, float) else limit
            return f"must be {words} {shown}"
    for length, words in (("min_length", "at least"), ("max_length", "at most")):
        if length in context:
            count = context[length]
            one, several = ("character", "characters") if kind.startswith("string") else _ENTRIES
            return f"needs {words} {count} {one if count == 1 else several}"
    if kind == "missing":
        return "has too few values"
    first_word = kind.partition("_")[0]
    return _KINDS.get(first_word, f"is not usable ({kind.replace('_', ' ')})")


def _line(first: Mapping[str, Any], *, where: str, known: Mapping[str, Any] | None) -> str:
    path = ".".join(str(part) for part in first["loc"])
    if where == "--":
        named = [part for part in first["loc"] if isinstance(part, str)]
        path = named[-1].replace("_", "-") if named else path
    message = mistake(first)
    if first["type"] == "extra_forbidden":
        *inside, name = (str(part) for part in first["loc"])
        return f"{where}{path}: unknown field; {did_you_mean(name, _fields(known or {}, inside))}"
    if first["type"] == "missing" and not isinstance(first["loc"][-1], int):
        return f"{where}{path}: missing; add it"
    if not path:  # reported by a rule about several fields, which names them itself
        return f"{where}{message}"
    # Bounded from the start: YAML aliases in a hostile file can stand for gigabytes of text.
    got = _BRIEF.repr(first["input"])
    return f"{where}{path}: {message} (got {got if len(got) < 80 else got[:77] + '...'})"
