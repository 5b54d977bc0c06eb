"""pytest tests/embeddings/test_backends.py"""

from pathlib import Path

import pytest

from sfr_eval.embeddings.backends import fastest_batch
from sfr_eval.embeddings.encoder import Encoder
from sfr_eval.errors import UserError


def test_onnx_without_its_libraries_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib.util

    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "onnxruntime" else real(name)
    )
    with pytest.raises(UserError, match=r"needs onnxruntime: pip install 'sfr-eval\[onnx\]'"):
        Encoder(None, tmp_path, backend="onnx").encode(["text"])


def test_the_fastest_batch_size_is_found_on_equal_shares() -> None:
    clock = {"now": 0.0}
    taken: list[str] = []

    def embed(texts: list[str], batch: int) -> None:
        taken.extend(texts)
        cost = {1: 5.0, 8: 2.0, 16: 1.0, 32: 1.02}[batch]
        clock["now"] += cost * sum(map(len, texts))

    texts = [f"text {number:03}" for number in range(61)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("time.perf_counter", lambda: clock["now"])
        best, rates = fastest_batch(embed, texts, (8, 16, 32))  # type: ignore[arg-type]
    assert sorted(taken) == texts
    assert rates == {8: pytest.approx(0.5), 16: pytest.approx(1), 32: pytest.approx(1 / 1.02)}
    assert best == 16
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("time.perf_counter", lambda: clock["now"])
        # 16 is within 5% of 32 and smaller
        assert fastest_batch(embed, texts, (32, 8))[0] == 32  # type: ignore[arg-type]
