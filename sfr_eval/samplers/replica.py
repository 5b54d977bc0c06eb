"""One engine behind a mailbox, which runs inside each Ray actor but does not use Ray.

The engine runs in a thread of its own, so that the mailbox always answers within a moment: a
replica that does not is gone or stuck, and never merely busy.
"""

import os
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.pool import ThreadPool
from typing import Any

from sfr_eval.errors import RunError, UserError
from sfr_eval.types import Request, Sample, Sampler
from sfr_eval.version import __version__

_ENOUGH = 64  # rows that are sent at once


@dataclass(frozen=True, kw_only=True)
class Started:
    """A replica is ready. `facts` must be equal for all replicas of a run."""

    facts: Mapping[str, Any]
    host: str
    pid: int


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A replica's last message. `usage`: starting it again would not help."""

    message: str
    usage: bool


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Rows finished since the last message. `beat` grows as long as the engine works."""

    rows: Sequence[Sample]
    beat: int


class Replica:
    """Builds one engine and draws the requests that `exchange` brings."""

    def __init__(self, build: Callable[[], Sampler], environment: Mapping[str, str]) -> None:
        for name, value in environment.items():
            os.environ.setdefault(name, value)  # the node's own take precedence
        self._build = build
        self._sampler: Sampler | None = None
        self._mail = threading.Condition()
        self._inbox: deque[Request] = deque()
        self._outbox: list[Sample] = []
        self._open = self._finished = 0
        self._thread = ThreadPool(1)  # a daemon thread, which never keeps this process alive

    def hello(self) -> int:
        """Return as soon as the actor has its place in the cluster."""
        return os.getpid()

    def start(self) -> Started | Failure:
        """Build the engine, which can take minutes."""
        try:
            self._sampler = self._build()
        except (UserError, RunError) as error:
            return Failure(message=str(error), usage=isinstance(error, UserError))
        self._work = self._thread.apply_async(self._draw, (self._sampler,))
        facts = {"sfr_eval": __version__, **self._sampler.describe()}
        return Started(facts=facts, host=socket.gethostname(), pid=os.getpid())

    def exchange(self, requests: Sequence[Request], *, seconds: float) -> Rows | Failure:
        """Accept requests and return finished rows: at once if there are many or nothing is left to
        do, else after `seconds`."""
        deadline = time.monotonic() + seconds
        with self._mail:
            self._inbox.extend(requests)
            self._open += len(requests)
            self._mail.notify_all()
            while not self._work.ready() and self._open and len(self._outbox) < _ENOUGH:
                remaining = deadline - time.monotonic()
                if remaining <= 0 or not self._mail.wait(remaining):
                    break
            rows, self._outbox = self._outbox, []
        if not rows and self._work.ready():
            try:
                self._work.get()  # other errors propagate
            except (UserError, RunError) as error:
                return Failure(message=str(error), usage=isinstance(error, UserError))
        return Rows(rows=rows, beat=self._finished + int(getattr(self._sampler, "steps", 0)))

    def _draw(self, sampler: Sampler) -> None:
        feed = _Feed(self._inbox)
        try:
            while True:
                with self._mail:
                    self._mail.wait_for(lambda: self._inbox)
                for sample in sampler.sample(feed):
                    with self._mail:
                        self._outbox.append(sample)
                        self._open -= 1
                        self._finished += 1
                        if not self._open or len(self._outbox) >= _ENOUGH:
                            self._mail.notify_all()
        finally:
            with self._mail:
                self._mail.notify_all()


class _Feed(Iterator[Request]):
    """Stops when the inbox is empty and can continue later: vLLM's step loop asks after each step,
    so requests that arrived in the meantime join those in flight."""

    def __init__(self, inbox: deque[Request]) -> None:
        self._inbox = inbox

    def __next__(self) -> Request:
        try:
            return self._inbox.popleft()
        except IndexError:
            raise StopIteration from None
