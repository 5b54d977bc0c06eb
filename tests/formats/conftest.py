"""Scored runs, made once: one with a reply of every status, one without any trouble."""

import os
import sys
from pathlib import Path

import pytest

from sfr_eval.formats.write.source import ExportSource
from tests.support.export_data import write_run


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    return write_run(folder / "run", folder / "cache").path


@pytest.fixture(scope="session")
def clean_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clean")
    return write_run(folder / "clean", folder / "cache", spoil=False).path


@pytest.fixture
def source(run: Path) -> ExportSource:
    return ExportSource.open(run)


@pytest.fixture(scope="session")
def peers_python() -> str:
    """A Python in which the other harnesses are installed: PEERS_PYTHON, else this one."""
    return os.environ.get("PEERS_PYTHON") or sys.executable
