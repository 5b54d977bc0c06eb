"""pytest tests/stats/test_permutation.py"""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, norm, permutation_test

from sfr_eval.stats.permutation import holm, sign_flip_p_values
from tests.support.paired import sign_flip_test

ALTERNATIVES = ("two-sided", "greater", "less")


def mcnemar(lost: int, gained: int, alternative: str = "two-sided") -> float:
    """McNemar's exact test (1947): all changes are as likely to be losses as gains."""
    n = lost + gained
    return float(binomtest(gained, n, 0.5, alternative=alternative).pvalue) if n else 1.0


def test_pairing_sees_what_an_unpaired_test_does_not() -> None:
    """The shape of lm-evaluation-harness #3868: 220 questions, 110 right in both, 30 right only
    for the second model and 12 only for the first: p = .0079 paired, .0800 unpaired."""
    n, both, lost, gained = 220, 110, 12, 30
    first, second = (both + lost) / n, (both + gained) / n
    error = math.sqrt(sum(p * (1 - p) / (n - 1) for p in (first, second)))
    unpaired = 2 * norm.sf(abs(second - first) / error)
    assert round(float(unpaired), 3) == 0.080
    assert round(mcnemar(lost, gained), 3) == 0.008
    (flipped,) = sign_flip_p_values([[-1] * lost + [1] * gained + [0] * (n - lost - gained)])
    assert flipped == pytest.approx(0.0079, abs=0.001)


@pytest.mark.parametrize("alternative", ALTERNATIVES)
def test_flipping_signs_of_right_and_wrong_is_mcnemar(alternative: str) -> None:
    """Every number of lost and gained up to 13 changes, and equal questions between them."""
    for lost in range(14):
        for gained in range(14 - lost):
            differences = [-1.0] * lost + [0.0] * 3 + [1.0] * gained
            (found,) = sign_flip_p_values([differences], alternative=alternative)
            assert found == pytest.approx(mcnemar(lost, gained, alternative=alternative))


@pytest.mark.parametrize("alternative", ALTERNATIVES)
def test_few_differences_are_exact(alternative: str) -> None:
    values = [0.3, -0.1, 0.25, 0.4, 0.05, -0.02, 0.11]
    (found,) = sign_flip_p_values([values], alternative=alternative)
    expected = permutation_test(
        (np.array(values),),
        lambda x, axis: x.mean(axis=axis),
        permutation_type="samples",
        n_resamples=np.inf,
        alternative=alternative,
    ).pvalue
    assert found == pytest.approx(expected)


def test_many_differences_agree_with_a_plain_loop() -> None:
    random = np.random.default_rng(1)
    values = (random.normal(size=60) + 0.3).tolist()
    (drawn,) = sign_flip_p_values([values])
    assert drawn == pytest.approx(sign_flip_test(values), abs=0.01)
    (normal,) = sign_flip_p_values([values * 40])  # 2,400 differences
    z = sum(values) * 40 / math.sqrt(40 * sum(v * v for v in values))
    assert normal == pytest.approx(2 * norm.sf(abs(z)))


def test_rows_of_all_lengths_are_tested_together_and_repeat() -> None:
    random = np.random.default_rng(2)
    rows = [random.normal(size=n).tolist() for n in (30, 5, 200, 30)]
    rows.append([0.0] * 8)
    rows[3] = rows[0]
    found = sign_flip_p_values(rows, flips=9_999)
    assert found == sign_flip_p_values(rows, flips=9_999)
    assert found[0] == found[3]
    assert found[4] == 1.0
    for row, p in zip(rows[:3], found, strict=False):
        (alone,) = sign_flip_p_values([row], flips=9_999)
        assert p == pytest.approx(alone, abs=0.03)


@settings(deadline=None)
@given(st.lists(st.floats(-5, 5).map(lambda x: round(x, 3)), min_size=1, max_size=12))
def test_mirrored_differences_swap_the_sides(values: list[float]) -> None:
    (less,) = sign_flip_p_values([values], alternative="less")
    (greater,) = sign_flip_p_values([[-v for v in values]], alternative="greater")
    assert less == pytest.approx(greater)


def test_false_alarms_are_as_rare_as_they_should_be() -> None:
    """2,000 sets of 40 skewed but symmetric differences: 5% of the p-values are below .05."""
    random = np.random.default_rng(3)
    rows = (random.standard_t(3, size=(2_000, 40))).tolist()
    found = np.array(sign_flip_p_values(rows, flips=1_999))
    assert 0.035 < (found <= 0.05).mean() < 0.065


def test_sign_flips_reject_five_percent_of_nothing() -> None:
    random = np.random.default_rng(6)
    p_values = sign_flip_p_values([random.standard_normal(8).tolist() for _ in range(600)])
    assert 0.02 < np.mean(np.array(p_values) <= 0.05) < 0.08  # 3 sigma of 600 are 2.7%


def test_holm_of_a_worked_example() -> None:
    # Sorted .01 .02 .03 .04: times 4, 3, 2, 1 = .04 .06 .06 .04, then never falling.
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1.0, 1.0]
