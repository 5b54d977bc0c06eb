"""Builds the targets of a data set, with all processes that ask for the same ones.

    <key>/build/blocks/<n>.npz   states and text keys of a block of rows
                keys.bin         the keys of all blocks, one block after another
                missing.npy      places of those among them that have to be encoded
                plan.npz         where blocks end among the keys, and the shards that were there
    texts/<encoder>/*.shard      embeddings, see text_store.py

Four steps, each shared piece by piece: blocks are read; one process plans; the missing texts are
encoded in pieces of equal size; one process writes the index. Every piece appears as a whole file.
A build that was killed continues with the pieces that are missing, whoever had begun them, and ends
with the same bytes: the plan says from the first start on which texts are encoded together.
"""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from numpy.lib.format import open_memmap

from sfr_eval.errors import RunError, UserError
from sfr_train.targets.blocks import ROWS, Block, read_keys, read_pieces, scan, texts_of
from sfr_train.targets.claims import Worker, share
from sfr_train.targets.counts import Counts
from sfr_train.targets.moments import moments
from sfr_train.targets.segments import TargetSettings, key_settings
from sfr_train.targets.text_encoder import TextEncoder
from sfr_train.targets.text_store import (
    KEY,
    Keys,
    Shard,
    TextStore,
    first_places,
    locate,
    shard_name,
)

SCRATCH = "build"
"""In the folder of the targets: what only their build needs."""
PIECES = (1_024, 8_192)
"""Least and most texts that are encoded together: enough to sort by length, few enough to lose in a
kill. In between, a 64th of what is missing, so that many processes have work."""
_SAMPLED = 1 << 20  # rows whose correlations are computed
_CHUNK = 1 << 22  # states or keys at a time

Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Plan:
    """ends (B,): where the keys of each block end among all. missing (M,): places of the keys that
    have to be encoded, `size` of them together. shards: names of those in the store before."""

    ends: Places
    missing: Places
    size: int
    shards: frozenset[str]


def claim_prefix(folder: Path) -> str:
    """Return how the names of all claims on pieces of a build begin."""
    return f"{folder.name}-"


