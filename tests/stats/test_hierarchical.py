"""pytest tests/stats/test_hierarchical.py"""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfr_eval.stats.arrays import Doubles
from sfr_eval.stats.hierarchical import crossed_difference, crossed_mean, holm_steps
from sfr_eval.stats.intervals import t_interval

FIRST = np.array([[0.0, 1.0, 2.0], [2.0, 3.0, 4.0], [1.0, 2.0, 3.0]])
SECOND = np.array([[5.0, 6.0, 9.0], [7.0, 8.0, 11.0], [9.0, 10.0, 13.0]])


def draw(
    random: np.random.Generator,
    *,
    runs: int,
    queries: Doubles,
    between: float,
    single: float = 1.0,
) -> Doubles:
    """(runs, queries): a query's value, a training's, and that of both together."""
    trainings = random.normal(0.0, between, size=(runs, 1))
    return np.asarray(queries + trainings + random.normal(0.0, single, size=(runs, len(queries))))


def test_a_difference_worked_by_hand() -> None:
    """Means of trainings 1, 3, 2 and 20/3, 26/3, 32/3: variances 1 and 4, so (1 + 4) / 3 = 5/3. The
    queries differ by 6, 6, 8: variance 4/3, so 4/9. Training and query explain everything, so
    nothing is subtracted: 5/3 + 4/9 = 19/9. Degrees of freedom, Satterthwaite: (19/9)^2 over
    (1/3)^2 / 2 + (4/3)^2 / 2 + (4/9)^2 / 2 = 361 / 84.5."""
    crossed = crossed_difference(FIRST, SECOND)
    assert crossed.value == pytest.approx(20 / 3)
    assert crossed.variance == pytest.approx(19 / 9)
    assert crossed.trainings == pytest.approx(5 / 3)
    assert crossed.freedom == pytest.approx(361 / 84.5)
    low, high = crossed.ends(level=0.05)
    assert (low + high) / 2 == pytest.approx(20 / 3)
    assert crossed.p_value == pytest.approx(0.0088, abs=0.0002)


def test_the_mean_of_one_group_worked_by_hand() -> None:
    """Trainings 1 / 3, queries 1 / 3, and nothing else."""
    crossed = crossed_mean(FIRST)
    assert (crossed.value, crossed.variance) == (pytest.approx(2.0), pytest.approx(2 / 3))
    assert crossed.freedom == pytest.approx((2 / 3) ** 2 / (1 / 18 + 1 / 18))


def test_trainings_that_do_not_differ_leave_queries_alone() -> None:
    """All trainings have the same mean, so it is the t interval over the queries' differences."""
    first = np.array([[0.0, 2.0, 4.0, 6.0], [2.0, 0.0, 6.0, 4.0], [1.0, 1.0, 5.0, 5.0]])
    second = first + np.array([1.0, 0.0, 3.0, 0.0])
    crossed = crossed_difference(first, second)
    _, low, high = t_interval([1.0, 0.0, 3.0, 0.0])
    assert crossed.ends(level=0.05) == (pytest.approx(low), pytest.approx(high))
    two = crossed_difference(first[:2], second[:2])  # two trainings could hide a spread
    assert two.freedom < 3


def test_where_nothing_varies_equal_differences_are_no_proof() -> None:
    same = np.ones((3, 4))
    assert crossed_difference(same, same).p_value == 1.0
    moved = crossed_difference(same, same + 1)
    assert moved.p_value == 2 / 2**4
    assert moved.ends(level=0.05) == (1.0, 1.0)
    assert moved.smallest_visible(level=0.05) is None


def test_rounding_is_no_difference() -> None:
    """The mean of three times .1 is not that of five times .1."""
    crossed = crossed_difference(np.full((3, 8), 0.1), np.full((5, 8), 0.1))
    assert np.full((3, 8), 0.1).mean(axis=0)[0] != np.full((5, 8), 0.1).mean(axis=0)[0]
    assert (crossed.value, crossed.variance, crossed.p_value) == (0.0, 0.0, 1.0)
    values = np.array([0.1, 0.7, 0.3, 0.9])
    same = crossed_difference(np.tile(values, (3, 1)), np.tile(values, (5, 1)))
    assert (same.value, same.variance, same.p_value) == (0.0, 0.0, 1.0)


