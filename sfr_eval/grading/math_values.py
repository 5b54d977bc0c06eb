"""Compares two final answers of mathematics by value. Runs as a process of its own.

Text of a model is never evaluated: a small grammar of LaTeX and plain notation builds sympy
objects, with limits on length, depth and size, and whoever starts this process limits its time. It
imports nothing of ours, so that it can be run as a file: one JSON list of two texts a line in, one
JSON boolean a line out.

Equal are numbers and expressions of equal value at points of many digits; tuples, intervals and
matrices entry by entry; sets, lists and unions in any order; equations whose sides differ by a
constant factor.
"""

import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

LONGEST = 400  # characters
DEEPEST = 30  # brackets
LARGEST_EXPONENT = 1_000
LARGEST_FACTORIAL = 100
MEMORY = 2 * 2**30
DIGITS = 40
POINTS = (
    ("1.3717421", "-0.7310585", "2.2360679"),
    ("-1.6180339", "0.5772156", "1.2020569"),
    ("0.4142135", "3.1622776", "-2.6854520"),
    ("2.7182818", "1.4513692", "0.9159655"),
)
"""Values of the symbols at each point; symbols beyond the third are shifted by their place."""

_TOKEN = re.compile(
    r"\d+(?:\.\d+)?|\.\d+|\\[A-Za-z]+|\\\\|\\[{}|]|[A-Za-z]+|[-+*/^_!|(){}\[\]=,&<>;:']|\S"
)
_GREEK = frozenset(
    {
        *("alpha", "beta", "gamma", "delta", "epsilon", "varepsilon", "zeta", "eta", "theta"),
        *("kappa", "lambda", "mu", "nu", "xi", "rho", "sigma", "tau", "phi", "varphi", "chi"),
        *("psi", "omega", "Delta", "Omega"),
    }
)
_FUNCTIONS = frozenset(
    {
        *("sin", "cos", "tan", "cot", "sec", "csc", "arcsin", "arccos", "arctan"),
        *("sinh", "cosh", "tanh", "ln", "log", "exp"),
    }
)
_OPENERS = {"(": ")", "[": "]", "\\{": "\\}"}
_MATRIX = re.compile(r"\\begin\{([a-z]*matrix)\}(.*?)\\end\{\1\}", re.DOTALL)


class NotMathError(ValueError):
    """The text is not in the grammar, or beyond its limits."""


@dataclass(frozen=True)
class Group:
    """Several values: `kind` is the pair of brackets, `any` where order does not count."""

    kind: str
    parts: tuple[Any, ...]


def parse(text: str) -> Any:
    """Return a sympy expression or a Group. Raises NotMathError."""
    if len(text) > LONGEST:
        raise NotMathError("too long")
    if matrix := _MATRIX.fullmatch(text.strip()):
        rows = [row.split("&") for row in re.split(r"\\\\", matrix[2]) if row.strip()]
        return Group("matrix", tuple(Group("row", tuple(map(parse, row))) for row in rows))
    tokens = _TOKEN.findall(text)
    if "\\pm" in tokens:
        signs = [["+" if t == "\\pm" else t for t in tokens]]
        signs.append(["-" if t == "\\pm" else t for t in tokens])
        return Group("any", tuple(_Parser(each).whole() for each in signs))
    return _Parser(tokens).whole()


