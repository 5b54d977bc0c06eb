"""LiveCodeBench's grader as the program sees it: what it wraps, patches, removes and catches.

Written from its observable rules, so that verdicts agree with it even where it is wrong. The
answers are compared outside. docs/design/sandbox.md says what differs from a plain run.
"""

import ast
import builtins
import contextlib
import importlib
import io
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from . import prelude
from .plain import encode, error_name
from .wire import read_frame, write_json

_REMOVED_OS = (
    "kill system putenv remove removedirs rmdir fchdir setuid fork forkpty killpg rename renames "
    "truncate replace unlink fchmod fchown chmod chown chroot lchflags lchmod lchown getcwd chdir"
)
_REMOVED_ELSEWHERE = {"shutil": ("rmtree", "move", "chown"), "subprocess": ("Popen",)}
_REMOVED_BUILTINS = ("quit", "help")
_FIRST = "pass\n"
"""Stands for the prelude's text, which has already run: after it, nothing is a docstring and
imports from __future__ are errors."""
_MISSING_MODULES = ("ipdb", "joblib", "resource", "psutil", "tkinter")


class TimeoutException(Exception):
    """The alarm of a test: an ordinary exception, which a program may swallow."""


def _alarm(signum: int, frame: object) -> None:
    # Written to the captured output on purpose: a program that swallows the exception and then
    # prints the right answer still fails.
    sys.stdout.write("time limit of the test\n")
    raise TimeoutException


def _remove_functions(code: str) -> None:
    os.environ["OMP_NUM_THREADS"] = "1"
    for name in _REMOVED_OS.split():
        setattr(os, name, None)
    for module, names in _REMOVED_ELSEWHERE.items():
        if module in code:  # loading them costs more than most programs take
            for name in names:
                setattr(importlib.import_module(module), name, None)
    for name in _REMOVED_BUILTINS:
        setattr(builtins, name, None)
    for name in _MISSING_MODULES:
        sys.modules[name] = None  # type: ignore[assignment]


def wrapped(code: str) -> str | None:
    """Return the program for a standard input problem: the imports, then the rest as a function.
    None if that fails: the program then runs as it is and without the prelude's names."""
    try:
        body = ast.parse(code).body
        if body and isinstance(body[-1], ast.If):
            guard = body[-1]
            if ast.unparse(guard.test) == "__name__ == '__main__'":
                body = ast.parse(_unparse([*body[:-1], *guard.body])).body
        imports = [s for s in body if isinstance(s, ast.Import | ast.ImportFrom)]
        others = [s for s in body if not isinstance(s, ast.Import | ast.ImportFrom)]
        no_arguments = ast.arguments(
            posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[]
        )
        function = ast.FunctionDef(
            name="wrapped_function", args=no_arguments, body=others, decorator_list=[], lineno=1
        )
        return f"{_FIRST}{_unparse(imports)}\n{_unparse([function])}"
    except Exception:  # noqa: BLE001  whatever the parser raises
        return None


def _unparse(statements: list[Any]) -> str:
    return ast.unparse(ast.Module(body=statements, type_ignores=[]))


def run(job: dict[str, Any], fd: int) -> None:
    """Load the program, then answer one frame per test until the other side hangs up."""
    _remove_functions(job["code"])
    sys.set_int_max_str_digits(50000)
    signal.signal(signal.SIGALRM, _alarm)
    seconds = max(1, int(job["seconds"]))
    stdin = job["how"] == "compat-stdin"
    try:
        text = wrapped(job["code"]) if stdin else f"{_FIRST}\n{job['code']}"
        holder = _load(job["code"] if text is None else text, seconds, bare=text is None)
        method = getattr(holder, "wrapped_function" if stdin else job["function"])
    except Exception as error:  # noqa: BLE001  by the rules any Exception is a runtime error
        write_json(fd, {"e": error_name(error), "load": True})
        return
    answer = _answer_stdin if stdin else _answer_functional
    while (body := read_frame(fd)) is not None:
        write_json(fd, answer(method, body.decode("utf-8", "surrogatepass"), seconds))


