"""What is done to a command, and how it ended."""

import signal
from dataclasses import dataclass, field
from errno import ENOSPC
from pathlib import Path

_SEND_SIGNAL, _FULL_FROM_HERE, _FAIL_ONCE, _SHOW_ALL = 1, 2, 3, 4


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A disturbance, at one operation on files."""

    name: str
    action: int = 0
    value: int = 0
    times: int = 1

    @property
    def kills(self) -> bool:
        """Whether it is a signal."""
        return self.action == _SEND_SIGNAL


NONE = Fault(name="none")
SHOWN = Fault(name="none, each state is copied", action=_SHOW_ALL)
KILL = Fault(name="SIGKILL", action=_SEND_SIGNAL, value=signal.SIGKILL)
TERMINATE = Fault(name="SIGTERM", action=_SEND_SIGNAL, value=signal.SIGTERM)
INTERRUPT = Fault(name="SIGINT", action=_SEND_SIGNAL, value=signal.SIGINT)
TWICE = Fault(name="SIGINT twice", action=_SEND_SIGNAL, value=signal.SIGINT, times=2)
FULL = Fault(name="full disk", action=_FULL_FROM_HERE, value=ENOSPC)


def failure(name: str, number: int) -> Fault:
    """An error of one operation; the next one works."""
    return Fault(name=name, action=_FAIL_ONCE, value=number)


@dataclass(frozen=True, kw_only=True)
class End:
    """How a command ended."""

    code: int  # -N: signal N ended it
    output: str
    operations: tuple[str, ...]  # "number, name, file"; without those of a disturbed one
    orphans: tuple[str, ...]  # command lines of processes that it left
    seconds: float  # of CPU
    states: tuple[tuple[int, str], ...]  # SHOWN: operation, folder with the files before it


@dataclass(frozen=True, kw_only=True)
class Case:
    """A command in a folder, disturbed at operation `at` on files below the folder."""

    arguments: tuple[str, ...]
    folder: Path
    fault: Fault = NONE
    at: int = 0
    environment: dict[str, str] = field(default_factory=dict)
