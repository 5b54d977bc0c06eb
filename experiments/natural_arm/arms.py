"""What is trained: the arms, and the job of one of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

REPLICATES = 6
RATIO = 0.3
_TARGETS = {"k": 12, "stride": 3, "minimum": 4, "scale": "standardise", "last_prompt": True}
_SFR = {
    "objective": {"name": "sfr", "tau_per": "anchor", "skip": "covariance", "width": 384},
    "schedule": {"gradient_ratio": RATIO, "ramp_steps": 0.05},
}
ARMS: dict[str, Mapping[str, Any]] = {
    "ce": {"objective": {"name": "ce"}},
    "sfr": {**_SFR, "targets": _TARGETS},
    "sfr_shuffled": {**_SFR, "targets": {**_TARGETS, "shuffled": True}},
    "kl_to_base": {
        "objective": {"name": "kl_to_base", "direction": "forward"},
        "schedule": {"gradient_ratio": RATIO, "ramp_steps": 0.05},
    },
}
BASE = "base"  # the student before any training
CONTRASTS = (("sfr", "sfr_shuffled"), ("sfr", "ce"), ("sfr", "kl_to_base"))


def job(arm: str, *, model: str, chats: Path, replicate: int, output: Path) -> dict[str, Any]:
    """The job that `sfr-eval train` reads."""
    return {
        "name": f"natural-{arm}-{replicate}".replace("_", "-"),
        "model": model,
        "data": {"file": str(chats)},
        "lora": {"r": 16, "alpha": 32, "dropout": 0.0, "target_modules": "all-linear"},
        "training": {
            "num_train_epochs": 3,
            "learning_rate": 5e-4,
            "lr_scheduler_type": "cosine",
            "warmup_steps": 0.03,
            "per_device_train_batch_size": 8,
            "gradient_accumulation_steps": 2,
            "seed": replicate,
            "max_length": 256,
            "save_strategy": "no",
            "logging_steps": 10,
            "report_to": "none",
        },
        "output": str(output),
        **ARMS[arm],
    }
