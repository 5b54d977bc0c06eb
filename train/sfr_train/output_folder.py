"""The output folder of a job: checked before anything is computed, and resumed only by the job that
wrote it, from whole checkpoints."""

import errno
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sfr_eval.errors import MACHINE, RunError, UserError
from sfr_eval.models.fingerprint import check_shards, weight_files
from sfr_eval.models.safetensors_file import read_header
from sfr_eval.util.lock import FolderLock
from sfr_eval.util.progress import log
from sfr_eval.util.untrusted import plain_bytes
from sfr_train.job_file import JOB_FILE, JobFile, differences, read_job_file
from sfr_train.saved_dtype import cast_weights

FINAL = "final"
_LOCK = ".lock"
# One of these is in a checkpoint that training can continue from; `save_only_model` writes none.
_OPTIMIZER = ("optimizer*", "global_step*", "pytorch_model_fsdp*")
_SHOWN = 4  # differing settings in a message
Answer = TypeVar("Answer")
DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def usable_folder(folder: Path) -> None:
    """Create it. Raises UserError if it cannot be written, before targets are encoded for hours."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"output {folder}: cannot be written ({error.strerror})") from None
    if not os.access(folder, os.W_OK):
        raise UserError(f"output {folder}: cannot be written (Permission denied)")


def last_checkpoint(folder: Path) -> Path | None:
    """Return the newest whole checkpoint that has the optimizer's state."""
    whole = [path for path in whole_checkpoints(folder) if _has_optimizer(path)]
    return whole[-1] if whole else None


def whole_checkpoints(folder: Path) -> list[Path]:
    """Return whole checkpoints, the oldest first. The Trainer writes trainer_state.json last, and
    under its own name: a folder without it, or with half of it, was left by a kill or a full
    disk."""
    steps = {
        int(step): file.parent
        for file in folder.glob("checkpoint-*/trainer_state.json")
        if (step := file.parent.name.removeprefix("checkpoint-")).isdigit() and _is_json(file)
    }
    return [steps[step] for step in sorted(steps)]


def _is_json(file: Path) -> bool:
    try:
        json.loads(plain_bytes(file))
    except (OSError, ValueError, RecursionError):
        return False
    return True


def _has_optimizer(checkpoint: Path) -> bool:
    return any(next(checkpoint.glob(pattern), None) is not None for pattern in _OPTIMIZER)


def _has_weights(folder: Path) -> bool:
    """Return whether all weights are there, which may have been lost on the way from elsewhere."""
    files = weight_files(folder)
    if not files:
        return False
    try:
        check_shards(folder, files)
        for file in files:
            if file.suffix == ".safetensors":
                read_header(file)
    except UserError:
        return False
    return True


@dataclass(frozen=True, kw_only=True)
class Start:
    """Where a job begins. final: the finished model, so that nothing is left to do; checkpoint: to
    continue from; neither: at the base model."""

    final: Path | None = None
    checkpoint: Path | None = None


def find_start(output: Path, job: JobFile, *, resume: bool) -> Start:
    """Return where the job begins in this folder, which is not changed.

    Raises UserError if weights in it were trained by another job, or by an unknown one.
    """
    if not resume:
        return Start()
    final = output / FINAL
    _check_names(output)
    folders = [*([final] if final.is_dir() else []), *whole_checkpoints(output)]
    records = {}
    for folder in folders:
        if not (folder / JOB_FILE).is_file():
            raise UserError(
                f"output {output}: {folder.name} has no {JOB_FILE}, so nothing says which job "
                "trained it; set another `output`, or `resume: false`, which moves it aside"
            )
        records[folder] = read_job_file(folder)
        if records[folder].digest != job.digest:
            raise UserError(_other_job(folder, records[folder], job))
    if final in records and records[final].saving == job.saving and _has_weights(final):
        return Start(final=final)
    return Start(checkpoint=last_checkpoint(output))


def _check_names(output: Path) -> None:
    """Raise UserError if a file has the name of a folder that training writes, or the reverse."""
    steps = (path for path in output.glob("checkpoint-*") if path.name[11:].isdigit())
    folders = [path for path in (*steps, output / FINAL) if not path.is_dir()]
    files = [path for path in (output / JOB_FILE, output / _LOCK) if path.is_dir()]
    for path in (*folders, *files):
        if os.path.lexists(path):
            there, needed = ("folder", "file") if path in files else ("file", "folder")
            raise UserError(
                f"output {output}: {path.name} is a {there}, where training writes a {needed}; "
                "move it or set another `output`"
            )


