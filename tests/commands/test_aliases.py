"""pytest tests/commands/test_aliases.py"""

import json
import sys
from pathlib import Path
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


NEAR = [
    (["--task", "persona"], ""),
    (["--benchmark", "persona"], ""),
    (["--suite", "persona", "--dtype", "bf16"], ""),
    (["--suite", "persona", "--batch_size", "8"], "--batch_size: the engine batches by itself"),
    (["--suite", "persona", "--device", "cuda:0"], "--device: the engine takes the GPUs"),
    (["--suite", "persona", "--log_samples"], "--log_samples: samples are always kept"),
    (["--suite", "persona", "--num_fewshot", "0"], ""),
    (["--suite", "persona", "--num_fewshot=0"], ""),
    (["--suite", "persona", "--quiet"], "--quiet: only results go to stdout"),
    (["--suite", "persona", "--verbosity", "INFO"], "--verbosity: --verbose shows"),
    (["--suite", "persona", "--max_model_len", "512"], ""),
    (["--suite", "persona", "-o", "out", "-n", "2"], ""),
    (["--suite", "persona", "--output_path", "out"], ""),
    (["--suite", "persona", "--limit", "0.1"], ""),
    (["--suite", "persona,known-answers"], ""),
]


@pytest.mark.parametrize(("arguments", "says"), NEAR)
def test_near_names_are_near(
    arguments: list[str],
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    line = ["sfr-eval", "run", "--model", "world", "--dry-run", *arguments]
    monkeypatch.setattr(sys, "argv", line)
    with pytest.raises(SystemExit) as end:
        cli.main()
    said = capfd.readouterr().err
    assert not end.value.code, said
    assert says in said


WRONG = [
    (["--samples", "two"], "--samples: needs a whole number (got 'two')"),
    (["--top-p", "3"], "--top-p: must be at most 1 (got '3')"),
    (["--dtype", "int3"], "--dtype: needs 'auto', 'float32', 'bfloat16' or 'float16' (got 'int3')"),
    (["--judge-prices", "3"], "--judge-prices: has too few values"),
    (["--num_fewshot", "5"], "--num_fewshot: the messages of a suite's queries hold its examples"),
    (["--suite", "./prompts.jsonl"], "`run --prompts` takes a file of prompts"),
]


@pytest.mark.parametrize(("arguments", "says"), WRONG)
def test_mistakes_are_said_in_our_words(
    arguments: list[str],
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "prompts.jsonl").write_text('{"prompt": "hi"}\n')
    code, said = plan(monkeypatch, capfd, "--suite", "persona", *arguments)
    assert code == 2
    assert says in said
    assert "Input should" not in said


def test_one_temperature_in_a_file_is_a_list_of_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "run.yaml"
    file.write_text("suite: persona\ntemperatures: 1\n")
    code, report = plan(monkeypatch, capfd, "--config", str(file))
    assert (code, report["suites"][0]["temperatures"]) == (0, [1.0])
