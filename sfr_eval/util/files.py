"""Atomic writes, and one-line errors where they fail."""

import errno
import fcntl
import itertools
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from sfr_eval.errors import RunError, UserError, machine_trouble

_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{16}\.part")
_scratch_locks: dict[Path, int] = {}  # scratch folder of this process -> descriptor of its lock
_searched: set[tuple[int, Path]] = set()  # (process, folder) whose abandoned files are removed


def write_atomic(file: Path, content: str | bytes) -> None:
    """Write to a temporary file, fsync, rename. Readers see either the old or the new file."""
    data = content.encode() if isinstance(content, str) else content
    with atomic_path(file) as temporary, temporary.open("wb") as stream:
        stream.write(data)


@contextmanager
def atomic_path(file: Path) -> Iterator[Path]:
    """Yield a temporary path beside `file`, which replaces it when the block ends and is removed on
    error. Its name cannot be guessed, and its mode follows the user's umask.

    A killed writer cannot remove its file: the next process that writes into this folder does, and
    once, since a cache may hold as many files as there are prompts.
    """
    place = (os.getpid(), file.parent)
    if place not in _searched:
        _searched.add(place)
        remove_abandoned(file.parent)
    with _temporary(file) as temporary:
        yield temporary
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        os.replace(temporary, file)
    directory = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


@contextmanager
def _temporary(file: Path) -> Iterator[Path]:
    """Create an empty file beside `file`, which is locked in this block, so that `remove_abandoned`
    of other processes spares it, and removed after it."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    while True:
        temporary = file.with_name(f".{file.name}.{secrets.token_hex(8)}.part")
        try:  # before the file exists: Ctrl-C may come as soon as it does
            with os.fdopen(os.open(temporary, flags, 0o666), "r+b") as stream:
                lock(stream.fileno(), wait=True)
                if os.fstat(stream.fileno()).st_nlink:  # else removed before it was locked
                    yield temporary
                    return
        finally:
            temporary.unlink(missing_ok=True)


def remove_abandoned(folder: Path) -> None:
    """Remove the temporary files of writers that were killed. Those of living ones are locked;
    where a file system has no locks, none is removed."""
    with suppress(OSError):
        for entry in os.scandir(folder):
            if _TEMPORARY.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                with suppress(OSError):  # gone meanwhile, or somebody else's
                    _remove_unlocked(Path(entry.path))


def _remove_unlocked(path: Path) -> None:
    is_folder = path.is_dir()
    flags = os.O_RDONLY | os.O_DIRECTORY if is_folder else os.O_RDWR | os.O_NONBLOCK
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if lock(descriptor, wait=False):
            shutil.rmtree(path) if is_folder else path.unlink()
    finally:
        os.close(descriptor)


def lock(descriptor: int, *, wait: bool, shared: bool = False) -> bool:
    """Lock a file until it is closed. Returns whether it is locked."""
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(descriptor, kind | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        return False
    return True


def append_whole(stream: IO[bytes], data: bytes) -> None:
    """Write all of `data` to an unbuffered stream. When a disk fills up, the system accepts part of
    it without an error, and reports ENOSPC only for the next write."""
    rest = memoryview(data)
    while rest:
        rest = rest[stream.write(rest) :]


def scratch_folder(folder: Path) -> Path:
    """Create a folder beside `folder`, to be filled and renamed to it; its name is unguessable.
    Those that killed processes left behind are removed."""
    for path in [path for path in _scratch_locks if not path.exists()]:
        os.close(_scratch_locks.pop(path))
    name = re.compile(rf"\.{re.escape(folder.name)}-[0-9a-f]{{16}}")
    for entry in os.scandir(folder.parent):
        if name.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False):
            with suppress(OSError):  # gone meanwhile, or somebody else's
                _remove_unlocked(Path(entry.path))
    while True:
        scratch = folder.with_name(f".{folder.name}-{secrets.token_hex(8)}")
        scratch.mkdir()
        descriptor = os.open(scratch, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        lock(descriptor, wait=True)
        _scratch_locks[scratch] = descriptor
        if os.fstat(descriptor).st_nlink:  # else removed before it was locked
            return scratch


def missing_folders(folder: Path) -> list[Path]:
    """Return `folder` and those of its parents that do not exist yet, the deepest first."""
    return list(itertools.takewhile(lambda path: not path.exists(), (folder, *folder.parents)))


def remove_folders(folders: Sequence[Path]) -> None:
    """Remove the first folder with its content, then its parents as long as they are empty."""
    if folders:
        shutil.rmtree(folders[0], ignore_errors=True)
    for parent in folders[1:]:
        try:
            parent.rmdir()
        except OSError:
            return  # somebody else is using it


_USAGE = {errno.EACCES, errno.EROFS, errno.EPERM, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG}
_MISPLACED = {errno.EISDIR, errno.ENOTEMPTY, errno.ELOOP}
"""Of something else in the place of a file."""


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Turn the operating system's errors into one line: unusable folder (2), or a full disk or
    another trouble of the machine (3)."""
    try:
        yield
    except OSError as error:
        if error.errno in _MISPLACED:
            raise UserError(
                f"{error.filename or folder}: cannot be written ({error.strerror}); remove it, or "
                "choose another folder"
            ) from None
        if error.errno in _USAGE:
            raise UserError(
                f"--output {folder}: cannot be written ({error.strerror}); choose another folder"
            ) from None
        trouble = machine_trouble(error)
        if trouble is not None:
            raise RunError(f"{folder}: {trouble}") from None
        raise
