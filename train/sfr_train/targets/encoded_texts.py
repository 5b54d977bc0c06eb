"""The embeddings file while it is written: distinct texts in order of first appearance."""

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sfr_train.targets.moments import Moments, moments
from sfr_train.targets.segments import TargetSettings
from sfr_train.targets.text_encoder import TextEncoder

_CHUNK = 65_536  # texts encoded together: enough to sort by length, few enough for memory


class EncodedTexts:
    """Distinct texts in order of first appearance, encoded in chunks, shortest first in each."""

    def __init__(self, file: Path, encoder: TextEncoder, settings: TargetSettings) -> None:
        self._file, self._encoder, self._settings = file, encoder, settings
        self._row_of: dict[bytes, int] = {}
        self._queue: list[str] = []
        self._size = 0
        file.touch()

    def __len__(self) -> int:
        return len(self._row_of)

    def row(self, text: str) -> int:
        """Return the row of a text; a new text is queued for encoding."""
        key = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]
        if key not in self._row_of:
            self._row_of[key] = len(self._row_of)
            self._queue.append(text)
            if len(self._queue) == _CHUNK:
                self.flush()
        return self._row_of[key]

    def flush(self) -> None:
        """Encode the queued texts and append them."""
        if not self._queue:
            return
        order = sorted(range(len(self._queue)), key=lambda i: len(self._queue[i]))
        sorted_rows = self._encoder.encode([self._queue[i] for i in order])
        rows = np.empty_like(sorted_rows)
        rows[order] = sorted_rows
        self._size = rows.shape[1]
        with self._file.open("ab") as stream:
            stream.write(rows.astype(self._settings.stored_as).tobytes())
            stream.flush()
            os.fsync(stream.fileno())
        self._queue.clear()

    def moments(self, row_of_state: npt.NDArray[np.int64]) -> Moments:
        """Return the moments of the stored rows over the supervised states."""
        shape = (len(self), self._size)
        rows: Any = np.memmap(self._file, dtype=self._settings.stored_as, mode="r", shape=shape)
        counts = np.bincount(row_of_state, minlength=len(self)).astype(np.float64)
        parts = (
            (rows[i : i + _CHUNK], counts[i : i + _CHUNK]) for i in range(0, len(self), _CHUNK)
        )
        return moments(parts)
