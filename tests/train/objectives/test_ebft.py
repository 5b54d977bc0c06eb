"""EBFT as an objective: its settings."""

from typing import Any

import pytest
from sfr_train.objectives import read_objective

from sfr_eval.errors import UserError


def test_the_defaults_are_those_of_the_public_implementation() -> None:
    module, settings = read_objective("ebft")
    assert (settings.generations, settings.alignment_coef, settings.diversity_coef) == (4, 1, 1)
    assert (settings.depths, settings.pooling, settings.exact) == ((0.25, 0.5, 0.75), "last", False)
    assert module.TRAINING == {"scale_rewards": "none"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"diversity_coef": -0.1}, "diversity_coef: must be at least 0"),
        ({"depths": []}, "depths"),
        ({"depths": [1.5]}, "depths"),
        ({"features": "bert"}, "features"),
        ({"pooling": "max"}, "pooling"),
    ],
)
def test_a_bad_setting_is_one_line(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        read_objective({"name": "ebft", **settings})
    assert "\n" not in str(caught.value)
