"""pytest tests/gate/test_floor.py"""

from collections.abc import Sequence

import numpy as np
import pytest
from scipy.stats import fisher_exact

from sfr_eval.errors import UserError
from sfr_eval.gate.floor import Floor, fallen
from sfr_eval.gate.places import Place
from sfr_eval.gate.snapshot import MetricValues, ProgramCounts, SuiteSnapshot
from sfr_eval.gate.spec import Check

ALPHA = 0.05


def suite(
    right: Sequence[int], n: int, *, metric: str = "pass_at_1", shift: float = 0.0
) -> SuiteSnapshot:
    """Right replies of n for each prompt, as counts of programs or as rounded values."""
    programs = metric.startswith("pass")
    values = [round(c / n + shift, 6) for c in right]
    return SuiteSnapshot(
        settings={},
        keys={"prompt": [(f"p{i}", "") for i in range(len(right))]},
        facets={},
        replies={"1.0": [n] * len(right)},
        values=[]
        if programs
        else [MetricValues(metric=metric, temperature=1.0, signature={}, values=values)],
        programs=[
            ProgramCounts(temperature=1.0, signature={}, right=list(right), drawn=[n] * len(right))
        ]
        if programs
        else [],
    )


def place(floor: float | None, metric: str = "pass_at_1", better: str = "higher") -> Place:
    check = Check.model_validate({"metric": metric, "floor": floor, "direction": better})
    return Place(
        check=check, suite="s", temperature=1.0, group=None, better=check.better or "higher"
    )


def test_a_fall_by_hand() -> None:
    """From 9 of 10 to 1 of 10: Fisher's exact test, times three prompts."""
    p = fisher_exact([[9, 1], [1, 9]], alternative="greater").pvalue
    assert 3 * p < ALPHA < 10 * 3 * p * 10
    before, after = suite([9, 5, 9], 10), suite([1, 5, 9], 10)
    assert fallen(place(0.25), before, after, alpha=3 * p * 1.001) == Floor(below=("p0",))
    assert fallen(place(0.25), before, after, alpha=3 * p * 0.999).below == ()
    assert fallen(place(0.05), before, after, alpha=ALPHA).below == ()  # not below it now
    assert fallen(place(0.95), before, after, alpha=ALPHA).below == ()  # below it before
    assert fallen(place(None), before, after, alpha=ALPHA) == Floor()


def test_shares_of_replies_have_counts_too() -> None:
    before, after = (
        suite(right, 30, metric="oracle_valid") for right in ([29] * 20, [29] * 19 + [3])
    )
    found = fallen(place(0.5, "oracle_valid"), before, after, alpha=ALPHA)
    assert found == Floor(below=("p19",))
    before, after = (
        suite(right, 30, metric="truncation_rate") for right in ([1] * 20, [1] * 19 + [27])
    )
    assert fallen(place(0.5, "truncation_rate", "lower"), before, after, alpha=ALPHA).below == (
        "p19",
    )


def test_a_metric_without_counts_is_refused() -> None:
    for metric, shift in (("embed_distance", 0.0), ("style_strength", 0.0123)):
        side = suite([5] * 5, 10, metric=metric, shift=shift)
        with pytest.raises(UserError, match="`floor` needs counts of replies"):
            fallen(place(0.2, metric), side, side, alpha=ALPHA)


def test_too_few_replies_say_so() -> None:
    found = fallen(place(0.25), suite([4] * 100, 4), suite([0] * 100, 4), alpha=ALPHA)
    assert found.below == ()
    assert "4 replies to each of 100 prompts" in found.note


@pytest.mark.parametrize("n", [4, 10, 20])
@pytest.mark.parametrize("problems", [20, 100])
def test_no_change_at_all_rarely_fails(problems: int, n: int) -> None:
    """Chances of success spread as beta laws; the plain rule failed in 44 to 100 % of cases."""
    random = np.random.default_rng(problems + n)
    failed = plain = 0
    for a, b in ((0.3, 0.3), (0.5, 0.5), (2, 2)):
        for _ in range(60):
            p = random.beta(a, b, problems)
            before, after = (random.binomial(n, p) for _ in range(2))
            sides = [suite(right.tolist(), n) for right in (before, after)]
            failed += bool(fallen(place(0.25), sides[0], sides[1], alpha=ALPHA).below)
            plain += bool(((after / n < 0.25) & (before / n >= 0.25)).any())
    assert failed / 180 <= ALPHA
    assert plain / 180 > 0.4


def test_a_lost_prompt_is_found_among_a_hundred() -> None:
    random = np.random.default_rng(0)
    found = 0
    for _ in range(50):
        p = random.beta(2, 2, 100)
        p[7] = 0.95
        before = suite(random.binomial(20, p).tolist(), 20)
        p[7] = 0.02
        after = suite(random.binomial(20, p).tolist(), 20)
        found += "p7" in fallen(place(0.25), before, after, alpha=ALPHA).below
    assert found >= 48
