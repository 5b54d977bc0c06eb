"""Qualities by name."""

import pytest
from sfr_train.policy.quality.read import QUALITIES, read_quality

from sfr_eval.errors import UserError


@pytest.mark.parametrize("name", QUALITIES)
def test_every_quality_has_settings_and_a_builder(name: str) -> None:
    values = {"name": name, **({"model": "x"} if name == "reward_model" else {})}
    module, settings = read_quality(values)
    assert isinstance(settings, module.Settings)
    assert callable(module.build)


def test_an_unknown_quality_suggests_the_nearest() -> None:
    with pytest.raises(UserError, match="verfier: unknown; did you mean `verifier`"):
        read_quality("verfier")
