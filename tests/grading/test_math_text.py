"""pytest tests/grading/test_math_text.py"""

from fractions import Fraction

import pytest

from sfr_eval.grading.math_text import FinalAnswer, final_answer, key, normal_answer, rational


@pytest.mark.parametrize(
    ("reply", "text", "found"),
    [
        (r"So it is $\boxed{42}$.", "42", "boxed"),
        (r"\boxed{1}, no: \boxed{\frac{1}{\sqrt{2}}}", r"\frac{1}{\sqrt{2}}", "boxed"),
        (r"\fbox{7}", "7", "boxed"),
        (r"$\boxed 5$", "5", "boxed"),
        ("3 + 4 = 7\n#### 7", "7", "hashes"),
        ("#### $1,200\n", "$1,200", "hashes"),
        ("The answer is 12. It has 3 parts.", "12", "phrase"),
        ("**Answer:** 3/4", "3/4", "phrase"),
        ("Final answer: (1, 2)\nDone.", "(1, 2)", "phrase"),
        ("The answer is $3.50.", "$3.50", "phrase"),
        ("3 and 4 make 7", "7", "last number"),
        ("It costs $1,234.50!", "$1,234.50", "last number"),
    ],
)
def test_the_final_answer_and_how_it_is_found(reply: str, text: str, found: str) -> None:
    assert final_answer(reply) == FinalAnswer(text, found)


def test_no_answer() -> None:
    assert final_answer("I do not know.") is None
    assert final_answer("") is None
    assert final_answer("First, 3 + 4 = 7", cut=True) is None
    assert final_answer(r"so \boxed{7}", cut=True) == FinalAnswer("7", "boxed")
    assert final_answer(r"so \boxed{7") == FinalAnswer("7", "last number")  # never closed
    assert final_answer(r"\boxed{}") is None


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("$42$", "42"),
        (r"\(42\)", "42"),
        ("42.", "42"),
        ("1,234", "1234"),
        ("1{,}234", "1234"),
        (r"\$18.50", "18.50"),
        (r"50\%", "50"),
        (r"90^\circ", "90"),
        ("5 dollars", "5"),
        (r"12\text{ cm}^2", "12"),
        ("x = 5", "5"),
        ("f(x) = 2x", "2x"),
        (r"\dfrac{1}{2}", r"\frac{1}{2}"),
        (r"\left(1,\,2\right)", "(1, 2)"),
        (r"\text{Monday}", "Monday"),
        ("1 and 2", "1, 2"),
        ("(1,234)", "(1,234)"),
        ("3 pi", "3 pi"),
        ("2x", "2x"),
    ],
)
def test_the_normal_form_leaves_out_what_does_not_matter(text: str, normal: str) -> None:
    assert normal_answer(text) == normal


def test_keys_and_fractions() -> None:
    assert key(r"\text{Monday}") == key("monday")
    assert key("x") != key("X")
    assert rational("1,200.50") == Fraction(2401, 2)
    assert rational(r"\frac{3}{12}") == rational("1/4") == rational("0.25") == Fraction(1, 4)
    assert rational(r"\frac12") == Fraction(1, 2)
    assert rational(r"-\frac{1}{2}") == Fraction(-1, 2)
    assert rational("-7 dollars") == -7
    assert rational(r"\sqrt{2}") is None
    assert rational("1/0") is None
    assert rational("9" * 5_000) is None
