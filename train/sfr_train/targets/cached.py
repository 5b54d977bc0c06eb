"""Targets E(y_{t+1..t+k}): each text is encoded once, kept on disk and read as it is needed.

    cache/targets/texts/<encoder>/*.shard   embeddings by text, for all data sets; text_store.py
    cache/targets/<key>/meta.json           written last; a folder without one is not finished
                        offsets.npy         (R + 1,) states of row r: offsets[r] .. offsets[r + 1]
                        positions.npy       (S,) position of a state in its row
                        rows.npy            (S,) row of its future in the shards of meta.json
                        weights.npy         (S,) its weight
                        covariance.npy      (d, d) of the rows over the states, before `scale`
                        build/              only while it is built; build.py

The key hashes encoder, data, tokenizer and all settings of the segments. Texts are found under any
key: other weights, another `fill`, one row more or another order encode nothing again.
"""

import copy
import errno
import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sfr_eval.errors import RunError, UserError
from sfr_eval.util.progress import log
from sfr_train.data.tokens import vocabulary
from sfr_train.output_folder import DISK_FULL
from sfr_train.targets.blocks import ROWS, rows_of
from sfr_train.targets.build import SCRATCH, Build, claim_prefix
from sfr_train.targets.claims import Worker, is_speaker
from sfr_train.targets.counts import Counts
from sfr_train.targets.segments import TargetSettings, key_settings
from sfr_train.targets.text_encoder import Floats, SentenceEncoder, TextEncoder
from sfr_train.targets.text_store import Shard, ShardRows, TextStore

_FORMAT = "3"
_OF_STATES = ("offsets", "positions", "rows", "weights")
_LOSSES = 3  # of files that another process removes because it has finished, or failed


class Targets:
    """The finished cache of one data set, open for reading."""

    def __init__(self, folder: Path, settings: TargetSettings, shards: Sequence[Shard]) -> None:
        meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
        self.folder = folder
        self.settings = settings
        self.size = int(meta["size"])
        self.counts = Counts(**meta["counts"])
        self._moments = (np.float32(meta["mean"]), np.float32(meta["deviation"]))
        self._embeddings = ShardRows(shards)
        self._map_states()

    def _map_states(self) -> None:
        self._offsets, self._positions, self._rows, self._weights = (
            np.load(self.folder / f"{name}.npy", mmap_mode="r") for name in _OF_STATES
        )

    def __getstate__(self) -> dict[str, Any]:
        """Leave the maps out, which would be copied whole: another process maps the files."""
        return {name: value for name, value in vars(self).items() if name[1:] not in _OF_STATES}

    def __setstate__(self, values: dict[str, Any]) -> None:
        vars(self).update(values)
        self._map_states()

    @property
    def deviation(self) -> float:
        """s of the formulas: root mean square of a target coordinate, 1/sqrt(d) or 1."""
        return self.size**-0.5 if self.settings.scale == "unit" else 1.0

    @property
    def state_count(self) -> int:
        """The number of supervised states, which are numbered from 0."""
        return self.counts.states

    @property
    def numbering(self) -> str:
        """What decides the number of each state, beside the rows."""
        return self.folder.name

    def scaled_as(self, training: "Targets") -> "Targets":
        """Return the targets of held-out rows at the scale of those that the head is trained on."""
        result = copy.copy(self)
        result._moments = training._moments
        vars(result).pop("covariance", None)
        return result

    @property
    def mean(self) -> Floats:
        """Mean (D,) of the scaled targets over the supervised states."""
        return np.asarray(self._scaled(np.atleast_2d(self._moments[0]))[0], dtype=np.float32)

    @cached_property
    def covariance(self) -> tuple[Floats, Floats]:
        """Eigenvalues (D,), ascending and not negative, and eigenvectors (D, D), one a column, of
        the centred covariance of the scaled targets over the supervised states."""
        raw = np.load(self.folder / "covariance.npy").astype(np.float64)
        if self.settings.scale == "standardise":
            raw /= np.outer(self._moments[1], self._moments[1])
        elif self.settings.scale == "sqrt_d":
            raw *= self.size
        values, vectors = np.linalg.eigh(raw)
        return values.clip(min=0).astype(np.float32), vectors.astype(np.float32)

    def embeddings(self, states: Any) -> Floats:
        """Return scaled targets (len(states), d) of state numbers, float32."""
        return self._scaled(self._embeddings[self._rows[states]])

    def _scaled(self, rows: Floats) -> Floats:
        if self.settings.scale == "sqrt_d":
            return rows * np.float32(self.size**0.5)
        if self.settings.scale == "standardise":
            return (rows - self._moments[0]) / self._moments[1]
        return rows

    def weights(self, states: Any) -> Floats:
        """Return position weights of state numbers."""
        return np.asarray(self._weights[states], dtype=np.float32)

    def samples(self, states: Any) -> npt.NDArray[np.int64]:
        """Return the data-set rows that states belong to."""
        rows: npt.NDArray[np.int64] = np.searchsorted(self._offsets, states, side="right") - 1
        return rows

    def column(self, row: int, length: int) -> npt.NDArray[np.int64]:
        """Return, for each token of a row, the number of its state plus 1, or 0 without a state."""
        first, last = int(self._offsets[row]), int(self._offsets[row + 1])
        column = np.zeros(length, dtype=np.int64)
        column[self._positions[first:last]] = np.arange(first, last) + 1
        return column


