"""A reward model as quality: the rewards of the harness, without its cache."""

from pathlib import Path
from typing import Any

import pytest
from sfr_train.policy.quality.reward_model import Settings, build

from sfr_eval.errors import UserError
from sfr_eval.models.reward_model import RewardModel
from sfr_eval.types import Message
from sfr_eval.util.assets import cache_folder
from tests.support.reward_models import chat_reward_model, pair_reward_model

REPLIES = ["Feed the starter every day.", "you are a starter"]


def turn(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def test_rewards_are_those_of_the_harness_and_leave_no_file(
    tiny_checkpoint: Path, tmp_path: Path
) -> None:
    folder = chat_reward_model(tiny_checkpoint, tmp_path / "reward")
    before = set((cache_folder() / "rewards").glob("*/*"))  # of other tests
    quality = build(Settings(model=str(folder)), [])
    prompt = [{"role": "user", "content": "Where do I begin?"}]
    rewards = quality([prompt] * 2, [turn(text) for text in REPLIES])
    asked = (Message(role="user", content="Where do I begin?"),)
    direct = RewardModel(str(folder), tmp_path / "cache")
    assert rewards == pytest.approx(direct.rewards([(asked, text) for text in REPLIES]))
    assert rewards[0] != rewards[1]
    assert set((cache_folder() / "rewards").glob("*/*")) == before


def test_a_reply_beyond_the_window_has_no_reward(tmp_path: Path) -> None:
    folder = pair_reward_model(tmp_path / "pairs", {0: "bad", 1: "good"}, window=12)
    quality = build(Settings(model=str(folder)), [])
    prompt: Any = [{"role": "user", "content": "where do i begin"}]
    short, long = quality([prompt] * 2, [turn("feed the starter"), turn("feed " * 20)])
    assert short is not None
    assert long is None


def test_a_folder_that_is_no_reward_model_is_one_line(tiny_checkpoint: Path) -> None:
    with pytest.raises(UserError, match=r"objective\.quality\.model .* not a sequence classifier"):
        build(Settings(model=str(tiny_checkpoint)), [])
