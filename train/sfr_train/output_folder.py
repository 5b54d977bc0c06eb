"""The output folder of a job: checked before anything is computed, resumed from whole parts."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sfr_eval.errors import RunError, UserError

DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def usable_folder(folder: Path) -> None:
    """Create it. Raises UserError if it cannot be written, before targets are encoded for hours."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"output {folder}: cannot be written ({error.strerror})") from None
    if not os.access(folder, os.W_OK):
        raise UserError(f"output {folder}: cannot be written (Permission denied)")


def last_checkpoint(folder: Path) -> str | None:
    """Return the newest whole checkpoint. The Trainer writes trainer_state.json last: a folder
    without it was left by a kill or a full disk."""
    checkpoints = {
        int(step): file.parent
        for file in folder.glob("checkpoint-*/trainer_state.json")
        if (step := file.parent.name.removeprefix("checkpoint-")).isdigit()
    }
    return str(checkpoints[max(checkpoints)]) if checkpoints else None


@contextmanager
def full_disk_reported(folder: Path) -> Iterator[None]:
    """Turn a full disk into a RunError of one line.

    safetensors raises an error of its own, which quotes the system's.
    """
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, SafetensorError) as error:
        by_number = isinstance(error, OSError) and error.errno in DISK_FULL
        by_text = any(os.strerror(number) in str(error) for number in DISK_FULL)
        if not (by_number or by_text):
            raise
        raise RunError(
            f"{folder}: the disk is full; make room, and the same command continues from the last "
            "whole checkpoint"
        ) from None


def save_whole(trainer: Any, folder: Path) -> None:
    """Save the final model, moved into place once all of it is written. Every rank calls this.

    Checkpoints of FSDP may hold the part of each rank; the final model is gathered on the first.
    """
    is_first_rank = trainer.accelerator.is_main_process
    scratch = folder.with_name(f"{folder.name}.part")
    if trainer.is_fsdp_enabled:
        trainer.accelerator.state.fsdp_plugin.set_state_dict_type("FULL_STATE_DICT")
    try:
        trainer.save_model(str(scratch))
        trainer.accelerator.wait_for_everyone()
        if is_first_rank:
            shutil.rmtree(folder, ignore_errors=True)  # from an earlier run of this job
            scratch.replace(folder)
    finally:
        if is_first_rank:
            shutil.rmtree(scratch, ignore_errors=True)
    trainer.accelerator.wait_for_everyone()
