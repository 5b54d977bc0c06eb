"""pytest tests/metrics/test_population.py"""

import itertools
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfr_eval.embeddings.encoder import Encoder
from sfr_eval.metrics.context import Context
from sfr_eval.metrics.population import (
    NEIGHBOURS,
    NO_PEOPLE,
    complexity,
    compute,
    coverage,
    uniformity,
)
from sfr_eval.samplers.world import WorldSampler
from sfr_eval.suites.suite import Suite, load_suite
from sfr_eval.types import Request, Sampling
from tests.metrics.conftest import MakeContext, answers

AXES = np.eye(6)


def unit_rows(seed: int, n: int, d: int = 5) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((n, d))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def on_circle(*degrees: float) -> np.ndarray:
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def test_coverage_by_hand() -> None:
    # With one neighbour, the balls of 0 and 10 degrees reach 10 degrees, the one of 40 reaches 30.
    references = on_circle(0, 10, 40)
    reached = {5: 2, 25: 1, 45: 1, 180: 0, 10: 3}
    for degrees, count in reached.items():
        found = coverage([on_circle(degrees)], references, neighbours=1)
        assert found == pytest.approx(count / 3), degrees
    # x says 5 or 180 degrees, y always 45: 0 and 10 are missed half the time, 40 never.
    found = coverage([on_circle(5, 180), on_circle(45)], references, neighbours=1)
    assert found == pytest.approx((0.5 + 0.5 + 1) / 3)


def test_uniformity_by_hand() -> None:
    everybody_alone = [AXES[:1], AXES[1:2], AXES[2:3]]
    assert uniformity(everybody_alone, AXES) == pytest.approx(1)
    assert uniformity([AXES[:1]] * 3, AXES) == pytest.approx(0)
    # x is in cell 0 or 1, y in cell 0: half of the draws share a cell.
    assert uniformity([AXES[:2], AXES[:1]], AXES) == pytest.approx(0.5)


def test_undefined() -> None:
    nobody = np.zeros((0, 6))
    assert coverage([AXES[:1]], AXES[:NEIGHBOURS]) is None
    assert coverage([AXES[:1], nobody], AXES) is None
    assert coverage([], AXES) is None
    assert uniformity([AXES[:1]], AXES) is None
    assert uniformity([AXES[:1], nobody], AXES) is None
    assert complexity(AXES[:3]) is None
    assert complexity(np.tile(AXES[:1], (8, 1))) is None


def test_coverage_of_the_same_source_agrees_with_theory() -> None:
    """Exchangeable draws: a ball is missed with chance prod_i (r - i) / (r + p - i) for
    i = 1..neighbours (Naeem et al. 2002.09797), r references and p personas."""
    r, p = 18, 9
    missed = math.prod((r - i) / (r + p - i) for i in range(1, NEIGHBOURS + 1))
    found = []
    for seed in range(300):
        rows = unit_rows(seed, r + p, d=4)
        found.append(coverage([row[None] for row in rows[r:]], rows[:r]))
    assert np.mean(found) == pytest.approx(1 - missed, abs=3 * np.std(found) / math.sqrt(300))
    assert 1 - missed == pytest.approx(0.738, abs=1e-3)  # the figure beside NEIGHBOURS


@pytest.mark.parametrize("measure", [coverage, uniformity])
def test_value_averages_over_all_choices_of_one_reply_each(measure) -> None:  # type: ignore[no-untyped-def]
    references = unit_rows(1, 12)
    replies = [unit_rows(2, 2), unit_rows(3, 3), unit_rows(4, 2)]
    ways = itertools.product(*replies)
    brute = np.mean([measure([row[None] for row in way], references) for way in ways])
    assert measure(replies, references) == pytest.approx(brute, abs=1e-12)


def test_both_terms_of_complexity_are_unbiased() -> None:
    """Over all 4^5 samples of five draws from four points the terms average to (tr S)^2 and
    tr(S^2) exactly; the ratio is then taken of two such terms."""
    points = np.random.default_rng(0).standard_normal((4, 3))
    covariance = np.cov(points.T, bias=True)
    squared, of_square = [], []
    n = 5
    for chosen in itertools.product(range(4), repeat=n):
        rows = points[list(chosen)] - points[list(chosen)].mean(axis=0)
        s = rows.T @ rows / (n - 1)
        fourth = np.square(np.square(rows).sum(axis=1)).sum() / (n - 1)
        c = (n - 1) / (n * (n - 2) * (n - 3))
        trace, square = np.trace(s), np.trace(s @ s)
        of_square.append(c * ((n - 1) * (n - 2) * square + trace**2 - n * fourth))
        squared.append(c * (2 * square + (n * n - 3 * n + 1) * trace**2 - n * fourth))
        if len(squared) % 100 == 0 and trace > 0.1 and of_square[-1] > 0 and squared[-1] > 0:
            ours = complexity(points[list(chosen)])
            assert ours == pytest.approx(squared[-1] / of_square[-1])
    assert np.mean(of_square) == pytest.approx(np.trace(covariance @ covariance))
    assert np.mean(squared) == pytest.approx(np.trace(covariance) ** 2)


