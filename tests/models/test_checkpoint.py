"""pytest tests/models/test_checkpoint.py"""

import contextlib
import json
import os
import shutil
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfr_eval.errors import UserError
from sfr_eval.models.checkpoint import Checkpoint, resolve
from sfr_eval.models.fingerprint import check_safetensors, file_sha256, fingerprint, weight_files


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


def test_a_torn_weight_file_is_refused_at_every_byte(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(WHOLE)
    check_safetensors(file)
    for cut in range(len(WHOLE)):
        file.write_bytes(WHOLE[:cut])
        with pytest.raises(UserError, match=r"torn|not a safetensors file"):
            check_safetensors(file)
    file.write_bytes(WHOLE + b"\0")  # longer than promised is damage too
    # 8 for the length, 62 of header, 16 of data
    with pytest.raises(UserError, match="has 87 bytes, but 86 by its header"):
        check_safetensors(file)


def test_the_real_model_is_whole_and_torn_when_cut(checkpoint: Path) -> None:
    weights = checkpoint / "model.safetensors"
    size = weights.stat().st_size
    for cut in (size - 1, size // 2, 1000, 8, 7, 0):
        os.truncate(weights, cut)
        assert str(weights) in refusal(checkpoint)


@pytest.mark.parametrize(
    "header",
    [
        b"{}}",
        b"not json at all",
        b"\xff\xfe\xfd",
        b"[1, 2]",
        b'{"w": 1}',
        b'{"w": {}}',
        b'{"w": {"data_offsets": []}}',
        b'{"w": {"data_offsets": [0, "x"]}}',
        b'{"w": {"data_offsets": [0, null]}}',
        b'{"w": {"data_offsets": {"1": 16}}}',
    ],
)
def test_a_garbage_header_is_one_line(tmp_path: Path, header: bytes) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(tensors(header, bytes(16)))
    with pytest.raises(UserError, match="header is damaged"):
        check_safetensors(file)


def test_a_header_that_claims_an_absurd_length_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    for length in (0, 1, 10**9, 2**63, 2**64 - 1):
        file.write_bytes(struct.pack("<Q", length) + bytes(100))
        with pytest.raises(UserError, match="not a safetensors file"):
            check_safetensors(file)


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=200), prefix=st.integers(0, len(WHOLE)))
def test_any_bytes_are_whole_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, prefix: int
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.safetensors"
    file.write_bytes(WHOLE[:prefix] + data)
    with contextlib.suppress(UserError):  # and nothing else
        check_safetensors(file)


def test_a_missing_shard_is_named(bare: Path) -> None:
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    (bare / "model.safetensors").rename(bare / "model-1.safetensors")
    (bare / "model.safetensors.index.json").write_text(json.dumps(index))
    assert "names model-2.safetensors, which is missing" in refusal(bare)
    (bare / "model-2.safetensors").write_bytes(WHOLE)
    assert len(weight_files(bare)) == 2
    resolve(str(bare))


def test_the_trainer_s_head_and_optimizer_are_no_weights_of_the_model(bare: Path) -> None:
    for name in ("sfr_head.safetensors", "optimizer.pt", "pytorch_model.bin"):
        (bare / name).write_bytes(WHOLE)
    assert [file.name for file in weight_files(bare)] == ["model.safetensors"]


def test_two_trainings_of_one_architecture_have_different_fingerprints(
    tiny_checkpoint: Path, tmp_path: Path
) -> None:
    """Row 17: names, sizes, shapes and headers are equal; one value of the weights differs."""
    first = Path(shutil.copytree(tiny_checkpoint, tmp_path / "1"))
    second = Path(shutil.copytree(tiny_checkpoint, tmp_path / "2"))
    assert resolve(str(first)).fingerprint == resolve(str(second)).fingerprint  # where is no matter
    content = bytearray((second / "model.safetensors").read_bytes())
    content[-1] ^= 1  # the last bit of the last float
    (second / "model.safetensors").write_bytes(bytes(content))
    assert [(f.name, f.stat().st_size) for f in sorted(first.iterdir())] == [
        (f.name, f.stat().st_size) for f in sorted(second.iterdir())
    ]
    assert resolve(str(first)).fingerprint != resolve(str(second)).fingerprint


@pytest.mark.parametrize(
    "name",
    [
        "config.json",
        "generation_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "chat_template.jinja",
    ],
)
def test_every_file_that_changes_an_answer_changes_the_fingerprint(bare: Path, name: str) -> None:
    before = fingerprint(bare)
    (bare / name).write_text('{"temperature": 0.01}')
    changed = fingerprint(bare)
    assert changed != before
    (bare / name).write_text('{"temperature": 0.02}')
    assert fingerprint(bare) not in (before, changed)
    (bare / "README.md").write_text("no answer depends on this")
    assert fingerprint(bare) == fingerprint(bare) != before


def test_contents_that_swap_their_names_are_another_model(bare: Path) -> None:
    (bare / "tokenizer.json").write_text('{"a": 1}')
    (bare / "vocab.json").write_text('{"b": 1}')
    before = fingerprint(bare)
    (bare / "tokenizer.json").write_text('{"b": 1}')
    (bare / "vocab.json").write_text('{"a": 1}')
    assert fingerprint(bare) != before


def test_a_hash_is_remembered_and_taken_again_when_the_file_changes(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import hashlib

    read: list[str] = []
    whole = hashlib.file_digest

    def file_digest(stream: Any, name: str) -> Any:
        read.append(Path(stream.name).name)
        return whole(stream, name)

    monkeypatch.setattr(hashlib, "file_digest", file_digest)
    first = fingerprint(bare)
    assert sorted(read) == ["config.json", "model.safetensors"]
    assert fingerprint(bare) == first
    assert len(read) == 2  # remembered
    (bare / "model.safetensors").write_bytes(tensors(HEADER, b"\1" * 16))  # of equal size
    assert fingerprint(bare) != first
    assert read[2:] == ["model.safetensors"]
    assert file_sha256(bare / "config.json") == hashlib.sha256(b"{}").hexdigest()


@pytest.mark.parametrize("memory", ["", "[", "[1]", "null", "\x00"])
def test_a_damaged_memory_costs_a_hash_and_never_an_answer(
    bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, memory: str
) -> None:
    wanted = fingerprint(bare)
    monkeypatch.setenv("SFR_EVAL_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "fingerprints.json").write_text(memory)
    assert fingerprint(bare) == wanted


def test_a_cache_that_cannot_be_written_costs_a_hash(
    bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = fingerprint(bare)
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("SFR_EVAL_CACHE", str(tmp_path / "file" / "below"))
    assert fingerprint(bare) == wanted


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
