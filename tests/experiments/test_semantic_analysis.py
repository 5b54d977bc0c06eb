"""The analysis of experiments/semantic.py, on made-up cells with known answers."""

import math
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "experiments"))

from controls.analysis import Contrast, Interval, contrast, difference, interval, with_holm
from controls.arms import BEST_GENERIC, PRIMARY
from controls.columns import MAIN
from controls.forest import forest
from controls.summary import Summary, verdicts
from controls.tables import markdown
from controls.training import RULES
from known_truth.language import _filtered
from scipy import stats


def checkpoint(kl: float, points: list[tuple[float, float]]) -> dict[str, Any]:
    """Measures of one checkpoint: forward KL, and (validity, distinct valid) over temperature."""
    sampled = [
        {
            "temperature": t,
            "valid": valid,
            "distinct_valid": distinct,
            "style_strength": 0.9,
            "cs_self_bleu_2": 0.3,
        }
        for t, (valid, distinct) in zip((0.3, 0.5, 0.7, 1.0), points, strict=False)
    ]
    one = {"forward_kl": kl, "sampled": [{"valid": 0.4, "distinct_valid": 3.0}]}
    return {
        "trained": {
            "forward_kl": kl,
            "reverse_kl": {"inside": None, "share": 0.0},
            "sampled": sampled,
        },
        "left_out": one,
        "unseen": one,
        "validation": 0.4,
    }


def test_a_paired_t_interval_worked_by_hand() -> None:
    """1, 2, 3: mean 2, standard error 1 / sqrt(3), t quantile of 2 degrees 4.303."""
    result = interval([1.0, 2.0, 3.0])
    assert result is not None
    assert (result.mean, result.worlds) == (2.0, 3)
    assert result.half == pytest.approx(4.303 / 3**0.5, rel=1e-3)
    assert result.p == pytest.approx(stats.ttest_1samp([1, 2, 3], 0).pvalue)


def test_frontiers_are_compared_where_both_reach() -> None:
    """At validity .4 one has 3 and the other 2.5 (halfway between 2 and 3); the other never reaches
    .5, so .5 and .6 do not count; at .3 they have 3.5 and 3."""
    ours = checkpoint(1, [(0.6, 1.0), (0.5, 2.0), (0.4, 3.0), (0.3, 3.5)])
    theirs = checkpoint(1, [(0.45, 2.0), (0.35, 3.0), (0.2, 1.0)])
    assert difference(ours, theirs, "distinct_valid") == pytest.approx((0.5 + 0.5) / 2)


def test_without_a_common_validity_nothing_is_said() -> None:
    low, high = checkpoint(1, [(0.2, 1.0)]), checkpoint(1, [(0.6, 2.0)])
    assert difference(low, high, "distinct_valid") is None
    assert difference(low, high, "reverse_kl") is None
    names = {"setting": "repeat", "rule": "best", "first": "a", "second": "b"}
    assert contrast({0: low}, {0: high}, **names, measure="distinct_valid").difference is None


def test_only_worlds_of_both_arms_are_paired() -> None:
    ours = {w: checkpoint(float(w), []) for w in (0, 1, 2)}
    theirs = {w: checkpoint(2.0 * w, []) for w in (1, 2, 3)}
    names = {"setting": "repeat", "rule": "last", "first": "a", "second": "b"}
    result = contrast(ours, theirs, **names, measure="forward_kl").difference
    assert result is not None
    assert (result.mean, result.worlds) == (-1.5, 2)


def made_up(p: float | None, *, mean: float = -1.0, **changes: str) -> Contrast:
    names = {"setting": "repeat", "rule": "last", "first": "sfr", "second": "sfr_shuffled"}
    names |= {"measure": "forward_kl"} | changes
    return Contrast(**names, difference=Interval(mean, 0.1, p, 12))  # type: ignore[arg-type]


def test_holm_multiplies_by_the_tests_that_are_left() -> None:
    family = [made_up(0.01), made_up(0.04), made_up(0.03), made_up(None)]
    assert [c.p_holm for c in with_holm(family)] == pytest.approx([0.04, 0.09, 0.09, 1.0])


