"""A memory limit for a server and all its programs, where this process may set one."""

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_COUNT = iter(range(10**9))


@dataclass(slots=True)
class Group:
    """A control group with a memory limit."""

    folder: Path
    _kills: int = 0

    def ended_for_memory(self) -> bool:
        """Whether the kernel has killed one of its processes since the last call."""
        kills = self._kills
        for name in ("memory.events", "memory.oom_control"):
            file = self.folder / name
            if file.exists():
                counts = dict(line.split() for line in file.read_text().splitlines())
                kills = int(counts.get("oom_kill", 0))
        before, self._kills = self._kills, kills
        return kills > before

    def wrap(self, words: list[str]) -> list[str]:
        """Return the command that enters the group and then runs `words`."""
        script = 'echo $$ > "$0" && exec "$@"'
        return ["/bin/sh", "-c", script, str(self.folder / "cgroup.procs"), *words]

    def remove(self) -> None:
        """Delete the group, whose last process may take a moment to leave."""
        for _ in range(50):
            try:
                with contextlib.suppress(FileNotFoundError):
                    self.folder.rmdir()
                return
            except OSError:
                time.sleep(0.02)


def make(memory_bytes: int) -> Group | None:
    """Return a new group with this limit below our own; None where that is not allowed."""
    for base, file in _places():
        _sweep(base)
        folder = base / f"sfr-eval-{os.getpid()}-{next(_COUNT)}"
        try:
            folder.mkdir()
        except OSError:
            continue
        try:
            (folder / file).write_text(str(memory_bytes))
        except OSError:
            folder.rmdir()
            continue
        return Group(folder)
    return None


def _sweep(base: Path) -> None:
    """Remove the groups of killed graders, except those that still hold a process."""
    for folder in base.glob("sfr-eval-*-*"):
        grader = folder.name.split("-")[2]
        if grader.isdigit() and not Path("/proc", grader).exists():
            with contextlib.suppress(OSError):
                folder.rmdir()


def _places() -> list[tuple[Path, str]]:
    """Return the folders for new groups and the names of the files that set their limits."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    places = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            places.append((_ROOT / "memory" / path.lstrip("/"), "memory.limit_in_bytes"))
        elif not controllers:
            base = _ROOT / path.lstrip("/")
            control = base / "cgroup.subtree_control"
            if control.exists() and "memory" in control.read_text().split():
                places.append((base, "memory.max"))
    return places
