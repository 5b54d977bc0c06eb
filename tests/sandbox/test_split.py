"""pytest tests/sandbox/test_split.py -- which side of an assert runs inside."""

import pytest

from sfr_eval.sandbox.grade import grade
from sfr_eval.sandbox.split import plan_asserts, plan_humaneval
from sfr_eval.sandbox.types import AssertsProblem, HumanEvalProblem, Program, Verdict


def plan(text: str) -> list[tuple[str, bool]]:
    items = plan_asserts(AssertsProblem(id="p", asserts=(text,))).items
    return [(item.inside, item.check is not None) for item in items]


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("assert f(3) == [1, -2]", "f(3)"),
        ("assert f (3) == (1, {2: 'x'}), 'why'", "f (3)"),
        ("assert (x := f(1)) == 2", "(x := f(1))"),
        ("assert f('é') == 'é'", "f('é')"),
        ("assert (f(1,\n2)) == 2", "f(1, 2)"),
        ("assert (f([1], [2])) == None", "f([1], [2])"),
        ("assert [1] == f(2)", "f(2)"),
        ("assert set(f(1)) == set((1, 2))", "set(f(1))"),
        ("assert f(1) is True", "f(1)"),
        ("assert f(1)", "f(1)"),
        ("assert not f(1)", "f(1)"),
        ("assert math.isclose(f(1), 3.5, rel_tol=0.01)", "f(1)"),
        ("assert abs(f(1) - 3.5) < 1e-6", "f(1)"),
    ],
)
def test_the_expected_value_stays_outside(text: str, inside: str) -> None:
    assert plan(text) == [(inside, True)]


@pytest.mark.parametrize("text", ["assert f(1) == g(2)", "assert f(1) == 2 == h(1)", "x = 1"])
def test_what_cannot_be_split_runs_inside(text: str) -> None:
    assert [has_check for _, has_check in plan(text)] == [False]


def test_humaneval_checks_are_split() -> None:
    text = "META = {}\ndef check(candidate):\n    assert True, 'x'\n    assert candidate(1) == 2\n"
    split = plan_humaneval(HumanEvalProblem(id="p", entry_point="g", test=text))
    assert [(item.inside, item.check is not None) for item in split.items] == [("g(1)", True)]
    loop = "def check(candidate):\n    for i in range(3):\n        assert candidate(i) == i + 1\n"
    split = plan_humaneval(HumanEvalProblem(id="p", entry_point="g", test=loop))
    assert [item.check is None for item in split.items] == [True]


def verdict(code: str, *asserts: str) -> Verdict:
    problem = AssertsProblem(id="p", asserts=asserts)
    return next(iter(grade([Program(id="a", code=code, problem=problem)], workers=1)))


def test_trust_is_lower_when_a_test_ran_inside() -> None:
    right = verdict("def f(x): return x + 1", "assert f(1) == 2", "assert f(1) == f(f(0))")
    assert (right.status, right.trust) == ("passed", "lower")
    wrong = verdict("def f(x): return x + 2", "assert f(1) == int(f(f(0)))")
    assert wrong.status == "wrong"


def test_a_program_that_defines_check_still_passes() -> None:
    assert verdict("def check(x): return x + 1", "assert check(1) == 2").passed
