"""pytest tests/sandbox/test_verdict_modes.py -- every rule in which the modes differ."""

import random
from dataclasses import dataclass

import pytest

from sfr_eval.sandbox.grade import grade
from sfr_eval.sandbox.types import (
    CallsProblem,
    FunctionalProblem,
    IoTest,
    Limits,
    Mode,
    Program,
    StdinProblem,
    Verdict,
)


@dataclass(frozen=True)
class Case:
    name: str
    code: str
    compat: bool
    faithful: bool
    text: str = "1\n2\n"
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
         text="1\n2\n"),
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
    Case("readline at the end is empty",
         S + "r=sys.stdin.readline\nprint(int(r()), int(r()), r(), sep=' ')", True, True),
    Case("input past the end", "a, b = input(), input()\ntry:\n    input()\n"
         "except EOFError:\n    print(a, b)", True, True),
    Case("readlines counts a last empty line", S + "print(1, len(sys.stdin.readlines()))",
         False, True),
    Case("fileno", S + "print(1, sys.stdin.fileno() + 2)", False, True),
    Case("isatty", S + "print(1, int(sys.stdin.isatty()) + 2)", True, True),
    Case("stdin of the prelude", "print(int(stdin.readline()), int(stdin.readline()))",
         True, False),
    Case("stdin of the prelude past the end", "for _ in range(4): stdin.readline()\nprint(1, 2)",
         False, False),
    Case("stdout of the start", S + "sys.__stdout__.write('1 2')", False, True),
    Case("standard error is ignored", S + "print(1, 2)\nprint('x', file=sys.stderr)", True, True),
    Case("keyboard interrupt", "print(1, 2)\nraise KeyboardInterrupt", False, False),
    Case("recursion limit lowered in an earlier test",
         S + "def f(n):\n    return 0 if n == 0 else f(n - 1)\nf(300)\nprint(1, 2)\n"
         "sys.setrecursionlimit(200)", False, True, tests=2),
    Case("eval in a nested function", "x = 2\ndef f():\n    return eval('x')\nprint(1, f())",
         False, True),
    Case("comprehension at top level", "x = 2\nprint(*[i for i in (1, x)])", True, True),
    Case("class body sees top-level names", "x = 2\nclass A:\n    y = x\nprint(1, A.y)",
         True, True),
    Case("decorator", "from functools import lru_cache\n@lru_cache(None)\ndef f(n):\n"
         "    return 1 if n < 2 else f(n - 1) + 1\nprint(1, f(2))", True, True),
    Case("type hints with their import", "from typing import List\ndef f(x: List[int]) -> int:\n"
         "    return x[0]\nprint(1, f([2]))", True, True),
    Case("type hints without their import", "def f(x: List[int]) -> int:\n    return x[0]\n"
         "print(1, f([2]))", True, False),
    Case("coding line", "# -*- coding: latin-1 -*-\nprint(1, 2)", True, True),
    Case("line ends of Windows", "a = 1\r\nif a:\r\n    print(a, 2)\r\n", True, True),
    Case("tabs", "if True:\n\tprint(1, 2)", True, True),
    Case("null byte", "print(1, 2)\0", False, False),
    Case("walrus and match", "match (n := 2):\n    case 2:\n        print(1, n)", True, True),
    Case("star expression in for", "for x in *[1], *[2]:\n    print(x, end=' ')", True, True),
    Case("no line end at the end of the input", "print(*map(int, [input(), input()]))", True, True,
         text="1\n2"),
    Case("Windows line ends in the input", "print(int(input()), int(input()))", True, True,
         text="1\r\n2\r\n"),
    Case("output with Windows line ends", "print('1 2\\r')", True, True),
    Case("output without a line end", "print(1, 2, end='')", True, True),
    Case("trailing blanks and lines", "print('1 2   ')\nprint()\nprint()", True, True),
    Case("an empty line between", "print(1)\nprint()\nprint(2)", False, False, right="1\n2"),
    Case("numbers as decimals", "print('1.0 2e0')", True, True),
    Case("minus zero", "print('-0 2')", True, True, right="0 2"),
    Case("nan as text", "print('nan')", True, True, right="nan"),
    Case("nan in other letters", "print('NaN')", False, False, right="nan"),
    Case("nearly", "print('0.3333333')", False, False, right="0.33333334"),
    Case("case of letters", "print('YES')", False, False, right="Yes"),
    Case("letters beyond ASCII", "print('\u00e9\u4e2d')", True, True, right="\u00e9\u4e2d"),
    Case("signalling nan", "print('sNaN')", False, False, right="1"),
    Case("unpaired surrogate", "print('\\ud800')", False, False),
    Case("reads nothing", "print(1, 2)", True, True, text=""),
    Case("an empty input", S + "print(len(sys.stdin.read()))", True, True, text="", right="0"),
    Case("exit handler that fails", "import atexit\natexit.register(lambda: 1 / 0)\nprint(1, 2)",
         True, True),
    Case("daemon thread is not waited for", "import threading, time\n"
         "threading.Thread(target=time.sleep, args=(99,), daemon=True).start()\nprint(1, 2)",
         True, True),
    Case("closed twice", S + "sys.stdin.close()\nprint(1, 2)", True, True),
    Case("print to a file object", "import io\no = io.StringIO()\nprint(1, 2, file=o)\n"
         "print(o.getvalue())", True, True),
    Case("redirected output", "import io, contextlib\nwith contextlib.redirect_stdout(io.StringIO()"
         "):\n    print(3)\nprint(1, 2)", True, True),
    Case("threads with a bigger stack", "import threading, sys\nsys.setrecursionlimit(10**6)\n"
         "threading.stack_size(2**26)\ndef g(n):\n    return 0 if n == 0 else g(n - 1)\n"
         "def main():\n    g(50000)\n    print(1, 2)\n"
         "t = threading.Thread(target=main)\nt.start()\nt.join()", True, True),
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
    Case("guard is not run", "def f(x):\n    return x + 1\nif __name__ == '__main__':\n    f = 0",
         True, True),
    Case("input at top level", "a = input()\ndef f(x):\n    return x + 1", False, False),
    Case("assert at top level fails", "def f(x):\n    return x + 1\nassert f(1) == 3",
         False, False),
    Case("assert at top level holds", "def f(x):\n    return x + 1\nassert f(1) == 2", True, True),
    Case("state of the one instance", "class Solution:\n    n = 0\n    def f(self, x):\n"
         "        self.n += 1\n        return x + self.n", False, True, tests=2),
    Case("state of the module", "n = []\ndef f(x):\n    n.append(1)\n    return x + len(n)",
         False, True, tests=2),
    Case("instance with arguments", "class Solution:\n    def __init__(self, n):\n        pass\n"
         "    def f(self, x):\n        return x + 1", False, False),
    Case("class and other function", "def f(x):\n    return 0\n" + F + "return x + 1", True, True),
    Case("static method", "class Solution:\n    @staticmethod\n    def f(x):\n"
         "        return x + 1", True, True),
    Case("inherited method", "class A:\n    def f(self, x):\n        return x + 1\n"
         "class Solution(A):\n    pass", True, True),
    Case("named tuple", F + "return collections.namedtuple('P', 'a b')(x, x + 1)", True, True,
         right="[1, 2]"),
    Case("set", F + "return {x, x + 1}", False, False, right="[1, 2]"),
    Case("deque", F + "return deque([x, x + 1])", False, False, right="[1, 2]"),
    Case("range", F + "return range(1, 3)", False, False, right="[1, 2]"),
    Case("generator", F + "return (i for i in (1, 2))", False, False, right="[1, 2]"),
    Case("defaultdict", F + "d = defaultdict(int)\n        d['a'] = 1\n        return d",
         True, True, right='{"a": 1}'),
    Case("number keys are no text keys", F + "return {1: 1}", False, False, right='{"1": 1}'),
    Case("decimal", F + "from decimal import Decimal\n        return Decimal(x + 1)", True, True),
    Case("list subclass", F + "class L(list): pass\n        return L([x])", True, True,
         right="[1]"),
    Case("numpy number", F + "import numpy\n        return numpy.int64(x + 1)", True, True),
    Case("numpy array of one", F + "import numpy\n        return numpy.array([x + 1])", True, True,
         right="[2]"),
    Case("numpy array of two", F + "import numpy\n        return numpy.array([x, x + 1])",
         False, False, right="[1, 2]"),
    Case("float that is near", F + "return 0.1 + 0.2", False, False, right="0.3"),
    Case("null", F + "return None", True, True, right="null"),
    Case("argument changed in place", F + "x.append(2)\n        return x", True, True, text="[1]",
         right="[1, 2]"),
    Case("two arguments", "def f(a, b):\n    return a + b", True, True, text="1\n1"),
    Case("too few arguments", "def f(a, b):\n    return a", False, False),
    Case("deep recursion", F + "g = lambda n: 0 if n == 0 else g(n - 1)\n        g(9000)\n"
         "        return x + 1", True, True),
    Case("bad json", F + "return x + 1", False, False, text="1\n"),
]  # fmt: skip


