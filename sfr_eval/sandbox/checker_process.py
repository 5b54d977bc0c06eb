"""The checking processes: each answers questions until the grader hangs up, within its limits.

A small process has imported all that they need and forks one for each socket that arrives, which
takes a millisecond or two instead of the tenth of a second that Python needs to start.
"""

import contextlib
import gc
import json
import os
import resource
import signal
import socket
import time
from typing import NoReturn

from sfr_eval.sandbox.answers import QUESTIONS
from sfr_eval.sandbox.inside.wire import read_frame, write_json

MEMORY_BYTES = 2**30
"""Address space: sixteen times the most that a program may send."""
_CONTROL = 0
_ORDER_BYTES = 64


def main() -> None:
    """Obey until the grader is gone. A number with a socket asks for a process that serves it,
    with so many seconds of CPU time for each question; a number alone ends the process of it."""
    control = socket.socket(fileno=_CONTROL)
    gc.freeze()
    children: set[int] = set()
    while True:
        number, wires, _, _ = socket.recv_fds(control, _ORDER_BYTES, 1)
        for pid in tuple(children):
            if os.waitpid(pid, os.WNOHANG) != (0, 0):
                children.remove(pid)
        if wires:
            children.add(_fork(control, wires[0], seconds=int(number)))
        elif number:
            _end(children & {int(number)})
            children.discard(int(number))
            control.send(b"ended")
        else:
            _end(children)
            return


def _end(pids: set[int]) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _fork(control: socket.socket, wire: int, *, seconds: int) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            control.close()
            _serve(wire, seconds)
        finally:
            os._exit(1)
    os.close(wire)
    return pid


def _serve(wire: int, seconds: int) -> NoReturn:
    """Answer each question within so many seconds. What exceeds the limits ends the process, which
    tells the grader enough."""
    for limit, most in ((resource.RLIMIT_AS, MEMORY_BYTES), (resource.RLIMIT_CORE, 0)):
        resource.setrlimit(limit, (most, most))
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the grader hung up
        write_json(wire, os.getpid())
        while (body := read_frame(wire)) is not None:
            _allow(seconds)
            question, values, count = json.loads(body)
            replies = [read_frame(wire) for _ in range(count)]
            write_json(wire, QUESTIONS[question](*values, *replies))
    os._exit(0)


def _allow(seconds: int) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time()) + 1 + seconds, most))
