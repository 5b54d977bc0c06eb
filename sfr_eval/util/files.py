"""Atomic writes, and one-line errors where they fail."""

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
    """Write to a temporary file, fsync, rename. Readers see either the old or the new file."""
    data = content.encode() if isinstance(content, str) else content
    with atomic_path(file) as temporary, temporary.open("wb") as stream:
        stream.write(data)


@contextmanager
def atomic_path(file: Path) -> Iterator[Path]:
    """Yield a temporary path beside `file`, which replaces it when the block ends and is removed on
    error. Its name cannot be guessed, and its mode follows the user's umask."""
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
    """Write all of `data` to an unbuffered stream. When a disk fills up, the system accepts part of
    it without an error, and reports ENOSPC only for the next write."""
    rest = memoryview(data)
    while rest:
        rest = rest[stream.write(rest) :]


def scratch_folder(folder: Path) -> Path:
    """Create a folder beside `folder`, to be filled and renamed to it; its name is unguessable."""
    scratch = folder.with_name(f".{folder.name}-{secrets.token_hex(8)}")
    scratch.mkdir()
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


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Turn the operating system's errors into one line: unusable folder (2) or full disk (3)."""
    try:
        yield
    except OSError as error:
        if error.errno in _USAGE:
            raise UserError(
                f"--output {folder}: cannot be written ({error.strerror}); choose another folder"
            ) from None
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise RunError(
                f"{folder}: the disk is full; all finished samples are kept: free some space and "
                "repeat the command"
            ) from None
        raise
