"""The output folder of a job: which checkpoint a run resumes from, and who may write."""

import errno
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from sfr_train.job_file import Fingerprints, JobFile, job_file
from sfr_train.output_folder import (
    Start,
    disk_errors_reported,
    find_start,
    last_checkpoint,
    writer,
)

from sfr_eval.errors import RunError, UserError

ONE_PROCESS: Any = SimpleNamespace(process_index=0, world_size=1)


@pytest.fixture
def job() -> JobFile:
    return job_file(
        {"name": "x", "training": {}},
        fingerprints=Fingerprints(rows="r", model="w"),
        rows=10,
        held_out=0,
        rows_a_step=4,
        processes=1,
    )


def test_a_partly_written_checkpoint_is_not_resumed_from(tmp_path: Path) -> None:
    assert last_checkpoint(tmp_path) is None
    for step in (9, 10, 20, 30, 40):
        (tmp_path / f"checkpoint-{step}").mkdir()
        (tmp_path / f"checkpoint-{step}" / "optimizer.pt").touch()
    for step, content in ((9, "{}"), (10, "{}"), (20, ""), (30, '{"epoch": 1.0, "log_hi')):
        (tmp_path / f"checkpoint-{step}" / "trainer_state.json").write_text(content)
    assert last_checkpoint(tmp_path) == tmp_path / "checkpoint-10"


def finish(folder: Path, job: JobFile) -> Path:
    final = folder / "final"
    final.mkdir()
    save_file({"weight": torch.zeros(9)}, final / "model.safetensors")
    job.write(final)
    return final


def test_a_final_folder_that_lost_weights_is_not_handed_back(job: JobFile, tmp_path: Path) -> None:
    """In a copy that was cut off, or by hand."""
    weights = finish(tmp_path, job) / "model.safetensors"
    assert find_start(tmp_path, job, resume=True).final is not None
    os.truncate(weights, weights.stat().st_size - 1)
    assert find_start(tmp_path, job, resume=True) == Start()
    weights.unlink()
    assert find_start(tmp_path, job, resume=True) == Start()


def test_who_comes_second_gets_what_the_first_has_finished(job: JobFile, tmp_path: Path) -> None:
    """Between the look at the folder and the lock, another process ended the same job."""
    assert find_start(tmp_path, job, resume=True) == Start()
    job.write(tmp_path)
    finish(tmp_path, job)
    time = (tmp_path / "job.json").stat().st_mtime_ns
    with writer(tmp_path, job, resume=True, arguments=ONE_PROCESS) as start:
        assert start == Start(final=tmp_path / "final")
    assert (tmp_path / "job.json").stat().st_mtime_ns == time


def test_two_writers_are_one_line_that_names_the_setting(job: JobFile, tmp_path: Path) -> None:
    with (
        writer(tmp_path, job, resume=True, arguments=ONE_PROCESS),
        pytest.raises(UserError, match=f"^output {tmp_path}: another sfr-eval is writing here"),
        writer(tmp_path, job, resume=True, arguments=ONE_PROCESS),
    ):
        pass


@pytest.mark.parametrize("name", ["final", "checkpoint-5"])
def test_a_file_in_the_place_of_a_folder_is_refused(
    name: str, job: JobFile, tmp_path: Path
) -> None:
    """Before the training, at whose end it could not be replaced."""
    (tmp_path / name).write_text("mine")
    with pytest.raises(UserError, match=f"{name} is a file, where training writes a folder"):
        find_start(tmp_path, job, resume=True)
    (tmp_path / name).unlink()
    (tmp_path / name).symlink_to(tmp_path / "nowhere")
    with pytest.raises(UserError, match=f"{name} is a file"):
        find_start(tmp_path, job, resume=True)
    (tmp_path / name).unlink()
    (tmp_path / "job.json").mkdir()
    with pytest.raises(UserError, match=r"job\.json is a folder, where training writes a file"):
        find_start(tmp_path, job, resume=True)


def test_starting_over_moves_half_written_weights_as_well(job: JobFile, tmp_path: Path) -> None:
    for name in ("final.part", "checkpoint-3"):
        (tmp_path / name).mkdir()
    with writer(tmp_path, job, resume=False, arguments=ONE_PROCESS):
        assert {path.name for path in (tmp_path / "replaced-1").iterdir()} == {
            "final.part",
            "checkpoint-3",
        }


def quoted(number: int) -> SafetensorError:
    return SafetensorError(f"Error while serializing: I/O error: {os.strerror(number)}")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(errno.ENOSPC, "no"), "out: the disk is full; make room, and the same command"),
        (quoted(errno.EDQUOT), "out: the disk is full; make room, and the same command"),
        (OSError(errno.EIO, "no"), "out: Input/output error; mend that, and the same command"),
        (quoted(errno.EIO), "out: Input/output error; mend that, and the same command"),
    ],
)
def test_errors_of_the_disk_are_one_line(error: Exception, line: str) -> None:
    with pytest.raises(RunError) as raised, disk_errors_reported(Path("out")):
        raise error
    assert str(raised.value).startswith(line)


def test_a_disk_full_under_the_optimizer_is_one_line() -> None:
    weights = torch.zeros(100_000)
    with (
        pytest.raises(RunError, match="out: a checkpoint could not be written, as on a full disk"),
        disk_errors_reported(Path("out")),
    ):
        torch.save({"state": weights}, "/dev/full")


@pytest.mark.parametrize("error", [RuntimeError("shapes differ"), RunError("no"), OSError("no")])
def test_other_errors_stay_what_they_are(error: Exception) -> None:
    with pytest.raises(type(error)) as raised, disk_errors_reported(Path("out")):
        raise error
    assert raised.value is error
