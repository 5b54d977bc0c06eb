"""Writes that are either there whole or not at all, and their one-line errors."""

import errno
import itertools
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from sfr_eval.errors import RunError, UserError


def write_atomic(file: Path, content: str | bytes) -> None:
    """Write to a temporary file beside it, fsync, rename. Readers see the old or the new file."""
    data = content.encode() if isinstance(content, str) else content
    with atomic_path(file) as temporary, temporary.open("wb") as stream:
        stream.write(data)


@contextmanager
def atomic_path(file: Path) -> Iterator[Path]:
    """A temporary path beside `file`; renamed over it when the block ends, removed on error. Its
    name cannot be guessed, and its mode is what the user's umask leaves."""
    temporary = file.with_name(f".{file.name}.{secrets.token_hex(8)}.part")
    os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))
    try:
        yield temporary
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        os.replace(temporary, file)
    finally:
        temporary.unlink(missing_ok=True)
    directory = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def append_whole(stream: IO[bytes], data: bytes) -> None:
    """Write all of it to an unbuffered stream: on a disk that fills up the system takes a part
    without an error, and says ENOSPC only to the next write."""
    left = memoryview(data)
    while left:
        left = left[stream.write(left) :]


def scratch_folder(folder: Path) -> Path:
    """A new folder beside `folder`, to be filled and renamed to it. Its name cannot be guessed."""
    made = folder.with_name(f".{folder.name}-{secrets.token_hex(8)}")
    made.mkdir()
    return made


def missing_folders(folder: Path) -> list[Path]:
    """`folder` and those of its parents that are not there yet, the deepest first."""
    return list(itertools.takewhile(lambda path: not path.exists(), (folder, *folder.parents)))


def remove_folders(made: Sequence[Path]) -> None:
    """Undo the making of these folders: the first with its content, its parents while empty."""
    if made:
        shutil.rmtree(made[0], ignore_errors=True)
    for parent in made[1:]:
        try:
            parent.rmdir()
        except OSError:
            return  # somebody else works in it


_USAGE = {errno.EACCES, errno.EROFS, errno.EPERM, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG}


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Turn the operating system's errors into one line: bad place (2) or full disk (3)."""
    try:
        yield
    except OSError as error:
        if error.errno in _USAGE:
            raise UserError(
                f"--output {folder}: cannot be written ({error.strerror}); choose another folder"
            ) from None
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise RunError(
                f"{folder}: the disk is full; all finished samples are kept: make room and "
                "repeat the same command"
            ) from None
        raise
