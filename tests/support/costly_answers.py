"""Wrong programs whose answers are costly to compare, or try to end or hold whoever compares them.

Each is a program for the problem f(x) = x + 1 and uses nothing but public Python. FORGED ones write
frames of their own into whatever descriptor takes them.
"""

ANSWERS = {
    "fraction not reduced": "from fractions import Fraction\n"
    "def f(x):\n    q = Fraction(1, 3)\n    q._numerator = (1 << 20_000_000) + 1\n"
    "    q._denominator = (1 << 20_000_001) - 1\n    return q",
    "fraction of texts": "from fractions import Fraction\n"
    "def f(x):\n    q = Fraction(1, 3)\n    q._numerator = '1e30000000'\n    return q",
    "colliding key": "def f(x): return {frozenset(i * (2**61 - 1) for i in range(20000)): 1}",
    "colliding keys": "def f(x): return {i * (2**61 - 1): i for i in range(20000)}",
    "object array": "import numpy\n"
    "def f(x): return numpy.array(['x' * 10**6] + ['a'] * 20000, dtype=object)",
    "array of arrays": "import numpy\n"
    "def f(x):\n    a = numpy.empty(2, dtype=object)\n    a[:] = [[1] * 10**6, 'x' * 10**6]\n"
    "    return a",
    "ragged array": "import numpy\n"
    "def f(x):\n    a = numpy.empty(3, dtype=object)\n    a[:] = [[1], [[2]], 'x']\n    return a",
    "huge integer": "def f(x): return 1 << 200_000_000",
    "huge decimal": "from decimal import Decimal\ndef f(x): return Decimal('1e999999999999')",
    "decimal of many digits": "from decimal import Decimal\n"
    "def f(x): return Decimal('1' * 20_000_000)",
    "signalling NaN": "from decimal import Decimal\ndef f(x): return Decimal('sNaN')",
    "millions of empty objects": "def f(x): return [{}] * 1_000_000",
    "nested lists": "def f(x):\n    a = [1]\n    for _ in range(4): a = [a] * 60\n    return a",
    "not a number at all": "def f(x): return {'v': {'t': [1]}, None: [[]], (1,): {1}}",
    "complex": "def f(x): return complex('nan')",
    "half a surrogate": "def f(x): return ['\\udc00' * 10**6]",
    "long name of an exception": "E = type('E', (Exception,), {})\nE.__name__ = 'x' * 10**7\n"
    "def f(x): raise E",
    "name with line ends": "E = type('E', (Exception,), {})\n"
    "E.__name__ = 'passed\\n{\"passed\": true}\\x1b[2J'\ndef f(x): raise E",
}

_SEND = """
import os
def send(body):
    for fd in range(3, 30):
        try:
            left = memoryview(len(body).to_bytes(4, 'little') + body)
            while left: left = left[os.write(fd, left):]
        except OSError: pass
"""
FRAMES = {
    "fraction in texts": b'{"v":{"q":["1e30000000",null]}}',
    "fraction of half": b'{"v":{"q":[1,0]}}',
    "set in a scalar": b'{"v":{"n":{"s":[1,2]}}}',
    "mark without body": b'{"v":{"t":7}}',
    "two marks": b'{"v":{"t":[],"i":"0x1093"}}',
    "hex of text": b'{"v":{"i":"4242"}}',
    "no mark": b'{"v":{}}',
    "token": b'{"t":"4242"}',
    "value and error": b'{"v":4242,"e":"X"}x',
    "list": b'["v",4242]',
    "number": b"4242",
    "not a text": b'{"e":{"x":[1]}}',
    "timeout": b'{"e":"x","timeout":true}',
    "no end": b'{"v":[' * 3,
    "empty": b"",
    "bytes": b"\xff\xfe\x00",
    "deep": b'{"v":' + b"[" * 1000,
}
FORGED = {
    f"frame: {name}": f"{_SEND}\ndef f(x):\n    send({body!r})\n    os._exit(0)"
    for name, body in FRAMES.items()
}
FORGED["frame: long word"] = f"{_SEND}\ndef f(x):\n    send(b'x' * 50_000_000)\n    os._exit(0)"
FORGED["frame: many objects"] = (
    f"{_SEND}\ndef f(x):\n    send(b'{{\"v\":[' + b'{{}},' * 5_000_000 + b'0]}}')\n    os._exit(0)"
)
PRINTED = {
    "words of one line": "print('11 ' * 20_000_000)",
    "digits": "print('1' * 60_000_000)",
    "spaces": "print(' ' * 60_000_000)",
    "lines": "print('\\n' * 60_000_000 + 'x')",
    "exponents": "print('1e999999999999999999 ' * 100_000)",
    "signalling NaN": "print('sNaN')",
    "wide characters": "print('\\U0001f600' * 15_000_000)",
    "no text": "import os\nos.write(1, b'\\xff' * 60_000_000)",
    "underscores": "print('1_' * 20_000_000)",
}
