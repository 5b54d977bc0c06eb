"""A reward model: any Hugging Face sequence classifier, read as `sfr-eval run --reward-model` does.

A reply that is too long for its window has no reward, and is left out of its group.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pydantic import Field

from sfr_eval.errors import UserError
from sfr_eval.models.reward_model import RewardModel, find_reward_model
from sfr_eval.types import Message
from sfr_eval.util.assets import cache_folder
from sfr_train.policy.groups import reply_text
from sfr_train.settings import Settings as BaseSettings
from sfr_train.targets.text_encoder import outside_zero_init


class Settings(BaseSettings):
    """Which model."""

    model: str = Field(min_length=1, description="Hub id or folder")


def fingerprint(settings: Settings) -> str:
    """Return the digest of the model's files."""
    with _named_as_setting():
        return find_reward_model(settings.model).fingerprint


def build(settings: Settings, rows: Sequence[Any]) -> Callable[..., list[float | None]]:
    """Load the model, whole on every rank, and return the reward function."""
    del rows  # any prompt will do
    with _named_as_setting(), outside_zero_init():
        model = RewardModel(settings.model, cache_folder())
        model.load()

    def reward(prompts: Sequence[Any], completions: Sequence[Any], **_: Any) -> list[float | None]:
        return model.read(
            [
                (
                    tuple(Message(role=turn["role"], content=turn["content"]) for turn in prompt),
                    reply_text(completion),
                )
                for prompt, completion in zip(prompts, completions, strict=True)
            ]
        )

    return reward


@contextmanager
def _named_as_setting() -> Iterator[None]:
    try:
        yield
    except UserError as error:
        named = str(error).replace("--reward-model", "objective.quality.model", 1)
        raise UserError(named) from None
