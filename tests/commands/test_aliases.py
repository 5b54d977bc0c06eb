"""pytest tests/commands/test_aliases.py"""

import json
import sys
from typing import Any

import pytest

from sfr_eval import cli
from sfr_eval.commands.aliases import (
    NOTED,
    REFUSED,
    SAME,
    expanded,
    generation_settings,
    with_revision,
)
from sfr_eval.config import FIELDS
from sfr_eval.errors import UserError


def test_names_of_other_tools_become_ours() -> None:
    line = ["--tasks", "persona", "--num_samples=4", "--tensor-parallel-size", "2", "--seed", "1"]
    rest, special = expanded(line, {"seed"})
    assert rest == [
        *("--suite", "persona", "--samples=4", "--tensor-parallel", "2"),
        *("--seed", "1"),
    ]
    assert special == {}


def test_every_alias_names_an_option_and_no_alias_hides_one() -> None:
    ours = {name.replace("_", "-") for name in FIELDS}
    assert set(SAME.values()) <= ours
    assert not (set(SAME) | set(NOTED) | set(REFUSED)) & ours


def test_what_the_command_has_itself_is_left_alone() -> None:
    assert expanded(["--task", "x"], {"task"})[0] == ["--task", "x"]
    assert expanded(["--model", "a", "--", "--task"], set())[0] == ["--model", "a", "--", "--task"]


def test_options_without_effect_are_explained(capfd: pytest.CaptureFixture[str]) -> None:
    line = ["--log_samples", "--apply-chat-template", "true", "--batch-size", "8", "-n", "2"]
    assert expanded(line, set())[0] == ["-n", "2"]
    said = capfd.readouterr().err
    assert said.count("\n") == 3
    assert "--batch-size: the engine batches by itself" in said


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_others_are_refused_with_the_way_to_do_it(name: str) -> None:
    with pytest.raises(UserError, match=f"--{name}: "):
        expanded([f"--{name}", "x"], set())


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("temperature=0.7,top_p=0.95", {"temperatures": "0.7", "top_p": 0.95}),
        ("max_gen_toks=64,do_sample=true", {"max_tokens": 64}),
        ("max_new_tokens=64,do_sample=false", {"max_tokens": 64, "temperatures": "0"}),
        ("do_sample=False,temperature=0.7", {"temperatures": "0"}),
        ('{"until": ["###"], "min_p": 0.1}', {"stop": ["###"], "min_p": 0.1}),
        ("", {}),
    ],
)
def test_generation_fields_become_settings(text: str, settings: dict[str, Any]) -> None:
    assert generation_settings(text) == settings


def test_bad_generation_fields_are_one_line() -> None:
    for text in ("temperature", "n=2,num_return_sequences=3", "do_sample=perhaps"):
        with pytest.raises(UserError, match="--gen-kwargs"):
            generation_settings(text)


def test_a_revision_joins_its_model() -> None:
    assert with_revision("org/name", "v2") == "org/name@v2"
    assert with_revision("org/name@v2", "v2") == "org/name@v2"
    with pytest.raises(UserError, match="names another"):
        with_revision("org/name@v1", "v2")
    with pytest.raises(UserError, match="needs --model"):
        with_revision(None, "v2")


def plan(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], *arguments: str
) -> tuple[int, Any]:
    line = ["sfr-eval", "run", "--model", "world", "--dry-run", "--json", *arguments]
    monkeypatch.setattr(sys, "argv", line)
    with pytest.raises(SystemExit) as end:
        cli.main()
    code, captured = int(end.value.code or 0), capfd.readouterr()
    return code, json.loads(captured.out) if code == 0 else captured.err


def test_a_command_line_of_another_tool_makes_the_plan(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    other = ["--tasks", "persona", "--gen_kwargs", "temperature=0.7,max_gen_toks=32"]
    _, ours = plan(
        monkeypatch, capfd, *("--suite", "persona", "--temperatures", "0.7", "--max-tokens", "32")
    )
    assert plan(monkeypatch, capfd, *other)[1] == ours
    assert plan(monkeypatch, capfd, *other, "--max-tokens", "64")[1]["token_bound"] == (
        2 * ours["token_bound"]
    )
    code, said = plan(monkeypatch, capfd, "--tasks", "persona", "--gen-kwargs", "top_z=1")
    assert (code, "unknown setting `top_z`" in said) == (2, True)


def test_a_share_of_the_queries_is_a_limit(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def prompts(*arguments: str) -> int:
        report = plan(monkeypatch, capfd, "--suite", "persona", *arguments)[1]
        return int(report["suites"][0]["prompts"])

    everything = prompts()
    assert prompts("--limit", "0.1") == pytest.approx(everything / 10, rel=0.1)
    assert prompts("--limit", "0.0001") == prompts("--limit", "1") < everything
    for wrong in ("0", "-1", "1.5", "many"):
        code, said = plan(monkeypatch, capfd, "--suite", "persona", "--limit", wrong)
        assert (code, "--limit" in said) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--engine", "hf", "--model", "nowhere"], "nowhere"),
        (["--engine", "vlm"], "transformers"),
        (["--dtype", "int3"], "bfloat16"),
        (["--hf-token", "x"], "set HF_TOKEN"),
    ],
)
def test_values_of_other_tools(
    arguments: list[str],
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    code, said = plan(monkeypatch, capfd, "--suite", "persona", *arguments)
    assert (code, says in said) == (2, True), said


def test_other_names_of_number_types() -> None:
    from sfr_eval.settings import EngineSettings

    names = {"bf16": "bfloat16", "fp16": "float16", "half": "float16", "fp32": "float32"}
    for name, ours in names.items():
        assert EngineSettings.from_flat({"dtype": name}).dtype == ours
    assert EngineSettings.from_flat({"engine": "hf"}).engine == "transformers"
