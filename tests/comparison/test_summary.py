"""pytest tests/comparison/test_summary.py"""

from typing import Any

import pytest

from sfr_eval.comparison.differences import DifferenceRow
from sfr_eval.comparison.summary import Summary, quality_status, summarise

_METRICS = {"variety": "embed_distance", "style": "style_strength", "quality": "judge_rel"}
_UP = {"variety": "more varied", "style": "more in style", "quality": "better"}
_DOWN = {"variety": "less varied", "style": "less in style", "quality": "worse"}


def row(kind: str, call: str, **fields: Any) -> DifferenceRow:
    ends = {"gain": (0.1, 0.3), "loss": (-0.3, -0.1), "equal": (-0.01, 0.01)}
    low, high = ends.get(call, (-0.4, 0.4))
    given = {
        "suite": "s",
        "metric": _METRICS[kind],
        "temperature": 1.0,
        "role": kind,
        "headline": True,
        "higher_is_better": True,
        "first": 0.4,
        "second": 0.4 + (low + high) / 2,
        "delta": (low + high) / 2,
        "low": low,
        "high": high,
        "n": 20,
        "unpaired": 0,
        "unequal": 0,
        "margin": 0.05,
        "call": call,
        "words": {"gain": _UP[kind], "loss": _DOWN[kind]}.get(call, call),
        **fields,
    }
    return DifferenceRow(**given)


def summary(*rows: DifferenceRow) -> Summary:
    return summarise(rows, first="A", second="B")


@pytest.mark.parametrize(
    ("quality", "headline", "tone"),
    [
        ("equal", "B against A: more varied at equal quality", "good"),
        ("gain", "B against A: more varied at higher quality", "good"),
        ("loss", "B against A: more varied at lower quality", "unsure"),
        ("inconclusive", "B against A: more varied (quality inconclusive)", "unsure"),
        (None, "B against A: more varied (quality not checked)", "unsure"),
    ],
)
def test_variety_is_named_with_its_quality(quality: str | None, headline: str, tone: str) -> None:
    rows = [row("variety", "gain"), *([row("quality", quality)] if quality else [])]
    found = summary(*rows)
    assert (found.headline, found.tone) == (headline, tone)
    assert "better than" not in found.headline


def test_the_count_stands_behind_the_headline() -> None:
    found = summary(row("variety", "gain"), row("style", "loss"), row("quality", "inconclusive"))
    assert found.counts == (
        "better in 1 of 3 primary rows, worse in 1, equal in 0, inconclusive in 1"
    )
    assert found.headline.endswith("more varied (quality inconclusive), less in style")
    assert found.tone == "unsure"


def test_a_quality_that_is_not_worse_counts_as_equal() -> None:
    """[-.04, .4] rules out a loss of the margin of .05."""
    assert quality_status(row("quality", "inconclusive", low=-0.04)) == "equal"
    assert quality_status(row("quality", "inconclusive", low=-0.06)) == "inconclusive"
    assert quality_status(None) == "not checked"


def test_opposite_calls_at_matched_quality_are_both_said() -> None:
    found = summary(
        row("variety", "loss", temperature=None, matched="judge_rel"),
        row("variety", "gain"),
        row("quality", "equal"),
    )
    assert found.headline.endswith(
        "more varied at T = 1, less varied at matched quality with equal quality at T = 1"
    )
    assert found.tone == "unsure"


def test_exploratory_rows_make_no_headline() -> None:
    exploratory = row("variety", "exploratory", role=None, low=0.2, high=0.3, words="")
    found = summary(exploratory, row("variety", "inconclusive", questions=40))
    assert found.headline == (
        "Inconclusive (needs about 40 questions, has 20): A and B cannot be told apart"
    )
    assert summary(exploratory).headline.startswith("Nothing to compare")
    assert summary().headline == "Nothing to compare: no metric and temperature in common"


def test_all_equal_rows_are_no_difference_that_matters() -> None:
    found = summary(row("variety", "equal"), row("style", "equal"), row("quality", "equal"))
    assert (found.tone, found.headline) == ("none", "No difference that matters between A and B")


def test_each_primary_row_is_a_sentence() -> None:
    found = summary(row("variety", "gain"))
    assert found.sentences == ("embed_distance T = 1: 0.4 to 0.6, +0.2 [0.1, 0.3]: more varied.",)
