"""pytest tests/sandbox/inside/test_filters.py -- what the filters answer, by running their code."""

import ctypes
import struct

import pytest

from sfr_eval.sandbox.inside import calls, filters, threads

ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}[calls.MACHINE]
ALLOWED, EPERM, EINVAL, ENOTTY, ENOSYS = 0x7FFF0000, 0x50001, 0x50016, 0x50019, 0x50026
KILLED = 0x80000000
ASKED, RECEIVE = 0x7FC00000, 0xC0502100
SERVER = filters.server_filter()
COUNTING = filters.server_filter(controls=threads.CONTROLS)
ASKING = filters.thread_filter()
BOXED = filters.program_filter(first=True, metadata=True)
LOWER = filters.program_filter(first=False, metadata=False)


def answer(program: filters.Filter, name: str, *arguments: int) -> int:
    """Returns what a filter answers to a call, as the kernel would run it."""
    number = calls.number(name)
    assert number is not None
    padded = (*arguments, 0, 0, 0, 0, 0, 0)[:6]
    data = struct.pack("<IIQ6Q", number, ARCHITECTURE, 0, *padded)
    address = ctypes.c_void_p.from_buffer(program, filters.Filter.code.offset).value
    assert address is not None
    lines = list(struct.iter_unpack("<HBBI", ctypes.string_at(address, 8 * program.length)))
    place, value = 0, 0
    while True:
        operation, yes, no, k = lines[place]
        place += 1
        if operation == 0x20:
            value = struct.unpack_from("<I", data, k)[0]
        elif operation == 0x54:
            value &= k
        elif operation == 0x06:
            return int(k)
        else:
            test = {0x15: value == k, 0x35: value >= k, 0x45: bool(value & k)}[operation]
            place += yes if test else no


@pytest.mark.parametrize(
    ("program", "call", "expected"),
    [
        (SERVER, ("socket", 1, 1), EPERM),
        (SERVER, ("socketpair", 1, 1), ALLOWED),
        (SERVER, ("socketpair", 1, 0x80801), ALLOWED),  # close on exec, non-blocking
        (SERVER, ("socketpair", 1, 2), EPERM),
        (SERVER, ("socketpair", 1, 5), EPERM),
        (SERVER, ("socketpair", 30, 1), EPERM),
        (SERVER, ("prlimit64", 0, 7), ALLOWED),
        (SERVER, ("prlimit64", 1, 7), EPERM),
        (SERVER, ("prlimit64", 1 << 32, 7), ALLOWED),  # the kernel reads the lower half too
        (SERVER, ("ioctl", 0, 0x5401), ALLOWED),
        (SERVER, ("ioctl", 3, 0x40086602), ENOTTY),  # FS_IOC_SETFLAGS
        (SERVER, ("ioctl", 3, (1 << 32) + 0x40086602), ENOTTY),
        (SERVER, ("fcntl", 3, 4), ALLOWED),
        (SERVER, ("fcntl", 3, 1036), EINVAL),  # F_SET_RW_HINT
        (SERVER, ("fcntl", 3, 8), EINVAL),  # F_SETOWN
        (SERVER, ("sched_setaffinity", 0), EPERM),
        (SERVER, ("ioctl", 3, RECEIVE), ENOTTY),
        (COUNTING, ("ioctl", 3, RECEIVE), ALLOWED),
        (COUNTING, ("ioctl", 3, 0x40086602), ENOTTY),
        (SERVER, ("sendmsg", 3), ALLOWED),  # the server sends each program's socket
        (SERVER, ("fcntl", 3, 1031), EINVAL),  # F_SETPIPE_SZ
        (ASKING, ("clone", 0x3D0F00), ASKED),
        (ASKING, ("clone", 17), ALLOWED),
        (ASKING, ("kill", 1, 9), ALLOWED),
        (BOXED, ("sendmsg", 3), EPERM),
        (SERVER, ("sendmmsg", 3), EPERM),
        (BOXED, ("prctl", 4, 1), EPERM),
        (BOXED, ("prctl", 15, 1), ALLOWED),  # the name of a thread
        (BOXED, ("clone", 17), EPERM),
        (BOXED, ("clone", 0x3D0F00), ALLOWED),  # a thread, as the C library makes it
        (BOXED, ("clone3",), ENOSYS),
        (BOXED, ("kill", 1, 9), KILLED),
        (BOXED, ("kill", 1, 10), KILLED),
        (BOXED, ("kill", 1, 17), ALLOWED),
        (BOXED, ("fchmodat", 0), ALLOWED),
        (LOWER, ("fchmodat", 0), EPERM),
        (LOWER, ("utimensat", 0), EPERM),
        (LOWER, ("kill", 1, 9), ALLOWED),  # Landlock confines it
        (LOWER, ("clone", 17), EPERM),
        (LOWER, ("clone", 0x3D0F00), ALLOWED),  # but the other filter asks
    ],
)
def test_what_a_filter_answers(
    program: filters.Filter, call: tuple[str, *tuple[int, ...]], expected: int
) -> None:
    assert answer(program, *call) == expected


def test_every_refused_call_is_refused() -> None:
    for name in calls.REFUSED:
        if calls.number(name) is not None:
            assert EPERM in (answer(SERVER, name), answer(BOXED, name)), name
    for name in calls.METADATA:
        if calls.number(name) is not None:
            assert answer(LOWER, name) == EPERM, name