class _Parser:
    """Recursive descent over the tokens."""

    def __init__(self, tokens: Sequence[str]) -> None:
        import sympy

        self.sympy: Any = sympy
        self.tokens = list(tokens)
        self.at = 0
        self.depth = 0

    def whole(self) -> Any:
        """Parse a list of values, a union or an equation, up to the end."""
        parts = [self._side()]
        separators = set()
        while self._peek() in (",", ";", "\\cup"):
            separators.add(self._next())
            parts.append(self._side())
        if self._peek() is not None:
            raise NotMathError(f"unexpected {self._peek()}")
        return parts[0] if len(parts) == 1 else Group("any", tuple(parts))

    def _side(self) -> Any:
        left = self._value()
        if self._peek() == "=":
            self._next()
            return Group("=", (left, self._value()))
        return left

    def _value(self) -> Any:
        """Parse a tuple, an interval, a set, or an expression."""
        opener = self._peek()
        if opener in _OPENERS and (end := self._closing()) is not None:
            inside = self.tokens[self.at + 1 : end]
            closer = self.tokens[end]
            if "," in _top_level(inside) or opener != "(" or closer != ")":
                self.at = end + 1
                parts = tuple(_Parser(part).whole() for part in _split(inside) if part)
                return Group("any" if opener == "\\{" else opener + closer, parts)
        return self._sum()

    def _closing(self) -> int | None:
        """Return where the bracket at this place ends; None unless the value ends there, too."""
        depth = 0
        for place in range(self.at, len(self.tokens)):
            token = self.tokens[place]
            depth += token in _OPENERS
            depth -= token in _OPENERS.values()
            if depth == 0:
                after = self.tokens[place + 1 : place + 2]
                return place if not after or after[0] in (",", ";", "\\cup", "=") else None
        return None

    def _sum(self) -> Any:
        self.depth += 1
        if self.depth > DEEPEST:
            raise NotMathError("too deep")
        total = self._product()
        while self._peek() in ("+", "-"):
            sign = self._next()
            term = self._product()
            total = total + term if sign == "+" else total - term
        self.depth -= 1
        return total

    def _product(self) -> Any:
        sign = 1
        while self._peek() in ("+", "-"):
            sign *= -1 if self._next() == "-" else 1
        value = self._power()
        while True:
            token = self._peek()
            if token in ("*", "\\cdot", "\\times"):
                self._next()
                value = value * self._signed()
            elif token in ("/", "\\div", ":"):
                self._next()
                value = value / self._signed()
            elif token is not None and self._starts(token):
                if token[0].isdigit() or token[0] == ".":
                    raise NotMathError("two numbers side by side")
                number = self.tokens[self.at - 1][0].isdigit()
                factor = self._power()
                mixed = token == "\\frac" and number and value.is_Integer and factor.is_Rational
                value = value + factor if mixed else value * factor
            else:
                return sign * value

    def _signed(self) -> Any:
        sign = 1
        while self._peek() in ("+", "-"):
            sign *= -1 if self._next() == "-" else 1
        return sign * self._power()

    def _starts(self, token: str) -> bool:
        return bool(
            token[0].isalnum()
            or token in ("(", "{", ".")
            or (token[0] == "\\" and token[1:] in _KNOWN)
        )

    def _power(self) -> Any:
        base = self._atom()
        while self._peek() in ("^", "!"):
            if self._next() == "!":
                if not (base.is_Integer and 0 <= base <= LARGEST_FACTORIAL):
                    raise NotMathError("factorial")
                base = self.sympy.factorial(base)
            else:
                base = self._raised(base, self._argument())
        return base

    def _raised(self, base: Any, exponent: Any) -> Any:
        if exponent.is_number and not abs(self.sympy.N(exponent, 15)) <= LARGEST_EXPONENT:
            raise NotMathError("exponent")
        if base.is_number and not base.is_Atom and exponent.is_number and abs(exponent) > 50:
            raise NotMathError("power of a power")
        if base.is_Integer and exponent.is_number and len(str(base)) * abs(exponent) > 2_000:
            raise NotMathError("power")
        return self.sympy.Pow(base, exponent)

    def _argument(self) -> Any:
        """Parse what follows ^ or a command: a group in braces, or one token."""
        token = self._peek()
        if token == "{":
            return self._atom()
        if token is not None and token[0].isdigit() and len(token) > 1:  # \frac12 is 1/2
            self.tokens[self.at : self.at + 1] = [token[0], token[1:]]
        if token in ("+", "-"):
            return self._signed()
        return self._atom()

    def _atom(self) -> Any:
        token = self._next()
        if token[0].isdigit() or token[0] == ".":
            return self.sympy.Rational(token)
        if token in ("(", "{", "["):
            value = self._sum()
            self._expect({"(": ")", "{": "}", "[": "]"}[token])
            return value
        if token == "|":
            value = self._sum()
            self._expect("|")
            return self.sympy.Abs(value)
        if token.isalpha() and token.isascii():
            return self._word(token)
        if token[0] == "\\":
            return self._command(token[1:])
        if token == "\u03c0":
            return self.sympy.pi
        raise NotMathError(f"unexpected {token}")

    def _word(self, word: str) -> Any:
        if word in _FUNCTIONS or word in ("sqrt", "pi", "infty", "infinity"):
            return self._command("infty" if word == "infinity" else word)
        if len(word) > 3:
            raise NotMathError("a word")
        if len(word) > 1:  # xy is x times y, and in xy^2 only y is squared
            self.tokens[self.at : self.at] = list(word[1:])
        if word[0] in "ei":
            return self.sympy.E if word[0] == "e" else self.sympy.I
        return self._symbol(word[0])

    def _symbol(self, name: str) -> Any:
        if self._peek() == "_":
            self._next()
            name += f"_{self._argument()}"
        return self.sympy.Symbol(name)

    def _command(self, name: str) -> Any:
        sympy = self.sympy
        if name in ("frac", "dfrac", "tfrac"):
            top = self._argument()
            return top / self._argument()
        if name == "sqrt":
            degree = 2
            if self._peek() == "[":
                self._next()
                degree = self._sum()
                self._expect("]")
            return self._raised(self._argument(), 1 / sympy.S(degree))
        if name in ("pi", "infty"):
            return sympy.pi if name == "pi" else sympy.oo
        if name in ("binom", "dbinom", "tbinom"):
            n = self._argument()
            k = self._argument()
            if not (n.is_Integer and k.is_Integer and 0 <= k <= n <= LARGEST_EXPONENT):
                raise NotMathError("binomial")
            return sympy.binomial(n, k)
        if name in _FUNCTIONS:
            return self._function(name)
        if name in _GREEK:
            return self._symbol(name)
        raise NotMathError(f"unknown command {name}")

    def _function(self, name: str) -> Any:
        sympy = self.sympy
        base = power = None
        while self._peek() in ("_", "^"):
            if self._next() == "_":
                base = self._argument()
            else:
                power = self._argument()
        if self._peek() in ("(", "{"):
            argument = self._atom()
        else:  # sin 2x reads as far as factors go
            argument = self._power()
            while (
                (token := self._peek()) is not None
                and self._starts(token)
                and (token.lstrip("\\") not in _FUNCTIONS)
            ):
                argument = argument * self._power()
        if name == "log":
            value = sympy.log(argument, base if base is not None else 10)
        elif name == "ln":
            value = sympy.log(argument)
        else:
            own = {"arcsin": "asin", "arccos": "acos", "arctan": "atan"}.get(name, name)
            value = getattr(sympy, own)(argument)
        return value if power is None else self._raised(value, power)

    def _peek(self) -> str | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def _next(self) -> str:
        if self.at >= len(self.tokens):
            raise NotMathError("unexpected end")
        self.at += 1
        return self.tokens[self.at - 1]

    def _expect(self, token: str) -> None:
        if self._next() != token:
            raise NotMathError(f"{token} is missing")


_KNOWN = _GREEK | _FUNCTIONS | {"frac", "dfrac", "tfrac", "sqrt", "pi", "infty", "binom"}


def _top_level(tokens: Sequence[str]) -> list[str]:
    """Return the tokens outside all brackets."""
    depth, outside = 0, []
    for token in tokens:
        depth -= token in (")", "]", "}", "\\}")
        if depth == 0:
            outside.append(token)
        depth += token in ("(", "[", "{", "\\{")
    return outside


def _split(tokens: Sequence[str]) -> Iterator[list[str]]:
    """Yield the parts between the commas outside all brackets."""
    depth, part = 0, []
    for token in tokens:
        depth -= token in (")", "]", "}", "\\}")
        if token == "," and depth == 0:
            yield part
            part = []
        else:
            part.append(token)
        depth += token in ("(", "[", "{", "\\{")
    yield part


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

    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        first, second = json.loads(line)
        sys.stdout.write(json.dumps(bool(equal(first, second))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
