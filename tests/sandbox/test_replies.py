"""pytest tests/sandbox/test_replies.py: the shortcut for what is, byte for byte, expected."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfr_eval.sandbox import answers
from sfr_eval.sandbox.inside.plain import encode
from sfr_eval.sandbox.inside.wire import json_frame
from sfr_eval.sandbox.replies import captured, printed, returned, token_reply


class Slow:
    """Asks the real questions in this process and counts them."""

    def __init__(self) -> None:
        self.asked = 0

    def outcome(self, question: str, *values: Any, replies: Any) -> Any:
        self.asked += 1
        return answers.QUESTIONS[question](*values, *replies)


def body(**parts: Any) -> bytes:
    return json_frame(parts)[4:]


words = st.text(alphabet="1 2.\nNaeé\ud800\x85\u00a0", max_size=6)


@given(words, words)
def test_printed_text_gets_the_verdict_of_the_rules(output: str, expected: str) -> None:
    raw = output.encode("utf-8", "surrogatepass")
    checker: Any = Slow()
    assert printed(raw, expected=expected, checker=checker) == answers.printed(expected, raw)
    reply = body(out=output)
    assert captured(reply, expected=expected, checker=checker) == answers.captured(expected, reply)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=5,
)


@given(plain, plain)
def test_returned_values_get_the_verdict_of_the_rules(value: Any, other: Any) -> None:
    checker: Any = Slow()
    for expected in (json.dumps(value), json.dumps(other)):
        reply = body(v=encode(value))
        verdict = returned(reply, expected=expected, checker=checker)
        assert verdict == answers.returned(expected, reply)


@pytest.mark.parametrize("expected", ["[1, [2, 3]]", "7", "[]", '"a, b"', "true", "-0.5"])
def test_a_right_value_needs_no_question(expected: str) -> None:
    checker: Any = Slow()
    reply = body(v=encode(json.loads(expected)))
    assert returned(reply, expected=expected, checker=checker) == ("passed", "")
    assert checker.asked == 0


def test_spaces_inside_texts_are_compared() -> None:
    checker: Any = Slow()
    for answer, expected in (("a,b", '"a, b"'), ("a, b", '"a,b"')):
        assert returned(body(v=answer), expected=expected, checker=checker)[0] == "wrong"


def test_the_reply_of_a_statement_is_its_token() -> None:
    assert token_reply("ab") == b'{"t":"ab"}'
