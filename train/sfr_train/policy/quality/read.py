"""Finds the quality that a job names."""

import importlib
from collections.abc import Mapping
from typing import Any

from sfr_eval.errors import UserError, did_you_mean
from sfr_eval.util.reading import read_model

QUALITIES = {
    "oracle": "whether the synthetic benchmark accepts the reply: exact, for its own questions",
    "reward_model": "what a sequence classifier says of prompt and reply",
    "verifier": "whether the final answer, or the program, is right by the row's completion",
}


def read_quality(quality: str | Mapping[str, Any]) -> tuple[Any, Any]:
    """Return module and settings of a quality, given by name or as {name: ..., settings}. Raises
    UserError for an unknown name or setting."""
    values = {"name": quality} if isinstance(quality, str) else dict(quality)
    name = str(values.pop("name", ""))
    if name not in QUALITIES:
        known = did_you_mean(name, QUALITIES) if name else f"give one of {', '.join(QUALITIES)}"
        raise UserError(f"objective.quality {name}: unknown; {known}")
    module = importlib.import_module(f"sfr_train.policy.quality.{name}")
    return module, read_model(module.Settings, values, where=f"objective.quality {name}")
