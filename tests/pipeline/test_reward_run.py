"""A reward model end to end: checked before the draw, measured, measured again.
pytest tests/pipeline/test_reward_run.py"""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sfr_eval import cli
from tests.support.reward_models import pair_reward_model

RUN = (
    *("run", "--model", "world", "--suite", "persona", "--limit", "5", "--samples", "2"),
    *("--temperatures", "1.0", "--personas", "pirate,butler", "--metrics", "text"),
)
Command = Callable[..., str]


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Command:
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, code: int = 0) -> str:
        monkeypatch.setattr(sys, "argv", ["sfr-eval", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main()
        _, err = capfd.readouterr()
        assert int(end.value.code or 0) == code, err
        return err

    return run


def estimates(folder: str) -> dict[str, dict[str, Any]]:
    results = json.loads(Path(folder, "results.json").read_text(encoding="utf-8"))
    return {row["metric"]: row for row in results["estimates"] if not row["persona"]}


def test_a_run_is_rewarded_and_again_with_a_threshold(command: Command, tmp_path: Path) -> None:
    folder = pair_reward_model(tmp_path / "model", {0: "reward"}, window=400)
    command(*RUN, "--output", "a", "--reward-model", str(folder))
    first = estimates("a")
    assert first["reward"]["n"] == 5
    assert first["reward"]["undefined"] == 0
    assert first["length"]["value"] > 0
    assert first["reward_good"]["value"] is None
    results = json.loads(Path("a", "results.json").read_text(encoding="utf-8"))
    assert {row["metric"] for row in results["truth"]["persona"]} >= {"reward", "length"}

    # The model is remembered; the threshold is new.
    threshold = str(first["reward"]["value"])
    command("score", "a", "--metrics", "reward", "--reward-threshold", threshold)
    again = estimates("a")
    assert again["reward"]["value"] == first["reward"]["value"]
    assert 0 < again["reward_good"]["value"] < 1
    assert again["length"] == first["length"]

    # Other families need no reward model, so it may be gone by then.
    shutil.rmtree(folder)
    command("score", "a", "--metrics", "text")
    assert estimates("a")["reward"] == again["reward"]
    line = command("score", "a", code=2)
    assert line.startswith(f"sfr-eval: --reward-model {folder}: no such folder")


def test_what_is_missing_is_said_before_the_draw(command: Command, tmp_path: Path) -> None:
    line = command(*RUN, "--output", "b", "--reward-model", "./nowhere", code=2)
    assert line.startswith("sfr-eval: --reward-model ./nowhere: no such folder")
    line = command(*RUN[:-1], "reward", "--output", "b", code=2)
    assert line.startswith("sfr-eval: --metrics reward: needs a reward model")
    line = command(*RUN, "--output", "b", "--reward-threshold", "-1.5", code=2)
    assert line.startswith("sfr-eval: --reward-threshold: belongs to --reward-model")
    assert not Path("b").exists()
