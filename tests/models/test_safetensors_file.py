"""pytest tests/models/test_safetensors_file.py; test_fingerprint.py has torn files"""

from pathlib import Path
from typing import Any

import pytest

from sfr_eval.errors import UserError
from sfr_eval.models.safetensors_file import StoredTensor, read_header, shape_text
from tests.models.conftest import tensors


def entry(*, dtype: Any = "F32", shape: Any = (4,), begin: Any = 0, end: Any = 16) -> Any:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def test_tensors_have_their_types_and_shapes(tmp_path: Path) -> None:
    file = tmp_path / "a.safetensors"
    header = {"__metadata__": {"a": "b"}, "w": entry(shape=[2, 2]), "e": entry(shape=[0], end=0)}
    file.write_bytes(tensors(header, bytes(16)))
    assert read_header(file) == {"w": StoredTensor("F32", (2, 2)), "e": StoredTensor("F32", (0,))}
    assert shape_text((2, 3)) == "2 x 3"
    assert shape_text(()) == "scalar"


@pytest.mark.parametrize(
    ("w", "says"),
    [
        (entry(begin=-16, end=0), "an impossible shape or place"),
        (entry(begin=16, end=0), "an impossible shape or place"),
        (entry(shape=[-4]), "an impossible shape or place"),
        (entry(shape=[2**63]), "an impossible shape or place"),
        (entry(shape=[1] * 100), "an impossible shape or place"),
        (entry(shape=[5]), "its shape 5 in F32 does not fill its 16 bytes"),
        (entry(dtype="F31"), "'F31' is not a type of safetensors"),
        (entry(dtype=["F32"]), "header is damaged"),
        (entry(shape=4), "header is damaged"),
        (entry(shape=[4.0]), "header is damaged"),
        (entry(shape=[True, 4]), "header is damaged"),
    ],
)
def test_an_impossible_tensor_is_one_line(w: Any, says: str, tmp_path: Path) -> None:
    file = tmp_path / "a.safetensors"
    file.write_bytes(tensors({"w": w}, bytes(16)))
    with pytest.raises(UserError, match=says) as caught:
        read_header(file)
    assert "\n" not in str(caught.value)


def test_tensors_that_share_bytes_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.safetensors"
    file.write_bytes(tensors({"a": entry(), "b": entry()}, bytes(16)))
    with pytest.raises(UserError, match="overlap or leave gaps"):
        read_header(file)
