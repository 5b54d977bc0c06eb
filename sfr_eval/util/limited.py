"""Tries a call in a process of its own first, where it may take so much memory and time."""

import os
import resource
import signal
import time
import warnings
from collections.abc import Callable
from pathlib import Path

_TOO_MUCH = 77  # exit status of a child that ran out of memory


def excess(call: Callable[[], object], *, seconds: float, memory: int) -> str | None:
    """Run a call in a copy of this process and return what it needs too much of: `memory` (in
    bytes, beyond what the process has already) or time; None if it ends, in whatever way. The call
    may not use other threads' work or a GPU, of which a copy has none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of forks beside threads, on which the call must not wait
        child = os.fork()
    if child == 0:
        _run(call, seconds=seconds, memory=memory)
    deadline = time.monotonic() + seconds
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            break
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return f"more than {seconds:g} seconds"
        time.sleep(0.002)
    code = os.waitstatus_to_exitcode(status)
    return None if code == 0 else f"more than {memory / 2**30:g} GiB of memory"


def _run(call: Callable[[], object], *, seconds: float, memory: int) -> None:
    """Run a call and end the process."""
    status = 0
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.alarm(int(seconds) + 5)  # should the parent be killed meanwhile
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * os.sysconf("SC_PAGE_SIZE") + memory
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        call()
    except MemoryError:
        status = _TOO_MUCH
    except BaseException:  # noqa: BLE001 (the caller meets it again)
        status = 0
    finally:
        os._exit(status)
