"""What many tests start from is made once in a process, and copied for each of them."""

import functools
import hashlib
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

_made: set[Path] = set()


@functools.cache
def _kept() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="kept-")  # removed when the process ends


def kept_cache() -> Path:
    """Return a cache of references and embeddings for runs that are made for tests."""
    return Path(_kept().name) / "cache"


def copied(key: str, folder: Path, make: Callable[[Path], object]) -> Path:
    """Fill `folder` with what `make` makes in a folder of that name, the first time that this key
    is asked for, and with a copy of it from then on. Returns `folder`."""
    digest = hashlib.sha256(key.encode()).hexdigest()
    original = Path(_kept().name) / digest / folder.name
    if original not in _made:
        make(original)
        _made.add(original)
    shutil.copytree(original, folder, dirs_exist_ok=True)
    return folder
