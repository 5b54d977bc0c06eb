"""pytest tests/sandbox/test_answers.py: what the checking process says of replies."""

import json

import pytest

from sfr_eval.sandbox import answers

FIELDS = ("asserts", ("assert f(1) == [1, 2]", "assert f(1) == f(2)"), "")

NOTHING: dict[str, list[object]] = {"t": []}
ARRAY = "truth value of an array with several elements"


def reply(**parts: object) -> bytes:
    return json.dumps(parts).encode()


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (reply(v=[1, 2.0]), ("passed", "")),
        (reply(v={"t": [1, 2]}), ("wrong", "")),
        (reply(v={"a": [1, 2]}), ("runtime_error", ARRAY)),
        (reply(e="AssertionError"), ("wrong", "AssertionError")),
        (reply(e="MemoryError"), ("memory", "MemoryError")),
        (reply(e="TimeoutException", timeout=True), ("time_limit", "TimeoutException")),
        (reply(e=["x"] * 999), ("runtime_error", str(["x"] * 999)[:300])),
        (reply(t="a token"), ("wrong", "")),
        (b"[]", ("runtime_error", "malformed answer")),
        (b"\xff", ("runtime_error", "malformed answer")),
    ],
)  # fmt: skip
def test_replies_to_an_assert(body: bytes, outcome: tuple[str, str]) -> None:
    assert answers.asserted(FIELDS, 0, body) == outcome


def test_a_statement_passes_by_its_token_alone() -> None:
    assert answers.asserted(FIELDS, 1, reply(v=True)) == ("wrong", "")
    assert answers.asserted(FIELDS, 1, reply(t="guess")) == ("wrong", "")


def test_an_outer_tuple_counts_as_a_list_for_functions() -> None:
    assert answers.returned("[1, 2]", reply(v={"t": [1, 2]})) == ("passed", "")
    assert answers.returned("[[1]]", reply(v={"t": [{"t": [1]}]})) == ("wrong", "")
    status, detail = answers.returned("[1", reply(v=1))
    assert status == "runtime_error"
    assert detail.startswith("the test itself is not JSON")


def test_a_reply_without_output_is_no_output() -> None:
    assert answers.captured("", reply(x=1)) == ("runtime_error", "malformed answer")
    assert answers.captured("1", reply(out="1.0\n")) == ("passed", "")


def test_the_tolerance_starts_with_the_first_float() -> None:
    replies = [reply(v=1), reply(v=[1.0]), reply(v=1)]
    assert answers.first_float(*replies) == 1
    assert answers.first_float(*replies[:1]) == -1
    rule = ("HumanEval/0", "f", 0.0)
    expected, close = reply(v=1.0), reply(v=1.0 + 5e-7)
    assert answers.called_by_rule(rule, NOTHING, expected, close) == ("passed", "", 1e-6)
    assert answers.called(expected, close) == ("wrong", "")
