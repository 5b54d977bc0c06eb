"""Runs a call in a process of its own, where it may take so much memory and time."""

import os
import resource
import select
import signal
import time
import warnings
from collections.abc import Callable
from pathlib import Path

_TOO_MUCH = 77  # exit status of a child that ran out of memory
_PIPE = 2**16


class TooMuch(Exception):
    """Says what a call needs more of than it may have."""


def excess(call: Callable[[], object], *, seconds: float, memory: int) -> str | None:
    """Run a call in a copy of this process and return what it needs too much of: `memory` (in
    bytes, beyond what the process has already) or time; None if it ends, in whatever way. See
    `limited`."""

    def run() -> bytes:
        call()
        return b""

    try:
        limited(run, seconds=seconds, memory=memory)
    except TooMuch as error:
        return str(error)
    return None


def limited(call: Callable[[], bytes], *, seconds: float, memory: int) -> bytes:
    """Return what a call gives in a copy of this process; b"" if it raises an error. Raises TooMuch
    if it needs more than `seconds`, or more than `memory` bytes beyond what the process has
    already. The call may not use other threads' work or a GPU, of which a copy has none."""
    receiver, sender = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of forks beside threads, on which the call must not wait
        child = os.fork()
    if child == 0:
        os.close(receiver)
        _run(call, sender, seconds=seconds, memory=memory)
    os.close(sender)
    deadline = time.monotonic() + seconds
    parts: list[bytes] = []
    status = None
    try:
        # The pipe is at its end when the child is, unless a copy of us made meanwhile holds it.
        while status is None:
            ready, _, _ = select.select([receiver], [], [], 0.02)
            part = os.read(receiver, _PIPE) if ready else b""
            parts.append(part)
            if not part:
                ended, code = os.waitpid(child, 0 if ready else os.WNOHANG)
                status = code if ended else None
            if status is None and time.monotonic() > deadline:
                raise TooMuch(f"more than {seconds:g} seconds")
    finally:
        os.close(receiver)
        if status is None:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        raise TooMuch(f"more than {memory / 2**30:g} GiB of memory")
    return b"".join(parts)


def _run(call: Callable[[], bytes], sender: int, *, seconds: float, memory: int) -> None:
    """Run a call, send what it gives, and end the process."""
    status = 0
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(int(seconds) + 5)  # should the parent be killed meanwhile
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * os.sysconf("SC_PAGE_SIZE") + memory
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        rest = memoryview(call())
        while rest:
            rest = rest[os.write(sender, rest) :]
    except MemoryError:
        status = _TOO_MUCH
    except BaseException:  # noqa: BLE001 (the caller meets it again)
        status = 0
    finally:
        os._exit(status)
