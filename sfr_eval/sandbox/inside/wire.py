"""Frames on a stream socket or pipe: four bytes with the length, then the body."""

import json
from os import read, write
from typing import Any

_PREFIX = 4


def read_exactly(fd: int, count: int) -> bytes:
    """Returns `count` bytes, or fewer at the end of the stream."""
    parts = []
    while count > 0:
        part = read(fd, min(count, 1 << 20))
        if not part:
            break
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def read_frame(fd: int) -> bytes | None:
    """Returns the next body; None at the end of the stream."""
    prefix = read_exactly(fd, _PREFIX)
    if len(prefix) < _PREFIX:
        return None
    count = int.from_bytes(prefix, "little")
    body = read_exactly(fd, count)
    return body if len(body) == count else None


def frame(body: bytes) -> bytes:
    """Returns the body with its length in front."""
    return len(body).to_bytes(_PREFIX, "little") + body


def write_frame(fd: int, body: bytes) -> None:
    """Write one frame completely."""
    left = memoryview(frame(body))
    while left:
        left = left[write(fd, left) :]


_encode = json.JSONEncoder(separators=(",", ":")).encode


def json_frame(value: Any) -> bytes:
    """Returns a frame of JSON text (ASCII)."""
    return frame(_encode(value).encode("ascii"))


def write_json(fd: int, value: Any) -> None:
    """Write one frame of JSON text."""
    write_frame(fd, _encode(value).encode("ascii"))
