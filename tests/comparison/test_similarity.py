"""pytest tests/comparison/test_similarity.py: how alike two models are"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sfr_eval.comparison.runs import open_runs
from sfr_eval.comparison.similarity import of_runs, similarities
from sfr_eval.store.results import Results
from sfr_eval.types import Sample
from tests.metrics.conftest import make_sample
from tests.metrics.vectors import Vectors
from tests.support.report_data import write_run

TABLE = {"a": [1.0, 0.0, 0.0], "b": [0.0, 1.0, 0.0], "c": [0.0, 0.0, 1.0], "?": [1.0, 1.0, 1.0]}


def run(replies: Mapping[tuple[str, str], Sequence[str]], temperature: float = 1.0) -> list[Sample]:
    return [
        make_sample(query, persona, index, text, temperature=temperature)
        for (query, persona), texts in replies.items()
        for index, text in enumerate(texts)
    ]


def test_two_models_by_hand() -> None:
    """Equally varied, and to q they say the same things, to r nothing in common."""
    first = run({("q", "x"): ["a", "b"], ("r", "x"): ["a", "a"]})
    second = run({("q", "x"): ["b", "a"], ("r", "x"): ["c", "c"]})
    (found,) = similarities(first, second, encoder=Vectors(TABLE))  # type: ignore[arg-type]
    assert (found.temperature, found.queries) == (1.0, 2)
    for interval, expected in (
        (found.between, (0.5 + 0.0) / 2),
        (found.first, (0.0 + 1.0) / 2),
        (found.second, (0.0 + 1.0) / 2),
        # a reply of first to q with one of second to r is 0; of first to r with second's to q .5
        (found.unrelated, 0.25),
        (found.gap, (-0.5 + 1.0) / 2),
    ):
        assert interval is not None
        assert interval.value == pytest.approx(expected)
    assert found.between is not None
    assert found.between.low is not None
    assert found.unrelated is not None
    assert found.unrelated.low is None  # two queries are one pair


def test_what_is_missing_is_left_out() -> None:
    first = run({("q", "x"): ["a"], ("q", "y"): ["a", "b"], ("r", "x"): ["a"]})
    second = run({("q", "x"): ["a", "?", "?"], ("q", "y"): ["?"], ("s", "x"): ["b"]})
    (found,) = similarities(first, second, encoder=Vectors(TABLE))  # type: ignore[arg-type]
    assert found.queries == 1
    assert found.between is not None
    assert found.between.value == pytest.approx(1.0)  # q/x; of q/y nothing can be read
    assert found.first is found.second is found.unrelated is found.gap is None
    assert not similarities(first, run({("q", "x"): ["a"]}, 0.5), encoder=Vectors(TABLE))  # type: ignore[arg-type]


def random_runs(seed: int, queries: int, *, shift: float) -> tuple[Vectors, list[list[Sample]]]:
    """Two models whose replies to a query scatter around a centre of the query; the second's is
    moved by `shift`."""
    drawn = np.random.default_rng(seed)
    table, runs = {}, []
    centres = drawn.normal(0, 1, (queries, 6)) + 0.5
    for model in range(2):
        replies = {}
        for q in range(queries):
            for p in "xy":
                names = [f"{model}{q}{p}{i}" for i in range(4)]
                rows = centres[q] + drawn.normal(0, 0.7, (4, 6)) + model * shift * np.eye(6)[0]
                table |= dict(zip(names, map(list, rows), strict=True))
                replies[f"q{q}", p] = names
        runs.append(run(replies))
    unit = {name: list(np.array(row) / np.linalg.norm(row)) for name, row in table.items()}
    return Vectors(unit), runs


def test_equal_to_the_mean_over_all_pairs() -> None:
    encoder, (first, second) = random_runs(0, 4, shift=0.5)
    (found,) = similarities(first, second, encoder=encoder)  # type: ignore[arg-type]
    vector = {name: np.array(row) for name, row in encoder.table.items()}
    pairs: dict[str, list[float]] = {"between": [], "unrelated": [], "first": []}
    for a, b in itertools.product(first, second):
        if a.persona == b.persona:
            kind = "between" if a.query == b.query else "unrelated"
            pairs[kind].append(float(vector[a.text] @ vector[b.text]))
    for a, b in itertools.permutations(first, 2):
        if a.prompt_key == b.prompt_key:
            pairs["first"].append(float(vector[a.text] @ vector[b.text]))
    for kind, cosines in pairs.items():
        assert getattr(found, kind).value == pytest.approx(np.mean(cosines), abs=1e-6), kind
    (turned,) = similarities(second, first, encoder=encoder)  # type: ignore[arg-type]
    assert turned.gap == found.gap or turned.gap.value == pytest.approx(found.gap.value)  # type: ignore[union-attr]
    assert (turned.first, turned.second) == (found.second, found.first)


@pytest.mark.parametrize(("shift", "alike"), [(0.0, True), (1.5, False)])
def test_the_gap_is_zero_for_one_law_only(shift: float, alike: bool) -> None:
    gaps, hits = [], 0
    for seed in range(60):
        encoder, (first, second) = random_runs(seed, 8, shift=shift)
        (found,) = similarities(first, second, encoder=encoder)  # type: ignore[arg-type]
        assert found.gap is not None
        assert found.gap.low is not None
        assert found.gap.high is not None
        gaps.append(found.gap.value)
        hits += found.gap.low <= 0 <= found.gap.high
    error = np.std(gaps, ddof=1) / np.sqrt(len(gaps))
    assert (abs(np.mean(gaps)) < 3 * error) == alike
    assert hits >= 51 if alike else hits <= 6


def test_the_interval_of_unrelated_prompts_covers() -> None:
    """Pairs share queries: an interval of independent pairs would miss far more often."""
    means, intervals = [], []
    for seed in range(80):
        encoder, (first, second) = random_runs(seed, 12, shift=0.3)
        (found,) = similarities(first, second, encoder=encoder)  # type: ignore[arg-type]
        assert found.unrelated is not None
        means.append(found.unrelated.value)
        intervals.append((found.unrelated.low, found.unrelated.high))
    truth = float(np.mean(means))
    covered = sum(low <= truth <= high for low, high in intervals)  # type: ignore[operator]
    assert 68 <= covered <= 80


@pytest.mark.model
def test_runs_are_read_with_the_encoder_that_measured_them(tmp_path: Path) -> None:
    folders = [write_run(tmp_path / name) for name in "ab"]
    results = folders[1].read_results()
    first, second = open_runs([folder.path for folder in folders])
    (suite,) = first.suites
    measured = {metric for metric, _, _ in first.suites[suite].estimates}
    assert "embed_distance" in measured
    text = (
        "embed_distance|version:4|encoder:sentence-transformers/all-MiniLM-L6-v2"
        "|encoder_backend:float32|encoder_long_texts:truncate|tokenizer:words-v1|token_window:3"
    )

    def signed(estimates):  # type: ignore[no-untyped-def]
        return tuple(
            replace(row, signature=text) if row.metric == "embed_distance" else row
            for row in estimates
        )

    for folder in folders:
        changed = folder.read_results()
        changed = changed.model_copy(update={"estimates": signed(changed.estimates)})
        changed.save(folder.path)
    first, second = open_runs([folder.path for folder in folders])
    found = of_runs(first, second, suite, cache=tmp_path)
    assert isinstance(found, list)
    assert [row.temperature for row in found] == sorted({s.temperature for s in first.samples})
    for row in found:  # the same samples twice
        assert row.first == row.second
        assert row.between is not None
        assert row.between.value > row.unrelated.value  # type: ignore[union-attr]
    Results.save(results, folders[1].path)
    first, second = open_runs([folder.path for folder in folders])
    why = of_runs(first, second, suite, cache=tmp_path)
    assert why == "embed_distance was not measured in the same way in both runs"
