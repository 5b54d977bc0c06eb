"""Two processes do what one does: lambda by gradient ratio, an average, a suite run."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.train import test_distributed
from tests.train.test_distributed import FSDP2, ROOT, launch


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ddp", "fsdp2"])
def test_two_processes_do_what_one_does(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = ROOT / "tests" / "support" / "rivals_worker.py"
    monkeypatch.setattr(test_distributed, "WORKER", worker)
    one = launch(tmp_path / "one", ranks=1, batch=4)[0]
    extra = FSDP2 if kind == "fsdp2" else {}
    first, second = launch(tmp_path / "two", ranks=2, batch=2, **extra)
    assert first["loss"] == pytest.approx(one["loss"], abs=1e-4)
    assert first["future/weight"] == pytest.approx(one["future/weight"], rel=1e-3)
    assert second["future/weight"] == first["future/weight"]
    assert len(one["texts"]) == 27
    equal = [a == b for a, b in zip(first["texts"], one["texts"], strict=True)]
    assert sum(equal) >= 26  # a draw next to a border may fall on its other side
    assert first["suite/duplicate_rate"] == pytest.approx(one["suite/duplicate_rate"], abs=0.1)
    assert second["suite/duplicate_rate"] == []
    ours, theirs = (
        load_file(tmp_path / run / "final" / "model.safetensors") for run in ("two", "one")
    )
    for name, value in theirs.items():
        assert torch.allclose(ours[name], value, atol=1e-3), name
