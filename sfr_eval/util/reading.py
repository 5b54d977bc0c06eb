"""Files of settings and rows, read and validated: YAML, JSON, JSONL."""

import json
import reprlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from sfr_eval.errors import UserError, did_you_mean
from sfr_eval.util.untrusted import bounded_lines

_BRIEF = reprlib.Repr()


Model = TypeVar("Model", bound=BaseModel)


def read_yaml_mapping(file: Path) -> dict[str, Any]:
    """A YAML file that must hold a mapping; the line of a syntax error is named."""
    try:
        loaded = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{file}: is not UTF-8 text (byte {error.start})") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise UserError(f"{file}:{line}: malformed YAML: {error.problem}") from None
    except yaml.YAMLError as error:
        raise UserError(f"{file}: malformed YAML: {str(error).splitlines()[0]}") from None
    except RecursionError:
        raise UserError(f"{file}: malformed YAML: nested too deeply") from None
    except ValueError as error:  # a number or a date that is none
        raise UserError(f"{file}: malformed YAML: {error}") from None
    if not isinstance(loaded, dict):
        raise UserError(f"{file}: must hold a mapping of settings, not {type(loaded).__name__}")
    return loaded


def read_model(kind: type[Model], values: Any, *, where: str) -> Model:
    """Validate one object read from a file; the error names file, field and what was found."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise UserError(one_line(error, where=f"{where}: ", known=kind.model_fields)) from None


def read_jsonl(kind: type[Model], file: Path) -> list[Model]:
    """All rows of a JSONL file; the first bad line is named by number."""
    return [read_model(kind, loaded, where=where) for where, loaded in json_lines(file)]


def json_lines(file: Path) -> Iterator[tuple[str, Any]]:
    """(file:line, value) of each line that is not blank; UserError names the first bad one."""
    for number, line in bounded_lines(file):
        if line.strip():
            where = f"{file}:{number}"
            yield where, parsed_json(line, where=where)


def parsed_json(text: str, *, where: str) -> Any:
    """The value of a JSON text from a file; UserError for what is none."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(f"{where}: is not JSON ({error.msg})") from None
    except RecursionError:
        raise UserError(f"{where}: is not JSON (nested too deeply)") from None
    except ValueError as error:  # a number of more digits than Python reads
        raise UserError(f"{where}: is not JSON ({error})") from None


def _fields(known: Mapping[str, Any], path: Sequence[str]) -> Mapping[str, Any]:
    """The fields at `path` below `known`, which is what a wrong name there was meant to be."""
    for name in path:
        kind = getattr(known.get(name), "annotation", None)
        kinds = [kind, *get_args(kind)]
        known = next((k.model_fields for k in kinds if hasattr(k, "model_fields")), known)
    return known


def one_line(error: ValidationError, *, where: str, known: Mapping[str, Any] | None = None) -> str:
    """The first problem of a pydantic error as `where field: message (got value)`."""
    first = error.errors()[0]
    path = ".".join(str(part) for part in first["loc"])
    if where == "--":
        path = str(first["loc"][0]).replace("_", "-") if first["loc"] else path
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        *inside, name = (str(part) for part in first["loc"])
        return f"{where}{path}: unknown field; {did_you_mean(name, _fields(known or {}, inside))}"
    if first["type"] == "missing":
        return f"{where}{path}: missing; add it"
    if not path:  # found by a rule about several fields, which names them itself
        return f"{where}{message}"
    # Bounded while it is made: YAML aliases in a hostile file can stand for gigabytes of text.
    got = _BRIEF.repr(first["input"])
    return f"{where}{path}: {message} (got {got if len(got) < 80 else got[:77] + '...'})"
