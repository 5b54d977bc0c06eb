"""Kills engine processes by a small watcher process when the run's own process is gone.

vLLM's engine is a process of its own, which continues for a long time after its driver receives
SIGKILL and holds memory and cores that the resumed run needs. No handler can run on SIGKILL, but
the kernel closes the pipes of the dead process, and the watcher waits for that. This file is also
the watcher's program, so it imports only the standard library.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from glob import glob

_RELEASE = b"release"


class Reaper:
    """Watches `pids` and all their descendants until `release`."""

    def __init__(self, pids: Iterable[int]) -> None:
        self._watcher = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__, *map(str, pids)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C and a kill of our process group must not reach it
        )

    @property
    def pid(self) -> int:
        """Process number of the watcher."""
        return self._watcher.pid

    def release(self) -> None:
        """End the watch; nothing is killed."""
        assert self._watcher.stdin is not None
        try:
            self._watcher.stdin.write(_RELEASE)
            self._watcher.stdin.close()
        except BrokenPipeError:
            pass  # the watcher was killed
        self._watcher.wait()


def watch(pids: Iterable[int], pipe: int) -> None:
    """Wait for the end of `pipe`; unless it asked to release them, kill `pids` and their children.

    A handle on each process is taken at once, so that a later process with the same number is never
    killed in its place.
    """
    handles = []
    for pid in pids:
        try:
            handles.append((pid, os.pidfd_open(pid)))
        except ProcessLookupError:
            continue
    message = b""
    while part := os.read(pipe, len(_RELEASE)):
        message += part
    if message == _RELEASE:
        return
    children = [os.pidfd_open(child) for pid, _ in handles for child in descendants(pid)]
    for handle in [*(handle for _, handle in handles), *children]:
        try:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        except ProcessLookupError:
            continue


def descendants(pid: int) -> list[int]:
    """Return the children of a process, their children and so on, from /proc."""
    pids: list[int] = []
    for path in glob(f"/proc/{pid}/task/*/children"):
        try:
            with open(path) as file:
                children = [int(child) for child in file.read().split()]
        except (FileNotFoundError, ProcessLookupError):
            continue
        for child in children:
            pids += [child, *descendants(child)]
    return pids


if __name__ == "__main__":
    watch([int(argument) for argument in sys.argv[1:]], sys.stdin.fileno())
