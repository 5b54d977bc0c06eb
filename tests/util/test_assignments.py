"""pytest tests/util/test_assignments.py"""

from typing import Any

import pytest

from sfr_eval.util.assignments import read_assignments


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("quantization=fp8", {"quantization": "fp8"}),
        ("max-num-seqs=8,enforce_eager=true", {"max_num_seqs": 8, "enforce_eager": True}),
        ("--kv_cache_dtype = fp8 ,", {"kv_cache_dtype": "fp8"}),
        ('a={"x": [1, 2], "y": 0.5},b=[3,4]', {"a": {"x": [1, 2], "y": 0.5}, "b": [3, 4]}),
        ("a='x,y',b=", {"a": "x,y", "b": None}),
        ('{"a": {"b": 1}, "c-d": null}', {"a": {"b": 1}, "c_d": None}),
        ("", {}),
        ("until=###,top_p=0.9", {"until": "###", "top_p": 0.9}),
        ('a=x #y,b="#",c=[1] # no', {"a": "x #y", "b": "#", "c": [1]}),
    ],
)
def test_values_are_yaml_and_commas_separate(text: str, values: dict[str, Any]) -> None:
    assert read_assignments(text) == values


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a", "`a`: write name=value"),
        ("=1", "write name=value"),
        ("a=1,a=2", "a is given twice"),
        ("a=[1", "a: the value is not valid YAML"),
        ('{"a": ', "not valid YAML"),
    ],
)
def test_bad_text_is_named(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read_assignments(text)
