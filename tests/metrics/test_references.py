"""pytest tests/metrics/test_references.py"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from sfr_eval.metrics.references import (
    FEW,
    METRICS,
    NO_REFERENCES,
    compute,
    coverage,
    density,
    expected_coverage,
    expected_support,
    gap,
    similarity,
    support,
)
from sfr_eval.stats.arrays import Floats
from sfr_eval.suites.references import References
from sfr_eval.types import MetricResult
from tests.metrics.conftest import MakeContext


def on_circle(*degrees: float) -> Floats:
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def cloud(random: np.random.Generator, n: int, *, d: int = 6, spread: float = 1.0) -> Floats:
    rows = spread * random.standard_normal((n, d))
    rows[:, 0] += 2
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows)


FIVE = on_circle(0, 10, 20, 30, 90)
"""Balls to the third nearest other one: 30, 20, 20, 30 and 80 degrees wide to each side."""


def test_values_by_hand() -> None:
    replies = on_circle(5, 6, -15, 200)  # in balls 0-3 (0 to 30 and 25), in 0, in none
    # 5 degrees: from 0 5, 10 5, 20 15, 30 25 (all inside), 90 85 (outside); 6 alike; -15: 0 only
    assert coverage(replies, FIVE) == 4 / 5
    assert density(replies, FIVE) == pytest.approx((4 + 4 + 1 + 0) / 4 / 3)
    # 5 and 6 lie in a ball whichever is left out; -15 in that of 0, and without 10, 20 or 30 also
    # in others, made wider; without 0 in that of 10, which then reaches 80 degrees. 200 in none.
    assert support(replies, FIVE) == 3 / 4
    # 90 is never among the three nearest of another one.
    assert expected_support(FIVE) == 4 / 5
    assert similarity(on_circle(0), on_circle(60, 90)) == pytest.approx(0.25)
    assert gap(on_circle(0, 0), on_circle(60, 60)) == pytest.approx(0.5)
    # 1 - C(4, 3) / C(6, 3): both replies are farther than three of the four others.
    assert expected_coverage(2, 5) == pytest.approx(1 - 4 / 20)


def test_undefined_with_too_few() -> None:
    three, one = on_circle(0, 10, 20), on_circle(5)
    none = np.zeros((0, 2))
    assert coverage(one, three) is density(one, three) is None
    assert coverage(none, FIVE) is support(none, FIVE) is density(none, FIVE) is None
    assert expected_support(FIVE[:4]) is support(one, FIVE[:4]) is None
    assert similarity(none, FIVE) is similarity(one, none) is None
    assert gap(one, FIVE) is gap(FIVE, one) is None


@pytest.mark.parametrize("seed", range(5))
def test_equal_to_loops_over_pairs(seed: int) -> None:
    random = np.random.default_rng(seed)
    references, replies = cloud(random, 9), cloud(random, 7, spread=1.5)
    inside = []
    for place, reference in enumerate(references):
        others = sorted(
            np.linalg.norm(reference - other)
            for number, other in enumerate(references)
            if number != place
        )
        inside.append([np.linalg.norm(reference - reply) <= others[2] for reply in replies])
    table = np.array(inside)
    left_out = [np.delete(references, i, axis=0) for i in range(9)]
    held = [
        any(
            np.linalg.norm(ball - reply)
            <= sorted(np.linalg.norm(ball - other) for other in others)[3]  # 0 is itself
            for ball in others
        )
        for others in left_out
        for reply in replies
    ]
    assert support(replies, references) == pytest.approx(np.mean(held))
    assert coverage(replies, references) == table.any(axis=1).mean()
    assert density(replies, references) == pytest.approx(table.sum() / 7 / 3)
    own = [
        any(
            np.linalg.norm(ball - references[i])
            <= sorted(np.linalg.norm(ball - other) for other in others)[3]
            for ball in others
        )
        for i, others in enumerate(left_out)
    ]
    assert expected_support(references) == pytest.approx(np.mean(own))
    cosines = [reply @ reference for reply in replies for reference in references]
    assert similarity(replies, references) == pytest.approx(np.mean(cosines))


@pytest.mark.parametrize(("m", "r"), [(8, 12), (10, 5), (3, 30)])
def test_one_source_gives_the_expected_values(m: int, r: int) -> None:
    random = np.random.default_rng(1)
    pairs = [(cloud(random, m), cloud(random, r)) for _ in range(1500)]

    def mean(measure: Callable[[Floats, Floats], float | None]) -> float:
        return float(np.mean(np.array([measure(*pair) for pair in pairs], dtype=float)))

    assert mean(coverage) == pytest.approx(expected_coverage(m, r), abs=0.015)
    assert mean(density) == pytest.approx(1, abs=0.04)
    assert mean(gap) == pytest.approx(0, abs=0.004)
    expected = np.array([expected_support(references) for _, references in pairs], dtype=float)
    assert mean(support) == pytest.approx(expected.mean(), abs=0.012)


def test_a_mode_is_supported_and_covers_little() -> None:
    random = np.random.default_rng(2)
    references = cloud(random, 30)
    centre = references.mean(axis=0, keepdims=True)
    centre /= np.linalg.norm(centre)
    replies = np.repeat(centre, 8, axis=0)
    assert support(replies, references) == 1
    assert (density(replies, references) or 0) > 1.5
    wide = cloud(random, 8, spread=6)
    assert (support(wide, references) or 0) < 0.8
    assert (coverage(replies, references) or 0) < 0.6


# Through the encoder


BIRDS = ["An owl.", "A small robin in the garden.", "The sparrow!", "Gulls.", "I like crows."]
FISH = ["Cod and chips.", "The salmon swims.", "A shark bit me.", "Eels are long.", "Trout."]


def by_metric(results: list[MetricResult]) -> dict[str, MetricResult]:
    return {result.metric: result for result in results}


def test_values_reasons_and_signature(context: MakeContext) -> None:
    made = context({("a", ""): BIRDS[:3], ("b", ""): FISH[:2], ("c", ""): ["Hm."]})
    texts = {("a", ""): tuple(BIRDS), ("b", ""): tuple(FISH[:2]), ("x", ""): ("unused",)}
    references = References(name="people", texts=texts)
    results = by_metric(compute(replace(made, references=references)))
    assert set(results) == set(METRICS)
    a, b, c = results["reference_coverage"].values
    assert a.value is not None
    assert (b.value, b.reason) == (None, FEW)
    assert (c.value, c.reason) == (None, NO_REFERENCES)
    assert results["reference_support"].values[0].value == 1  # they are references themselves
    energies = [value.value for value in results["reference_energy"].values]
    assert energies[2] is None
    assert energies[1] == pytest.approx(-1.0, abs=1.2)  # two copies of two texts: below 0
    signature = results["reference_energy"].signature
    assert signature["references"] == f"people ({references.digest})"
    assert results["reference_energy"].notes["fewest_references"] == 2


def test_without_references_all_is_undefined(context: MakeContext) -> None:
    for result in compute(context({("a", ""): BIRDS})):
        assert [(v.value, v.reason) for v in result.values] == [(None, NO_REFERENCES)]


def test_p_is_small_for_another_topic_and_not_for_the_same(context: MakeContext) -> None:
    queries = [(f"q{number}", "") for number in range(4)]
    made = context(dict.fromkeys(queries, BIRDS[:3]))
    for texts, differs in ((FISH, True), (BIRDS[2:], False)):
        references = References(name="r", texts=dict.fromkeys(queries, tuple(texts)))
        notes = by_metric(compute(replace(made, references=references)))["reference_energy"].notes
        assert (notes["p_value"]["1"] < 0.01) is differs


def test_halves_of_one_source_give_uniform_p() -> None:
    from sfr_eval.metrics.energy import energy_test

    random = np.random.default_rng(3)
    p_values = []
    for _ in range(200):
        rows = np.concatenate([cloud(random, 6, spread=0.5) for _ in range(3)])
        sides = [0, 0, 0, 1, 1, 1] * 3
        test = energy_test(rows, [0] * 6 + [1] * 6 + [2] * 6, sides, permutations=99)
        p_values.append(test.p_value or 0.0)
    shares = [np.mean(np.array(p_values) <= level) for level in (0.1, 0.5, 0.9)]
    assert shares == pytest.approx([0.1, 0.5, 0.9], abs=0.09)
