"""One small calibration and the real encoder, shared by all tests."""

from dataclasses import replace
from typing import Any

import pytest

from sfr_eval.calibration.design import QUICK
from sfr_eval.calibration.run import calibrate
from sfr_eval.embeddings.encoder import Encoder
from sfr_eval.suites.suite import load_suite

SMALL = replace(QUICK, light_queries=4, wide_queries=6, wide_personas=1, wide_sets=2, null_runs=12)


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    return Encoder(None, tmp_path_factory.mktemp("encoder"))


@pytest.fixture(scope="session")
def calibration(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return calibrate(
        load_suite("persona"),
        size=SMALL,
        name="quick",
        cache=tmp_path_factory.mktemp("calibrate"),
        families=("text", "lexical"),
    )
