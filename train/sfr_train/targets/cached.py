"""Targets E(y_{t+1..t+k}): encoded once, each text once, kept on disk and read by memory map.

    cache/targets/<key>/meta.json        written last; a folder without one does not exist
                        embeddings.bin   (U, d), one row for each different text, length 1
                        offsets.npy      (R + 1,) states of row r are offsets[r] .. offsets[r + 1]
                        positions.npy    (S,) position of a state in its row
                        rows.npy         (S,) embedding of its future
                        weights.npy      (S,) its weight

The key hashes encoder, pooling, data, tokenizer and all settings of the segments: nothing else is
ever taken for it. Several processes may ask at once; one builds, the others wait for the lock.
"""

import errno
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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

_FORMAT = "1"


@dataclass(frozen=True)
class Counts:
    """What became of the rows: states supervised, rows without one, different texts."""

    rows: int
    states: int
    without: int
    texts: int


class Targets:
    """The finished cache of one data set, opened for reading."""

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
        """s of the reference: root mean square of a target coordinate, 1/sqrt(d) or 1."""
        return self.size**-0.5 if self.settings.scale == "unit" else 1.0

    def embeddings(self, states: Any) -> Floats:
        """Scaled targets (len(states), d) of state numbers, float32."""
        rows = np.asarray(self._embeddings[self._rows[states]], dtype=np.float32)
        if self.settings.scale == "sqrt_d":
            return rows * np.float32(self.size**0.5)
        if self.settings.scale == "standardise":
            return (rows - self._moments[0]) / self._moments[1]
        return rows

    def weights(self, states: Any) -> Floats:
        """Position weights of state numbers."""
        return np.asarray(self._weights[states], dtype=np.float32)

    def samples(self, states: Any) -> npt.NDArray[np.int64]:
        """The data set's row that a state belongs to."""
        found: npt.NDArray[np.int64] = np.searchsorted(self._offsets, states, side="right") - 1
        return found

    def column(self, row: int, length: int) -> npt.NDArray[np.int64]:
        """For each of a row's tokens the number of its state plus 1, 0 without one."""
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
    """The targets of a tokenized data set (columns input_ids and labels), encoded now if the cache
    does not hold them."""
    encoder = encoder or SentenceEncoder(settings)
    key = _key(dataset, tokenizer=tokenizer, settings=settings, encoder=encoder)
    folder = cache / "targets" / key
    if not (folder / "meta.json").is_file():
        with _writing(cache), _lock(folder.parent):
            if not (folder / "meta.json").is_file():
                scratch = folder.with_suffix(".part")
                shutil.rmtree(scratch, ignore_errors=True)
                scratch.mkdir()
                try:
                    _build(scratch, dataset, tokenizer=tokenizer, settings=settings, by=encoder)
                    shutil.rmtree(folder, ignore_errors=True)  # one without meta.json
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
    folder: Path, dataset: Any, *, tokenizer: Any, settings: TargetSettings, by: TextEncoder
) -> None:
    offsets, positions, rows, weights = [0], [], [], []
    texts = EncodedTexts(folder / "embeddings.bin", by, settings)
    without = 0
    with Bar("encoding targets", len(dataset), unit="rows") as bar:
        for ids, labels in _rows(dataset):
            found = segments(labels, settings)
            spoken = ids[labels != IGNORED]
            pieces = tokenizer.batch_decode(
                [spoken[a:b].tolist() for a, b in zip(found.starts, found.stops, strict=True)],
                skip_special_tokens=True,
            )
            heard = np.array([bool(piece.strip()) for piece in pieces], dtype=bool)
            kept = heard[found.anchors] if len(found.anchors) else np.zeros(0, dtype=bool)
            places = np.array([texts.place(p) if p.strip() else -1 for p in pieces], dtype=np.int64)
            positions.append(found.positions[kept].astype(np.int32))
            rows.append(places[found.anchors[kept]])
            weights.append(found.weights[kept])
            offsets.append(offsets[-1] + int(kept.sum()))
            without += not kept.any()
            bar.advance()
        texts.flush()
    if offsets[-1] == 0:
        raise UserError(
            f"targets: none of {len(offsets) - 1:,} rows has {settings.shortest} reply tokens "
            "after an anchor; lower targets.minimum or targets.k"
        )
    of_state = np.concatenate(rows)
    np.save(folder / "offsets.npy", np.array(offsets, dtype=np.int64))
    np.save(folder / "positions.npy", np.concatenate(positions))
    np.save(folder / "rows.npy", of_state)
    np.save(folder / "weights.npy", np.concatenate(weights))
    size, mean, deviation = texts.moments(of_state)
    meta = {
        "counts": {
            "rows": len(offsets) - 1,
            "states": offsets[-1],
            "without": without,
            "texts": len(texts),
        },
        "size": size,
        "mean": mean,
        "deviation": deviation,
        "encoder": by.key,
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
    parts = settings.model_dump(mode="json", exclude={"encoder", "scale", "batch_tokens"})
    backend = getattr(tokenizer, "backend_tokenizer", None)
    vocabulary = backend.to_str() if backend is not None else sorted(tokenizer.get_vocab().items())
    for part in (_FORMAT, encoder.key, json.dumps(parts, sort_keys=True), str(vocabulary)):
        digest.update(part.encode("utf-8", "surrogatepass") + b"\0")
    for ids, labels in _rows(dataset):
        digest.update(len(ids).to_bytes(8, "little") + ids.tobytes() + labels.tobytes())
    return digest.hexdigest()[:24]


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """One builder a folder; the rest wait here, before any collective of the training."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


@contextmanager
def _writing(cache: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in DISK_FULL:
            raise RunError(
                f"{cache}: the disk is full while targets are cached; nothing of them is kept: "
                "make room or set SFR_EVAL_CACHE, and repeat the same command"
            ) from None
        if error.errno in {errno.EACCES, errno.EROFS, errno.EPERM, errno.ENOTDIR, errno.EEXIST}:
            raise UserError(
                f"{cache}: cannot be written ({error.strerror}); set SFR_EVAL_CACHE to a folder "
                "that can"
            ) from None
        raise