def test_too_little_is_refused() -> None:
    for first, second in ((FIRST[:1], SECOND), (FIRST[:, :1], SECOND[:, :1])):
        with pytest.raises(ValueError, match="two or more"):
            crossed_difference(first, second)
    with pytest.raises(ValueError, match="the same queries"):
        crossed_difference(FIRST, SECOND[:, :2])


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    runs=st.tuples(st.integers(2, 5), st.integers(2, 5)),
    queries=st.integers(2, 12),
    shift=st.floats(-5, 5),
)
def test_order_sides_and_shared_parts_change_nothing(
    seed: int, runs: tuple[int, int], queries: int, shift: float
) -> None:
    """The order of trainings and of queries does not count, nor does what a query adds everywhere;
    swapping the groups turns the sign."""
    random = np.random.default_rng(seed)
    first, second = (random.normal(size=(n, queries)) for n in runs)
    plain = crossed_difference(first, second)
    assert plain.variance > 0
    assert plain.freedom >= min(*runs, queries) - 1
    order = random.permutation(queries)
    shared = shift * random.normal(size=queries)
    other = crossed_difference((first + shared)[::-1][:, order], (second + shared)[:, order])
    swapped = crossed_difference(second, first)
    for one, sign in ((other, 1), (swapped, -1)):
        assert one.value == pytest.approx(sign * plain.value)
        assert one.variance == pytest.approx(plain.variance)
        assert one.freedom == pytest.approx(plain.freedom)


def test_more_trainings_lower_their_part_alone() -> None:
    crossed = crossed_difference(FIRST, SECOND)
    more = crossed.extended(5.0)
    assert more.variance == pytest.approx(1 / 3 + 4 / 9)
    assert more.freedom == pytest.approx(5 * crossed.freedom)
    visible = [one.smallest_visible(level=0.05) for one in (more, crossed)]
    assert visible[0] is not None
    assert visible[1] is not None
    assert visible[0] < visible[1]


@pytest.mark.parametrize("between", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("runs", [(2, 2), (3, 3), (3, 5)])
def test_coverage_over_trainings_and_queries(runs: tuple[int, int], between: float) -> None:
    """1,000 pairs of groups without a true difference, whose queries differ by chance, too. 95 +- 2
    % from three trainings, where the standard error here is .7 %; more with two."""
    random = np.random.default_rng(20_261_130)
    held = 0
    for _ in range(1000):
        shared = random.normal(size=16)
        sides = [
            draw(random, runs=n, queries=shared + random.normal(0, 0.5, size=16), between=between)
            for n in runs
        ]
        low, high = crossed_difference(*sides).ends(level=0.05)
        held += low <= 0 <= high
    assert held / 1000 >= 0.925
    if min(runs) > 2:
        assert held / 1000 <= 0.985


def test_queries_alone_would_be_wrong_where_trainings_differ() -> None:
    """What the interval is for: over queries alone, seeds of one recipe are often called
    different."""
    random = np.random.default_rng(1)
    called, wrong = 0, 0
    for _ in range(400):
        first, second = (draw(random, runs=3, queries=np.zeros(30), between=0.5) for _ in range(2))
        _, low, high = t_interval((second.mean(axis=0) - first.mean(axis=0)).tolist())
        wrong += not low <= 0 <= high
        low, high = crossed_difference(first, second).ends(level=0.05)
        called += not low <= 0 <= high
    assert wrong / 400 > 0.4
    assert called / 400 < 0.08


def test_holm_steps_worked_by_hand() -> None:
    """.01 <= .05 / 4, .016 <= .05 / 3, .03 > .05 / 2: the last two share the level of the third."""
    steps = holm_steps([0.03, 0.01, 0.04, 0.016], alpha=0.05)
    assert [step.called for step in steps] == [False, True, False, True]
    assert [step.level for step in steps] == pytest.approx([0.025, 0.0125, 0.025, 0.05 / 3])
    assert [step.p_adjusted for step in steps] == pytest.approx([0.06, 0.04, 0.06, 0.048])
    assert holm_steps([], alpha=0.05) == []


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(1, 5))
def test_interval_and_call_cannot_disagree(seed: int, rows: int) -> None:
    random = np.random.default_rng(seed)
    family = [
        crossed_difference(
            random.normal(size=(3, 8)), random.normal(size=(3, 8)) + random.normal(0, 2)
        )
        for _ in range(rows)
    ]
    for crossed, step in zip(
        family, holm_steps([one.p_value for one in family], alpha=0.05), strict=True
    ):
        low, high = crossed.ends(level=step.level)
        assert step.called == (low > 0 or high < 0)
        assert step.called == (step.p_adjusted <= 0.05)
        assert math.isfinite(low)
        assert math.isfinite(high)
