"""Three small scored runs of the world, and a comparison of two, for the session."""

from pathlib import Path

import pytest

from sfr_eval.comparison.compare import compare_runs
from sfr_eval.comparison.result import Comparison
from tests.support.changed_runs import NARROW, WHOLE
from tests.support.compare_data import write_world_run


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("runs")
    return {
        "whole": write_world_run(folder / "whole", WHOLE),
        "narrow": write_world_run(folder / "narrow", NARROW),
        "again": write_world_run(folder / "again", WHOLE, seed=1),
    }


@pytest.fixture(scope="session")
def found(runs: dict[str, Path]) -> Comparison:
    return compare_runs(runs["whole"], runs["narrow"])
