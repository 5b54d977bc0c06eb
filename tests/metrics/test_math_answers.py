"""pytest tests/metrics/test_math_answers.py"""

from collections.abc import Sequence

import pytest

from sfr_eval.metrics.context import Context
from sfr_eval.metrics.gates import Gate, gate_of
from sfr_eval.metrics.math_answers import compute, graded_answers
from sfr_eval.settings import CodeSettings
from sfr_eval.suites.suite import Suite, load_suite
from sfr_eval.types import MetricResult, Sample
from tests.metrics.conftest import make_sample, make_suite
from tests.metrics.test_answers import context_of

REPLIES = [
    r"So it is $\boxed{\frac{7}{12}}$.",
    "Adding gives 4/12 + 3/12. The answer is 7/12.",
    r"\boxed{\frac{14}{24}}",
    r"\boxed{\frac{2}{7}}",
    r"\boxed{2/7}",
    "I do not know.",
]


@pytest.fixture(scope="module")
def suite() -> Suite:
    return load_suite("math", code=CodeSettings(data="small"))


def context(suite: Suite, replies: Sequence[str], query: str = "fraction-sum") -> Context:
    samples = [
        make_sample(query, "", index, text, suite="math") for index, text in enumerate(replies)
    ]
    return context_of(samples, suite)


def value(results: Sequence[MetricResult], metric: str) -> float | None:
    (result,) = (each for each in results if each.metric == metric)
    return result.values[0].value


def test_three_right_two_alike_wrong_and_one_silent_by_hand(suite: Suite) -> None:
    results = compute(context(suite, REPLIES))
    assert value(results, "pass_at_1") == pytest.approx(0.5)
    assert value(results, "pass_at_2") == pytest.approx(1 - 3 / 15)
    assert value(results, "pass_all_at_2") == pytest.approx(3 / 15)
    assert value(results, "pass_all_at_4") == 0
    assert value(results, "maj_at_1") == pytest.approx(0.5)
    # Of 15 pairs 3 are both right, 3 have one right and the silent one, 6 are a tie.
    assert value(results, "maj_at_2") == pytest.approx((3 + 3 + 6 / 2) / 15)
    assert value(results, "maj_at_6") == 1
    assert value(results, "distinct_answer_at_6") == 2
    assert value(results, "no_answer_rate") == pytest.approx(1 / 6)
    assert dict(results[0].notes) == {
        "answers_from_boxed": 4,
        "answers_from_nothing": 1,
        "answers_from_phrase": 1,
        "too_slow_to_compare": 0,
    }


def test_a_reply_cut_off_has_no_last_number(suite: Suite) -> None:
    cut: Sample = make_sample("apples", "", 0, "3 crates are 77", suite="math", status="truncated")
    graded = graded_answers(context_of([cut], suite))
    assert graded is not None
    assert not graded.right(cut)
    whole = make_sample("apples", "", 1, "3 crates are 77", suite="math")
    graded = graded_answers(context_of([whole], suite))
    assert graded is not None
    assert graded.right(whole)


def test_values_in_other_words_are_right(suite: Suite) -> None:
    for query, reply in {
        "radical": r"\boxed{\sqrt{72}}",
        "quadratic": r"\boxed{x = -3 \text{ or } x = 4}",
        "factor": r"\boxed{(x+3)(x-3)}",
        "angles": r"\boxed{140}",
        "series": r"\boxed{1.5}",
        "inequality": r"$\boxed{\left[3, \infty\right)}$",
    }.items():
        assert value(compute(context(suite, [reply], query)), "pass_at_1") == 1, query


def test_right_answers_open_the_gate(suite: Suite) -> None:
    gate = gate_of(context(suite, REPLIES))
    assert isinstance(gate, Gate)
    assert (gate.name, gate.trust) == ("pass_at_1", "verifier")
    assert sorted(gate.scores.values()) == [0, 0, 0, 1, 1, 1]


def test_other_suites_have_none_and_no_text_is_undefined(suite: Suite) -> None:
    assert compute(context_of([make_sample("q", "", 0, "5")], make_suite([]))) == []
    lost = make_sample("apples", "", 0, "", suite="math", status="error")
    results = compute(context_of([lost], suite))
    assert value(results, "pass_at_1") is None
    assert results[0].values[0].reason == "no reply with text"
