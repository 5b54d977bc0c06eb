"""Which demo checkpoint of the cache is the one that a recipe would train now."""

import pytest
from pydantic import Field
from sfr_train.demo.checkpoints import recipe_digest
from sfr_train.demo.recipe import load_recipe
from sfr_train.objectives import mtp

from sfr_eval.suites.world.persona import PersonaWorld
from sfr_eval.util.assets import find_suite


def digest(name: str) -> str:
    return recipe_digest(load_recipe(name), PersonaWorld.load(find_suite("persona")))


def test_another_default_is_another_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    """A recipe says only what differs from the defaults of its objective."""

    class Settings(mtp.Settings):
        new_default: float = Field(0.5)

    before = {name: digest(name) for name in ("demo_mtp", "demo_sft", "demo_tofu")}
    monkeypatch.setattr(mtp, "Settings", Settings)
    after = {name: digest(name) for name in before}
    assert {name for name in before if before[name] != after[name]} == {"demo_mtp"}


def test_a_new_trainer_leaves_cross_entropy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its number is raised with another loss; the base of all demos is not trained anew."""
    before = {name: digest(name) for name in ("demo_mtp", "demo_base", "demo_sft")}
    monkeypatch.setattr("sfr_train.demo.checkpoints.TRAINER", 99)
    after = {name: digest(name) for name in before}
    assert {name for name in before if before[name] != after[name]} == {"demo_mtp"}
