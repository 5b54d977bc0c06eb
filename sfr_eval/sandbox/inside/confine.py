"""Kernel facilities by raw system calls: namespaces, Landlock, capabilities, limits.

Linux on x86_64 and aarch64. Every function raises OSError if the kernel refuses: when a facility
that the tier promises fails, the program is not scored; the facility is never skipped.
"""

import ctypes
import errno
import os
import resource
import struct
from collections.abc import Sequence

from . import calls
from .filters import Filter

_libc = ctypes.PyDLL(None, use_errno=True)  # PyDLL holds the interpreter's lock across clone
_SIGCHLD = 17
_HERE, _RECURSIVE, _READ_ONLY = -100, 0x8000, 1

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000


def _number(name: str) -> int:
    number = calls.number(name)
    if number is None:
        raise OSError(38, f"{name}: no such system call")
    return number


def _checked(result: int, *call: object) -> int:
    """Return the result of a call. Raises OSError, which names the call, if it failed."""
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{' '.join(map(str, call))}: {os.strerror(error)}")
    return result


def _call(*words: object) -> int:
    return _checked(int(_libc.syscall(*words)), "system call", words[0])


# Arguments of the calls that each program makes, built once: a fork copies less if it creates no
# objects.
_ZERO = ctypes.c_long(0)
_NO_CAPABILITIES = (
    ctypes.c_long(_number("capset")),
    ctypes.c_char_p(struct.pack("<Ii", 0x20080522, 0)),
    ctypes.c_char_p(bytes(24)),
)
_CLONE, _RESTRICT = (ctypes.c_long(_number(name)) for name in ("clone", "landlock_restrict_self"))
_SECCOMP, _FILTER_MODE = ctypes.c_int(22), ctypes.c_ulong(2)
_SET_FILTER, _NEW_LISTENER, _WAIT_FOR_KILL = 1, 8, 32
_DUMPABLE = ctypes.c_int(4)
_NO, _YES = ctypes.c_ulong(0), ctypes.c_ulong(1)


def _prctl(option: ctypes.c_int, first: object, second: object = _NO) -> None:
    _checked(_libc.prctl(option, first, second, _NO, _NO), "prctl", option)


def clone(flags: int) -> int:
    """Like fork, with namespace flags or 0. Only for a process that never had a second thread. A
    bare system call: what Python does around `os.fork` (new locks, hooks of `threading` and
    `random`) serves processes with threads, and would touch and thereby copy 180 pages in each
    child, a third of all the pages that a small program copies."""
    flags |= _SIGCHLD
    return _call(_CLONE, ctypes.c_long(flags), _ZERO, _ZERO, _ZERO, _ZERO)


def unshare(flags: int) -> None:
    """Move this process, which must have only one thread, into new namespaces."""
    _checked(_libc.unshare(ctypes.c_int(flags)), "unshare")


def mount(source: str, target: str, *, kind: str = "", flags: int = 0, options: str = "") -> None:
    """Mount a file system of this kind, or bind or change one, as the flags say."""
    words = (word.encode() or None for word in (source, target, kind))
    result = _libc.mount(*words, ctypes.c_ulong(flags), options.encode() or None)
    _checked(result, "mount", target)


def unmount(target: str, *, flags: int) -> None:
    """Remove a mount."""
    _checked(_libc.umount2(target.encode(), ctypes.c_int(flags)), "unmount", target)


def pivot_root(new: str, old: str) -> None:
    """Make a mount the root, and put the old root on `old`."""
    number = ctypes.c_long(_number("pivot_root"))
    _call(number, ctypes.c_char_p(new.encode()), ctypes.c_char_p(old.encode()))


def make_read_only(target: str) -> None:
    """Make a mount and all mounts below it read-only."""
    _call(
        ctypes.c_long(_number("mount_setattr")),
        ctypes.c_int(_HERE),
        ctypes.c_char_p(target.encode()),
        ctypes.c_uint(_RECURSIVE),
        ctypes.c_char_p(struct.pack("<4Q", _READ_ONLY, 0, 0, 0)),
        ctypes.c_size_t(32),
    )


def drop_capabilities() -> None:
    """Empty the effective, permitted and inheritable sets."""
    _call(*_NO_CAPABILITIES)


def no_new_privileges() -> None:
    """From here on set-id programs grant nothing; seccomp and Landlock require it."""
    _prctl(ctypes.c_int(38), _YES)


def dumpable(flag: bool) -> None:
    """Set whether the same user's processes may inspect this one (/proc/<pid>/mem, ptrace)."""
    _prctl(_DUMPABLE, _YES if flag else _NO)