def test_lower_is_better_for_kl_and_holm_decides() -> None:
    first, second = with_holm([made_up(0.001), made_up(0.2)])
    assert first.better is True
    assert second.better is None
    assert with_holm([made_up(0.001, mean=1.0)])[0].better is False
    assert with_holm([made_up(0.001, mean=1.0, measure="distinct_valid")])[0].better is True


def family(p: float, worlds: int = 12, **means: float) -> list[Contrast]:
    """All primary contrasts with this p, and a mean of -1 unless `means` has the setting."""
    rows = [
        made_up(
            p, mean=means.get(s, -1.0), setting=s, rule=r, first=a, second=b, measure="forward_kl"
        )
        for s in MAIN
        for r in RULES
        for a, b in PRIMARY
    ]
    return with_holm(
        [
            Contrast(**{**vars(c), "difference": Interval(c.difference.mean, 0.1, p, worlds)})
            for c in rows
            if c.difference
        ]
    )


def test_a_verdict_needs_both_settings_and_all_worlds() -> None:
    assert "SFR is semantic (last): yes, by forward_kl" in verdicts(family(1e-6))
    assert "SFR is semantic (last): not shown" in verdicts(family(1e-6, collapse=1.0))
    both = verdicts(family(1e-6, collapse=1.0, repeat=1.0))
    assert "SFR pays (best): no, the opposite" in both
    assert "SFR pays (best): not shown" in verdicts(family(0.5))
    assert all("not decided before 12 worlds" in line for line in verdicts(family(1e-6, 11)))


def test_the_shuffled_control_stands_in_the_first_table() -> None:
    value = Interval(1.0, 0.2, 0.5, 3)
    arms = ("ce", "sfr", "sfr_shuffled", BEST_GENERIC)
    summary = Summary(
        means={("repeat", "best", arm, "forward_kl"): value for arm in arms},
        references={},
        primary=family(0.01),
        secondary=[],
        verdicts=["a verdict"],
        sweeps=[],
        generic={("repeat", "best"): "dropout"},
    )
    text = markdown(summary)
    first = text.split("###")[1]
    assert "| `sfr_shuffled` | 3 | 1.00 ± 0.20 |" in first
    assert "| best generic: `dropout` | 3 |" in first
    widths = {line.count("|") for line in first.splitlines() if "|" in line}
    assert len(widths) == 1
    assert "| `sfr` - `sfr_shuffled` | forward KL | -1.00 ± 0.10 | 12 | .010 |" in text


def test_the_forest_shows_every_primary_contrast() -> None:
    drawn = forest(family(0.01))
    assert drawn["svg"].startswith(b"<?xml")
    rows = drawn["csv"].decode().splitlines()
    assert len(rows) == 1 + len(MAIN) * len(RULES) * len(PRIMARY)
    assert forest([]) == {}


def test_equal_differences_are_decided() -> None:
    same, zero = interval([0.5, 0.5]), interval([0.0, 0.0])
    assert same is not None
    assert zero is not None
    assert (same.half, same.p) == (0.0, 0.0)
    assert zero.p == 1.0
    assert interval([]) is None
    one = interval([2.0])
    assert one is not None
    assert (one.half, one.p) == (None, None)


def test_filters_keep_what_they_name() -> None:
    """min_p .5 of .4 drops below .2; top_p .8 keeps .4 and .3, and .2 because .7 is below .8."""
    chances = torch.tensor([[0.1, 0.4, 0.2, 0.3]])
    assert _filtered(chances, min_p=0.5, top_p=1).tolist() == [pytest.approx([0, 0.4, 0.2, 0.3])]
    assert _filtered(chances, min_p=0, top_p=0.8).tolist() == [pytest.approx([0, 0.4, 0.2, 0.3])]
    assert _filtered(chances, min_p=0, top_p=0.4).tolist() == [pytest.approx([0, 0.4, 0, 0])]
    assert math.isclose(float(_filtered(chances, min_p=0, top_p=1).sum()), 1)
