"""One small run of the simulator for the session; tests copy it."""

from pathlib import Path

import pytest

from tests.support.index_data import write_source


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scored run; do not change it."""
    return write_source(tmp_path_factory.mktemp("source") / "source")
