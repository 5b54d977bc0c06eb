"""Splits the asserts of a data set into what runs inside and what is compared outside.

`assert f(3) == [1, 2]` becomes the expression `f(3)`, which goes into the sandbox, and a check
against [1, 2], which does not. An assert that cannot be split (because, say, the program's own
functions compute the expected side) runs inside under a one-time token and lowers the trust.
"""

import ast
import builtins
import functools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeGuard

from sfr_eval.sandbox import compare
from sfr_eval.sandbox.inside.plain import encode
from sfr_eval.sandbox.inside.wire import json_frame
from sfr_eval.sandbox.literals import is_value, value
from sfr_eval.sandbox.types import AssertsProblem, HumanEvalProblem

Check = Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Item:
    """One assert. `check` takes the answer's form; None if `inside` is a whole statement. `right`
    is the reply of a program that returns exactly what is expected, if there is only one. `calls`:
    the answer comes from something that only the program can define."""

    inside: str
    check: Check | None
    right: str | None = None
    calls: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that is needed to grade one problem. `flaw`: why its tests decide nothing, "" if
    they do. `sure`: a test calls something that only the program can define."""

    setup: str
    items: tuple[Item, ...]
    flaw: str = ""
    sure: bool = False


NO_TESTS = "has no tests"
_UNRELATED = "has no test that depends on the program"
_UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)
_PLANS = 64  # whose values are kept in memory


@functools.lru_cache(maxsize=_PLANS)
def plan_asserts(problem: AssertsProblem) -> Plan:
    """Split an MBPP problem: each of its lines is one assert or, rarely, several statements."""
    items: list[Item] = []
    statements: list[ast.stmt] = []
    for text in problem.asserts:
        try:
            body = ast.parse(text.strip()).body
        except _UNREADABLE as error:
            return Plan(problem.setup, (), _flaw(error))
        statements += body
        items += [_item(statement, text.strip()) for statement in body]
    return _checked(Plan(problem.setup, tuple(items)), statements)


@functools.lru_cache(maxsize=_PLANS)
def plan_humaneval(problem: HumanEvalProblem) -> Plan:
    """Split check(candidate) if it is a plain list of asserts; otherwise run it as it is."""
    try:
        module = ast.parse(problem.test)
    except _UNREADABLE as error:
        return Plan("", (), _flaw(error))
    whole = Plan("", (Item(f"{problem.test}\ncheck({problem.entry_point})", None),))
    return _checked(_split_check(module, problem.entry_point) or whole, module.body)


def _split_check(module: ast.Module, entry_point: str) -> Plan | None:
    checks = [s for s in module.body if isinstance(s, ast.FunctionDef) and s.name == "check"]
    if not checks or len(checks[-1].args.args) != 1:
        return None
    check = checks[-1]
    setup: list[ast.stmt] = [s for s in module.body if s not in checks]
    candidate = check.args.args[0].arg
    items: list[Item] = []
    for statement in check.body:
        if isinstance(statement, ast.Pass) or _is_text(statement):
            continue
        if not isinstance(statement, ast.Assert):
            return None
        if isinstance(statement.test, ast.Constant) and statement.test.value:
            continue  # `assert True, "..."` tests nothing
        items.append(_item(_Rename(candidate, entry_point).visit(statement)))
    if not items:
        return None
    return Plan(ast.unparse(ast.Module(body=setup, type_ignores=[])), tuple(items))


def _flaw(error: BaseException) -> str:
    reason = error.msg if isinstance(error, SyntaxError) else str(error)
    return f"has tests that are not valid Python ({type(error).__name__}: {reason[:100]})"


def _checked(plan: Plan, statements: Sequence[ast.stmt]) -> Plan:
    """Say whether the tests decide anything. Statements that only run may still assert nothing, as
    in `if False:`, which shows when a program that defines nothing passes."""
    if not statements:
        return replace(plan, flaw=NO_TESTS)
    if not any(_decides(node) for statement in statements for node in ast.walk(statement)):
        return replace(plan, flaw=_UNRELATED)
    return replace(plan, sure=any(item.calls for item in plan.items))


def _decides(node: ast.AST) -> bool:
    if isinstance(node, ast.Assert):
        return any(isinstance(inner, ast.Name) for inner in ast.walk(node.test))
    if isinstance(node, ast.Call):
        name = ast.unparse(node.func).rpartition(".")[2]
        return name.lower().startswith("assert")  # numpy.testing.assert_allclose
    return isinstance(node, ast.Raise)


def _calls_the_program(expression: ast.expr) -> bool:
    """Whether an expression calls a function that Python itself does not have."""
    calls = (node for node in ast.walk(expression) if isinstance(node, ast.Call))
    names = (call.func.id for call in calls if isinstance(call.func, ast.Name))
    return any(not hasattr(builtins, name) for name in names)


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


class _Rename(ast.NodeTransformer):
    def __init__(self, old: str, new: str) -> None:
        self._old, self._new = old, new

    def visit_Name(self, node: ast.Name) -> ast.Name:
        if node.id == self._old:
            return ast.copy_location(ast.Name(id=self._new, ctx=node.ctx), node)
        return node


def _item(statement: ast.stmt, source: str = "") -> Item:
    """Split a statement. `source` is the text that it is part of, if it is as it was there."""
    if isinstance(statement, ast.Assert):
        test = statement.test
        parts = _comparison(test) or _closeness(test) or _bare_call(test)
        if parts is not None:
            inside, check, expected = parts
            text = _text(inside, source)
            calls = _calls_the_program(inside)
            return Item(text, check, _only_reply(check, expected), calls=calls)
    return Item(_text(statement, source), None)


def _text(node: ast.expr | ast.stmt, source: str) -> str:
    """Return a node's text: of its one line, if positions in it are characters, else made anew,
    which takes longer. An assignment needs its parentheses, which are not part of it."""
    if not source.isascii() or "\n" in source or isinstance(node, ast.NamedExpr):
        return ast.unparse(node)
    return source[node.col_offset : node.end_col_offset] or ast.unparse(node)


def _only_reply(check: Check, expected: Any) -> str | None:
    """Return the reply whose value is the expected one, if it is right: NaN equals nothing."""
    if expected is ...:
        return None
    reply = json_frame({"v": encode(expected)})[4:].decode("ascii")
    return reply if check(json.loads(reply)["v"]) else None


Parts = tuple[ast.expr, Check, Any]
"""What runs inside, the check of its answer, and the answer, or ... if there are several."""


def _comparison(test: ast.expr) -> Parts | None:
    """`call == value` in either order, `call is None`, `abs(call - value) < bound`."""
    if not isinstance(test, ast.Compare) or len(test.ops) != 1:
        return None
    left, comparison, right = test.left, test.ops[0], test.comparators[0]
    if isinstance(comparison, ast.Eq):
        if not is_value(right):
            left, right = right, left
        if not is_value(right) or is_value(left):
            return None
        expected = value(right)
        return left, lambda form: compare.outputs_equal(form, expected), expected
    if isinstance(comparison, ast.Is) and isinstance(right, ast.Constant):
        constant = right.value
        if constant is None or isinstance(constant, bool):
            return left, lambda form: form is constant, constant
    if isinstance(comparison, ast.Lt | ast.LtE) and is_value(right):
        return _distance(left, value(right), strict=isinstance(comparison, ast.Lt))
    return None


def _distance(left: ast.expr, bound: Any, *, strict: bool) -> Parts | None:
    if not (_is_call(left, "abs") and len(left.args) == 1):
        return None
    inner = left.args[0]
    if not (isinstance(inner, ast.BinOp) and isinstance(inner.op, ast.Sub)):
        return None
    if not is_value(inner.right) or is_value(inner.left):
        return None
    expected = value(inner.right)

    def check(form: Any) -> bool:
        answer = compare.number(form)
        if answer is None:
            return False
        distance = abs(answer - expected)
        return bool(distance < bound if strict else distance <= bound)

    return inner.left, check, ...


def _closeness(test: ast.expr) -> Parts | None:
    """`math.isclose(expression, value, rel_tol=..., abs_tol=...)`."""
    if not (_is_call(test, "isclose") and len(test.args) == 2):
        return None
    inside, right = test.args
    tolerances = {str(word.arg): word.value for word in test.keywords}
    if not set(tolerances) <= {"rel_tol", "abs_tol"}:
        return None
    if is_value(inside) or not all(is_value(node) for node in (right, *tolerances.values())):
        return None
    expected = value(right)
    bounds = {name: value(node) for name, node in tolerances.items()}
    return inside, lambda form: compare.is_close(form, expected, **bounds), ...


def _bare_call(test: ast.expr) -> Parts | None:
    """`assert f(x)` and `assert not f(x)`: no expected value to give away."""
    truth = True
    while isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        test, truth = test.operand, not truth
    if isinstance(test, ast.Call) and isinstance(test.func, ast.Name):
        return test, lambda form: compare.truth(form) is truth, truth
    return None


def _is_call(node: ast.expr, name: str) -> TypeGuard[ast.Call]:
    if not isinstance(node, ast.Call):
        return False
    function = node.func
    if isinstance(function, ast.Attribute):
        return function.attr == name and isinstance(function.value, ast.Name)
    return isinstance(function, ast.Name) and function.id == name
