"""Messages to the user: lines, and progress as bars on a terminal or as an occasional line.

Every line goes through `clean`, since it may quote a file name, a model or a server.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar

from sfr_eval.util import output
from sfr_eval.util.untrusted import clean_line

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

OnProgress = Callable[[str, int, int], None]
"""Called with what is going on, how much of it is done, and how much there is."""

_PLAIN_SECONDS = 10.0
"""Without a terminal: the longest silence while something is going on."""

_IDLE_SECONDS = 30.0
"""After such a silence nothing was going on: it is not the user who has been waiting."""

_LONGEST = 4_000
"""Characters of a line."""


def say(message: str) -> None:
    """Print one line to stdout: the result of the command."""
    print(clean_line(message), file=output.stdout())


def log(message: str) -> None:
    """Print one line to stderr: everything else. It may quote what a file holds, so it has an
    end."""
    line = clean_line(message)
    _SCREEN.print(line if len(line) <= _LONGEST else f"{line[:_LONGEST]}...")


def annotate(command: str) -> None:
    """Print to stderr a command to the CI service, made by us of escaped text."""
    _SCREEN.print(" ".join(command.splitlines()))


def on_terminal() -> bool:
    """Return whether a live bar may be drawn. NO_COLOR takes only its colours."""
    switched_off = os.environ.get("TQDM_DISABLE") == "1"
    dumb = os.environ.get("TERM", "") in ("dumb", "unknown")
    return output.stderr().isatty() and not switched_off and not dumb


class _Screen:
    """All bars that are open, drawn together on a terminal. Elsewhere the innermost one is said in
    a line every ten seconds, also while it does not move."""

    def __init__(self) -> None:
        self._bars: list[Bar] = []
        self._live: Progress | None = None
        self._lock = threading.RLock()
        self._closed = threading.Event()
        self._spoke = time.monotonic()  # when a line was last printed

    def print(self, line: str) -> None:
        """Print a line, above the bars."""
        self._spoke = time.monotonic()
        if self._live is not None:
            self._live.console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            print(line, file=output.stderr(), flush=True)

    def open(self, bar: "Bar") -> "TaskID | None":
        """Take in a bar. Return its place on the screen, if it is drawn."""
        with self._lock:
            self._bars.append(bar)
            if len(self._bars) == 1:
                now = time.monotonic()
                if not 0 <= now - self._spoke <= _IDLE_SECONDS:
                    self._spoke = now
                self._live = _live_display() if on_terminal() else None
                if self._live is not None:
                    self._live.start()
                else:
                    self._closed = threading.Event()
                    thread = threading.Thread(target=self._watch, args=(self._closed,), daemon=True)
                    thread.start()
            if self._live is None:
                return None
            for task in self._live.tasks:
                if task.finished and task.description == bar.title:
                    self._live.remove_task(task.id)  # an earlier round of the same work
            return self._live.add_task(
                bar.title, total=bar.total, completed=bar.done, count=bar.count, rate=""
            )

    def close(self, bar: "Bar") -> None:
        """Leave a bar as it is; the last one ends the display."""
        with self._lock:
            if bar not in self._bars:
                return
            self._bars.remove(bar)
            if self._live is not None and bar.task is not None and bar.total is None:
                self._live.remove_task(bar.task)  # it has nothing to tell any more
            if not self._bars:
                self._closed.set()
                if self._live is not None:
                    self._live.stop()
                    self._live = None

    def draw(self, bar: "Bar") -> None:
        """Draw a bar that has moved, or say it if nothing was said for ten seconds."""
        if self._live is not None and bar.task is not None:
            self._live.update(
                bar.task,
                description=bar.title,
                completed=bar.done,
                total=bar.total,
                count=bar.count,
                rate=bar.rate,
            )
        elif self._live is None:
            self._speak(bar)

    def _speak(self, bar: "Bar") -> None:
        with self._lock:
            if bar in self._bars and time.monotonic() - self._spoke >= _PLAIN_SECONDS:
                bar.has_spoken = True
                self.print(bar.line())

    def _watch(self, closed: threading.Event) -> None:
        while not closed.wait(_PLAIN_SECONDS / 4):
            with self._lock:
                if self._bars:
                    self._speak(self._bars[-1])


_SCREEN = _Screen()


def _live_display() -> "Progress":
    from rich import progress
    from rich.console import Console

    stream = output.stderr()
    return progress.Progress(
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        progress.TextColumn("{task.fields[count]}", markup=False),
        progress.TextColumn("{task.fields[rate]}", markup=False),
        progress.TimeRemainingColumn(elapsed_when_finished=True),
        console=Console(file=stream, width=output.width(stream, piped=80), emoji=False),
        refresh_per_second=2,
        redirect_stdout=False,  # our own lines know of the bars
        redirect_stderr=False,
    )


class Bar:
    """How far something is. Each update takes constant time. `brief`: without a terminal it ends in
    silence, unless it took so long that it was said."""

    def __init__(
        self, title: str, total: int | None, *, unit: str, done: int = 0, brief: bool = False
    ) -> None:
        self.title, self.total, self.done = clean_line(title), total, done
        self.task: TaskID | None = None
        self.has_spoken = not brief
        self._unit, self._first = unit, done
        self._started = time.monotonic()
        self._moved: tuple[int, float] | None = None  # how many were done first, and when

    def __enter__(self) -> "Bar":
        return self.open()

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> "Bar":
        """Show it."""
        try:
            self.task = _SCREEN.open(self)
        except KeyboardInterrupt:
            _SCREEN.close(self)  # a display that nobody ends would be drawn below our last line
            raise
        return self

    def advance(self, count: int = 1) -> None:
        """Count `count` more as done."""
        self.update(self.done + count)

    def update(self, done: int, *, title: str | None = None) -> None:
        """Set how many are done in all, and what is going on now."""
        if self._moved is None and done > self._first:
            self._moved = done, time.monotonic()
        self.done = done
        self.title = self.title if title is None else clean_line(title)
        _SCREEN.draw(self)

    def close(self) -> None:
        """End it, with a last line where it is not drawn."""
        _SCREEN.close(self)
        if self.task is None and self.has_spoken and self.done > self._first:
            _SCREEN.print(f"{self.title}: {self._count_and_rate}, {self._seconds:.0f} s")

    def line(self) -> str:
        """Return how far it is, and how long it takes."""
        pace = self._pace
        if self.total is None or pace is None:
            count = "" if self.total is None else f" {self.count},"
            return f"{self.title}:{count} {self._seconds:.0f} s so far"
        rest = (self.total - self.done) / pace
        return f"{self.title}: {self._count_and_rate}, {rest:.0f} s left"

    @property
    def rate(self) -> str:
        """`12 texts/s`."""
        return f"{written_rate(self._per_second)} {self._unit}/s" if self._unit else ""

    @property
    def count(self) -> str:
        """`3/12`; "" of what cannot be counted."""
        if self.total is None:
            return ""
        return f"{self.done:,}/{self.total:,}"

    @property
    def _count_and_rate(self) -> str:
        return f"{self.count} {self.rate}".rstrip()

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self._started

    @property
    def _pace(self) -> float | None:
        """How many get done in a second; None if that is not known yet. The first steps of a work
        without a unit are left out: they load what the others use."""
        if self._moved is not None and self.done > self._moved[0]:
            done, when = self._moved
            return (self.done - done) / max(time.monotonic() - when, 1e-9)
        return self._per_second if self._unit and self.done > self._first else None

    @property
    def _per_second(self) -> float:
        return (self.done - self._first) / max(self._seconds, 1e-9)


@contextmanager
def waiting(title: str) -> Iterator[None]:
    """Show that something is going on that cannot be counted, such as the start of an engine."""
    with Bar(title, None, unit="", brief=True):
        yield


def written_rate(rate: float) -> str:
    """Return a rate without decimals, or with two digits below ten."""
    return f"{rate:,.0f}" if rate >= 9.95 or rate <= 0 else f"{rate:.2g}"


class ScoringProgress:
    """An OnProgress that draws a bar for each kind of work, inside a block that ends them."""

    _BARS: ClassVar = {
        "score": ("scoring", ""),
        "intervals": ("intervals", ""),
        "reference": ("reference distribution", ""),
        "report": ("report", ""),
        "encode": ("encoding", "texts"),
        "compare": ("comparing", "pairs"),  # replies
        "reward": ("rating", "replies"),
        "grade": ("grading", "programs"),
        "forward": ("reading by", "replies"),  # and the name of the model
        "probabilities": ("probabilities by", "replies"),  # and the name of the model
    }
    _BRIEF = frozenset({"score", "intervals", "reference", "report"})
    """Those whose name says where they are, which changes with every step."""

    def __init__(self) -> None:
        self._bars: dict[str, Bar] = {}  # kind of work -> its bar

    def __enter__(self) -> "ScoringProgress":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __call__(self, what: str, done: int, total: int) -> None:
        """Update the bar of `what`, if it has one."""
        kind, _, name = what.partition(" ")
        if kind not in self._BARS or total == 0:
            return
        title, unit = self._BARS[kind]
        title = f"{title} {name}".rstrip()
        bar = self._bars.get(kind)
        if bar is not None and bar.title != clean_line(title) and kind not in self._BRIEF:
            self._close(kind)
            bar = None
        if bar is None:
            bar = Bar(title, total, unit=unit, brief=kind in self._BRIEF).open()
            self._bars[kind] = bar
        bar.total = total
        bar.update(done, title=title)
        if done >= total:
            self._close(kind)

    def close(self) -> None:
        """End all bars."""
        for kind in reversed(list(self._bars)):
            self._close(kind)

    def _close(self, kind: str) -> None:
        self._bars.pop(kind).close()
