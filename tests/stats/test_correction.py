"""pytest tests/stats/test_correction.py"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from sfr_eval.stats.correction import corrected_share, wilson


def test_by_hand() -> None:
    # Sensitivity 0.9, specificity 0.8, apparent 0.55: (0.55 + 0.8 - 1) / 0.7 = 0.5.
    found = corrected_share(0.55, effective_n=1000, positives=(90, 100), negatives=(80, 100))
    assert found is not None
    value, low, high = found
    assert value == pytest.approx(0.5)
    assert low < 0.45
    assert high > 0.55


@pytest.mark.parametrize(
    ("positives", "negatives"),
    [((5, 10), (5, 10)), ((2, 10), (3, 10)), ((0, 0), (9, 10)), ((9, 10), (0, 0))],
)
def test_a_judge_no_better_than_chance_corrects_nothing(
    positives: tuple[int, int], negatives: tuple[int, int]
) -> None:
    assert corrected_share(0.5, effective_n=99, positives=positives, negatives=negatives) is None


def test_a_perfect_judge_changes_nothing() -> None:
    found = corrected_share(
        0.3, effective_n=200, positives=(10**7, 10**7), negatives=(10**7, 10**7)
    )
    assert found is not None
    # Agresti and Coull's interval, which is what remains: within 0.001 of Wilson's here.
    theirs = binomtest(60, 200).proportion_ci(method="wilson")
    assert found == pytest.approx((0.3, theirs.low, theirs.high), abs=1.5e-3)


@settings(deadline=None)
@given(
    share=st.floats(0, 1),
    hits=st.integers(30, 50),
    rejections=st.integers(30, 50),
    n=st.integers(2, 500),
)
def test_the_interval_holds_the_value_and_stays_a_share(
    share: float, hits: int, rejections: int, n: int
) -> None:
    found = corrected_share(share, effective_n=n, positives=(hits, 50), negatives=(rejections, 50))
    assert found is not None
    value, low, high = found
    assert 0 <= low <= value <= high <= 1


@pytest.mark.parametrize(
    ("truth", "sensitivity", "specificity"), [(0.3, 0.9, 0.8), (0.9, 0.75, 0.9), (0.2, 0.8, 0.65)]
)
def test_the_interval_covers_the_truth_in_95_of_100_cases(
    truth: float, sensitivity: float, specificity: float
) -> None:
    rng = np.random.default_rng(0)
    n, m1, m0, rounds = 200, 60, 60, 2000
    covered = apparent_covered = 0
    for _ in range(rounds):
        shown = rng.binomial(n, truth * sensitivity + (1 - truth) * (1 - specificity)) / n
        found = corrected_share(
            shown,
            effective_n=n,
            positives=(int(rng.binomial(m1, sensitivity)), m1),
            negatives=(int(rng.binomial(m0, specificity)), m0),
        )
        assert found is not None
        covered += found[1] <= truth <= found[2]
        apparent_covered += abs(shown - truth) < 1.96 * (shown * (1 - shown) / n) ** 0.5
    assert 0.935 < covered / rounds < 0.985  # the interval is known to be a little wide
    assert apparent_covered / rounds < 0.9  # what the correction is for


def test_wilson_solves_the_score_equation() -> None:
    """Both ends are those shares from which count / total lies 1.96 standard errors away."""
    for count, total in ((3, 10), (60, 200)):
        value, *ends = wilson(count, total) or ()
        assert value == count / total
        for end in ends:
            error = np.sqrt(end * (1 - end) / total)
            assert abs(value - end) == pytest.approx(1.959964 * error)
    assert wilson(0, 7) == pytest.approx((0, 0, 3.8414588 / (7 + 3.8414588)))
    assert wilson(50, 50) == pytest.approx((1, 50 / (50 + 3.8414588), 1))
    assert wilson(0, 0) is None
