"""The file of embeddings while it is written: different texts in the order they come."""

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sfr_train.targets.segments import TargetSettings
from sfr_train.targets.text_encoder import TextEncoder

_CHUNK = 65_536  # texts encoded together: enough to sort by length, small enough for memory


class EncodedTexts:
    """Different texts in the order they come; encoded in chunks, shortest first within one."""

    def __init__(self, file: Path, encoder: TextEncoder, settings: TargetSettings) -> None:
        self._file, self._encoder, self._settings = file, encoder, settings
        self._places: dict[bytes, int] = {}
        self._waiting: list[str] = []
        self._size = 0
        file.touch()

    def __len__(self) -> int:
        return len(self._places)

    def place(self, text: str) -> int:
        """The text's row; a new text waits to be encoded."""
        key = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]
        if key not in self._places:
            self._places[key] = len(self._places)
            self._waiting.append(text)
            if len(self._waiting) == _CHUNK:
                self.flush()
        return self._places[key]

    def flush(self) -> None:
        """Encode what waits and append it."""
        if not self._waiting:
            return
        order = sorted(range(len(self._waiting)), key=lambda i: len(self._waiting[i]))
        found = self._encoder.encode([self._waiting[i] for i in order])
        rows = np.empty_like(found)
        rows[order] = found
        self._size = rows.shape[1]
        with self._file.open("ab") as stream:
            stream.write(rows.astype(self._settings.stored_as).tobytes())
            stream.flush()
            os.fsync(stream.fileno())
        self._waiting.clear()

    def moments(self, of_state: npt.NDArray[np.int64]) -> tuple[int, list[float], list[float]]:
        """Size, mean and standard deviation of each coordinate over the supervised states."""
        shape = (len(self), self._size)
        rows: Any = np.memmap(self._file, dtype=self._settings.stored_as, mode="r", shape=shape)
        counts = np.bincount(of_state, minlength=len(self)).astype(np.float64)
        mean, square = np.zeros(self._size), np.zeros(self._size)
        for start in range(0, len(self), _CHUNK):
            part = np.asarray(rows[start : start + _CHUNK], dtype=np.float64)
            mean += counts[start : start + _CHUNK] @ part / counts.sum()
        for start in range(0, len(self), _CHUNK):
            part = np.asarray(rows[start : start + _CHUNK], dtype=np.float64) - mean
            square += counts[start : start + _CHUNK] @ part**2 / counts.sum()
        # A coordinate that hardly moves would otherwise be blown up to deviation 1.
        deviation = np.sqrt(square).clip(min=1e-3 * self._size**-0.5)
        return self._size, mean.tolist(), deviation.tolist()
