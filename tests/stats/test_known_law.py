"""pytest tests/stats/test_known_law.py"""

import itertools
import math

import numpy as np
import pytest

from sfr_eval.stats import known_law
from sfr_eval.stats.known_law import Law, null, outcomes

COIN: Law = (0.7, 0.3)
URN: Law = (0.5, 0.3, 0.2)
WEEK: Law = (1 / 7,) * 7
TERMS = (known_law.entropy, known_law.total_variation, known_law.jensen_shannon)


def test_two_draws_of_a_coin_by_hand() -> None:
    """HH .49, HT or TH .42, TT .09."""
    assert known_law.expected(known_law.entropy, COIN, 2) == pytest.approx(0.42 * math.log(2))
    distance = 0.49 * 0.3 + 0.42 * 0.2 + 0.09 * 0.7
    assert known_law.expected(known_law.total_variation, COIN, 2) == pytest.approx(distance)
    assert known_law.expected_distinct(COIN, 2) == pytest.approx(1.42)
    assert known_law.expected_distinct(COIN, 0) == 0
    assert known_law.expected_distinct((1.0,), 5) == 1


@pytest.mark.parametrize("law", [COIN, URN])
@pytest.mark.parametrize("m", [1, 2, 5])
def test_expectations_equal_the_sum_over_all_sequences(law: Law, m: int) -> None:
    for statistic in (*TERMS, known_law.distinct):
        total = 0.0
        for sequence in itertools.product(range(len(law)), repeat=m):
            counts = np.bincount(sequence, minlength=len(law)).astype(np.float64)
            chance = math.prod(law[answer] for answer in sequence)
            total += chance * float(statistic(counts, law))
        if statistic is known_law.distinct:
            assert known_law.expected_distinct(law, m) == pytest.approx(total)
        else:
            assert known_law.expected(statistic, law, m) == pytest.approx(total)


def test_statistics_equal_those_of_scipy() -> None:
    from scipy.spatial.distance import jensenshannon
    from scipy.stats import entropy, power_divergence

    counts = np.array([50.0, 20.0, 30.0])
    q = counts / 100
    assert known_law.entropy(counts, URN) == pytest.approx(entropy(q))
    assert known_law.jensen_shannon(counts, URN) == pytest.approx(
        jensenshannon(q, URN, base=2) ** 2
    )
    assert known_law.total_variation(counts, URN) == pytest.approx(0.1)
    g = power_divergence(counts, 100 * np.array(URN), lambda_="log-likelihood").statistic
    assert 2 * known_law.likelihood_ratio(counts, URN) == pytest.approx(g)


def test_statistics_take_whole_tables_and_empty_samples() -> None:
    table = np.array([[3.0, 1.0], [0.0, 0.0]])
    assert known_law.entropy(table, COIN).tolist() == pytest.approx([0.5623351446, 0])
    assert known_law.total_variation(table, COIN)[0] == pytest.approx(0.05)


def test_the_null_of_a_coin_is_binomial() -> None:
    from scipy.stats import binom

    counts, chances, exact = outcomes(COIN, 100)
    assert exact
    np.testing.assert_allclose(chances, binom.pmf(counts[:, 0], 100, 0.7), atol=1e-12)


def test_p_of_a_fair_coin_is_that_of_the_binomial_test() -> None:
    """For even chances, to be less likely and to have a larger G is the same."""
    from scipy.stats import binomtest

    for heads in (50, 55, 60, 65, 90):
        p = null((0.5, 0.5), 100).p_value((heads, 100 - heads))
        assert p == pytest.approx(binomtest(heads, 100, 0.5).pvalue)


@pytest.mark.parametrize(("law", "m"), [(COIN, 40), (URN, 30), ((0.9, 0.1), 100), (WEEK, 100)])
def test_a_true_law_is_rejected_at_most_as_often_as_said(law: Law, m: int) -> None:
    """Exactly where outcomes are enumerated, else within the noise of 600 samples."""
    own = null(law, m)
    if own.exact:
        p_values = np.array([own.p_value(tuple(map(int, row))) for row in outcomes(law, m)[0]])
        rejected = float(own.chances[p_values <= 0.05].sum())
        assert 0 < rejected <= 0.05
    else:
        samples = np.random.default_rng(8).multinomial(m, law, size=600)
        rejected = np.mean([own.p_value(tuple(map(int, row))) <= 0.05 for row in samples])
        assert rejected == pytest.approx(0.05, abs=0.03)


def test_bands_hold_95_of_100_samples_or_more() -> None:
    for law in (COIN, URN, WEEK):
        samples = np.random.default_rng(3).multinomial(50, law, size=4_000).astype(np.float64)
        for statistic in TERMS:
            low, high = null(law, 50).band(statistic)
            values = statistic(samples, law)
            assert np.mean((values >= low) & (values <= high)) > 0.94


def test_drawn_nulls_agree_with_the_exact_expectation() -> None:
    drawn = null(WEEK, 100)
    assert not drawn.exact
    for statistic in TERMS:
        values = drawn.values[statistic]
        error = values.std() / math.sqrt(len(values))
        assert values.mean() == pytest.approx(
            known_law.expected(statistic, WEEK, 100), abs=4 * error
        )
        means = drawn.draws(statistic, size=2_000, seed=1)
        assert means.mean() == pytest.approx(values.mean(), abs=5 * values.std() / math.sqrt(2_000))


def test_always_the_same_answer_has_the_smallest_p() -> None:
    assert null(WEEK, 100).p_value((100, 0, 0, 0, 0, 0, 0)) == 1 / 10_000
    assert null(COIN, 100).p_value((70, 30)) == pytest.approx(1)
