"""Settings of objectives on sampled replies, and the refusal to be a loss on given text."""

import pytest
from sfr_train.objectives import read_objective, trainer_of

from sfr_eval.errors import UserError
from tests.support.policy import OBJECTIVES


@pytest.mark.parametrize("name", OBJECTIVES)
def test_policy_objectives_are_trained_by_grpo_and_read_no_future(name: str) -> None:
    module, settings = read_objective(OBJECTIVES[name])
    assert trainer_of(OBJECTIVES[name]) == "grpo"
    assert trainer_of("sfr") == "sft"
    assert settings.needs is None
    with pytest.raises(UserError, match=f"objective {name}: is no loss on given text"):
        module.build(settings, None)


@pytest.mark.parametrize("generations", [1, 0, -4])
def test_a_group_has_at_least_two_replies(generations: int) -> None:
    for objective in OBJECTIVES.values():
        with pytest.raises(UserError, match="generations: must be at least 2"):
            read_objective({**objective, "generations": generations})
