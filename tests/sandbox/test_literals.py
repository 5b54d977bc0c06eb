"""pytest tests/sandbox/test_literals.py: which expected values are computed outside."""

import ast
from typing import Any

import pytest

from sfr_eval.sandbox.literals import is_value, value


def parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


@pytest.mark.parametrize(
    "text",
    ["[1, -2.5, 'x', None]", "(1, {2: 'x'})", "set((1, 2))", "sorted([2, 1])", "2 ** 100", "7 % 3",
     "10 ** -2", "[0] * 1000", "'ab' * 3", "1 + 2j", "not 1", "frozenset([1])", "2 ** 64 - 1"],
)  # fmt: skip
def test_small_values_are_those_of_python(text: str) -> None:
    assert value(parsed(text)) == eval(text)


@pytest.mark.parametrize(
    "text",
    ["9 ** 9 ** 9", "(-9) ** 10 ** 8", "[0] * 10 ** 11", "10 ** 11 * 'x'", "1 / 0", "set([[1]])",
     "{[]: 1}", "'%d' % 'x'", "'%99999999d' % 1", "f(1)", "x", "...", "dict(1)", "2.0 ** 99999",
     "[1] + 1", "sorted([1, 'x'])", "((1,) * 10 ** 4) * 10 ** 4", "-'x'", "{**{}}", "[*[1]]"],
)  # fmt: skip
def test_what_is_large_or_fails_is_no_value(text: str) -> None:
    assert not is_value(parsed(text))


def test_a_deep_expression_is_no_value() -> None:
    node: Any = ast.Constant(1)
    for _ in range(100_000):
        node = ast.UnaryOp(op=ast.USub(), operand=node)
    assert not is_value(node)
