"""Runs a program as a fresh interpreter would: standard streams, `__main__`, exit."""

import atexit
import builtins
import io
import json
import mmap
import os
import random
import sys
import threading
from types import CodeType, ModuleType
from typing import Any

from .plain import encode, error_name
from .wire import write_json

_RECURSION = 1000
_CALLS_COUNTED = 0 if sys.version_info >= (3, 12) else 1  # that of exec
FILE = "program.py"


def compiled(code: str, file: str = FILE) -> CodeType:
    """Compile a program from bytes, so that a byte order mark and a coding line count."""
    return compile(as_bytes(code), file, "exec", dont_inherit=True)


def as_bytes(code: str) -> bytes:
    """Return a program as its file has it."""
    return code.encode("utf-8", "surrogatepass")


def open_streams() -> None:
    """Open sys.stdin, stdout and stderr on descriptors 0 to 2, as Python does in a UTF-8 locale."""
    sys.stdin = sys.__stdin__ = _stream(0, "r", "surrogateescape")  # type: ignore[misc]
    sys.stdout = sys.__stdout__ = _stream(1, "w", "surrogateescape")  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _stream(2, "w", "backslashreplace")  # type: ignore[misc]


def _stream(fd: int, mode: str, errors: str) -> Any:
    binary: Any = open(fd, mode + "b", closefd=False)  # noqa: SIM115
    binary.raw.name = ("<stdin>", "<stdout>", "<stderr>")[fd]
    stream: Any = io.TextIOWrapper(
        binary, encoding="utf-8", errors=errors, newline="\n", line_buffering=fd == 2
    )
    stream.mode = mode
    return stream


def prepare() -> None:
    """Do what is the same for all programs, in the process that will be forked."""
    sys.argv[:] = [FILE]
    random.seed(0)  # equal programs get equal verdicts
    become_main(_main)


def become_main(main: ModuleType) -> None:
    """Make a module `__main__`, like that of a program in a file."""
    main.__dict__.update(__builtins__=builtins, __file__=FILE, __cached__=None)
    sys.modules["__main__"] = main


_main = ModuleType("__main__")


def new_main() -> ModuleType:
    """Return an empty `__main__` module, for the only program of a process."""
    return _main


def _hide_depth(frames: int) -> None:
    """Make the recursion limit what it is for a program on the lowest frame."""
    limits = [_RECURSION]
    set_limit = sys.setrecursionlimit

    def setrecursionlimit(limit: int, /) -> None:
        set_limit(min(limit + frames, 2**31 - 1) if 0 < limit < 2**31 else limit)
        limits[0] = limit

    def getrecursionlimit() -> int:
        return limits[0]

    setrecursionlimit(_RECURSION)
    sys.setrecursionlimit, sys.getrecursionlimit = setrecursionlimit, getrecursionlimit


def run_main(program: CodeType, note: mmap.mmap) -> int:
    """Execute a program as `__main__` and return its exit status. Threads are joined and exit
    handlers run. `note` becomes what the exit status does not show: 1 if memory ran out, else 0,
    and the length and the name of the exception that ended the program."""
    open_streams()
    main = new_main()
    frames = _CALLS_COUNTED
    frame = sys._getframe()
    while frame is not None:
        frames, frame = frames + 1, frame.f_back  # type: ignore[assignment]
    _hide_depth(frames)
    main.__dict__["__file__"] = program.co_filename
    status = 0
    try:
        exec(program, main.__dict__)
    except SystemExit as leave:
        status = _exit_status(leave.code)
    except BaseException as error:  # noqa: BLE001  what the interpreter itself does last
        status = 1
        note[0] = isinstance(error, MemoryError)
        name = error_name(error).encode("utf-8", "replace")[: len(note) - 2]
        note[1 : 2 + len(name)] = bytes([len(name)]) + name
        sys.excepthook(*sys.exc_info())
    return max(status, _finish(main, program))


def _exit_status(code: object) -> int:
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    sys.stderr.write(f"{code}\n")
    return 1


def _finish(main: ModuleType, program: CodeType) -> int:
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    if "__del__" in _names(program):
        main.__dict__.clear()  # finalizers may still print
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        return 0 if getattr(sys.stdout, "closed", False) else 120
    return 0


def _names(program: CodeType) -> set[str]:
    inner = (_names(constant) for constant in program.co_consts if isinstance(constant, CodeType))
    return {program.co_name}.union(*inner)


def run_call(program: CodeType, function: str, text: str, fd: int) -> int:
    """Run one test of a functional problem and return the exit status. The names of the usual
    imports are there, nothing from another test is, and the program keeps its own first line."""
    from . import prelude

    open_streams()
    main = prelude.module()
    become_main(main)
    sys.setrecursionlimit(prelude.DEPTH)
    try:
        exec(program, main.__dict__)
        holder = main.__dict__.get("Solution")
        if isinstance(holder, type) and hasattr(holder, function):
            method = getattr(holder(), function)
        else:
            method = main.__dict__[function]
        value = method(*[json.loads(line) for line in text.split("\n")])
        write_json(fd, {"v": encode(value)})
    except BaseException as error:  # noqa: BLE001  SystemExit before an answer fails too
        write_json(fd, {"e": error_name(error)})
        return 1
    return 0


def to_null(*descriptors: int) -> None:
    """Point descriptors at the null device."""
    null = os.open("/dev/null", os.O_RDWR)
    for fd in descriptors:
        os.dup2(null, fd)
    if null not in descriptors:
        os.close(null)
