"""Splits the asserts of a data set into what runs inside and what is compared outside.

`assert f(3) == [1, 2]` becomes the expression `f(3)`, which goes into the sandbox, and a check
against [1, 2], which does not. An assert that cannot be split (because, say, the program's own
functions compute the expected side) runs inside under a one-time token and lowers the trust.
"""

import ast
import functools
import math
import operator
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeGuard

from sfr_eval.sandbox import compare
from sfr_eval.sandbox.types import AssertsProblem, HumanEvalProblem

Check = Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Item:
    """One assert. `check` takes the answer's form; None if `inside` is a whole statement."""

    inside: str
    check: Check | None

    def message(self) -> dict[str, str]:
        """Return what goes into the sandbox, with a new token each time."""
        if self.check is not None:
            return {"c": self.inside}
        return {"x": self.inside, "t": secrets.token_hex(16)}


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that is needed to grade one problem."""

    setup: str
    items: tuple[Item, ...]


@functools.lru_cache(maxsize=4096)
def plan_asserts(problem: AssertsProblem) -> Plan:
    """Split an MBPP problem: each of its lines is one assert or, rarely, several statements."""
    items: list[Item] = []
    for text in problem.asserts:
        try:
            items += [_item(statement) for statement in ast.parse(text.strip()).body]
        except SyntaxError:
            items.append(Item(text, None))
    return Plan(problem.setup, tuple(items))


@functools.lru_cache(maxsize=4096)
def plan_humaneval(problem: HumanEvalProblem) -> Plan:
    """Split check(candidate) if it is a plain list of asserts; otherwise run it as it is."""
    whole = Plan("", (Item(f"{problem.test}\ncheck({problem.entry_point})", None),))
    try:
        module = ast.parse(problem.test)
    except SyntaxError:
        return whole
    checks = [s for s in module.body if isinstance(s, ast.FunctionDef) and s.name == "check"]
    if not checks or len(checks[-1].args.args) != 1:
        return whole
    check = checks[-1]
    setup: list[ast.stmt] = [s for s in module.body if s not in checks]
    candidate = check.args.args[0].arg
    items: list[Item] = []
    for statement in check.body:
        if isinstance(statement, ast.Pass) or _is_text(statement):
            continue
        if not isinstance(statement, ast.Assert):
            return whole
        if isinstance(statement.test, ast.Constant) and statement.test.value:
            continue  # `assert True, "..."` tests nothing
        items.append(_item(_Rename(candidate, problem.entry_point).visit(statement)))
    if not items:
        return whole
    return Plan(ast.unparse(ast.Module(body=setup, type_ignores=[])), tuple(items))


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


class _Rename(ast.NodeTransformer):
    def __init__(self, old: str, new: str) -> None:
        self._old, self._new = old, new

    def visit_Name(self, node: ast.Name) -> ast.Name:
        if node.id == self._old:
            return ast.copy_location(ast.Name(id=self._new, ctx=node.ctx), node)
        return node


def _item(statement: ast.stmt) -> Item:
    if isinstance(statement, ast.Assert):
        test = statement.test
        parts = _comparison(test) or _closeness(test) or _bare_call(test)
        if parts is not None:
            inside, check = parts
            return Item(ast.unparse(inside), check)
    return Item(ast.unparse(statement), None)


def _comparison(test: ast.expr) -> tuple[ast.expr, Check] | None:
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
        return left, lambda form: compare.outputs_equal(form, expected)
    if isinstance(comparison, ast.Is) and isinstance(right, ast.Constant):
        constant = right.value
        if constant is None or isinstance(constant, bool):
            return left, lambda form: form is constant
    if isinstance(comparison, ast.Lt | ast.LtE) and is_value(right):
        return _distance(left, value(right), strict=isinstance(comparison, ast.Lt))
    return None


def _distance(left: ast.expr, bound: Any, *, strict: bool) -> tuple[ast.expr, Check] | None:
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

    return inner.left, check


def _closeness(test: ast.expr) -> tuple[ast.expr, Check] | None:
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
    return inside, lambda form: compare.is_close(form, expected, **bounds)


def _bare_call(test: ast.expr) -> tuple[ast.expr, Check] | None:
    """`assert f(x)` and `assert not f(x)`: no expected value to give away."""
    truth = True
    while isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        test, truth = test.operand, not truth
    if isinstance(test, ast.Call) and isinstance(test.func, ast.Name):
        return test, lambda form: compare.truth(form) is truth
    return None


def _is_call(node: ast.expr, name: str) -> TypeGuard[ast.Call]:
    if not isinstance(node, ast.Call):
        return False
    function = node.func
    if isinstance(function, ast.Attribute):
        return function.attr == name and isinstance(function.value, ast.Name)
    return isinstance(function, ast.Name) and function.id == name


_BUILDERS: dict[str, Callable[..., Any]] = {
    build.__name__: build for build in (set, frozenset, tuple, list, dict, sorted)
}
_OPERATORS: dict[type, Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
}


def is_value(node: ast.expr) -> bool:
    """Whether `value` can compute a node."""
    try:
        value(node)
    except TypeError:
        return False
    return True


def value(node: ast.expr | None) -> Any:
    """Return the value of literals, arithmetic on them, set(), tuple() and such. Raises TypeError
    for anything else. Data sets are trusted to be small."""
    match node:
        case ast.Constant() if node.value is not ...:
            return node.value
        case ast.List():
            return [value(item) for item in node.elts]
        case ast.Tuple():
            return tuple(value(item) for item in node.elts)
        case ast.Set():
            return {value(item) for item in node.elts}
        case ast.Dict():
            items = zip(node.keys, node.values, strict=True)
            return {value(key): value(item) for key, item in items}
        case ast.UnaryOp() if type(node.op) in _OPERATORS:
            return _OPERATORS[type(node.op)](value(node.operand))
        case ast.BinOp() if type(node.op) in _OPERATORS:
            return _OPERATORS[type(node.op)](value(node.left), value(node.right))
        case ast.Call(func=ast.Name(id=name), keywords=[]) if name in _BUILDERS:
            return _BUILDERS[name](*[value(item) for item in node.args])
        case ast.Attribute(value=ast.Name(id="math"), attr="pi" | "e" | "inf" | "nan" as name):
            return getattr(math, name)
    raise TypeError("not a value")
