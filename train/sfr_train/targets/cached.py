"""Targets E(y_{t+1..t+k}): each text is encoded once, kept on disk and read by memory map.

    cache/targets/<key>/meta.json        written last; a folder without one does not exist
                        embeddings.bin   (U, d), one row for each distinct text, length 1
                        offsets.npy      (R + 1,) states of row r are offsets[r] .. offsets[r + 1]
                        positions.npy    (S,) position of a state in its row
                        rows.npy         (S,) embedding of its future
                        weights.npy      (S,) its weight
                        covariance.npy   (d, d) of the rows over the states, before `scale`

The key hashes encoder, pooling, data, tokenizer and all settings of the segments, so that a cache
is never used for anything else. Several processes may ask at once: one builds the cache while the
others wait for the lock.
"""

import errno
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sfr_eval.errors import RunError, UserError
from sfr_eval.util.files import write_atomic
from sfr_eval.util.progress import Bar, log
from sfr_train.output_folder import DISK_FULL
from sfr_train.targets.encoded_texts import EncodedTexts
from sfr_train.targets.segments import IGNORED, TargetSettings, segments
from sfr_train.targets.text_encoder import Floats, SentenceEncoder, TextEncoder

_FORMAT = "2"


@dataclass(frozen=True)
class Counts:
    """Rows, supervised states, rows without a state, and distinct texts."""

    rows: int
    states: int
    without: int
    texts: int


class Targets:
    """The finished cache of one data set, open for reading."""

    def __init__(self, folder: Path, settings: TargetSettings) -> None:
        meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
        self.folder = folder
        self.settings = settings
        self.size = int(meta["size"])
        self.counts = Counts(**meta["counts"])
        self._moments = (np.float32(meta["mean"]), np.float32(meta["deviation"]))
        self._embeddings: Any = np.memmap(
            folder / "embeddings.bin",
            dtype=settings.stored_as,
            mode="r",
            shape=(self.counts.texts, self.size),
        )
        self._offsets = np.load(folder / "offsets.npy", mmap_mode="r")
        self._positions = np.load(folder / "positions.npy", mmap_mode="r")
        self._rows = np.load(folder / "rows.npy", mmap_mode="r")
        self._weights = np.load(folder / "weights.npy", mmap_mode="r")

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

    @property
    def mean(self) -> Floats:
        """Mean (D,) of the scaled targets over the supervised states."""
        return np.asarray(self._scaled(self._moments[0][None])[0], dtype=np.float32)

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
        return self._scaled(np.asarray(self._embeddings[self._rows[states]], dtype=np.float32))

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
    """Return the targets of a tokenized data set (columns input_ids and labels), encoded now if
    they are not in the cache."""
    encoder = encoder or SentenceEncoder(settings)
    key = _key(dataset, tokenizer=tokenizer, settings=settings, encoder=encoder)
    folder = cache / "targets" / key
    if not (folder / "meta.json").is_file():
        with _one_builder(cache):
            if not (folder / "meta.json").is_file():
                scratch = folder.with_suffix(".part")
                shutil.rmtree(scratch, ignore_errors=True)
                scratch.mkdir()
                try:
                    _build(
                        scratch, dataset, tokenizer=tokenizer, settings=settings, encoder=encoder
                    )
                    shutil.rmtree(folder, ignore_errors=True)  # one that has no meta.json
                    os.replace(scratch, folder)
                finally:
                    shutil.rmtree(scratch, ignore_errors=True)
    targets = Targets(folder, settings)
    counts = targets.counts
    log(
        f"targets: {counts.states:,} states in {counts.rows:,} rows, {counts.texts:,} texts encoded"
        + (f", {counts.without:,} rows too short for one" if counts.without else "")
    )
    return targets


