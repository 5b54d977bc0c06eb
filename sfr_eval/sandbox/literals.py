"""Computes the expected side of an assert, as long as that is small.

A data set may ask for 9**9**9 or [0] * 10**11. What is not computed here runs inside, like all that
is not a value, and there the limits of the program apply.
"""

import ast
import math
import operator
from collections.abc import Callable
from typing import Any

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


_MOST_BITS = 1_000_000
_MOST_ITEMS = 1_000_000


def is_value(node: ast.expr) -> bool:
    """Whether `value` can compute a node."""
    try:
        value(node)
    except _NO_VALUE:
        return False
    return True


_NO_VALUE = (TypeError, ValueError, LookupError, ArithmeticError, RecursionError)


def value(node: ast.expr | None) -> Any:
    """Return the value of literals, arithmetic on them, set(), tuple() and such. Raises one of
    _NO_VALUE for anything else, for what Python itself cannot compute, and for what would be
    large: that runs inside, like all that is not a value."""
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
            return _computed(type(node.op), value(node.left), value(node.right))
        case ast.Call(func=ast.Name(id=name), keywords=[]) if name in _BUILDERS:
            return _BUILDERS[name](*[value(item) for item in node.args])
        case ast.Attribute(value=ast.Name(id="math"), attr="pi" | "e" | "inf" | "nan" as name):
            return getattr(math, name)
    raise TypeError("not a value")


def _computed(kind: type, left: Any, right: Any) -> Any:
    """Return the result of an operator, unless it would be large."""
    if kind is ast.Mod and isinstance(left, str | bytes):
        raise TypeError("formats text")
    if kind is ast.Pow and isinstance(left, int) and isinstance(right, int):
        if left.bit_length() * abs(right) > _MOST_BITS:
            raise OverflowError
    elif kind is ast.Mult:
        sizes = (_size(left), _size(right))
        if sizes[0] + sizes[1] > _MOST_BITS:
            raise OverflowError
        if _length(left) * _times(right) > _MOST_ITEMS or (
            _length(right) * _times(left) > _MOST_ITEMS
        ):
            raise OverflowError
    return _OPERATORS[kind](left, right)


def _size(number: Any) -> int:
    return number.bit_length() if isinstance(number, int) else 0


def _length(items: Any) -> int:
    return len(items) if isinstance(items, list | tuple | str | bytes) else 0


def _times(number: Any) -> int:
    return max(0, number) if isinstance(number, int) else 0
