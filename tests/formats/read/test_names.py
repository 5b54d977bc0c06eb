"""Which field is meant, and paths into rows."""

from typing import Any

import pytest

from sfr_eval.errors import UserError
from sfr_eval.formats.read.names import OPTIONS, Fields, field_for, part_of, value_at

ROW = {"a": {"b": [10, {"c": "x"}]}, "d.e": 5}


@pytest.mark.parametrize(
    ("path", "value"), [("a.b.0", 10), ("a.b.1.c", "x"), ("a.b.-1.c", "x"), ("d.e", 5)]
)
def test_paths_reach_into_records_and_lists(path: str, value: Any) -> None:
    assert value_at(ROW, path, option="--text-field", where="f:1") == value


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("a.bb", r"f:1: --text-field a\.bb: no field `bb`; did you mean `b`\?"),
        ("a.b.2", "no field `2`; known: none"),
        ("a.b.c", "no field `c`"),
    ],
)
def test_paths_that_lead_nowhere_are_named(path: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        value_at(ROW, path, option="--text-field", where="f:1")


def test_one_field_fits_or_none_or_several() -> None:
    options: dict[str, Any] = {"what": "reply", "option": "--text-field", "where": "f"}

    def meant(*rows: dict[str, Any]) -> str | None:
        return field_for(("x", "y"), rows, fits=lambda v: isinstance(v, str), **options)

    assert meant({"z": "1"}) is None
    assert meant({"x": 1, "y": "text"}) == "y"
    assert meant({"y": None}, {"y": "text"}) == "y"
    assert meant({"x": "same", "y": "same"}) == "x"
    with pytest.raises(UserError, match=r"f: `x` and `y` may each hold the reply; .* --text-field"):
        meant({"x": "same", "y": "same"}, {"x": "one", "y": "other"})


def test_every_option_is_a_field() -> None:
    fields = Fields(**dict.fromkeys(OPTIONS, "p"))
    assert fields.given == {f"--{name}-field": "p" for name in OPTIONS}
    assert part_of({"a": {"b": 1}, "c": [1]}, "a") == {"b": 1}
    assert part_of({"a": {"b": 1}, "c": [1]}, "c") == part_of({}, "c") == {}