def die_with_parent() -> None:
    """Receive SIGKILL when the parent process ends."""
    _prctl(ctypes.c_int(1), ctypes.c_ulong(9))


def _within_hard_limit(what: int, value: int) -> int:
    _, hard = resource.getrlimit(what)
    return value if hard == resource.RLIM_INFINITY else min(value, hard)


def limit_resources(*, memory: int, file_bytes: int) -> None:
    """Set hard limits for this process and its children. The stack keeps its usual soft limit."""
    for what, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_DATA, memory),
        (resource.RLIMIT_FSIZE, file_bytes),
        (resource.RLIMIT_NOFILE, 256),
        (resource.RLIMIT_CORE, 1),  # with 0 a core still goes to a handler of the host
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
    ):
        most = _within_hard_limit(what, value)
        resource.setrlimit(what, (most, most))
    _, hard = resource.getrlimit(resource.RLIMIT_STACK)
    soft = _within_hard_limit(resource.RLIMIT_STACK, 8 * 2**20)
    resource.setrlimit(resource.RLIMIT_STACK, (soft, hard))


def limit_program(*, processes: int | None, cpu_seconds: int) -> None:
    """Set one program's hard limits. `processes` counts in its user namespace; None: unchanged."""
    if processes is not None:
        most = _within_hard_limit(resource.RLIMIT_NPROC, processes)
        resource.setrlimit(resource.RLIMIT_NPROC, (most, most))
    # SIGXCPU first, and SIGKILL a second later for programs that ignore it.
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))


def apply_seccomp(program: Filter) -> None:
    """Install the filter for this process and its future threads."""
    _prctl(_SECCOMP, _FILTER_MODE, ctypes.byref(program))


def listen_seccomp(program: Filter) -> int:
    """Like `apply_seccomp`; return a descriptor on which the calls arrive that the filter asks
    about. Once a request has been read, only a fatal signal ends the caller's wait; before Linux
    5.19, which does not know that flag, any signal does, and the call is made again."""
    number, command = ctypes.c_long(_number("seccomp")), ctypes.c_uint(_SET_FILTER)
    try:
        flags = ctypes.c_uint(_NEW_LISTENER | _WAIT_FOR_KILL)
        return _call(number, command, flags, ctypes.byref(program))
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        return _call(number, command, ctypes.c_uint(_NEW_LISTENER), ctypes.byref(program))


_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_TRUNCATE, _REFER, _IOCTL = 1 << 14, 1 << 13, 1 << 15


def landlock_abi() -> int:
    """Return the version of Landlock in this kernel, 0 if there is none."""
    try:
        number = ctypes.c_long(_number("landlock_create_ruleset"))
        return _call(number, _ZERO, _ZERO, ctypes.c_uint(1))
    except OSError:
        return 0


def landlock_ruleset(*, read: Sequence[str], write: Sequence[str]) -> int:
    """Return a ruleset. Files below `read` may be read, files below `write` anything but executed,
    no others used at all. No TCP, and no signals or abstract sockets to processes outside. Rules
    that this kernel's version of Landlock does not know are left out."""
    abi = landlock_abi()
    files = (1 << 13) - 1
    files |= _REFER if abi >= 2 else 0
    files |= _TRUNCATE if abi >= 3 else 0
    files |= _IOCTL if abi >= 5 else 0
    attributes = struct.pack("<QQQ", files, 3 if abi >= 4 else 0, 3 if abi >= 6 else 0)
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    ruleset = _call(
        ctypes.c_long(_number("landlock_create_ruleset")),
        ctypes.c_char_p(attributes),
        ctypes.c_size_t(size),
        ctypes.c_uint(0),
    )
    for paths, allowed in ((read, _READ_FILE | _READ_DIR), (write, files & ~_EXECUTE)):
        for path in paths:
            _landlock_path(ruleset, path, allowed)
    return ruleset


def _landlock_path(ruleset: int, path: str, allowed: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, PermissionError):
        return  # there is nothing to allow
    try:
        if not os.path.isdir(path):
            allowed &= _WRITE_FILE | _READ_FILE | _TRUNCATE
        rule = struct.pack("<Qi", allowed, fd)
        _call(
            ctypes.c_long(_number("landlock_add_rule")),
            ctypes.c_int(ruleset),
            ctypes.c_int(1),
            ctypes.c_char_p(rule),
            ctypes.c_uint(0),
        )
    finally:
        os.close(fd)


def apply_landlock(ruleset: int) -> None:
    """Bind this process by the ruleset from here on."""
    _call(_RESTRICT, ctypes.c_int(ruleset), _NO)
