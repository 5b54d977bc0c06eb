"""pytest tests/metrics/test_text.py"""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfr_eval.metrics import text
from tests.metrics.conftest import MakeContext, make_sample


def replies(*texts: str) -> list[text.Sample]:
    return [make_sample("q", "p", index, content) for index, content in enumerate(texts)]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [("aab", 1 / 3), ("aaa", 1.0), ("abc", 0.0), ("a", None), ("", None)],
)
def test_duplicate_rate(texts: str, expected: float | None) -> None:
    assert text.duplicate_rate(replies(*texts)) == (
        expected if expected is None else pytest.approx(expected)
    )


def test_outer_whitespace_does_not_make_texts_differ() -> None:
    assert text.duplicate_rate(replies("yes", " yes\n")) == 1.0


def test_invisible_differences_do_not_make_texts_differ() -> None:
    looks_the_same = ("caf\u00e9 au lait", "cafe\u0301 au lait", "caf\u00e9\u200b au\u00a0lait ")
    assert text.duplicate_rate(replies(*looks_the_same)) == 1.0
    rows = replies("\u200b\ufeff", "\u2060 \u00ad", "a \u200b b")
    assert text.empty_rate(rows) == pytest.approx(2 / 3)
    assert text.mean_length(rows) == pytest.approx(2 / 3)


@pytest.mark.parametrize("k", [2, 4, 16])
def test_duplicate_rate_is_unbiased_at_every_k(k: int) -> None:
    # p = (.5, .3, .2): .25 + .09 + .04 = .38. Its sd over one prompt is at most .5 (k = 2), so
    # the mean of 4,000 prompts is within .38 +- .024 three sigma.
    rng = np.random.default_rng(k)
    draws = rng.choice(list("abc"), p=[0.5, 0.3, 0.2], size=(4000, k))
    rates = [text.duplicate_rate(replies(*row)) for row in draws]
    assert np.mean(np.array(rates, dtype=float)) == pytest.approx(0.38, abs=0.024)


@given(st.lists(st.sampled_from("abc"), min_size=2, max_size=8), st.randoms())
def test_order_does_not_matter_and_range_holds(texts: list[str], random: object) -> None:
    rate = text.duplicate_rate(replies(*texts))
    assert rate is not None
    assert 0 <= rate <= 1
    assert rate == text.duplicate_rate(replies(*sorted(texts)))
    assert (rate == 1) == (len(Counter(texts)) == 1)


def test_rates_of_one_prompt() -> None:
    rows = [
        make_sample("q", "p", 0, "one two three"),
        make_sample("q", "p", 1, "one", status="truncated"),
        make_sample("q", "p", 2, "  "),
    ]
    assert text.mean_length(rows) == pytest.approx(4 / 3)
    assert text.truncation_rate(rows) == pytest.approx(1 / 3)
    assert text.empty_rate(rows) == pytest.approx(1 / 3)


def test_errors_never_become_text(context: MakeContext) -> None:
    made = context({("q", "p"): ["a b", None, None], ("r", "p"): [None]})
    results = {result.metric: result for result in text.compute(made)}
    assert [value.value for value in results["length"].values] == [2.0, None]
    assert [value.value for value in results["empty_rate"].values] == [0.0, None]
    duplicate = results["duplicate_rate"].values[0]
    assert (duplicate.value, duplicate.reason) == (None, "fewer than 2 replies with text")
