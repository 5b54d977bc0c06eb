"""Runs a call in a process of its own, where it may take so much memory and time."""

import gc
import os
import resource
import select
import signal
import struct
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

_TOO_MUCH = 77  # exit status of a child that ran out of memory
_PIPE = 2**16
_HEAD = struct.Struct("<dQ")  # of a message: seconds for the answer, length


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
    child = _fork()
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
        raise TooMuch(_much(memory))
    return b"".join(parts)


class LimitedWorker:
    """A copy of this process that answers one message after the other, each within a time, and all
    within so much memory beyond what the process had. It is made for the first message, again after
    one that took too much, and ends with this process: a copy of a process that holds a model
    takes longer to make than many an answer. See `limited` for what it may not use."""

    def __init__(self, call: Callable[[bytes], bytes], *, memory: int) -> None:
        self._call, self._memory = call, memory
        self._child: _Child | None = None

    def __call__(self, message: bytes, *, seconds: float) -> bytes:
        """Return the answer; b"" if the call raises an error. Raises TooMuch."""
        if self._child is None or self._child.parent != os.getpid():
            self._child = _Child(self._call, memory=self._memory)
        try:
            return self._child.answer(message, seconds=seconds)
        except EOFError:
            self.close()
            raise TooMuch(_much(self._memory)) from None
        except BaseException:  # after which the next answer would be that to this message
            self.close()
            raise

    def close(self) -> None:
        """End the copy, if there is one."""
        child, self._child = self._child, None
        if child is not None and child.parent == os.getpid():
            child.end()


class _Child:
    """The process of a LimitedWorker, and the pipes to and from it."""

    def __init__(self, call: Callable[[bytes], bytes], *, memory: int) -> None:
        self.parent = os.getpid()
        inbox, self._to = os.pipe()
        self._from, outbox = os.pipe()
        self._pid = _fork()
        if self._pid == 0:
            os.close(self._to)
            os.close(self._from)
            _serve(call, inbox, outbox, memory=memory)
        os.close(inbox)
        os.close(outbox)

    def answer(self, message: bytes, *, seconds: float) -> bytes:
        """Return the answer. Raises EOFError if the process ends, TooMuch after the time."""
        deadline = time.monotonic() + seconds
        try:
            _send(self._to, _HEAD.pack(seconds, len(message)) + message)
        except BrokenPipeError:
            raise EOFError from None
        content = bytearray()
        length = _HEAD.size
        while len(content) < length:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._from], [], [], left)[0]:
                raise TooMuch(f"more than {seconds:g} seconds")
            part = os.read(self._from, _PIPE)
            if not part:
                raise EOFError
            content += part
            if len(content) >= _HEAD.size:
                length = _HEAD.size + _HEAD.unpack_from(content)[1]
        return bytes(content[_HEAD.size :])

    def end(self) -> None:
        """Kill the process, which has nothing to keep."""
        os.close(self._to)
        os.close(self._from)
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)


def _serve(call: Callable[[bytes], bytes], inbox: int, outbox: int, *, memory: int) -> NoReturn:
    """Answer messages until the pipe is closed, and end the process."""
    status = 0
    try:
        _confine(memory)
        while head := _received(inbox, _HEAD.size):
            seconds, length = _HEAD.unpack(head)
            signal.alarm(int(seconds) + 5)  # should the parent be killed meanwhile
            answer = _answer(call, _received(inbox, length))
            signal.alarm(0)
            _send(outbox, _HEAD.pack(0, len(answer)) + answer)
    except BaseException:  # noqa: BLE001 (whoever waits for the answer meets an end of file)
        status = _TOO_MUCH
    finally:
        os._exit(status)


def _answer(call: Callable[[bytes], bytes], message: bytes) -> bytes:
    try:
        return call(message)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 (b"" says that there was one)
        return b""


def _received(descriptor: int, length: int) -> bytes:
    """Return so many bytes; fewer at the end of the pipe."""
    content = bytearray()
    while len(content) < length and (part := os.read(descriptor, length - len(content))):
        content += part
    return bytes(content)


def _send(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _much(memory: int) -> str:
    return f"more than {memory / 2**30:g} GiB of memory"


def _fork() -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of forks beside threads, on which the call must not wait
        return os.fork()


def _confine(memory: int) -> None:
    """Limit the memory of this process, and let whoever started it decide when it ends."""
    gc.freeze()  # to look for cycles among what was copied would copy it indeed
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * os.sysconf("SC_PAGE_SIZE") + memory
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _run(call: Callable[[], bytes], sender: int, *, seconds: float, memory: int) -> None:
    """Run a call, send what it gives, and end the process."""
    status = 0
    try:
        _confine(memory)
        signal.alarm(int(seconds) + 5)  # should the parent be killed meanwhile
        _send(sender, call())
    except MemoryError:
        status = _TOO_MUCH
    except BaseException:  # noqa: BLE001 (the caller meets it again)
        status = 0
    finally:
        os._exit(status)
