"""pytest tests/models/test_fingerprint.py"""

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
from sfr_eval.models.checkpoint import resolve
from sfr_eval.models.fingerprint import file_sha256, fingerprint, weight_files
from sfr_eval.models.safetensors_file import read_header
from tests.models.conftest import HEADER, WHOLE, refusal, tensors


def test_a_torn_weight_file_is_refused_at_every_byte(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(WHOLE)
    read_header(file)
    for cut in range(len(WHOLE)):
        file.write_bytes(WHOLE[:cut])
        with pytest.raises(UserError, match=r"torn|not a safetensors file"):
            read_header(file)
    file.write_bytes(WHOLE + b"\0")  # longer than promised is damage too
    # 8 for the length, 62 of header, 16 of data
    with pytest.raises(UserError, match="has 87 bytes, but 86 by its header"):
        read_header(file)


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
        read_header(file)


def test_a_header_that_claims_an_absurd_length_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    for length in (0, 1, 10**9, 2**63, 2**64 - 1):
        file.write_bytes(struct.pack("<Q", length) + bytes(100))
        with pytest.raises(UserError, match="not a safetensors file"):
            read_header(file)


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=200), prefix=st.integers(0, len(WHOLE)))
def test_any_bytes_are_whole_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, prefix: int
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.safetensors"
    file.write_bytes(WHOLE[:prefix] + data)
    with contextlib.suppress(UserError):  # and nothing else
        read_header(file)


def test_a_missing_shard_is_named(bare: Path) -> None:
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    (bare / "model.safetensors").rename(bare / "model-1.safetensors")
    (bare / "model.safetensors.index.json").write_text(json.dumps(index))
    assert "names model-2.safetensors, which is missing" in refusal(bare)
    (bare / "model-2.safetensors").write_bytes(WHOLE)
    assert len(weight_files(bare)) == 2
    resolve(str(bare))


def test_head_and_optimizer_are_not_weights_of_the_model(bare: Path) -> None:
    for name in ("sfr_head.safetensors", "optimizer.pt", "pytorch_model.bin"):
        (bare / name).write_bytes(WHOLE)
    assert [file.name for file in weight_files(bare)] == ["model.safetensors"]


def test_two_trainings_of_one_model_have_two_fingerprints(
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
def test_files_that_change_answers_change_the_fingerprint(bare: Path, name: str) -> None:
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


def test_a_hash_is_cached_until_the_file_changes(
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
