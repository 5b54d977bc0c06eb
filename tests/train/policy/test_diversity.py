"""DQO's bonus as a reward function: groups by prompt, empty replies, what is logged."""

import math
from typing import Any

import pytest
from sfr_train.policy.diversity import DiversityReward, OneReading

from sfr_eval.errors import UserError

SAME, OTHER, THIRD = "The oven is hot.", "Cats sleep all day.", "Taxes are due in April."


@pytest.fixture(scope="module")
def reward() -> DiversityReward:
    return DiversityReward()


def test_groups_go_by_the_prompt_not_by_counting(reward: DiversityReward) -> None:
    """Audit D12: with a group of 4 counted as 8, two prompts were mixed."""
    apart = [reward(["q"] * 2, [SAME, SAME]), reward(["p"] * 3, [SAME, OTHER, THIRD])]
    mixed = reward(["q", "p", "p", "q", "p"], [SAME, SAME, OTHER, SAME, THIRD])
    assert [mixed[0], mixed[3]] == pytest.approx(apart[0], abs=1e-6)
    assert [mixed[1], mixed[2], mixed[4]] == pytest.approx(apart[1], abs=1e-6)
    assert apart[0] == pytest.approx([math.log(1.5)] * 2, rel=1e-4)


def test_messages_and_texts_are_the_same_replies(reward: DiversityReward) -> None:
    prompt = [{"role": "user", "content": "q"}]
    turns = [[{"role": "assistant", "content": text}] for text in (SAME, OTHER)]
    assert reward([prompt] * 2, turns) == reward(["q"] * 2, [SAME, OTHER])


def test_empty_replies_and_a_lone_one_get_no_bonus(reward: DiversityReward) -> None:
    assert reward(["q"] * 3, [SAME, "", "  \n"]) == [0.0, 0.0, 0.0]
    rewards = reward(["q"] * 3, [SAME, "", OTHER])
    assert rewards[1] == 0.0
    assert rewards[0] > math.log(1.5)


def test_with_a_small_ridge_an_empty_reply_is_worth_a_copy() -> None:
    rewards = DiversityReward(ridge=0.01)(["q"] * 4, [SAME, SAME, "", OTHER])
    assert rewards[2] <= min(rewards)
    assert rewards[2] < math.log(0.02)


def test_alpha_scales_the_bonus_and_the_log_has_the_determinant(reward: DiversityReward) -> None:
    logged: dict[str, float] = {}
    twice = DiversityReward(alpha=2.0)
    single = reward(["q"] * 2, [SAME, OTHER], log_metric=logged.__setitem__)
    assert twice(["q"] * 2, [SAME, OTHER]) == pytest.approx([2 * bonus for bonus in single])
    # For two rows log det (L + I) is the bonus of one plus that of the other alone, log 2.
    assert logged["dqo/log_det"] == pytest.approx(single[0] + math.log(2), abs=1e-6)


def test_nonsense_adds_no_volume_among_the_good(reward: DiversityReward) -> None:
    """The good replies are worth what they are without the others, and one alone is orthogonal."""
    values: dict[str, float | None] = {SAME: 1.0, OTHER: 0.5, THIRD: 0.0, "zq xv": None, "": 1.0}

    def quality(prompts: Any, completions: Any, **_: Any) -> list[float | None]:
        return [values[text] for text in completions]

    logged: dict[str, float] = {}
    gated = DiversityReward(quality=quality)
    texts = [SAME, THIRD, OTHER, "zq xv", ""]
    rewards = gated(["q"] * 5, texts, log_metric=logged.__setitem__)
    assert [rewards[0], rewards[2]] == pytest.approx(reward(["q"] * 2, [SAME, OTHER]), abs=1e-6)
    assert [rewards[1], rewards[3], rewards[4]] == [0.0, 0.0, 0.0]
    all_written: dict[str, float] = {}
    reward(["q"] * 4, [SAME, THIRD, OTHER, "zq xv"], log_metric=all_written.__setitem__)
    assert logged["dqo/log_det"] == pytest.approx(all_written["dqo/log_det"], abs=1e-6)
    assert gated(["q"] * 2, [SAME, THIRD]) == pytest.approx([math.log(2), 0.0])


def test_a_quality_is_read_once_for_a_batch() -> None:
    calls = []

    def quality(prompts: Any, completions: Any, **_: Any) -> list[float | None]:
        calls.append(len(completions))
        return [float(len(text)) for text in completions]

    once = OneReading(quality)
    first, second = (["q", "q"], ["a", "bb"]), (["q", "q"], ["ccc", "d"])
    assert once(*first) == once(*first) == [1.0, 2.0]
    assert once(*second) == [3.0, 1.0]
    assert calls == [2, 2]


def test_no_reply_at_all_is_no_error(reward: DiversityReward) -> None:
    assert reward([], []) == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"alpha": -1.0}, "alpha -1.0"), ({"alpha": math.nan}, "alpha"), ({"ridge": 0.0}, "ridge")],
)
def test_impossible_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DiversityReward(**settings)


def test_a_missing_encoder_is_an_error_before_training() -> None:
    with pytest.raises(UserError, match="nobody/none"):
        DiversityReward(encoder="nobody/none")