def _build(
    folder: Path, dataset: Any, *, tokenizer: Any, settings: TargetSettings, encoder: TextEncoder
) -> None:
    offsets, positions, rows, weights = [0], [], [], []
    texts = EncodedTexts(folder / "embeddings.bin", encoder, settings)
    without = 0
    with Bar("encoding targets", len(dataset), unit="rows") as bar:
        for ids, labels in _rows(dataset):
            states = segments(labels, settings)
            reply = ids[labels != IGNORED]
            futures = tokenizer.batch_decode(
                [reply[a:b].tolist() for a, b in zip(states.starts, states.stops, strict=True)],
                skip_special_tokens=True,
            )
            text_rows = np.array(
                [texts.row(f) if f.strip() else -1 for f in futures], dtype=np.int64
            )
            has_text = text_rows[states.anchors] >= 0
            positions.append(states.positions[has_text].astype(np.int32))
            rows.append(text_rows[states.anchors[has_text]])
            weights.append(states.weights[has_text])
            offsets.append(offsets[-1] + int(has_text.sum()))
            without += not has_text.any()
            bar.advance()
        texts.flush()
    if offsets[-1] == 0:
        raise UserError(
            f"targets: none of {len(offsets) - 1:,} rows has {settings.shortest} reply tokens "
            "after an anchor; lower targets.minimum or targets.k"
        )
    row_of_state = np.concatenate(rows)
    np.save(folder / "offsets.npy", np.array(offsets, dtype=np.int64))
    np.save(folder / "positions.npy", np.concatenate(positions))
    np.save(folder / "rows.npy", row_of_state)
    np.save(folder / "weights.npy", np.concatenate(weights))
    moments = texts.moments(row_of_state)
    np.save(folder / "covariance.npy", moments.covariance.astype(np.float32))
    meta = {
        "counts": asdict(Counts(len(offsets) - 1, offsets[-1], without, len(texts))),
        "size": len(moments.mean),
        "mean": moments.mean.tolist(),
        "deviation": moments.deviation.tolist(),
        "encoder": encoder.key,
        "settings": settings.model_dump(mode="json"),
    }
    write_atomic(folder / "meta.json", json.dumps(meta))


def _rows(dataset: Any) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    columns = dataset.select_columns(["input_ids", "labels"]).with_format("numpy")
    for batch in columns.iter(batch_size=512):
        for ids, labels in zip(batch["input_ids"], batch["labels"], strict=True):
            yield np.asarray(ids, dtype=np.int64), np.asarray(labels, dtype=np.int64)


def _key(dataset: Any, *, tokenizer: Any, settings: TargetSettings, encoder: TextEncoder) -> str:
    digest = hashlib.sha256()
    parts = settings.model_dump(
        mode="json", exclude={"encoder", "scale", "batch_tokens", "shuffled"}
    )
    backend = getattr(tokenizer, "backend_tokenizer", None)
    vocabulary = backend.to_str() if backend is not None else sorted(tokenizer.get_vocab().items())
    for part in (_FORMAT, encoder.key, json.dumps(parts, sort_keys=True), str(vocabulary)):
        digest.update(part.encode("utf-8", "surrogatepass") + b"\0")
    for ids, labels in _rows(dataset):
        digest.update(len(ids).to_bytes(8, "little") + ids.tobytes() + labels.tobytes())
    return digest.hexdigest()[:24]


@contextmanager
def _one_builder(cache: Path) -> Iterator[None]:
    """Let one process build; the others wait here, before any collective operation of the training.
    A full or read-only disk becomes an error of one line."""
    try:
        (cache / "targets").mkdir(parents=True, exist_ok=True)
        with (cache / "targets" / ".lock").open("w") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield
    except OSError as error:
        if error.errno in DISK_FULL:
            raise RunError(
                f"{cache}: the disk is full while targets are cached; none of them are kept: "
                "make room or set SFR_EVAL_CACHE, and repeat the same command"
            ) from None
        if error.errno in {errno.EACCES, errno.EROFS, errno.EPERM, errno.ENOTDIR, errno.EEXIST}:
            raise UserError(
                f"{cache}: cannot be written ({error.strerror}); set SFR_EVAL_CACHE to a "
                "writable folder"
            ) from None
        raise
