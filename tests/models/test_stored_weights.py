"""pytest tests/models/test_stored_weights.py"""

import pickle
from pathlib import Path

import pytest

from sfr_eval.errors import UserError
from sfr_eval.models.safetensors_file import StoredTensor
from sfr_eval.models.stored_weights import stored_weights
from tests.models.conftest import WHOLE


def test_tensors_of_safetensors_have_their_shapes(bare: Path) -> None:
    assert stored_weights(bare) == {"w": StoredTensor("F32", (4,))}
    (bare / "consolidated.safetensors").write_bytes(WHOLE[:20])  # which engines do not read
    assert stored_weights(bare) == {"w": StoredTensor("F32", (4,))}
    (bare / "model.safetensors").rename(bare / "model.gguf")
    (bare / "consolidated.safetensors").unlink()
    assert stored_weights(bare) is None


def test_pickled_weights_are_read_or_refused(tmp_path: Path) -> None:
    import torch

    packed = tmp_path / "pytorch_model.bin"
    torch.save({"w": torch.zeros(2, 3, dtype=torch.bfloat16)}, packed)
    assert stored_weights(tmp_path) == {"w": StoredTensor("BF16", (2, 3))}
    packed.write_bytes(pickle.dumps(print))
    with pytest.raises(UserError, match="is a pickle that holds more than weights"):
        stored_weights(tmp_path)
    packed.write_bytes(b"no weights")
    with pytest.raises(UserError, match=r"pytorch_model\.bin"):
        stored_weights(tmp_path)
    torch.save([1, 2], packed)
    with pytest.raises(UserError, match="holds no table of tensors"):
        stored_weights(tmp_path)
