"""Copies of a folder as it is before each operation of one command."""

import os
import select
import shutil
import struct
from pathlib import Path

from tests.support.crash.trees import State, state_of


class States:
    """Looks at a folder whenever the shim asks, and copies it if it has not seen it so.

    A kill leaves files and nothing else, so one run of a command shows what kills at all of its
    operations would leave.
    """

    def __init__(self, folder: Path, target: Path) -> None:
        self._folder, self._target = folder, target
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        self._asked, ask = os.pipe()
        answer, self._answered = os.pipe()
        self.pipes = (ask, answer)  # for the command
        self._seen: list[tuple[int, Path, State]] = []
        self._count = 0

    def look(self, seconds: float) -> bool:
        """Wait so long for a question. Returns whether there was one."""
        if not select.select([self._asked], [], [], seconds)[0]:
            return False
        (number,) = struct.unpack("l", os.read(self._asked, struct.calcsize("l")))
        state = state_of(self._folder)
        if not any(seen.covers(state) for *_, seen in self._seen):
            self._seen = [entry for entry in self._seen if not state.covers(entry[-1])]
            self._count += 1  # an operation that writes has two
            copy = shutil.copytree(self._folder, self._target / str(self._count))
            self._seen.append((number, copy, state))
        os.write(self._answered, b".")
        return True

    def close(self) -> list[tuple[int, str]]:
        """Return the operations whose states differ, each with its folder."""
        for pipe in (self._asked, self._answered, *self.pipes):
            os.close(pipe)
        return [(number, str(copy)) for number, copy, _ in self._seen]
