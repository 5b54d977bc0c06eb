"""pytest tests/sandbox/test_verdict_modes.py -- each rule that the modes differ in, in both."""

from dataclasses import dataclass

import pytest

from sfr_eval.sandbox import FunctionalProblem, IoTest, Mode, Program, StdinProblem, Verdict, grade


@dataclass(frozen=True)
class Case:
    name: str
    code: str
    compat: bool
    faithful: bool
    given: str = "1\n2\n"
    right: str = "1 2"
    function: str | None = None
    tests: int = 1


S = "import sys\n"
STDIN = [
    Case("readline then read", S + "a=sys.stdin.readline()\nprint(a.strip(), sys.stdin.read())",
         False, True),
    Case("input then readlines", S + "a=input()\nprint(a, sys.stdin.readlines()[0])",
         False, True),
    Case("read twice", S + "print(*sys.stdin.read().split(), end='')\nprint(sys.stdin.read())",
         False, True),
    Case("read one character", S + "print(sys.stdin.read(1), 2)", False, True),
    Case("int of readlines", S + "print(*[int(x) for x in sys.stdin.readlines()])", False, True),
    Case("for line in stdin", S + "print(*[x.strip() for x in sys.stdin])", False, True),
    Case("next of stdin", S + "print(next(sys.stdin).strip(), 2)", False, True),
    Case("buffer.readline twice",
         S + "r=sys.stdin.buffer.readline\nprint(int(r()), int(r()))", False, True),
    Case("buffer.readline then read",
         S + "b=sys.stdin.buffer\nprint(int(b.readline()), int(b.read()))", False, True),
    Case("buffer.readlines", S + "print(*map(int, sys.stdin.buffer.readlines()))", False, True),
    Case("iterate the buffer", S + "print(*[int(x) for x in sys.stdin.buffer])", False, True),
    Case("buffer.read", S + "print(*sys.stdin.buffer.read().decode().split())", True, True),
    Case("from sys import stdin iterate",
         "from sys import stdin\nprint(*[x.strip() for x in stdin])", False, True),
    Case("from sys import stdin buffer",
         "from sys import stdin\nprint(*stdin.buffer.read().decode().split())", False, True),
    Case("from sys import stdin keeps line end",
         "from sys import stdin\nprint(stdin.readline()[:-1], 2)", False, True,
         given="1\n2\n"),
    Case("from sys import stdin mixed with input",
         "from sys import stdin\nprint(input(), stdin.readline().strip())", False, True),
    Case("from sys import stdin readline",
         "from sys import stdin\nprint(int(stdin.readline()), int(stdin.readline()))", True, True),
    Case("stdin imported in a function",
         "def f():\n    from sys import stdin\n    return stdin.readline()\nprint(int(f()), 2)",
         True, True),
    Case("from sys import stdout", "from sys import stdout\nstdout.write('1 2')", False, True),
    Case("stdout.buffer", S + "sys.stdout.buffer.write(b'1 2')", False, True),
    Case("os.write", "import os\nos.write(1, b'1 2')", False, True),
    Case("os.read", "import os\nprint(*os.read(0, 100).decode().split())", False, True),
    Case("open(0)", "print(*open(0).read().split())", False, True),
    Case("open /dev/stdin", "print(*open('/dev/stdin').read().split())", False, True),
    Case("builtins.open is a mock", "import builtins\nprint(*builtins.open('x').read().split())",
         True, False),
    Case("BytesIO of os.read",
         "import os, io\nr=io.BytesIO(os.read(0, 99)).readline\nprint(int(r()), int(r()))",
         False, True),
    Case("global of a top-level name",
         "c = 1\ndef f():\n    global c\n    c += 1\n    return c\nprint(1, f())", False, True),
    Case("globals()", "x = 2\nprint(1, globals()['x'])", False, True),
    Case("exec makes a name", "exec('x = 2')\nprint(1, x)", False, True),
    Case("input used before rebound", "a = input()\nimport sys\ninput = sys.stdin.readline\n"
         "print(a, int(input()))", False, True),
    Case("star import in try", "try:\n    from math import *\nexcept ImportError:\n    pass\n"
         "print(1, gcd(2, 4))", False, True),
    Case("pickle of an own class", "import pickle\nclass A:\n    x = 2\n"
         "print(1, pickle.loads(pickle.dumps(A())).x)", False, True),
    Case("__doc__", "'''2'''\nprint(1, __doc__)", False, True),
    Case("module annotations", "x: int = 2\nprint(1, len(__annotations__) + 1)", False, True),
    Case("import changed in an earlier test",
         "import math\nmath.n = getattr(math, 'n', 1) + 1\nprint(1, math.n)", False, True,
         tests=2),
    Case("class Solution", "class Solution:\n    pass\nprint(1, 2)", False, True),
    Case("class Solution in a string", "s = 'class Solution'\nprint(1, 2)", False, True),
    Case("class Solution in a comment", "# class Solution\nprint(1, 2)", True, True),
    Case("future import", "from __future__ import annotations\nprint(1, 2)", False, True),
    Case("guard last", "def main():\n    print(1, 2)\nif __name__ == '__main__':\n    main()",
         True, True),
    Case("guard in double quotes with else",
         "if __name__ == \"__main__\":\n    print(1, 2)\nelse:\n    print(3)", True, True),
    Case("guard not last", "if __name__ == '__main__':\n    print(1, 2)\nx = 1", False, True),
    Case("guard swapped", "if '__main__' == __name__:\n    print(1, 2)", False, True),
    Case("guard with and", "if __name__ == '__main__' and True:\n    print(1, 2)", False, True),
    Case("quit()", "print(1, 2)\nquit()", False, True),
    Case("exit()", "print(1, 2)\nexit()", True, True),
    Case("os._exit after flush", "import os\nprint(1, 2, flush=True)\nos._exit(0)", False, True),
    Case("os.getcwd", "import os\nos.getcwd()\nprint(1, 2)", False, True),
    Case("import resource", "import resource\nprint(1, 2)", False, True),
    Case("byte order mark", "\ufeffprint(1, 2)", False, True),
    Case("sys.exit(1) after the answer", S + "print(1, 2)\nsys.exit(1)", True, False),
    Case("sys.exit(text)", S + "print(1, 2)\nsys.exit('x')", True, False),
    Case("exception after the answer", "print(1, 2)\nraise ValueError", False, False),
    Case("names of the prelude", "print(1, gcd(2, 4))", True, False),
    Case("deep recursion", "def f(n):\n    return 0 if n == 0 else f(n - 1)\nf(5000)\nprint(1, 2)",
         True, False),
    Case("long integer text", "print(1, len(str(10**5000)) - 4999)", True, False),
    Case("return at top level", "print(1, 2)\nif True:\n    return", True, False),
    Case("nonlocal on a top-level name",
         "c = 1\ndef f():\n    nonlocal c\n    c += 1\nf()\nprint(1, c)", True, False),
    Case("use before import", "print(1, sqrt(4).__int__())\nfrom math import sqrt", True, False),
    Case("empty program", "", False, True, right=""),
    Case("only a comment", "# nothing", False, True, right=""),
    Case("sys.stdout.close", S + "print(1, 2)\nsys.stdout.close()", False, True),
    Case("swallowed exit status 0", S + "print(1, 2)\nsys.exit()", True, True),
    Case("threads joined", "import threading\nt=threading.Thread(target=print, args=(1, 2))\n"
         "t.start()\nt.join()", True, True),
    Case("thread that outlives main",
         "import threading, time\ndef f():\n    time.sleep(.3)\n    print(1, 2)\n"
         "threading.Thread(target=f).start()", False, True),
    Case("atexit", "import atexit\natexit.register(print, 1, 2)", False, True),
    Case("dies by a signal after the answer",
         "import signal\nprint(1, 2, flush=True)\nsignal.raise_signal(9)", False, False),
    Case("prompt is output", "a = input('x')\nprint(1, 2)", False, False),
    Case("wrong", "print(1, 3)", False, False),
    Case("syntax error", "print(1, 2", False, False),
]  # fmt: skip

