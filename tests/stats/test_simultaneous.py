"""pytest tests/stats/test_simultaneous.py"""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfr_eval.stats.intervals import t_interval
from sfr_eval.stats.permutation import sign_flip_p_values
from sfr_eval.stats.simultaneous import (
    Differences,
    fewest_units,
    step_down,
    t_ends,
)


def keyed(*rows: list[float]) -> list[Differences]:
    return [dict(enumerate(row)) for row in rows]


def test_six_equal_signs_are_the_fewest_that_are_called() -> None:
    """p = 2 / 2^n: .0625 with five queries, .03125 with six."""
    for n, called in ((5, False), (6, True)):
        (row,) = step_down(keyed([0.1 + 0.01 * i for i in range(n)]), alphas=[0.05])
        assert row.called is called
        assert row.p_value == row.p_adjusted == 2 / 2**n
    assert fewest_units(0.05) == 6
    assert fewest_units(0.1) == 5
    assert fewest_units(0.03125) == 6


def test_more_rows_do_not_raise_the_smallest_p() -> None:
    """Total collapse on 8 queries in 30 measures: each is at the extreme of the same two flips."""
    random = np.random.default_rng(0)
    rows = [list(-0.4 - 0.05 * random.random(8)) for _ in range(30)]
    outcomes = step_down(keyed(*rows), alphas=[0.05] * 30)
    assert {row.p_adjusted for row in outcomes} == {2 / 2**8}


def _slow(rows: list[list[float]]) -> list[float]:
    """Westfall and Young's algorithm 2.8, as it stands in the book, on |t|."""

    def t(row: np.ndarray) -> float:
        with np.errstate(divide="ignore"):
            return float(abs(row.mean()) / (row.std(ddof=1) / np.sqrt(len(row))))

    table = np.array(rows)
    observed = np.array([t(row) for row in table])
    order = np.argsort(-observed)
    counts = np.zeros(len(rows))
    signs = np.array(list(product((1, -1), repeat=table.shape[1])))
    for pattern in signs:
        here = np.array([t(row) for row in table * pattern])[order]
        largest = np.maximum.accumulate(here[::-1])[::-1]
        counts += largest >= observed[order] - 1e-9
    adjusted = np.maximum.accumulate(counts / len(signs))
    return [float(adjusted[np.flatnonzero(order == i)[0]]) for i in range(len(rows))]


def test_equal_to_the_textbook_on_all_signs() -> None:
    random = np.random.default_rng(1)
    for _ in range(5):
        common = random.normal(size=8)
        rows = [list(common + random.normal(0.4, 1, size=8)) for _ in range(4)]
        outcomes = step_down(keyed(*rows), alphas=[0.05] * 4)
        assert [row.p_adjusted for row in outcomes] == pytest.approx(_slow(rows))


def test_one_row_is_the_sign_flip_test() -> None:
    random = np.random.default_rng(2)
    for n in (7, 12, 30):
        row = list(random.normal(0.3, 1, size=n))
        (outcome,) = step_down(keyed(row), alphas=[0.05])
        (p,) = sign_flip_p_values([row])
        assert outcome.p_value == pytest.approx(p, abs=0 if n <= 13 else 0.004)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(st.sampled_from([-0.5, -0.1, 0.0, 0.1, 0.3, 0.5, 1.0]), min_size=7, max_size=7),
        min_size=1,
        max_size=5,
    )
)
def test_interval_and_call_never_disagree(rows: list[list[float]]) -> None:
    for outcome in step_down(keyed(*rows), alphas=[0.05] * len(rows)):
        assert outcome.called == (outcome.low > 0 or outcome.high < 0)
        assert outcome.called == (outcome.p_adjusted <= 0.05)
        assert outcome.p_value <= outcome.p_adjusted + 1e-12


@pytest.mark.parametrize("n", [8, 16, 60])
def test_false_alarms_are_5_percent_over_a_family(n: int) -> None:
    """1,000 families of five correlated measures without any difference: within 5 +- 2 %."""
    random = np.random.default_rng(n)
    alarms = 0
    for _ in range(1_000):
        common = random.standard_t(4, size=n)
        rows = [list(common + random.normal(size=n)) for _ in range(5)]
        outcomes = step_down(keyed(*rows), alphas=[0.05] * 5, flips=499)
        alarms += any(row.called for row in outcomes)
    assert 0.03 <= alarms / 1_000 <= 0.07


def test_many_queries_use_the_normal_limit() -> None:
    random = np.random.default_rng(3)
    row = list(random.normal(0.05, 1, size=2_500))
    flipped = step_down(keyed(row[:2_000], row[:2_000][::-1]), alphas=[0.05] * 2)
    limit = step_down(keyed(row, row), alphas=[0.05] * 2)
    assert limit[0].p_adjusted == pytest.approx(limit[0].p_value)  # twice the same row
    assert all(0 < outcome.p_value < 1 for outcome in flipped)


def test_rows_without_any_difference_are_not_called() -> None:
    zero, other = step_down(keyed([0.0] * 10, [0.2, -0.2] * 5), alphas=[0.05] * 2)
    assert not zero.called
    assert (zero.low, zero.high, zero.p_adjusted) == (0.0, 0.0, 1.0)
    assert other.low < 0 < other.high
    with pytest.raises(ValueError, match="two or more"):
        step_down(keyed([1.0]), alphas=[0.05])
    assert step_down([], alphas=[]) == []


def test_a_level_of_5_percent_is_the_t_interval() -> None:
    numbers = [0.1, 0.4, 0.2, 0.7]
    assert t_ends(numbers, level=0.05) == pytest.approx(t_interval(numbers)[1:])
