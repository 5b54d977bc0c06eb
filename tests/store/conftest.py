"""Rows to store, and a folder to store them in."""

from dataclasses import replace
from pathlib import Path

import pytest

from sfr_eval.store.run_folder import RunFolder
from sfr_eval.types import Sample


def sample(number: int, text: str = "Arr.", **changes: object) -> Sample:
    row = Sample(
        sample_id=f"{number:032x}",
        suite="persona",
        query="tea.how",
        persona="pirate",
        temperature=0.7,
        index=number,
        seed=2**63 - 1 - number,
        status="ok",
        text=text,
        prompt_tokens=12,
        completion_tokens=3,
    )
    return replace(row, **changes)  # type: ignore[arg-type]


def write(folder: RunFolder, *rows: Sample) -> Path:
    writer = folder.writer()
    writer.append(rows)
    writer.close()
    return writer.file


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    opened = RunFolder(tmp_path / "run")
    with opened:
        return opened
