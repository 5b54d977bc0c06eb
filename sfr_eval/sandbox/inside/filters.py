"""Filters of system calls (seccomp): one for a server and its children, one more for a program.

The kernel compiles a filter every time that it is installed, which costs more than everything else
together: what the server does not need itself is refused in its own filter, which is free for each
program.
"""

import ctypes
import struct
from collections.abc import Iterable

from . import calls


class Filter(ctypes.Structure):
    """A filter in the form that the kernel reads."""

    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_char_p)]


_LATER = ("fork", "vfork", "pidfd_open", "kcmp", "sendmsg")
"""Refused to programs only: the server and the keeper need them, or may have them."""

_CONTROLS = (0x5401, 0x802C542A, 0x540F, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
"""What ioctl may do: TCGETS, TCGETS2, TIOCGPGRP, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX.
Among the others are flags and versions of files, which outlive the program."""
_DESCRIPTOR_CONTROLS = (*range(8), 9, 36, 37, 38, 1027, 1030, 1032, 1034)
"""What fcntl may do: F_DUPFD, flags, locks, F_GETOWN, F_DUPFD_QUERY, F_DUPFD_CLOEXEC,
F_GETPIPE_SZ, F_GET_SEALS. Among the others are hints that stay with a file, leases, signals to
others, and larger pipes, which make those of the same user's other programs smaller."""
_PROCESS_CONTROLS = (1, 4)
"""What prctl may not do: PR_SET_PDEATHSIG (the program would outlive its server) and
PR_SET_DUMPABLE (its end would start a handler of the host)."""

_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_CLONE_THREAD = 0x00010000
_UNIX, _STREAM, _TYPE_BITS = 1, 1, 0xF
_LOAD, _AND, _EQUAL, _AT_LEAST, _BIT_SET, _ANSWER = 0x20, 0x54, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERRNO, _ASK = 0x7FFF0000, 0x80000000, 0x00050000, 0x7FC00000
_EPERM, _EINVAL, _ENOTTY, _ENOSYS = 1, 22, 25, 38
_FATAL = (1, 3, 6, 9, 10, 12, 15)  # hang-up, quit, abort, kill, user signals, terminate
_ARGUMENTS = (16, 24, 32)  # where the lower halves of the arguments are


def server_filter(*, controls: Iterable[int] = ()) -> Filter:
    """Return the filter for a server and its children: calls that neither needs fail with EPERM.
    Only pairs of connected stream sockets can be made, and limits set of the caller itself.
    `controls` is what ioctl may do besides."""
    names = [name for name in calls.REFUSED if name not in _LATER]
    return _program(
        [
            *_refusals(names),
            *_only("ioctl", argument=1, values=(*_CONTROLS, *controls), error=_ENOTTY),
            *_only("fcntl", argument=1, values=_DESCRIPTOR_CONTROLS, error=_EINVAL),
            *_only("prlimit64", argument=0, values=(0,), error=_EPERM),
            *_stream_pairs(),
        ]
    )


def thread_filter() -> Filter:
    """Return the filter that lets a listener decide about each new thread."""
    return _program(_clone(threads=_ASK, processes=_ALLOW))


def program_filter(*, first: bool, metadata: bool) -> Filter:
    """Return the additional filter for a program: clone makes threads only, clone3 is refused.
    clone3 fails with ENOSYS, so that the C library falls back to clone. first: the filter is for a
    process 1, to which the kernel does not deliver fatal signals from itself: sending one of
    `_FATAL` ends the sender, as it would end any other process that handles none of them.
    metadata: whether it may change permissions and times of files, which is harmless only if it
    sees no files of the host."""
    lines = _call("clone3", [_line(_ANSWER, 0, 0, _ERRNO | _ENOSYS)])
    lines += _refusals((*_LATER, *(() if metadata else calls.METADATA)))
    if first:
        for name, argument in (("kill", 1), ("tkill", 1), ("tgkill", 2)):
            lines += _never(name, argument=argument, values=_FATAL, answer=_KILL)
    lines += _never("prctl", argument=0, values=_PROCESS_CONTROLS, answer=_ERRNO | _EPERM)
    return _program([*lines, *_clone(threads=_ALLOW, processes=_ERRNO | _EPERM)])


def _line(code: int, yes: int, no: int, k: int) -> bytes:
    return struct.pack("<HBBI", code, yes, no, k)


_REFUSE = _line(_ANSWER, 0, 0, _ERRNO | _EPERM)


def _call(name: str, body: list[bytes]) -> list[bytes]:
    """Return lines that run `body`, which ends with an answer, for this call alone."""
    number = calls.number(name)
    return [] if number is None else [_line(_EQUAL, 0, len(body), number), *body]


def _clone(*, threads: int, processes: int) -> list[bytes]:
    """Return lines that answer a call for a new thread and one for a new process."""
    body = [
        _line(_LOAD, 0, 0, _ARGUMENTS[0]),
        _line(_BIT_SET, 0, 1, _CLONE_THREAD),
        _line(_ANSWER, 0, 0, threads),
        _line(_ANSWER, 0, 0, processes),
    ]
    return _call("clone", body)


def _refusals(names: Iterable[str]) -> list[bytes]:
    return [line for name in names for line in _call(name, [_REFUSE])]


def _only(name: str, *, argument: int, values: Iterable[int], error: int) -> list[bytes]:
    """Return lines that refuse a call unless an argument is one of `values`."""
    body = [_line(_LOAD, 0, 0, _ARGUMENTS[argument])]
    for value in values:
        body += [_line(_EQUAL, 0, 1, value), _line(_ANSWER, 0, 0, _ALLOW)]
    return _call(name, [*body, _line(_ANSWER, 0, 0, _ERRNO | error)])


def _never(name: str, *, argument: int, values: Iterable[int], answer: int) -> list[bytes]:
    """Return lines that answer a call with `answer` if an argument is one of `values`."""
    body = [_line(_LOAD, 0, 0, _ARGUMENTS[argument])]
    for value in values:
        body += [_line(_EQUAL, 0, 1, value), _line(_ANSWER, 0, 0, answer)]
    return _call(name, [*body, _line(_ANSWER, 0, 0, _ALLOW)])


def _stream_pairs() -> list[bytes]:
    """Return lines that allow pairs of UNIX stream sockets: others can send to any address."""
    body = [
        _line(_LOAD, 0, 0, _ARGUMENTS[0]),
        _line(_EQUAL, 1, 0, _UNIX),
        _REFUSE,
        _line(_LOAD, 0, 0, _ARGUMENTS[1]),
        _line(_AND, 0, 0, _TYPE_BITS),
        _line(_EQUAL, 1, 0, _STREAM),
        _REFUSE,
        _line(_ANSWER, 0, 0, _ALLOW),
    ]
    return _call("socketpair", body)


def _program(lines: list[bytes]) -> Filter:
    """Return a filter: checks of the architecture, then the lines; everything else is allowed."""
    head = [
        _line(_LOAD, 0, 0, 4),
        _line(_EQUAL, 1, 0, _ARCHITECTURE[calls.MACHINE]),
        _line(_ANSWER, 0, 0, _KILL),
        _line(_LOAD, 0, 0, 0),
    ]
    if calls.X86:  # the x32 numbers reach the same calls
        head += [_line(_AT_LEAST, 0, 1, 0x40000000), _REFUSE]
    code = b"".join([*head, *lines, _line(_ANSWER, 0, 0, _ALLOW)])
    return Filter(len(code) // 8, code)
