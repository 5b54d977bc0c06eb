"""Frames on a stream socket or pipe: four bytes with the length, then the body."""

import json
from os import read, write
from typing import Any

_PREFIX = 4
_encode = json.JSONEncoder(separators=(",", ":")).encode


def _read_exactly(fd: int, count: int) -> bytes | None:
    """Return `count` bytes; None at the end of the stream."""
    parts = []
    while count > 0:
        part = read(fd, min(count, 1 << 20))
        if not part:
            return None
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def read_frame(fd: int) -> bytes | None:
    """Return the next body; None at the end of the stream."""
    prefix = _read_exactly(fd, _PREFIX)
    return None if prefix is None else _read_exactly(fd, int.from_bytes(prefix, "little"))


def frame(body: bytes) -> bytes:
    """Return the body with its length in front."""
    return len(body).to_bytes(_PREFIX, "little") + body


def json_frame(value: Any) -> bytes:
    """Return a frame of JSON text (ASCII)."""
    return frame(_encode(value).encode("ascii"))


def write_frame(fd: int, body: bytes) -> None:
    """Write one frame completely."""
    left = memoryview(frame(body))
    while left:
        left = left[write(fd, left) :]


def write_json(fd: int, value: Any) -> None:
    """Write one frame of JSON text."""
    write_frame(fd, _encode(value).encode("ascii"))
