"""pytest tests/grading/test_math_parse.py"""

import pytest

from sfr_eval.grading.math_parse import Group, NotMathError, parse


def test_values_and_groups() -> None:
    import sympy

    x, y = sympy.symbols("x y")
    assert parse(r"\frac{1}{2}x^2y") == x**2 * y / 2
    assert parse("xy^2") == x * y**2
    assert parse("-2^2") == -4
    assert parse(r"3\frac12") == sympy.Rational(7, 2)
    assert parse(r"\sin^2 x") == sympy.sin(x) ** 2
    assert parse("[0, 1)") == Group("[)", (sympy.Integer(0), sympy.Integer(1)))
    assert parse(r"\{1, 2\}") == Group("any", (sympy.Integer(1), sympy.Integer(2)))


@pytest.mark.parametrize(
    "text",
    [
        "9^{9^9}",
        "9^{999}^{999}",
        "1000!",
        "2^{2^{2^{2^{2^2}}}}",
        "(" * 100 + "1" + ")" * 100,
        "9" * 401,
        "__import__('os').system('true')",
        r"\input{/etc/passwd}",
        "lambda: 1",
        "Evelyn",
        r"\binom{10000}{5000}",
        "1 2",
        r"\frac",
        "",
    ],
)
def test_what_is_hostile_or_no_mathematics_is_refused(text: str) -> None:
    with pytest.raises(NotMathError):
        parse(text)
