"""`view` as a command; what it serves is tested in tests/run_index/test_server.py."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from sfr_eval.cli import app
from sfr_eval.errors import UserError


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["view", *arguments], catch_exceptions=False)


def test_a_folder_that_is_not_there_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="runs: no such folder"):
        run()


def test_a_port_that_is_none_is_refused(tmp_path: Path) -> None:
    result = run(str(tmp_path), "--port", "70000")
    assert result.exit_code == 2
    assert "70000" in result.output
