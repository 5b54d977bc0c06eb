"""Tells correct programs apart by their behaviour on inputs close to those of the tests.

Only problems that call a function qualify, since valid standard input other than that of the tests
is unknown. Inputs are small changes to those of the tests (one more, one less, reversed, shortened,
emptied), so some violate the problem's constraints; there a program may raise, and all exceptions
count as the same answer.
"""

import ast
import json
from collections.abc import Iterator
from typing import Any

from sfr_eval.sandbox.types import AssertsProblem, CallsProblem, FunctionalProblem, Problem
from sfr_eval.suites.problems.extract import called_function

MAX_INPUTS = 24
MAX_CHARACTERS = 2_000  # of a test's input: larger ones cost more and show no more
_NO_LITERALS = (SyntaxError, ValueError, TypeError, RecursionError, MemoryError)
_NAME = "_sfr_eval_answer"
# builtins last, since math has its own `pow`
_MODULES = "typing collections math itertools functools heapq bisect builtins"
_PRELUDE = "".join(f"from {module} import *\n" for module in _MODULES.split())
_WRAPPER = """
{code}

def {name}(*arguments):
    try:
        return ["returned", {call}(*arguments)]
    except Exception:
        return ["raised"]
"""


def comparison(problem: Problem, reference: str) -> CallsProblem | None:
    """Return the problem of answering like `reference` on inputs outside the tests; None if no such
    inputs can be made. Its programs come from `wrapped`."""
    inputs = tuple(probes(problem))
    if not inputs:
        return None
    return CallsProblem(
        id=problem.id, function=_NAME, inputs=inputs, reference=wrapped(reference, problem)
    )


def wrapped(code: str, problem: Problem) -> str:
    """Wrap a program into one function that reports what it returned or that it raised."""
    call = _function(problem)
    if isinstance(problem, FunctionalProblem) and "class Solution" in code:
        call = f"Solution().{call}"
    setup = f"{problem.setup}\n" if isinstance(problem, AssertsProblem) else ""
    return _PRELUDE + _WRAPPER.format(code=setup + code, name=_NAME, call=call)


def probes(problem: Problem) -> Iterator[tuple[Any, ...]]:
    """Yield argument tuples close to those of the tests, without repeats or the tests' own."""
    tests = list(test_inputs(problem))
    seen = {repr(arguments) for arguments in tests}
    most = len(seen) + MAX_INPUTS
    for arguments in tests:
        for place, value in enumerate(arguments):
            for other in near(value):
                changed = (*arguments[:place], other, *arguments[place + 1 :])
                if len(seen) < most and repr(changed) not in seen:
                    seen.add(repr(changed))
                    yield changed


def near(value: Any) -> list[Any]:
    """Return values of the same type that differ slightly."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1, value - 1]
    if isinstance(value, float):
        return [value + 1, value / 2]
    if isinstance(value, str | list | tuple):
        items: Any = value
        return [items[::-1], items[:-1], items[:1] + items, items[:0]]
    return []


def test_inputs(problem: Problem) -> Iterator[tuple[Any, ...]]:
    """Yield the arguments of those tests whose arguments are plain data."""
    if isinstance(problem, FunctionalProblem):
        for test in problem.tests:
            if len(test.input) > MAX_CHARACTERS:
                continue
            try:
                yield tuple(json.loads(line) for line in test.input.split("\n"))
            except (ValueError, RecursionError):
                continue
    elif isinstance(problem, AssertsProblem):
        name = _function(problem)
        for assertion in problem.asserts:
            if len(assertion) > MAX_CHARACTERS:
                continue
            try:
                yield _arguments(assertion, name)
            except _NO_LITERALS:
                continue
    elif isinstance(problem, CallsProblem):
        yield from (row for row in problem.inputs if len(repr(row)) <= MAX_CHARACTERS)


def _arguments(assertion: str, name: str) -> tuple[Any, ...]:
    """Return those of the first call of `name`. Raises ValueError unless they are literals."""
    for node in ast.walk(ast.parse(assertion)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
            if node.keywords:
                raise ValueError("keyword arguments")
            return tuple(ast.literal_eval(argument) for argument in node.args)
    raise ValueError("no call")


def _function(problem: Problem) -> str:
    if isinstance(problem, FunctionalProblem | CallsProblem):
        return problem.function
    if isinstance(problem, AssertsProblem):
        return called_function(problem.asserts[0])
    return ""
