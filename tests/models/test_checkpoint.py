"""pytest tests/models/test_checkpoint.py"""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfr_eval.models.checkpoint import Checkpoint, resolve
from tests.models.conftest import HEADER, WHOLE, refusal, tensors


def test_a_whole_checkpoint_is_found_with_its_fingerprint(checkpoint: Path) -> None:
    found = resolve(str(checkpoint))
    assert (found.kind, found.folder, found.base, found.world) == ("folder", checkpoint, None, None)
    assert found.fingerprint.startswith("sha256:")
    assert len(found.fingerprint) == len("sha256:") + 64


def test_a_checkpoint_says_which_world_it_was_trained_on(bare: Path) -> None:
    (bare / "config.json").write_text('{"sfr_eval_world": "persona"}')
    assert resolve(str(bare)).world == "persona"


@pytest.mark.parametrize("model", ["./none", "/none", "~/none/x", "~nobody-here/x", "a/b/c", "x/"])
def test_a_path_that_is_not_there_is_no_hub_id(model: str) -> None:
    assert refusal(model) == f"--model {model}: no such folder"


@pytest.mark.parametrize("model", ["nobody/nothing", "nothing", "nobody/nothing@main"])
def test_a_hub_id_while_offline_is_one_line(model: str) -> None:
    says = refusal(model)
    assert "not in the local Hub cache while HF_HUB_OFFLINE is set" in says


@pytest.mark.parametrize("model", ["a b", "a\0b", "-x", "a..b", "é/ü", "n" * 5000])
def test_a_name_that_nobody_can_have_is_one_line(model: str) -> None:
    assert "neither a folder nor a Hub id" in refusal(model)


def test_a_file_is_no_checkpoint(bare: Path) -> None:
    assert "is a file; give the checkpoint's folder" in refusal(bare / "model.safetensors")


def test_a_folder_without_config_or_weights_is_refused(bare: Path) -> None:
    (bare / "config.json").rename(bare / "confg.json")
    assert "no config.json in" in refusal(bare)
    (bare / "confg.json").rename(bare / "config.json")
    (bare / "model.safetensors").unlink()
    assert "no weight file" in refusal(bare)
    (bare / "training_args.bin").write_bytes(b"not weights")
    assert "no weight file" in refusal(bare)


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"a": 1}}', "\x00"])
def test_a_damaged_config_is_one_line(bare: Path, content: str) -> None:
    (bare / "config.json").write_text(content)
    assert str(bare / "config.json") in refusal(bare)


def adapter(folder: Path, config: Any) -> Path:
    folder.mkdir()
    (folder / "adapter_config.json").write_text(json.dumps(config))
    (folder / "adapter_model.safetensors").write_bytes(WHOLE)
    return folder


def test_an_adapter_folder_brings_its_base(bare: Path, tmp_path: Path) -> None:
    (bare / "config.json").write_text('{"sfr_eval_world": "persona"}')
    folder = adapter(tmp_path / "lora", {"base_model_name_or_path": str(bare), "r": 8})
    found = resolve(str(folder))
    assert (found.kind, found.folder, found.world) == ("adapter", folder, "persona")
    assert found.base is not None
    assert found.base.folder == bare
    # The base is part of what answers.
    (bare / "model.safetensors").write_bytes(tensors(HEADER, b"\1" * 16))
    assert resolve(str(folder)).fingerprint != found.fingerprint


def test_an_adapter_without_a_usable_base_is_one_line(tmp_path: Path) -> None:
    nameless = adapter(tmp_path / "a", {"base_model_name_or_path": None})
    assert "base_model_name_or_path: missing" in refusal(nameless)
    lost = adapter(tmp_path / "b", {"base_model_name_or_path": str(tmp_path / "gone")})
    assert f"{tmp_path / 'gone'}: no such folder" in refusal(lost)
    itself = adapter(tmp_path / "c", {"base_model_name_or_path": str(tmp_path / "c")})
    assert "is itself an adapter" in refusal(itself)


@pytest.mark.parametrize(
    ("model", "cross", "within"),
    [
        ("world", 0.0, 0.0),
        ("world:", 0.0, 0.0),
        ("world:cross=0.3", 0.3, 0.0),
        ("world:within=1,cross=0.25", 0.25, 1.0),
        ("world:cross=1e-3", 0.001, 0.0),
    ],
)
def test_the_dials_of_a_world(model: str, cross: float, within: float) -> None:
    found = resolve(model)
    assert found.kind == "world"
    assert found.dials == {"cross": cross, "within": within}
    assert (found.world, found.folder) == ("persona", None)


@pytest.mark.parametrize(
    "model",
    [
        "world:cross",
        "world:cross=",
        "world:cross=1.1",
        "world:cross=-0.1",
        "world:cross=nan",
        "world:cross=inf",
        "world:corss=0.1",
        "world:cross=0.1;within=0.2",
        "world:0.3",
    ],
)
def test_what_is_no_dial_is_refused(model: str) -> None:
    assert "is not a dial; write world:cross=0.3,within=0.5" in refusal(model)


def test_worlds_are_equal_exactly_when_their_dials_are() -> None:
    def of(model: str) -> str:
        return resolve(model).fingerprint

    assert of("world") == of("world:cross=0") == of("world:within=0.0,cross=0e0")
    assert of("world:cross=0.3") == of("world:cross=.30")
    assert of("world:cross=0.3") != of("world:within=0.3")
    assert of("world:cross=0.3") != of("world:cross=0.30000001")


HOSTILE = [
    "../../etc/passwd",
    "/",
    "..",
    ".",
    "a/../../b",
    "-rf",
    "--output",
    ".hidden",
    "a\nb",
    "a\0b",
    "a b;rm -rf *",
    "$(reboot)",
    "C:\\x",
    "org/model@main",
    "\u202eevil",
    "world:cross=0.3,within=0.5",
    "~",
    "",
]


@given(name=st.one_of(st.sampled_from(HOSTILE), st.text(max_size=40)))
def test_the_short_name_is_one_harmless_part_of_a_path(name: str) -> None:
    short = Checkpoint(name=name, kind="folder", fingerprint="f").short_name
    assert short not in ("", ".", "..")
    assert Path(short).name == short
    assert short[0] not in "-."
    assert not set(short) & set("/\\\0\n\t *?\"'`$;|&<>()\u202e")


def test_the_short_name_of_a_folder_is_its_last_part(checkpoint: Path) -> None:
    assert resolve(str(checkpoint)).short_name == "checkpoint"
    assert resolve(f"{checkpoint}/").short_name == "checkpoint"
    assert resolve("world:cross=0.3").short_name == "world-cross=0.3"
    hub = Checkpoint(name="Qwen/Qwen3-0.6B", kind="folder", fingerprint="f")
    assert hub.short_name == "Qwen--Qwen3-0.6B"