def _load(text: str, seconds: int, *, bare: bool) -> Any:
    module = ModuleType("tmp_sol", "") if bare else prelude.module()
    if not bare:
        module.__dict__.update(dict.fromkeys(_REMOVED_BUILTINS))
    signal.alarm(seconds)
    try:
        program = compile(text, "<string>", "exec", dont_inherit=True)
        if not bare:
            sys.setrecursionlimit(prelude.DEPTH)
        exec(program, module.__dict__)
        return module.Solution() if "class Solution" in text else module
    finally:
        signal.alarm(0)


def _answer_functional(method: Callable[..., Any], text: str, seconds: int) -> dict[str, Any]:
    arguments = [json.loads(line) for line in text.split("\n")]
    signal.alarm(seconds)
    try:
        value = method(*arguments)
        signal.alarm(0)
        return {"v": encode(value)}
    except Exception as error:  # noqa: BLE001
        return _failed(error)
    finally:
        signal.alarm(0)


def _answer_stdin(method: Callable[..., Any], text: str, seconds: int) -> dict[str, Any]:
    before, output = sys.stdout, io.StringIO()
    output.close = lambda unexpected: 1  # type: ignore[assignment, method-assign, misc]
    sys.stdout = output
    signal.alarm(seconds)
    try:
        # A SystemExit is swallowed whatever its status: only the output counts.
        with _patched_input(text), contextlib.suppress(SystemExit):
            method()
        signal.alarm(0)
        return {"out": output.getvalue()}
    except Exception as error:  # noqa: BLE001
        return _failed(error)
    finally:
        signal.alarm(0)
        sys.stdout = before


def _failed(error: Exception) -> dict[str, Any]:
    signal.alarm(0)
    try:
        timeout = "timeoutexception" in repr(error).lower()
    except Exception:  # noqa: BLE001  a program's own __repr__
        timeout = False
    return {"e": error_name(error), "timeout": timeout}


class _Input:
    """Replaces sys.stdin: only readline and input() keep their position."""

    def __init__(self, text: str) -> None:
        self._text, self._lines = text, io.StringIO(text)
        self.buffer = _InputBytes(text)

    def read(self, *_: object) -> str:
        return self._text

    def readline(self, *arguments: Any) -> str:
        return self._lines.readline(*arguments)

    def readlines(self, *_: object) -> list[str]:
        return self._text.split("\n")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lines, name)


class _InputBytes:
    """Replaces sys.stdin.buffer: read returns everything, readline always the first line."""

    def __init__(self, text: str) -> None:
        self._bytes = text.encode("utf-8")

    def read(self, *_: object) -> bytes:
        return self._bytes

    def readline(self, *_: object) -> bytes:
        return self._bytes.split(b"\n")[0] + b"\n"


@contextlib.contextmanager
def _patched_input(text: str) -> Iterator[None]:
    """Swap sys.stdin, the real stream's read methods, and builtins.open."""
    stream: Any = sys.stdin
    lines = iter(text.split("\n"))
    stream.read = lambda *_: text
    stream.readlines = lambda *_: text.split("\n")
    stream.readline = lambda *_: next(lines)
    real_open = builtins.open
    mock: list[Any] = []

    def mocked(*arguments: Any, **keywords: Any) -> Any:
        if not mock:
            from unittest.mock import mock_open

            mock.append(mock_open(read_data=text))
        return mock[0](*arguments, **keywords)

    setattr(sys, "stdin", _Input(text))  # noqa: B010  another type on purpose
    builtins.open = mocked
    try:
        yield
    finally:
        builtins.open = real_open
        sys.stdin = stream
        for name in ("read", "readlines", "readline"):
            stream.__dict__.pop(name, None)
