"""pytest tests/pipeline/test_draw.py: interruptions, failures and full disks."""

import errno
import os
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.errors import RunError
from sfr_eval.pipeline.run import execute
from sfr_eval.samplers.rows import error_row
from sfr_eval.samplers.world import WorldSampler
from sfr_eval.store.rows import SampleWriter
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.types import Request, Sample
from tests.support.small_runs import PROMPTS, config, manifest, rows, sealed, stop_after

pytestmark = pytest.mark.usefixtures("no_scoring")


@pytest.mark.parametrize("count", [0, 1, 17, 4 * PROMPTS - 1])
def test_an_interrupted_run_resumes_to_equal_bytes(
    tmp_path: Path, truth: bytes, count: int
) -> None:
    path = tmp_path / "run"
    with pytest.MonkeyPatch.context() as patch:
        stop_after(patch, count, KeyboardInterrupt())
        outcome = execute(config(path, samples=4))
    assert outcome.exit_code == 130
    assert outcome.report is None
    assert f"{count:,} samples kept, {4 * PROMPTS - count:,} to go" in outcome.lines[0]
    assert rows(path) == count
    assert (manifest(path)["status"], manifest(path)["samples"]) == ("partial", count)
    assert not (path / "samples.parquet").exists()
    assert execute(config(path, samples=4)).exit_code == 0
    assert rows(path) == 4 * PROMPTS
    assert sealed(path) == truth


def test_an_interrupt_loses_at_most_the_row_being_written(
    tmp_path: Path, truth: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run"
    whole = SampleWriter.append
    left = [5]

    def append(self: SampleWriter, samples: Iterable[Sample]) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        whole(self, samples)

    with monkeypatch.context() as patch:
        patch.setattr(SampleWriter, "append", append)
        assert execute(config(path, samples=4)).exit_code == 130
    assert rows(path) == 4
    execute(config(path, samples=4))
    assert sealed(path) == truth


def test_a_polite_kill_is_an_interrupt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = WorldSampler.sample

    def sample(self: WorldSampler, requests: Iterable[Request]) -> Iterator[Sample]:
        for number, row in enumerate(whole(self, requests)):
            if number == 3:
                os.kill(os.getpid(), 15)
            yield row

    monkeypatch.setattr(WorldSampler, "sample", sample)
    assert execute(config(tmp_path / "run")).exit_code == 130
    assert rows(tmp_path / "run") == 3


def test_failed_requests_end_in_3_and_the_next_run_repairs_them(
    tmp_path: Path, truth: bytes, drawn: list[str]
) -> None:
    path = tmp_path / "run"
    whole = WorldSampler.sample

    def sample(self: WorldSampler, requests: Iterable[Request]) -> Iterator[Sample]:
        for number, request in enumerate(requests):
            if number % 5 == 0:
                yield error_row(request, "engine\nsaid   no")
            else:
                yield from whole(self, [request])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WorldSampler, "sample", sample)
        outcome = execute(config(path, samples=4))
    failed = -(-4 * PROMPTS // 5)
    assert outcome.exit_code == 3
    assert outcome.report is not None  # all files are written before a non-zero exit
    assert outcome.lines[0].startswith(f"{failed} of {4 * PROMPTS} requests failed (engine said no")
    assert manifest(path)["status"] == "partial"
    errors = [row for row in RunFolder(path).sealed_samples() if row.status == "error"]
    assert len(errors) == failed
    assert {row.text for row in errors} == {""}  # a failure never becomes text
    drawn.clear()
    assert execute(config(path, samples=4)).exit_code == 0
    assert sorted(drawn) == sorted(row.sample_id for row in errors)
    assert sealed(path) == truth


def test_a_damaged_row_is_named_and_drawn_again(
    tmp_path: Path, truth: bytes, drawn: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "run"
    execute(config(path, samples=4))
    file = path / "samples" / "0001.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    lines[6] = lines[6].replace(b'"index":', b'"index":1')
    file.write_bytes(b"".join(lines))
    drawn.clear()
    capsys.readouterr()
    assert execute(config(path, samples=4)).exit_code == 0
    assert f"warning: {file}:7: damaged row" in capsys.readouterr().err
    assert len(drawn) == 1
    assert sealed(path) == truth


def test_a_run_whose_disk_fills_up_resumes_with_its_rows(
    tmp_path: Path, truth: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run"
    whole = SampleWriter.append
    left = [6]

    class FullDisk:
        """A file on a disk with room for half a row."""

        def __init__(self, stream: Any) -> None:
            self._stream = stream

        def write(self, data: memoryview) -> int:
            self._stream.write(data[: len(data) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        def __getattr__(self, name: str) -> Any:
            return getattr(self._stream, name)

    def append(self: SampleWriter, samples: Iterable[Sample]) -> None:
        left[0] -= 1
        if left[0] == 0:
            self._stream = FullDisk(self._stream)  # type: ignore[assignment]
        whole(self, samples)

    with monkeypatch.context() as patch:
        patch.setattr(SampleWriter, "append", append)
        with pytest.raises(RunError, match="the disk is full; all finished samples are kept"):
            execute(config(path, samples=4))
    assert rows(path) == 5
    assert (path / "samples" / "0001.jsonl").read_bytes()[-1:] != b"\n"  # the half row is there
    assert manifest(path)["status"] == "partial"
    assert execute(config(path, samples=4)).exit_code == 0
    assert sealed(path) == truth


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 64 kB; needs root and the right to mount."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("no mount command")
    if done.returncode:
        pytest.skip("may not mount a tmpfs here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.faults
def test_a_real_disk_that_fills_up(
    small_disk: Path, tmp_path: Path, truth: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = small_disk / "run"
    monkeypatch.setattr("sfr_eval.pipeline.preflight.check_space", lambda *_: None)
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(48 * 1024))
    with pytest.raises(RunError, match="the disk is full"):
        execute(config(path, samples=4))
    assert 0 < rows(path) < 4 * PROMPTS
    ballast.unlink()
    assert execute(config(path, samples=4)).exit_code == 0
    assert sealed(path) == truth


def test_an_engine_that_dies_keeps_the_rows(
    tmp_path: Path, truth: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run"
    with monkeypatch.context() as patch:
        stop_after(patch, 9, RunError("vLLM died twice"))
        with pytest.raises(RunError, match="died twice"):
            execute(config(path, samples=4))
    assert manifest(path)["status"] == "partial"
    execute(config(path, samples=4))
    assert sealed(path) == truth