@pytest.mark.parametrize("d", [1, 4, 12])
def test_complexity_of_a_round_cloud_is_its_dimension(d: int) -> None:
    rows = np.random.default_rng(d).standard_normal((4_000, d))
    assert complexity(rows) == pytest.approx(d, rel=0.03)
    assert complexity(7 * rows + 3) == pytest.approx(complexity(rows), rel=1e-6)


@settings(deadline=None)  # the machine may be busy
@given(st.integers(0, 10_000), st.integers(2, 5), st.integers(1, 4))
def test_bounds_hold_and_order_does_not_matter(seed: int, personas: int, k: int) -> None:
    references = unit_rows(seed, 8)
    replies = [unit_rows(seed + 1 + p, k) for p in range(personas)]
    turned = [own[::-1] for own in replies[::-1]]
    for measure in (coverage, uniformity):
        found = measure(replies, references)
        assert found is not None
        assert 0 <= found <= 1
        assert measure(turned, references[::-1]) == pytest.approx(found)
    # Each reply twice changes nothing: the measures see shares.
    twice = [np.concatenate([own, own]) for own in replies]
    assert coverage(twice, references) == pytest.approx(coverage(replies, references))
    assert uniformity(twice, references) == pytest.approx(uniformity(replies, references))


def test_without_personas_or_labelled_replies(context: MakeContext) -> None:
    assert compute(context({("q", ""): ["one", "two"]})) == []
    made = context({("q", "x"): ["one", "two"], ("q", "y"): ["three", None]})
    made = replace(made, speaks_world=True)
    by_metric = {result.metric: result.values for result in compute(made)}
    assert by_metric["coverage"][0].value is None
    assert by_metric["coverage"][0].reason == "fewer than 4 labelled replies to this query"
    made = replace(context({("q", "x"): ["one", "two"], ("q", "y"): [None]}), speaks_world=True)
    assert {r.values[0].reason for r in compute(made)} == {"no reply of y"}


def test_synthetic_references_say_nothing_of_another_model(
    small: Suite, encoder: Encoder, tmp_path: Path
) -> None:
    """Nearness to the benchmark's grammar is no coverage of what people write."""
    own = answers(small, encoder, cross=0.0, k=1)
    for result in compute(own):
        assert {(v.value, v.reason) for v in result.values} == {(None, NO_PEOPLE)}
        assert len(result.values) == len(small.queries)
    assert all(v.value is not None for v in compute(replace(own, speaks_world=True))[0].values)
    rows = [
        {"text": sample.text, "persona": sample.persona, "query": sample.query}
        for sample in answers(small, encoder, cross=0.0, k=2).samples
    ]
    file = tmp_path / "people.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    coverages = compute(replace(own, style_data=file))[0]
    assert all(v.value is not None for v in coverages.values)
    assert coverages.notes["labelled"] == "--style-data people.jsonl"


def test_the_dials_of_the_benchmark_are_detected(context: MakeContext) -> None:
    """Within-persona collapse empties neighbourhoods; with both dials one voice is left."""
    suite = load_suite("persona")
    blank = context({("q", "x"): ["one"]})
    prompts = suite.prompts(limit=4)

    def means(**dials: float) -> dict[str, float]:
        requests = [
            Request(
                sample_id=f"{prompt.id}/{index}",
                prompt=prompt,
                sampling=Sampling(temperature=1.0),
                index=index,
                seed=number * 100 + index,
            )
            for number, prompt in enumerate(prompts)
            for index in range(2)
        ]
        samples = list(WorldSampler([suite], dials=dials).sample(requests))
        made: Context = replace(blank, suite=suite, samples=samples, speaks_world=True)
        return {
            result.metric: float(np.mean([v.value for v in result.values if v.value is not None]))
            for result in compute(made)
            if any(v.value is not None for v in result.values)
        }

    truth, within, both = means(), means(within=1.0), means(within=1.0, cross=1.0)
    assert within["coverage"] < 0.8 * truth["coverage"]
    assert both["coverage"] < 0.5 * truth["coverage"]
    assert both["uniformity"] == pytest.approx(0)
    assert within["complexity"] < truth["complexity"]
    assert "complexity" not in both  # one text: there is no direction to spread in
    assert truth["uniformity"] > 0.8