def load_or_build(
    dataset: Any,
    *,
    tokenizer: Any,
    settings: TargetSettings,
    cache: Path,
    encoder: TextEncoder | None = None,
) -> Targets:
    """Return the targets of a tokenized data set (columns input_ids and labels). What is not in the
    cache is encoded now, by all processes that ask for it."""
    encoder = encoder or SentenceEncoder(settings)
    folder = cache / "targets" / _key(dataset, tokenizer, settings=settings, encoder=encoder)
    store = TextStore(_store_folder(cache, settings, encoder), settings.stored_as)
    encoded = lost = 0
    while (shards := _shards(folder, store)) is None:
        with _disk_reported(cache), Worker(cache / "targets") as worker:
            try:
                encoded += Build(
                    folder,
                    dataset,
                    tokenizer=tokenizer,
                    settings=settings,
                    encoder=encoder,
                    store=store,
                    worker=worker,
                ).run()
            except UserError:
                shutil.rmtree(folder, ignore_errors=True)  # nothing will use what was read
                raise
            except FileNotFoundError:
                lost += 1
                if lost > _LOSSES:
                    raise
    # What a build left that was killed once its index was there.
    shutil.rmtree(folder / SCRATCH, ignore_errors=True)
    Worker(cache / "targets").clear_up(claim_prefix(folder))
    targets = Targets(folder, settings, shards)
    counts = targets.counts
    if is_speaker():
        log(
            f"targets: {counts.states:,} states in {counts.rows:,} rows, {counts.texts:,} texts, "
            f"{encoded:,} of them encoded by this process"
            + (f", {counts.without:,} rows too short for one" if counts.without else "")
        )
    return targets


def _shards(folder: Path, store: TextStore) -> list[Shard] | None:
    """Return the shards of a finished index; None if it is not finished, or if one of them is gone
    or damaged. It is then built anew, from the texts that are left."""
    if not (folder / "meta.json").is_file():
        return None
    wanted = json.loads((folder / "meta.json").read_text(encoding="utf-8"))["shards"]
    shards = [shard for name, _ in wanted if (shard := store.shard(name)) is not None]
    if [shard.count for shard in shards] == [count for _, count in wanted]:
        return shards
    (folder / "meta.json").unlink(missing_ok=True)
    return None


def _store_folder(cache: Path, settings: TargetSettings, encoder: TextEncoder) -> Path:
    name = hashlib.sha256(f"{encoder.key}\0{settings.stored_as}".encode()).hexdigest()[:16]
    return cache / "targets" / "texts" / name


def _key(dataset: Any, tokenizer: Any, *, settings: TargetSettings, encoder: TextEncoder) -> str:
    digest = hashlib.sha256()
    parts = json.dumps(key_settings(settings), sort_keys=True)
    for part in (_FORMAT, encoder.key, parts, vocabulary(tokenizer)):
        digest.update(part.encode("utf-8", "surrogatepass") + b"\0")
    for start in range(0, len(dataset), ROWS):
        for ids, labels in rows_of(dataset, start, min(start + ROWS, len(dataset))):
            digest.update(len(ids).to_bytes(8, "little"))
            digest.update(np.ascontiguousarray(ids).data)
            digest.update(np.ascontiguousarray(labels).data)
    return digest.hexdigest()[:24]


@contextmanager
def _disk_reported(cache: Path) -> Iterator[None]:
    """Turn a full or read-only disk into an error of one line."""
    try:
        yield
    except OSError as error:
        if error.errno in DISK_FULL:
            raise RunError(
                f"{cache}: the disk is full while targets are cached; the texts encoded so far are "
                "kept: make room, and repeat the same command"
            ) from None
        if error.errno in {errno.EACCES, errno.EROFS, errno.EPERM, errno.ENOTDIR, errno.EEXIST}:
            raise UserError(
                f"{cache}: cannot be written ({error.strerror}); set SFR_EVAL_CACHE to a "
                "writable folder"
            ) from None
        raise
