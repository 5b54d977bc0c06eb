"""pytest tests/grading/test_math_values.py"""

import pytest

from sfr_eval.grading.math_values import NotMathError, equal, parse


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (r"\frac{1}{2}", "0.5"),
        (r"\frac12", "1/2"),
        (r"3\frac{1}{2}", "7/2"),
        (r"\sqrt{8}", r"2\sqrt2"),
        (r"\frac{\sqrt{3}}{3}", r"\frac{1}{\sqrt{3}}"),
        (r"\sqrt[3]{27}", "3"),
        ("2^{10}", "1024"),
        ("5!", "120"),
        (r"\binom{5}{2}", "10"),
        ("|{-3}|", "3"),
        ("i^2", "-1"),
        (r"2\pi", "2*pi"),
        (r"\log_2 8", "3"),
        (r"\log 100", "2"),
        (r"\ln e^2", "2"),
        ("xy", "yx"),
        ("x^2+2x+1", "(x+1)^2"),
        (r"\sin^2 x+\cos^2 x", "1"),
        ("(1,2)", "(1, 2)"),
        ("1,2", "2,1"),
        (r"\{1,2\}", r"\{2, 1\}"),
        (r"1\pm\sqrt{2}", r"1+\sqrt2, 1-\sqrt2"),
        (r"[0,\infty)", r"[0, \infty)"),
        (r"(-\infty,3)\cup(5,\infty)", r"(5,\infty)\cup(-\infty,3)"),
        ("y=2x+1", "2y=4x+2"),
        (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}"),
    ],
)
def test_equal_values_in_other_words(first: str, second: str) -> None:
    assert equal(first, second)
    assert equal(second, first)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("(1,2)", "(2,1)"),
        ("(1,2)", "[1,2]"),
        ("(1,2)", "1,2"),
        ("1,2", "1,3"),
        ("x", "|x|"),
        ("3.14", r"\pi"),
        ("0.333", "1/3"),
        ("2x", "2y"),
        (r"\infty", r"-\infty"),
        ("x^{1000}", "x^{999}"),
        ("y=2x+1", "y=2x"),
        ("1e3", "1000"),
        ("1001_2", "1001"),
        ("", "1"),
    ],
)
def test_other_values_are_not_equal(first: str, second: str) -> None:
    assert not equal(first, second)
    assert not equal(second, first)


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