def program(case: Case, *, functional: bool) -> Program:
    text = ("1" if case.text == "1\n2\n" else case.text) if functional else case.text
    right = ("2" if case.right == "1 2" else case.right) if functional else case.right
    tests = (IoTest(input=text, output=right),) * case.tests
    problem = (
        FunctionalProblem(id="p", function="f", tests=tests)
        if functional
        else StdinProblem(id="p", tests=tests)
    )
    return Program(id=case.name, code=case.code, problem=problem)


def verdicts(
    cases: list[Case],
    *,
    functional: bool,
    mode: Mode,
    workers: int = 2,
    limits: Limits | None = None,
) -> dict[str, Verdict]:
    programs = [program(case, functional=functional) for case in cases]
    graded = grade(programs, mode=mode, workers=workers, limits=limits)
    return {verdict.id: verdict for verdict in graded}


@pytest.mark.parametrize("mode", ["lcb-compat", "faithful"])
def test_standard_input_rules(mode: Mode) -> None:
    results = verdicts(STDIN, functional=False, mode=mode)
    expected = {c.name: c.compat if mode == "lcb-compat" else c.faithful for c in STDIN}
    assert {name: verdict.passed for name, verdict in results.items()} == expected


@pytest.mark.parametrize("mode", ["lcb-compat", "faithful"])
def test_functional_rules(mode: Mode) -> None:
    results = verdicts(CALLS, functional=True, mode=mode)
    expected = {c.name: c.compat if mode == "lcb-compat" else c.faithful for c in CALLS}
    assert {name: verdict.passed for name, verdict in results.items()} == expected


