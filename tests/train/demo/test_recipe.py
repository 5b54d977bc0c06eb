"""The demo recipes: valid, one for each objective, and alike in everything else."""

import pytest
from sfr_train.data.world_text import topic_queries
from sfr_train.demo.checkpoints import CHECKPOINTS
from sfr_train.demo.recipe import load_recipe
from sfr_train.job import RECIPES
from sfr_train.objectives import OBJECTIVES, read_objective, trainer_of

from sfr_eval.demo import FULL, SMALL
from sfr_eval.suites.world.persona import PersonaWorld
from sfr_eval.util.assets import find_suite

DEMOS = sorted(path.stem for path in RECIPES.glob("demo_*.yaml"))


@pytest.mark.parametrize("name", DEMOS)
def test_every_demo_recipe_is_valid(name: str) -> None:
    recipe = load_recipe(name)
    read_objective(recipe.objective)


def test_every_objective_has_a_demo_recipe() -> None:
    names = {load_recipe(name).objective["name"] for name in DEMOS}
    assert names == set(OBJECTIVES)


def test_the_rivals_differ_from_sft_in_the_objective_alone() -> None:
    plain = load_recipe("demo_sft").model_dump()
    for name in DEMOS:
        recipe = load_recipe(name).model_dump()
        if recipe["start_from"] is None or trainer_of(recipe["objective"]) == "grpo":
            continue
        if name.startswith("demo_small_"):
            continue
        varied = {"name", "objective", "schedule", "targets"}
        assert {k: v for k, v in recipe.items() if k not in varied} == {
            k: v for k, v in plain.items() if k not in varied
        }, name


@pytest.mark.parametrize("name", ["base", "sft", "sfr"])
def test_the_small_demo_is_half_of_the_full_one(name: str) -> None:
    """Half the topics with half the rows: every question is read as often, in half the steps."""
    full, small = (load_recipe(f"demo_{size}{name}").model_dump() for size in ("", "small_"))
    for count in ("rows", "pages", "topics"):
        assert 2 * small["data"][count] == full["data"][count], count
        small["data"][count] = full["data"][count]
    assert full["start_from"] is None or small["start_from"] == "demo_small_base"
    same = full.keys() - {"name", "start_from"}
    assert {key: small[key] for key in same} == {key: full[key] for key in same}


def test_each_demo_has_read_about_all_that_it_asks() -> None:
    world = PersonaWorld.load(find_suite("persona"))
    for size in (SMALL, FULL):
        for model in size.twins.values():
            recipe = load_recipe(CHECKPOINTS[model.removeprefix("demo:")])
            known = topic_queries(world, recipe.data.topics)
            assert known == list(world.queries)[: size.settings["limit"]]


def test_policy_demos_start_from_sft_with_equal_steps_and_prompts() -> None:
    recipes = [load_recipe(name).model_dump() for name in DEMOS]
    policies = [r for r in recipes if trainer_of(r["objective"]) == "grpo"]
    assert {recipe["objective"]["name"] for recipe in policies} == {"dqo", "ebft"}
    assert {recipe["start_from"] for recipe in policies} == {"demo_sft"}
    same = {"data", "epochs", "batch_size", "seed", "optimizer"}
    assert len({str({key: recipe[key] for key in sorted(same)}) for recipe in policies}) == 1
