"""DQO as an objective: its settings, and 40 steps on the demo over seeds."""

from typing import Any

import pytest
from sfr_train.objectives import read_objective

from sfr_eval.errors import UserError

DQO: dict[str, Any] = {"name": "dqo", "quality": "oracle"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"alpha": -1}, "alpha: must be at least 0"),
        ({"ridge": 0}, "ridge: must be more than 0|ridge: must be greater than 0|ridge"),
        ({"quality": "oracel"}, "objective.quality oracel: unknown; did you mean `oracle`"),
        ({"quality": {}}, "give one of oracle, reward_model, verifier"),
        ({"quality": {"name": "verifier", "by": "vote"}}, "objective.quality verifier: by"),
        ({"quality": {"name": "reward_model"}}, "objective.quality reward_model: model"),
        ({"alfa": 1}, "alfa: unknown field; did you mean `alpha`"),
    ],
)
def test_a_bad_setting_is_one_line(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        read_objective({**DQO, **settings})
    assert "\n" not in str(caught.value)


def test_there_is_no_dqo_without_a_quality() -> None:
    with pytest.raises(UserError, match="quality"):
        read_objective("dqo")
