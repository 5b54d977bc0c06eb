"""EBFT (2603.12248): policy gradient on the match of features to those of the data.

The reward is `sfr_train.policy.feature_matching`. As published: equation 7 with its leave-one-out
term; features from a frozen copy of the starting model at a quarter, a half and three quarters of
its layers; rewards that are compared within the group, not divided by their deviation (RLOO up to
the factor (n-1)/n, which the learning rate absorbs). Different here: whole replies are sampled from
the prompts of the data, where the paper also samples short blocks from nested prefixes in parallel
(strided); features have unit length in both terms; no whitening; no cross-entropy term beside it;
`features: encoder` compares replies by a sentence encoder instead.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from sfr_train.policy.settings import (
    PolicySettings,
    encoder_as_setting,
    encoder_fingerprint,
    no_loss_on_data,
)

TRAINER = "grpo"
TRAINING = {"scale_rewards": "none"}
"""Fields of GRPOConfig that a job may overrule."""


class Settings(PolicySettings):
    """The defaults are those of the public implementation in axolotl."""

    generations: int = Field(4, ge=2, description="replies to each prompt")
    alignment_coef: float = Field(1.0, ge=0, description="weight of the match with the data")
    diversity_coef: float = Field(1.0, ge=0, description="weight of the distance to each other")
    exact: bool = Field(
        False, description="make up for what the group's mean takes from the second term"
    )
    features: Literal["model", "encoder"] = "model"
    depths: tuple[Annotated[float, Field(gt=0, le=1)], ...] = Field(
        (0.25, 0.5, 0.75), min_length=1, description="of the model's layers"
    )
    pooling: Literal["last", "mean"] = Field("last", description="state of the reply's tokens")
    encoder: str | None = Field(None, description="Hub id or folder; default all-MiniLM-L6-v2")


def fingerprint(settings: Settings) -> str:
    """Return a digest of the encoder, if replies are compared by one."""
    return encoder_fingerprint(settings.encoder) if settings.features == "encoder" else ""


def rewards(
    settings: Settings, rows: Sequence[Any], *, model: Any, tokenizer: Any
) -> list[tuple[Any, float]]:
    """Return the reward function and its weight."""
    from sfr_train.policy.feature_matching import Coefficients, FeatureMatchingReward
    from sfr_train.policy.features import EncoderFeatures, Features, ModelFeatures

    features: Features
    if settings.features == "model":
        features = ModelFeatures(model, tokenizer, depths=settings.depths, pooling=settings.pooling)
    else:
        with encoder_as_setting():
            features = EncoderFeatures(settings.encoder)
    weights = Coefficients(settings.alignment_coef, settings.diversity_coef, settings.exact)
    return [(FeatureMatchingReward(features, weights), 1.0)]


def build(settings: Settings, sizes: Any) -> Any:
    """Raise UserError: there is no loss on given text."""
    raise no_loss_on_data("ebft")