class Build:
    """One process's part in the targets of one data set."""

    def __init__(
        self,
        folder: Path,
        dataset: Any,
        *,
        tokenizer: Any,
        settings: TargetSettings,
        encoder: TextEncoder,
        store: TextStore,
        worker: Worker,
    ) -> None:
        self._folder, self._scratch = folder, folder / SCRATCH
        self._dataset, self._tokenizer, self._settings = dataset, tokenizer, settings
        self._encoder, self._store, self._worker = encoder, store, worker
        self._blocks = self._scratch / "blocks"

    def run(self) -> int:
        """Return when the index is there, with the number of texts that this process encoded."""
        self._blocks.mkdir(parents=True, exist_ok=True)
        self._store.folder.mkdir(parents=True, exist_ok=True)
        rows = len(self._dataset)
        sizes = {f"{n}": min(ROWS, rows - n * ROWS) for n in range(-(-rows // ROWS))}
        self._share("reading targets", sizes, self._read, self._blocks_read)
        self._once("planning targets", self._scratch / "plan.npz", self._write_plan)
        encoded = self._encode()
        self._once("indexing targets", self._folder / "meta.json", self._write_index)
        return encoded

    # Sharing

    def _share(self, title: str, sizes: Mapping[str, int], work: Any, done: Any) -> None:
        prefix = claim_prefix(self._folder)
        pieces = {prefix + name: size for name, size in sizes.items()}

        def finished() -> Set[str]:
            is_built = (self._folder / "meta.json").is_file()  # and the scratch is gone
            return pieces.keys() if is_built else {prefix + name for name in done()}

        share(
            pieces,
            self._worker,
            done=finished,
            work=lambda name: work(name.removeprefix(prefix)),
            title=title,
            unit="rows" if len(sizes) > 1 else "",
        )
        self._worker.sweep(pieces)

    def _once(self, title: str, file: Path, work: Any) -> None:
        def done() -> set[str]:
            return {file.stem} if file.is_file() else set()

        self._share(title, {file.stem: 1}, lambda _: file.is_file() or work(), done)

    # Reading

    def _blocks_read(self) -> set[str]:
        return {file.stem for file in self._blocks.glob("*.npz")}

    def _read(self, name: str) -> None:
        place = self._blocks / f"{name}.npz"
        if place.is_file():
            return
        block = scan(self._dataset, int(name), tokenizer=self._tokenizer, settings=self._settings)
        self._blocks.mkdir(parents=True, exist_ok=True)  # another found no target, and cleared up
        with self._worker.file(place) as scratch:
            block.write(scratch)

    def _block_files(self) -> list[Path]:
        return sorted(self._blocks.glob("*.npz"), key=lambda file: int(file.stem))

    # Planning

    def _write_plan(self) -> None:
        ends, total = [], 0
        self._blocks.mkdir(parents=True, exist_ok=True)
        with self._file(self._scratch / "keys.bin") as stream:
            for file in self._block_files():
                keys = read_keys(file)
                stream.write(keys.tobytes())
                total += len(keys)
                ends.append(total)
        if total == 0:
            shutil.rmtree(self._folder, ignore_errors=True)  # of no use to anyone
            raise UserError(
                f"targets: none of {len(self._dataset):,} rows has {self._settings.shortest} reply "
                "tokens after an anchor; lower targets.minimum or targets.k"
            )
        shards = self._store.shards()
        keys = self._keys
        missing = first_places(keys, np.flatnonzero(locate(keys, list(shards.values())) < 0))
        with self._file(self._scratch / "missing.npy") as stream:
            np.save(stream, missing)
        with self._file(self._scratch / "plan.npz") as stream:
            size = min(max(PIECES[0], -(-len(missing) // 64)), PIECES[1])
            names = np.array(list(shards), dtype="S24")
            np.savez(stream, ends=np.array(ends), size=size, shards=names)

    @property
    def _keys(self) -> Keys:
        return np.memmap(self._scratch / "keys.bin", dtype=KEY, mode="r")

    @cached_property
    def _plan(self) -> Plan:
        with np.load(self._scratch / "plan.npz") as arrays:
            names = frozenset(name.decode() for name in arrays["shards"])
            missing = np.load(self._scratch / "missing.npy", mmap_mode="r")
            return Plan(arrays["ends"], missing, int(arrays["size"]), names)

    # Encoding

    def _encode(self) -> int:
        keys, missing, size = self._keys, self._plan.missing, self._plan.size
        parts = [missing[at : at + size] for at in range(0, len(missing), size)]
        pieces = {shard_name(keys[part]): part for part in parts}
        covered: set[str] = set()
        encoded = 0

        def done() -> set[str]:
            return self._store.shards().keys() & pieces.keys() | covered

        def work(name: str) -> None:
            nonlocal encoded
            if self._store.shard(name) is not None:
                return
            others = self._store.shards().keys() - self._plan.shards - pieces.keys()
            rest = self._without(pieces[name], others)
            if len(rest):
                encoded += self._encode_piece(rest)
            covered.add(name)

        sizes = {name: len(part) for name, part in pieces.items()}
        share(sizes, self._worker, done=done, work=work, title="encoding targets", unit="texts")
        self._worker.sweep(pieces)
        for name in pieces.keys() - covered:  # by name, since the list of others may be old
            self._store.shard(name)
        return encoded

    def _without(self, places: Places, shards: Set[str]) -> Places:
        """Drop the places whose texts a build of other data has encoded since the plan."""
        opened = self._store.shards()
        return places[locate(self._keys[places], [opened[name] for name in sorted(shards)]) < 0]

    def _encode_piece(self, places: Places) -> int:
        texts: list[str] = []
        blocks = np.searchsorted(self._plan.ends, places, side="right")
        for block in np.unique(blocks):
            start = self._plan.ends[block - 1] if block else 0
            pieces = read_pieces(self._blocks / f"{block}.npz")[places[blocks == block] - start]
            texts += texts_of(self._dataset, int(block), pieces, tokenizer=self._tokenizer)
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        sorted_rows = self._encoder.encode([texts[i] for i in order])
        rows = np.empty_like(sorted_rows)
        rows[order] = sorted_rows
        if not np.isfinite(rows).all():
            text = texts[int(np.flatnonzero(~np.isfinite(rows).all(axis=1))[0])]
            raise UserError(
                f"targets.encoder: its embedding is not finite for the text that begins "
                f"{text[:60]!r}; use another encoder"
            )
        self._store.add(self._keys[places], rows, self._worker)
        return len(texts)

    # Index

    def _write_index(self) -> None:
        shards, row_of_key = used_rows(self._keys, list(self._store.shards().values()))
        lengths = self._write_states(row_of_key)
        counts = np.zeros(sum(shard.count for shard in shards), dtype=np.int64)
        rows = np.load(self._folder / "rows.npy", mmap_mode="r")
        for at in range(0, len(rows), _CHUNK):
            np.add.at(counts, rows[at : at + _CHUNK], 1)
        starts = np.cumsum([0, *(shard.count for shard in shards)])
        of_states = moments(
            (
                (shard.rows(), counts[start : start + shard.count].astype(np.float64))
                for start, shard in zip(starts, shards, strict=False)
            ),
            every=1 + len(counts) // _SAMPLED,
        )
        with self._file(self._folder / "covariance.npy") as stream:
            np.save(stream, of_states.covariance.astype(np.float32))
        texts = int(np.count_nonzero(counts))
        without = int(np.count_nonzero(lengths == 0))
        meta = {
            "counts": asdict(Counts(len(lengths), int(lengths.sum()), without, texts)),
            "shards": [[shard.name, shard.count] for shard in shards],
            "size": len(of_states.mean),
            "mean": of_states.mean.tolist(),
            "deviation": of_states.deviation.tolist(),
            "encoder": self._encoder.key,
            "settings": key_settings(self._settings),
        }
        with self._file(self._folder / "meta.json") as stream:
            stream.write(json.dumps(meta).encode())
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _write_states(self, row_of_key: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
        """Write the arrays with one value for each state, block by block. Returns the states of
        each row."""
        blocks = self._block_files()
        lengths = np.concatenate([Block.read(file).lengths for file in blocks])
        offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
        with self._file(self._folder / "offsets.npy") as stream:
            np.save(stream, offsets)
        starts = np.concatenate([[0], self._plan.ends])
        columns: dict[str, tuple[str, Callable[[int, Block], Any]]] = {
            "positions": ("<i4", lambda _, block: block.positions),
            "weights": ("<f4", lambda _, block: block.weights),
            "rows": ("<i8", lambda number, block: row_of_key[starts[number] + block.texts]),
        }
        for name, (dtype, column) in columns.items():
            with self._worker.file(self._folder / f"{name}.npy") as scratch:
                shape = (int(offsets[-1]),)
                values: Any = open_memmap(scratch, "w+", dtype, shape)  # type: ignore[no-untyped-call]
                at = 0
                for number, file in enumerate(blocks):
                    part = column(number, Block.read(file))
                    values[at : at + len(part)] = part
                    at += len(part)
                values.flush()
        return lengths

    @contextmanager
    def _file(self, place: Path) -> Iterator[IO[bytes]]:
        with self._worker.file(place) as scratch, scratch.open("wb") as stream:
            yield stream


def used_rows(keys: Keys, shards: list[Shard]) -> tuple[list[Shard], npt.NDArray[np.int64]]:
    """Return those shards that hold one of the keys, and the number of each key's row in these, one
    shard after another."""
    rows = locate(keys, shards)
    if (rows < 0).any():
        raise RunError(
            "targets: a shard was removed, or is not seen yet, while it was needed; repeat the "
            "same command"
        )
    starts = np.cumsum([0, *(shard.count for shard in shards)])
    is_used = np.zeros(len(shards), dtype=bool)
    for at in range(0, len(rows), _CHUNK):
        is_used[np.searchsorted(starts, rows[at : at + _CHUNK], side="right") - 1] = True
    counts = np.array([shard.count for shard in shards], dtype=np.int64)
    shifts = np.cumsum(np.where(is_used, 0, counts)) - np.where(is_used, 0, counts)
    for at in range(0, len(rows), _CHUNK):
        part = rows[at : at + _CHUNK]
        part -= shifts[np.searchsorted(starts, part, side="right") - 1]
    return [shard for shard, used in zip(shards, is_used, strict=True) if used], rows
