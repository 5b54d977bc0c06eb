"""Every job recipe trains two steps of a small model of its architecture, with the chat template of
the real one and data of the recipe's own form."""

import json
import math
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from sfr_train.command import train
from sfr_train.job import RECIPES

from tests.support.recipes import small_data, small_model, small_settings

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "train" / "sfr_train" / "configs" / "fsdp2.yaml"
RECIPE: dict[str, dict[str, Any]] = {
    file.stem: recipe
    for file in sorted(RECIPES.glob("*.yaml"))
    if "model" in (recipe := yaml.safe_load(file.read_text()))
}


def prepared(name: str, folder: Path, tokenizer: Any) -> list[str]:
    recipe = RECIPE[name]
    small_model(recipe["model"], folder / "model", tokenizer)
    small_data(recipe, folder)
    return small_settings(recipe, folder)


@pytest.mark.parametrize("name", RECIPE)
def test_every_job_recipe_trains(name: str, tokenizer: Any, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    final = train(name, prepared(name, tmp_path, tokenizer))
    AutoModelForCausalLM.from_pretrained(final)
    (state,) = (tmp_path / "out").glob("checkpoint-*/trainer_state.json")
    log = json.loads(state.read_text())["log_history"]
    values = {key: value for row in log for key, value in row.items()}
    assert ("eval_loss" in values) == ("eval_strategy" in RECIPE[name]["training"])
    assert math.isfinite(values["loss"])
    if "targets" in RECIPE[name]:
        assert values["future/loss"] > 0


def fsdp_environment(file: Path) -> dict[str, str]:
    """Return the variables by which `accelerate launch` passes a configuration on."""
    config = yaml.safe_load(file.read_text())
    values = {
        f"FSDP_{name.removeprefix('fsdp_').upper()}": str(value).lower()
        if isinstance(value, bool)
        else str(value)
        for name, value in config["fsdp_config"].items()
    }
    return {
        "ACCELERATE_USE_FSDP": "true",
        "ACCELERATE_MIXED_PRECISION": config["mixed_precision"],
        **values,
    }


def launch(arguments: list[str], folder: Path, **extra: str) -> Path:
    """Run the job on two ranks, and return the folder that it prints."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "train"))),
        "OMP_NUM_THREADS": "1",
        "WORLD_SIZE": "2",
        "LOCAL_WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        **fsdp_environment(CONFIG),
        **extra,
    }
    worker = ROOT / "tests" / "support" / "sharded_job.py"
    processes = [
        subprocess.Popen(
            [sys.executable, str(worker), *arguments],
            env={**environment, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=(folder / f"rank{rank}.log").open("w"),
            text=True,
        )
        for rank in range(2)
    ]
    try:
        outputs = [process.communicate(timeout=600)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    logs = "\n".join((folder / f"rank{rank}.log").read_text()[-3000:] for rank in range(2))
    assert [process.returncode for process in processes] == [0, 0], logs
    return Path(outputs[0].strip().splitlines()[-1])


def test_the_32b_recipe_trains_sharded(tokenizer: Any, tmp_path: Path) -> None:
    """Two CPU ranks with configs/fsdp2.yaml: parts of each rank in the checkpoint, one model at the
    end, which is a plain language model without the head."""
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM

    arguments = prepared("qwen32_persona", tmp_path, tokenizer)
    final = launch(["qwen32_persona", *(f"--set={value}" for value in arguments)], tmp_path)
    AutoModelForCausalLM.from_pretrained(final)
    assert not [name for name in load_file(final / "model.safetensors") if "sfr_head" in name]
    checkpoint = tmp_path / "out" / "checkpoint-2"
    for part in ("pytorch_model_fsdp_0", "optimizer_0"):
        assert len(list((checkpoint / part).glob("*.distcp"))) == 2
    assert not list(checkpoint.glob("*.safetensors"))


@pytest.mark.slow
def test_a_sharded_checkpoint_is_resumed(tokenizer: Any, tmp_path: Path) -> None:
    """Without its last checkpoint, the same command takes the last step again and ends the same."""
    import torch
    from safetensors.torch import load_file

    arguments = prepared("qwen32_persona", tmp_path, tokenizer)
    command = [*arguments, "training.save_steps=1", "training.save_total_limit=2"]
    command = ["qwen32_persona", *(f"--set={value}" for value in command)]
    weights = [load_file(launch(command, tmp_path) / "model.safetensors")]
    assert (tmp_path / "out" / "checkpoint-1" / "sfr_state.json").is_file()
    for folder in ("checkpoint-2", "final"):
        shutil.rmtree(tmp_path / "out" / folder)
    weights.append(load_file(launch(command, tmp_path) / "model.safetensors"))
    assert weights[0].keys() == weights[1].keys()
    for name, value in weights[0].items():
        assert torch.equal(value, weights[1][name]), name
