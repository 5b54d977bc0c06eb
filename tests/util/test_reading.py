"""pytest tests/util/test_reading.py"""

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, field_validator

from sfr_eval.errors import UserError
from sfr_eval.suites.spec import QueryRow
from sfr_eval.util.reading import read_jsonl, read_model, read_yaml_mapping, refuse_unstorable


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"model: world\nsuite: [persona\nsamples: 2\n", r"run\.yaml:3: malformed YAML"),
        (b"model: world\n\tsuite: x\n", r"run\.yaml:2: malformed YAML"),
        (b"- model\n", "must hold a mapping of settings, not list"),
        (b"", "must hold a mapping of settings, not NoneType"),
        (b"model: \xff\n", r"is not UTF-8 text \(byte 7\)"),
        (b"model: a\x00b\n", "malformed YAML"),
        (b"model: !!python/object/apply:os.system [echo]\n", "malformed YAML"),
    ],
)
def test_a_broken_file_is_named_with_its_line(tmp_path: Path, content: bytes, says: str) -> None:
    file = tmp_path / "run.yaml"
    file.write_bytes(content)
    with pytest.raises(UserError, match=says) as caught:
        read_yaml_mapping(file)
    assert str(caught.value).startswith(str(file))
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No such file"):
        read_yaml_mapping(tmp_path / "none.yaml")
    with pytest.raises(UserError, match="Is a directory"):
        read_yaml_mapping(tmp_path)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b'{"id": "b"', r"q\.jsonl:3: is not JSON"),
        (b'{"id": "b"}', r"q\.jsonl:3: text: missing"),
        (b'{"id": "b/c", "text": "x"}', r"q\.jsonl:3: id: .* \(got 'b/c'\)"),
        (b'{"id": "b", "text": "x", "txet": 1}', r"q\.jsonl:3: txet: unknown field; did you mean"),
        (b'{"id": "b", "text": ""}', r"q\.jsonl:3: text: "),
        (b"[]", r"q\.jsonl:3: "),
        (b'{"id": "\xff", "text": "x"}', r"q\.jsonl:3: is not UTF-8"),
    ],
)
def test_a_bad_line_of_jsonl_is_named_by_number(tmp_path: Path, line: bytes, says: str) -> None:
    file = tmp_path / "q.jsonl"
    file.write_bytes(b'{"id": "a", "text": "x"}\n\n' + line + b"\n")
    with pytest.raises(UserError, match=says):
        read_jsonl(QueryRow, file)


def test_half_a_character_that_a_rule_quotes_is_one_line() -> None:
    class Named(BaseModel):
        name: str

        @field_validator("name")
        @classmethod
        def _known(cls, name: str) -> str:
            raise ValueError(f"{name}: not known")

    with pytest.raises(UserError, match=r"f\.json: a text holds half of a surrogate pair"):
        read_model(Named, {"name": "\ud800"}, where="f.json")


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.text(st.characters() | st.sampled_from("\ud800\udfff"), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)


def storable(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, str):
        return not any("\ud800" <= character <= "\udfff" for character in value)
    if isinstance(value, dict):
        return all(storable(part) for pair in value.items() for part in pair)
    return not isinstance(value, list) or all(map(storable, value))


@given(_VALUES)
def test_what_no_file_can_keep_is_refused_and_nothing_else(value: object) -> None:
    text = json.dumps(value)
    if storable(value):
        refuse_unstorable(text, where="file")
    else:
        with pytest.raises(UserError, match=r"^file: .*; repair the file"):
            refuse_unstorable(text, where="file")


@pytest.mark.parametrize("text", ["1e999", "[-1E+400]", '{"a": [0.5, 2e309]}', '"\\uDC00"'])
def test_numbers_that_overflow_and_lone_halves_are_refused(text: str) -> None:
    with pytest.raises(UserError, match="repair the file"):
        refuse_unstorable(text, where="file")


@pytest.mark.parametrize("text", ["1e300", '"NaN and 1e999"', '"\\ud83d\\ude00"', "5e-324"])
def test_what_only_looks_like_it_is_taken(text: str) -> None:
    refuse_unstorable(text, where="file")
