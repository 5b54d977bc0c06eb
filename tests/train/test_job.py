"""Training jobs: recipes, --set, the command, and a real training of a tiny model."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from sfr_train.command import train
from sfr_train.job import load_job, recipe_file, with_assignments

from sfr_eval.errors import UserError

JOBS = [
    "qwen_coder_rstar",
    "qwen_coder_rstar_published",
    "qwen_coder_mbpp",
    "qwen32_persona",
]


@pytest.mark.parametrize("name", JOBS)
def test_every_job_recipe_is_valid(name: str) -> None:
    from dataclasses import fields

    from trl import SFTConfig

    job = load_job(name)
    assert set(job.training) <= {field.name for field in fields(SFTConfig)}


def test_assignments_reach_nested_settings() -> None:
    values = {"objective": "sfr", "schedule": {"weight": 1.0, "decay": "linear"}}
    assigned = with_assignments(
        values, ["schedule.weight=3", "objective.width=64", "training.max_steps=5", "name=x"]
    )
    assert assigned == {
        "objective": {"name": "sfr", "width": 64},
        "schedule": {"weight": 3, "decay": "linear"},
        "training": {"max_steps": 5},
        "name": "x",
    }
    assert values == {"objective": "sfr", "schedule": {"weight": 1.0, "decay": "linear"}}


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("schedule.weigth=3", r"schedule\.weigth: unknown field"),
        ("objective=sffr", r"objective sffr: unknown; did you mean `sfr`"),
        ("objective.widht=3", r"objective: widht: unknown field; did you mean `width`"),
        ("targets.k=0", r"targets\.k: must be at least 1"),
        ("targets.stride=0", r"targets\.stride: must be at least 1"),
        ("trainin.x=1", r"trainin: unknown field; did you mean `training`"),
        ("name.x=1", r"`name` is a value, not a section"),
        ("weight", r"write name=value"),
        ("model=[", r"not valid YAML"),
    ],
)
def test_a_bad_setting_is_one_line(assignment: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        load_job("qwen_coder_mbpp", [assignment])
    assert "\n" not in str(caught.value)


def test_an_unknown_recipe_suggests_the_nearest_name() -> None:
    with pytest.raises(UserError, match="recipe demo_sf: unknown; did you mean `demo_sft`"):
        recipe_file("demo_sf")


def job_file(folder: Path, checkpoint: Path, **values: Any) -> Path:
    chats = folder / "chats.jsonl"
    reply = "I would start with the oven and then look at the bread every ten minutes or so."
    rows = [{"prompt": f"Question {i}?", "completion": f"{reply} {i}"} for i in range(12)]
    chats.write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe = {
        "name": "tiny",
        "model": str(checkpoint),
        "output": str(folder / "out"),
        "data": {"file": str(chats), "validation": 4},
        "objective": {"name": "sfr", "width": 32},
        "schedule": {"weight": 1.0, "head_steps": 1},
        "targets": {"k": 8, "stride": 4, "minimum": 2},
        "training": {
            "max_steps": 3,
            "per_device_train_batch_size": 4,
            "eval_strategy": "steps",
            "eval_steps": 3,
            "logging_steps": 1,
            "use_cpu": True,
            "disable_tqdm": True,
        },
        **values,
    }
    file = folder / "job.yaml"
    file.write_text(yaml.safe_dump(recipe))
    return file


@pytest.mark.slow
def test_the_command_trains_a_model_that_loads_anywhere(checkpoint: Path, tmp_path: Path) -> None:
    """Runs the module as accelerate does, with the real encoder and a suite run inside."""
    from transformers import AutoModelForCausalLM

    file = job_file(
        tmp_path,
        checkpoint,
        evaluation={"limit": 1, "samples": 2, "max_tokens": 4, "metrics": ["text"]},
    )
    done = subprocess.run(
        [sys.executable, "-m", "sfr_train", str(file), "--set", "training.max_steps=4"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    folder = Path(done.stdout.strip().splitlines()[-1])
    assert folder == tmp_path / "out" / "final"
    assert not list(folder.glob("sfr_*"))
    AutoModelForCausalLM.from_pretrained(folder)
    last = max((tmp_path / "out").glob("checkpoint-*"))
    log = json.loads((last / "trainer_state.json").read_text())["log_history"]
    names = {name for row in log for name in row}
    assert {
        "future/loss",
        "future/loss_over_blind",
        "future/shuffled_gap",
        "future/gradient_ratio",
        "forks/entropy",
        "locks/cross_entropy",
        "suite/duplicate_rate",
        "eval_loss",
    } <= names


ASK, SAY = {"role": "user", "content": "?"}, {"role": "assistant", "content": "Yes."}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"training": {"learning_rat": 1}},
            "training: learning_rat: unknown field; did you mean `learning_rate`",
        ),
        ({"model": "/no/such/model"}, "model /no/such/model: cannot be loaded"),
        ({"schedul": {"weight": 1}}, "schedul: unknown field; did you mean `schedule`"),
        ({"objective": {"name": "sfrr"}}, "objective sfrr: unknown; did you mean `sfr`"),
        ({"objective": {"name": "tofu", "gama": 1}}, "gama: unknown field; did you mean `gamma`"),
        ({"targets": {"k": 0}}, r"targets\.k: must be at least 1"),
        ({"targets": {"stride": -1}}, r"targets\.stride: must be at least 1"),
        ({"targets": {"k": 4, "minimum": 5}}, "minimum 5 is longer than k 4"),
        ({"targets": {"minimum": 200, "k": 200}}, "none of 8 rows has 200 reply tokens"),
        (
            {"targets": {"encoder": "nobody/no-such-encoder"}},
            r"targets\.encoder nobody/no-such-encoder: ",
        ),
    ],
)
def test_a_job_that_cannot_run_is_one_line(
    values: dict[str, Any], message: str, checkpoint: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=message) as caught:
        train(str(job_file(tmp_path, checkpoint, **values)))
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("out/**/*.safetensors"))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"messages": [ASK]}], r"chats\.jsonl:1: has no assistant turn"),
        ([{"messages": [ASK, SAY], "persona": "pirat"}], r"`pirat` has no card in .*`pirate`"),
        ([], "data: has no rows"),
    ],
)
def test_bad_data_is_one_line(
    rows: list[Any], message: str, checkpoint: Path, tmp_path: Path
) -> None:
    cards = tmp_path / "cards.yaml"
    cards.write_text(yaml.safe_dump([{"id": "pirate", "name": "Brine", "system": "Arr."}]))
    file = job_file(tmp_path, checkpoint)
    recipe = yaml.safe_load(file.read_text())
    (tmp_path / "chats.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe["data"]["personas"] = str(cards)
    file.write_text(yaml.safe_dump(recipe))
    with pytest.raises(UserError, match=message) as caught:
        train(str(file))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        (
            "{name: x, model: y, modell: y, data: {file: chats.jsonl}}",
            2,
            "modell: unknown field; did you mean `model`",
        ),
        ("[", 2, "YAML"),
    ],
)
def test_the_command_ends_with_the_code_and_one_line(
    text: str, code: int, message: str, tmp_path: Path
) -> None:
    file = tmp_path / "job.yaml"
    file.write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "sfr_train", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == code
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
