"""Code suites and their problems."""

from pathlib import Path
from typing import Any

import pytest

from sfr_eval.settings import CodeSettings
from sfr_eval.suites.problems.problem import CodeProblem
from sfr_eval.suites.suite import Suite, load_suite


def load(name: str, **options: Any) -> Suite:
    return load_suite(name, code=CodeSettings(**options))


def problems(suite: Suite) -> list[CodeProblem]:
    assert suite.code is not None
    return list(suite.code.problems.values())


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    return tmp_path / "rows.jsonl"
