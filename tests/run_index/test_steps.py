"""The step of a checkpoint: from a statement, the manifest, the Trainer's state, or a name."""

import json
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.errors import UserError
from sfr_eval.run_index.steps import StepRules, named_step
from sfr_eval.store.manifest import Manifest


def manifest(name: str = "org/model", **more: Any) -> Manifest:
    return Manifest.model_validate({"name": name, "config": {"model": name}} | more)


@pytest.mark.parametrize(
    ("name", "number", "series"),
    [
        ("sft/checkpoint-500", 500, "sft"),
        ("step_1000", 1000, ""),
        ("grpo/global_step400/actor", 400, "grpo/actor"),
        ("iter-0002000", 2000, ""),
        ("epoch=3-step=1200", 1200, ""),
        ("step-10k", 10_000, ""),
        ("olmo@stage1-step50000-tokens210B", 50_000, "olmo@stage1/tokens210B"),
        ("EleutherAI/pythia-70m@step143000", 143_000, "EleutherAI/pythia-70m"),
        ("sft/step-0", 0, "sft"),
        ("step_2_of_project/checkpoint-30", 30, "step_2_of_project"),
    ],
)
def test_names_that_tell_a_step(name: str, number: int, series: str) -> None:
    step = named_step(name)
    assert step is not None
    assert (step.number, step.series) == (number, series)


@pytest.mark.parametrize("name", ["qwen3-0.6b", "model-7b", "llama-3.1", "footstep3", "step", "v2"])
def test_names_that_tell_none(name: str) -> None:
    assert named_step(name) is None


def test_the_run_folder_comes_before_the_model() -> None:
    step = StepRules().step_of("sft/step-5", manifest("ckpt/sft/checkpoint-7"))
    assert step is not None
    assert (step.number, step.series) == (5, "sft")
    other = StepRules().step_of("mine", manifest("ckpt/sft/checkpoint-7"))
    assert other is not None
    assert (other.number, other.series) == (7, "ckpt/sft")


def test_runs_without_any_step_have_none() -> None:
    assert StepRules().step_of("base", manifest()) is None


def test_a_flat_folder_takes_its_series_from_the_model() -> None:
    step = StepRules().step_of("checkpoint-7", manifest("ckpt/sft/checkpoint-7"))
    assert step is not None
    assert step.series == "sft"


def test_the_trainers_state_is_stronger_than_a_name(tmp_path: Path) -> None:
    weights = tmp_path / "sft" / "final"
    weights.mkdir(parents=True)
    state = {"best_global_step": 3, "global_step": 750, "log_history": [{"step": 9}] * 1000}
    (weights / "trainer_state.json").write_text(json.dumps(state, indent=2))
    about = manifest(str(weights), model={"name": "final", "folder": str(weights)})
    step = StepRules().step_of("runs/step-1", about)
    assert step is not None
    assert (step.number, step.series) == (750, "runs")


def test_the_manifest_is_stronger_than_the_state(tmp_path: Path) -> None:
    (tmp_path / "trainer_state.json").write_text('{"global_step": 750}')
    about = manifest(str(tmp_path), model={"folder": str(tmp_path), "step": 12})
    step = StepRules().step_of("run", about)
    assert step is not None
    assert step.number == 12


def test_what_the_user_states_comes_first() -> None:
    rules = StepRules.parse(["base*=0", "sft/final=900"], r"tokens-(\d+)B")
    cases = {"sft/base-model": 0, "sft/final": 900, "sft/tokens-30B": 30, "sft/step-4": 4}
    for place, number in cases.items():
        step = rules.step_of(place, manifest())
        assert step is not None
        assert (step.number, step.series) == (number, "sft"), place


@pytest.mark.parametrize("text", ["base", "base=", "=3", "base=-1", "base=1.5", "base=x"])
def test_a_statement_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="not PATTERN=N"):
        StepRules.parse([text])


def test_a_regex_needs_a_group_and_must_parse() -> None:
    with pytest.raises(UserError, match="has no group"):
        StepRules.parse([], r"step\d+")
    with pytest.raises(UserError, match="--step-regex"):
        StepRules.parse([], r"step(\d+")
