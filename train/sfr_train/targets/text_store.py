"""Embeddings of texts, in shards that are only ever added.

    texts/<encoder>/<name>.shard    header, keys (n, 16), rows (n, d)

A key is 16 bytes of the text's SHA-256, so texts are found again in other data, another order or
under other settings. A shard is named by its keys: whoever encodes the same texts writes the same
file. A file that is shorter or longer than its header says is ignored.

`sfr_eval.embeddings` has a store by text of its own. They are apart because that one keeps its keys
in a dictionary and every shard open, which is right for the replies of a run and not for tens of
millions of futures, and because its rows are the library's own float32 vectors; ours are of any
precision and pooling, computed without the padding.
"""

import hashlib
import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sfr_train.targets.claims import Worker

Keys = npt.NDArray[np.bytes_]  # of dtype KEY
KEY = "S16"
_HEADER = struct.Struct("<8sQI4sQ")  # magic, rows, coordinates, dtype, nothing: 32 bytes
_MAGIC = b"sfrtext1"
_OPEN = 256  # shards kept mapped; each holds a file open
_PART = 1 << 22  # keys sorted at once


@dataclass(frozen=True)
class Shard:
    """A whole file of `count` texts with vectors of `size`."""

    file: Path
    count: int
    size: int
    dtype: str

    @property
    def name(self) -> str:
        """Hash of the keys."""
        return self.file.stem

    def keys(self) -> Keys:
        """Return the keys (n,) in the order of the rows."""
        keys: Keys = np.fromfile(self.file, dtype=KEY, count=self.count, offset=_HEADER.size)
        return keys

    def rows(self) -> npt.NDArray[np.floating]:
        """Return the rows (n, d), mapped."""
        start = _HEADER.size + self.count * 16
        return np.memmap(self.file, self.dtype, "r", start, (self.count, self.size))


class TextStore:
    """The shards of one encoder."""

    def __init__(self, folder: Path, stored_as: str) -> None:
        self.folder = folder
        self._dtype = np.dtype(stored_as)
        self._shards: dict[str, Shard] = {}

    def shards(self) -> dict[str, Shard]:
        """Return all whole shards that there are now by name, in the order of their names."""
        for file in sorted(self.folder.glob("*.shard")):
            if file.stem not in self._shards and (shard := whole_shard(file)) is not None:
                self._shards[file.stem] = shard
        return dict(sorted(self._shards.items()))

    def shard(self, name: str) -> Shard | None:
        """Return a shard by name; None if it is not there or not whole. Asks for the file itself:
        on a network file system the list of a folder may be a minute old."""
        if (shard := whole_shard(self.folder / f"{name}.shard")) is not None:
            self._shards[name] = shard
        return shard

    def add(self, keys: Keys, rows: npt.NDArray[np.float32], worker: Worker) -> None:
        """Add the rows (n, d) of keys (n,) as a shard."""
        stored = rows.astype(self._dtype)
        code = self._dtype.str[1:].encode()
        place = self.folder / f"{shard_name(keys)}.shard"
        with worker.file(place) as scratch, scratch.open("wb") as stream:
            stream.write(_HEADER.pack(_MAGIC, len(keys), rows.shape[1], code, 0))
            stream.write(keys.tobytes())
            stream.write(stored.tobytes())


def whole_shard(file: Path) -> Shard | None:
    """Open a shard; None if it is no whole one."""
    try:
        with file.open("rb") as stream:
            magic, count, size, code, _ = _HEADER.unpack(stream.read(_HEADER.size))
            length = os.fstat(stream.fileno()).st_size
    except (OSError, struct.error):
        return None
    if magic != _MAGIC:
        return None
    dtype = "<" + code.rstrip(b"\0").decode("ascii", "replace")
    if dtype not in {"<f2", "<f4"}:
        return None
    expected = _HEADER.size + count * (16 + size * int(dtype[2]))
    return Shard(file, count, size, dtype) if length == expected else None


def text_key(text: str) -> bytes:
    """Return the key of a text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]


def shard_name(keys: Keys) -> str:
    """Return the name of the shard with these keys."""
    return hashlib.sha256(keys.tobytes()).hexdigest()[:24]


def locate(keys: Keys, shards: Sequence[Shard]) -> npt.NDArray[np.int64]:
    """Return for each key (n,) the number of its row in all shards one after another, -1 for one
    that none has; of several shards, the first counts.

    Keys are compared range by range, so that 50 million take tens of megabytes, not a dictionary.
    """
    result = np.full(len(keys), -1, dtype=np.int64)
    starts = np.cumsum([0, *(shard.count for shard in shards)])
    count = _range_count(max(len(keys), int(starts[-1])))
    for number, asked in enumerate(_ranges(keys, count)):
        places = []
        stored_keys = []
        for start, shard in zip(starts, shards, strict=False):
            here = shard.keys()
            inside = np.flatnonzero(_range(here, count) == number) if count > 1 else slice(None)
            stored_keys.append(here[inside])
            places.append(start + np.arange(len(here))[inside])
        if not stored_keys or not len(asked):
            continue
        stored, place = np.concatenate(stored_keys), np.concatenate(places)
        order = np.argsort(stored, kind="stable")
        stored, place = stored[order], place[order]
        wanted = keys[asked]
        at = np.searchsorted(stored, wanted).clip(max=max(len(stored) - 1, 0))
        if len(stored):
            same = stored[at] == wanted
            result[asked[same]] = place[at[same]]
    return result


def first_places(keys: Keys, places: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return those of `places` in `keys` at which a key occurs for the first time among them, in
    ascending order."""
    firsts = []
    for inside in _ranges(keys, _range_count(len(places)), places):
        here = places[inside]
        firsts.append(here[np.unique(keys[here], return_index=True)[1]])
    return np.sort(np.concatenate(firsts)) if firsts else places


def _range_count(keys: int) -> int:
    return min(256, 1 + keys // _PART)


def _ranges(keys: Keys, count: int, places: Any = slice(None)) -> Iterator[npt.NDArray[np.int64]]:
    """Yield, for each of `count` equal ranges of hashes, which of keys[places] lie in it."""
    numbers = _range(keys, count)[places]
    for number in range(count):
        yield np.flatnonzero(numbers == number)


def _range(keys: Keys, count: int) -> npt.NDArray[np.uint16]:
    """Return which of `count` (up to 256) equal ranges of hashes each key lies in."""
    first = np.ascontiguousarray(keys).view(np.uint8)[::16]
    return (first.astype(np.uint16) * np.uint16(count)) >> np.uint16(8)


class ShardRows:
    """Rows of several shards by number, as if these were one array; few are open at a time."""

    def __init__(self, shards: Sequence[Shard]) -> None:
        self._shards = list(shards)
        self._starts = np.cumsum([0, *(shard.count for shard in shards)])
        self._mapped = lru_cache(maxsize=_OPEN)(lambda number: self._shards[number].rows())

    def __reduce__(self) -> tuple[Any, ...]:
        return ShardRows, (self._shards,)  # a loader process maps them itself

    def __getitem__(self, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Return the rows (n, d) in float32."""
        numbers = np.asarray(numbers)
        result = np.empty((len(numbers), self._shards[0].size), dtype=np.float32)
        holders = np.searchsorted(self._starts, numbers, side="right") - 1
        for holder in np.unique(holders):
            inside = holders == holder
            result[inside] = self._mapped(int(holder))[numbers[inside] - self._starts[holder]]
        return result
