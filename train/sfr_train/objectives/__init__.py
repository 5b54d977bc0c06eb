"""Training objectives by name, with one sentence each.

Each lives in the module of its name, which has `Settings` (what a recipe may set) and
`build(settings, sizes)`; or, with `TRAINER = "grpo"`, `rewards(settings, rows, ...)` of what the
model samples (`sfr_train.policy`).
"""

import importlib
from collections.abc import Mapping
from typing import Any

from sfr_eval.errors import UserError, did_you_mean
from sfr_eval.util.reading import read_model

OBJECTIVES = {
    "ce": "next-token cross-entropy (TRL's own loss)",
    "label_smoothing": "cross-entropy against a mixture of the token and the uniform distribution",
    "focal": "-(1-p)^gamma log p: more weight on unlikely tokens",
    "tofu": "focal weight, held fixed, times cross-entropy at a temperature (2605.00195)",
    "gem": "stops at the tempered distribution (2408.16673); linear or logsigmoid weighting",
    "dft": "cross-entropy weighted by p, held fixed (2508.05629): sharpens, a negative control",
    "neftune": "cross-entropy with noise on the input embeddings (2310.05914)",
    "entropy": "cross-entropy minus beta times the entropy of the prediction (1701.06548)",
    "hidden_noise": "cross-entropy with a random gradient on the last hidden state, a control",
    "kl_to_base": "cross-entropy plus beta times the divergence from the model before training",
    "mtp": "cross-entropy plus linear heads on the next K tokens (2404.19737)",
    "future_mse": "cross-entropy plus mean-square regression of the future's embedding",
    "future_cosine": "cross-entropy plus cosine regression of the future's embedding",
    "cka": "cross-entropy plus 1 - CKA of response states and response embeddings",
    "sfr": "cross-entropy plus flow matching of the future's embedding (2605.27971)",
    "dqo": "GRPO on quality plus the log-determinant of the replies' embeddings (2509.04784)",
    "ebft": "policy gradient that matches features of sampled replies to the data's (2603.12248)",
}


def read_objective(
    objective: str | Mapping[str, Any], *, where: str = "objective"
) -> tuple[Any, Any]:
    """Return module and settings of an objective, given by name or as {name: ..., settings}.

    Raises UserError, which begins with `where`, for an unknown name or setting.
    """
    values = {"name": objective} if isinstance(objective, str) else dict(objective)
    name = str(values.pop("name", "sfr"))
    if name not in OBJECTIVES:
        raise UserError(f"objective {name}: unknown; {did_you_mean(name, OBJECTIVES)}")
    module = importlib.import_module(f"sfr_train.objectives.{name}")
    return module, read_model(module.Settings, values, where=where)


def trainer_of(objective: str | Mapping[str, Any]) -> str:
    """Return what trains it: sft, or grpo, which learns from the model's own samples."""
    return str(getattr(read_objective(objective)[0], "TRAINER", "sft"))
