"""A demo recipe of an objective on sampled replies trains and saves a plain model."""

import subprocess
import sys
from pathlib import Path

from sfr_train.demo.fit import fit
from sfr_train.demo.recipe import load_recipe

from sfr_eval.suites.world.persona import PersonaWorld
from sfr_eval.util.assets import find_suite


def test_a_policy_demo_trains_from_its_start(tiny_checkpoint: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM

    world = PersonaWorld.load(find_suite("persona"))
    recipe = load_recipe("demo_dqo")
    small = {"data": recipe.data.model_copy(update={"rows": 2}), "batch_size": 8}
    fit(recipe.model_copy(update=small), world, start=tiny_checkpoint, output=tmp_path)
    AutoModelForCausalLM.from_pretrained(tmp_path)
    before, after = (load_file(f / "model.safetensors") for f in (tiny_checkpoint, tmp_path))
    assert any(not (before[key] == after[key]).all() for key in after)
    assert not (tmp_path / "trainer").exists()


def test_a_loss_on_given_text_imports_no_engine() -> None:
    """vLLM takes as long to import as all else together."""
    modules = "import sys, sfr_train.demo.fit, sfr_train.run_job; print(sorted(sys.modules))"
    output = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", modules], capture_output=True, text=True, check=True
    ).stdout
    assert "'trl.trainer.sft_trainer'" in output
    assert "'vllm'" not in output
