"""pytest tests/pipeline/test_prompts.py

Runs of a file of prompts, end to end, against a server that answers by rule."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.store.run_folder import RunFolder
from tests.pipeline.conftest import Command
from tests.support.fake_server import Reply, completion, serving

PROMPTS = [
    {"id": "tea", "prompt": "Tea?", "category": "drinks", "references": ["Yes, please."]},
    {"id": "rain", "prompt": "Will it rain?", "category": "weather"},
    {"id": "snow", "prompt": "Will it snow?", "category": "weather"},
]
WORDS = ["red", "green", "blue", "old", "new", "fast", "slow", "warm", "cold", "soft", "hard"]


def answer(body: Mapping[str, Any], _headers: Mapping[str, str]) -> Reply:
    """Answer with words that the seed chooses."""
    digest = hashlib.sha256(str(body["seed"]).encode()).digest()
    return completion(" ".join(WORDS[byte % len(WORDS)] for byte in digest[:12]))


def test_prompts_in_a_file_are_one_command(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: Command,
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "own.jsonl"
    file.write_text("\n".join(map(json.dumps, PROMPTS)))
    with serving(answer) as server:
        arguments = ["run", "--model", "fake", "--base-url", server.url, "--prompts", str(file)]
        arguments += ["--metrics", "text,lexical", "--samples", "4", "--output", "run"]
        assert command(*arguments) == 0
        asked = len(server.bodies)
        assert command(*arguments) == 0
        assert len(server.bodies) == asked >= 12
    shown = capsys.readouterr().out
    assert "by category" in shown
    assert "weather" in shown
    results = RunFolder(Path("run")).read_results()
    groups = {(row.by, row.group, row.n) for row in results.slices}
    assert {("category", "drinks", 1), ("category", "weather", 2)} <= groups
    page = Path("run/report.html").read_text()
    assert "weather (2)" in page
    assert "Will it snow?" in page
    file.unlink()
    shutil.move("run", "elsewhere")
    assert command("score", "elsewhere", "--metrics", "lexical") == 0
    again = RunFolder(Path("elsewhere")).read_results()
    assert [row for row in again.estimates if row.metric == "distinct_2"] == [
        row for row in results.estimates if row.metric == "distinct_2"
    ]


def test_a_run_needs_a_suite_or_prompts(
    capsys: pytest.CaptureFixture[str], command: Command
) -> None:
    assert command("run", "--model", "m") == 2
    assert "--suite: not given; name one, e.g. --suite persona, or --prompts FILE" in (
        capsys.readouterr().err
    )


def test_a_field_without_prompts_is_refused(
    capsys: pytest.CaptureFixture[str], command: Command
) -> None:
    assert command("run", "--model", "m", "--suite", "persona", "--prompt-field", "q") == 2
    assert "prompt-field: needs --prompts FILE" in capsys.readouterr().err


def test_a_file_of_prompts_has_no_personas(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: Command
) -> None:
    (tmp_path / "p.txt").write_text("Name a fruit.\n", encoding="utf-8")
    arguments = ["--prompts", str(tmp_path / "p.txt"), "--personas", "pirate"]
    assert command("run", "--model", "m", "--base-url", "http://127.0.0.1:9/v1", *arguments) == 2
    assert "--personas: a file of prompts has none" in capsys.readouterr().err
