"""pytest tests/calibration/test_checks.py"""

import math

import numpy as np
import pytest

from sfr_eval.calibration.checks import (
    count_stability,
    detectable,
    dial_of,
    dose_response,
    moved_by_length,
    noise,
    null_coverage,
    null_result,
    pairs_by_query,
    pairs_of_runs,
    runs_differ,
    unevenness,
)
from sfr_eval.calibration.design import POWER
from sfr_eval.metrics.table import metric_table


def curve(*means: float, spread: float = 0.01, queries: int = 20) -> np.ndarray:
    noisy = np.random.default_rng(0).normal(0, spread, (len(means), queries))
    return np.array(means)[:, None] + noisy


def test_a_falling_curve_passes_and_a_rising_one_does_not() -> None:
    assert dose_response(curve(1, 0.6, 0.3, 0), higher_is_better=True).passed
    assert dose_response(curve(0, 0.3, 0.6, 1), higher_is_better=False).passed
    rising = dose_response(curve(0, 0.3, 0.6, 1), higher_is_better=True)
    assert rising.passed is False
    assert rising.reason == "turns back at step 1 of the dial"


def test_one_step_back_fails_and_noise_does_not() -> None:
    back = dose_response(curve(1, 0.5, 0.7, 0), higher_is_better=True)
    assert back.reason == "turns back at step 2 of the dial"
    assert dose_response(curve(1, 0.5, 0.502, 0, spread=0.1), higher_is_better=True).passed
    flat = dose_response(curve(0.5, 0.5, 0.5, spread=0.1), higher_is_better=True)
    assert flat.reason == "does not see full collapse"
    assert dose_response(np.zeros((3, 0)), higher_is_better=True).passed is False


def test_null_intervals_cover_zero_at_their_nominal_rate() -> None:
    random = np.random.default_rng(0)
    for queries, expected in ((16, "t"), (60, "BCa")):
        values = random.normal(0, 1, (6, queries)) + random.normal(0, 5, queries)
        share, method = null_coverage(pairs_by_query(values, repeats=1_000, generator=random))
        assert method == expected
        assert share == pytest.approx(0.95, abs=0.025)


def test_whole_runs_reveal_what_pairs_by_query_hide() -> None:
    """A metric that moves all queries of a run together (a fit to the run, say) has intervals over
    queries that are too narrow: the mean of 16 queries has variance 1/16 + 1/4 of which they see
    1/16, so 95% intervals cover in 2 P(t < 2.13 / sqrt(5)) - 1 = 65%."""
    random = np.random.default_rng(0)
    alone = random.normal(0, 1, (800, 16))
    together = alone + random.normal(0, 0.5, (800, 1))
    assert null_coverage(pairs_of_runs(alone, partners=10))[0] == pytest.approx(0.95, abs=0.015)
    assert null_coverage(pairs_of_runs(together, partners=10))[0] == pytest.approx(0.65, abs=0.05)
    mixed = pairs_by_query(together, repeats=4_000, generator=random)
    assert null_coverage(mixed)[0] == pytest.approx(0.95, abs=0.015)


def test_each_run_is_paired_with_different_others() -> None:
    values = np.array([[0.0], [1.0], [10.0], [100.0]])
    differences = pairs_of_runs(values, partners=2)[:, 0].tolist()
    assert differences == [-1.0, -9.0, -90.0, 100.0, -10.0, -99.0, 10.0, 99.0]


def test_rare_events_are_not_tested() -> None:
    """An interval around a rare event nearly always covers zero; that is no merit."""
    rare = np.zeros((6, 12))
    rare[0, 0] = 50.0
    assert not runs_differ(rare)
    assert not runs_differ(rare[:1])
    assert not runs_differ(rare + np.linspace(0, 1e-14, 12))  # sums in another order
    assert runs_differ(np.random.default_rng(0).normal(0, 1, (6, 12)))
    wide = null_result({"truth": 0.99})
    assert wide.reason == "null intervals are too wide: 99.0% cover zero (truth)"


def test_a_metric_that_never_varies_does_not_pass() -> None:
    assert not runs_differ(np.ones((4, 9)))
    assert null_result({"truth": None}).passed is None
    assert null_result({"truth": None, "collapsed": 0.95}).passed
    assert null_result({"truth": 0.9, "collapsed": 0.95}).reason == (
        "null intervals are too narrow: 90.0% cover zero (truth)"
    )


