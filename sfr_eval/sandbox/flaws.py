"""Whether the tests of a problem can decide anything. Where nothing is tested, every program would
pass, so no program is scored."""

from sfr_eval.sandbox.checker import Checker
from sfr_eval.sandbox.types import (
    AssertsProblem,
    CallsProblem,
    FunctionalProblem,
    HumanEvalProblem,
    Problem,
)


def flaw(problem: Problem, checker: Checker) -> str:
    """Return why the tests of a problem decide nothing, as what is said of it ("has no tests"); ""
    if they may decide something."""
    if isinstance(problem, AssertsProblem | HumanEvalProblem):
        return checker.plan(problem).flaw or _unnamed(problem)
    tests = problem.inputs if isinstance(problem, CallsProblem) else problem.tests
    if not tests:
        return "has no tests"
    return _unnamed(problem)


def _unnamed(problem: Problem) -> str:
    name = "f"
    if isinstance(problem, FunctionalProblem | CallsProblem):
        name = problem.function
    elif isinstance(problem, HumanEvalProblem):
        name = problem.entry_point
    if name.isidentifier():
        return ""
    return f"names {name[:40]!r} as its function, which is not a Python name"
