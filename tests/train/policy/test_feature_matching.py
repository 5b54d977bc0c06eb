"""EBFT's reward: by hand, and its policy gradient against that of the squared distance."""

from typing import Any

import numpy as np
import pytest
import torch
from sfr_train.policy.feature_matching import (
    Coefficients,
    FeatureMatchingReward,
    matching_rewards,
)


def test_three_replies_by_hand() -> None:
    samples = [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]
    rewards = matching_rewards(samples, [0.6, 0.8], weights=Coefficients(diversity=0.5))
    # 2 * .6 - 2 * .5 * (0 + 1) / 2,  2 * .8 - 0,  as the first
    assert rewards == pytest.approx([0.7, 1.6, 0.7])


def test_without_diversity_it_is_twice_the_similarity() -> None:
    alone = Coefficients(diversity=0.0)
    assert matching_rewards([[1.0, 0.0]], [0.6, 0.8], weights=alone) == pytest.approx([1.2])
    assert matching_rewards([[1.0, 0.0]], [0.6, 0.8]) == pytest.approx([1.2])  # nothing beside it


def test_of_two_replies_the_group_mean_leaves_no_diversity() -> None:
    rewards = matching_rewards(np.eye(2), [0.0, 0.0])
    assert rewards - rewards.mean() == pytest.approx([0.0, 0.0])


class Policy:
    """Four possible replies with features; expectations by enumeration of all groups."""

    def __init__(self, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        raw = torch.randn(4, 3, generator=generator, dtype=torch.float64)
        self.features = torch.nn.functional.normalize(raw, dim=1)
        self.mean = torch.randn(3, generator=generator, dtype=torch.float64)
        self.logits = torch.randn(4, generator=generator, dtype=torch.float64, requires_grad=True)

    def gradient_of_the_distance(self) -> torch.Tensor:
        expected = torch.softmax(self.logits, dim=0) @ self.features
        return torch.autograd.grad(-((expected - self.mean) ** 2).sum(), self.logits)[0]

    def policy_gradient(self, n: int, *, centred: bool, weights: Coefficients) -> torch.Tensor:
        probabilities = torch.softmax(self.logits, dim=0)
        surrogate = torch.zeros((), dtype=torch.float64)
        for group in torch.cartesian_prod(*[torch.arange(4)] * n):
            rewards = torch.tensor(
                matching_rewards(self.features[group], self.mean, weights=weights)
            )
            advantage = rewards - rewards.mean() if centred else rewards
            chance = probabilities[group].prod().detach()
            surrogate = surrogate + chance * (advantage * torch.log(probabilities[group])).mean()
        return torch.autograd.grad(surrogate, self.logits)[0]


@pytest.mark.parametrize("n", [2, 3, 4])
def test_the_expected_policy_gradient_is_that_of_the_distance(n: int) -> None:
    policy = Policy(n)
    estimate = policy.policy_gradient(n, centred=False, weights=Coefficients())
    assert torch.allclose(estimate, policy.gradient_of_the_distance(), atol=1e-12)


@pytest.mark.parametrize("n", [3, 4])
def test_exact_makes_it_so_with_the_mean_of_the_group_too(n: int) -> None:
    policy = Policy(n)
    expected = policy.gradient_of_the_distance() * (n - 1) / n
    exact = policy.policy_gradient(n, centred=True, weights=Coefficients(exact=True))
    assert torch.allclose(exact, expected, atol=1e-12)
    published = policy.policy_gradient(n, centred=True, weights=Coefficients())
    fewer = Coefficients(diversity=(n - 2) / (n - 1))
    assert torch.allclose(
        published, policy.policy_gradient(n, centred=False, weights=fewer) * (n - 1) / n, atol=1e-12
    )


def axes(prompts: Any, replies: Any) -> Any:
    """Features by first letter: a, b and c are orthogonal."""
    return np.eye(3, dtype=np.float32)[["abc".index(reply[0]) for reply in replies]]


def test_rewards_go_by_the_prompt_and_log_the_distance() -> None:
    logged: dict[str, float] = {}
    reward = FeatureMatchingReward(axes, Coefficients())
    rewards = reward(
        ["p", "q", "p", "q"],
        ["a", "c", "b", [{"role": "assistant", "content": "c"}]],
        references=[["a", "b"], ["c"], ["a", "b"], ["c"]],
        log_metric=logged.__setitem__,
    )
    assert rewards == pytest.approx([1.0, 0.0, 1.0, 0.0])  # 2 * .5 - 0; 2 - 2
    assert logged["ebft/distance"] == pytest.approx(0.0)
