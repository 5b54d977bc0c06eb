"""Breaks valid files: a value of another type or size, a key too many or too few, other bytes.

What is drawn depends on the random generator alone, so that a case can be made again from its seed.
"""

import copy
import json
import os
import random
import shutil
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, -(2**31) - 1, 2**63, -(2**63) - 1, 10**40),
    *(0.5, -0.0, 1e308, -1e308, 5e-324, float("nan"), float("inf"), float("-inf")),
    *("", " ", "a", "0", "null", "true", "-1", "1e309", "\0", "\n", "\ud800", "x\udfffy", "\u202e"),
    *("\x1b[31m", "../../etc/passwd", "/etc/passwd", "http://x", "{{ 1 }}", "é" * 300, "a" * 5_000),
    *([], {}, [[]], [None], {"": None}, {"a": {"a": {"a": {}}}}, [1, "a", None, {}], ["a"] * 2_000),
)
"""Values that may stand where another one should."""


def deep(levels: int) -> Any:
    """Lists within lists, less deep than Python's parsers allow."""
    value: Any = []
    for _ in range(levels):
        value = [value]
    return value


def odd_value(draw: random.Random) -> Any:
    kind = draw.randrange(20)
    if kind == 0:
        return deep(draw.choice((5, 60, 400)))
    if kind == 1:
        return {f"k{n}": n for n in range(draw.choice((3, 300)))}
    return copy.deepcopy(draw.choice(ODD))


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of a value and of all that it holds."""
    found = [path]
    if isinstance(value, dict):
        for name, part in value.items():
            found += places(part, (*path, name))
    elif isinstance(value, list):
        for number, part in enumerate(value[:20]):
            found += places(part, (*path, number))
    return found


def mutated(value: Any, draw: random.Random) -> Any:
    """A copy of a JSON value with one to three changes."""
    value = copy.deepcopy(value)
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        value = _changed(value, draw)
    return value


def _changed(value: Any, draw: random.Random) -> Any:
    path = draw.choice(places(value))
    if not path:
        return odd_value(draw) if draw.random() < 0.3 else value
    parent = value
    for step in path[:-1]:
        parent = parent[step]
    last = path[-1]
    old = parent[last]
    kind = draw.randrange(10)
    if kind < 4:
        parent[last] = odd_value(draw)
    elif kind == 4:
        del parent[last]
    elif kind == 5:
        parent[last] = [old]
    elif kind == 6:
        parent[last] = {"a": old} if draw.random() < 0.5 else str(old)
    elif kind == 7 and isinstance(parent, dict):
        parent[draw.choice(("", "id", "x", "\ud800", "text", "1", "a" * 300))] = odd_value(draw)
    elif kind == 7:
        parent.append(copy.deepcopy(old))
    elif kind == 8 and isinstance(old, int | float) and not isinstance(old, bool):
        parent[last] = draw.choice((-old, old + 1, old * 10**9, old / 3, str(old), old + 0.5))
    elif kind == 8 and isinstance(old, str):
        parent[last] = draw.choice((old * 50, old[:-1], old[::-1], old + "\ud800", f"{old}\n{old}"))
    elif isinstance(parent, dict) and len(parent) > 1:
        other = draw.choice(list(parent))
        parent[last], parent[other] = parent[other], parent[last]
    else:
        parent[last] = odd_value(draw)
    return value


def json_text(value: Any, draw: random.Random) -> bytes:
    """JSON of a value, at times with a key twice, other separators or a byte order mark."""
    text = json.dumps(value, ensure_ascii=draw.random() < 0.7)
    kind = draw.randrange(25)
    if kind == 0 and text.startswith("{"):
        text = text[0] + '"id": 1, "id": [], ' + text[1:]
    if kind == 1:
        text = "\ufeff" + text
    if kind == 2:
        text = text.replace(",", ",,", 1)
    if kind == 3:
        text = text.replace("1", "1" * draw.choice((50, 5_000)), 1)
    if kind == 4:
        text = "[" * draw.choice((100, 20_000)) + text
    return text.encode(errors="surrogatepass")


def mutated_bytes(raw: bytes, draw: random.Random) -> bytes:
    """Bytes that are flipped, cut, doubled, or in another encoding."""
    kind = draw.randrange(9)
    if not raw or kind == 0:
        return draw.randbytes(draw.randrange(64))
    place = draw.randrange(len(raw))
    if kind == 1:
        return raw[:place]
    if kind == 2:
        return raw[:place] + draw.randbytes(draw.randrange(1, 9)) + raw[place:]
    if kind == 3:
        return raw[:place] + raw[place:] * 2
    if kind == 4:
        return raw.decode(errors="replace").encode(
            draw.choice(("utf-16", "utf-32", "cp037")), errors="replace"
        )
    if kind == 5:
        return b"\xef\xbb\xbf" + raw
    if kind == 6 and len(raw) > 8:  # a number of the format itself
        number = draw.choice((0, 1, 2**31 - 1, 2**32 - 1, 2**63 - 1, 2**64 - 1))
        return raw[:place] + struct.pack("<Q", number) + raw[place + 8 :]
    flipped = bytearray(raw)
    for _ in range(draw.choice((1, 4, 32))):
        flipped[draw.randrange(len(raw))] ^= 1 << draw.randrange(8)
    return bytes(flipped)


def replaced(file: Path, draw: random.Random) -> None:
    """Put something in the place of a file that is none: nothing can be read there."""
    file.unlink()
    kind: Callable[[], Any] = draw.choice(
        (file.mkdir, lambda: os.mkfifo(file), lambda: _socket(file), lambda: file.write_bytes(b""))
    )
    kind()


def _socket(file: Path) -> None:
    here = Path.cwd()
    try:  # the path of a socket has at most 107 bytes
        os.chdir(file.parent)
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(file.name)
    finally:
        os.chdir(here)


def cleared(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
