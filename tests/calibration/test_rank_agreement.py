"""Rank agreement of tables of models and prompts."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from sfr_eval.calibration.rank_agreement import rank_agreement, spearman

NAN = float("nan")


def test_spearman_is_that_of_scipy_and_skips_undefined() -> None:
    generator = np.random.default_rng(0)
    a, b = np.round(generator.random((2, 30)), 1)
    assert spearman(a, b) == pytest.approx(spearmanr(a, b).statistic, abs=1e-12)
    assert spearman(np.append(a, NAN), np.append(b, 1.0)) == pytest.approx(spearman(a, b))
    assert np.isnan(spearman(np.array([1.0, 2.0]), np.array([1.0, 2.0])))
    assert np.isnan(spearman(np.ones(5), a[:5]))


def test_three_kinds_of_order_by_hand() -> None:
    # Models in the target's order on average; reversed within the last prompt of four, so that
    # rho is 1, 1, 1, -1; prompts in the target's order for every model.
    target = np.array([[1.0, 2, 3, 4], [2, 3, 4, 5], [3, 4, 5, 6]])
    values = np.array([[10.0, 20, 30, 42], [20, 30, 40, 41], [30, 40, 50, 40]])
    result = rank_agreement(values, target)
    assert result.over_models.value == 1
    assert result.within_prompt.value == pytest.approx(0.5)
    assert result.within_prompt.low <= 0.5 <= result.within_prompt.high
    assert result.within_model.value == pytest.approx((1 + 1 + 0.632455532) / 3)


def test_too_few_models_leave_prompts() -> None:
    result = rank_agreement(np.array([[1.0, 2, 3]]), np.array([[1.0, 2, 3]]))
    assert result.over_models is None
    assert result.within_prompt is None
    assert result.within_model.value == 1


def test_undefined_values_leave_both_tables() -> None:
    # Without the third prompt of the second model, whose target is huge, means are in order.
    target = np.array([[1.0, 1, 9], [2, 2, 99], [3, 3, 9]])
    values = np.array([[1.0, 1, 1], [2, 2, NAN], [3, 3, 3]])
    assert rank_agreement(values[:, :2], target[:, :2]).over_models.value == 1
    assert rank_agreement(values, target).over_models.value == spearman(
        np.array([1, 2, 3.0]), np.array([11 / 3, 2, 5])
    )
