"""A memory limit for a whole server and its programs, where this process may make one."""

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_COUNT = iter(range(10**9))


@dataclass(slots=True)
class Group:
    """A control group with its limit set."""

    folder: Path
    _seen: int = 0

    def ended_for_memory(self) -> bool:
        """Whether the kernel has ended one of its processes since the last call."""
        count = self._seen
        for name in ("memory.events", "memory.oom_control"):
            file = self.folder / name
            if file.exists():
                facts = dict(line.split() for line in file.read_text().splitlines())
                count = int(facts.get("oom_kill", 0))
        before, self._seen = self._seen, count
        return count > before

    def joined(self, words: list[str]) -> list[str]:
        """The command, entering the group before anything else happens."""
        script = 'echo $$ > "$0" && exec "$@"'
        return ["/bin/sh", "-c", script, str(self.folder / "cgroup.procs"), *words]

    def remove(self) -> None:
        """Delete it; its last process may take a moment to leave."""
        for _ in range(50):
            try:
                self.folder.rmdir()
            except FileNotFoundError:
                return
            except OSError:
                time.sleep(0.02)
            else:
                return


def make(memory_bytes: int) -> Group | None:
    """A new group below our own with this limit; None where that is not allowed."""
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
    """Remove groups whose maker was killed; one that still has a process cannot be removed."""
    for folder in base.glob("sfr-eval-*-*"):
        maker = folder.name.split("-")[2]
        if maker.isdigit() and not Path("/proc", maker).exists():
            with contextlib.suppress(OSError):
                folder.rmdir()


def _places() -> list[tuple[Path, str]]:
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
