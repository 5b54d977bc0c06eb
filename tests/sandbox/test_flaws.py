"""pytest tests/sandbox/test_flaws.py: tests that decide nothing pass nobody."""

from collections.abc import Iterator

import pytest

from sfr_eval.sandbox.checker import Checker
from sfr_eval.sandbox.flaws import flaw
from sfr_eval.sandbox.grade import grade
from sfr_eval.sandbox.types import (
    AssertsProblem,
    CallsProblem,
    FunctionalProblem,
    HumanEvalProblem,
    IoTest,
    Mode,
    Problem,
    Program,
    StdinProblem,
)

RIGHT = "def f(x):\n    return x + 1\nprint(2)"
ONE = (IoTest(input="1", output="2"),)
REFERENCE = "def f(x):\n    return x + 1"


def asserts(*texts: str) -> AssertsProblem:
    return AssertsProblem(id="p", asserts=texts)


def humaneval(body: str, name: str = "f") -> HumanEvalProblem:
    return HumanEvalProblem(id="p", entry_point=name, test=body)


def calls(inputs: tuple[tuple[object, ...], ...], name: str = "f") -> CallsProblem:
    return CallsProblem(id="p", function=name, inputs=inputs, reference=REFERENCE)


EMPTY: dict[str, Problem] = {
    "no input": StdinProblem(id="p", tests=()),
    "no call": FunctionalProblem(id="p", function="f", tests=()),
    "no name": FunctionalProblem(id="p", function="", tests=ONE),
    "no asserts": asserts(),
    "empty text": asserts(""),
    "comment": asserts("# assert f(1) == 2", "   # nothing"),
    "only true": asserts("assert True", "assert 1 == 1"),
    "statement": asserts("x = 1"),
    "bare text": asserts("'assert f(1) == 2'"),
    "check without asserts": humaneval("def check(candidate):\n    pass"),
    "check of true": humaneval("def check(candidate):\n    assert True, 'ok'"),
    "no check": humaneval("# check"),
    "no entry point": humaneval("def check(c):\n    assert c(1) == 2", ""),
    "no EvalPlus input": calls(()),
    "no EvalPlus function": calls(((1,),), "f g"),
}
NEVER_REACHED: dict[str, Problem] = {
    "never": asserts("if False:\n    assert f(1) == 2"),
    "only Python's own": asserts("assert len('abc') == 3"),
    "empty loop": humaneval("def check(c):\n    for x in []:\n        assert c(x)"),
    "caught": humaneval("def check(c):\n    try:\n        assert c(1) == 2\n    except: pass"),
    "returns first": humaneval("def check(c):\n    return\n    assert c(1) == 2"),
}
REAL: dict[str, Problem] = {
    "assert": asserts("assert f(1) == 2"),
    "truth": asserts("assert f(1)"),
    "one of two": asserts("# the first", "assert set([f(1)]) == {2}"),
    "loop": humaneval("def check(c):\n    for x in range(3):\n        assert c(x) == x + 1"),
    "raises": humaneval("def check(c):\n    if c(1) != 2:\n        raise ValueError"),
    "numpy": humaneval("import numpy\ndef check(c):\n    numpy.testing.assert_allclose(c(1), 2)"),
    "nothing to print": StdinProblem(id="p", tests=(IoTest(input="1", output=""),)),
}


@pytest.fixture(scope="module")
def checker() -> Iterator[Checker]:
    with Checker() as checker:
        yield checker


@pytest.mark.parametrize("name", EMPTY)
def test_a_problem_without_tests_has_a_flaw(checker: Checker, name: str) -> None:
    assert flaw(EMPTY[name], checker)


@pytest.mark.parametrize("name", REAL)
def test_a_problem_with_tests_has_none(checker: Checker, name: str) -> None:
    assert flaw(REAL[name], checker) == ""


@pytest.mark.parametrize("mode", ["faithful", "lcb-compat", "evalplus"])
def test_no_program_passes_tests_that_decide_nothing(mode: Mode) -> None:
    problems = {**EMPTY, **NEVER_REACHED}
    programs = [
        Program(id=f"{kind} {name}", code=code, problem=problem)
        for name, problem in problems.items()
        for kind, code in (("right", RIGHT), ("garbage", "garbage("))
    ]
    verdicts = list(grade(programs, mode=mode, workers=1))
    assert len(verdicts) == len(programs)
    assert [v.id for v in verdicts if v.passed] == []
    right = [v for v in verdicts if v.id.startswith("right")]
    assert {v.id: v.status for v in right if v.status != "not_scored"} == {}
    assert all("'p' has" in v.detail or "'p' names" in v.detail for v in right)


def test_real_tests_still_pass_right_programs_only() -> None:
    problems = {name: p for name, p in REAL.items() if not isinstance(p, StdinProblem)}
    programs = [
        Program(id=f"{kind} {name}", code=code, problem=problem)
        for name, problem in problems.items()
        for kind, code in (("right", RIGHT), ("wrong", "def f(x):\n    return 0"))
    ]
    verdicts = {v.id: v.passed for v in grade(programs, workers=1)}
    assert verdicts == {
        f"{kind} {name}": kind == "right" for name in problems for kind in ("right", "wrong")
    }
