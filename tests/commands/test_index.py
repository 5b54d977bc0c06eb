"""`index` as a command."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from sfr_eval.cli import app
from sfr_eval.errors import UserError
from tests.support.index_data import copy_run, write_source, write_training


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["index", *arguments], catch_exceptions=False)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_source(tmp_path_factory.mktemp("source") / "source")


def test_the_default_is_the_folder_runs(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="runs: no such folder"):
        run()
    copy_run(source, tmp_path / "runs" / "base")
    result = run()
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "1 run: 1 complete",
        f"index: {tmp_path / 'runs' / 'index.html'}",
    ]


def test_json_goes_to_stdout_alone(source: Path, tmp_path: Path) -> None:
    write_training(source, tmp_path / "sft", {10: (0.2, 0.1, 0.3), 20: (0.3, 0.2, 0.4)})
    result = run(str(tmp_path), "--json", "-o", str(tmp_path / "mine.html"))
    rows = json.loads(result.stdout)
    assert [(row["run"], row["step"], row["variety"]) for row in rows] == [
        ("sft/checkpoint-10", 10, 0.2),
        ("sft/checkpoint-20", 20, 0.3),
    ]
    assert f"index: {tmp_path / 'mine.html'}" in result.stderr


def test_steps_are_stated_or_found(source: Path, tmp_path: Path) -> None:
    for name in ("base", "tokens-10B", "tokens-20B"):
        copy_run(source, tmp_path / "sft" / name)
    result = run(str(tmp_path), "--step", "base=0", "--step-regex", r"tokens-(\d+)B", "--json")
    assert {row["run"]: row["step"] for row in json.loads(result.stdout)} == {
        "sft/base": 0,
        "sft/tokens-10B": 10,
        "sft/tokens-20B": 20,
    }
    with pytest.raises(UserError, match="--step base: not PATTERN=N"):
        run(str(tmp_path), "--step", "base")


def test_a_step_that_no_run_has_is_a_warning(source: Path, tmp_path: Path) -> None:
    copy_run(source, tmp_path / "base")
    result = run(str(tmp_path), "--step", "bse=3", "--step", "base=0")
    assert "warning: --step bse=3: takes effect on no run" in result.stderr
    assert "base=0" not in result.stderr
