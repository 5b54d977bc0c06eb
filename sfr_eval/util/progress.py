"""What is said to the user: lines, and progress as a bar on a terminal or a line now and then.

Every line goes through `clean`: it may hold a file's name, a model's or a server's words.
"""

import os
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, ClassVar

from sfr_eval.util.untrusted import clean

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

OnProgress = Callable[[str, int, int], None]
"""Is told what is going on, how much of it is done, and of how much."""

_PLAIN_SECONDS = 10.0


def say(message: str) -> None:
    """One line on stdout: what the command was asked for."""
    print(_line(message))


def log(message: str) -> None:
    """One line on stderr: all else."""
    print(_line(message), file=sys.stderr, flush=True)


def _line(message: str) -> str:
    """What a message quotes cannot begin a line of its own, and so cannot pass for ours."""
    return clean(" ".join(message.splitlines()))


def on_terminal() -> bool:
    """Whether a live bar may be drawn."""
    switched_off = os.environ.get("TQDM_DISABLE") == "1" or "NO_COLOR" in os.environ
    return sys.stderr.isatty() and not switched_off


class Bar:
    """Counts things that get done. Constant work a step; redrawn at most twice a second."""

    def __init__(self, title: str, total: int, *, unit: str, done: int = 0) -> None:
        self._title, self._total, self._unit = clean(title), total, unit
        self._first = self._done = done
        self._started = self._spoke = time.monotonic()
        self._live: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> "Bar":
        if on_terminal():
            from rich.console import Console
            from rich.progress import (
                BarColumn,
                MofNCompleteColumn,
                Progress,
                TextColumn,
                TimeRemainingColumn,
            )

            self._live = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}", markup=False),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                refresh_per_second=2,
            )
            self._live.start()
            self._task = self._live.add_task(
                self._title, total=self._total, completed=self._done, rate=""
            )
        return self

    def advance(self, count: int = 1) -> None:
        """Some more are done."""
        self.update(self._done + count)

    def update(self, done: int) -> None:
        """So many are done in all."""
        self._done = done
        now = time.monotonic()
        if self._live is not None and self._task is not None:
            self._live.update(self._task, completed=done, rate=self._rate(now))
        elif now - self._spoke >= _PLAIN_SECONDS:
            self._spoke = now
            left = (self._total - done) / max(self._per_second(now), 1e-9)
            log(f"{self._title}: {done:,}/{self._total:,} {self._rate(now)}, {left:.0f} s left")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        now = time.monotonic()
        if self._live is not None:
            self._live.stop()
        elif self._done > self._first:
            took = now - self._started
            log(f"{self._title}: {self._done:,}/{self._total:,} {self._rate(now)}, {took:.0f} s")

    def _per_second(self, now: float) -> float:
        return (self._done - self._first) / max(now - self._started, 1e-9)

    def _rate(self, now: float) -> str:
        return f"{self._per_second(now):,.0f} {self._unit}/s"


class ScoringProgress:
    """Called as (what, done, total): a bar for encoding and grading, which are what takes time."""

    _SHOWN: ClassVar = {"encode": ("encoding", "texts"), "grade": ("grading", "programs")}

    def __init__(self) -> None:
        self._bar: Bar | None = None

    def __call__(self, what: str, done: int, total: int) -> None:
        """So many of `what` are done."""
        if what not in self._SHOWN or total == 0:
            return
        if self._bar is None:
            title, unit = self._SHOWN[what]
            self._bar = Bar(title, total, unit=unit).__enter__()
        self._bar.update(done)
        if done >= total:
            self._bar.__exit__(None, None, None)
            self._bar = None
