"""The demo recipes: valid, one for each objective, and alike in everything else."""

import pytest
from sfr_train.demo.recipe import load_recipe
from sfr_train.job import RECIPES
from sfr_train.objectives import OBJECTIVES, read_objective

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
        if recipe["start_from"] is None:
            continue
        varied = {"name", "objective", "schedule", "targets"}
        assert {k: v for k, v in recipe.items() if k not in varied} == {
            k: v for k, v in plain.items() if k not in varied
        }, name
