"""pytest tests/comparison/test_matched_pairs.py"""

import numpy as np
import pytest

from sfr_eval.comparison.matched_pairs import PART, Values, pair_curves
from sfr_eval.stats.frontier import diversity_at
from sfr_eval.stats.intervals import t_interval


def table(rows: np.ndarray, temperatures: tuple[float, ...]) -> Values:
    return {
        t: {(f"q{i}", ""): float(row[column]) for i, row in enumerate(rows)}
        for column, t in enumerate(temperatures)
    }


def sides(seed: int, n: int = 12) -> tuple[list[np.ndarray], tuple[Values, Values]]:
    random = np.random.default_rng(seed)
    quality = np.array([0.9, 0.7, 0.4]) + random.normal(0, 0.05, size=(n, 3))
    variety = np.array([0.2, 0.4, 0.6]) + random.normal(0, 0.05, size=(n, 3))
    temperatures = (0.5, 1.0, 1.5)
    return [quality, variety], (table(quality, temperatures), table(variety, temperatures))


def test_pseudo_values_give_the_jackknife_interval() -> None:
    (q, d), first = sides(0)
    (q2, d2), second = sides(1)
    paired, reason = pair_curves(first, second, lower_is_better=False)
    assert reason == ""
    level = PART * min(q.mean(axis=0).max(), q2.mean(axis=0).max())

    def difference(rows: list[int]) -> float:
        one, two = (
            diversity_at(a[rows].mean(axis=0), b[rows].mean(axis=0), level)
            for a, b in ((q, d), (q2, d2))
        )
        return float(two - one)

    n = len(q)
    everything = list(range(n))
    left_out = [difference([j for j in everything if j != i]) for i in everything]
    error = np.sqrt((n - 1) / n * np.square(left_out - np.mean(left_out)).sum())
    mean, low, high = t_interval(paired.differences)
    assert mean == pytest.approx(n * difference(everything) - (n - 1) * np.mean(left_out))
    assert (high - low) / 2 == pytest.approx(2.2009851600 * error)


def test_a_run_against_itself_differs_in_nothing() -> None:
    _, side = sides(2)
    paired, _ = pair_curves(side, side, lower_is_better=False)
    assert paired.differences == [0.0] * 12


def test_only_shared_temperatures_count() -> None:
    """The second run has the same values and a temperature more, with more variety."""
    (quality, variety), first = sides(3)
    more = np.column_stack([variety, variety[:, -1] + 0.3])
    also = np.column_stack([quality, quality[:, 0]])
    temperatures = (0.5, 1.0, 1.5, 2.0)
    second = (table(also, temperatures), table(more, temperatures))
    paired, _ = pair_curves(first, second, lower_is_better=False)
    assert paired.differences == [0.0] * 12


def test_lower_is_better_keeps_its_own_unit() -> None:
    """1 - value of the same curves: the difference has the opposite sign."""
    _, first = sides(4)
    _, second = sides(5)
    turned = [
        (side[0], {t: {key: 1 - v for key, v in at.items()} for t, at in side[1].items()})
        for side in (first, second)
    ]
    plain, _ = pair_curves(first, second, lower_is_better=False)
    lower, _ = pair_curves(turned[0], turned[1], lower_is_better=True)
    assert lower.differences == pytest.approx([-d for d in plain.differences])


def test_what_cannot_be_matched_says_why() -> None:
    _, side = sides(6)
    single = ({1.0: side[0][1.0]}, {1.0: side[1][1.0]})
    assert pair_curves(single, side, lower_is_better=False)[1] == "fewer than 2 shared temperatures"
    nobody: tuple[Values, Values] = ({0.5: {}, 1.0: {}}, {0.5: {}, 1.0: {}})
    paired, reason = pair_curves(nobody, nobody, lower_is_better=False)
    assert (paired.differences, reason) == (
        [],
        "no query has a value at every shared temperature in all runs",
    )
