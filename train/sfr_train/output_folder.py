"""The folder a job writes: checked before anything is computed, resumed from what is whole."""

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
    """Make it; UserError where nothing can be written, before targets are encoded for hours."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"output {folder}: cannot be written ({error.strerror})") from None
    if not os.access(folder, os.W_OK):
        raise UserError(f"output {folder}: cannot be written (Permission denied)")


def last_checkpoint(folder: Path) -> str | None:
    """The newest whole checkpoint. The Trainer writes trainer_state.json last: without it a folder
    is what a kill or a full disk left."""
    found = {
        int(step): file.parent
        for file in folder.glob("checkpoint-*/trainer_state.json")
        if (step := file.parent.name.removeprefix("checkpoint-")).isdigit()
    }
    return str(found[max(found)]) if found else None


@contextmanager
def disk_may_fill(folder: Path) -> Iterator[None]:
    """A full disk is one line. safetensors has an error of its own, which quotes the system's."""
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, SafetensorError) as error:
        system = isinstance(error, OSError) and error.errno in DISK_FULL
        quoted = any(os.strerror(number) in str(error) for number in DISK_FULL)
        if not (system or quoted):
            raise
        raise RunError(
            f"{folder}: the disk is full; make room, and the same command goes on from the last "
            "whole checkpoint"
        ) from None


def save_whole(trainer: Any, folder: Path) -> None:
    """The final model, in place only when all of it is written. Every rank calls it."""
    first = trainer.accelerator.is_main_process
    scratch = folder.with_name(f"{folder.name}.part")
    try:
        trainer.save_model(str(scratch))
        trainer.accelerator.wait_for_everyone()
        if first:
            shutil.rmtree(folder, ignore_errors=True)  # of an earlier run of this job
            scratch.replace(folder)
    finally:
        if first:
            shutil.rmtree(scratch, ignore_errors=True)
    trainer.accelerator.wait_for_everyone()
