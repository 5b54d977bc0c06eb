"""pytest tests/stats/test_estimate.py"""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest

from sfr_eval.stats.estimate import all_estimates
from sfr_eval.types import Estimate, MetricResult, Unit, Value


def result(
    rows: Iterable[tuple[str, str, float | None]], unit: Unit = "prompt", temperature: float = 1.0
) -> MetricResult:
    values = [
        Value(
            suite="s",
            temperature=temperature,
            query=query,
            persona=persona,
            value=number,
            reason="gone" if number is None else "",
        )
        for query, persona, number in rows
    ]
    return MetricResult(
        metric="m", version="1", unit=unit, higher_is_better=True, signature={}, values=values
    )


def overall(made: MetricResult, *, k: int = 1) -> Estimate:
    """The estimate over all personas."""
    return all_estimates(made, k, ())[0]


def test_hand_computed_interval() -> None:
    # Query means 1, 2, 3 (of 0 and 2; 2 and 2; 3 alone). Mean 2, sd 1, se 1/sqrt(3) = .57735;
    # t(.975, 2 df) = 4.30265, so the half width is 2.48414.
    rows = [("a", "x", 0), ("a", "y", 2), ("b", "x", 2), ("b", "y", 2), ("c", "x", 3)]
    made = result([*rows, ("c", "y", None)])
    estimate = overall(made, k=4)
    assert estimate.value == pytest.approx(2)
    assert estimate.low == pytest.approx(2 - 2.48414, abs=1e-5)
    assert estimate.high == pytest.approx(2 + 2.48414, abs=1e-5)
    assert (estimate.n, estimate.k, estimate.undefined, estimate.method) == (3, 4, 1, "t")
    assert estimate.standard_error == pytest.approx(0.57735, abs=1e-5)


def test_samples_are_averaged_within_a_prompt_first() -> None:
    # Persona x answered three times, y once: (0 + 4) / 2, not (0 + 0 + 0 + 4) / 4.
    made = result([("a", "x", 0), ("a", "x", 0), ("a", "x", 0), ("a", "y", 4)], unit="sample")
    assert overall(made, k=3).value == 2


def test_one_query_has_no_interval() -> None:
    estimate = overall(result([("a", "", 3.0)]))
    assert (estimate.value, estimate.low, estimate.high) == (3.0, None, None)
    assert estimate.standard_error is None
    assert estimate.method == "none: one query"


def test_equal_values_have_zero_width() -> None:
    made = result([("a", "", 0.5), ("b", "", 0.5)])
    estimate = overall(made)
    assert (estimate.low, estimate.value, estimate.high, estimate.method) == (0.5, 0.5, 0.5, "t")


def test_nothing_defined_gives_a_reason() -> None:
    made = result([("a", "", None), ("b", "", None)])
    estimate = overall(made)
    assert (estimate.value, estimate.n, estimate.undefined) == (None, 0, 2)
    assert estimate.reason == "gone"


def test_personas_have_estimates_but_not_of_query_metrics() -> None:
    made = result([("a", "x", 0), ("a", "y", 2), ("b", "x", 2), ("b", "y", 2)])
    found = all_estimates(made, 2, ["x", "y", "never asked"])
    assert [(e.persona, e.value) for e in found] == [("", 1.5), ("x", 1.0), ("y", 2.0)]
    whole = result([("a", "", 1), ("b", "", 2)], unit="query")
    assert [e.persona for e in all_estimates(whole, 2, ["x", "y"])] == [""]


def test_coverage_with_clusters() -> None:
    """20 queries, 5 personas, a query effect as large as the noise: 95 +- 2% of 2,000 intervals
    hold the truth (3 sigma of the simulation are 1.5%). Prompts as units would reach some 70%."""
    rng = np.random.default_rng(7)
    queries, personas, hits, naive = 20, 5, 0, 0
    for _ in range(2000):
        effect = rng.standard_normal((queries, 1))
        table = effect + rng.standard_normal((queries, personas))
        made = result(
            (f"q{q}", f"p{p}", table[q, p]) for q in range(queries) for p in range(personas)
        )
        estimate = overall(made)
        assert estimate.low is not None
        assert estimate.high is not None
        hits += estimate.low <= 0 <= estimate.high
        naive += abs(table.mean()) < 1.984 * table.std(ddof=1) / np.sqrt(table.size)
    assert 0.93 < hits / 2000 < 0.97
    assert naive / 2000 < 0.85


def test_shares_have_the_interval_of_a_share() -> None:
    """16 queries without a failure: the exact bound of 16 of 16, not certainty."""
    made = replace(result((f"q{i}", "", 1.0) for i in range(16)), range=(0, 1), outcomes=True)
    estimate = overall(made)
    assert (estimate.low, estimate.high) == (pytest.approx(0.025 ** (1 / 16)), 1.0)
    assert estimate.method == "exact"
    ratings = replace(result((f"q{i}", "", 4.9) for i in range(3)), range=(1, 5), outcomes=True)
    assert overall(ratings).high <= 5


def test_an_interval_stays_within_the_range() -> None:
    numbers = [0.99, 1.0, 0.2, 1.0]
    made = result((f"q{i}", "", number) for i, number in enumerate(numbers))
    assert overall(made).high > 1
    estimate = overall(replace(made, range=(0, 1)))
    assert (estimate.high, estimate.low) == (1.0, overall(made).low)
    assert estimate.method == "t"


@pytest.mark.parametrize(("n", "method"), [(49, "Wilson, effective n"), (50, "BCa, 10000 draws")])
def test_a_curve_over_k_has_bca_from_50_problems(n: int, method: str) -> None:
    made = result((f"q{i}", "", float(i % 5)) for i in range(n))
    assert overall(replace(made, ceiling=5.0)).method == method
