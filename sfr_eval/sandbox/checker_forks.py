"""The grader's handle on the process that checking processes are forked from: one for all workers,
started when the first needs it, until the grader ends."""

import atexit
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

from sfr_eval.sandbox.isolation import ENVIRONMENT

_ROOT = Path(__file__).parents[2]
_PROGRAM = """
import sys
sys.path.insert(0, {!r})
from sfr_eval.sandbox.checker_process import main
main()
"""
_REPLY_BYTES = 64
_REPLY_SECONDS = 60.0  # of a heavily loaded machine
_END_SECONDS = 2.0


class Forks:
    """Asks the process for others. Safe with threads, and after a fork of the grader itself, which
    gets a process of its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner = 0
        self._control: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def fork(self, seconds: int) -> socket.socket:
        """Return the socket of a new process, which sends its number when it is ready. Raises
        OSError if there cannot be one."""
        ours, theirs = socket.socketpair()
        with theirs, self._lock:
            try:
                control = self._started()
                try:
                    self._order(control, seconds, theirs)
                except OSError:  # someone has killed it
                    self._leave()
                    self._order(self._started(), seconds, theirs)
            except OSError:
                ours.close()
                raise
        return ours

    def end(self, pid: int) -> None:
        """Kill one of its processes. One of a process that is gone ends by itself, at the latest
        when it exceeds its limits."""
        with self._lock:
            if self._control is not None and self._owner == os.getpid():
                try:
                    self._control.send(str(pid).encode())
                    self._control.recv(_REPLY_BYTES)
                except OSError:
                    self._leave()

    def close(self) -> None:
        """End the process and all that it has forked. Safe to call twice."""
        with self._lock:
            self._leave()

    def _order(self, control: socket.socket, seconds: int, wire: socket.socket) -> None:
        socket.send_fds(control, [str(seconds).encode()], [wire.fileno()])

    def _started(self) -> socket.socket:
        if self._control is None or self._owner != os.getpid():
            self._leave()
            self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._control.settimeout(_REPLY_SECONDS)
            self._owner = os.getpid()
            with theirs:
                self._process = subprocess.Popen(
                    [sys.executable, "-s", "-P", "-c", _PROGRAM.format(str(_ROOT))],
                    env=dict(ENVIRONMENT),
                    cwd="/",
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
        return self._control

    def _leave(self) -> None:
        control, self._control = self._control, None
        process, self._process = self._process, None
        if control is not None:
            control.close()
        if process is not None and self._owner == os.getpid():
            try:
                process.wait(timeout=_END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


FORKS = Forks()
atexit.register(FORKS.close)
