"""The grader's handle on one fork server and on the one program that runs in it."""

import contextlib
import json
import marshal
import select
import socket
import subprocess
import sys
import tempfile
import time
from typing import Any

from sfr_eval.sandbox import cgroup
from sfr_eval.sandbox.inside.wire import frame
from sfr_eval.sandbox.isolation import ENVIRONMENT, Tier, command
from sfr_eval.sandbox.types import Limits

_START_SECONDS = 120.0  # enough for a heavily loaded machine
_REPORT_SECONDS = 60.0
_SERVER_BYTES = 2**29
_REPORT_BYTES = 1 << 16  # the server writes each report in one piece
_DONT_WAIT = socket.MSG_DONTWAIT
_LIMITS = Limits()


class HostError(Exception):
    """The server did not start, or died: says nothing about a program."""


class TimedOut(Exception):
    """The program did not answer by the deadline."""


class TooMuch(Exception):
    """The program sent more than it is allowed to."""


class Host:
    """A fork server of one tier. Runs one program at a time; not thread-safe."""

    def __init__(
        self, tier: Tier, *, contest: bool = False, numpy: bool = False, limits: Limits = _LIMITS
    ) -> None:
        """Start the server. `contest` prepares LiveCodeBench's prelude, `numpy` imports NumPy. A
        server runs any program, but more slowly if it lacks what the program uses."""
        self.tier = tier
        self._group = cgroup.make(limits.memory_bytes + limits.temporary_bytes + _SERVER_BYTES)
        ours, theirs = socket.socketpair()
        self._control = ours
        self._poll = select.poll()
        self._poll.register(ours, select.POLLIN)
        self.references: dict[tuple[object, ...], Any] = {}  # results of reference programs
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  closed in close()
        words = command(tier, control=theirs.fileno(), contest=contest, numpy=numpy, limits=limits)
        try:
            self._process = subprocess.Popen(
                self._group.wrap(words) if self._group else words,
                env=dict(ENVIRONMENT),
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        except OSError as error:
            raise HostError(f"{words[0]}: {error.strerror}") from None
        finally:
            theirs.close()
        self._next: socket.socket | None = None  # wire of the standby process
        self.facts: dict[str, Any] = self._receive(_START_SECONDS)

    def __enter__(self) -> "Host":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the server and everything that runs in it. Safe to call twice."""
        self._control.close()
        if self._next is not None:
            self._next.close()
        try:
            self._process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()
        if self._group:
            self._group.remove()

    @property
    def usable(self) -> bool:
        """Whether a standby process is ready for a program."""
        return self._next is not None

    def open(self, job: dict[str, Any], first: bytes) -> "Session":
        """Start a program and return once it is confined and begins. `job` is what server.py reads,
        `first` the first frame after it."""
        wire, self._next = self._next, None
        if wire is None:
            raise HostError(self._last_words("the server is gone"))
        return Session(self, wire, job, first)

    def end(self, order: bytes) -> dict[str, Any]:
        """End the program and return its report. The orders are k: kill; l: kill a program that is
        late; t: let the keeper end it; w: it is ending by itself. The report says how the program
        ended, its CPU seconds and, if it was late, how long it had no core."""
        try:
            self._control.sendall(order)
        except OSError:
            raise HostError(self._last_words("the server is gone")) from None
        return self._receive(_REPORT_SECONDS)

    def size(self) -> tuple[int, int]:
        """Return the server's memory in bytes and number of open files, by its own count."""
        self._control.sendall(b"s")
        facts = self._receive(_REPORT_SECONDS)
        return facts["memory"], facts["files"]

    def ran_out_of_memory(self) -> bool:
        """Whether the kernel has killed a process for lack of memory since the last call."""
        return self._group is not None and self._group.ended_for_memory()

    def _receive(self, seconds: float) -> dict[str, Any]:
        """Return the server's next report, which brings the next wire."""
        self._poll.poll(seconds * 1000)
        try:
            # Not socket.recv_fds: it ignores its flags up to Python 3.13, and would wait for ever.
            part, more, _, _ = self._control.recvmsg(
                _REPORT_BYTES, socket.CMSG_SPACE(4), _DONT_WAIT
            )
        except (BlockingIOError, ConnectionResetError):
            part, more = b"", []
        for _, _, wire in more:
            self._next = socket.socket(fileno=int.from_bytes(wire[:4], sys.byteorder))
        count = int.from_bytes(part[:4], "little")
        if not part or len(part) != 4 + count:
            self._process.kill()
            self._process.wait()
            if self._next is not None:
                self._next.close()
                self._next = None
            raise HostError(self._last_words("the server did not answer"))
        report: dict[str, Any] = json.loads(part[4:])
        return report

    def _last_words(self, default: str) -> str:
        """Return the last line that the server wrote to standard error."""
        self._errors.seek(0)
        lines = self._errors.read()[-2000:].decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else default


class Session:
    """One running program: frames to and from it, each with a deadline."""

    def __init__(self, host: Host, wire: socket.socket, job: dict[str, Any], first: bytes) -> None:
        """Hand over the program and wait until it is confined. Raises HostError if it cannot be."""
        self.host, self._wire = host, wire
        self._left: int = job["output"]
        self.cpu_limit: int = job["cpu_seconds"]
        self._buffer = bytearray()
        self._poll = select.poll()
        self._poll.register(wire, select.POLLIN)
        self._report: dict[str, Any] | None = None
        self._stop = b"t" if job["how"].startswith("faithful") else b"k"
        deadline = time.monotonic() + _START_SECONDS
        self.send(marshal.dumps(job), first, deadline=deadline)
        try:
            body = self.receive(deadline=deadline)
        except TimedOut:
            body = None
        reply = json.loads(body) if body is not None else {}
        if "ready" not in reply:
            self.end()
            raise HostError(str(reply.get("infrastructure", "a program could not be confined")))

    def send(self, *bodies: bytes, deadline: float) -> None:
        """Send frames. `receive` notices a program that is gone or does not read in time."""
        self._wire.settimeout(max(0.01, deadline - time.monotonic()))
        with contextlib.suppress(OSError):
            self._wire.sendall(b"".join(frame(body) for body in bodies))

    def receive(self, *, deadline: float) -> bytes | None:
        """Return the next frame; None if the program has ended. Raises TimedOut or TooMuch."""
        while True:
            body = self._next_frame()
            if body is not None:
                return body
            left = deadline - time.monotonic()
            if left <= 0 or not self._poll.poll(left * 1000):
                raise TimedOut
            try:
                part = self._wire.recv(1 << 18)
            except ConnectionResetError:
                part = b""
            if not part:
                return None
            self._left -= len(part)
            if self._left < 0:
                raise TooMuch
            self._buffer += part

    def _next_frame(self) -> bytes | None:
        end = 4 + int.from_bytes(self._buffer[:4], "little")
        if len(self._buffer) < end:
            return None
        body = bytes(self._buffer[4:end])
        del self._buffer[:end]
        return body

    def end(self, *, wait: bool = False, late: bool = False) -> dict[str, Any]:
        """End the program and everything it started; return the report. Safe to call twice."""
        if self._report is None:
            self._report = {}  # stays empty if the server dies
            order = b"l" if late and self._stop == b"k" else self._stop
            self._report = self.host.end(b"w" if wait else order)
            self._wire.close()
        return self._report
