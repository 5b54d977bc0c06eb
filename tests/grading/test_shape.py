"""pytest tests/grading/test_shape.py"""

import pytest

from sfr_eval.grading.shape import shape
from sfr_eval.settings import CodeSettings
from sfr_eval.suites.suite import load_suite

PLAIN = """
def total(numbers):
    result = 0
    for number in numbers:
        result += number
    return result
"""
SAME = [
    PLAIN.replace("result", "acc").replace("number", "x"),
    PLAIN.replace("total", "solve"),
    "# a comment\n" + PLAIN.replace("result = 0", "result = 0  # start"),
    PLAIN.replace("result = 0", '"""Sum."""\n    result = 0'),
    "from typing import List\nimport os, sys\n"
    + PLAIN.replace("(numbers)", "(numbers: List[int]) -> int").replace(
        "result = 0", "result: int = 0"
    ),
    PLAIN.replace("    ", "\t"),
]
OTHER = [
    PLAIN.replace("+=", "-="),
    PLAIN.replace("= 0", "= 1"),
    "def total(numbers):\n    return sum(numbers)\n",
    PLAIN.replace("    return result", "    print(result)\n    return result"),
    PLAIN.replace("result += number", "result += result"),
    "import math\n" + PLAIN.replace("result = 0", "result = math.floor(0)"),
]


@pytest.mark.parametrize("code", SAME, ids=range(len(SAME)))
def test_parts_without_effect_do_not_count(code: str) -> None:
    assert shape(code) == shape(PLAIN)


@pytest.mark.parametrize("code", OTHER, ids=range(len(OTHER)))
def test_parts_with_effect_count(code: str) -> None:
    assert shape(code) != shape(PLAIN)


def test_methods_and_keywords_keep_their_names() -> None:
    one = (
        "class A:\n    def f(self, a):\n        return self.g(b=a)\n"
        "    def g(self, b):\n        return b\n"
    )
    two = one.replace("b=a", "c=a").replace("self, b", "self, c").replace("return b", "return c")
    assert shape(one) == shape(two)
    assert shape(one) != shape(one.replace("self.g", "self.h"))


@pytest.mark.parametrize("code", ["", "def (", "x = '\ud800'", "(" * 5000, "\0"])
def test_any_text_has_a_shape(code: str) -> None:
    assert shape(code) == shape(code)
    assert shape(code) != shape(PLAIN)


@pytest.mark.parametrize("name", ["mbpp", "livecodebench"])
def test_the_bundled_solutions_are_distinct_programs(name: str) -> None:
    code = load_suite(name, code=CodeSettings(data="small")).code
    assert code is not None
    for problem in code.problems.values():
        assert len({shape(text) for text in problem.solutions}) == len(problem.solutions)
