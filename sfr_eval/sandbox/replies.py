"""Judges a reply that is, byte for byte, what was expected; others go to the checking process."""

from sfr_eval.sandbox.checker import Checker
from sfr_eval.sandbox.inside.wire import json_frame
from sfr_eval.sandbox.types import Outcome

EXCEPTION = b'{"e":'
"""How a reply begins that names an exception."""
_PASSED: Outcome = ("passed", "")


def token_reply(token: str) -> bytes:
    """Return the reply to a statement that raised nothing."""
    return json_frame({"t": token})[4:]


def printed(output: bytes, *, expected: str, checker: Checker) -> Outcome:
    """Judge what a program wrote to standard output."""
    if output.strip() == _encoded(expected).strip():
        return _PASSED
    return checker.outcome("printed", expected, replies=(output,))


def captured(reply: bytes, *, expected: str, checker: Checker) -> Outcome:
    """Judge the reply of LiveCodeBench's grader for a program that prints."""
    right = expected.strip()
    if len(reply) < 6 * len(right) + 20:  # else it is not worth encoding what was expected
        for ending in ("\n", ""):
            if reply == json_frame({"out": right + ending})[4:]:
                return _PASSED
    return checker.outcome("captured", expected, replies=(reply,))


def returned(reply: bytes, *, expected: str, checker: Checker) -> Outcome:
    """Judge the reply to one call of a functional problem."""
    # Outside of texts a space after a comma means nothing; NaN does not equal itself.
    right = expected if '"' in expected else expected.replace(", ", ",")
    if "N" not in right and reply == b'{"v":%b}' % _encoded(right):
        return _PASSED
    return checker.outcome("returned", expected, replies=(reply,))


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:  # no program can print it: let the process decide
        return b"\0"
