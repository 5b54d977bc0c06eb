"""Messages to the user: lines, and progress as a bar on a terminal or as an occasional line.

Every line goes through `clean`, since it may quote a file name, a model or a server.
"""

import os
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from sfr_eval.util.untrusted import clean

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

OnProgress = Callable[[str, int, int], None]
"""Called with what is going on, how much of it is done, and how much there is."""

_PLAIN_SECONDS = 10.0


def say(message: str) -> None:
    """Print one line to stdout: the result of the command."""
    print(_line(message))


def log(message: str) -> None:
    """Print one line to stderr: everything else."""
    print(_line(message), file=sys.stderr, flush=True)


def _line(message: str) -> str:
    """Join the lines, so that no quoted text starts a line that could pass for one of ours."""
    return clean(" ".join(message.splitlines()))


def on_terminal() -> bool:
    """Return whether a live bar may be drawn."""
    switched_off = os.environ.get("TQDM_DISABLE") == "1" or "NO_COLOR" in os.environ
    return sys.stderr.isatty() and not switched_off


class Bar:
    """A progress bar, redrawn at most twice a second; each update takes constant time."""

    def __init__(self, title: str, total: int, *, unit: str, done: int = 0) -> None:
        self._title, self._total, self._unit = clean(title), total, unit
        self._first = self._done = done
        self._started = self._spoke = time.monotonic()
        self._live: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> "Bar":
        return self.open()

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> "Bar":
        """Start drawing, on a terminal."""
        if on_terminal():
            from rich import progress
            from rich.console import Console

            self._live = progress.Progress(
                progress.TextColumn("{task.description}", markup=False),
                progress.BarColumn(),
                progress.MofNCompleteColumn(),
                progress.TextColumn("{task.fields[rate]}", markup=False),
                progress.TimeRemainingColumn(),
                console=Console(stderr=True),
                refresh_per_second=2,
            )
            self._live.start()
            self._task = self._live.add_task(
                self._title, total=self._total, completed=self._done, rate=""
            )
        return self

    def advance(self, count: int = 1) -> None:
        """Count `count` more as done."""
        self.update(self._done + count)

    def update(self, done: int) -> None:
        """Set how many are done in all."""
        self._done = done
        now = time.monotonic()
        if self._live is not None and self._task is not None:
            self._live.update(self._task, completed=done, rate=self._rate(now))
        elif now - self._spoke >= _PLAIN_SECONDS:
            self._spoke = now
            rest = (self._total - done) / max(self._per_second(now), 1e-9)
            log(f"{self._title}: {done:,}/{self._total:,} {self._rate(now)}, {rest:.0f} s left")

    def close(self) -> None:
        """Stop drawing, or print a last line."""
        now = time.monotonic()
        if self._live is not None:
            self._live.stop()
        elif self._done > self._first:
            seconds = now - self._started
            log(f"{self._title}: {self._done:,}/{self._total:,} {self._rate(now)}, {seconds:.0f} s")

    def _per_second(self, now: float) -> float:
        return (self._done - self._first) / max(now - self._started, 1e-9)

    def _rate(self, now: float) -> str:
        return f"{written_rate(self._per_second(now))} {self._unit}/s"


def written_rate(rate: float) -> str:
    """Return a rate without decimals, or with two digits below ten."""
    return f"{rate:,.0f}" if rate >= 9.95 or rate <= 0 else f"{rate:.2g}"


class ScoringProgress:
    """An OnProgress that draws a bar for what takes the most time."""

    _BARS: ClassVar = {
        "encode": ("encoding", "texts"),
        "grade": ("grading", "programs"),
        "forward": ("reading by", "replies"),  # and the name of the model
    }

    def __init__(self) -> None:
        self._bar: Bar | None = None
        self._what = ""

    def __call__(self, what: str, done: int, total: int) -> None:
        """Update the bar of `what`, if it has one."""
        kind, _, name = what.partition(" ")
        if kind not in self._BARS or total == 0:
            return
        if self._bar is not None and what != self._what:
            self._bar.close()
            self._bar = None
        if self._bar is None:
            self._what = what
            title, unit = self._BARS[kind]
            self._bar = Bar(f"{title} {name}".rstrip(), total, unit=unit).open()
        self._bar.update(done)
        if done >= total:
            self._bar.close()
            self._bar = None