def test_count_stability_is_measured_against_full_collapse() -> None:
    by_count = {8: 0.60, 16: 0.54, 32: 0.51, 64: 0.5}
    stable, check = count_stability(by_count, scale=1.0)
    assert stable == 16
    assert check.passed is False
    assert "by 10% of its range from 8 to 64 replies (stable from k = 16)" in check.reason
    assert count_stability(by_count, scale=4.0) == (8, count_stability(by_count, scale=4.0)[1])
    assert count_stability(by_count, scale=4.0)[1].passed
    assert count_stability({8: 0.1, 16: 0.9}, scale=0.5)[0] is None


def test_moved_by_length_is_the_largest_relative_move() -> None:
    assert moved_by_length({0: 0.5, 10: 0.8, 20: 0.4}, scale=2.0) == pytest.approx(0.15)


def test_noise_is_that_of_a_difference_within_a_query() -> None:
    random = np.random.default_rng(0)
    values = random.normal(0, 0.3, (50, 200)) + random.normal(0, 9, 200)
    assert noise(values) == pytest.approx(0.3 * math.sqrt(2), rel=0.03)


def test_detectable_drop_is_detected_with_80_percent_power() -> None:
    """Simulated: a paired t test over 20 queries with such a drop rejects in 80% of 4,000 repeats
    (standard error 0.6%)."""
    from scipy import stats

    random = np.random.default_rng(0)
    for uneven in (0.0, 0.8):
        drop = detectable(0.5, 20, uneven=uneven)
        assert drop is not None
        spread = math.sqrt(0.5**2 + (uneven * drop) ** 2)
        rows = random.normal(drop, spread, (4_000, 20))
        power = (stats.ttest_1samp(rows, 0, axis=1).pvalue < 0.05).mean()
        assert power == pytest.approx(POWER, abs=0.025)
    assert detectable(0.5, 148) < detectable(0.5, 20)  # type: ignore[operator]
    assert detectable(0.5, 20, uneven=10.0) is None


def test_unevenness_excludes_noise() -> None:
    random = np.random.default_rng(0)
    true_drop = random.normal(1.0, 0.3, 5_000)
    noisy = np.stack([np.zeros(5_000), true_drop + random.normal(0, 0.4, 5_000)])
    assert unevenness(noisy, noise_of_query=0.4) == pytest.approx(0.3, rel=0.1)


def test_dial_of_a_drop_is_read_off_the_curve() -> None:
    settings = [0, 0.5, 1.0]
    assert dial_of(0.1, [1.0, 0.8, 0.2], settings) == pytest.approx(0.25)
    assert dial_of(0.5, [1.0, 0.8, 0.2], settings) == pytest.approx(0.75)
    assert dial_of(0.9, [1.0, 0.8, 0.2], settings) is None


def test_metrics_without_a_claim_are_plain_facts() -> None:
    # The dials do not act on these.
    elsewhere = {
        *("across", "code", "facts", "geometry", "tokens", "judge", "relevance", "reward"),
        *("novelty", "hivemind", "answers", "math", "references", "teacher"),
    }
    facts = {
        metric
        for metric, info in metric_table().items()
        if not info.claims and info.family not in elsewhere
    }
    assert facts == {
        "length",
        "truncation_rate",
        "empty_rate",
        "oracle_well_formed",
        "oracle_topic",
        "oracle_intent",
        "oracle_valid",
        "valid_share",
    }


def test_families_the_simulator_cannot_feed_are_left_out() -> None:
    from sfr_eval.calibration.design import LEFT_OUT
    from sfr_eval.metrics.families import FAMILIES, NEED_CHECKPOINT

    assert NEED_CHECKPOINT | {"judge", "code"} <= set(LEFT_OUT) < set(FAMILIES)


def test_more_pairs_of_the_same_runs_halve_the_error() -> None:
    """400 pairs that share no run: sqrt(.95 * .05 / 400) = 1.09%. Pairs with ten partners share
    runs, so they are worth less than 8,000 and more than 1,600 of their own."""
    random = np.random.default_rng(0)
    shares = [
        null_coverage(pairs_of_runs(random.normal(0, 1, (800, 16)), partners=10))[0]
        for _ in range(100)
    ]
    assert np.mean(shares) == pytest.approx(0.95, abs=0.003)
    assert 0.0025 < np.std(shares) < 0.0065
