"""EBFT's reward (2603.12248, equation 7): match the features of replies to those of the data.

For n replies to a prompt with unit features phi_i, and mu, the mean feature of the replies that the
data gives to this prompt:

    reward_i = 2 alignment <phi_i, mu> - 2 diversity / (n - 1) * sum over j != i of <phi_i, phi_j>

With both coefficients 1, the policy gradient with this reward is an unbiased estimate of the
gradient of -|| E phi - mu ||^2: the squared mean has two factors, and leaving out i keeps them
independent. Without the second term the best policy says only the reply nearest to mu.

That holds for the reward alone. The mean of the group, which GRPO and RLOO subtract, contains the
pairs with reply i, too, and takes 1 / (n - 1) of the second term away: all of it for 2 replies, a
third for 4. `exact` multiplies the term by (n - 1) / (n - 2), after which the gradient with that
baseline is unbiased again, up to the factor (n - 1) / n of the group's mean.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sfr_train.policy.features import Features
from sfr_train.policy.groups import gather_rows, prompt_key, reply_text

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Coefficients:
    """alignment, diversity: weights of the two terms; exact: see the module."""

    alignment: float = 1.0
    diversity: float = 1.0
    exact: bool = False


def matching_rewards(samples: Any, mean: Any, *, weights: Coefficients = Coefficients()) -> Floats:
    """Return the reward of each row of `samples` (n, d) against `mean` (d,)."""
    rows = np.asarray(samples, dtype=np.float64)
    similarity = rows @ rows.T
    others = similarity.sum(axis=1) - np.diag(similarity)
    toward = rows @ np.asarray(mean, dtype=np.float64)
    pairs = max(1, len(rows) - (2 if weights.exact else 1))
    return np.asarray(2 * weights.alignment * toward - 2 * weights.diversity * others / pairs)


class FeatureMatchingReward:
    """A reward function: `GRPOTrainer(reward_funcs=[FeatureMatchingReward(features)])` on rows with
    a column `references`, the known replies. Groups go by the prompt, over all ranks. The log gets
    || mean phi - mu ||^2 of the groups as `ebft/distance`."""

    def __init__(self, features: Features, weights: Coefficients) -> None:
        self.__name__ = "ebft_matching"  # the name of the column in TRL's log
        self._features, self._weights = features, weights

    def __call__(
        self,
        prompts: Sequence[Any],
        completions: Sequence[Any],
        references: Sequence[Sequence[str]],
        log_metric: Callable[[str, float], None] | None = None,
        **_: Any,
    ) -> list[float]:
        """Return one number per completion, given as text or messages."""
        rows = self._features(prompts, [reply_text(c) for c in completions])
        means = self._means(prompts, references)
        own_means = np.stack([means[prompt_key(prompt)] for prompt in prompts])
        # A rank may hold only a part of a group, but then also the mean of its references.
        gathered = gather_rows(prompts, np.concatenate([rows, own_means], axis=1))
        size = rows.shape[1]
        rewards = np.zeros(len(gathered.keys))
        distances = []
        for group in gathered.groups():
            samples, mean = gathered.rows[group, :size], gathered.rows[group[0], size:]
            rewards[group] = matching_rewards(samples, mean, weights=self._weights)
            distances.append(float(np.square(samples.mean(axis=0) - mean).sum()))
        if log_metric is not None:
            log_metric("ebft/distance", float(np.mean(distances)))
        return [float(reward) for reward in rewards[gathered.own]]

    def _means(
        self, prompts: Sequence[Any], references: Sequence[Sequence[str]]
    ) -> dict[str, npt.NDArray[np.float32]]:
        """Return the mean feature of the known replies to each prompt."""
        known = {prompt_key(p): (p, list(r)) for p, r in zip(prompts, references, strict=True)}
        means = {}
        for key, (prompt, texts) in known.items():
            means[key] = self._features([prompt] * len(texts), texts).mean(axis=0)
        return means
