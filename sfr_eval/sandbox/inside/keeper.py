"""Process 1 of a program's namespace in faithful mode: forks one process per test."""

import contextlib
import mmap
import os
import resource
import select
import signal
import stat
import time
from types import CodeType
from typing import Any

from . import confine, descriptors, fresh, root
from .filters import Filter
from .wire import read_frame, write_frame, write_json

_CHUNK = 1 << 16
_NOTE = 202  # bytes
_SLOW = 1.0  # seconds
_UNCOMPILED = (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError)


class Confinement:
    """What a process enters, irrevocably, right before it runs the program."""

    __slots__ = ("first", "ruleset", "seccomp")

    def __init__(self) -> None:
        self.ruleset: int | None = None  # Landlock's; None: not made yet, or not used
        self.seccomp: Filter | None = None
        self.first: Filter | None = None  # instead, for a program that is process 1

    def enter(self, *, first: bool) -> None:
        """Enter Landlock, then the filter, which has to come last."""
        root.forget_proc()
        if self.ruleset is not None:
            confine.apply_landlock(self.ruleset)
            os.close(self.ruleset)
        program = self.first if first else self.seccomp
        if program is not None:
            confine.apply_seccomp(program)


_running: list[int] = []  # the program's process, while there is one


def listen() -> None:
    """Let the server's SIGTERM end the program and then the keeper."""
    signal.signal(signal.SIGTERM, _end)


def fork() -> int:
    """Fork and remember the child for SIGTERM, which ends the child itself as usual."""
    pid = confine.clone(0)
    if pid == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    else:
        _running.append(pid)
    return pid


def ending(status: int, usage: resource.struct_rusage) -> dict[str, Any]:
    """Return how a process that was waited for ended, and its CPU seconds."""
    exit_code = os.waitstatus_to_exitcode(status)
    return {"exit": exit_code, "cpu": usage.ru_utime + usage.ru_stime}


def waited(pid: int | str) -> float | None:
    """Return how long a process's threads were ready to run but had no core, in seconds of the
    thread that lacked one longest: their sum would be longer than the time in which nothing of the
    process ran. `pid` is its number in /proc. None if the kernel does not count them."""
    nanoseconds = [0]
    try:
        for thread in root.list_proc(f"{pid}/task"):
            text = root.read_proc(f"{pid}/task/{thread}/schedstat")
            nanoseconds.append(int(text.split()[1]))
    except (OSError, ValueError, IndexError):
        return None
    return max(nanoseconds) / 1e9


def _waited_child() -> float | None:
    """Like `waited`, for the only child: /proc shows an outer namespace and another number."""
    try:
        return waited(root.read_proc("thread-self/children").strip())
    except OSError:
        return None


def _end(signum: int, frame: object) -> None:
    for pid in _running:
        # It may just have ended and been waited for.
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    os._exit(0)


def supervise(job: dict[str, Any], wire: int, folder: str, confined: Confinement) -> None:
    """Answer one frame per test with facts about its process and its output; never returns."""
    program, error = None, ""
    note = mmap.mmap(-1, _NOTE)  # shared with the program's process: see fresh.run_main
    try:
        file = f"{folder}/{fresh.FILE}"
        program = fresh.compiled(job["code"], file)
    except _UNCOMPILED as caught:
        error = type(caught).__name__
    while (text := read_frame(wire)) is not None:
        if program is None:
            write_json(wire, {"exit": 1, "cpu": 0.0, "wall": 0.0, "end": "", "error": error})
            write_frame(wire, b"")
            continue
        if job["how"] == "faithful-stdin":
            with open(file, "wb") as stream:  # some read their own source
                stream.write(fresh.as_bytes(job["code"]))
        facts, output = _run_test(job, program, text, confined=confined, wire=wire, note=note)
        write_json(wire, facts)
        write_frame(wire, output)
        empty(folder)
    os._exit(0)