F = "class Solution:\n    def f(self, x):\n        "
CALLS = [
    Case("plain", F + "return x + 1", True, True),
    Case("function without class", "def f(x):\n    return x + 1", True, True),
    Case("class Solution in a comment", "# class Solution\ndef f(x):\n    return x + 1",
         False, True),
    Case("future import", "from __future__ import annotations\ndef f(x):\n    return x + 1",
         False, True),
    Case("two blanks", "class  Solution:\n    def f(self, x):\n        return x + 1", False, True),
    Case("names of the prelude", "def f(x: List[int]):\n    return gcd(x + 1, 0)", True, True),
    Case("always equal", "class E(int):\n    __eq__ = lambda a, b: True\n    __hash__ = None\n"
         "def f(x):\n    return E(7)", False, False),
    Case("always equal object", "class E:\n    __eq__ = lambda a, b: True\n"
         "def f(x):\n    return E()", False, False),
    Case("float", F + "return x + 1.0", True, True),
    Case("fraction", F + "from fractions import Fraction\n        return Fraction(x + 1)",
         True, True),
    Case("nothing", F + "pass", False, False),
    Case("text", F + "return str(x + 1)", False, False),
    Case("exit", F + "import sys\n        sys.exit(0)", False, False),
    Case("prints too", F + "print(5)\n        return x + 1", True, True),
    Case("missing", "def g(x):\n    return x + 1", False, False),
    Case("outer tuple", F + "return (x, x + 1)", True, True, right="[1, 2]"),
    Case("inner tuple", F + "return [(x, x + 1)]", False, False, right="[[1, 2]]"),
    Case("nan", F + "return float('nan')", False, False, right="NaN"),
    Case("true is one", F + "return x == 1", True, True, right="1"),
    Case("bad json", F + "return x + 1", False, False, given="1\n"),
]  # fmt: skip


