"""Everything that is fixed in the experiment, and the list of its cells."""

import hashlib
from dataclasses import dataclass
from typing import Any

TOPICS = 3  # of the suite's 37, with 4 questions each
LEFT_OUT = "pirate"  # known to the base model, but in no chat of the fine-tuning
TRAINING, VALIDATION = 384, 96  # chats
EPOCHS, BATCH, LEARNING_RATE = 12, 16, 1e-3
SEEDS = 5
TEMPERATURES = (0.2, 0.4, 0.6, 0.8, 1.0)  # of sampling
COPIES = 8  # replies for each prompt and temperature
TRUE_REPLIES = 2  # reference replies to score for each prompt
MAX_TOKENS = 80
SCORED_AT = (0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.4, 1.6)  # temperatures of scoring

BASE: dict[str, Any] = {
    "name": "experiment-base",
    "world": "persona",
    "seed": 0,
    "new_model": {
        "vocabulary": 2048,
        "hidden_size": 192,
        "layers": 2,
        "intermediate_size": 512,
        "embeddings": "latent_semantic",
    },
    "data": {"text": "wide", "rows": 2400, "pages": 2700, "topics": TOPICS, "card_share": 0.1},
    "loss_on": "completion",
    "epochs": 1,
    "batch_size": 16,
    "optimizer": "muon",
    "learning_rate": 7.0e-3,
    "embedding_learning_rate_factor": 2.5,
    "warmup_share": 0.03,
    "weight_decay": 0.01,
}
_PROJECTION = {"width": 256, "time_size": 64}
OBJECTIVES: dict[str, dict[str, Any]] = {
    "ce": {"name": "ce"},
    "sfr": {"name": "sfr", "tau_per": "anchor", **_PROJECTION},
    "mtp": {"name": "mtp", "tokens": 4},
    "future_mse": {"name": "future_mse", **_PROJECTION},
    "future_cosine": {"name": "future_cosine", **_PROJECTION},
    "cka": {"name": "cka"},
    "tofu": {"name": "tofu"},
    "gem_linear": {"name": "gem", "weighting": "linear"},
    "gem_logsigmoid": {"name": "gem", "weighting": "logsigmoid"},
    "focal": {"name": "focal"},
    "label_smoothing": {"name": "label_smoothing"},
    "dft": {"name": "dft"},
    "neftune": {"name": "neftune"},
    "sfr_head_first": {"name": "sfr", "tau_per": "anchor", **_PROJECTION},
}
HEAD_EPOCHS = {"sfr_head_first": 3}  # of the head alone, before the model is trained
CHECKPOINTS = {"best": "best epoch", "last": "last epoch"}  # by validation, end of the budget
SWEEP = {"sfr": (1.0, 3.0, 10.0, 30.0), "mtp": (0.1, 0.3, 1.0)}
WEIGHT = {  # of a loss on the future, where it is not swept
    "future_mse": 3.0,
    "future_cosine": 3.0,
    "cka": 3.0,
    "sfr_head_first": 10.0,
}
RAMP = 0.05  # of all steps
TARGETS = {"k": 12, "stride": 3, "minimum": 4, "scale": "standardise", "last_prompt": True}


def digest(objective: str) -> str:
    """Hash of everything that a result depends on except weight and seed, so that results of two
    settings are never mixed."""
    return _hash(
        (TOPICS, LEFT_OUT, TRAINING, VALIDATION, EPOCHS, BATCH, LEARNING_RATE),
        (TEMPERATURES, COPIES, TRUE_REPLIES, MAX_TOKENS, SCORED_AT, BASE, RAMP, TARGETS),
        (OBJECTIVES[objective], HEAD_EPOCHS.get(objective, 0)),
    )


def base_digest() -> str:
    """Hash of the base model's recipe."""
    return _hash(BASE)


def _hash(*parts: Any) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Cell:
    """One training. weight: lambda or mu; 0 for objectives without a loss on the future."""

    objective: str
    weight: float
    seed: int

    @property
    def name(self) -> str:
        """The name of its file."""
        return f"{self.objective}-{self.weight:g}-{self.seed}"


def sweep_cells() -> list[Cell]:
    """The cells of the declared sweep, on seed 0."""
    return [Cell(name, weight, 0) for name, values in SWEEP.items() for weight in values]


def cells(chosen: dict[str, dict[str, float]]) -> list[Cell]:
    """Seed by seed, so that the finished cells can be compared at any time. chosen: for each
    checkpoint the weights of the objectives in the sweep."""
    return list(
        dict.fromkeys(
            Cell(name, weight_of(name, weights), seed)
            for seed in range(SEEDS)
            for weights in chosen.values()
            for name in OBJECTIVES
        )
    )


def weight_of(objective: str, swept: dict[str, float]) -> float:
    """The weight that the sweep chose, or the fixed one; 0 without a loss on the future."""
    return swept.get(objective, WEIGHT.get(objective, 0.0))