def _run_test(
    job: dict[str, Any],
    program: CodeType,
    text: bytes,
    *,
    confined: Confinement,
    wire: int,
    note: mmap.mmap,
) -> tuple[dict[str, Any], bytes]:
    call = job["how"] == "faithful-functional"
    try:
        (input_read, input_write), (output_read, output_write) = os.pipe(), os.pipe()
        started = time.monotonic()
        pid = fork()
    except OSError as error:  # the user has no process or descriptor left: no fault of the program
        write_json(wire, {"infrastructure": f"no process for a test: {error}"})
        os._exit(0)
    if pid == 0:
        status = 1
        try:
            os.close(wire)
            os.close(input_write)
            os.close(output_read)
            if confined.seccomp is not None:  # it cannot fork: nothing else has to be found later
                os.setsid()  # signals to its group reach the program alone
                confine.die_with_parent()
            confined.enter(first=False)
            if call:
                fresh.to_null(0, 1, 2)
                os.close(input_read)
                decoded = text.decode("utf-8", "surrogatepass")
                status = fresh.run_call(program, job["function"], decoded, output_write)
            else:
                for fd, pipe in enumerate((input_read, output_write)):
                    os.dup2(pipe, fd)
                    os.close(pipe)
                fresh.to_null(2)
                if descriptors.named_in(job["code"]):
                    descriptors.offer()
                status = fresh.run_main(program, note)
        finally:
            os._exit(status)
    os.close(input_read)
    os.close(output_write)
    text = b"" if call else text
    relay = _Relay(pid=pid, source=input_write, sink=output_read, text=text, limit=job["output"])
    end = relay.until(started + job["seconds"])
    own = time.monotonic() - started
    delay = _waited_child() if end == "time" or own > _SLOW else None
    if not end and delay is not None and own - delay > (job["own_seconds"] or own):
        end = "time"
    if end:
        os.kill(pid, signal.SIGKILL)
    _, status_word, usage = os.wait4(pid, 0)
    _running.clear()
    wall = time.monotonic() - started
    relay.close()
    facts = {
        **ending(status_word, usage),
        "wall": wall,
        "end": end,
        "waited": delay,
        "memory": note[0] == 1,
        "error": note[2 : 2 + note[1]].decode("utf-8", "replace"),
    }
    note[:2] = b"\0\0"
    return facts, b"" if end == "output" else b"".join(relay.parts)


class _Relay:
    """Feeds a process its input and collects its output until it ends."""

    def __init__(self, *, pid: int, source: int, sink: int, text: bytes, limit: int) -> None:
        self._process = os.pidfd_open(pid)
        self._source: int | None = source
        self._sink = sink
        self._left = memoryview(text)
        self._room = limit
        self.parts: list[bytes] = []
        os.set_blocking(source, False)
        os.set_blocking(sink, False)
        self._poll = select.poll()
        self._poll.register(self._process, select.POLLIN)
        self._poll.register(sink, select.POLLIN)
        self._feed()
        if self._source is not None:
            self._poll.register(source, select.POLLOUT)

    def until(self, deadline: float) -> str:
        """Return why the process has to stop: "time", "output", or "" if it ended by itself."""
        while True:
            left = deadline - time.monotonic()
            ready = dict(self._poll.poll(max(0.0, left) * 1000)) if left > 0 else {}
            if not ready:
                if deadline - time.monotonic() <= 0:
                    return "time"
                continue
            if self._source is not None and self._source in ready:
                self._feed()
            ended = self._process in ready
            if self._sink in ready or ended:
                self._drain()
            if self._room < 0:
                return "output"
            if ended:
                return ""

    def _feed(self) -> None:
        if self._source is None:
            return
        try:
            while self._left:
                self._left = self._left[os.write(self._source, self._left) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._left = memoryview(b"")
        registered = self._source
        self._source = None
        with contextlib.suppress(KeyError):  # all was written before it was registered
            self._poll.unregister(registered)
        os.close(registered)

    def _drain(self) -> None:
        while self._room >= 0:
            try:
                part = os.read(self._sink, _CHUNK)
            except BlockingIOError:
                return
            if not part:
                with contextlib.suppress(KeyError):
                    self._poll.unregister(self._sink)
                return
            self._room -= len(part)
            self.parts.append(part)

    def close(self) -> None:
        """Close what is still open."""
        for fd in (self._process, self._sink, self._source):
            if fd is not None:
                os.close(fd)


def empty(folder: str) -> None:
    """Remove everything that a program left, whatever its permissions and depth. The folder's own
    permissions and times are reset, so that the next program finds no trace."""
    os.chmod(folder, 0o777)
    while names := os.listdir(folder):
        for name in names:
            path = f"{folder}/{name}"
            if not _is_folder(path):
                os.unlink(path)
                continue
            for inner in os.listdir(path):  # moved up, so that no path gets too long for the system
                _is_folder(f"{path}/{inner}")
                os.rename(f"{path}/{inner}", f"{folder}/{os.urandom(8).hex()}")
            os.rmdir(path)
    os.utime(folder, (0, 0))


def _is_folder(path: str) -> bool:
    """Whether a path is a folder; if so, makes it accessible to its owner."""
    if not stat.S_ISDIR(os.lstat(path).st_mode):
        return False
    os.chmod(path, 0o700)
    return True
