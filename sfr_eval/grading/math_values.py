"""Compares two final answers of mathematics by value. Runs as a process of its own.

Whoever starts it limits its time (`math_equality`), it limits its own memory. One JSON list of two
texts a line in, one JSON boolean a line out.

Equal are numbers and expressions of equal value at points of many digits; tuples, intervals and
matrices entry by entry; sets, lists and unions in any order; equations whose sides differ by a
constant factor.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from sfr_eval.grading.math_parse import Group, NotMathError, parse

MEMORY = 2 * 2**30
DIGITS = 40
POINTS = (
    ("1.3717421", "-0.7310585", "2.2360679"),
    ("-1.6180339", "0.5772156", "1.2020569"),
    ("0.4142135", "3.1622776", "-2.6854520"),
    ("2.7182818", "1.4513692", "0.9159655"),
)
"""Values of the symbols at each point; symbols beyond the third are shifted by their place."""


def same(first: Any, second: Any) -> bool:
    """Return whether two parsed values are equal."""
    if isinstance(first, Group) and isinstance(second, Group):
        if first.kind != second.kind or len(first.parts) != len(second.parts):
            return False
        if first.kind == "=":
            return _same_equation(first, second)
        if first.kind == "any":
            return _same_in_any_order(first.parts, second.parts)
        return all(same(a, b) for a, b in zip(first.parts, second.parts, strict=True))
    if isinstance(first, Group) or isinstance(second, Group):
        return False
    return _same_value(first, second)


def _same_in_any_order(first: Sequence[Any], second: Sequence[Any]) -> bool:
    rest = list(second)
    for one in first:
        match = next((i for i, other in enumerate(rest) if same(one, other)), None)
        if match is None:
            return False
        del rest[match]
    return True


def _same_equation(first: Group, second: Group) -> bool:
    """Return whether two equations differ by a constant factor."""
    if any(isinstance(part, Group) for part in (*first.parts, *second.parts)):
        return False
    a = first.parts[0] - first.parts[1]
    b = second.parts[0] - second.parts[1]
    ratios = [x / y for x, y in _values(a, b) if y != 0]
    return len(ratios) > 2 and all(abs(r - ratios[0]) < 1e-20 * abs(r) for r in ratios)


def _same_value(first: Any, second: Any) -> bool:
    if first == second:
        return True
    if not first.is_finite and not first.free_symbols:
        return False
    pairs = list(_values(first, second))
    needed = 1 if not (first.free_symbols | second.free_symbols) else 3
    return len(pairs) >= needed and all(
        abs(a - b) <= 1e-25 * max(1, abs(a), abs(b)) for a, b in pairs
    )


def _values(first: Any, second: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the values of both at each point at which both are numbers."""
    import sympy

    symbols = sorted(first.free_symbols | second.free_symbols, key=str)
    for point in POINTS if symbols else POINTS[:1]:
        at = {
            symbol: sympy.Rational(point[i % 3]) + sympy.Rational(i // 3, 7)
            for i, symbol in enumerate(symbols)
        }
        pair = [sympy.N(each.subs(at), DIGITS) for each in (first, second)]
        if all(value.is_number and value.is_finite for value in pair):
            yield pair[0], pair[1]


def equal(first: str, second: str) -> bool:
    """Return whether two texts have the same value; False where one is not in the grammar."""
    try:
        return same(parse(first), parse(second))
    except (NotMathError, ArithmeticError, RecursionError, MemoryError, TypeError, ValueError):
        return False
    except AttributeError:  # a Group where an expression has to be
        return False


def main() -> None:
    """Answer the lines of standard input."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    import sympy  # noqa: F401  said to be ready only then

    answers = sys.stdout.buffer
    answers.write(b"ready\n")
    answers.flush()
    for line in sys.stdin:
        first, second = json.loads(line)
        answers.write(b"true\n" if equal(first, second) else b"false\n")
        answers.flush()
