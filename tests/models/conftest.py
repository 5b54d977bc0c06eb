"""The smallest checkpoints, and what is said of bad ones."""

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.errors import UserError
from sfr_eval.models.checkpoint import resolve


def refusal(model: str | Path) -> str:
    with pytest.raises(UserError) as caught:
        resolve(str(model))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def tensors(header: dict[str, Any] | bytes, data: bytes) -> bytes:
    """A safetensors file: length of the header, header, data."""
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw)) + raw + data


HEADER = {"w": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}
WHOLE = tensors(HEADER, bytes(16))


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """The smallest folder that is a whole checkpoint."""
    folder = tmp_path / "bare"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(WHOLE)
    return folder
