"""Processes that prepare the same data take turns, and wait without a collective operation.

A collective operation ends with an error after `ddp_timeout`, by default 30 minutes, and preparing
a large data set can take longer. So processes that share a cache poll a lock of the kernel, which
ends with its holder however that ends, and ranks meet by polling the store through which they found
each other. Who waits says so every half minute, and for what.
"""

import errno
import fcntl
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


@contextmanager
def one_at_a_time(
    lock: Path, *, what: str, progress: Callable[[], str] = str, scratch: Path | None = None
) -> Iterator[None]:
    """Let one process of those that share the folder of `lock` do `what` at a time; the others wait
    here, and afterwards find what it left there. scratch: a folder in which only the holder writes;
    files there that one before has not finished are removed.

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
                    for file in (file for name in _UNFINISHED for file in scratch.glob(name)):
                        file.unlink(missing_ok=True)
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


def _take(lock: int, *, what: str, progress: Callable[[], str]) -> bool:
    """Wait for the lock. Returns False on a file system without locks."""
    began = said = time.monotonic()
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
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
