"""pytest tests/suites/problems/test_private_tests.py"""

import base64
import contextlib
import json
import os
import pickle
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfr_eval.errors import UserError
from sfr_eval.sandbox.types import IoTest
from sfr_eval.suites.problems.private_tests import decode_tests, pickled_text

ROWS = [{"input": "1\n", "output": "2\n", "testtype": "stdin"}, {"input": "é\0", "output": ""}]
TESTS = (IoTest(input="1\n", output="2\n"), IoTest(input="é\0", output=""))


def packed(value: Any, *, protocol: int = 4) -> str:
    return base64.b64encode(zlib.compress(pickle.dumps(value, protocol=protocol))).decode()


class Evil:
    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.file),)


@pytest.mark.parametrize("protocol", range(6))
def test_both_forms_give_the_tests(protocol: int) -> None:
    text = json.dumps(ROWS)
    assert decode_tests(text, where="x") == TESTS
    assert decode_tests(packed(text, protocol=protocol), where="x") == TESTS


def test_a_text_beyond_64_kib_is_complete() -> None:
    rows = [{"input": "7" * 300_000, "output": "y"}]
    (test,) = decode_tests(packed(json.dumps(rows)), where="x")
    assert len(test.input) == 300_000


def test_a_malicious_pickle_is_refused_and_does_nothing(tmp_path: Path) -> None:
    evil = Evil(tmp_path / "owned")
    for value in (evil, [evil], ("[]", evil)):
        with pytest.raises(UserError, match="more than a text"):
            decode_tests(packed(value), where="q: private_test_cases")
    assert not (tmp_path / "owned").exists()
    pickle.loads(pickle.dumps(evil))  # the attack is real: a plain load does it
    assert (tmp_path / "owned").exists()


@pytest.mark.parametrize("value", [["[]"], 3, b"[]", ("a", "b"), None], ids=repr)
def test_any_value_but_one_text_is_refused(value: Any) -> None:
    with pytest.raises(UserError, match=r"refused|damaged"):
        decode_tests(packed(value), where="x")


def test_a_bomb_stops_at_the_bound() -> None:
    bomb = base64.b64encode(zlib.compress(b"0" * 5_000_000)).decode()
    assert len(bomb) < 10_000
    with pytest.raises(UserError, match="unpacks to more than 1,000,000 bytes"):
        decode_tests(bomb, where="x", max_bytes=1_000_000)
    with pytest.raises(UserError, match="more than 10 bytes"):
        decode_tests(json.dumps(ROWS), where="x", max_bytes=10)


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "[1]",
        '[{"input": "a"}]',
        '[{"input": 1, "output": "2"}]',
        "[" * 100_000,
        "no base64!",
        base64.b64encode(b"no zlib").decode(),
        packed("{}"),
        packed("[]")[:-8],
    ],
    ids=range(9),
)
def test_damage_is_a_one_line_error_with_the_row(text: str) -> None:
    with pytest.raises(UserError) as caught:
        decode_tests(text, where="abc300_a: private_test_cases")
    assert str(caught.value).startswith("abc300_a: private_test_cases: ")
    assert "\n" not in str(caught.value)


@given(st.binary(max_size=200))
def test_no_bytes_cause_any_other_error(raw: bytes) -> None:
    with contextlib.suppress(UserError):
        pickled_text(raw, where="x")


@given(st.text(max_size=300), st.integers(0, 5))
def test_every_text_comes_back(text: str, protocol: int) -> None:
    assert pickled_text(pickle.dumps(text, protocol=protocol), where="x") == text
