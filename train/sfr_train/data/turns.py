"""Processes that prepare the same data take turns, and wait without a collective operation.

A collective operation ends with an error after `ddp_timeout`, by default 30 minutes, and preparing
a large data set can take longer. So processes that share a cache poll a lock of the kernel, which
ends with its holder however that ends, and ranks meet by polling the store through which they found
each other. Who waits says so every half minute, and for what.

The lock is one of POSIX (`lockf`), which belongs to one process. That of `flock` would be held on
by the processes that the datasets library starts, for ever if their parent is killed. These end
with their parent.
"""

import errno
import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path

from sfr_eval.errors import RunError, UserError
from sfr_eval.util.lock import NO_FLOCK
from sfr_eval.util.progress import log
from sfr_train.output_folder import DISK_FULL

HEARTBEAT = 30.0
"""Seconds between the lines of a process that waits."""
_POLL = 0.2
_READ_ONLY = {errno.EACCES, errno.EROFS, errno.EPERM}
_UNFINISHED = ("*.part", "tmp*")  # names that we, and the datasets library, give to them
_MEETINGS = count()
_HELD: set[Path] = set()  # locks of this process


@contextmanager
def one_at_a_time(
    lock: Path, *, what: str, progress: Callable[[], str] = str, scratch: Path | None = None
) -> Iterator[None]:
    """Let one process of those that share the folder of `lock` do `what` at a time; the others wait
    here, and afterwards find what it left there. scratch: a folder in which only the holder writes;
    files there that are not finished are removed, before and after.

    On a file system without such locks every process does the work itself; files appear under their
    names only when they are whole, so no process reads half of one. A folder that is read-only will
    do if all is there. Raises RunError if the disk is full, UserError if the folder cannot be
    written.
    """
    with ExitStack() as stack:
        try:
            try:
                lock.parent.mkdir(parents=True, exist_ok=True)
                if scratch is not None:
                    scratch.mkdir(parents=True, exist_ok=True)
                stream = stack.enter_context(lock.open("w"))
            except OSError as error:
                if error.errno not in _READ_ONLY:
                    raise
            else:
                if _take(stream.fileno(), what=what, progress=progress) and scratch is not None:
                    _remove_unfinished(scratch)
                    stack.callback(_remove_unfinished, scratch)  # ours, should it fail
                _HELD.add(lock)
                stack.callback(_HELD.discard, lock)
            yield
        except OSError as error:
            if error.errno in DISK_FULL:
                raise RunError(
                    f"{lock.parent}: the disk is full while data is prepared ({what}); what is "
                    "done is kept: make room or set SFR_EVAL_CACHE, and repeat the same command"
                ) from None
            if error.errno in _READ_ONLY | {errno.ENOTDIR, errno.EEXIST}:
                raise UserError(
                    f"{lock.parent}: cannot be written ({error.strerror}); set SFR_EVAL_CACHE to "
                    "a writable folder"
                ) from None
            raise


def _remove_unfinished(folder: Path) -> None:
    for file in (file for name in _UNFINISHED for file in folder.glob(name)):
        file.unlink(missing_ok=True)


def _take(lock: int, *, what: str, progress: Callable[[], str]) -> bool:
    """Wait for the lock. Returns False on a file system without locks."""
    began = said = time.monotonic()
    while True:
        try:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() - said >= HEARTBEAT:
                said = time.monotonic()
                log(f"waiting {said - began:.0f} s for another process to {what}{progress()}")
            time.sleep(_POLL)
        except OSError as error:
            if error.errno not in NO_FLOCK:
                raise
            return False
        else:
            return True


def _leave_with_parent() -> None:
    """In a process started by one that holds a lock: end when that has ended, not wait for work."""

    def watch(parent: int) -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    if _HELD:
        threading.Thread(target=watch, args=(os.getppid(),), daemon=True).start()


os.register_at_fork(after_in_child=_leave_with_parent)


def meet(what: str) -> None:
    """Wait until every rank has come here, however long that takes. All ranks call this in the same
    order."""
    import torch.distributed as dist

    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1:
        return
    store = dist.distributed_c10d._get_default_store()
    name, ranks = f"sfr_train/meeting/{next(_MEETINGS)}", dist.get_world_size()
    here = store.add(name, 1)
    began = said = time.monotonic()
    while here < ranks:
        time.sleep(_POLL)
        here = store.add(name, 0)
        if time.monotonic() - said >= HEARTBEAT:
            said = time.monotonic()
            log(f"waiting {said - began:.0f} s until all ranks have {what}: {here} of {ranks}")