def _other_job(folder: Path, there: JobFile, here: JobFile) -> str:
    changes = differences(there, here) or ["the settings are equal: another version wrote it"]
    more = f"; and {len(changes) - _SHOWN} more" if len(changes) > _SHOWN else ""
    return (
        f"output {folder.parent}: {folder.name} is of another job ({'; '.join(changes[:_SHOWN])}"
        f"{more}); set another `output`, or `resume: false`, which moves it aside"
    )


def check_nobody_trains(output: Path) -> None:
    """Raise UserError if another process trains in this folder now."""
    if (output / _LOCK).is_file():
        lock = FolderLock(output / _LOCK, where=str(output))
        _take(lock)
        lock.release()


def _take(lock: FolderLock) -> None:
    try:
        lock.take()
    except UserError as error:  # a job has a setting where `run` has an option
        raise UserError(str(error).replace("--output", "output", 1)) from None


@contextmanager
def writer(output: Path, job: JobFile, *, resume: bool, arguments: Any) -> Iterator[Start]:
    """Take the folder for this training and write job.json, on the first rank; yields where to
    begin, on all of them. Another process may have finished the job meanwhile.

    Without `resume`, what earlier trainings left is moved aside, so that no later one takes it up.
    Raises UserError if another process trains here.
    """
    lock = FolderLock(output / _LOCK, where=str(output))

    def take() -> Start:
        _take(lock)
        start = find_start(output, job, resume=resume)
        if start.final is None:
            if not resume:
                _move_aside(output)
            job.write(output)
        return start

    try:
        yield from_first_rank(take, arguments=arguments)
    finally:
        lock.release()


def from_first_rank(work: Callable[[], Answer], *, arguments: Any) -> Answer:
    """Return on every rank what `work` returns on the first. Its UserError is raised on all."""
    from accelerate.utils import broadcast_object_list

    outcome: list[Any] = [None, None]
    if arguments.process_index == 0:
        try:
            outcome[0] = work()
        except UserError as error:
            outcome[1] = str(error)
    if arguments.world_size > 1:
        broadcast_object_list(outcome)
    if outcome[1] is not None:
        raise UserError(outcome[1])
    answer: Answer = outcome[0]
    return answer


def _move_aside(output: Path) -> None:
    names = ("checkpoint-*", FINAL, f"{FINAL}.part", "evaluations")
    old = [path for name in names for path in output.glob(name)]
    if not old:
        return
    number = 1
    while (aside := output / f"replaced-{number}").exists():
        number += 1
    aside.mkdir()
    for folder in sorted(old):
        folder.rename(aside / folder.name)
    moved = ", ".join(sorted(folder.name for folder in old))
    log(f"output {output}: resume is false: {moved} moved to {aside.name}")


@contextmanager
def disk_errors_reported(folder: Path) -> Iterator[None]:
    """Turn a full disk, or another trouble of the machine, into a RunError of one line."""
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, SafetensorError, RuntimeError) as error:
        trouble = _trouble(error)
        if trouble is None:
            raise
        raise RunError(
            f"{folder}: {trouble}, and the same command continues from the last whole checkpoint"
        ) from None


def _trouble(error: Exception) -> str | None:
    if isinstance(error, RuntimeError):  # of torch.save, which does not say why
        failed = "inline_container" in str(error)
        return "a checkpoint could not be written, as on a full disk; make room" if failed else None
    number = error.errno if isinstance(error, OSError) else None
    # safetensors raises an error of its own, which quotes the system's.
    for known in (*DISK_FULL, *MACHINE):
        if number == known or os.strerror(known) in str(error):
            full = known in DISK_FULL
            return "the disk is full; make room" if full else f"{os.strerror(known)}; mend that"
    return None


def save_whole(trainer: Any, folder: Path, *, dtype: str = "as_trained") -> None:
    """Save the final model, moved into place once all of it is written. Every rank calls this."""
    is_first_rank = trainer.accelerator.is_main_process
    scratch = folder.with_name(f"{folder.name}.part")
    if trainer.is_fsdp_enabled:  # checkpoints may be in shards; a model that loads anywhere is not
        trainer.accelerator.state.fsdp_plugin.set_state_dict_type("FULL_STATE_DICT")
    try:
        if is_first_rank:
            shutil.rmtree(scratch, ignore_errors=True)  # a killed training left it
        trainer.accelerator.wait_for_everyone()
        trainer.save_model(str(scratch))
        trainer.accelerator.wait_for_everyone()
        if is_first_rank:
            if dtype != "as_trained":
                cast_weights(scratch, dtype)
            shutil.rmtree(folder, ignore_errors=True)  # of this job, with other files
            scratch.replace(folder)
    finally:
        if is_first_rank:
            shutil.rmtree(scratch, ignore_errors=True)
    trainer.accelerator.wait_for_everyone()