def program(case: Case, *, functional: bool) -> Program:
    given = ("1" if case.given == "1\n2\n" else case.given) if functional else case.given
    right = ("2" if case.right == "1 2" else case.right) if functional else case.right
    tests = (IoTest(input=given, output=right),) * case.tests
    problem = (
        FunctionalProblem(id="p", function="f", tests=tests)
        if functional
        else StdinProblem(id="p", tests=tests)
    )
    return Program(id=case.name, code=case.code, problem=problem)


def verdicts(cases: list[Case], *, functional: bool, mode: Mode) -> dict[str, Verdict]:
    made = [program(case, functional=functional) for case in cases]
    return {verdict.id: verdict for verdict in grade(made, mode=mode, workers=2)}


@pytest.mark.parametrize("mode", ["lcb-compat", "faithful"])
def test_standard_input_rules(mode: Mode) -> None:
    found = verdicts(STDIN, functional=False, mode=mode)
    wanted = {c.name: c.compat if mode == "lcb-compat" else c.faithful for c in STDIN}
    assert {name: verdict.passed for name, verdict in found.items()} == wanted


@pytest.mark.parametrize("mode", ["lcb-compat", "faithful"])
def test_functional_rules(mode: Mode) -> None:
    found = verdicts(CALLS, functional=True, mode=mode)
    wanted = {c.name: c.compat if mode == "lcb-compat" else c.faithful for c in CALLS}
    assert {name: verdict.passed for name, verdict in found.items()} == wanted


def test_an_own_timeout_exception_has_the_code_of_a_time_limit() -> None:
    case = Case("own", "class MyTimeoutException(Exception): pass\nraise MyTimeoutException",
                False, False)  # fmt: skip
    assert verdicts([case], functional=False, mode="lcb-compat")["own"].codes == (-3,)
