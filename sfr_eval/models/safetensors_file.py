"""Reads the header of a safetensors file: what tensors it holds, and whether it holds all of them.

The format: eight bytes with the length of the header, a JSON header that gives each tensor's type,
shape and place, and the data, without gaps (https://github.com/huggingface/safetensors).
"""

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sfr_eval.errors import UserError
from sfr_eval.util.untrusted import open_plain

_MAX_HEADER = 100_000_000  # of the safetensors library, too
_MAX_AXES = 64
_BITS = {
    **dict.fromkeys(("BOOL", "U8", "I8"), 8),
    **dict.fromkeys(("F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    "F4": 4,
    **dict.fromkeys(("I16", "U16", "F16", "BF16"), 16),
    **dict.fromkeys(("I32", "U32", "F32"), 32),
    **dict.fromkeys(("I64", "U64", "F64", "C64"), 64),
}
"""Type of a tensor -> bits of an element."""


@dataclass(frozen=True)
class StoredTensor:
    """A tensor as the header of its file describes it."""

    dtype: str  # as safetensors writes it: BF16, F32, ...
    shape: tuple[int, ...]


def read_header(file: Path) -> Mapping[str, StoredTensor]:
    """Return the tensors of a file by name. Raises UserError for a file that is unreadable, cut off
    or whose header describes no file."""
    try:
        with open_plain(file) as stream:
            size = file.stat().st_size
            start = stream.read(8)
            length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
            if not 2 <= length <= min(size - 8, _MAX_HEADER):
                raise UserError(
                    f"{file}: not a safetensors file, or cut off within its header; copy it again"
                )
            header = json.loads(stream.read(length))
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        if isinstance(error, UserError):
            raise
        header = None
    if not isinstance(header, dict):
        raise _damaged(file)
    header.pop("__metadata__", None)
    tensors: dict[str, StoredTensor] = {}
    places = []
    for name, entry in header.items():
        tensors[name], begin, end = _tensor(file, name, entry)
        places.append((begin, end))
    expected = 8 + length + max((end for _, end in places), default=0)
    if size != expected:
        raise UserError(
            f"{file}: has {size:,} bytes, but {expected:,} by its header; copy it again"
        )
    last = 0
    for begin, end in sorted(places):
        if begin != last:
            raise UserError(f"{file}: its tensors overlap or leave gaps; copy it again")
        last = end
    return tensors


def _tensor(file: Path, name: str, entry: Any) -> tuple[StoredTensor, int, int]:
    """Return a tensor and where its data begin and end. Raises UserError for an impossible one."""
    try:
        dtype, shape = entry["dtype"], entry["shape"]
        begin, end = entry["data_offsets"]
    except (TypeError, LookupError, ValueError):
        raise _damaged(file) from None
    if not isinstance(dtype, str) or not isinstance(shape, list):
        raise _damaged(file)
    numbers: list[int] = [begin, end, *shape]
    if not all(type(number) is int for number in numbers):
        raise _damaged(file)
    where = f"{file}: tensor {name[:100]}"
    if dtype not in _BITS:
        raise UserError(f"{where}: {dtype[:20]!r} is not a type of safetensors; copy it again")
    if min(numbers) < 0 or max(numbers) >= 2**63 or end < begin or len(shape) > _MAX_AXES:
        raise UserError(f"{where}: its header gives an impossible shape or place; copy it again")
    if math.prod(shape) * _BITS[dtype] != 8 * (end - begin):
        raise UserError(
            f"{where}: its shape {shape_text(shape)} in {dtype} does not fill its "
            f"{end - begin:,} bytes; copy it again"
        )
    return StoredTensor(dtype, tuple(shape)), begin, end


def shape_text(shape: Any) -> str:
    """Return a shape as a message shows it: `172 x 64`."""
    return " x ".join(map(str, list(shape)[:8])) or "scalar"


def _damaged(file: Path) -> UserError:
    return UserError(f"{file}: its safetensors header is damaged; copy it again")
