import shlex
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.commands.run import run
from sfr_eval.config import load_run_config
from sfr_eval.report.run_command import run_command
from sfr_eval.store.manifest import ImportFacts, Manifest, StoredConfig

OUTPUT = {"output", "track", "track_artifacts"}


def command_of(**settings: Any) -> tuple[str, dict[str, Any]]:
    config = load_run_config({"model": "world", "suite": "persona", **settings}, environment={})
    stored = StoredConfig.model_validate(config.flat())
    return run_command(Manifest(config=stored)), config.flat()


def read_back(command: str) -> dict[str, Any]:
    """Return the settings that the command line reads, as the manifest would have them."""
    program, name, *words = shlex.split(command)
    assert (program, name) == ("sfr-eval", "run")
    context = run.make_context("run", words)
    return load_run_config(context.params["settings"], environment={}).flat()


def test_a_plain_run_is_a_short_command() -> None:
    assert command_of()[0] == "sfr-eval run --model world --suite persona"


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"model": "my models/a 'b'", "limit": 16, "samples": 4, "seed": 7},
        {"temperatures": "0.2:1.6:0.2", "limit": 0.1, "suite": "persona,mbpp"},
        {"stop": ("a, b", "\n\n"), "min_p": 0.05, "top_k": 40},
        {"chat_template_kwargs": {"enable_thinking": False}, "engine_args": {"seed": 3}},
        {"metrics": "text,lexical", "personas": "pirate,monk", "layers": "0,6"},
        {"trust_remote_code": True, "preset": "novelty-bench", "samples": 3},
        {"judge": "http://127.0.0.1:8000#m", "judge_prices": "0.5,1", "judge_votes": 3},
        {"shard": "2/4", "think_tags": "<think>,</think>"},
        {"suite": None, "prompts": "prompts.txt", "token_window": "none"},
    ],
)
def test_the_command_reads_back_as_the_same_settings(settings: dict[str, Any]) -> None:
    command, stored = command_of(**settings)
    again = read_back(command)
    assert {k: v for k, v in again.items() if k not in OUTPUT} == {
        k: v for k, v in stored.items() if k not in OUTPUT
    }


def test_where_the_run_is_kept_is_not_said(tmp_path: Path) -> None:
    assert str(tmp_path) not in command_of(output=tmp_path / "run")[0]


def test_imported_generations_are_scored_again() -> None:
    manifest = Manifest(
        imported=ImportFacts(files=("my replies.jsonl",), fields={"--text-field": "completion"}),
        config=StoredConfig(suite=("persona",)),
    )
    assert run_command(manifest) == (
        "sfr-eval score 'my replies.jsonl' --text-field completion --suite persona"
    )


def test_without_a_model_there_is_no_command() -> None:
    assert run_command(Manifest()) == ""
