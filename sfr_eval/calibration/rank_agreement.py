"""Whether a metric puts models and prompts in the order in which people's labels put them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sfr_eval.calibration.separation import Estimated
from sfr_eval.stats.arrays import Floats

DRAWS = 200
FEWEST = 3
"""Models or prompts below which no order is measured."""
_SEED = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RankAgreement:
    """Spearman's rho, -1 to 1, 1 for the same order; None where too few are defined or all equal.

    `over_models`: of the models' means over prompts; `within_prompt`: over the models' values for
    one prompt, averaged over prompts; `within_model`: over one model's values for the prompts,
    averaged over models. Intervals are by bootstrap over prompts.
    """

    over_models: Estimated | None
    within_prompt: Estimated | None
    within_model: Estimated | None


def rank_agreement(values: Floats, target: Floats) -> RankAgreement:
    """Compare two tables of shape (models, prompts), NaN where undefined; for both of them, higher
    must mean more varied."""
    values = np.where(np.isnan(target), np.nan, values)
    target = np.where(np.isnan(values), np.nan, target)
    by_prompt = np.array(
        [spearman(*column) for column in zip(values.T, target.T, strict=True)], dtype=float
    )

    def over_models(columns: np.ndarray) -> float:
        means = (np.array([_mean(row[columns]) for row in table]) for table in (values, target))
        return spearman(*means)

    def within_model(columns: np.ndarray) -> float:
        pairs = zip(values[:, columns], target[:, columns], strict=True)
        return _mean(np.array([spearman(*pair) for pair in pairs]))

    prompts = values.shape[1]
    return RankAgreement(
        over_models=_estimated(over_models, prompts),
        within_prompt=_estimated(lambda columns: _mean(by_prompt[columns]), prompts),
        within_model=_estimated(within_model, prompts),
    )


def spearman(first: Floats, second: Floats) -> float:
    """Return Spearman's rank correlation with mean ranks for ties; NaN if fewer than three pairs
    are defined, or one side is constant."""
    from scipy.stats import rankdata

    defined = ~(np.isnan(first) | np.isnan(second))
    if defined.sum() < FEWEST:
        return float("nan")
    a, b = (rankdata(side[defined]) for side in (first, second))
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale > 0 else float("nan")


def _mean(numbers: Floats) -> float:
    defined = numbers[~np.isnan(numbers)]
    return float(defined.mean()) if len(defined) else float("nan")


def _estimated(statistic: Callable[[np.ndarray], float], prompts: int) -> Estimated | None:
    value = statistic(np.arange(prompts))
    if np.isnan(value):
        return None
    if prompts < 2:
        return Estimated(value=value)
    draws = np.random.default_rng(_SEED).integers(prompts, size=(DRAWS, prompts))
    resampled = np.array([statistic(draw) for draw in draws])
    low, high = np.quantile(resampled[~np.isnan(resampled)], (0.025, 0.975)).tolist()
    return Estimated(value=value, low=low, high=high)
