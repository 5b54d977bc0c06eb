"""DQO (2509.04784): GRPO on quality + alpha log det(L + ridge I) of the embeddings of a group.

Each of the replies to a prompt gets its quality, plus alpha times its leave-one-out share of the
log-determinant (`sfr_train.policy.log_det`): of all replies as published, or `among` the good ones
alone. Quality is whatever `policy.quality` offers. The sum
is what TRL normalises within the group (`training.scale_rewards`, by default by its standard
deviation), and `training.beta` is the weight of the divergence from the starting model. The twin
without diversity is `alpha: 0` at equal steps; the bonus is then still logged.
"""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field, field_validator

from sfr_train.policy.quality.read import read_quality
from sfr_train.policy.settings import (
    PolicySettings,
    encoder_as_setting,
    encoder_fingerprint,
    no_loss_on_data,
)

TRAINER = "grpo"


class Settings(PolicySettings):
    """The defaults alpha 1 and ridge 1 are the paper's; it draws 4 replies a prompt."""

    alpha: float = Field(1.0, ge=0, description="weight of the bonus, per nat; 0: GRPO alone")
    ridge: float = Field(1.0, gt=0, description="added to the diagonal of the Gram matrix")
    encoder: str | None = Field(None, description="Hub id or folder; default all-MiniLM-L6-v2")
    among: Literal["all", "good"] = Field(
        "all",
        description="good: only replies of a quality above 0 have a bonus and count in it, so that "
        "nonsense adds no volume; all, as published",
    )
    keep_quality: float | None = Field(
        None,
        description="a margin: alpha follows the quality of the replies, so that it stays at what "
        "it was at the start plus this; none: alpha is fixed, as published",
    )
    quality: str | dict[str, Any] = Field(description="name, or {name: ..., settings}")

    @field_validator("quality")
    @classmethod
    def _known(cls, quality: str | dict[str, Any]) -> str | dict[str, Any]:
        read_quality(quality)
        return quality


def fingerprint(settings: Settings) -> str:
    """Return a digest of the models that judge, which the settings only name."""
    module, quality = read_quality(settings.quality)
    return f"{module.fingerprint(quality)} {encoder_fingerprint(settings.encoder)}".strip()


def rewards(
    settings: Settings, rows: Sequence[Any], *, model: Any, tokenizer: Any
) -> list[tuple[Any, float]]:
    """Return the reward functions and their weights."""
    from sfr_train.policy.diversity import DiversityReward, OneReading

    module, quality = read_quality(settings.quality)
    good = OneReading(module.build(quality, rows))
    with encoder_as_setting():
        diverse = DiversityReward(
            ridge=settings.ridge,
            encoder=settings.encoder,
            quality=good if settings.among == "good" else None,
        )
    return [(good, 1.0), (diverse, settings.alpha)]


def build(settings: Settings, sizes: Any) -> Any:
    """Raise UserError: there is no loss on given text."""
    raise no_loss_on_data("dqo")
