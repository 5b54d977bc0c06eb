"""Allows one writer to a run folder, for as long as its process lives.

The lock itself is the kernel's (flock), which ends with the process however that ends, so there is
nothing to clean up after a crash. The file also records who holds the lock, for the message. File
systems without flock rely on such a record alone. The package filelock could say neither who holds
the folder nor whether that process is still alive, and would be one more dependency.
"""

import errno
import fcntl
import json
import os
import socket
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from sfr_eval.errors import UserError
from sfr_eval.util.untrusted import open_for_append, plain_bytes

NO_FLOCK = {errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL}
"""Errors of file systems without flock."""


@dataclass(frozen=True, kw_only=True)
class Owner:
    """A process, identified so that a later one with the same number is not mistaken for it."""

    pid: int
    started: str  # ticks after the boot
    boot: str
    host: str

    @classmethod
    def of_this_process(cls) -> "Owner":
        """Return the owner record of the running process."""
        return cls(
            pid=os.getpid(), started=_started(os.getpid()), boot=_boot(), host=socket.gethostname()
        )

    @property
    def gone(self) -> bool | None:
        """Whether it has ended; None if it is on another machine, where that is unknown."""
        if self.host != socket.gethostname():
            return None
        return self.boot != _boot() or self.started != _started(self.pid)


class FolderLock:
    """A lock on `file`; `where` names the folder in messages."""

    def __init__(self, file: Path, *, where: str) -> None:
        self._file, self._where = file, where
        self._record = file.with_name(file.name + "-owner")
        self._stream: IO[bytes] | None = None
        self._by_record = False

    def take(self) -> None:
        """Take the lock. Raises UserError if another process holds it, OSError if the folder cannot
        be written."""
        self._stream = open_for_append(self._file)  # keeps the record of who holds it
        try:
            fcntl.flock(self._stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = _owner(self._file)
            self._stream.close()
            raise self._held(owner) from None
        except OSError as error:
            if error.errno not in NO_FLOCK:
                raise
            self._take_record()
            return
        with suppress(OSError):  # a full disk: only a message loses detail
            self._stream.truncate(0)
            self._stream.write(json.dumps(asdict(Owner.of_this_process())).encode())

    def release(self) -> None:
        """Release the lock; does nothing if it is not held."""
        if self._by_record:
            self._record.unlink(missing_ok=True)
            self._by_record = False
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _take_record(self) -> None:
        """Take the lock without flock: whoever creates the record has it."""
        try:
            with self._record.open("x") as stream:
                stream.write(json.dumps(asdict(Owner.of_this_process())))
            self._by_record = True
        except FileExistsError:
            owner = _owner(self._record)
            if owner is not None and owner.gone is False:
                raise self._held(owner) from None
            if owner is None or owner.gone is None:
                raise UserError(
                    f"--output {self._where}: {_named(owner)} may be writing here; if it is not, "
                    f"remove {self._record}"
                ) from None
            self._record.unlink(missing_ok=True)  # it died on this machine: the lock is free
            self._take_record()

    def _held(self, owner: Owner | None) -> UserError:
        return UserError(
            f"--output {self._where}: another sfr-eval is writing here ({_named(owner)}); wait for "
            "it or choose another folder"
        )


def owner_is_gone(file: Path) -> bool | None:
    """Return whether the process that last took a lock has ended; None if it is on another machine,
    where that is unknown. It may have released the lock and live on."""
    for record in (file.with_name(file.name + "-owner"), file):
        try:
            owner = _owner(record)
        except OSError:
            continue
        if owner is not None:
            return owner.gone
    return True


def _named(owner: Owner | None) -> str:
    return "who is unknown" if owner is None else f"process {owner.pid} on {owner.host}"


def _owner(file: Path) -> Owner | None:
    """Read an owner record; None if it is empty, truncated or not ours. Raises OSError if it cannot
    be read."""
    try:
        owner = Owner(**json.loads(plain_bytes(file)))
    except (ValueError, TypeError, RecursionError):
        return None
    texts = (owner.started, owner.boot, owner.host)
    return owner if type(owner.pid) is int and all(isinstance(t, str) for t in texts) else None


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _started(pid: int) -> str:
    """Return when a process began; "" if there is no process of this number."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
