"""The folder of a sweep: an ordinary run folder for each decoder, and sweep.json, which names them.

runs/sweep/sweep.json
runs/sweep/min_p=0/, runs/sweep/min_p=0.05/   one run each
runs/sweep/compare.html, comparison.json      their comparison
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from sfr_eval.errors import UserError
from sfr_eval.store.manifest import FILE as MANIFEST
from sfr_eval.store.manifest import SWEEP as FILE
from sfr_eval.util.files import write_atomic, writing_to
from sfr_eval.util.reading import read_versioned

FORMAT = 1


class SweepFacts(BaseModel):
    """sweep.json. The names may come from elsewhere, so none may lead out of the folder."""

    model_config = ConfigDict(frozen=True)

    format: int = FORMAT
    decoders: tuple[Annotated[str, Field(pattern=r"^[a-z_]+=[A-Za-z0-9_=.+-]+$")], ...] = Field(
        min_length=1
    )


def write_sweep(folder: Path, runs: Sequence[Path]) -> None:
    """Record the decoders of a sweep, in order."""
    facts = SweepFacts(decoders=tuple(run.name for run in runs))
    with writing_to(folder):
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(folder / FILE, json.dumps(facts.model_dump(mode="json"), indent=2))


def decoders_of(folder: Path) -> list[Path]:
    """Return the run folders of a sweep; [] if the folder is none. Raises UserError if sweep.json
    is damaged."""
    file = folder / FILE
    if not file.is_file():
        return []
    facts = read_versioned(
        SweepFacts,
        file,
        version=FORMAT,
        what="a sweep",
        remedy="repeat the command that made it",
        where=str(file),
    )
    return [folder / name for name in facts.decoders]


def expanded(paths: Iterable[Path]) -> list[Path]:
    """Return the paths with each sweep replaced by the runs of its decoders."""
    return [run for path in paths for run in decoders_of(path) or [path]]


def refuse_run_in(folder: Path) -> None:
    """Raise UserError if a sweep would be written into a run."""
    with writing_to(folder):
        holds_run = (folder / MANIFEST).exists()
    if holds_run:
        raise UserError(f"--output {folder}: holds a run; choose another folder for the sweep")


def refuse_sweep_in(folder: Path) -> None:
    """Raise UserError if a run would be written into a sweep."""
    with writing_to(folder):
        holds_sweep = (folder / FILE).exists()
    if holds_sweep:
        raise UserError(f"--output {folder}: holds a sweep; choose another folder for the run")