def test_every_case_has_its_own_name() -> None:
    for cases in (STDIN, CALLS):
        assert len({case.name for case in cases}) == len(cases)


@pytest.mark.parametrize("mode", ["lcb-compat", "faithful"])
def test_equal_programs_get_equal_verdicts(mode: Mode) -> None:
    """Hash seed, random numbers, server, number of workers and repetition change nothing."""
    code = (
        "import random\nprint(hash('a') % 1000, random.random(), random.sample(range(99), 3), "
        "list({'x', 'y', 'z', 'w'}), id(0) > 0)"
    )
    outputs = set()
    for workers in (1, 2):
        cases = [Case(str(number), code, True, True) for number in range(4)]
        results = verdicts(cases, functional=False, mode=mode, workers=workers)
        outputs |= {verdict.status for verdict in results.values()}
    assert outputs == {"wrong"}
    right = "import random\nprint(1, 2 if random.random() == %r else 3)"
    seeded = random.Random(0).random()
    same = [Case(str(number), right % seeded, True, True) for number in range(6)]
    for workers in (1, 2):
        results = verdicts(same, functional=False, mode=mode, workers=workers)
        assert {verdict.status for verdict in results.values()} == {"passed"}


@pytest.mark.parametrize("mode", ["lcb-compat", "faithful"])
def test_all_rules_hold_again_with_one_worker(mode: Mode) -> None:
    for cases, functional in ((STDIN, False), (CALLS, True)):
        once, again = (
            verdicts(cases, functional=functional, mode=mode, workers=workers) for workers in (1, 2)
        )
        for name, verdict in once.items():
            assert (verdict.status, verdict.codes) == (again[name].status, again[name].codes), name


def test_codes_of_time_limits_are_those_of_livecodebench() -> None:
    """-3 in the test, -4 while the module loads; a swallowed alarm leaves a line of output."""
    loop = "while True:\n    pass"
    swallowed = "import time\ntry:\n    time.sleep(5)\nexcept Exception:\n    pass\nprint(1, 2)"
    stdin = [Case("loop", loop, False, False), Case("swallowed", swallowed, False, False)]
    for _ in range(3):
        results = verdicts(stdin, functional=False, mode="lcb-compat", limits=Limits(seconds=1.0))
        codes = {name: verdict.codes for name, verdict in results.items()}
        if codes["loop"] != (-2,):  # of a child that a busy machine let answer too late
            break
    assert codes == {"loop": (-3,), "swallowed": (-2,)}
    loading = [Case("loading", loop, False, False)]
    results = verdicts(loading, functional=True, mode="lcb-compat", limits=Limits(seconds=1.0))
    assert results["loading"].codes == (-4,)


def test_an_own_timeout_exception_has_the_code_of_a_time_limit() -> None:
    case = Case("own", "class MyTimeoutException(Exception): pass\nraise MyTimeoutException",
                False, False)  # fmt: skip
    assert verdicts([case], functional=False, mode="lcb-compat")["own"].codes == (-3,)


@pytest.mark.parametrize("task", ["Mbpp/2", "HumanEval/21"])
def test_an_answer_that_is_not_a_list_is_wrong_in_evalplus(task: str) -> None:
    """Mbpp/2 compares sets, HumanEval/21 lists of floats with a tolerance."""
    reference = "def f(x):\n    return [1.0, 2.0]\n"
    problem = CallsProblem(id=task, function="f", inputs=((1,),), reference=reference)
    answers = ("[1.0, 2.0]", "None", "1.5", "'ab'", "1 + 2j", "{1.0: 2.0}")
    programs = [
        Program(id=answer, code=f"def f(x):\n    return {answer}\n", problem=problem)
        for answer in answers
    ]
    statuses = {verdict.id: verdict.status for verdict in grade(programs, mode="evalplus")}
    assert statuses == dict.fromkeys(answers, "wrong") | {"[1.0, 2.0]": "passed"}
