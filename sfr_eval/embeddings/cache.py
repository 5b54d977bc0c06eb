"""Embeddings on disk, by hash of the text.

    <folder>/<shard>.npy    float32, unit rows, shape (n, d)
    <folder>/<shard>.keys   16 bytes of sha256(text) for each row

Shards are only ever added. The keys file is written last, so a shard without one is ignored.
"""

import hashlib
import mmap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sfr_eval.errors import UserError
from sfr_eval.util.files import atomic_path, write_atomic
from sfr_eval.util.untrusted import open_plain, plain_bytes

KEY_BYTES = 16

Embeddings = npt.NDArray[np.float32]


class EmbeddingStore:
    """The shards of one encoder. A truncated or unreadable shard is ignored, and its texts are
    encoded again. If the folder cannot be written, nothing is cached, and the result is the
    same."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._shards: list[Embeddings] = []
        self._places: dict[bytes, tuple[int, int]] = {}  # key -> shard, row
        for file in sorted(folder.glob("*.keys")):
            self._read(file)

    def __contains__(self, key: bytes) -> bool:
        return key in self._places

    def _read(self, file: Path) -> None:
        try:
            content = plain_bytes(file)
            open_plain(file.with_suffix(".npy")).close()
            rows = np.load(file.with_suffix(".npy"), mmap_mode="r")
        except (OSError, ValueError, EOFError):
            return
        keys = [content[i : i + KEY_BYTES] for i in range(0, len(content), KEY_BYTES)]
        if rows.ndim == 2 and len(rows) == len(keys) and rows.dtype == np.float32:
            self._remember(keys, rows)

    def _remember(self, keys: Sequence[bytes], rows: Embeddings) -> None:
        self._places.update({key: (len(self._shards), row) for row, key in enumerate(keys)})
        self._shards.append(rows)

    def add(self, keys: Sequence[bytes], rows: Embeddings) -> None:
        """Add rows in memory and on disk."""
        self._remember(keys, rows)
        content = b"".join(keys)
        # Named by content, so processes that share the cache never write different rows to one
        # file.
        file = self._folder / f"{hashlib.sha256(content).hexdigest()[:16]}.npy"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with atomic_path(file) as temporary, temporary.open("wb") as stream:
                np.save(stream, rows)
            write_atomic(file.with_suffix(".keys"), content)
            self._shards[-1] = np.load(file, mmap_mode="r")  # a million rows would be 1.5 GB
        except OSError:
            return  # a full or read-only cache: encode again next time

    def rows(self, keys: Sequence[bytes]) -> Embeddings:
        """Return the rows of these keys in their order. The store must have them all. Raises
        UserError for rows that no encoder wrote."""
        if not keys:
            return np.zeros((0, self._shards[0].shape[1] if self._shards else 0), np.float32)
        places = np.array([self._places[key] for key in keys])
        used = np.unique(places[:, 0])
        widths = {self._shards[shard].shape[1] for shard in used}
        if len(widths) > 1:
            raise self._foreign(f"rows of {min(widths)} and of {max(widths)} numbers")
        rows = np.empty((len(keys), widths.pop()), np.float32)
        for shard in used:
            here = places[:, 0] == shard
            rows[here] = self._shards[shard][places[here, 1]]
            _release_pages(self._shards[shard])
        if not np.isfinite(np.einsum("ij,ij->i", rows, rows)).all():
            raise self._foreign("rows that are not unit vectors")
        return rows

    def _foreign(self, what: str) -> UserError:
        return UserError(
            f"{self._folder}: the cache of embeddings is damaged ({what}); remove this folder, and "
            "the texts are encoded again"
        )


def _release_pages(rows: Embeddings) -> None:
    """Release the pages of a mapped file: they count as memory of this process until then, so
    reading all of a large cache would hold all of it."""
    if isinstance(rows.base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        rows.base.madvise(mmap.MADV_DONTNEED)


def text_key(text: str) -> bytes:
    """Return the key of a text in the store."""
    # Lone surrogates cannot come from a decoded completion, but can from a user's file.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:KEY_BYTES]
