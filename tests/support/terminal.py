"""Runs the command line as a user does: in a terminal of a given width, or in a pipe."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True)
class Shown:
    """What a terminal got."""

    code: int
    raw: str

    @property
    def text(self) -> str:
        """Without escapes."""
        return ESCAPES.sub("", self.raw).replace("\r", "")

    @property
    def lines(self) -> list[str]:
        """What stands there in the end, line by line: without what was erased, such as bars."""
        rows = self.raw.replace("\r\n", "\n").split("\n")
        last = [row.rpartition("\x1b[2K")[2] for row in rows]
        return [ESCAPES.sub("", row).replace("\r", "") for row in last if row]


def environment(**changes: str) -> dict[str, str]:
    """Return the environment of a command: this checkout, a usual terminal, no colour settings."""
    kept = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS", "TERM")}
    paths = os.pathsep.join([str(ROOT), str(ROOT / "train")])
    return {**kept, "TERM": "xterm-256color", "PYTHONPATH": paths, **changes}


def in_terminal(
    arguments: Sequence[str], folder: Path, *, columns: int = 80, **changes: str
) -> Shown:
    """Run `python ARGUMENTS` with all its streams on a terminal."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment(**changes),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    parts = []
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # Linux: the other end is closed
            break
        if not part:
            break
        parts.append(part)
    os.close(ours)
    return Shown(process.wait(120), b"".join(parts).decode(errors="replace"))


def in_pipe(
    arguments: Sequence[str], folder: Path, **changes: str
) -> "subprocess.CompletedProcess[str]":
    """Run `python ARGUMENTS` with its streams in pipes."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment(**changes),
        capture_output=True,
        text=True,
        timeout=900,  # of an engine's start on a busy machine
        check=False,
    )
