"""Which correct programs behave differently? Calls on inputs near to those of the tests.

Only problems that call a function can be asked: what other standard input would be valid is not
known. Inputs are made from those of the tests by small changes (one more, one less, reversed,
shortened, emptied), so some are outside of what the problem allows; there a program may raise, and
all exceptions count as one answer.
"""

import ast
import json
from collections.abc import Iterator
from typing import Any

from sfr_eval.sandbox.types import AssertsProblem, CallsProblem, FunctionalProblem, Problem
from sfr_eval.suites.problems.extract import called_function

MAX_INPUTS = 24
MAX_CHARACTERS = 2_000  # of a test's input: a larger one tells no more and costs
_NAME = "_sfr_eval_answer"
_MODULES = (
    "typing",
    "collections",
    "math",
    "itertools",
    "functools",
    "heapq",
    "bisect",
    "builtins",  # last: math has a `pow` of its own
)
_PRELUDE = "".join(f"from {module} import *\n" for module in _MODULES)
_WRAPPER = """
{code}

def {name}(*arguments):
    try:
        return ["returned", {call}(*arguments)]
    except Exception:
        return ["raised"]
"""


def comparison(problem: Problem, reference: str) -> CallsProblem | None:
    """The problem to answer as `reference` does, on inputs outside of the tests; None where no
    inputs can be made. Programs for it come from `wrapped`."""
    inputs = tuple(probes(problem))
    if not inputs:
        return None
    return CallsProblem(
        id=problem.id, function=_NAME, inputs=inputs, reference=wrapped(reference, problem)
    )


def wrapped(code: str, problem: Problem) -> str:
    """A program as one function that says what it returned, or that it raised."""
    call = _function(problem)
    if isinstance(problem, FunctionalProblem) and "class Solution" in code:
        call = f"Solution().{call}"
    setup = f"{problem.setup}\n" if isinstance(problem, AssertsProblem) else ""
    return _PRELUDE + _WRAPPER.format(code=setup + code, name=_NAME, call=call)


def probes(problem: Problem) -> Iterator[tuple[Any, ...]]:
    """Argument tuples near to those of the tests, none twice and none of the tests' own."""
    own = list(test_inputs(problem))
    seen = {repr(arguments) for arguments in own}
    found = 0
    for arguments in own:
        for place, value in enumerate(arguments):
            for other in near(value):
                changed = (*arguments[:place], other, *arguments[place + 1 :])
                if repr(changed) not in seen and found < MAX_INPUTS:
                    seen.add(repr(changed))
                    found += 1
                    yield changed


def near(value: Any) -> list[Any]:
    """Values of the same type that differ a little."""
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
    """Arguments of the tests that are plain data."""
    if isinstance(problem, FunctionalProblem):
        for test in problem.tests:
            if len(test.input) > MAX_CHARACTERS:
                continue
            try:
                yield tuple(json.loads(line) for line in test.input.split("\n"))
            except ValueError:
                continue
    elif isinstance(problem, AssertsProblem):
        name = _function(problem)
        for assertion in problem.asserts:
            try:
                yield _arguments(assertion, name)
            except (SyntaxError, ValueError):
                continue


def _arguments(assertion: str, name: str) -> tuple[Any, ...]:
    """Of the first call of `name`; ValueError where they are not literals."""
    for node in ast.walk(ast.parse(assertion)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
            if node.keywords:
                raise ValueError("keyword arguments")
            return tuple(ast.literal_eval(argument) for argument in node.args)
    raise ValueError("no call")


def _function(problem: Problem) -> str:
    if isinstance(problem, FunctionalProblem):
        return problem.function
    if isinstance(problem, AssertsProblem):
        return called_function(problem.asserts[0])
    return ""
