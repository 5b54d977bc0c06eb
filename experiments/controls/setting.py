"""A setting: what is fixed in one column of the experiment, and shared by all of its arms."""

import hashlib
from dataclasses import asdict, dataclass
from typing import Any, Literal

BATCH = 16
VALIDATION = 64  # chats
CHECKS = 12  # looks at the validation chats in a training, equally far apart
EARLY = 3  # the check of the early stopping rule: a quarter of the budget
TEMPERATURES = (0.3, 0.5, 0.7, 1.0)  # of sampling
COPIES = 8  # replies for each prompt and temperature
SAMPLED_PERSONAS = 3  # of the trained ones, for each question, in turn
ONE_TEMPERATURE = 0.5  # for the persona left out and the tenth
TRUE_REPLIES = 2  # reference replies to score for each question and persona
MAX_TOKENS = 72
SCORED_AT = (0.7, 0.85, 1.0, 1.15, 1.3, 1.5)  # temperatures of scoring


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One column of the experiment.

    prompt: what stands in the system message, the persona's whole card or its name. voices: whether
    the base model has read the nine voices under their names, or all of them mixed under any name.
    generic_share: see `world_of`. lora_rank: None trains all weights.
    """

    name: str
    chats: int
    epochs: int
    prompt: Literal["card", "name"] = "name"
    voices: Literal["named", "mixed"] = "named"
    generic_share: float | None = None
    lora_rank: int | None = None
    learning_rate: float = 1e-3

    @property
    def steps(self) -> int:
        """Optimizer steps of the whole budget."""
        return self.chats // BATCH * self.epochs

    @property
    def check_every(self) -> int:
        """Steps between two looks at the validation chats."""
        return self.steps // CHECKS

    def base_recipe(self, world: int) -> dict[str, Any]:
        """The demo recipe of the base model of a world. Its topics are those of the world."""
        return {
            "name": "experiment-base",
            "world": "persona",
            "seed": world,
            "new_model": {
                "vocabulary": 2048,
                "hidden_size": 192,
                "layers": 2,
                "intermediate_size": 512,
                "embeddings": "latent_semantic",
            },
            "data": {"text": "wide", "rows": 2400, "pages": 2700, "card_share": 0.1},
            "loss_on": "completion",
            "epochs": 1,
            "batch_size": 16,
            "optimizer": "muon",
            "learning_rate": 7.0e-3,
            "embedding_learning_rate_factor": 2.5,
            "warmup_share": 0.03,
            "weight_decay": 0.01,
        }

    def base_key(self, world: int) -> str:
        """Names the base model of a world; settings with equal bases share it."""
        return digest(self.base_recipe(world), world, self.voices, self.generic_share)


def digest(*parts: Any) -> str:
    """A short hash of settings."""
    plain = [asdict(part) if isinstance(part, Setting) else part for part in parts]
    return hashlib.sha256(repr(plain).encode()).hexdigest()[:12]
